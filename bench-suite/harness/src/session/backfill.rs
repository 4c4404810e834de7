//! Measures earlier commits for the history: builds each, counts its benchmarks, and adds what it found.
//!
//! The newest commit comes first, as it says the environment. Every commit is written as soon as it is measured, so
//! that an interrupted backfill continues where it stopped. Only counts are made: times of other sessions can't be
//! compared.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use baselines::history::{CommitRecord, History};
use baselines::{Lane, RunWriter};

use super::plan::{self, Selection};
use crate::budget::Budget;
use crate::build::checkout::Build;
use crate::build::git::{git, is_ancestor, repository_of, resolve, short};
use crate::lanes::counts::{self, CountPlan};
use crate::recorded::selects;
use crate::subject::{Counting, NothingToMeasure, Subject, SubjectCase};
use crate::tools::valgrind;
use crate::workspace;

/// The longest reason that is kept of a commit that does not build, in letters.
const REASON: usize = 300;

/// A commit and its date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatedCommit {
    /// The full commit.
    pub commit: String,
    /// The committer's date, RFC 3339 in UTC.
    pub date: String,
}

/// The commits to measure.
#[derive(Clone, Copy)]
pub struct Backfill<'a> {
    /// Their benchmarks.
    pub subject: &'a dyn Subject,
    /// The benchmarks to count.
    pub selection: &'a Selection,
    /// The folder of histories.
    pub folder: &'a Path,
    /// Try commits again that are left out.
    pub retry: bool,
}

/// What a backfill did.
#[derive(Debug, Default)]
pub struct Backfilled {
    /// Commits that were measured.
    pub measured: usize,
    /// Commits of which the history had every benchmark that was asked for.
    pub known: usize,
    /// Commits that gave no value, and why.
    pub left_out: Vec<(String, String)>,
    /// The number of those that an earlier backfill left out: they were not tried again.
    pub left_out_before: usize,
}

/// The commits of a range `A..B` on the first parent's side, the newest first, every `every`-th of them.
pub fn commits(repository: &Path, range: &str, every: usize) -> Result<Vec<DatedCommit>> {
    ensure!(
        range.contains("..") && !range.contains("..."),
        "`{range}` is no range: give two revisions, as in v1.0..main"
    );
    let listed = git(repository, &["log", "--first-parent", "--format=%H %ct", "--end-of-options", range])?;
    listed.lines().step_by(every.max(1)).map(parse).collect()
}

/// The reason why a range has no commit, and what to give instead.
pub fn no_commits(repository: &Path, range: &str) -> String {
    let (from, to) = range.split_once("..").unwrap_or((range, ""));
    // Git takes a missing end for HEAD.
    let [from, to] = [from, to].map(|end| if end.is_empty() { "HEAD" } else { end });
    let ends = resolve(repository, to).ok().zip(resolve(repository, from).ok());
    match ends.is_some_and(|(to, from)| is_ancestor(repository, &to, &from)) {
        true => format!("`{range}` has no commits, because {to} is an ancestor of {from}: give {to}..{from}"),
        false => format!("`{range}` has no commits: give two revisions, the older one first"),
    }
}

/// The date of a commit; none where the repository does not know it.
pub fn date(repository: &Path, commit: &str) -> Option<String> {
    let line = git(repository, &["log", "-1", "--format=%H %ct", "--end-of-options", commit]).ok()?;
    parse(line.trim()).ok().map(|dated| dated.date)
}

fn parse(line: &str) -> Result<DatedCommit> {
    let (commit, seconds) = line.split_once(' ').context("git prints a commit and its time")?;
    let time = jiff::Timestamp::from_second(seconds.parse()?)?;
    Ok(DatedCommit { commit: commit.to_owned(), date: time.to_string() })
}

