//! Suites of the gate's own time lane, with the gate's own rules, over the gate's own cases.
//!
//! Slowdowns of known sizes are dealt to the cases of each suite. The counts lane is exact and needs no calibration.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use baselines::calibration::{self, Condition, Judge, JudgedCase, Suite};
use baselines::policy::Policy;
use baselines::{Environment, RunWriter, paired};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_pcg::Pcg64;
use workloads::cases::{self, Case, Tag};
use workloads::input::{SEED, Source};

use super::criterion::Criterion;
use super::rules;
use crate::background_load::BackgroundLoad;
use crate::build::cargo::{self, OwnProgram};
use crate::build::checkout::Build;
use crate::schedule::jobs::{self, Job, Side};
use crate::schedule::program::Deadlines;
use crate::schedule::scheduler::{self, Settings, Sizes};
use crate::session::sides::SideBySide;
use crate::session::{ab, plan, runs};
use crate::subject::Subject;
use crate::subject::memory::MemorySubject;

/// What all suites of one command share.
pub struct Calibration {
    /// The CPU and its cores.
    pub machine: String,
    /// A name for all that a verdict depends on beside the times.
    pub rules: String,
    /// How the suites are measured.
    pub condition: Condition,
    /// The sizes of slowdowns, in per cent, in order, none twice; 0 is one program against itself.
    pub sizes: Vec<f64>,
    cases: Vec<Case>,
    policy: Policy,
    /// How many operations make a slice: found out in the first suite.
    known: Sizes,
}

/// Who judges, with what it needs; and the load that runs meanwhile.
pub struct Judging<'a> {
    programs: Programs<'a>,
    _load: Option<BackgroundLoad>,
}

enum Programs<'a> {
    /// The gate, on one program on both sides.
    One(Box<Build>),
    /// The gate, on two builds of one source.
    Two(Box<(Build, Build)>),
    /// Criterion, each pass against the one before.
    Criterion(Box<Criterion<'a>>),
}

/// What came of one suite.
struct Verdicts {
    cases: Vec<JudgedCase>,
    invalid: Vec<String>,
    controls: Vec<String>,
}

impl Calibration {
    /// A calibration on this machine, of the gate's cases that contain the text.
    pub fn new(mut sizes: Vec<f64>, condition: Condition, policy: Policy, only: Option<&str>) -> Result<Calibration> {
        sizes.sort_by(f64::total_cmp);
        sizes.dedup();
        let gated = cases::LISTED.iter().filter(|listed| listed.has(Tag::Gated));
        let mut cases: Vec<Case> = gated.map(|listed| listed.resolve(&[])).collect::<Result<_>>()?;
        cases.retain(|case| only.is_none_or(|only| case.label().contains(only) || case.id.contains(only)));
        ensure!(!cases.is_empty(), "none of the gate's cases matches: `assay run --list` names them");
        Ok(Calibration {
            machine: calibration::machine(&Environment::detect(SEED, "generated")),
            rules: rules(&ab::procedure(), &policy, &cases, runs::today()),
            condition,
            sizes,
            cases,
            policy,
            known: Sizes::default(),
        })
    }

    /// A suite of the record that this calibration would measure again.
    pub fn has_measured(&self, suite: &Suite) -> bool {
        suite.rules == self.rules && suite.sizes == self.sizes && suite.condition == self.condition
    }

