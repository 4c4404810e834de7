//! `assay run`: measures, and prints the path of the report.

use std::path::PathBuf;

use anyhow::Result;
use baselines::exit_code::Exit;
use baselines::{Lane, Run};
use clap::Args;
use harness::lanes::effect;
use harness::session::plan::{FinishedRun, RunProfile, Selection};
use harness::session::{judging, run};
use harness::subject;
use harness::workspace;

use super::cargo_args::CargoArgs;
use super::publish;
use super::selection::SelectionArgs;

/// Measure, store the numbers, write the report
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  assay run --profile quick              every lane, briefly, without some cases
  assay run --profile full               every case, for longer
  assay run retrieve --lane counts       exact counts of the retrieval benchmarks
  assay run step/log --set codec=postcard
  assay run --lane counts --repeat 5     the spread of the counts, in the report
  assay run --lane source                lines, unwraps, clones, duplicate dependencies and code size of any cargo workspace
  assay run --lane effect                traffic to a database server 0, 1, 15 and 45 ms away, and over HTTP.
                                         Needs an sqld: scripts/setup installs one, SQLD=path names one,
                                         LIBSQL_URL (and LIBSQL_AUTH_TOKEN) a server")]
pub struct RunArgs {
    #[command(flatten)]
    pub selection: SelectionArgs,

    #[command(flatten)]
    pub cargo: CargoArgs,

    /// The duration [default: quick; full for exact counts alone]
    #[arg(long, value_name = "quick|full")]
    pub profile: Option<RunProfile>,

    /// Write the run to this file instead of a new one in target/assay/runs
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,

    /// List what would be measured, and measure nothing
    #[arg(long)]
    pub list: bool,

    /// List the metrics, and measure nothing
    #[arg(long)]
    pub metrics: bool,

    /// List the toggles and their strategies, and measure nothing
    #[arg(long)]
    pub toggles: bool,
}

impl RunArgs {
    /// Measures, and prints the path of the report.
    pub fn execute(&self) -> Result<Exit> {
        if self.metrics {
            for metric in baselines::metric::METRICS {
                println!("{:<18} {:<7} {}", metric.name, metric.lane, metric.about);
            }
            return Ok(Exit::Ok);
        }
        if self.toggles {
            for toggle in memory::TOGGLES {
                println!("{:<12} {:<40} {}", toggle.name, toggle.strategies.join(" | "), toggle.about);
            }
            return Ok(Exit::Ok);
        }
        self.selection.refuse_of_memory_if(!workspace::has_the_memory())?;
        if self.list {
            return self.list();
        }
        let selection = self.selection.selection();
        self.cargo.refuse_if(workspace::has_the_memory() || selection.is_source())?;
        if selection.is_source() {
            return self.judged(run::source(&selection, self.output.as_deref(), None)?, &selection);
        }
        if !workspace::has_the_memory() {
            let subject = subject::here(selection.source()?, self.cargo.choice())?;
            let FinishedRun { path, run } = run::measure_subject(&*subject, &selection, self.output.as_deref())?;
            let exit = exit(&run);
            publish::print_and_write(&publish::report(&path, run)?, &path, None)?;
            return Ok(exit);
        }
        self.judged(run::measure(&selection, self.profile(), self.output.as_deref(), None)?, &selection)
    }

    /// Publishes a run, judged by the stored baseline if one fits.
    fn judged(&self, finished: FinishedRun, selection: &Selection) -> Result<Exit> {
        let FinishedRun { path, run } = finished;
        let exit = exit(&run);
        let judged = judging::by_baseline(&run, selection)?;
        let mut report = publish::report(&path, run)?;
        if let Some((baseline, judgement)) = judged {
            report.against = Some(format!("baseline {}", baseline.display()));
            report.judgement = Some(judgement);
        }
        publish::print_and_write(&report, &path, None)?;
        Ok(exit)
    }

    fn list(&self) -> Result<Exit> {
        let selection = self.selection.selection();
        if !workspace::has_the_memory() {
            let subject = subject::here(selection.source()?, self.cargo.choice())?;
            let build = subject.working_tree()?;
            let listed = subject.list(&build)?;
            for (what, why) in build.skipped.iter().chain(&listed.left_out) {
                eprintln!("skipped: {what}: {why}");
            }
            let cases = subject.choose(&listed.cases, selection.filter.as_deref(), &selection.set)?.cases;
            cases.iter().for_each(|case| println!("{:<32} {}", case.program, case.label()));
            return Ok(if cases.is_empty() { Exit::Nothing } else { Exit::Ok });
        }
        let (selected, _) = self.profile.unwrap_or(RunProfile::Full).choose(&selection)?;
        for case in &selected.cases {
            println!("{:<32} {}", case.id, case.label());
        }
        let effect = match selection.lanes().contains(&Lane::Effect) {
            true => effect::select(selection.filter.as_deref(), &selection.set)?,
            false => vec![],
        };
        for found in &effect {
            println!("{:<32} {}", "lane effect", found.label());
        }
        Ok(if selected.cases.is_empty() && effect.is_empty() { Exit::Nothing } else { Exit::Ok })
    }

    /// The given profile. By default counts alone are measured in full: a baseline needs every case.
    fn profile(&self) -> RunProfile {
        let counts_alone = self.selection.selection().lanes() == [Lane::Counts];
        self.profile.unwrap_or(if counts_alone { RunProfile::Full } else { RunProfile::Quick })
    }
}

/// The exit code says if the run is valid. The gate judges if something got worse.
fn exit(run: &Run) -> Exit {
    if !run.invalid.is_empty() {
        Exit::Invalid
    } else if run.measurements.is_empty() {
        Exit::Nothing
    } else {
        Exit::Ok
    }
}
