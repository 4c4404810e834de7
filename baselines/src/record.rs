//! The file of a run: JSON Lines, a header first, one record a line, an end line last. FORMAT.md describes it.
//!
//! Each line is written whole as soon as it is measured, into a file that ends in `.partial`; the end line makes it complete and gives
//! it its name. A killed run therefore loses at most the line it was writing, and never looks like a whole one.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::paired::{Pair, Paired, Round};
use crate::{Distrusted, Environment, Error, Measurement, Result, Skipped, atomic};

/// The version of the format that this crate writes and reads.
pub const SCHEMA: u64 = 1;

/// What all measurements of a run share.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// When the run began, RFC 3339 in UTC.
    pub started_at: String,
    /// The command as typed.
    pub command: String,
    /// The profile: `quick` or `full`.
    pub profile: String,
    /// What was measured, on what, with what.
    pub environment: Environment,
    /// Set when the run is a baseline: who accepted it for what reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted: Option<Acceptance>,
}

/// Why a run became a baseline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acceptance {
    /// The reason as given.
    pub reason: String,
    /// When, RFC 3339 in UTC.
    pub at: String,
}

/// A whole run in memory.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// What all measurements share.
    pub header: Header,
    /// In the order of measuring.
    pub measurements: Vec<Measurement>,
    /// Two sides that ran alternately, with the raw times.
    pub pairs: Vec<Paired>,
    /// What was not measured.
    pub skipped: Vec<Skipped>,
    /// What can't be believed: with any of these the gate says `invalid`.
    pub invalid: Vec<Distrusted>,
    /// The end line is there.
    pub complete: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "lowercase")]
enum Line {
    Header {
        schema: u64,
        #[serde(flatten)]
        header: Box<Header>,
    },
    Measurement(Measurement),
    Pair(Pair),
    Round(Round),
    Abandoned {
        pair: usize,
    },
    Skipped(Skipped),
    Invalid(Distrusted),
    End {
        measurements: usize,
    },
}

/// Writes a run as it is measured.
#[derive(Debug)]
pub struct RunWriter {
    file: File,
    partial: PathBuf,
    path: PathBuf,
    run: Run,
}

