//! The history of a project: the exact metrics of many commits, one file per environment, under version control.
//!
//! JSON Lines, the header first, then one line per commit, in the order of the commits: FORMAT.md describes it.
//! Values of different environments are never in one file, and so never in one series. Times are not kept: one of
//! another session can't be compared.
//!
//! - [`History`] is the file; [`series`] turns it into a line of values for each metric of each case.
//! - [`changes`] finds the places where a series changed, names the commits between which that was, and says what
//!   blocks.

pub mod changes;
pub mod series;

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::{CaseKey, Error, Measurement, Metric, Result, Run, atomic, record, schema};

/// The version of the format that is written.
pub const SCHEMA: u64 = 1;

/// The versions that are read.
const KNOWN: RangeInclusive<u64> = 1..=SCHEMA;

/// The commits of one environment.
#[derive(Debug, Clone, PartialEq)]
pub struct History {
    /// The key of the environment ([`crate::Environment::key`]).
    pub environment: String,
    /// The commits, by date, and as far as a backfill knew it by the order of git.
    pub commits: Vec<CommitRecord>,
}

/// What is known of one commit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CommitRecord {
    /// The full commit.
    pub commit: String,
    /// The date of the commit, RFC 3339 in UTC.
    pub date: String,
    /// The values; none of a commit that is left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cases: Vec<CaseValues>,
    /// The texts of the filters that its benchmarks were selected by; if there is none, all of them were asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub filters: Vec<String>,
    /// The reason why nothing was measured, as of a commit that does not build.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_out: Option<String>,
}

/// The exact metrics of one case at one commit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CaseValues {
    /// The case.
    #[serde(flatten)]
    pub case: CaseKey,
    /// The number of operations behind each value. Numbers over different ones are different series.
    pub operations: u64,
    /// The median of each metric, for one operation, by name.
    pub values: BTreeMap<String, f64>,
}

/// A run that moved most benchmarks at once, and that no other run is like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OddRun {
    /// The full commit.
    pub commit: String,
    /// Its date, RFC 3339 in UTC.
    pub date: String,
    /// The benchmarks of which a count was not to be expected.
    pub outside: usize,
    /// The benchmarks of which something could be expected.
    pub benchmarks: usize,
}

impl fmt::Display for OddRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let OddRun { outside, benchmarks, .. } = self;
        write!(
            f,
            "outside of the forecast's 99% interval in {outside} of {benchmarks} benchmarks, and like no other run"
        )
    }
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "lowercase")]
enum Line {
    Header { schema: u64, environment: String },
    Commit(CommitRecord),
}

impl CommitRecord {
    /// A commit of which all benchmarks were asked for.
    pub fn new(commit: impl Into<String>, date: impl Into<String>, cases: Vec<CaseValues>) -> CommitRecord {
        CommitRecord { commit: commit.into(), date: date.into(), cases, filters: vec![], left_out: None }
    }

    /// A commit of which nothing is known, and why.
    pub fn left_out(commit: &str, date: &str, why: impl Into<String>) -> CommitRecord {
        CommitRecord { left_out: Some(why.into()), ..CommitRecord::new(commit, date, vec![]) }
    }

    /// True if all that a filter selects was asked for: a name that contains a text contains each part of it, too.
    pub fn was_asked(&self, filter: Option<&str>) -> bool {
        let is_part = |asked: &String| filter.is_some_and(|filter| filter.contains(asked.as_str()));
        self.filters.is_empty() || self.filters.iter().any(is_part)
    }

    /// The filters of this record and of another one of its commit; none if all benchmarks were asked for in one.
    fn filters_with(&self, other: &CommitRecord) -> Vec<String> {
        if self.filters.is_empty() || other.filters.is_empty() {
            return vec![];
        }
        let mut both = [&self.filters[..], &other.filters].concat();
        both.sort_unstable();
        both.dedup();
        both
    }

