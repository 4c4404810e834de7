//! Suites of the gate's time lane, with the gate's rules, over the gate's cases, and gates of a server under load, with
//! theirs.
//!
//! The cases of each suite get slowdowns of known sizes. The counts lane is exact and needs no calibration.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use baselines::calibration::{self, Condition, Judge, JudgedCase, Suite};
use baselines::policy::Policy;
use baselines::{Environment, RunWriter, paired};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_pcg::Pcg64;
use stats::Procedure;
use workloads::cases::{self, Case, Tag};
use workloads::input::{SEED, Source};

use super::background_load::BackgroundLoad;
use super::criterion::Criterion;
use super::rules;
use super::rules::rules_of_load;
use super::server::{self, NAME, ServerGates};
use crate::budget::Budget;
use crate::build::cargo::{self, OwnProgram};
use crate::build::checkout::Build;
use crate::schedule::deadlines::Deadlines;
use crate::schedule::jobs::{self, Job};
use crate::schedule::scheduler::{self, Settings, Sizes};
use crate::session::staged_sides::StagedSides;
use crate::session::{plan, runs};
use crate::subject::memory::{MemorySubject, two_builds};

/// The shared settings of all suites of one command.
pub struct Calibration {
    /// The CPU and its cores.
    pub machine: String,
    /// Hashes of the rules of the time lane and of the load lane: see [`rules()`].
    rules: [String; 2],
    /// The condition under which suites are measured.
    pub condition: Condition,
    /// The sizes of slowdowns in per cent, sorted, without duplicates; 0 is one program against itself.
    pub sizes: Vec<f64>,
    cases: Vec<Case>,
    policy: Policy,
    /// The operations of a slice, as the first suite found them.
    known: Sizes,
}

/// The judge with its programs, and the background load.
pub struct Judging<'a> {
    programs: Programs<'a>,
    _load: Option<BackgroundLoad>,
}

enum Programs<'a> {
    /// The gate, with one program on both sides.
    One(Box<Build>),
    /// The gate, with two builds of one source.
    Two(Box<[Build; 2]>),
    /// The gate, of the memory's server under load.
    Served(Box<ServerGates>),
    /// Criterion, each pass against the previous one.
    Criterion(Box<Criterion<'a>>),
}

/// The result of one suite.
struct Verdicts {
    cases: Vec<JudgedCase>,
    invalid: Vec<String>,
    controls: Vec<String>,
}

impl Calibration {
    /// A calibration on this machine, of the gate's cases whose label or identifier contains `only`.
    pub fn new(mut sizes: Vec<f64>, condition: Condition, policy: Policy, only: Option<&str>) -> Result<Calibration> {
        sizes.sort_by(f64::total_cmp);
        sizes.dedup();
        let gated = cases::LISTED.iter().filter(|listed| listed.has(Tag::Gated));
        let mut cases: Vec<Case> = gated.map(|listed| listed.resolve(&[])).collect::<Result<_>>()?;
        cases.retain(|case| only.is_none_or(|only| case.label().contains(only) || case.id.contains(only)));
        ensure!(!cases.is_empty(), "no case of the gate matches: `assay run --list` shows the cases");
        let (procedure, today) = (Procedure::default(), runs::today());
        Ok(Calibration {
            machine: calibration::machine(&Environment::detect(SEED, "generated")),
            rules: [
                rules(&procedure, &policy, &cases, today),
                rules_of_load(&procedure, &policy, &server::load(), today),
            ],
            condition,
            sizes,
            cases,
            policy,
            known: Sizes::default(),
        })
    }

    /// True if today's rules judged that suite of the record.
    pub fn judges(&self, suite: &Suite) -> bool {
        suite.rules == self.rules_of(suite.condition)
    }

    /// True if this calibration would repeat that suite of the record.
    pub fn has_measured(&self, suite: &Suite) -> bool {
        self.judges(suite) && suite.sizes == self.sizes && suite.condition == self.condition
    }

    fn rules_of(&self, condition: Condition) -> &str {
        &self.rules[usize::from(condition.under_load)]
    }