impl RunWriter {
    /// Starts the file of a run: `path` with `.partial` added, until [`RunWriter::finish`].
    ///
    /// # Errors
    /// The file can't be made.
    pub fn create(path: &Path, header: Header) -> Result<RunWriter> {
        let mut name = path.as_os_str().to_owned();
        name.push(".partial");
        let partial = PathBuf::from(name);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(Error::io("make the folder", folder))?;
        }
        let file = File::create(&partial).map_err(Error::io("write", &partial))?;
        let run = Run {
            header: header.clone(),
            measurements: vec![],
            pairs: vec![],
            skipped: vec![],
            invalid: vec![],
            complete: false,
        };
        let mut writer = RunWriter { file, partial, path: path.to_owned(), run };
        writer.line(&Line::Header { schema: SCHEMA, header: Box::new(header) })?;
        Ok(writer)
    }

    /// Adds a measurement.
    ///
    /// # Errors
    /// The metric is unknown, or the line can't be written: the lines before stay.
    pub fn measurement(&mut self, measurement: Measurement) -> Result<()> {
        measurement.metric()?;
        self.line(&Line::Measurement(measurement.clone()))?;
        self.run.measurements.push(measurement);
        Ok(())
    }

    /// Adds a pair, whose rounds follow, and gives its position.
    ///
    /// # Errors
    /// The metric is unknown, or the line can't be written: the lines before stay.
    pub fn pair(&mut self, pair: Pair) -> Result<usize> {
        pair.check()?;
        self.line(&Line::Pair(pair.clone()))?;
        self.run.pairs.push(Paired { pair, rounds: vec![], abandoned: false });
        Ok(self.run.pairs.len() - 1)
    }

    /// Adds a round to the pair that it names.
    ///
    /// # Errors
    /// There is no such pair, or the line can't be written: the lines before stay.
    pub fn round(&mut self, round: Round) -> Result<()> {
        let pairs = self.run.pairs.len();
        let unknown = Error::NoPair { pair: round.pair, pairs };
        let paired = self.run.pairs.get_mut(round.pair).ok_or(unknown)?;
        paired.rounds.push(round.clone());
        self.line(&Line::Round(round))
    }

    /// Gives a pair up, because a side failed: the rest of it can't be believed either.
    ///
    /// # Errors
    /// There is no such pair, or a line can't be written: the lines before stay.
    pub fn abandon(&mut self, pair: usize, why: impl Into<String>) -> Result<()> {
        let pairs = self.run.pairs.len();
        let paired = self.run.pairs.get_mut(pair).ok_or(Error::NoPair { pair, pairs })?;
        paired.abandoned = true;
        let what = format!("the time of {}", paired.pair.case);
        self.line(&Line::Abandoned { pair })?;
        self.invalid(what, why)
    }

    /// Adds what was not measured.
    ///
    /// # Errors
    /// The line can't be written: the lines before stay.
    pub fn skipped(&mut self, what: impl Into<String>, why: impl Into<String>) -> Result<()> {
        let skipped = Skipped { what: what.into(), why: why.into() };
        self.line(&Line::Skipped(skipped.clone()))?;
        self.run.skipped.push(skipped);
        Ok(())
    }

    /// Adds what can't be believed.
    ///
    /// # Errors
    /// The line can't be written: the lines before stay.
    pub fn invalid(&mut self, what: impl Into<String>, why: impl Into<String>) -> Result<()> {
        let distrusted = Distrusted { what: what.into(), why: why.into() };
        self.line(&Line::Invalid(distrusted.clone()))?;
        self.run.invalid.push(distrusted);
        Ok(())
    }

    /// What was written until now.
    pub fn so_far(&self) -> &Run {
        &self.run
    }

    /// Writes the end line, flushes to the disk and gives the file its name.
    ///
    /// # Errors
    /// Nothing was measured or skipped, or the file can't be flushed or renamed: the `.partial` file stays.
    pub fn finish(mut self) -> Result<Run> {
        if self.run.is_empty() {
            return Err(Error::EmptyRun { path: self.partial });
        }
        self.line(&Line::End { measurements: self.run.measurements.len() })?;
        self.file.sync_all().map_err(Error::io("flush", &self.partial))?;
        std::fs::rename(&self.partial, &self.path).map_err(Error::io("rename", &self.partial))?;
        if let Some(folder) = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            atomic::sync_folder(folder)?;
        }
        self.run.complete = true;
        Ok(self.run)
    }

    fn line(&mut self, line: &Line) -> Result<()> {
        let mut text = encode(line);
        text.push('\n');
        self.file.write_all(text.as_bytes()).map_err(Error::io("write", &self.partial))
    }
}

impl Run {
    /// Reads a run file; a `.partial` one, or one without its end line, only if `partial` is set.
    ///
    /// # Errors
    /// Not a run, another schema version, a line that is no record, truncated (unless `partial`), empty, or the same metric of a case twice.
    pub fn read(path: &Path, partial: bool) -> Result<Run> {
        let text = std::fs::read_to_string(path).map_err(Error::io("read", path))?;
        let run = parse(path, &text, partial)?;
        if run.is_empty() {
            return Err(Error::EmptyRun { path: path.to_owned() });
        }
        let mut seen = BTreeSet::new();
        for measurement in &run.measurements {
            if !seen.insert((&measurement.case, &measurement.metric)) {
                return Err(Error::Duplicate {
                    path: path.to_owned(),
                    case: measurement.case.to_string(),
                    metric: measurement.metric.clone(),
                });
            }
        }
        Ok(run)
    }

    /// Writes a whole run at once, atomically.
    ///
    /// # Errors
    /// The file can't be written; what was there stays.
    pub fn write(&self, path: &Path) -> Result<()> {
        let mut text = encode(&Line::Header { schema: SCHEMA, header: Box::new(self.header.clone()) });
        text.push('\n');
        let abandoned = self.pairs.iter().enumerate().filter(|(_, paired)| paired.abandoned);
        let lines = (self.measurements.iter().cloned().map(Line::Measurement))
            .chain(self.pairs.iter().map(|paired| Line::Pair(paired.pair.clone())))
            .chain(self.pairs.iter().flat_map(|paired| paired.rounds.iter().cloned().map(Line::Round)))
            .chain(abandoned.map(|(pair, _)| Line::Abandoned { pair }))
            .chain(self.skipped.iter().cloned().map(Line::Skipped))
            .chain(self.invalid.iter().cloned().map(Line::Invalid))
            .chain([Line::End { measurements: self.measurements.len() }]);
        for line in lines {
            text.push_str(&encode(&line));
            text.push('\n');
        }
        atomic::write(path, text.as_bytes())
    }