impl Backfill<'_> {
    /// Measures commits, the newest first.
    ///
    /// # Errors
    /// Nothing can be counted here, or the history can't be read or written. A commit that fails is left out.
    pub fn run(&self, commits: &[DatedCommit]) -> Result<Backfilled> {
        if let Some(why) = valgrind::missing() {
            anyhow::bail!("a history is of exact counts: {why}");
        }
        if let Counting::No(why) = self.subject.counting() {
            anyhow::bail!("a history is of exact counts: {why}");
        }
        let order: Vec<&str> = commits.iter().rev().map(|dated| dated.commit.as_str()).collect();
        let keep = |history: &mut History, record: CommitRecord| {
            history.add(record);
            history.put_in_order(&order);
            history.write(self.folder)
        };
        let (mut done, mut failed, mut history) = (Backfilled::default(), Vec::new(), None::<History>);
        for (number, dated) in (1..).zip(commits) {
            if let Some(record) = history.as_ref().and_then(|history| self.known(history, dated)) {
                done.note_known(record);
                continue;
            }
            eprintln!("{} ({number} of {}, {})", short(&dated.commit), commits.len(), &dated.date[..10]);
            let built = self.subject.revision(&dated.commit);
            let known = match (&mut history, &built) {
                (Some(known), _) => known,
                (None, Ok(build)) => history.insert(self.open(build)?),
                (None, Err(error)) => {
                    // Until a commit builds, nobody knows the environment.
                    failed.push(CommitRecord::left_out(&dated.commit, &dated.date, reason(error)));
                    continue;
                }
            };
            if let Some(record) = self.known(known, dated) {
                done.note_known(record);
                continue;
            }
            let record = match built.and_then(|build| self.measure(&build, dated, known)) {
                Ok(Ok(record)) => record,
                // Nothing is known of the commit: the filter may be mistyped.
                Ok(Err(why)) => {
                    done.leave_out(&dated.commit, why);
                    continue;
                }
                Err(error) => CommitRecord::left_out(&dated.commit, &dated.date, reason(&error)),
            };
            done.note(&record);
            keep(known, record)?;
        }
        for record in failed {
            done.note(&record);
            if let Some(history) = &mut history {
                keep(history, record)?;
            }
        }
        Ok(done)
    }

    /// What the history has of a commit that need not be measured.
    fn known<'h>(&self, history: &'h History, dated: &DatedCommit) -> Option<&'h CommitRecord> {
        let filter = self.selection.filter.as_deref();
        history.find(&dated.commit).filter(|known| match &known.left_out {
            Some(_) => !self.retry && known.was_asked(filter),
            None => known.was_asked(filter) && known.cases.iter().any(|values| selects(filter, "", &values.case)),
        })
    }

    /// The history of a build's environment.
    fn open(&self, build: &Build) -> Result<History> {
        let listed = self.subject.list(build)?;
        NothingToMeasure::of(None, &[(build, &listed)])?;
        let environment = plan::environment_of(self.subject, build, &[(build, &listed)], &self.counts())?;
        Ok(History::open(self.folder, &environment.key())?)
    }

    fn counts(&self) -> Selection {
        Selection { lanes: vec![Lane::Counts], ..self.selection.clone() }
    }

    /// Counts the benchmarks of a commit that the history does not have, or says why none is selected.
    fn measure(&self, build: &Build, dated: &DatedCommit, history: &History) -> Result<Result<CommitRecord, String>> {
        let (subject, selection) = (self.subject, self.counts());
        let filter = selection.filter.as_deref();
        let listed = subject.list(build)?;
        NothingToMeasure::of(None, &[(build, &listed)])?;
        let environment = plan::environment_of(subject, build, &[(build, &listed)], &selection)?;
        let key = environment.key();
        ensure!(
            key == history.environment,
            "it needs another environment, {key}: run another backfill with that toolchain"
        );
        let mut cases = subject.choose(&listed.cases, filter, &selection.set)?.cases;
        if cases.is_empty() {
            let none = NothingToMeasure::of(filter, &[(build, &listed)]).err().map(|error| error.to_string());
            return Ok(Err(none.unwrap_or_else(|| "it has no such benchmark that can be measured".to_owned())));
        }
        let filters = filter.map(str::to_owned).into_iter().collect();
        let mut record = CommitRecord { filters, ..CommitRecord::new(&dated.commit, &dated.date, vec![]) };
        let had = history.find(&dated.commit).map(|known| &known.cases[..]).unwrap_or_default();
        let is_new = |case: &SubjectCase| had.iter().all(|values| values.case != case.key);
        let has_some = !cases.iter().all(is_new);
        cases.retain(is_new);
        if cases.is_empty() {
            return Ok(Ok(record));
        }
        subject.size(build, &mut cases, Budget::default());
        for case in &mut cases {
            case.operations = history.operations(&case.key).unwrap_or(case.operations);
        }
        cases.retain(|case| case.operations > 0);
        let folder = workspace::temporary("history-")?;
        let mut writer = RunWriter::create(&folder.path().join("run.jsonl"), plan::header("full", environment))?;
        let plan = CountPlan { subject, build, cases: &cases, repeat: selection.repeat, budget: Budget::default() };
        counts::measure(plan, &mut writer, |_| false)?;
        let run = writer.so_far();
        record.cases = baselines::history::exact(&run.measurements);
        if record.cases.is_empty() && !has_some {
            let failed = run.invalid.iter().map(|entry| &entry.why).chain(run.skipped.iter().map(|entry| &entry.why));
            let why = failed.map(String::as_str).next().unwrap_or("its benchmarks take too long to be counted");
            record.left_out = Some(shortened(why));
        }
        Ok(Ok(record))
    }
}

impl Backfilled {
    fn note(&mut self, record: &CommitRecord) {
        match &record.left_out {
            Some(why) => self.leave_out(&record.commit, why.clone()),
            // The history had all of it.
            None if record.cases.is_empty() => self.known += 1,
            None => self.measured += 1,
        }
    }

    fn note_known(&mut self, record: &CommitRecord) {
        match &record.left_out {
            Some(why) => {
                self.leave_out(&record.commit, why.clone());
                self.left_out_before += 1;
            }
            None => self.known += 1,
        }
    }

    fn leave_out(&mut self, commit: &str, why: String) {
        eprintln!("left out: {}: {why}", short(commit));
        self.left_out.push((commit.to_owned(), why));
    }
}

/// The repository of a subject.
pub fn repository(subject: &dyn Subject) -> Result<std::path::PathBuf> {
    repository_of(&subject.root())
}

/// An error on one line that is not too long for a record.
fn reason(error: &anyhow::Error) -> String {
    shortened(&format!("{error:#}"))
}

fn shortened(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match text.char_indices().nth(REASON) {
        Some((end, _)) => format!("{}..", &text[..end]),
        None => text,
    }
}