    /// Builds the programs. The background load starts after the builds and criterion's first pass.
    pub fn prepare(&self) -> Result<Judging<'_>> {
        let subject = MemorySubject { source: source() };
        let programs = match self.condition {
            Condition { judge: Judge::Criterion, .. } => {
                let bench = cargo::build_one(OwnProgram::Times)?;
                Programs::Criterion(Box::new(Criterion::new(&bench, &self.cases, source())?))
            }
            Condition { under_load: true, two_builds: true, .. } => {
                Programs::Served(Box::new(ServerGates::new(&two_builds(OwnProgram::MemoryServer, "HEAD")?)?))
            }
            Condition { under_load: true, .. } => {
                let build = subject.in_place(cargo::build_one(OwnProgram::MemoryServer)?)?;
                Programs::Served(Box::new(ServerGates::new(&[build.clone(), build])?))
            }
            Condition { two_builds: true, .. } => Programs::Two(Box::new(two_builds(OwnProgram::Worker, "HEAD")?)),
            _ => Programs::One(Box::new(subject.built()?)),
        };
        Ok(Judging { programs, _load: self.condition.background_load.then(BackgroundLoad::start) })
    }

    /// Measures and judges one suite.
    pub fn suite(&self, number: usize, judging: &Judging<'_>) -> Result<Suite> {
        let (started_at, began) = (runs::now(), Instant::now());
        let seed = memory::hash::fnv1a(format!("{number}|{:?}|{:?}", self.sizes, self.condition).as_bytes());
        let Verdicts { cases, invalid, controls } = match &judging.programs {
            Programs::Criterion(passes) => Verdicts { cases: passes.pass()?, invalid: vec![], controls: vec![] },
            Programs::One(build) => self.gate(number, seed, &StagedSides::new(build, build)?)?,
            Programs::Served(gates) => {
                let extra = deal(&self.sizes, 1, number, seed)[0];
                self.judge(gates.jobs(extra)?, &[(NAME, extra)], seed)?
            }
            Programs::Two(builds) => {
                let [base, new] = &**builds;
                let mut both = StagedSides::new(base, new)?;
                // New layouts in every suite; what the two builds share lies alike, as in a gate.
                if let Err(why) = both.randomize_layouts(seed) {
                    eprintln!("skipped: layouts: {why}");
                }
                self.gate(number, seed, &both)?
            }
        };
        Ok(Suite {
            schema: calibration::SCHEMA,
            rules: self.rules_of(self.condition).to_owned(),
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

    /// Runs the gate's time lane, with a slowdown of known size in each case.
    fn gate(&self, number: usize, seed: u64, both: &StagedSides) -> Result<Verdicts> {
        let subject = MemorySubject { source: source() };
        let (base, new) = both.sides();
        let dealt = deal(&self.sizes, self.cases.len(), number, seed);
        let mut all: Vec<Job> = Vec::with_capacity(self.cases.len() + 2);
        for (case, extra) in self.cases.iter().zip(&dealt) {
            let case = MemorySubject::case(case, &[]);
            let work = if self.condition.waits { 0.0 } else { *extra };
            let mut programs = [base.program(&subject, &case, 0.0), new.program(&subject, &case, work)];
            if self.condition.waits {
                for (program, percent) in programs.iter_mut().zip([0.0, *extra]) {
                    program.command.arguments.push(format!("--extra-wait={percent:08.3}"));
                }
            }
            let [base, new] = programs;
            all.push(jobs::job(&case, "this tree", base, new));
        }
        all.extend(jobs::controls(&subject, &[], new));
        let cases: Vec<_> = self.cases.iter().map(|case| case.id).zip(dealt).collect();
        self.judge(all, &cases, seed)
    }

    /// Measures and judges jobs, the first of which are these cases with so much extra work.
    fn judge(&self, jobs: Vec<Job>, named: &[(&str, f64)], seed: u64) -> Result<Verdicts> {
        let procedure = Procedure::default();
        let settings = Settings {
            procedure: &procedure,
            policy: &self.policy,
            today: runs::today(),
            seed,
            deadlines: Deadlines::default(),
            first_look_only: false,
            budget: Budget::default(),
            sizes: &self.known,
        };
        let folder = tempfile::tempdir().context("can't create a folder for the rounds")?;
        let header = plan::header("quick", Environment::detect(SEED, "generated"));
        let mut writer = RunWriter::create(&folder.path().join("suite.jsonl"), header)?;
        scheduler::run_rounds(jobs, &settings, &mut writer)?;
        let run = writer.so_far();
        let verdicts = paired::judge(&procedure, &run.pairs, &self.policy, settings.today, 0)?;
        let invalid = run.invalid.iter().chain(&verdicts.wrong_controls);
        let mut cases = Vec::with_capacity(verdicts.deltas.len());
        for ((name, extra), paired) in named.iter().zip(&run.pairs) {
            let own = verdicts.deltas.iter().filter(|delta| !paired.abandoned && delta.case == paired.pair.case);
            // What only advises is told beside the metric that decides, and is not calibrated.
            for delta in own.filter(|delta| delta.blocks || delta.metric == paired.pair.metric) {
                let is_slowed = match self.condition {
                    Condition { under_load: true, .. } => true, // its answers are delayed, too
                    Condition { waits: true, .. } => ["waiting_time", "wall_time"].contains(&delta.metric.as_str()),
                    // Extra work is time: it takes no longer to wait.
                    _ => delta.metric == paired.pair.metric,
                };
                cases.push(JudgedCase::new(name, paired, delta, if is_slowed { *extra } else { 0.0 })?);
            }
        }
        Ok(Verdicts {
            cases,
            invalid: invalid.map(|entry| format!("{}: {}", entry.what, entry.why)).collect(),
            controls: verdicts.controls,
        })
    }
}

/// Deals a size to each case: evenly, shuffled anew for every suite, and even over many suites too.
fn deal(sizes: &[f64], cases: usize, number: usize, seed: u64) -> Vec<f64> {
    let mut dealt: Vec<f64> = (0..cases).map(|case| sizes[(case + number) % sizes.len()]).collect();
    dealt.shuffle(&mut Pcg64::seed_from_u64(seed));
    dealt
}

/// All suites use the same episodes.
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