    /// Builds what is measured. Builds and first passes are over when the background load starts.
    pub fn prepare(&self) -> Result<Judging<'_>> {
        let subject = MemorySubject { source: source() };
        let programs = match self.condition {
            Condition { judge: Judge::Criterion, .. } => {
                let bench = cargo::build_one(OwnProgram::Times)?;
                Programs::Criterion(Box::new(Criterion::new(&bench, &self.cases, source())?))
            }
            Condition { two_builds: true, .. } => {
                Programs::Two(Box::new((subject.revision("HEAD")?, subject.rebuilt("HEAD")?)))
            }
            _ => Programs::One(Box::new(subject.built()?)),
        };
        Ok(Judging { programs, _load: self.condition.background_load.then(BackgroundLoad::start) })
    }

    /// Measures and judges one suite; `before` are the suites that the margins come from.
    pub fn suite(&self, number: usize, judging: &Judging<'_>, before: &[Suite]) -> Result<Suite> {
        let (started_at, began) = (runs::now(), Instant::now());
        let seed = memory::hash::fnv1a(format!("{number}|{:?}|{:?}", self.sizes, self.condition).as_bytes());
        let Verdicts { cases, invalid, controls } = match &judging.programs {
            Programs::Criterion(passes) => Verdicts { cases: passes.pass()?, invalid: vec![], controls: vec![] },
            Programs::One(build) => self.gate(number, seed, &SideBySide::new(build, build)?, before)?,
            Programs::Two(builds) => {
                let mut both = SideBySide::new(&builds.0, &builds.1)?;
                // Other layouts in every suite, and none on both sides.
                if let Err(why) = both.randomize_layouts(seed, !seed) {
                    eprintln!("skipped: layouts: {why}");
                }
                self.gate(number, seed, &both, before)?
            }
        };
        Ok(Suite {
            schema: calibration::SCHEMA,
            rules: self.rules.clone(),
            started_at,
            duration_s: (began.elapsed().as_secs_f64() * 10.0).round() / 10.0,
            commit: Environment::detect(SEED, "generated").commit,
            machine: self.machine.clone(),
            number,
            sizes: self.sizes.clone(),
            condition: self.condition,
            invalid,
            controls,
            cases,
        })
    }

    /// The time lane of a gate, with a slowdown of known size in each case.
    fn gate(&self, number: usize, seed: u64, both: &SideBySide, before: &[Suite]) -> Result<Verdicts> {
        let subject = MemorySubject { source: source() };
        let (base, new) = both.sides();
        let dealt = deal(&self.sizes, self.cases.len(), number, seed);
        let mut all: Vec<Job> = Vec::with_capacity(self.cases.len() + 2);
        for (case, extra) in self.cases.iter().zip(&dealt) {
            let case = MemorySubject::case(case, &[]);
            let program = |side: Side<'_>, extra| subject.program(side.build, &case, side.layouts, extra);
            let mut job = jobs::job(&case, "this tree", program(base, 0.0), program(new, *extra));
            // What measures the noise is not judged by it.
            if self.sizes != [0.0] {
                job.pair.noise = calibration::noise(before, &self.machine, self.condition, &case.id, case.metric);
            }
            all.push(job);
        }
        all.extend(jobs::controls(&subject, &[], new));
        let procedure = ab::procedure();
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
        let header = plan::header("quick", Environment::detect(SEED, "generated"));
        let mut writer = RunWriter::create(&folder.path().join("suite.jsonl"), header)?;
        scheduler::run_rounds(all, &settings, &mut writer)?;
        let run = writer.so_far();
        let verdicts = paired::judge(&procedure, &run.pairs, &self.policy, settings.today)?;
        let invalid = run.invalid.iter().chain(&verdicts.wrong_controls);
        let judged = (0..self.cases.len()).filter(|index| !run.pairs[*index].abandoned);
        let cases = judged
            .zip(&verdicts.deltas)
            .map(|(index, delta)| Ok(JudgedCase::new(self.cases[index].id, &run.pairs[index], delta, dealt[index])?))
            .collect::<Result<_>>()?;
        Ok(Verdicts {
            cases,
            invalid: invalid.map(|entry| format!("{}: {}", entry.what, entry.why)).collect(),
            controls: verdicts.controls,
        })
    }
}

/// A size for each case: as many of each as there can be, drawn anew for every suite, and no size favoured over many
/// suites.
fn deal(sizes: &[f64], cases: usize, number: usize, seed: u64) -> Vec<f64> {
    let mut dealt: Vec<f64> = (0..cases).map(|case| sizes[(case + number) % sizes.len()]).collect();
    dealt.shuffle(&mut Pcg64::seed_from_u64(seed));
    dealt
}

/// Every suite works on the same episodes.
fn source() -> Source {
    Source { seed: Some(SEED), corpus: None }
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
