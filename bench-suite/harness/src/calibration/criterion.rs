//! Criterion's own verdicts on one program against itself: the same cases, one pass after another, each compared with
//! the pass before.
//!
//! What `cargo bench` says to somebody who types it twice. Sample size, significance level and noise threshold are
//! criterion's defaults; the times to warm up and to measure are shorter ([`WARM_UP_S`], [`MEASUREMENT_S`]), so that a
//! pass takes about as long as a suite of the gate. Left out on purpose: criterion's verdicts on a slowdown, because
//! its bench can't be told to do more work.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use baselines::calibration::JudgedCase;
use baselines::compare::Verdict;
use tempfile::TempDir;
use workloads::cases::Case;
use workloads::input::Source;

use crate::lanes::time;
use crate::tools::criterion::exactly;

/// Seconds of warm-up a case.
const WARM_UP_S: f64 = 0.25;

/// Seconds of measuring a case.
const MEASUREMENT_S: f64 = 1.0;

/// What criterion prints, and which of our verdicts that is. Criterion calls a change whose interval touches its noise
/// threshold unchanged.
const SENTENCES: [(&str, Verdict); 4] = [
    ("Performance has regressed.", Verdict::Regressed),
    ("Performance has improved.", Verdict::Improved),
    ("No change in performance detected.", Verdict::Equal),
    ("Change within noise threshold.", Verdict::Equal),
];

/// Passes of criterion over the same cases; each one is the base of the next.
pub struct Criterion<'a> {
    program: PathBuf,
    home: TempDir,
    cases: &'a [Case],
    source: Source,
}

impl<'a> Criterion<'a> {
    /// Makes the first pass, which has nothing to be compared with.
    pub fn new(program: &Path, cases: &'a [Case], source: Source) -> Result<Criterion<'a>> {
        let home = tempfile::tempdir().context("no folder for criterion's samples")?;
        let passes = Criterion { program: program.to_owned(), home, cases, source };
        passes.run()?;
        Ok(passes)
    }

    /// Makes one more pass, and gives criterion's verdict on each case.
    pub fn pass(&self) -> Result<Vec<JudgedCase>> {
        let text = self.run()?;
        let said = parse(&text);
        let tried = self.cases.iter().map(|case| {
            let (verdict, relative) = said
                .iter()
                .find(|(id, ..)| id == case.id)
                .map(|(_, verdict, relative)| (*verdict, *relative))
                .with_context(|| format!("criterion said nothing of {}", case.id))?;
            Ok(JudgedCase {
                case: case.id.to_owned(),
                metric: "wall_time".to_owned(),
                extra_percent: 0.0,
                verdict,
                relative,
                noise: 0.0,
                screen: vec![],
                confirm: vec![],
            })
        });
        tried.collect()
    }

    fn run(&self) -> Result<String> {
        let filter = exactly(self.cases.iter().map(|case| case.id));
        let effort = [format!("--warm-up-time={WARM_UP_S}"), format!("--measurement-time={MEASUREMENT_S}"), filter];
        time::bench(&self.program, self.source.variables(), &[]).run(self.home.path(), effort)
    }
}

/// Criterion's verdicts, each with the change that it saw as a part of the base, in the order of its output.
fn parse(text: &str) -> Vec<(String, Verdict, Option<f64>)> {
    let (mut id, mut relative) = (String::new(), None);
    let mut said = Vec::new();
    for line in text.lines() {
        let trimmed = line.trim();
        if let Some(change) = trimmed.strip_prefix("change:") {
            relative = change.split_whitespace().nth(1).and_then(percent);
        } else if let Some((_, verdict)) = SENTENCES.iter().find(|(sentence, _)| trimmed == *sentence) {
            said.push((id.clone(), *verdict, relative.take()));
        } else if !line.starts_with([' ', '\t']) && !line.starts_with("Benchmarking") {
            // The name of a case, with its time behind it where there is room. Other lines at the margin (warnings) are
            // followed by one before the next verdict.
            if let Some(first) = trimmed.split_whitespace().next() {
                first.clone_into(&mut id);
            }
        }
    }
    said
}

/// `-1.2345%` as a part.
fn percent(text: &str) -> Option<f64> {
    let digits = text.trim_end_matches(['%', ']']).replace('\u{2212}', "-");
    digits.parse::<f64>().ok().map(|percent| percent / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Output of criterion 0.8.2 of one program that was measured twice.
    const PRINTED: &str = include_str!("criterion.txt");

    #[test]
    fn verdicts_are_read_as_printed() {
        let said: Vec<(String, Verdict, Option<f64>)> = parse(PRINTED);
        let expected = [
            ("episode_get_redb", Verdict::Equal, 0.010_053),
            ("embedding_embed", Verdict::Regressed, 0.592_80),
            ("codec_encode_small_json", Verdict::Improved, -0.123_00),
            ("codec_encode_small_postcard", Verdict::Improved, -0.304_59),
            ("codec_encode_large_json", Verdict::Improved, -0.460_53),
        ];
        assert_eq!(said.len(), expected.len());
        for ((id, verdict, relative), expected) in said.iter().zip(expected) {
            assert_eq!((id.as_str(), *verdict), (expected.0, expected.1));
            assert!(relative.is_some_and(|relative| (relative - expected.2).abs() < 1e-9), "{id}: {relative:?}");
        }
    }

    #[test]
    fn nothing_is_made_of_silence() {
        assert!(parse("").is_empty());
        assert!(parse("embedding_embed         time:   [1.0 us 1.1 us 1.2 us]\n").is_empty());
    }
}
