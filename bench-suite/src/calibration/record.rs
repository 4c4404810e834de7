//! The record of a calibration: JSON Lines, a suite a line.
//!
//! The values of all rounds are kept, so that other rules can be tried on the same rounds. Left out on purpose: the times themselves, which say nothing
//! about a gate.

use std::io::Write as _;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use baselines::compare::{Delta, Verdict};
use baselines::paired::Paired;
use baselines::policy::Policy;
use baselines::stats::Procedure;
use baselines::stats::decision::Stage;
use serde::{Deserialize, Serialize};

use crate::cases::Case;

/// The version of the record.
pub const SCHEMA: u32 = 1;

/// Who judged a suite.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Judge {
    /// The gate's time lane.
    #[default]
    Assay,
    /// Criterion's own detection of changes, against its own last run.
    Criterion,
}

/// One suite: all cases measured and judged once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Suite {
    /// The version of the record.
    pub schema: u32,
    /// By which rules, limits and cases: suites of different ones are not counted together.
    pub rules: String,
    /// When it began, RFC 3339 in UTC.
    pub started_at: String,
    /// How long it took.
    pub duration_s: f64,
    /// The commit that was measured against itself.
    pub commit: String,
    /// The CPU, its cores and the kernel.
    pub machine: String,
    /// The number of the suite among those of its size.
    pub number: usize,
    /// The size of the slowdown, in per cent; 0 is one program against itself.
    pub extra_percent: f64,
    /// What was different about it.
    pub condition: Condition,
    /// Why it can't be believed, where it can't.
    pub invalid: Vec<String>,
    /// What the controls showed.
    pub controls: Vec<String>,
    /// The cases.
    pub tried: Vec<Tried>,
}

/// What makes suites of one size different from each other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Condition {
    /// Who judged.
    #[serde(default)]
    pub judge: Judge,
    /// Every core was busy meanwhile.
    pub hog: bool,
    /// The sides were built apart from one source.
    pub rebuilt: bool,
}

impl Condition {
    /// Its name in tables and charts.
    pub fn name(self) -> String {
        let judge = if self.judge == Judge::Criterion { "criterion, " } else { "" };
        let machine = if self.hog { "loaded" } else { "idle" };
        let sides = if self.rebuilt { ", rebuilt" } else { "" };
        format!("{judge}{machine}{sides}")
    }
}

/// One case of a suite.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tried {
    /// The case.
    pub case: baselines::Case,
    /// The metric that decided.
    pub metric: String,
    /// How much more work its new side did, in per cent.
    pub extra_percent: f64,
    /// What the gate said.
    pub verdict: Verdict,
    /// The change that it saw, as a part of the base.
    pub relative: Option<f64>,
    /// The values of the first stage.
    pub screen: Vec<f64>,
    /// The values of the second stage.
    pub confirm: Vec<f64>,
}

impl Tried {
    /// What a pair of a finished suite showed.
    ///
    /// # Errors
    /// A round has no value.
    pub fn new(paired: &Paired, delta: &Delta, extra_percent: f64) -> Result<Tried> {
        let values = |stage| -> Result<Vec<f64>> {
            let rounds = paired.rounds.iter().filter(|round| round.stage == stage);
            // A ten-millionth is far below what any round shows; a record of all digits would be twice as long.
            rounds.map(|round| Ok((round.value(&paired.pair.metric)? * 1e7).round() / 1e7)).collect()
        };
        Ok(Tried {
            case: delta.case.clone(),
            metric: delta.metric.clone(),
            extra_percent,
            verdict: delta.verdict,
            relative: delta.relative,
            screen: values(Stage::Screen)?,
            confirm: values(Stage::Confirm)?,
        })
    }
}

impl Suite {
    /// What came of it, for the one who waits.
    pub fn sentence(&self) -> String {
        let count = |verdict| self.tried.iter().filter(|tried| tried.verdict == verdict).count();
        let validity =
            if self.invalid.is_empty() { String::new() } else { format!("invalid ({}), ", self.invalid.join("; ")) };
        format!(
            "  {validity}{} regressed, {} improved, {} equal, {} inconclusive in {:.0} s",
            count(Verdict::Regressed),
            count(Verdict::Improved),
            count(Verdict::Equal),
            count(Verdict::Inconclusive),
            self.duration_s
        )
    }

    /// A benchmark that is the same on both sides was called slower.
    pub fn false_alarms(&self) -> usize {
        let alarms =
            self.tried.iter().filter(|tried| tried.extra_percent == 0.0 && tried.verdict == Verdict::Regressed);
        alarms.count()
    }
}

/// A short name for all that a verdict depends on, beside the times.
pub fn rules(procedure: &Procedure, policy: &Policy, cases: &[Case]) -> String {
    let mut text = format!("{procedure:?}|{policy:?}");
    for case in cases {
        text.push_str(&format!("|{} {}", case.id, case.variant));
    }
    format!("{:016x}", memory::hash::fnv1a(text.as_bytes()))
}

