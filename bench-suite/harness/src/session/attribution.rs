//! Attributes counts and times that got worse to whoever made them so: [`baselines::doing`] says how.
//!
//! Nothing is built or counted unless something blocks. Without evidence a change stays as it is, and blocks.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result, anyhow};
use baselines::delta::{Delta, Verdict};
use baselines::doing::{BuildInputs, Doing, Whose, by_execution, by_inputs};
use baselines::policy::Policy;
use baselines::{CaseKey, Metric, RunWriter};

use super::runs;
use crate::budget::{Budget, NO_TIME};
use crate::build::git::git;
use crate::build::unoptimised::{self, Unoptimised};
use crate::lanes::executed_functions::{self, Executed};
use crate::progress::Progress;
use crate::subject::{Subject, SubjectCase};

/// The most cases that are counted once more, the worst first.
const MOST: usize = 12;

/// The most instructions of these cases together, as they are measured, unless the worst alone has more. Without
/// optimisation they are ten to thirty times as many, and callgrind counts some ten million per second.
const MOST_INSTRUCTIONS: f64 = 1e8;

/// The two sides of a comparison.
pub struct BothSides<'a> {
    /// What builds them.
    pub subject: &'a dyn Subject,
    /// The revisions, the base's first; none for the working tree.
    pub revisions: [Option<String>; 2],
    /// The measured programs.
    pub programs: [PathBuf; 2],
    /// The cases.
    pub cases: Vec<SubjectCase>,
    /// Both sides without optimisation, once somebody asked for them.
    pub unoptimised: OnceCell<[Unoptimised; 2]>,
    /// The time that is left, without that of these builds.
    pub budget: Cell<Budget>,
    /// The cases for which there was no time. They are not tried again.
    pub too_late: RefCell<BTreeSet<CaseKey>>,
}