    /// Nothing was measured, and nothing is said about that.
    fn is_empty(&self) -> bool {
        self.measurements.is_empty() && self.pairs.is_empty() && self.skipped.is_empty() && self.invalid.is_empty()
    }

    /// The measurement of one metric of one case.
    pub fn find(&self, case: &crate::Case, metric: &str) -> Option<&Measurement> {
        self.measurements.iter().find(|measurement| measurement.case == *case && measurement.metric == metric)
    }
}

fn encode(line: &Line) -> String {
    serde_json::to_string(line).expect("records have string keys and finite numbers")
}

fn parse(path: &Path, text: &str, partial: bool) -> Result<Run> {
    let mut lines = text.split_inclusive('\n').enumerate().filter(|(_, line)| !line.trim().is_empty());
    let header = match lines.next() {
        None => return Err(Error::EmptyRun { path: path.to_owned() }),
        Some((_, line)) => parse_header(path, line)?,
    };
    let mut run =
        Run { header, measurements: vec![], pairs: vec![], skipped: vec![], invalid: vec![], complete: false };
    while let Some((number, line)) = lines.next() {
        let bad = |reason: String| Error::BadRecord { path: path.to_owned(), line: number + 1, reason };
        if run.complete {
            return Err(bad("after the end line".to_owned()));
        }
        let record = match record_of(line) {
            Ok(record) => record,
            // A writer that was killed in the middle of its last line.
            Err(_) if !line.ends_with('\n') && lines.next().is_none() => break,
            Err(error) => return Err(bad(error.to_string())),
        };
        match record {
            Line::Header { .. } => return Err(bad("a second header".to_owned())),
            Line::Measurement(measurement) => {
                measurement.metric().map_err(|error| bad(error.to_string()))?;
                run.measurements.push(measurement);
            }
            Line::Pair(pair) => {
                pair.check().map_err(|error| bad(error.to_string()))?;
                run.pairs.push(Paired { pair, rounds: vec![], abandoned: false });
            }
            Line::Round(round) => {
                let pairs = run.pairs.len();
                let unknown = Error::NoPair { pair: round.pair, pairs };
                let paired = run.pairs.get_mut(round.pair).ok_or_else(|| bad(unknown.to_string()))?;
                paired.rounds.push(round);
            }
            Line::Abandoned { pair } => {
                let pairs = run.pairs.len();
                let unknown = Error::NoPair { pair, pairs };
                run.pairs.get_mut(pair).ok_or_else(|| bad(unknown.to_string()))?.abandoned = true;
            }
            Line::Skipped(skipped) => run.skipped.push(skipped),
            Line::Invalid(distrusted) => run.invalid.push(distrusted),
            Line::End { measurements } if measurements == run.measurements.len() => run.complete = true,
            Line::End { measurements } => {
                return Err(bad(format!(
                    "the end line counts {measurements} measurements, the file has {}",
                    run.measurements.len()
                )));
            }
        }
    }
    if run.complete || partial {
        Ok(run)
    } else {
        Err(Error::Truncated { path: path.to_owned(), measurements: run.measurements.len() })
    }
}

/// The record of a line. Most are measurements, and say so first: those are read straight into what they are, where a tagged record would be read into a tree
/// before it is known what it is.
fn record_of(line: &str) -> serde_json::Result<Line> {
    if line.starts_with("{\"record\":\"measurement\",") {
        return serde_json::from_str(line).map(Line::Measurement);
    }
    serde_json::from_str(line)
}

fn parse_header(path: &Path, line: &str) -> Result<Header> {
    let no_header = |reason: String| Error::NoHeader { path: path.to_owned(), reason };
    let value: serde_json::Value = serde_json::from_str(line).map_err(|error| no_header(error.to_string()))?;
    let schema = value
        .get("schema")
        .and_then(serde_json::Value::as_u64)
        .ok_or_else(|| no_header("it has no schema version".to_owned()))?;
    if schema != SCHEMA {
        return Err(Error::UnknownSchema { path: path.to_owned(), found: schema, known: SCHEMA..=SCHEMA });
    }
    match serde_json::from_value(value) {
        Ok(Line::Header { header, .. }) => Ok(*header),
        Ok(_) => Err(no_header("it is another record".to_owned())),
        Err(error) => Err(no_header(error.to_string())),
    }
}
