//! The arguments of the tools, and the checks that no schema can make.
//!
//! Arguments become words of a command line, so none may look like an option; and none may name a file outside of the
//! project's folder.

use std::path::Path;

use rmcp::schemars::JsonSchema;
use serde::Deserialize;

/// The longest names, revisions and paths, in characters.
const NAME: usize = 300;
/// The least and the most seconds of measuring.
const BUDGET: [u64; 2] = [30, 1_800];
/// The seconds of measuring of a call that names none.
pub const BUDGET_DEFAULT: u64 = 300;

/// `gate`.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
#[serde(deny_unknown_fields)]
pub struct GateInput {
    /// The revision to compare the working tree with: `HEAD` for changes that are not committed, `HEAD~1` for the last
    /// commit, `main` for a branch. The base is where HEAD left it. Left out: the stored baseline.
    #[schemars(length(min = 1, max = NAME))]
    pub against: Option<String>,
    /// Only benchmarks whose name contains this text. A narrow filter makes the answer quick.
    #[schemars(length(min = 1, max = NAME))]
    pub filter: Option<String>,
    /// Only this package of the workspace.
    #[schemars(length(min = 1, max = NAME))]
    pub package: Option<String>,
    /// Only exact counts under valgrind (`counts`), or only times (`time`). Left out: both, or counts alone against a
    /// stored baseline.
    pub lane: Option<MeasuredLane>,
    /// With `against`: the most seconds of measuring, after both sides are built.
    #[schemars(range(min = BUDGET[0], max = BUDGET[1]))]
    pub budget_seconds: Option<u64>,
}

/// A lane of a gate.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars", inline)]
#[serde(rename_all = "lowercase")]
pub enum MeasuredLane {
    Counts,
    Time,
}

/// `compare`.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
#[serde(deny_unknown_fields)]
pub struct CompareInput {
    /// The base: a revision, a stored run (a path in the project, the start of its name, or `latest`), or what another
    /// tool left (`target/criterion`, `target/criterion:main`).
    #[schemars(length(min = 1, max = NAME))]
    pub base: String,
    /// The other side, of the same kind.
    #[schemars(length(min = 1, max = NAME))]
    pub new: String,
    /// For revisions: only benchmarks whose name contains this text.
    #[schemars(length(min = 1, max = NAME))]
    pub filter: Option<String>,
    /// For revisions: the most seconds of measuring, after both sides are built.
    #[schemars(range(min = BUDGET[0], max = BUDGET[1]))]
    pub budget_seconds: Option<u64>,
}

/// `explain`.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
#[serde(deny_unknown_fields)]
pub struct ExplainInput {
    /// A part of the benchmark's name. Left out: the worst case.
    #[schemars(length(min = 1, max = NAME))]
    pub benchmark: Option<String>,
    /// The metric, such as `instructions`. Left out: the first one that changed and has a cause.
    #[schemars(length(min = 1, max = NAME))]
    pub metric: Option<String>,
}

/// `report`.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
#[serde(deny_unknown_fields)]
pub struct ReportInput {
    /// The run: a path in the project, the start of a name in target/assay/runs, or `latest`.
    #[serde(default = "latest")]
    #[schemars(length(min = 1, max = NAME))]
    pub run: String,
    /// `text`: tables. `markdown`: a comment for a pull request.
    #[serde(default)]
    pub format: ReportFormat,
}

/// A format for readers of text.
#[derive(Debug, Default, Clone, Copy, Deserialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars", inline)]
#[serde(rename_all = "lowercase")]
pub enum ReportFormat {
    #[default]
    Text,
    Markdown,
}

/// `list`.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
#[serde(deny_unknown_fields)]
pub struct ListInput {
    /// Only benchmarks whose name contains this text.
    #[schemars(length(min = 1, max = NAME))]
    pub filter: Option<String>,
}

fn latest() -> String {
    "latest".to_owned()
}

/// A text that may stand on a command line.
pub fn word(name: &str, text: &str) -> Result<String, String> {
    let length = text.chars().count();
    if length == 0 || length > NAME {
        return Err(format!("`{name}` has {length} characters: give 1 to {NAME}"));
    }
    if text.starts_with('-') {
        return Err(format!("`{name}` is `{text}`: it must not start with a dash"));
    }
    if let Some(control) = text.chars().find(|character| character.is_control()) {
        return Err(format!("`{name}` has the character {control:?}: leave it out"));
    }
    Ok(text.to_owned())
}

