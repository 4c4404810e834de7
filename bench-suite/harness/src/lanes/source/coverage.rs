//! Coverage by tests, from the lcov file that a tool left, such as `cargo llvm-cov --lcov --output-path lcov.info`.
//!
//! Source: geninfo(1), "FILES": `SF` begins a source file, and each `DA:LINE,EXECUTIONS` is a line with code.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

use super::is_newer;

/// The places where tools leave the file, below the workspace.
const PLACES: [&str; 4] = ["lcov.info", "target/lcov.info", "target/llvm-cov/lcov.info", "coverage/lcov.info"];

/// The lines of a file with code, and if tests executed each.
pub(super) type Lines = BTreeMap<u32, bool>;

/// The covered files of a workspace, by their paths from its root.
pub(super) fn read(root: &Path) -> Result<BTreeMap<String, Lines>> {
    let Some(path) = PLACES.map(|place| root.join(place)).into_iter().find(|path| path.is_file()) else {
        bail!("no tool left an lcov.info here: `cargo llvm-cov --lcov --output-path lcov.info` makes one");
    };
    let text = std::fs::read_to_string(&path).with_context(|| format!("can't read {}", path.display()))?;
    let files = parse(&text, root).with_context(|| format!("can't understand {}", path.display()))?;
    for file in files.keys() {
        ensure!(!is_newer(&root.join(file), &path), "{file} is newer than {}: measure it again", path.display());
    }
    Ok(files)
}

/// The share of lines with code that tests executed; none without such lines.
pub(super) fn share<'a>(files: impl Iterator<Item = &'a Lines>) -> Option<f64> {
    let (covered, all) = files
        .flat_map(BTreeMap::values)
        .fold((0, 0), |(covered, all), is_covered| (covered + u32::from(*is_covered), all + 1));
    (all > 0).then(|| f64::from(covered) / f64::from(all))
}

/// The files below `root`. One that several records name is covered where any of them says so.
fn parse(text: &str, root: &Path) -> Result<BTreeMap<String, Lines>> {
    let mut files: BTreeMap<String, Lines> = BTreeMap::new();
    let mut current = None;
    for (number, line) in (1..).zip(text.lines()) {
        if let Some(path) = line.strip_prefix("SF:") {
            let below = root.join(path).strip_prefix(root).map(|below| below.display().to_string());
            current = Some(below.ok().filter(|below| root.join(below).is_file()));
        } else if let Some(executed) = line.strip_prefix("DA:") {
            let file = current.as_ref().with_context(|| format!("line {number}: a line of no file"))?;
            let mut fields = executed.split(',').map(|field| field.trim().parse::<u64>());
            let (Some(Ok(at)), Some(Ok(times))) = (fields.next(), fields.next()) else {
                bail!("line {number}: `{line}` is no DA:LINE,EXECUTIONS");
            };
            let Some(file) = file else { continue };
            *files.entry(file.clone()).or_default().entry(u32::try_from(at)?).or_default() |= times > 0;
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_covered_if_any_record_says_so() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("src")).expect("a folder");
        std::fs::write(folder.path().join("src/lib.rs"), "").expect("written");
        let inside = folder.path().join("src/lib.rs");
        let text = format!(
            "TN:\nSF:{0}\nFN:1,f\nDA:1,4\nDA:2,0\nDA:3,0\nLF:3\nend_of_record\nSF:/elsewhere/core.rs\nDA:1,1\n\
             end_of_record\nSF:src/lib.rs\nDA:2,1,checksum\nend_of_record\n",
            inside.display()
        );
        let files = parse(&text, folder.path()).expect("parses");
        assert_eq!(files.len(), 1, "what is not of the workspace is left out");
        assert_eq!(files["src/lib.rs"], [(1, true), (2, true), (3, false)].into());
        assert_eq!(share(files.values()), Some(2.0 / 3.0));
        assert_eq!(share([].iter()), None);
    }

    #[test]
    fn what_is_no_lcov_is_refused_with_its_line() {
        let folder = tempfile::tempdir().expect("a folder");
        for (text, why) in [("DA:1,1\n", "line 1: a line of no file"), ("SF:a\nDA:x,1\n", "line 2: `DA:x,1` is no DA")]
        {
            let error = parse(text, folder.path()).expect_err("refused").to_string();
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn a_file_that_changed_since_is_not_covered_by_an_old_run() {
        let folder = tempfile::tempdir().expect("a folder");
        let error = read(folder.path()).expect_err("nothing is there").to_string();
        assert!(error.contains("cargo llvm-cov"), "{error}");
        std::fs::write(folder.path().join("lcov.info"), "SF:lib.rs\nDA:1,1\nend_of_record\n").expect("written");
        let file = std::fs::File::create(folder.path().join("lib.rs")).expect("written");
        let at = |seconds| std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
        file.set_modified(at(1)).expect("set");
        assert_eq!(read(folder.path()).expect("read").len(), 1);
        file.set_modified(at(1 << 40)).expect("set");
        let error = read(folder.path()).expect_err("old").to_string();
        assert!(error.starts_with("lib.rs is newer than"), "{error}");
    }
}