impl BothSides<'_> {
    /// Attributes each exact count that got worse and blocks.
    pub fn attribute_counts(&self, counts: &mut [Delta], policy: &Policy) {
        let costs = self.costs(counts);
        self.attribute(counts, &costs, policy, is_count, |_| None);
    }

    /// Attributes each CPU time that got worse and blocks. `counts` are those of the same cases, attributed.
    pub fn attribute_times(&self, times: &mut [Delta], counts: &[Delta], policy: &Policy) {
        let known = |case: &CaseKey| counts.iter().filter(|delta| delta.case == *case).find_map(|of| of.doing.clone());
        self.attribute(times, &self.costs(counts), policy, is_cpu_time, known);
        let of_compiler = |delta: &&mut Delta| delta.doing.as_ref().is_some_and(|doing| doing.whose == Whose::Compiler);
        for delta in times.iter_mut().filter(of_compiler) {
            if !is_compiled_otherwise(&delta.case, counts) {
                delta.blocks = true;
                delta.doing = Some(Doing::unknown(
                    "it executes the same code, before optimisation and after it: its data may be placed differently",
                ));
            }
        }
    }

    /// Records for how many cases there was no time.
    pub fn record_too_late(&self, writer: &mut RunWriter) -> Result<()> {
        let cases = match self.too_late.borrow().len() {
            0 => return Ok(()),
            1 => "1 case".to_owned(),
            number => format!("{number} cases"),
        };
        Ok(writer.skipped(format!("whose doing it is that {cases} got worse"), NO_TIME)?)
    }

    /// Attributes what is looked into: by what is `known` of a case, or by a look at it.
    fn attribute(
        &self,
        deltas: &mut [Delta],
        costs: &BTreeMap<CaseKey, f64>,
        policy: &Policy,
        is_looked_into: impl Fn(&Delta) -> bool,
        known: impl Fn(&CaseKey) -> Option<Doing>,
    ) {
        let blocks = |delta: &Delta| delta.verdict == Verdict::Regressed && delta.blocks && is_looked_into(delta);
        let worse = self.worse(deltas.iter().filter(|delta| blocks(delta)), costs);
        let (known, new): (Vec<_>, Vec<_>) =
            worse.into_iter().map(|case| (known(&case.key), case)).partition(|(known, _)| known.is_some());
        let mut new: Vec<SubjectCase> = new.into_iter().map(|(_, case)| case).collect();
        new.retain(|case| !self.too_late.borrow().contains(&case.key));
        let unknown = |error: anyhow::Error| vec![Some(Doing::unknown(format!("{error:#}"))); new.len()];
        let doings = match new.is_empty() {
            true => vec![],
            false => self.doings(&new).unwrap_or_else(unknown),
        };
        let known = known.into_iter().map(|(doing, case)| (case, doing));
        for (case, doing) in known.chain(new.into_iter().zip(doings)) {
            let Some(doing) = doing else {
                self.too_late.borrow_mut().insert(case.key);
                continue;
            };
            for delta in deltas.iter_mut().filter(|delta| blocks(delta) && delta.case == case.key) {
                let limit = policy.limit(&delta.case, &delta.metric, runs::today());
                delta.set_doing(doing.clone(), limit.and_then(|limit| limit.compiler));
            }
        }
    }

    /// The measured instructions of a count by case, as far as they are among these.
    fn costs(&self, counts: &[Delta]) -> BTreeMap<CaseKey, f64> {
        let instructions = counts.iter().filter(|delta| delta.metric == "instructions");
        let cost = |delta: &Delta| {
            let case = self.cases.iter().find(|case| case.key == delta.case)?;
            Some((delta.case.clone(), delta.base?.max(delta.new?) * case.operations as f64))
        };
        instructions.filter_map(cost).collect()
    }

    /// The cases of deltas that are looked into, the worst first.
    fn worse<'a>(&self, deltas: impl Iterator<Item = &'a Delta>, costs: &BTreeMap<CaseKey, f64>) -> Vec<SubjectCase> {
        let mut worse: Vec<&Delta> = deltas.collect();
        let size = |delta: &Delta| delta.relative.unwrap_or(f64::INFINITY);
        worse.sort_by(|a, b| size(b).total_cmp(&size(a)));
        let (mut cases, mut left): (Vec<SubjectCase>, _) = (Vec::new(), MOST_INSTRUCTIONS);
        for delta in worse {
            let found = self.cases.iter().find(|case| case.key == delta.case);
            let Some(case) = found.filter(|case| !cases.iter().any(|known| known.is(case))) else { continue };
            let cost = costs.get(&case.key).copied().unwrap_or_default();
            if cases.is_empty() || cost <= left {
                left -= cost;
                cases.push(case.clone());
            }
        }
        cases.truncate(MOST);
        cases
    }

    /// Whose doing it is that these cases got worse, in their order; none where there was no time to find out.
    fn doings(&self, cases: &[SubjectCase]) -> Result<Vec<Option<Doing>>> {
        let [base, new] = [self.inputs(0)?, self.inputs(1)?];
        if let Some(doing) = by_inputs(&base, &new) {
            return Ok(vec![Some(doing); cases.len()]);
        }
        if self.budget.get().for_causes().is_over() {
            return Ok(vec![None; cases.len()]);
        }
        let built = self.built()?;
        let budget = self.budget.get().for_causes();
        let progress = Progress::start("whose doing", 2 * cases.len());
        let subject = self.subject;
        let execute = |side: usize| {
            executed_functions::count(subject, &built[side], cases, budget, |case| progress.done(&case.label()))
        };
        let (of_base, of_new) = std::thread::scope(|scope| {
            let of_base = scope.spawn(|| execute(0));
            let of_new = execute(1);
            (of_base.join().unwrap_or_else(|_| Err(anyhow!("a counting thread panicked"))), of_new)
        });
        let both = of_base.context("the base")?.into_iter().zip(of_new.context("the new side")?);
        let doing = |(of_base, of_new): (Executed, Executed)| -> Result<Option<Doing>> {
            let executed = of_base?.zip(of_new?);
            Ok(executed.map(|(of_base, of_new)| by_execution((&of_base, &base), (&of_new, &new))))
        };
        let unknown = |error: anyhow::Error| Some(Doing::unknown(format!("{error:#}")));
        Ok(both.map(|sides| doing(sides).unwrap_or_else(unknown)).collect())
    }

    /// Both sides without optimisation: built when they are needed, and once.
    fn built(&self) -> Result<&[Unoptimised; 2]> {
        if let Some(built) = self.unoptimised.get() {
            return Ok(built);
        }
        eprintln!("whose doing: building both sides without optimisation");
        let began = Instant::now();
        let build = |side: usize| self.subject.unoptimised(self.revisions[side].as_deref());
        let built = build(0).and_then(|base| Ok([base, build(1)?]));
        self.budget.set(self.budget.get().without(began.elapsed()));
        let built = built?;
        Ok(self.unoptimised.get_or_init(|| built))
    }

    /// What a side was built with, besides its source.
    fn inputs(&self, side: usize) -> Result<BuildInputs> {
        let root = self.subject.root();
        let text = |file: &str| match &self.revisions[side] {
            Some(revision) => git(&root, &["show", &format!("{revision}:./{file}")]).ok(),
            None => std::fs::read_to_string(root.join(file)).ok(),
        };
        let toolchain = unoptimised::compiler(&self.programs[side])?;
        let (lock, manifest) = (text("Cargo.lock").unwrap_or_default(), text("Cargo.toml").unwrap_or_default());
        let mut inputs = BuildInputs::read(&toolchain, &lock, &manifest)?;
        for file in [".cargo/config.toml", ".cargo/config"] {
            inputs.settings.extend(text(file).map(|text| (file.to_owned(), text)));
        }
        Ok(inputs)
    }
}

