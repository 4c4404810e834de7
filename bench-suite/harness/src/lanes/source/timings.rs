//! The clean build, from the page that `cargo build --timings` left.
//!
//! Source: the Cargo book, "Reporting build timings". The page has its numbers as JSON, in a script.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::is_newer;

/// The command that makes the page of a clean build.
const REMEDY: &str = "`cargo clean && cargo build --release --timings` makes one";

/// A clean build.
#[derive(Debug, PartialEq)]
pub(super) struct CleanBuild {
    /// Crates, build scripts and their runs.
    pub(super) units: usize,
    /// The time of all units, ns. Units that were compiled at the same time are added.
    pub(super) ns: f64,
}

#[derive(Deserialize)]
struct CompiledUnit {
    /// Seconds.
    duration: f64,
}

/// The last build of a target folder, if it was clean and no file in `sources` is newer.
pub(super) fn read<'a>(target: &Path, sources: impl Iterator<Item = &'a Path>) -> Result<CleanBuild> {
    let path = target.join("cargo-timings/cargo-timing.html");
    ensure!(path.is_file(), "cargo left no timings of a build: {REMEDY}");
    for source in sources {
        ensure!(!is_newer(source, &path), "{} is newer than the timings of the build: {REMEDY}", source.display());
    }
    let page = std::fs::read_to_string(&path).with_context(|| format!("can't read {}", path.display()))?;
    parse(&page).with_context(|| format!("can't use {}", path.display()))
}

fn parse(page: &str) -> Result<CleanBuild> {
    let fresh = page.split_once("Fresh units:</td>").and_then(|(_, rest)| {
        let digits = rest.trim_start().strip_prefix("<td>")?;
        digits[..digits.find('<')?].trim().parse::<usize>().ok()
    });
    let fresh = fresh.context("it does not say how many units were fresh: another version of cargo wrote it")?;
    ensure!(fresh == 0, "the build was not clean, {fresh} units were there already: {REMEDY}");
    let (_, data) = page.split_once("const UNIT_DATA = ").context("it has no units")?;
    let mut units = serde_json::Deserializer::from_str(data).into_iter::<Vec<CompiledUnit>>();
    let units = units.next().context("it has no units")?.context("its units are no JSON")?;
    let seconds: f64 = units.iter().map(|unit| unit.duration).sum();
    Ok(CleanBuild { units: units.len(), ns: (seconds * 1e9).round() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(fresh: usize) -> String {
        format!(
            "<tr>\n<td>Fresh units:</td><td>{fresh}</td>\n</tr>\nconst UNIT_DATA = [\n  {{ \"i\": 0, \"name\": \"a\", \
             \"start\": 0.0, \"duration\": 1.5 }},\n  {{ \"i\": 1, \"name\": \"b\", \"duration\": 0.25 }}\n];\nconst X = 1;"
        )
    }

    #[test]
    fn a_clean_build_is_the_sum_of_its_units() {
        assert_eq!(parse(&page(0)).expect("parses"), CleanBuild { units: 2, ns: 1.75e9 });
    }

    #[test]
    fn a_build_that_was_not_clean_and_another_page_say_nothing() {
        let why = |page: &str| parse(page).expect_err("refused").to_string();
        assert!(why(&page(3)).starts_with("the build was not clean, 3 units"));
        assert!(why("<html>").contains("another version of cargo"));
    }
}
