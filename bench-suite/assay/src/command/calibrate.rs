//! `assay calibrate`: how often this gate cries wolf on this machine, and how small a slowdown it finds.
//!
//! Suites of the gate's own time lane, with the gate's own rules, over the gate's own cases: one program against
//! itself, or with slowdowns of known sizes that are dealt to the cases of each suite. Every suite is one line of a
//! record, with the values of its rounds, so that other rules can be tried on them later; a calibration that was cut
//! off goes on where it stood. Left out on purpose: the counts lane, which is exact.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use baselines::calibration::{self, Condition, Judge, Suite};
use baselines::exit::Exit;
use clap::Args;
use harness::calibration::suites::Calibration;
use harness::session::judging::standard_policy;
use harness::workspace;

/// Measure the gate itself: false alarms, and what it finds
#[derive(Debug, Args)]
#[command(after_help = "\
Each suite takes as long as the time lane of a gate. Where several sizes are given, each suite deals them to its cases in turn, so that all of them
are measured at once. The record grows by a line a suite; type the same command again to go on. Measure programs against themselves first: how far they
move a case is the least margin that the gate, and every suite with slowdowns, allows it from then on.

Examples:
  assay calibrate --suites 50 --extra 0              false alarms: one program against itself
  assay calibrate --suites 50 --extra 0 --hog        the same while every core is busy
  assay calibrate --suites 30                        what is found of +1% to +20%, beside cases that are the same
  assay calibrate --suites 20 --extra 0 --rebuilt    one source, built twice: what the gate says of it in a layout a round
  assay calibrate --suites 20 --extra 0 --criterion  what criterion says of one program measured twice
  assay calibrate --suites 0                         the table, the chart and the page of what was measured before")]
pub struct CalibrateArgs {
    /// Suites with these sizes, those that are in the record included
    #[arg(long, value_name = "N", default_value_t = 10)]
    suites: usize,

    /// Sizes of slowdowns, in per cent, dealt to the cases of each suite; 0 is one program against itself
    #[arg(long, value_name = "PERCENT", value_delimiter = ',', default_values_t = [0.0, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0])]
    extra: Vec<f64>,

    /// Keep every core busy meanwhile
    #[arg(long)]
    hog: bool,

    /// Measure the last commit against another build of the same source, whose code lies elsewhere
    #[arg(long)]
    rebuilt: bool,

    /// Let criterion judge instead, each pass against the one before: to be compared with this gate
    #[arg(long, conflicts_with = "rebuilt")]
    criterion: bool,

    /// The record [default: that of this machine in baselines/calibration]
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,

    /// Only the gate's cases that contain this text
    #[arg(long, value_name = "FILTER")]
    only: Option<String>,

    /// How far metrics may move [default: the built-in policy]
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
}

impl CalibrateArgs {
    /// Measures what the record lacks, and prints the table.
    pub fn execute(&self) -> Result<Exit> {
        for extra in &self.extra {
            ensure!((0.0..=1000.0).contains(extra), "--extra {extra}: give per cent, from 0 to 1000");
            ensure!(
                *extra == 0.0 || !self.criterion,
                "--extra {extra}: criterion's bench can't be slowed down, give --extra 0 with --criterion"
            );
        }
        let judge = if self.criterion { Judge::Criterion } else { Judge::Assay };
        let condition = Condition { judge, background_load: self.hog, two_builds: self.rebuilt };
        let policy = standard_policy(self.policy.as_deref())?;
        let calibration = Calibration::new(self.extra.clone(), condition, policy, self.only.as_deref())?;
        let standard = || calibration::path(&workspace::calibrations(), &calibration.machine);
        let record = self.record.clone().unwrap_or_else(standard);
        let mut suites: Vec<Suite> =
            calibration::read(&record)?.into_iter().filter(|suite| suite.rules == calibration.rules).collect();
        let there = suites.iter().filter(|suite| calibration.has_measured(suite)).count();
        if there < self.suites {
            let judging = calibration.prepare()?;
            for number in there..self.suites {
                eprintln!("suite {} of {}", number + 1, self.suites);
                let suite = calibration.suite(number, &judging, &suites)?;
                calibration::append(&record, &suite)?;
                eprintln!("{}", suite.sentence());
                suites.push(suite);
            }
        }
        if suites.is_empty() {
            eprintln!("no suite in {} was measured by these rules", record.display());
            return Ok(Exit::Nothing);
        }
        print!("{}", reports::calibration::table(&suites)?);
        publish(&suites, &record)?;
        Ok(Exit::Ok)
    }
}

/// Writes the chart and the page beside the record.
fn publish(suites: &[Suite], record: &Path) -> Result<()> {
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let (chart, page) = (record.with_extension("svg"), record.with_extension("md"));
    let svg = reports::calibration::chart(suites)?;
    if let Some(svg) = &svg {
        baselines::atomic::write(&chart, svg.as_bytes())?;
    }
    let text = reports::calibration::page(suites, &name(record), svg.map(|_| name(&chart)).as_deref())?;
    baselines::atomic::write(&page, text.as_bytes())?;
    println!("\nrecord: {}\npage:   {}", record.display(), page.display());
    Ok(())
}