/// A [`word`] that names nothing outside of the folder, if it is a path.
pub fn inside(name: &str, text: &str, folder: &Path) -> Result<String, String> {
    let text = word(name, text)?;
    // `target/criterion:main` is a run that is kept in a folder, unless there is a file of that name.
    let kept_in = text.rsplit_once(':').map_or(&*text, |(place, _)| place);
    if [&*text, kept_in].into_iter().all(|place| is_inside(place, folder)) {
        return Ok(text);
    }
    Err(format!("`{name}` is `{text}`: only what is in the project's folder can be read"))
}

fn is_inside(place: &str, folder: &Path) -> bool {
    let mut there = folder.join(place);
    // A path that does not exist yet lies where its nearest folder does.
    while there.symlink_metadata().is_err() {
        if !there.pop() {
            return false;
        }
    }
    let climbs = Path::new(place).components().any(|part| part.as_os_str() == "..");
    !climbs && there.canonicalize().is_ok_and(|there| there.starts_with(folder))
}

/// The seconds of measuring, if they are neither too few nor too many.
pub fn budget(seconds: Option<u64>) -> Result<u64, String> {
    let seconds = seconds.unwrap_or(BUDGET_DEFAULT);
    let [least, most] = BUDGET;
    if (least..=most).contains(&seconds) {
        return Ok(seconds);
    }
    Err(format!("`budget_seconds` is {seconds}: give {least} to {most}; a longer gate is one for a terminal"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_argument_becomes_an_option() {
        assert_eq!(word("filter", "parse/long"), Ok("parse/long".to_owned()));
        let refused = |text: &str| word("filter", text).expect_err("refused");
        assert_eq!(refused("--command=rm"), "`filter` is `--command=rm`: it must not start with a dash");
        assert_eq!(refused("a\nb"), "`filter` has the character '\\n': leave it out");
        assert_eq!(refused(""), "`filter` has 0 characters: give 1 to 300");
        assert_eq!(refused(&"ü".repeat(301)), "`filter` has 301 characters: give 1 to 300");
        assert!(word("filter", &"ü".repeat(300)).is_ok());
    }

    #[test]
    fn no_path_leads_out_of_the_folder() {
        let home = tempfile::tempdir().expect("a folder");
        let folder = home.path().canonicalize().expect("there").join("project");
        std::fs::create_dir_all(folder.join("target/criterion")).expect("made");
        std::fs::write(home.path().join("secret.jsonl"), "").expect("written");
        std::os::unix::fs::symlink(home.path(), folder.join("out")).expect("linked");
        std::os::unix::fs::symlink(home.path(), folder.join("kept:of")).expect("linked");
        for fine in
            ["latest", "HEAD~1", "main", "feature/x", "target/criterion", "target/criterion:main", "20261121T2133"]
        {
            assert_eq!(inside("run", fine, &folder), Ok(fine.to_owned()));
        }
        assert!(inside("run", &folder.join("target").display().to_string(), &folder).is_ok());
        for bad in [
            "../secret.jsonl",
            "/etc/passwd",
            "/nowhere/at/all",
            "out/secret.jsonl",
            "out/criterion:main",
            "out:main",
            "kept:of",
            "kept:of/secret.jsonl",
            "kept:of:main",
            "target/../../secret.jsonl",
            "nowhere/../../secret.jsonl",
        ] {
            let said = inside("run", bad, &folder).expect_err(bad);
            assert_eq!(said, format!("`run` is `{bad}`: only what is in the project's folder can be read"));
        }
    }

    #[test]
    fn a_budget_has_bounds() {
        assert_eq!((budget(None), budget(Some(30)), budget(Some(1_800))), (Ok(300), Ok(30), Ok(1_800)));
        let said = "`budget_seconds` is 1801: give 30 to 1800; a longer gate is one for a terminal";
        assert_eq!(budget(Some(1_801)), Err(said.to_owned()));
        assert!(budget(Some(29)).is_err());
    }
}
