//! `assay calibrate`: how often this gate cries wolf on this machine, and how small a slowdown it finds.
//!
//! Suites of the gate's own time lane, with the gate's own rules, over the gate's own cases: one program against itself, or with a known part of more
//! work on half of the cases. Every suite is one line of a record, with the values of its rounds, so that other rules can be tried on them later; a
//! calibration that was cut off goes on where it stood. Left out on purpose: the counts lane, which is exact.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use baselines::Environment;
use baselines::exit::Exit;
use baselines::policy::Policy;
use clap::Args;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_pcg::Pcg64;

use super::sides::Places;
use super::{compare, runs, versus};
use crate::calibration::{self, Condition, Criterion, Judge, Suite, Tried};
use crate::cases::{self, Case};
use crate::input::{SEED, Source};
use crate::pair::conductor::{self, Settings};
use crate::pair::jobs::{self, GATED, Side};
use crate::pair::worker::Deadlines;
use crate::revision;
use crate::runner::artifacts::{self, Program};
use crate::runner::hog::Hog;

/// Measure the gate itself: false alarms, and what it finds
#[derive(Debug, Args)]
#[command(after_help = "\
Each suite takes as long as the time lane of a gate. The record grows by a line a suite; type the same command again to go on.

Examples:
  assay calibrate --suites 50 --extra 0              false alarms: one program against itself
  assay calibrate --suites 30 --extra 3,5,10         what is found of +3%, +5% and +10%
  assay calibrate --suites 50 --extra 0 --hog        the same while every core is busy
  assay calibrate --suites 20 --extra 0 --rebuilt    one source, built twice: what the place of code does
  assay calibrate --suites 20 --extra 0 --criterion  what criterion says of one program measured twice
  assay calibrate --suites 0                         the table of what was measured before")]
pub struct Calibrate {
    /// Suites of each size, those that are in the record included
    #[arg(long, value_name = "N", default_value_t = 10)]
    suites: usize,

    /// Sizes of the slowdown, in per cent; 0 is one program against itself
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

    /// The record [default: target/assay/calibration.jsonl]
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,

    /// Only the gate's cases that contain this text
    #[arg(long, value_name = "FILTER")]
    only: Option<String>,

    /// How far metrics may move [default: the built-in policy]
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
}

impl Calibrate {
    /// Measures what the record lacks, and prints the table.
    ///
    /// # Errors
    /// The build, a child process or the disk failed, or the record can't be read.
    pub fn execute(&self) -> Result<Exit> {
        for extra in &self.extra {
            ensure!((0.0..=1000.0).contains(extra), "--extra {extra}: give per cent, from 0 to 1000");
            ensure!(
                *extra == 0.0 || !self.criterion,
                "--extra {extra}: criterion's bench can't be slowed down, give --extra 0 with --criterion"
            );
        }
        let policy = compare::standard_policy(self.policy.as_deref())?;
        let record = self.record.clone().unwrap_or_else(calibration::standard_record);
        let cases = self.cases()?;
        let rules = calibration::rules(&versus::procedure(), &policy, &cases);
        let mut suites: Vec<Suite> =
            calibration::read(&record)?.into_iter().filter(|suite| suite.rules == rules).collect();
        if let Some(first) = self.missing(&suites) {
            let (judge, _hog) = self.judge(&cases)?;
            let mut next = Some(first);
            while let Some((extra, number)) = next {
                eprintln!("suite {} of {} at {extra:+}%", number + 1, self.suites);
                let suite = match &judge {
                    Judging::Criterion(passes) => self.criterion_suite(passes, number, &rules)?,
                    Judging::Assay(places) => self.suite(extra, number, &cases, places, &policy, &rules)?,
                };
                calibration::append(&record, &suite)?;
                eprintln!("{}", suite.sentence());
                suites.push(suite);
                next = self.missing(&suites);
            }
        }
        if suites.is_empty() {
            eprintln!("no suite in {} was measured by these rules", record.display());
            return Ok(Exit::Nothing);
        }
        print!("{}", calibration::table(&suites)?);
        let chart = record.with_extension("svg");
        match calibration::chart(&suites)? {
            Some(svg) => {
                baselines::atomic::write(&chart, svg.as_bytes())?;
                println!("\nrecord: {}\nchart:  {}", record.display(), chart.display());
            }
            None => println!("\nrecord: {}", record.display()),
        }
        Ok(Exit::Ok)
    }