    /// The exact metrics of a run, at its commit.
    ///
    /// # Errors
    /// The tree had changes, the run is invalid, or it has no exact metric.
    pub fn of_run(run: &Run, date: &str) -> Result<CommitRecord> {
        let commit = &run.header.environment.commit;
        if run.header.environment.dirty {
            return Err(Error::DirtyRun(commit.clone()));
        }
        if let Some(first) = run.invalid.first() {
            return Err(Error::InvalidRun { what: first.what.clone(), why: first.why.clone() });
        }
        let cases = exact(&run.measurements);
        if cases.is_empty() {
            return Err(Error::NothingExact);
        }
        Ok(CommitRecord::new(commit, date, cases))
    }
}

/// The exact metrics of measurements, by case.
pub fn exact(measurements: &[Measurement]) -> Vec<CaseValues> {
    let mut cases: BTreeMap<(&CaseKey, u64), BTreeMap<String, f64>> = BTreeMap::new();
    for measurement in measurements {
        if Metric::is_exact(&measurement.metric) {
            let case = cases.entry((&measurement.case, measurement.operations)).or_default();
            case.insert(measurement.metric.clone(), measurement.sample.median());
        }
    }
    let values =
        |((case, operations), values): ((&CaseKey, u64), _)| CaseValues { case: case.clone(), operations, values };
    cases.into_iter().map(values).collect()
}

impl History {
    /// A history without commits.
    pub fn new(environment: &str) -> History {
        History { environment: environment.to_owned(), commits: vec![] }
    }

    /// The file of an environment in a folder.
    pub fn path(folder: &Path, environment: &str) -> PathBuf {
        folder.join(format!("{environment}.jsonl"))
    }

    /// The history of an environment in a folder; one without commits if there is no file.
    pub fn open(folder: &Path, environment: &str) -> Result<History> {
        let path = History::path(folder, environment);
        if path.exists() { History::read(&path) } else { Ok(History::new(environment)) }
    }