/// All suites of a record; none where there is no file. A last line that was cut off is left out.
///
/// # Errors
/// The file can't be read, or a line is no suite of this version.
pub fn read(path: &Path) -> Result<Vec<Suite>> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(vec![]),
        Err(error) => return Err(error).with_context(|| format!("can't read {}", path.display())),
    };
    let mut suites = Vec::new();
    for (number, line) in text.split_inclusive('\n').enumerate() {
        if !line.ends_with('\n') {
            break;
        }
        let suite: Suite = serde_json::from_str(line)
            .with_context(|| format!("{}:{}: no suite of a calibration", path.display(), number + 1))?;
        ensure!(
            suite.schema == SCHEMA,
            "{}: schema {} is unknown, this assay reads {SCHEMA}",
            path.display(),
            suite.schema
        );
        suites.push(suite);
    }
    Ok(suites)
}

/// How far a case was seen to move on this machine although both sides were the same program: the largest of all idle suites, as a part; 0 where none
/// is recorded.
pub fn noise(suites: &[Suite], machine: &str, case: &baselines::Case, metric: &str) -> f64 {
    let quiet = |suite: &&Suite| {
        suite.machine == machine && suite.condition == Condition::default() && suite.invalid.is_empty()
    };
    let same = suites
        .iter()
        .filter(quiet)
        .flat_map(|suite| &suite.tried)
        .filter(|tried| tried.extra_percent == 0.0 && tried.case == *case && tried.metric == metric);
    same.filter_map(|tried| tried.relative).map(f64::abs).fold(0.0, f64::max)
}

/// Where the record of this machine's calibration lies.
pub fn standard_record() -> std::path::PathBuf {
    crate::workspace::output().join("calibration.jsonl")
}

/// The machine as records name it.
pub fn machine(environment: &baselines::Environment) -> String {
    format!("{}, {} cores, {}", environment.cpu_model, environment.cores, environment.kernel)
}

/// Adds a suite to a record.
///
/// # Errors
/// The file can't be written.
pub fn append(path: &Path, suite: &Suite) -> Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("can't make {}", folder.display()))?;
    }
    // What a killed calibration left of its last line goes: the suite is measured again.
    let kept = std::fs::read(path).unwrap_or_default();
    let whole = kept.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let mut line = serde_json::to_vec(suite).context("a suite has string keys and finite numbers")?;
    line.push(b'\n');
    let mut file = std::fs::OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .with_context(|| format!("can't write {}", path.display()))?;
    let write = |file: &mut std::fs::File| {
        use std::io::Seek;
        file.set_len(whole as u64)?;
        file.seek(std::io::SeekFrom::End(0))?;
        file.write_all(&line)?;
        file.sync_all()
    };
    write(&mut file).with_context(|| format!("can't write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::super::samples::suite;
    use super::*;

    #[test]
    fn a_record_goes_on_after_a_line_that_was_cut_off() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("deep/calibration.jsonl");
        assert_eq!(read(&path).expect("no record yet"), []);
        let (first, second) = (suite(0, 0.0, &[(0.0, Verdict::Equal)]), suite(1, 0.0, &[(0.0, Verdict::Equal)]));
        append(&path, &first).expect("written");
        let whole = std::fs::read(&path).expect("there");
        std::fs::write(&path, [&whole[..], &whole[..20]].concat()).expect("cut off");
        assert_eq!(read(&path).expect("as far as it goes"), std::slice::from_ref(&first));
        append(&path, &second).expect("written");
        assert_eq!(read(&path).expect("whole"), [first, second]);
    }

    #[test]
    fn the_noise_is_the_largest_shift_of_identical_programs_on_this_machine() {
        let shifted = |relative: f64, extra_percent: f64| {
            let mut suite = suite(0, extra_percent, &[(extra_percent, Verdict::Equal)]);
            suite.tried[0].relative = Some(relative);
            suite
        };
        let loaded = Suite { condition: Condition { hog: true, ..Condition::default() }, ..shifted(0.3, 0.0) };
        let elsewhere = Suite { machine: "another".into(), ..shifted(0.4, 0.0) };
        let suites = [shifted(0.01, 0.0), shifted(-0.02, 0.0), shifted(0.1, 5.0), loaded, elsewhere];
        let case = suites[0].tried[0].case.clone();
        assert_eq!(noise(&suites, "one, 2 cores, 6.1", &case, "cpu_time"), 0.02);
        assert_eq!(noise(&suites, "one, 2 cores, 6.1", &case, "wall_time"), 0.0);
        assert_eq!(noise(&[], "one, 2 cores, 6.1", &case, "cpu_time"), 0.0);
    }

    #[test]
    fn what_is_no_record_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("calibration.jsonl");
        std::fs::write(&path, "{}\n").expect("written");
        assert!(read(&path).is_err());
    }
}
