//! The file of a run: JSON Lines, the header first, one record per line, the end line last. FORMAT.md describes it.
//!
//! Each line is written as soon as it is measured, to a file that ends in `.partial`. The end line makes the run
//! complete, and then the file gets its name. A killed run loses at most the line that it was writing, and never looks
//! complete.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::delta::Delta;
use crate::metric::RETAINED;
use crate::paired::{Pair, Paired, Round};
use crate::shard::Shard;
use crate::{CaseKey, Environment, Error, InvalidEntry, Measurement, Metric, Result, Skipped, atomic, schema};

/// The version of the format that is written.
pub const SCHEMA: u64 = 4;

/// The versions that are read. In version 1, a pair's `randomized_layout` was called `laid_out`; before 3 there was no
/// record of one program on both sides, and before 4 none of shards and deltas.
const KNOWN: RangeInclusive<u64> = 1..=SCHEMA;

/// The values that a quantity can have. Up to 2^53 the numbers of a file hold every count exactly; no operation costs
/// more.
const POSSIBLE: RangeInclusive<f64> = 0.0..=9_007_199_254_740_992.0;

fn is_possible(metric: &str, value: f64) -> bool {
    POSSIBLE.contains(&if metric == RETAINED { value.abs() } else { value })
}

/// The facts that all measurements of a run share.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunHeader {
    /// Start time, RFC 3339 in UTC.
    pub started_at: String,
    /// The command as typed.
    pub command: String,
    /// The profile: `quick` or `full`.
    pub profile: String,
    /// The machine, the toolchain, the commit and the input.
    pub environment: Environment,
    /// The acceptance, if the run is a baseline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted: Option<Acceptance>,
    /// What judged the run, if it was measured to be judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judged_by: Option<JudgedBy>,
    /// The seed of the orders and layouts of rounds, drawn for the session; none if it has no rounds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rounds_seed: Option<u64>,
}

impl RunHeader {
    /// The profile of a run that another tool measured.
    pub const FOREIGN: &str = "foreign";

    /// Another tool measured.
    pub fn is_foreign(&self) -> bool {
        self.profile == RunHeader::FOREIGN
    }

    /// The header of a run that starts now.
    pub fn new(command: impl Into<String>, profile: impl Into<String>, environment: Environment) -> RunHeader {
        RunHeader {
            started_at: format!("{:.0}", jiff::Timestamp::now()),
            command: command.into(),
            profile: profile.into(),
            environment,
            accepted: None,
            judged_by: None,
            rounds_seed: None,
        }
    }
}

/// The acceptance of a run as a baseline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acceptance {
    /// The reason as given.
    pub reason: String,
    /// The time, RFC 3339 in UTC.
    pub at: String,
}

/// What judged a run: FNV-1a hashes of the contents, in hexadecimal. None where there was no such thing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct JudgedBy {
    /// The commit that it comes from; none if it is not under version control.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// The policy.
    pub policy: String,
    /// The stored baseline.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub baseline: Option<String>,
    /// The base's list of cases.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cases: Option<String>,
}

/// A whole run in memory.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// The facts that all measurements share.
    pub header: RunHeader,
    /// The measurements, in the order of measuring.
    pub measurements: Vec<Measurement>,
    /// Pairs of sides that ran alternately, with the raw times.
    pub pairs: Vec<Paired>,
    /// Of a shard, and of shards that were merged: what was judged by itself. Exact counts, and cases of one side.
    pub deltas: Vec<Delta>,
    /// Everything that was not measured.
    pub skipped: Vec<Skipped>,
    /// Everything that can't be believed. With any of these, the gate says `invalid`.
    pub invalid: Vec<InvalidEntry>,
    /// Both sides are one program, so there was nothing to measure.
    pub same_program: bool,
    /// It measured one of several parts of a gate.
    pub shard: Option<Shard>,
    /// The end line is there.
    pub complete: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "lowercase")]
