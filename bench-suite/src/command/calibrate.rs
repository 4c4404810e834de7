//! `assay calibrate`: how often this gate cries wolf on this machine, and how small a slowdown it finds.
//!
//! Suites of the gate's own time lane, with the gate's own rules, over the gate's own cases: one program against itself, or with slowdowns of known sizes
//! that are dealt to the cases of each suite. Every suite is one line of a record, with the values of its rounds, so that other rules can be tried on
//! them later; a calibration that was cut off goes on where it stood. Left out on purpose: the counts lane, which is exact.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use baselines::Environment;
use baselines::calibration::{self, Condition, Judge, JudgedCase, Suite};
use baselines::exit::Exit;
use baselines::policy::Policy;
use clap::Args;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_pcg::Pcg64;

use super::sides::Places;
use super::{compare, runs, versus};
use crate::calibration::{Criterion, rules};
use crate::cases::{self, Case};
use crate::input::{SEED, Source};
use crate::pair::conductor::{self, Settings, Sizes};
use crate::pair::jobs::{self, GATED, Job};
use crate::pair::worker::Deadlines;
use crate::revision::{self, Revision};
use crate::runner::artifacts::{self, Program};
use crate::runner::hog::Hog;
use crate::workspace;

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
pub struct Calibrate {
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
        let cases = self.cases()?;
        let calibration = Calibration {
            machine: calibration::machine(&Environment::detect(SEED, "generated")),
            rules: rules(&versus::procedure(), &policy, &cases, runs::today()),
            condition: self.condition(),
            sizes: self.sizes(),
            cases,
            policy,
            known: Sizes::default(),
        };
        let record =
            self.record.clone().unwrap_or_else(|| calibration::path(&workspace::calibrations(), &calibration.machine));
        let mut suites: Vec<Suite> =
            calibration::read(&record)?.into_iter().filter(|suite| suite.rules == calibration.rules).collect();
        let asked = |suite: &&Suite| suite.sizes == calibration.sizes && suite.condition == self.condition();
        let there = suites.iter().filter(asked).count();
        if there < self.suites {
            let (judge, _hog) = self.judge(&calibration.cases)?;
            for number in there..self.suites {
                eprintln!("suite {} of {}", number + 1, self.suites);
                let suite = self.suite(number, &judge, &calibration, &suites)?;
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

    /// The sizes in order, none twice.
    fn sizes(&self) -> Vec<f64> {
        let mut sizes = self.extra.clone();
        sizes.sort_by(f64::total_cmp);
        sizes.dedup();
        sizes
    }

    /// What judges, with the hog that runs meanwhile: builds and first passes are over when it starts.
    fn judge<'a>(&self, cases: &'a [Case]) -> Result<(Judging<'a>, Option<Hog>)> {
        if !self.criterion {
            let programs = self.programs()?;
            return Ok((Judging::Assay(programs), self.hog.then(Hog::start)));
        }
        let artifacts = artifacts::build(&[Program::Times])?;
        let hog = self.hog.then(Hog::start);
        Ok((Judging::Criterion(Criterion::new(artifacts.path(Program::Times)?, cases, source())?), hog))
    }

    /// The programs of both sides.
    fn programs(&self) -> Result<Programs> {
        if self.rebuilt {
            return Ok(Programs::Two(Box::new((revision::build("HEAD")?, revision::rebuild("HEAD")?))));
        }
        let artifacts = artifacts::build(&[Program::Worker])?;
        let worker = artifacts.path(Program::Worker)?;
        Ok(Programs::One(Box::new(Places::new(worker, worker)?)))
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
        Condition { judge, background_load: self.hog, two_builds: self.rebuilt }
    }

    /// One suite, measured and judged.
    fn suite(&self, number: usize, judge: &Judging<'_>, calibration: &Calibration, before: &[Suite]) -> Result<Suite> {
        let (started_at, began) = (runs::now(), Instant::now());
        let Said { cases, invalid, controls } = match judge {
            Judging::Criterion(passes) => Said { cases: passes.pass()?, invalid: vec![], controls: vec![] },
            Judging::Assay(programs) => {
                let drawn = format!("{number}|{:?}|{:?}", calibration.sizes, self.condition());
                let seed = memory::hash::fnv1a(drawn.as_bytes());
                match programs {
                    Programs::One(places) => calibration.suite(number, seed, places, before)?,
                    Programs::Two(builds) => {
                        calibration.suite(number, seed, &apart(&builds.0, &builds.1, seed)?, before)?
                    }
                }
            }
        };
        Ok(Suite {
            schema: calibration::SCHEMA,
            rules: calibration.rules.clone(),
            started_at,
            duration_s: seconds(began.elapsed()),
            commit: Environment::detect(SEED, "generated").commit,
            machine: calibration.machine.clone(),
            number,
            sizes: calibration.sizes.clone(),
            condition: self.condition(),
            invalid,
            controls,
            cases,
        })
    }
}

/// What all suites of one command share.
struct Calibration {
    machine: String,
    rules: String,
    condition: Condition,
    sizes: Vec<f64>,
    cases: Vec<Case>,
    policy: Policy,
    /// How many operations make a slice: found out in the first suite.
    known: Sizes,
}

/// What came of one suite.
struct Said {
    cases: Vec<JudgedCase>,
    invalid: Vec<String>,
    controls: Vec<String>,
}

impl Calibration {
    /// The time lane of a gate, with a slowdown of known size in each case; `before` are the suites that the margins come from.
    fn suite(&self, number: usize, seed: u64, places: &Places, before: &[Suite]) -> Result<Said> {
        let source = source();
        let (base, new) = (places.base.side("this tree", &[]), places.new.side("this tree", &[]));
        let dealt = deal(&self.sizes, self.cases.len(), number, seed);
        let mut all: Vec<Job> = Vec::with_capacity(self.cases.len() + 2);
        for (case, extra) in self.cases.iter().zip(&dealt) {
            let mut job = jobs::job(case, base, new, &source, *extra);
            // What measures the noise is not judged by it.
            if self.sizes != [0.0] {
                job.pair.noise = calibration::noise(before, &self.machine, self.condition, case.id, &job.pair.metric);
            }
            all.push(job);
        }
        all.extend(jobs::controls(new, &source)?);
        let procedure = versus::procedure();
        let settings = Settings {
            procedure: &procedure,
            policy: &self.policy,
            today: runs::today(),
            seed,
            deadlines: Deadlines::default(),
            budget: None,
            sizes: &self.known,
        };
        let folder = tempfile::tempdir().context("no folder for the rounds")?;
        let mut writer = versus::scratch_run(&folder.path().join("suite.jsonl"))?;
        conductor::conduct(all, &settings, &mut writer)?;
        let run = writer.so_far();
        let outcome = baselines::paired::judge(&procedure, &run.pairs, &self.policy, settings.today)?;
        let mut invalid: Vec<String> = run.invalid.iter().map(|item| format!("{}: {}", item.what, item.why)).collect();
        invalid.extend(outcome.wrong_controls.iter().map(|wrong| format!("{}: {}", wrong.what, wrong.why)));
        let judged = (0..self.cases.len()).filter(|index| !run.pairs[*index].abandoned);
        let cases = judged
            .zip(&outcome.deltas)
            .map(|(index, delta)| JudgedCase::new(self.cases[index].id, &run.pairs[index], delta, dealt[index]))
            .collect::<baselines::Result<_>>()?;
        Ok(Said { cases, invalid, controls: outcome.controls })
    }
}

/// A size for each case: as many of each as there can be, drawn anew for every suite, and no size favoured over many suites.
fn deal(sizes: &[f64], cases: usize, number: usize, seed: u64) -> Vec<f64> {
    let mut dealt: Vec<f64> = (0..cases).map(|case| sizes[(case + number) % sizes.len()]).collect();
    dealt.shuffle(&mut Pcg64::seed_from_u64(seed));
    dealt
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

/// Who judges, with what it needs.
enum Judging<'a> {
    Assay(Programs),
    Criterion(Criterion<'a>),
}

/// What the gate measures in a suite.
enum Programs {
    /// One program on both sides.
    One(Box<Places>),
    /// Two builds of one source.
    Two(Box<(Revision, Revision)>),
}

/// Two builds as the gate measures them, in a layout a round; other layouts in every suite, and none on both sides.
fn apart(base: &Revision, new: &Revision, seed: u64) -> Result<Places> {
    let mut places = Places::new(base.artifacts.path(Program::Worker)?, new.artifacts.path(Program::Worker)?)?;
    match (&base.layouts, &new.layouts) {
        (Ok(base), Ok(new)) => places.lay_out((base, seed), (new, !seed)),
        (Err(why), _) | (_, Err(why)) => eprintln!("skipped: layouts: {why}"),
    }
    Ok(places)
}

/// Every suite works on the same episodes.
fn source() -> Source {
    Source { seed: Some(SEED), corpus: None }
}

fn seconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_dealt_evenly_and_to_every_case() {
        let sizes = [0.0, 3.0, 5.0];
        let mut seen = vec![std::collections::BTreeMap::new(); 4];
        for number in 0..60 {
            let dealt = deal(&sizes, seen.len(), number, number as u64);
            for size in sizes {
                let of_size = dealt.iter().filter(|dealt| **dealt == size).count();
                assert!((1..=2).contains(&of_size), "{dealt:?}");
            }
            for (case, size) in dealt.iter().enumerate() {
                *seen[case].entry(size.to_string()).or_insert(0) += 1;
            }
        }
        for case in &seen {
            assert_eq!(case.len(), sizes.len(), "{seen:?}");
            assert!(case.values().all(|times| *times >= 8), "{seen:?}");
        }
        assert_eq!(deal(&[0.0], 3, 7, 1), [0.0; 3]);
    }
}