    /// What judges, with the hog that runs meanwhile: builds and first passes are over when it starts.
    fn judge<'a>(&self, cases: &'a [Case]) -> Result<(Judging<'a>, Option<Hog>)> {
        if !self.criterion {
            let places = self.places()?;
            return Ok((Judging::Assay(places), self.hog.then(Hog::start)));
        }
        let artifacts = artifacts::build(&[Program::Times])?;
        let hog = self.hog.then(Hog::start);
        Ok((Judging::Criterion(Criterion::new(artifacts.path(Program::Times)?, cases, source())?), hog))
    }

    /// The programs of both sides.
    fn places(&self) -> Result<Places> {
        if self.rebuilt {
            let (base, new) = (revision::build("HEAD")?, revision::rebuild("HEAD")?);
            return Places::new(base.artifacts.path(Program::Worker)?, new.artifacts.path(Program::Worker)?);
        }
        let artifacts = artifacts::build(&[Program::Worker])?;
        let worker = artifacts.path(Program::Worker)?;
        Places::new(worker, worker)
    }

    fn cases(&self) -> Result<Vec<Case>> {
        let all: Vec<Case> = GATED.iter().map(|id| cases::find(id, &[])).collect::<Result<_>>()?;
        let chosen: Vec<Case> = all
            .into_iter()
            .filter(|case| self.only.as_ref().is_none_or(|only| case.label().contains(only) || case.id.contains(only)))
            .collect();
        ensure!(!chosen.is_empty(), "none of the gate's cases matches: `assay run --list` names them");
        Ok(chosen)
    }

    fn condition(&self) -> Condition {
        let judge = if self.criterion { Judge::Criterion } else { Judge::Assay };
        Condition { judge, hog: self.hog, rebuilt: self.rebuilt }
    }

    /// The next suite to measure: sizes take turns, so that a calibration that is cut off has some of each.
    fn missing(&self, suites: &[Suite]) -> Option<(f64, usize)> {
        let have = |extra: f64| {
            suites.iter().filter(|suite| suite.extra_percent == extra && suite.condition == self.condition()).count()
        };
        let fewest = self.extra.iter().map(|extra| (*extra, have(*extra))).min_by_key(|(_, have)| *have);
        fewest.filter(|(_, have)| *have < self.suites)
    }

    /// One pass of criterion.
    fn criterion_suite(&self, passes: &Criterion<'_>, number: usize, rules: &str) -> Result<Suite> {
        let (started_at, began) = (runs::now(), Instant::now());
        let tried = passes.pass()?;
        let environment = Environment::detect(SEED, "generated");
        Ok(Suite {
            schema: calibration::SCHEMA,
            rules: rules.to_owned(),
            started_at,
            duration_s: seconds(began.elapsed()),
            commit: environment.commit.clone(),
            machine: calibration::machine(&environment),
            number,
            extra_percent: 0.0,
            condition: self.condition(),
            invalid: vec![],
            controls: vec![],
            tried,
        })
    }

    fn suite(
        &self,
        extra: f64,
        number: usize,
        cases: &[Case],
        places: &Places,
        policy: &Policy,
        rules: &str,
    ) -> Result<Suite> {
        let seed = memory::hash::fnv1a(format!("{number}|{extra}|{:?}", self.condition()).as_bytes());
        let source = source();
        let base = Side { name: "this tree", worker: &places.base, set: &[] };
        let new = Side { name: "this tree", worker: &places.new, set: &[] };
        let mut slowed: Vec<usize> = (0..cases.len()).collect();
        slowed.shuffle(&mut Pcg64::seed_from_u64(seed));
        slowed.truncate(if extra > 0.0 { cases.len().div_ceil(2) } else { 0 });
        let extra_of = |index: usize| if slowed.contains(&index) { extra } else { 0.0 };
        let mut all: Vec<_> = cases
            .iter()
            .enumerate()
            .map(|(index, case)| jobs::job(case, base, new, &source, extra_of(index)))
            .collect();
        all.extend(jobs::controls(new, &source)?);
        let procedure = versus::procedure();
        let settings = Settings {
            procedure: &procedure,
            policy,
            today: runs::today(),
            seed,
            deadlines: Deadlines::default(),
            budget: None,
        };
        let (started_at, began) = (runs::now(), Instant::now());
        let folder = tempfile::tempdir().context("no folder for the rounds")?;
        let mut writer = versus::scratch_run(&folder.path().join("suite.jsonl"))?;
        conductor::conduct(all, &settings, &mut writer)?;
        let run = writer.so_far();
        let outcome = baselines::paired::judge(&procedure, &run.pairs, policy, settings.today)?;
        let mut invalid: Vec<String> = run.invalid.iter().map(|item| format!("{}: {}", item.what, item.why)).collect();
        invalid.extend(outcome.wrong_controls.iter().map(|wrong| format!("{}: {}", wrong.what, wrong.why)));
        let judged = (0..cases.len()).filter(|index| !run.pairs[*index].abandoned);
        let tried = judged
            .zip(&outcome.deltas)
            .map(|(index, delta)| Tried::new(&run.pairs[index], delta, extra_of(index)))
            .collect::<Result<_>>()?;
        let environment = &run.header.environment;
        Ok(Suite {
            schema: calibration::SCHEMA,
            rules: rules.to_owned(),
            started_at,
            duration_s: seconds(began.elapsed()),
            commit: environment.commit.clone(),
            machine: calibration::machine(environment),
            number,
            extra_percent: extra,
            condition: self.condition(),
            invalid,
            controls: outcome.controls,
            tried,
        })
    }
}

/// Who judges, with what it needs.
enum Judging<'a> {
    Assay(Places),
    Criterion(Criterion<'a>),
}

/// Every suite works on the same episodes.
fn source() -> Source {
    Source { seed: Some(SEED), corpus: None }
}

fn seconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 10.0).round() / 10.0
}
