//! The record of a calibration: JSON Lines, one suite per line, under version control beside the baselines.
//!
//! A calibration measures the gate itself, on cases whose truth is known. The values of all rounds are kept, so that
//! other rules can be tried on them later. The slice times are not kept.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::delta::{Delta, Verdict};
use crate::paired::Paired;
use crate::{Environment, Error, Result, atomic, schema};
use stats::decision::Stage;

/// The version of the format that is written.
pub const SCHEMA: u64 = 3;

/// The versions that are read. In version 2, some fields had other names.
const KNOWN: RangeInclusive<u64> = 2..=SCHEMA;

/// The program that judged a suite.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Judge {
    /// The gate's time lane.
    #[default]
    Assay,
    /// Criterion's detection of changes, against its last run.
    Criterion,
}

/// One suite: all cases measured and judged once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Suite {
    /// The version of the format.
    pub schema: u64,
    /// A hash of the rules, limits and cases. Suites with different ones are not counted together.
    pub rules: String,
    /// Start time, RFC 3339 in UTC.
    pub started_at: String,
    /// Duration in seconds.
    pub duration_s: f64,
    /// The commit that was measured against itself.
    pub commit: String,
    /// The CPU and its cores.
    pub machine: String,
    /// The number of the suite among those of its sizes.
    pub number: usize,
    /// The slowdowns that its cases were given, in per cent, the smallest first. 0 is one program against itself.
    pub sizes: Vec<f64>,
    /// The conditions of the measurement.
    pub condition: Condition,
    /// The reasons why it is invalid; empty if it is valid.
    pub invalid: Vec<String>,
    /// A sentence for each control.
    pub controls: Vec<String>,
    /// The cases.
    #[serde(alias = "tried")]
    pub cases: Vec<JudgedCase>,
}

/// The conditions of a suite.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Condition {
    /// The program that judged.
    #[serde(default)]
    pub judge: Judge,
    /// Every core was kept busy.
    #[serde(alias = "hog")]
    pub background_load: bool,
    /// The sides were two builds of one source.
    #[serde(alias = "rebuilt")]
    pub two_builds: bool,
    /// The suite is a gate of the memory's server under load; otherwise one of the time lane.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub under_load: bool,
    /// The slowdowns are waits, not work.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub waits: bool,
}

impl Condition {
    /// The name in tables and charts.
    pub fn name(self) -> String {
        let judge = if self.judge == Judge::Criterion { "criterion, " } else { "" };
        let machine = if self.background_load { "loaded" } else { "idle" };
        let sides = if self.two_builds { ", two builds" } else { "" };
        let load = if self.under_load { "server, " } else { "" };
        let waits = if self.waits { ", waits" } else { "" };
        format!("{judge}{load}{machine}{sides}{waits}")
    }
}

/// One metric of a case of a suite.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JudgedCase {
    /// The case's identifier. Its variant would change with every new toggle.
    pub case: String,
    /// The metric that was judged.
    pub metric: String,
    /// The extra work of the new side, or its extra wait, in per cent.
    pub extra_percent: f64,
    /// The gate's verdict.
    pub verdict: Verdict,
    /// The measured change as a share of the base.
    pub relative: Option<f64>,
    /// The worsening that was ruled out, as a share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bound: Option<f64>,
    /// The values of the first stage, in millionths.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub screen: Vec<i64>,
    /// The values of the second stage, in millionths.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub confirm: Vec<i64>,
}

impl JudgedCase {
    /// The result of a metric of a case, from its pair in a finished suite. Every round must have a value.
    pub fn new(case: &str, paired: &Paired, delta: &Delta, extra_percent: f64) -> Result<JudgedCase> {
        // Millionths are fine enough, and keep the record at a quarter of the size that all digits would take.
        let millionths = |value: f64| (value * 1e6).round();
        let values = |stage| -> Result<Vec<i64>> {
            Ok(paired.values(stage, &delta.metric)?.into_iter().map(|value| millionths(value) as i64).collect())
        };
        Ok(JudgedCase {
            case: case.to_owned(),
            metric: delta.metric.clone(),
            extra_percent,
            verdict: delta.verdict,
            relative: delta.relative.map(|relative| millionths(relative) / 1e6),
            bound: delta.bound.map(|bound| millionths(bound.at_most) / 1e6),
            screen: values(Stage::Screen)?,
            confirm: values(Stage::Confirm)?,
        })
    }
}

impl Suite {
    /// Both sides did the same work in every case.
    pub fn same_throughout(&self) -> bool {
        self.sizes == [0.0]
    }

    /// The gate would have ended undecided: something is inconclusive and nothing regressed.
    pub fn is_undecided(&self) -> bool {
        let any = |verdict| self.cases.iter().any(|case| case.verdict == verdict);
        any(Verdict::Inconclusive) && !any(Verdict::Regressed)
    }

    /// The verdicts in one line, for a terminal.
    pub fn sentence(&self) -> String {
        let count = |verdict| self.cases.iter().filter(|case| case.verdict == verdict).count();
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

    /// The number of cases that were called slower although both sides did the same work.
    pub fn false_alarms(&self) -> usize {
        self.cases.iter().filter(|case| case.extra_percent == 0.0 && case.verdict == Verdict::Regressed).count()
    }
}

/// All suites of a record; none where there is no file. A last line that was cut off is ignored; any other line that is
/// no suite is an error.
pub fn read(path: &Path) -> Result<Vec<Suite>> {
    parse(path, &Error::if_exists(std::fs::read_to_string(path), path)?.unwrap_or_default())
}

/// All suites of a record's text; `path` is for messages.
pub fn parse(path: &Path, text: &str) -> Result<Vec<Suite>> {
    let whole = text.split_inclusive('\n').take_while(|line| line.ends_with('\n'));
    let suite =
        |(number, line): (usize, &str)| schema::read(path, number, line.trim_end(), KNOWN, "suite of a calibration");
    whole.enumerate().map(suite).collect()
}

/// Adds a suite to a record. A last line that was cut off is removed first.
pub fn append(path: &Path, suite: &Suite) -> Result<()> {
    let mut record = Error::if_exists(std::fs::read(path), path)?.unwrap_or_default();
    record.truncate(record.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1));
    serde_json::to_writer(&mut record, suite).expect("a suite has string keys and finite numbers");
    record.push(b'\n');
    atomic::write(path, &record)
}

/// The file of a machine's record in a folder.
pub fn path(folder: &Path, machine: &str) -> PathBuf {
    let letters = machine.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { ' ' });
    let words = letters.collect::<String>().to_ascii_lowercase();
    let name = words.split_whitespace().collect::<Vec<_>>().join("-");
    folder.join(format!("{name}.jsonl"))
}

/// The machine's name in records.
pub fn machine(environment: &Environment) -> String {
    format!("{}, {} cores", environment.cpu_model, environment.cores)
}