enum Line {
    Header {
        schema: u64,
        #[serde(flatten)]
        header: Box<RunHeader>,
    },
    Measurement(Measurement),
    Shard(Box<Shard>),
    Delta(Box<Delta>),
    Pair(Pair),
    Round(Box<Round>),
    Abandoned {
        pair: usize,
    },
    Skipped(Skipped),
    Invalid(InvalidEntry),
    /// What is the same on both sides.
    Same {
        what: SameThing,
    },
    End {
        measurements: usize,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum SameThing {
    Program,
}

impl Line {
    fn header(header: &RunHeader) -> Line {
        Line::Header { schema: SCHEMA, header: Box::new(header.clone()) }
    }
}

/// Writes a run as it is measured. A line that is refused or can't be written is an error; the lines before it stay.
#[derive(Debug)]
pub struct RunWriter {
    file: File,
    partial: PathBuf,
    path: PathBuf,
    run: Run,
}

impl RunWriter {
    /// Starts the file of a run: `path` with `.partial` added, until [`RunWriter::finish`].
    pub fn create(path: &Path, header: RunHeader) -> Result<RunWriter> {
        let partial = path.with_added_extension("partial");
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(Error::io("make the folder", folder))?;
        }
        let mut file = File::create(&partial).map_err(Error::io("write", &partial))?;
        let line = encode(&Line::header(&header));
        file.write_all(line.as_bytes()).map_err(Error::io("write", &partial))?;
        Ok(RunWriter { file, partial, path: path.to_owned(), run: Run::new(header) })
    }

    /// Adds a measurement.
    pub fn measurement(&mut self, measurement: Measurement) -> Result<()> {
        self.add(Line::Measurement(measurement))
    }

    /// Records which part of a gate this is.
    pub fn shard(&mut self, shard: Shard) -> Result<()> {
        self.add(Line::Shard(Box::new(shard)))
    }

    /// Adds what was judged by itself.
    pub fn delta(&mut self, delta: Delta) -> Result<()> {
        self.add(Line::Delta(Box::new(delta)))
    }

    /// Adds a pair and returns its position. Its rounds follow.
    pub fn pair(&mut self, pair: Pair) -> Result<usize> {
        self.add(Line::Pair(pair))?;
        Ok(self.run.pairs.len() - 1)
    }

    /// Adds a round to the pair that it names.
    pub fn round(&mut self, round: Round) -> Result<()> {
        self.add(Line::Round(Box::new(round)))
    }

    /// Gives up a pair because a side failed: no verdict follows from its rounds.
    pub fn abandon(&mut self, pair: usize, why: impl Into<String>) -> Result<()> {
        self.add(Line::Abandoned { pair })?;
        self.invalid(format!("the time of {}", self.run.pairs[pair].pair.case), why)
    }

    /// Adds an entry for something that was not measured.
    pub fn skipped(&mut self, what: impl Into<String>, why: impl Into<String>) -> Result<()> {
        self.add(Line::Skipped(Skipped { what: what.into(), why: why.into() }))
    }

    /// Adds an entry for something that can't be believed.
    pub fn invalid(&mut self, what: impl Into<String>, why: impl Into<String>) -> Result<()> {
        self.add(Line::Invalid(InvalidEntry { what: what.into(), why: why.into() }))
    }

    /// Records that both sides are one program.
    pub fn same_program(&mut self) -> Result<()> {
        self.add(Line::Same { what: SameThing::Program })
    }

    /// The run so far.
    pub fn so_far(&self) -> &Run {
        &self.run
    }

    /// Writes the end line, flushes the file to the disk and gives it its name. If the run is empty or that fails, the
    /// `.partial` file stays.
    pub fn finish(mut self) -> Result<Run> {
        if self.run.is_empty() {
            return Err(Error::EmptyRun(self.partial));
        }
        self.add(Line::End { measurements: self.run.measurements.len() })?;
        self.file.sync_all().map_err(Error::io("flush", &self.partial))?;
        std::fs::rename(&self.partial, &self.path).map_err(Error::io("rename", &self.partial))?;
        if let Some(folder) = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            atomic::sync_folder(folder)?;
        }
        Ok(self.run)
    }

