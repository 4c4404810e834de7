//! Takes one part of a gate's cases, so that several machines share a gate: `assay gate --shard 2/3`.
//!
//! All machines must divide alike and know nothing of each other. So a case's weight comes from what each of them has:
//! the counts that the base has stored in its repository. Kept counts of the cache are not used, as another machine's
//! cache has others.

use std::collections::BTreeMap;

use anyhow::Result;
use baselines::delta::Delta;
use baselines::gate::{GateOutcome, Judgement};
use baselines::shard::{Shard, ShardNumber, divide};
use baselines::{CaseKey, InvalidEntry, RunWriter, baseline, paired};

use super::plan::Selection;
use super::rulebook::Rulebook;
use super::runs;
use crate::build::checkout::Build;
use crate::build::git::short;
use crate::hash::hash;
use crate::subject::SubjectCase;
use crate::workspace;

/// What counting a case costs whatever it does, and what its rounds cost, in instructions of one operation: a process
/// is started in both, and rounds have slices of one length.
const COUNTED: u64 = 4_000_000;
const TIMED: u64 = 16_000_000;

/// A gate of which this session measures a part.
pub struct Sharded<'a> {
    /// The part.
    pub part: ShardNumber,
    /// The arguments.
    pub selection: &'a Selection,
    /// What judges.
    pub rulebook: &'a Rulebook,
    /// The base and the new side.
    pub sides: [&'a Build; 2],
    /// Notes for the report.
    pub notes: Vec<String>,
}

impl Sharded<'_> {
    /// Leaves the cases of this part, of which those in `timed` also have rounds, and records which part it is. The
    /// first part tells what can be told without a measurement. Returns the scope of this part alone; none if it has
    /// nothing to do.
    pub fn take(
        &self,
        cases: &mut Vec<SubjectCase>,
        timed: &[SubjectCase],
        one_sided: &mut Vec<Delta>,
        scope: Option<String>,
        writer: &mut RunWriter,
    ) -> Result<Option<String>> {
        let instructions = self.stored_instructions()?;
        let weighed: Vec<(String, Option<u64>)> = cases
            .iter()
            .map(|case| {
                let rounds = if timed.iter().any(|other| other.is(case)) { TIMED } else { 0 };
                let weight = instructions.get(&case.key).map(|instructions| COUNTED + rounds + instructions);
                (format!("{} {}", case.program, case.id), weight)
            })
            .collect();
        let shards = divide(&weighed, self.part.of);
        let (all, others_have_some) = (cases.len(), !cases.is_empty() || !one_sided.is_empty());
        let of_this = |case: &SubjectCase| {
            let position = cases.iter().position(|other| other.is(case));
            position.is_some_and(|position| shards[position] == self.part.number)
        };
        let others = timed.iter().filter(|case| !of_this(case)).map(|case| &case.key);
        let elsewhere = paired::judged_metrics(others, &self.rulebook.policy, runs::today());
        let own: Vec<SubjectCase> = cases.iter().filter(|case| of_this(case)).cloned().collect();
        if self.part.number != 1 {
            one_sided.clear();
        }
        let said = format!("shard {}: {} of {all} cases", self.part, own.len());
        eprintln!("{said}");
        let own_scope = scope.iter().chain([&said]).cloned().collect::<Vec<_>>().join("; ");
        let division: Vec<String> =
            weighed.iter().zip(&shards).map(|((name, _), shard)| format!("{name} {shard}")).collect();
        writer.shard(Shard { division: hash(division.join("\n")), elsewhere, scope, ..self.record() })?;
        *cases = own;
        let is_empty = cases.is_empty() && one_sided.is_empty() && others_have_some;
        Ok(Some(own_scope).filter(|_| !is_empty))
    }

    /// Records which part this is, of sides of which nothing is measured.
    pub fn unmeasured(&self, judgement: &Judgement, writer: &mut RunWriter) -> Result<()> {
        let differences = judgement.comparison.differences.clone();
        Ok(writer.shard(Shard { differences, ..self.record() })?)
    }

    fn record(&self) -> Shard {
        let Selection { filter, lanes, set, repeat, corpus, rounds_seed, .. } = self.selection;
        let mut plan = vec![filter.clone().unwrap_or_else(|| "all benchmarks".to_owned())];
        plan.extend(lanes.iter().map(|lane| format!("--lane {lane}")));
        plan.extend(set.iter().map(|pair| format!("--set {pair}")));
        plan.extend(corpus.iter().map(|corpus| format!("--corpus {}", corpus.display())));
        plan.extend(rounds_seed.iter().map(|seed| format!("--rounds-seed {seed}")));
        plan.extend((*repeat > 1).then(|| format!("--repeat {repeat}")));
        Shard {
            number: self.part.number,
            of: self.part.of,
            sides: self.sides.map(|build| format!("{} (files {})", short(&build.commit), short(&build.source))),
            against: self.sides[0].name.clone(),
            policy: self.rulebook.text.clone(),
            plan: plan.join(" "),
            division: String::new(),
            elsewhere: 0,
            scope: None,
            notes: self.notes.clone(),
            differences: vec![],
        }
    }

    /// The instructions of one operation by the base's stored baselines, whatever their environment: a weight need not
    /// be exact, and must be the same on all machines.
    fn stored_instructions(&self) -> Result<BTreeMap<CaseKey, u64>> {
        let stored = self.rulebook.clone().baselines(&workspace::stored_baselines())?;
        let mut instructions = BTreeMap::new();
        for (_, run) in baseline::list(stored.files())? {
            for measurement in run.measurements.into_iter().filter(|found| found.metric == "instructions") {
                let value = measurement.sample.median() as u64;
                instructions.entry(measurement.case).or_insert(value);
            }
        }
        Ok(instructions)
    }
}

/// Records what a part has judged by itself, and what can't be believed of it, for those who join the parts.
pub fn record(
    deltas: [&[Delta]; 2],
    invalid: &[InvalidEntry],
    complaints: Vec<String>,
    writer: &mut RunWriter,
) -> Result<()> {
    deltas.concat().into_iter().try_for_each(|delta| writer.delta(delta))?;
    invalid.iter().try_for_each(|entry| writer.invalid(&entry.what, &entry.why))?;
    Ok(complaints.into_iter().try_for_each(|complaint| writer.invalid("the policy", complaint))?)
}

/// The judgement of a part that has no case, where other parts have some.
pub fn empty(part: ShardNumber) -> Judgement {
    Judgement {
        outcome: GateOutcome::Passed,
        summary: format!("nothing to do: all cases are in other shards than {part}"),
        ..Judgement::same_program()
    }
}
