//! Joins the shards of one gate into a run, and judges it as if one machine had measured everything.
//!
//! Exact counts were compared on the machine that counted both sides, and need no more. Rounds are judged anew, over
//! the cases of all shards: the corrections for their number are those of the whole suite. Each machine has its
//! controls, and all of them must be right.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;

use jiff::civil::Date;

use crate::delta::{Comparison, Delta, Verdict};
use crate::gate::{self, Judgement};
use crate::paired;
use crate::policy::Policy;
use crate::shard::{LAYOUTS, Shard};
use crate::{Error, Lane, Metric, Result, Run, RunHeader};
use stats::Procedure;
use stats::decision::Stage;

/// Shards that were joined.
#[derive(Debug)]
pub struct Merged {
    /// One run with everything that they recorded.
    pub run: Run,
    /// The base, for people.
    pub against: String,
    /// The notes of all shards.
    pub notes: Vec<String>,
    policy: Policy,
    suite: Shard,
    /// The pairs of each shard, and how many metrics it took to be judged elsewhere.
    parts: Vec<(Range<usize>, usize)>,
}

/// A shard, with its file for messages.
struct Named<'a> {
    file: &'a str,
    run: &'a Run,
    shard: &'a Shard,
}

fn refused<T>(reason: String, remedy: &str) -> Result<T> {
    Err(Error::Shards { reason, remedy: remedy.to_owned() })
}

/// Joins shards; each comes with the name of its file.
///
/// # Errors
/// A run is no shard, or the shards are not all parts of one gate, each once.
pub fn join(mut shards: Vec<(String, Run)>) -> Result<Merged> {
    shards.sort_by_key(|(_, run)| run.shard.as_ref().map(|shard| shard.number));
    let mut named = Vec::with_capacity(shards.len());
    for (file, run) in &shards {
        match &run.shard {
            Some(shard) => named.push(Named { file, run, shard }),
            None => return refused(format!("{file} is no shard"), "`assay gate --against REV --shard 1/3` writes one"),
        }
    }
    let Some(first) = named.first() else {
        return refused("there is no shard".to_owned(), "`assay gate --against REV --shard 1/3` writes one");
    };
    named.iter().skip(1).try_for_each(|other| fits(first, other))?;
    laid_out_alike(&named)?;
    whole(&named)?;
    let policy = Policy::parse(Path::new("(of the shards)"), &first.shard.policy)?;
    let machine = |run: &Run| (run.header.environment.cpu_model.clone(), run.header.environment.kernel.clone());
    let mut notes: Vec<String> = Vec::new();
    for Named { run, shard, .. } in &named {
        add_new(&mut notes, shard.notes.iter().cloned());
        if machine(run) != machine(first.run) {
            let environment = &run.header.environment;
            let on = format!("{}, {} cores", environment.cpu_model, environment.cores);
            notes.push(format!("shard {} of {} was measured on another machine: {on}", shard.number, shard.of));
        }
    }
    let (against, suite) = (first.shard.against.clone(), first.shard.clone());
    let mut from = 0;
    let part = |named: &Named<'_>| {
        let pairs = from..from + named.run.pairs.len();
        from = pairs.end;
        (pairs, named.shard.elsewhere)
    };
    let parts = named.iter().map(part).collect();
    Ok(Merged { run: one_run(&named, first), against, notes, policy, suite, parts })
}

/// Refuses a shard of another gate than the first one's.
fn fits(first: &Named<'_>, other: &Named<'_>) -> Result<()> {
    let (one, two) = (first.shard, other.shard);
    let both = |what: &str| format!("{what}: {} and {}", first.file, other.file);
    let again = "start all shards again with one command, but for --shard";
    if one.of != two.of {
        return refused(both(&format!("these are parts of {} and of {} shards", one.of, two.of)), again);
    }
    for (side, before, now) in [("base", &one.sides[0], &two.sides[0]), ("new side", &one.sides[1], &two.sides[1])] {
        if before != now {
            let remedy = "give the shards of one pair of revisions";
            return refused(both(&format!("the {side} is {before} in one and {now} in the other")), remedy);
        }
    }
    if one.plan != two.plan {
        return refused(both(&format!("one measured `{}` and the other `{}`", one.plan, two.plan)), again);
    }
    if one.policy != two.policy {
        return refused(both("they have two policies"), again);
    }
    let mut environment = other.run.header.environment.clone();
    // Both sides of a count ran on one CPU, whichever it was.
    environment.cpu_features.clone_from(&first.run.header.environment.cpu_features);
    if let Some(difference) = first.run.header.environment.count_differences(&environment).first() {
        let differs = format!("{} is {} in one and {} in the other", difference.field, difference.base, difference.new);
        return refused(both(&differs), "give all machines one toolchain");
    }
    if first.run.same_program != other.run.same_program || one.differences != two.differences {
        return refused(both("one measured nothing, since both sides are one program there, and the other did"), again);
    }
    if one.division != two.division {
        let remedy = "have all machines list the same cases, and start all shards again";
        return refused(both("they divide the cases differently"), remedy);
    }
    Ok(())
}

