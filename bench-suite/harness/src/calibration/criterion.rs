//! Criterion's verdicts on one program against itself: the same cases, one pass after another, each compared with the
//! previous pass.
//!
//! It shows what a user who runs `cargo bench` twice would see. Sample size, significance level and noise threshold are
//! criterion's defaults; warm-up and measurement are shorter ([`WARM_UP_S`], [`MEASUREMENT_S`]), so that a pass takes
//! about as long as a suite of the gate. Slowdowns are not tried, because its bench can't do extra work.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use baselines::calibration::JudgedCase;
use baselines::delta::Verdict;
use tempfile::TempDir;
use workloads::cases::Case;
use workloads::input::Source;

use crate::lanes::criterion_times;
use crate::tools::criterion::exactly;

/// Seconds of warm-up for each case.
const WARM_UP_S: f64 = 0.25;

/// Seconds of measurement for each case.
const MEASUREMENT_S: f64 = 1.0;

/// Criterion's sentences and the matching verdicts. It reports a change as unchanged if its interval touches the noise
/// threshold.
const SENTENCES: [(&str, Verdict); 4] = [
    ("Performance has regressed.", Verdict::Regressed),
    ("Performance has improved.", Verdict::Improved),
    ("No change in performance detected.", Verdict::Equal),
    ("Change within noise threshold.", Verdict::Equal),
];

/// Passes of criterion over the same cases; each pass is the base of the next.
pub struct Criterion<'a> {
    program: PathBuf,
    home: TempDir,
    cases: &'a [Case],
    source: Source,
}

impl<'a> Criterion<'a> {
    /// Runs the first pass, which has no base.
    pub fn new(program: &Path, cases: &'a [Case], source: Source) -> Result<Criterion<'a>> {
        let home = tempfile::tempdir().context("can't create a folder for criterion's samples")?;
        let passes = Criterion { program: program.to_owned(), home, cases, source };
        passes.run()?;
        Ok(passes)
    }

    /// Runs another pass, and returns criterion's verdict on each case.
    pub fn pass(&self) -> Result<Vec<JudgedCase>> {
        let text = self.run()?;
        let verdicts = parse(&text);
        let judged = self.cases.iter().map(|case| {
            let (verdict, relative) = verdicts
                .iter()
                .find(|(id, ..)| id == case.id)
                .map(|(_, verdict, relative)| (*verdict, *relative))
                .with_context(|| format!("criterion printed no verdict on {}", case.id))?;
            Ok(JudgedCase {
                case: case.id.to_owned(),
                metric: "wall_time".to_owned(),
                extra_percent: 0.0,
                verdict,
                relative,
                bound: None,
                screen: vec![],
                confirm: vec![],
            })
        });
        judged.collect()
    }

    fn run(&self) -> Result<String> {
        let filter = exactly(self.cases.iter().map(|case| case.id));
        let effort = [format!("--warm-up-time={WARM_UP_S}"), format!("--measurement-time={MEASUREMENT_S}"), filter];
        criterion_times::bench(&self.program, self.source.variables(), &[]).run(self.home.path(), effort)
    }
}

/// Criterion's verdicts in the order of its output, each with the change relative to the base.
fn parse(text: &str) -> Vec<(String, Verdict, Option<f64>)> {
    let (mut id, mut relative) = (String::new(), None);
    let mut verdicts = Vec::new();
    for line in text.lines() {
        let trimmed = line.trim();
        if let Some(change) = trimmed.strip_prefix("change:") {
            relative = change.split_whitespace().nth(1).and_then(percent);
        } else if let Some((_, verdict)) = SENTENCES.iter().find(|(sentence, _)| trimmed == *sentence) {
            verdicts.push((id.clone(), *verdict, relative.take()));
        } else if !line.starts_with([' ', '\t']) && !line.starts_with("Benchmarking") {
            // The name of a case, followed by its time if there is room. Any other unindented line (a warning) is
            // followed by a name before the next verdict.
            if let Some(first) = trimmed.split_whitespace().next() {
                first.clone_into(&mut id);
            }
        }
    }
    verdicts
}

/// `-1.2345%` as a fraction.
fn percent(text: &str) -> Option<f64> {
    let digits = text.trim_end_matches(['%', ']']).replace('\u{2212}', "-");
    digits.parse::<f64>().ok().map(|percent| percent / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Criterion 0.8.2's output for one program that was measured twice.
    const PRINTED: &str = include_str!("criterion.txt");

    #[test]
    fn verdicts_are_read_as_printed() {
        let verdicts: Vec<(String, Verdict, Option<f64>)> = parse(PRINTED);
        let expected = [
            ("episode_get_redb", Verdict::Equal, 0.010_053),
            ("embedding_embed", Verdict::Regressed, 0.592_80),
            ("codec_encode_small_json", Verdict::Improved, -0.123_00),
            ("codec_encode_small_postcard", Verdict::Improved, -0.304_59),
            ("codec_encode_large_json", Verdict::Improved, -0.460_53),
        ];
        assert_eq!(verdicts.len(), expected.len());
        for ((id, verdict, relative), expected) in verdicts.iter().zip(expected) {
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