fn is_count(delta: &Delta) -> bool {
    Metric::is_exact(&delta.metric)
}

fn is_cpu_time(delta: &Delta) -> bool {
    ["cpu_time", "wall_time"].contains(&&*delta.metric)
}

/// True if the optimiser made other instructions of a case, and these miss the simulated caches no more than before.
/// Otherwise a time may be longer because data lie elsewhere, and that is nobody's doing but the change's.
fn is_compiled_otherwise(case: &CaseKey, counts: &[Delta]) -> bool {
    let both = |metric: &str| {
        let of_case = counts.iter().find(|delta| delta.case == *case && delta.metric == metric);
        of_case.and_then(|delta| delta.base.zip(delta.new))
    };
    let changed = ["instructions", "branches"].iter().filter_map(|metric| both(metric)).any(|(base, new)| base != new);
    let misses = both("estimated_cycles").zip(both("l1_hits"));
    let more = misses.is_some_and(|(cycles, hits)| {
        (cycles.1 - hits.1) - (cycles.0 - hits.0) > super::choose_timed::ALIKE * cycles.0
    });
    changed && misses.is_some() && !more
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use workloads::cases;
    use workloads::input::Source;

    use super::*;
    use crate::subject::memory::MemorySubject;

    fn worse(case: &SubjectCase, metric: &str, relative: f64, verdict: Verdict, blocks: bool) -> Delta {
        let (base, new, relative) = (Some(1.0), Some(1.0 + relative), Some(relative));
        Delta { base, new, relative, ..Delta::new(case.key.clone(), metric, (verdict, ""), blocks) }
    }

    /// The first cases, of programs that are not there.
    fn unbuilt(subject: &MemorySubject, cases: usize) -> BothSides<'_> {
        let resolved = cases::LISTED[..cases].iter().map(|listed| listed.resolve(&[]).expect("listed"));
        BothSides {
            subject,
            revisions: [None, None],
            programs: [PathBuf::from("no base"), PathBuf::from("no program")],
            cases: resolved.map(|case| MemorySubject::case(&case, &[])).collect(),
            unoptimised: OnceCell::new(),
            budget: Cell::default(),
            too_late: RefCell::default(),
        }
    }

    #[test]
    fn what_blocks_is_looked_into_and_nothing_else() {
        let subject = MemorySubject { source: Source::default() };
        let sides = unbuilt(&subject, 4);
        let cases = &sides.cases;
        let mut deltas = vec![
            worse(&cases[0], "instructions", 0.01, Verdict::Regressed, true),
            worse(&cases[0], "allocations", 0.5, Verdict::Regressed, true),
            worse(&cases[1], "instructions", 0.1, Verdict::Regressed, true),
            worse(&cases[2], "branches", 0.9, Verdict::Regressed, false),
            worse(&cases[2], "instructions", -0.9, Verdict::Improved, true),
            worse(&cases[3], "cpu_time", 0.9, Verdict::Regressed, true),
        ];
        let blocking = deltas.iter().filter(|delta| delta.blocks && delta.verdict == Verdict::Regressed);
        let ids: Vec<String> = sides
            .worse(blocking.filter(|delta| is_count(delta)), &BTreeMap::new())
            .into_iter()
            .map(|case| case.id)
            .collect();
        assert_eq!(ids, [cases[0].id.as_str(), &cases[1].id], "each once, the worst first, and no time");
        sides.attribute_counts(&mut deltas, &Policy::standard());
        let doings: Vec<bool> = deltas.iter().map(|delta| delta.doing.is_some()).collect();
        assert_eq!(doings, [true, true, true, false, false, false]);
        let unknown = deltas[0].doing.as_ref().expect("looked into");
        assert_eq!(unknown.whose, Whose::Unknown, "{}", unknown.evidence);
        assert!(unknown.evidence.starts_with("can't read no base") && deltas[0].blocks, "{}", unknown.evidence);
    }

    #[test]
    fn when_the_time_is_up_no_cause_is_looked_for_and_it_is_known_of_which_cases() {
        let folder = tempfile::tempdir().expect("a folder");
        let program = folder.path().join("program");
        std::fs::write(&program, "rustc version 1.95.0\0").expect("written");
        let subject = MemorySubject { source: Source::default() };
        let mut sides = unbuilt(&subject, 2);
        sides.programs = [program.clone(), program];
        sides.budget.set(Budget::start(Some(Duration::ZERO)));
        let [first, second] = [&sides.cases[0], &sides.cases[1]];
        let mut counts = [worse(first, "instructions", 0.1, Verdict::Regressed, true)];
        sides.attribute_counts(&mut counts, &Policy::standard());
        let mut times = [first, second].map(|case| worse(case, "cpu_time", 0.1, Verdict::Regressed, true));
        sides.attribute_times(&mut times, &counts, &Policy::standard());
        assert!(counts.iter().chain(&times).all(|delta| delta.doing.is_none() && delta.blocks), "{counts:?} {times:?}");
        assert_eq!(sides.too_late.take(), BTreeSet::from([first.key.clone(), second.key.clone()]));
        assert!(sides.unoptimised.get().is_none(), "nothing was built");
    }

    #[test]
    fn what_takes_too_long_is_left_out_unless_it_is_the_worst() {
        let subject = MemorySubject { source: Source::default() };
        let sides = unbuilt(&subject, 3);
        let change = |number: usize, relative: f64, instructions: f64| {
            let case = &sides.cases[number];
            let delta = worse(case, "instructions", relative, Verdict::Regressed, true);
            let an_operation = instructions / case.operations as f64;
            Delta { base: Some(an_operation), new: Some(an_operation), ..delta }
        };
        let looked_into = |deltas: &[Delta]| -> Vec<usize> {
            let chosen = sides.worse(deltas.iter(), &sides.costs(deltas));
            chosen.iter().map(|chosen| sides.cases.iter().position(|case| case.is(chosen)).expect("listed")).collect()
        };
        let [half, more] = [MOST_INSTRUCTIONS / 2.0, MOST_INSTRUCTIONS * 2.0];
        assert_eq!(looked_into(&[change(0, 0.1, half), change(1, 0.3, half), change(2, 0.2, more)]), [1, 0]);
        assert_eq!(looked_into(&[change(0, 0.1, half), change(1, 0.2, half), change(2, 0.3, more)]), [2]);
    }

    #[test]
    fn a_time_follows_its_instructions_if_no_more_of_them_miss_the_caches() {
        let subject = MemorySubject { source: Source::default() };
        let sides = unbuilt(&subject, 1);
        let cases = &sides.cases;
        let compiler = Doing { whose: Whose::Compiler, evidence: String::new() };
        let attributed = |instructions: f64, cycles: f64, doing: Option<Doing>| {
            let count = |metric: &str, new: f64| worse(&cases[0], metric, new - 1.0, Verdict::Regressed, false);
            let counts = [
                Delta { doing, ..count("instructions", instructions) },
                count("estimated_cycles", cycles),
                count("l1_hits", 1.0),
            ];
            let mut times = [worse(&cases[0], "cpu_time", 0.03, Verdict::Regressed, true)];
            sides.attribute_times(&mut times, &counts, &Policy::standard());
            let [time] = times;
            (time.doing.expect("looked into").whose, time.blocks)
        };
        assert_eq!(attributed(1.02, 1.0, Some(compiler.clone())), (Whose::Compiler, false));
        assert_eq!(attributed(1.02, 1.01, Some(compiler.clone())), (Whose::Unknown, true), "its data lie elsewhere");
        assert_eq!(attributed(1.0, 1.0, Some(compiler)), (Whose::Unknown, true), "the same instructions");
        let yours = Doing { whose: Whose::Yours, evidence: String::new() };
        assert_eq!(attributed(1.02, 1.0, Some(yours)), (Whose::Yours, true));
        assert_eq!(attributed(1.02, 1.0, None), (Whose::Unknown, true), "the programs can't be read");
    }
}