/// Refuses shards of which some drew code layouts and others could not: all times would only advise. One without pairs
/// had nothing to draw.
fn laid_out_alike(named: &[Named<'_>]) -> Result<()> {
    let has_layouts = |named: &&Named<'_>| named.run.skipped.iter().all(|skipped| skipped.what != LAYOUTS);
    let timed = named.iter().filter(|named| !named.run.pairs.is_empty());
    let (drew, could_not): (Vec<_>, Vec<_>) = timed.partition(has_layouts);
    match (drew.first(), could_not.first()) {
        (Some(one), Some(other)) => refused(
            format!("one drew code layouts, and the other could not: {} and {}", one.file, other.file),
            "give all machines one linker",
        ),
        _ => Ok(()),
    }
}

/// Refuses shards that are not all there, each once. They are sorted by number, and of one division.
fn whole(named: &[Named<'_>]) -> Result<()> {
    if let Some([one, other]) = named.windows(2).find(|pair| pair[0].shard.number == pair[1].shard.number) {
        let Shard { number, of, .. } = one.shard;
        let twice = format!("shard {number} of {of} is there twice: {} and {}", one.file, other.file);
        return refused(twice, "give each shard once");
    }
    let of = named.first().map_or(0, |first| first.shard.of);
    let missing: Vec<String> = (1..=of)
        .filter(|number| !named.iter().any(|named| named.shard.number == *number))
        .map(|number| number.to_string())
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let reason =
        format!("of {of} shards, {} {} missing", missing.join(", "), if missing.len() == 1 { "is" } else { "are" });
    refused(reason, "give the run of each shard; one that failed has none, so start it again")
}

fn one_run(named: &[Named<'_>], first: &Named<'_>) -> Run {
    let seeds: BTreeSet<Option<u64>> = named.iter().map(|named| named.run.header.rounds_seed).collect();
    let rounds_seed = first.run.header.rounds_seed.filter(|_| seeds.len() == 1);
    let mut run = Run::new(RunHeader { rounds_seed, ..first.run.header.clone() });
    for Named { run: part, .. } in named {
        run.measurements.extend(part.measurements.iter().cloned());
        run.deltas.extend(part.deltas.iter().cloned());
        for paired in &part.pairs {
            let position = run.pairs.len();
            let mut paired = paired.clone();
            paired.rounds.iter_mut().for_each(|round| round.pair = position);
            run.pairs.push(paired);
        }
        add_new(&mut run.skipped, part.skipped.iter().cloned());
        add_new(&mut run.invalid, part.invalid.iter().cloned());
    }
    run.same_program = first.run.same_program;
    run.complete = true;
    run
}

/// Adds what is not there yet: what all shards say is said once.
fn add_new<T: PartialEq>(to: &mut Vec<T>, from: impl IntoIterator<Item = T>) {
    for one in from {
        if !to.contains(&one) {
            to.push(one);
        }
    }
}

impl Merged {
    /// The judgement of all cases together, with a sentence for each control.
    pub fn judge(&self, today: Date) -> Result<(Judgement, Vec<String>)> {
        let Merged { run, policy, suite, .. } = self;
        if run.same_program {
            return Ok((Judgement::same_program(), vec![]));
        }
        let one_layout = run.skipped.iter().any(|skipped| skipped.what == LAYOUTS);
        let advising = one_layout.then(|| policy.advising(Lane::Time));
        let by = advising.as_ref().unwrap_or(policy);
        let mut times = paired::judge(&Procedure::default(), &run.pairs, by, today, 0)?;
        self.decide_by_parts(&mut times.deltas, by, today)?;
        let mut invalid = run.invalid.clone();
        add_new(&mut invalid, times.wrong_controls);
        let deltas = run.deltas.iter().cloned().chain(times.deltas).collect();
        let comparison = Comparison { differences: suite.differences.clone(), deltas };
        let judgement = gate::judge(comparison, &invalid, &[]).annotate(run, policy, suite.scope.as_deref(), today);
        Ok((judgement, times.controls))
    }

    /// Where the time of one shard was up, or its counts decided, its times have only the first looks, and those of the
    /// others wait for them in vain. What these decided in their shards holds for the whole suite; that they are equal,
    /// only where counts decided, as a control of another shard may have left that open.
    fn decide_by_parts(&self, times: &mut [Delta], policy: &Policy, today: Date) -> Result<()> {
        let counts_decide = self.run.deltas.iter().any(decides);
        let is_kept = |delta: &Delta| counts_decide || matches!(delta.verdict, Verdict::Regressed | Verdict::Improved);
        for (range, elsewhere) in &self.parts {
            let pairs = &self.run.pairs[range.clone()];
            let mut part = paired::judge(&Procedure::default(), pairs, policy, today, *elsewhere)?;
            let cases = pairs.iter().filter(|paired| paired.pair.control.is_none());
            if counts_decide && cases.flat_map(|paired| &paired.rounds).all(|round| round.stage == Stage::Screen) {
                part.decided_by_counts();
            }
            for delta in part.deltas.into_iter().filter(is_kept) {
                let is_open = |open: &&mut Delta| open.verdict == Verdict::Inconclusive;
                let mut open = times.iter_mut().filter(is_open);
                if let Some(open) = open.find(|open| open.case == delta.case && open.metric == delta.metric) {
                    *open = delta;
                }
            }
        }
        Ok(())
    }
}

/// True for an exact count that blocks.
fn decides(delta: &Delta) -> bool {
    Metric::is_exact(&delta.metric) && delta.blocks && delta.verdict == Verdict::Regressed
}