    /// Reads a file. An unknown schema version, a line that is no record, or one commit twice is an error.
    pub fn read(path: &Path) -> Result<History> {
        let text = std::fs::read_to_string(path).map_err(Error::io("read", path))?;
        let bad = |line: usize, reason: String| Error::BadRecord { path: path.to_owned(), line, reason };
        let mut history: Option<History> = None;
        for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.is_empty()) {
            let read = match history {
                None => schema::read(path, number - 1, line, KNOWN, "history")?,
                Some(_) => serde_json::from_str(line).map_err(|error| bad(number, error.to_string()))?,
            };
            match (read, &mut history) {
                (Line::Header { environment, .. }, None) => history = Some(History::new(&environment)),
                (Line::Commit(commit), Some(history)) if history.find(&commit.commit).is_none() => {
                    history.commits.push(commit);
                }
                (Line::Commit(commit), Some(_)) => return Err(bad(number, format!("{} twice", commit.commit))),
                (Line::Header { .. }, Some(_)) => return Err(bad(number, "a second header".to_owned())),
                (Line::Commit(_), None) => return Err(bad(number, "a commit before the header".to_owned())),
            }
        }
        history.ok_or_else(|| bad(1, "an empty file".to_owned()))
    }

    /// Every history of a folder, by name; none if there is no folder.
    pub fn list(folder: &Path) -> Result<Vec<History>> {
        record::files(folder)?.iter().map(|path| History::read(path)).collect()
    }

    /// The contents of its file.
    pub fn to_text(&self) -> String {
        let header = Line::Header { schema: SCHEMA, environment: self.environment.clone() };
        let lines = std::iter::once(header).chain(self.commits.iter().cloned().map(Line::Commit));
        let encode = |line: Line| serde_json::to_string(&line).expect("strings, numbers and maps by string") + "\n";
        lines.map(encode).collect()
    }

    /// Writes the file, atomically.
    pub fn write(&self, folder: &Path) -> Result<()> {
        atomic::write(&History::path(folder, &self.environment), self.to_text().as_bytes())
    }

    /// What is known of a commit.
    pub fn find(&self, commit: &str) -> Option<&CommitRecord> {
        self.commits.iter().find(|known| known.commit == commit)
    }

    /// Adds what was measured of a commit. Values of cases that it has already are replaced, others stay.
    pub fn add(&mut self, new: CommitRecord) {
        match self.commits.iter_mut().find(|known| known.commit == new.commit) {
            Some(known) if new.left_out.is_none() => {
                let filters = if known.left_out.is_none() { known.filters_with(&new) } else { new.filters.clone() };
                let mut cases: BTreeMap<CaseKey, CaseValues> =
                    known.cases.drain(..).map(|values| (values.case.clone(), values)).collect();
                for case in new.cases {
                    match cases.get_mut(&case.case).filter(|old| old.operations == case.operations) {
                        Some(old) => old.values.extend(case.values),
                        None => {
                            cases.insert(case.case.clone(), case);
                        }
                    }
                }
                *known = CommitRecord { cases: cases.into_values().collect(), filters, ..new };
            }
            Some(known) if known.cases.is_empty() => *known = new,
            Some(_) => {}
            None => {
                let place = self.commits.iter().rposition(|known| known.date <= new.date).map_or(0, |at| at + 1);
                self.commits.insert(place, new);
            }
        }
    }

    /// Puts commits into the order in which they were made, `order`. Commits of one second have no other, and dates may
    /// run backwards. All others keep their places.
    pub fn put_in_order(&mut self, order: &[&str]) {
        let rank = |record: &CommitRecord| order.iter().position(|commit| *commit == record.commit);
        let places: Vec<usize> = (0..self.commits.len()).filter(|at| rank(&self.commits[*at]).is_some()).collect();
        let mut ordered: Vec<CommitRecord> = places.iter().map(|at| self.commits[*at].clone()).collect();
        ordered.sort_by_key(rank);
        places.into_iter().zip(ordered).for_each(|(at, record)| self.commits[at] = record);
    }

    /// The number of operations that a case was last counted over.
    pub fn operations(&self, case: &CaseKey) -> Option<u64> {
        let of_case =
            |commit: &CommitRecord| commit.cases.iter().find(|values| values.case == *case).map(|v| v.operations);
        self.commits.iter().rev().find_map(of_case)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(benchmark: &str, instructions: f64) -> CaseValues {
        let case = CaseKey { benchmark: benchmark.to_owned(), variant: String::new() };
        CaseValues { case, operations: 20, values: BTreeMap::from([("instructions".to_owned(), instructions)]) }
    }

    fn commit(commit: &str, date: &str, cases: Vec<CaseValues>) -> CommitRecord {
        CommitRecord::new(commit, date, cases)
    }

    #[test]
    fn a_history_is_by_date_and_reads_what_it_wrote() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut history = History::new("x86_64");
        history.add(commit("b", "2026-01-02T00:00:00Z", vec![values("parse", 12.5)]));
        history.add(CommitRecord::left_out("c", "2026-01-03T00:00:00Z", "it does not build"));
        history.add(commit("a", "2026-01-01T00:00:00Z", vec![values("parse", 12.0)]));
        history.write(folder.path()).expect("written");
        assert_eq!(History::open(folder.path(), "x86_64").expect("read"), history);
        assert_eq!(History::list(folder.path()).expect("listed"), [history.clone()]);
        let order: Vec<&str> = history.commits.iter().map(|commit| commit.commit.as_str()).collect();
        assert_eq!(order, ["a", "b", "c"]);
        assert_eq!(history.operations(&values("parse", 0.0).case), Some(20));
    }

    #[test]
    fn commits_of_one_second_are_in_the_order_of_git() {
        let mut history = History::new("x86_64");
        for (name, second) in [("d", 2), ("c", 1), ("other", 1), ("b", 1), ("a", 3)] {
            history.add(commit(name, &format!("2026-01-01T00:00:0{second}Z"), vec![]));
        }
        let order = |history: &History| history.commits.iter().map(|commit| commit.commit.clone()).collect::<Vec<_>>();
        assert_eq!(order(&history), ["c", "other", "b", "d", "a"]);
        history.put_in_order(&["a", "b", "c", "d"]);
        assert_eq!(order(&history), ["a", "other", "b", "c", "d"]);
    }

    #[test]
    fn what_is_added_again_replaces_its_cases_and_keeps_the_others() {
        let mut history = History::new("x86_64");
        let date = "2026-01-01T00:00:00Z";
        history.add(CommitRecord::left_out("a", date, "no space left"));
        history.add(commit("a", date, vec![values("parse", 1.0), values("print", 2.0)]));
        history.add(commit("a", date, vec![values("parse", 3.0)]));
        history.add(CommitRecord::left_out("a", date, "no space left"));
        assert_eq!(history.commits, [commit("a", date, vec![values("parse", 3.0), values("print", 2.0)])]);
    }

    #[test]
    fn a_commit_says_by_which_filters_its_benchmarks_were_selected() {
        let (mut history, date) = (History::new("x86_64"), "2026-01-01T00:00:00Z");
        let asked = |filters: &[&str], record: CommitRecord| CommitRecord {
            filters: filters.iter().map(|filter| (*filter).to_owned()).collect(),
            ..record
        };
        let mut add = |record: CommitRecord| {
            history.add(record);
            history.commits[0].clone()
        };
        let known = add(asked(&["slow"], CommitRecord::left_out("a", date, "it takes too long")));
        assert_eq!(
            [Some("slow"), Some("slower"), Some("low"), None].map(|filter| known.was_asked(filter)),
            [true, true, false, false]
        );
        let known = add(asked(&["print"], commit("a", date, vec![values("print", 2.0)])));
        assert_eq!(known.filters, ["print"], "of the others nothing is known");
        let known = add(asked(&["parse"], commit("a", date, vec![values("parse", 1.0)])));
        assert_eq!(known.filters, ["parse", "print"]);
        assert_eq!(known.cases.len(), 2);
        assert!(known.was_asked(Some("parse/long")) && !known.was_asked(Some("p")) && !known.was_asked(None));
        let line = serde_json::to_string(&known).expect("encoded");
        assert!(line.contains(r#""filters":["parse","print"]"#), "{line}");
        let known = add(commit("a", date, vec![]));
        assert!(known.filters.is_empty() && known.cases.len() == 2, "all were asked for: {known:?}");
        assert!(known.was_asked(None) && known.was_asked(Some("p")));
        assert!(!serde_json::to_string(&known).expect("encoded").contains("filters"));
        assert!(add(asked(&["p"], commit("a", date, vec![]))).filters.is_empty(), "what is whole stays so");
    }

    #[test]
    fn what_is_no_history_is_refused_with_its_line() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("x.jsonl");
        let header = r#"{"record":"header","schema":1,"environment":"x"}"#;
        let one = r#"{"record":"commit","commit":"a","date":"2026-01-01T00:00:00Z"}"#;
        for (text, why) in [
            (String::new(), "an empty file"),
            (header.replace(":1,", ":2,"), "schema version 2"),
            (format!("{header}\n{one}\n{one}\n"), "x.jsonl:3: not a record (a twice)"),
            (format!("{header}\n{header}\n"), "a second header"),
            (format!("{header}\n{{\n"), "x.jsonl:2"),
        ] {
            std::fs::write(&path, &text).expect("written");
            let error = History::read(&path).expect_err("refused").to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
    }

    #[test]
    fn a_file_of_schema_1_is_read() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/history/schema-1.jsonl");
        let history = History::read(&path).expect("an old file keeps reading");
        assert_eq!((history.commits.len(), history.commits[1].left_out.is_some()), (3, true));
        assert_eq!(history.commits[2].cases[0].values["instructions"], 125.7);
    }
}
