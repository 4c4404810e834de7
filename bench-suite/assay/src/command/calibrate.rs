//! `assay calibrate`: the gate's false-alarm rate on this machine, and the smallest slowdown that it finds.
//!
//! Runs suites of the gate's time lane, with the gate's rules and cases: one program against itself, or with slowdowns
//! of known sizes, dealt to the cases of each suite. A suite is one line of a record, with the values of its rounds, so
//! that other rules can be tried on them later; an interrupted calibration continues. With `--load`, a suite is one
//! gate of the memory's server under load. The counts lane is exact and is not calibrated.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use baselines::calibration::{self, Condition, Judge, Suite};
use baselines::exit_code::Exit;
use clap::Args;
use harness::calibration::suites::Calibration;
use harness::session::rulebook::Rulebook;
use harness::workspace;

/// Measure the gate itself: its false alarms, and the slowdowns that it finds
#[derive(Debug, Args)]
#[command(after_help = "\
A suite takes as long as a gate's time lane; with --load, about two minutes. With several sizes, each suite deals them
to its cases. The record grows by one line per suite; repeat an interrupted command to continue. Suites of older rules
are listed separately.

Examples:
  assay calibrate --suites 50 --extra 0              false alarms: one program against itself
  assay calibrate --suites 50 --extra 0 --hog        the same with every core busy
  assay calibrate --suites 30                        slowdowns of 1% to 10%, beside unchanged cases
  assay calibrate --suites 10 --waits                the same by waiting instead of working
  assay calibrate --suites 20 --extra 0 --rebuilt    false alarms: one source, built twice
  assay calibrate --suites 20 --extra 0 --criterion  criterion's false alarms on one program
  assay calibrate --suites 30 --extra 0 --load       false alarms: the memory's server under load
  assay calibrate --suites 30 --extra 10 --load      the same with 10% more CPU time in every request
  assay calibrate --suites 0                         table, chart and page of the record, without measuring")]
pub struct CalibrateArgs {
    /// The number of suites with these sizes, including those in the record
    #[arg(long, value_name = "N", default_value_t = 10)]
    suites: usize,

    /// Sizes of slowdowns, in per cent, assigned in turn to the cases of a suite; 0 is an A/A test
    #[arg(long, value_name = "PERCENT", value_delimiter = ',', default_values_t = [0.0, 1.0, 2.0, 3.0, 5.0, 10.0])]
    extra: Vec<f64>,

    /// Keep every core busy during the suites
    #[arg(long)]
    hog: bool,

    /// Measure the last commit against another build of the same source, with another code placement
    #[arg(long)]
    rebuilt: bool,

    /// Slow down by waits instead of work: each slice ends with a sleep of that part of its time
    #[arg(long, conflicts_with_all = ["criterion", "load"])]
    waits: bool,

    /// Let criterion judge instead, each pass against the previous one, for comparison with this gate
    #[arg(long, conflicts_with = "rebuilt")]
    criterion: bool,

    /// Gate the memory's server under load instead of its cases; a slowdown is CPU time in every request
    #[arg(long, conflicts_with_all = ["criterion", "only"])]
    load: bool,

    /// The record [default: this machine's in baselines/calibration]
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,

    /// Only the gate's cases that contain this text
    #[arg(long, value_name = "FILTER")]
    only: Option<String>,

    /// The limits of metrics [default: the built-in policy]
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
}

impl CalibrateArgs {
    /// Measures the suites that the record lacks, and prints the table.
    pub fn execute(&self) -> Result<Exit> {
        for extra in &self.extra {
            ensure!((0.0..=1000.0).contains(extra), "--extra {extra}: give per cent, from 0 to 1000");
            ensure!(
                *extra == 0.0 || !self.criterion,
                "--extra {extra}: criterion's bench can't be slowed down: give --extra 0"
            );
        }
        let judge = if self.criterion { Judge::Criterion } else { Judge::Assay };
        let condition = Condition {
            judge,
            background_load: self.hog,
            two_builds: self.rebuilt,
            under_load: self.load,
            waits: self.waits,
        };
        let policy = Rulebook::of_this_tree(self.policy.as_deref())?.policy;
        let calibration = Calibration::new(self.extra.clone(), condition, policy, self.only.as_deref())?;
        let standard = || calibration::path(&workspace::calibrations(), &calibration.machine);
        let record = self.record.clone().unwrap_or_else(standard);
        let (mut suites, older): (Vec<Suite>, Vec<Suite>) =
            calibration::read(&record)?.into_iter().partition(|suite| calibration.judges(suite));
        let measured = suites.iter().filter(|suite| calibration.has_measured(suite)).count();
        if measured < self.suites {
            let judging = calibration.prepare()?;
            for number in measured..self.suites {
                eprintln!("suite {} of {}", number + 1, self.suites);
                let suite = calibration.suite(number, &judging)?;
                calibration::append(&record, &suite)?;
                eprintln!("{}", suite.sentence());
                suites.push(suite);
            }
        }
        if suites.is_empty() && older.is_empty() {
            eprintln!("{} has no suite: give --suites", record.display());
            return Ok(Exit::Nothing);
        }
        print!("{}", reports::calibration::tables(&suites, &older)?);
        publish(&suites, &older, &record)?;
        Ok(Exit::Ok)
    }
}

/// Writes the chart and the page beside the record.
fn publish(suites: &[Suite], older: &[Suite], record: &Path) -> Result<()> {
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let (chart, page) = (record.with_extension("svg"), record.with_extension("md"));
    let svg = reports::calibration::chart(suites)?;
    if let Some(svg) = &svg {
        baselines::atomic::write(&chart, svg.as_bytes())?;
    }
    let text = reports::calibration::page(suites, older, &name(record), svg.map(|_| name(&chart)).as_deref())?;
    baselines::atomic::write(&page, text.as_bytes())?;
    println!("\nrecord: {}\npage:   {}", record.display(), page.display());
    Ok(())
}