    fn add(&mut self, line: Line) -> Result<()> {
        let text = encode(&line);
        self.run.add(line)?;
        self.file.write_all(text.as_bytes()).map_err(Error::io("write", &self.partial))
    }
}

impl Run {
    /// A run without measurements, not complete.
    pub fn new(header: RunHeader) -> Run {
        Run {
            header,
            measurements: vec![],
            pairs: vec![],
            deltas: vec![],
            skipped: vec![],
            invalid: vec![],
            same_program: false,
            shard: None,
            complete: false,
        }
    }

    /// Reads a run file; a `.partial` one, or one without its end line, only if `partial` is set.
    ///
    /// # Errors
    /// The file is no run, has an unknown schema version, a damaged line, no end line (unless `partial`), no records,
    /// the same metric of a case twice, or a value that no quantity can have.
    pub fn read(path: &Path, partial: bool) -> Result<Run> {
        let text = std::fs::read_to_string(path).map_err(Error::io("read", path))?;
        let run = parse(path, &text, partial)?;
        if run.is_empty() {
            return Err(Error::EmptyRun(path.to_owned()));
        }
        let mut seen = BTreeSet::new();
        for Measurement { case, metric, .. } in &run.measurements {
            if !seen.insert((case, metric)) {
                let (case, metric) = (case.to_string(), metric.clone());
                return Err(Error::Duplicate { path: path.to_owned(), case, metric });
            }
        }
        Ok(run)
    }

    /// Writes the run at once, atomically. One that did not end stays so: it is written without its end line.
    pub fn write(&self, path: &Path) -> Result<()> {
        let abandoned = self.pairs.iter().enumerate().filter(|(_, paired)| paired.abandoned);
        let lines = std::iter::once(Line::header(&self.header))
            .chain(self.shard.iter().cloned().map(Box::new).map(Line::Shard))
            .chain(self.measurements.iter().cloned().map(Line::Measurement))
            .chain(self.deltas.iter().cloned().map(Box::new).map(Line::Delta))
            .chain(self.pairs.iter().map(|paired| Line::Pair(paired.pair.clone())))
            .chain(self.pairs.iter().flat_map(|paired| paired.rounds.iter().cloned().map(Box::new).map(Line::Round)))
            .chain(abandoned.map(|(pair, _)| Line::Abandoned { pair }))
            .chain(self.skipped.iter().cloned().map(Line::Skipped))
            .chain(self.invalid.iter().cloned().map(Line::Invalid))
            .chain(self.same_program.then_some(Line::Same { what: SameThing::Program }))
            .chain(self.complete.then_some(Line::End { measurements: self.measurements.len() }));
        let text: String = lines.map(|line| encode(&line)).collect();
        atomic::write(path, text.as_bytes())
    }

    /// Nothing was measured, and no entry says why.
    fn is_empty(&self) -> bool {
        let entries = self.skipped.len() + self.invalid.len();
        self.measurements.is_empty()
            && self.pairs.is_empty()
            && self.deltas.is_empty()
            && entries == 0
            && !self.same_program
            && self.shard.is_none()
    }

    /// How many metrics of the same suite other shards judge.
    pub fn elsewhere(&self) -> usize {
        self.shard.as_ref().map_or(0, |shard| shard.elsewhere)
    }

    /// The measurement of one metric of one case.
    pub fn find(&self, case: &CaseKey, metric: &str) -> Option<&Measurement> {
        self.measurements.iter().find(|measurement| measurement.case == *case && measurement.metric == metric)
    }

    fn paired(&mut self, pair: usize) -> Result<&mut Paired> {
        let pairs = self.pairs.len();
        self.pairs.get_mut(pair).ok_or(Error::NoPair { pair, pairs })
    }

