//! Prints a run, writes its reports, and stores its verdict.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use baselines::Run;
use baselines::exit_code::Exit;
use baselines::gate::Judgement;
use claims::each_toggle;
use harness::foreign;
use harness::lanes::source;
use harness::session::judging::Judged;
use harness::session::runs;
use harness::workspace;
use memory::hash::fnv1a;
use reports::{Format, RawFile, Report};
use serde::{Deserialize, Serialize};

use super::trend;

/// Prints and publishes a judged session, and returns its exit code.
pub fn judged(judged: Judged, format: Option<Format>) -> Result<Exit> {
    let Judged { finished, judgement, against, notes } = judged;
    let exit = judgement.outcome.exit();
    let stored = StoredVerdict { against, judgement, notes };
    let text = serde_json::to_vec_pretty(&stored).context("can't serialize the judgement")?;
    baselines::atomic::write(&verdict_path(&finished.path), &text)?;
    let mut report = report(&finished.path, finished.run)?;
    stored.attach_to(&mut report);
    print_and_write(&report, &finished.path, format)?;
    Ok(exit)
}

/// Prints a report, as text or in the given format, and writes its files.
pub fn print_and_write(report: &Report, run: &Path, format: Option<Format>) -> Result<()> {
    let page = write(report, run)?;
    print!("{}", reports::render(report, format.unwrap_or(Format::Text))?);
    let paths = format!("run:    {}\nreport: {}", run.display(), page.display());
    match format {
        None => println!("\n{paths}"),
        Some(_) => eprintln!("{paths}"),
    }
    Ok(())
}

/// Writes a run's report in every format but a terminal's, and returns the page's path.
pub fn write(report: &Report, run: &Path) -> Result<PathBuf> {
    let folder = workspace::output().join("reports").join(report_name(run)?);
    let report = &with_raw_data(report, run)?;
    for format in [Format::Html, Format::Json, Format::Markdown, Format::Junit, Format::Github] {
        reports::write(report, format, &folder.join(format!("index.{}", format.extension())))?;
    }
    Ok(folder.join("index.html"))
}

/// The report with the files that make it again, if Assay measured: the run, its call stacks, the history that it has
/// already, and its verdict.
pub fn with_raw_data(report: &Report, run: &Path) -> Result<Report> {
    let mut report = report.clone();
    if report.run.header.is_foreign() {
        return Ok(report);
    }
    let history = std::mem::take(&mut report.raw);
    for path in [run.to_owned(), runs::stacks_path(run)] {
        match std::fs::read(&path) {
            Ok(bytes) => report.raw.push(RawFile::new(&path, bytes)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error).with_context(|| format!("can't read {}", path.display())),
        }
    }
    report.raw.extend(history);
    if let Some((judgement, against)) = report.judgement.clone().zip(report.against.clone()) {
        let stored = StoredVerdict { against, judgement, notes: report.notes.clone() };
        let bytes = serde_json::to_vec(&stored).context("can't serialize the judgement")?;
        report.raw.push(RawFile::new(&verdict_path(run), bytes));
    }
    Ok(report)
}

/// A name that no other run has: its own among the runs, elsewhere with a hash of the whole path.
fn report_name(run: &Path) -> Result<String> {
    let (place, kept) = foreign::split(run);
    let place = place.canonicalize().with_context(|| format!("can't read {}", place.display()))?;
    let name = place.file_name().unwrap_or(place.as_os_str()).to_string_lossy();
    let name = name.strip_suffix(".jsonl").unwrap_or(&name);
    if runs::folder().canonicalize().is_ok_and(|runs| place.parent() == Some(&runs)) {
        return Ok(name.to_owned());
    }
    let kept = kept.map(|kept| format!("-{kept}")).unwrap_or_default();
    let hash = fnv1a(format!("{}{kept}", place.display()).as_bytes()) as u32;
    Ok(format!("{}{kept}-{hash:08x}", name.trim_matches('/')))
}

/// A report of a stored run, with the call stacks and the history that lie beside it.
pub fn report(path: &Path, run: Run) -> Result<Report> {
    let mut report = Report::new(run);
    let naive = |toggle: &memory::Toggle| Some((toggle.name.to_owned(), (*toggle.strategies.first()?).to_owned()));
    report.naive = memory::TOGGLES.iter().filter_map(naive).collect();
    if report.run.header.is_foreign() {
        report.notes = foreign::notes(&report.run);
    } else {
        report.phases = each_toggle::phases_of(report.run.measurements.iter().map(|measurement| &measurement.case))?;
        report.profiles = runs::read_stacks(path)?;
        report.notes = source::notes(&report.run);
        if let Err(error) = trend::attach(&mut report, path) {
            eprintln!("the report shows no trends: {error:#}");
        }
    }
    Ok(report)
}

/// A session's verdict, stored beside its run, as the base's counts are in another file.
#[derive(Serialize, Deserialize)]
pub struct StoredVerdict {
    against: String,
    judgement: Judgement,
    notes: Vec<String>,
}

impl StoredVerdict {
    /// The verdict of a run; none where it was not judged when it was measured, or another tool measured.
    pub fn of(run: &Path) -> Result<Option<StoredVerdict>> {
        if foreign::is_foreign(run) {
            return Ok(None);
        }
        let path = verdict_path(run);
        match std::fs::read(&path) {
            Ok(text) => {
                let stored =
                    serde_json::from_slice(&text).with_context(|| format!("{}: not a judgement", path.display()))?;
                Ok(Some(stored))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("can't read {}", path.display())),
        }
    }

    /// Adds it to a report. The file in a page has all notes, also those that the run gives again.
    pub fn attach_to(self, report: &mut Report) {
        report.judgement = Some(self.judgement);
        report.against = Some(self.against);
        for note in self.notes {
            if !report.notes.contains(&note) {
                report.notes.push(note);
            }
        }
    }
}

fn verdict_path(run: &Path) -> PathBuf {
    run.with_extension("judgement.json")
}

#[cfg(test)]
mod tests {
    use baselines::{Environment, RunHeader};

    use super::*;

    #[test]
    fn a_note_that_the_run_gives_is_not_attached_again() {
        let mut report = Report::new(Run::new(RunHeader::new("x", "full", Environment::detect(1, "generated"))));
        report.notes = vec!["of the run".to_owned()];
        let notes = vec!["of the run".to_owned(), "of the gate".to_owned()];
        StoredVerdict { against: "x".to_owned(), judgement: Judgement::same_program(), notes }.attach_to(&mut report);
        assert_eq!(report.notes, ["of the run", "of the gate"]);
    }
}