    /// Checks a line and adds it.
    fn add(&mut self, line: Line) -> Result<()> {
        match line {
            Line::Header { .. } => return Err(Error::SecondHeader),
            Line::Measurement(measurement) => {
                measurement.metric()?;
                if let Some(value) =
                    measurement.sample.values().iter().find(|value| !is_possible(&measurement.metric, **value))
                {
                    return Err(Error::Absurd { metric: measurement.metric, value: *value });
                }
                self.measurements.push(measurement);
            }
            Line::Pair(pair) => {
                Metric::named(&pair.metric)?;
                self.pairs.push(Paired { pair, rounds: vec![], abandoned: false });
            }
            Line::Shard(shard) => self.shard = Some(*shard),
            Line::Delta(delta) => {
                Metric::named(&delta.metric)?;
                self.deltas.push(*delta);
            }
            Line::Round(round) => self.paired(round.pair)?.rounds.push(*round),
            Line::Abandoned { pair } => self.paired(pair)?.abandoned = true,
            Line::Skipped(skipped) => self.skipped.push(skipped),
            Line::Invalid(entry) => self.invalid.push(entry),
            Line::Same { what: SameThing::Program } => self.same_program = true,
            Line::End { measurements: counted } => {
                let found = self.measurements.len();
                if counted != found {
                    return Err(Error::WrongEnd { counted, found });
                }
                self.complete = true;
            }
        }
        Ok(())
    }
}

/// The files of records in a folder, by name; none if there is no folder.
pub(crate) fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let Some(entries) = Error::if_exists(std::fs::read_dir(folder), folder)? else { return Ok(vec![]) };
    let paths = entries.map(|entry| Ok(entry.map_err(Error::io("read", folder))?.path()));
    let mut paths: Vec<PathBuf> = paths.collect::<Result<_>>()?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "jsonl"));
    paths.sort();
    Ok(paths)
}

/// A record as a line.
fn encode(line: &Line) -> String {
    serde_json::to_string(line).expect("records have string keys and finite numbers") + "\n"
}

fn parse(path: &Path, text: &str, partial: bool) -> Result<Run> {
    let mut lines = text.split_inclusive('\n').enumerate().filter(|(_, line)| !line.trim().is_empty());
    let Some((_, header)) = lines.next() else { return Err(Error::EmptyRun(path.to_owned())) };
    let mut run = Run::new(parse_header(path, header)?);
    while let Some((number, line)) = lines.next() {
        let bad = |reason: String| Error::BadRecord { path: path.to_owned(), line: number + 1, reason };
        if run.complete {
            return Err(bad("after the end line".to_owned()));
        }
        match parse_line(line) {
            Ok(record) => run.add(record).map_err(|error| bad(error.to_string()))?,
            // A writer that was killed in the middle of its last line.
            Err(_) if !line.ends_with('\n') && lines.next().is_none() => break,
            Err(error) => return Err(bad(error.to_string())),
        }
    }
    if run.complete || partial {
        return Ok(run);
    }
    Err(Error::Truncated { path: path.to_owned(), measurements: run.measurements.len() })
}

/// The record of a line. Measurements, by far the most lines, skip the detour that serde takes for a tagged enum.
fn parse_line(line: &str) -> serde_json::Result<Line> {
    if line.starts_with("{\"record\":\"measurement\",") {
        return serde_json::from_str(line).map(Line::Measurement);
    }
    serde_json::from_str(line)
}

fn parse_header(path: &Path, line: &str) -> Result<RunHeader> {
    let no_header = |reason: String| Error::NoHeader { path: path.to_owned(), reason };
    let value: serde_json::Value = serde_json::from_str(line).map_err(|error| no_header(error.to_string()))?;
    let version = value.get("schema").and_then(serde_json::Value::as_u64);
    schema::check(path, version.ok_or_else(|| no_header("it has no schema version".to_owned()))?, KNOWN)?;
    match serde_json::from_value(value) {
        Ok(Line::Header { schema, mut header }) => {
            if schema == 1 {
                header.environment.hide_from_counts();
            }
            Ok(*header)
        }
        Ok(_) => Err(no_header("it is another record".to_owned())),
        Err(error) => Err(no_header(error.to_string())),
    }
}
