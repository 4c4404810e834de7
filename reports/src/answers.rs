//! The five questions of a reader of a red report, answered in a line each: is it worse, by how much, since when, whose
//! doing, can I trust it.

use std::collections::BTreeSet;

use baselines::delta::{Delta, Verdict};
use baselines::gate::{GateOutcome, Judgement};
use baselines::{CaseKey, Metric};

use crate::names::{Names, printable, spoken};
use crate::numbers::{percent, plural, signed};
use crate::ranking::rank;
use crate::{Report, cause, deltas};

/// Changes that "by how much" names.
const NAMED: usize = 3;

/// A question with its answer; code stands between backticks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReaderAnswer {
    pub question: &'static str,
    pub answer: String,
}

/// The answers of a red report; empty for every other one, whose headline says it all.
pub fn answers(report: &Report) -> Vec<ReaderAnswer> {
    let Some(judgement) = report.judgement.as_ref().filter(|judgement| judgement.outcome == GateOutcome::Regressed)
    else {
        return vec![];
    };
    let ranking = rank(&judgement.comparison);
    let worse: Vec<&Delta> =
        ranking.told.iter().copied().filter(|delta| delta.verdict == Verdict::Regressed && delta.blocks).collect();
    let Some(first) = worse.first() else { return vec![] };
    let of_first: Vec<&Delta> = ranking.told.iter().copied().filter(|delta| delta.case == first.case).collect();
    [
        ("Is it worse?", is_worse(judgement, &worse)),
        (
            "By how much?",
            by_how_much(&of_first, &Names::of(judgement.comparison.deltas.iter().map(|delta| &delta.case))),
        ),
        ("Since when?", since_when(report)),
        ("Whose doing?", whose_doing(&of_first)),
        ("Can I trust it?", trust(report, &worse)),
    ]
    .into_iter()
    .filter(|(_, answer)| !answer.is_empty())
    .map(|(question, answer)| ReaderAnswer { question, answer })
    .collect()
}

/// `Yes: 2 of 4 benchmarks, by allocations and instructions, beyond the limits that block`.
fn is_worse(judgement: &Judgement, worse: &[&Delta]) -> String {
    let cases = |deltas: &mut dyn Iterator<Item = &Delta>| {
        deltas.map(|delta| delta.case.clone()).collect::<BTreeSet<CaseKey>>().len()
    };
    let all = cases(&mut judgement.comparison.deltas.iter());
    let mut metrics: Vec<String> = worse.iter().map(|delta| spoken(&delta.metric)).collect();
    metrics.sort_unstable();
    metrics.dedup();
    let which = match (cases(&mut worse.iter().copied()), all) {
        (1, 1) => "the benchmark that was compared".to_owned(),
        (number, all) => format!("{number} of {} that were compared", plural(all, "benchmark")),
    };
    format!("Yes: {which}, by {}, beyond the limits that block", listed(&metrics))
}

/// The worst benchmark's changes that block, and its time if it was taken.
fn by_how_much(of_first: &[&Delta], names: &Names) -> String {
    let blocks = of_first.iter().filter(|delta| delta.blocks && delta.relative.is_some());
    let said: Vec<String> = blocks
        .take(NAMED)
        .map(|delta| {
            let interval = delta.interval.map(|[low, high]| format!(" (99%: {} to {})", percent(low), percent(high)));
            let sides = interval.unwrap_or_else(|| format!(" ({})", deltas::sides(delta)));
            format!("{} {}{sides}", spoken(&delta.metric), delta.relative.map(percent).unwrap_or_default())
        })
        .collect();
    if said.is_empty() { said.concat() } else { format!("`{}`: {}", names.case(&of_first[0].case), said.join(", ")) }
}

/// The two ends between which it happened.
fn since_when(report: &Report) -> String {
    let environment = &report.run.header.environment;
    let commit: String = environment.commit.chars().take(12).collect();
    let end = if environment.dirty { format!("`{commit}` with uncommitted changes") } else { format!("`{commit}`") };
    match &report.against {
        Some(against) => format!("Between {}, which does not have it, and {end}", printable(against).replace('`', "'")),
        None => String::new(),
    }
}

/// Whose doing it is with the evidence, and the function that most of it is in.
fn whose_doing(of_first: &[&Delta]) -> String {
    let doing = of_first.iter().find_map(|delta| delta.doing.as_ref());
    let doing = doing.map(|doing| format!("{}: {}", doing.whose, doing.evidence));
    let function = of_first.iter().find_map(|delta| Some((*delta, delta.cause.first().filter(|most| most.delta > 0)?)));
    let function = function.map(|(delta, most)| {
        format!(
            "{} {} in `{}` ({})",
            signed(most.delta),
            spoken(&delta.metric),
            printable(&most.function),
            cause::told(most)
        )
    });
    let parts: Vec<String> = [doing, function].into_iter().flatten().collect();
    let text = parts.join("; ");
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// The kind of evidence behind what is worse, and the controls.
fn trust(report: &Report, worse: &[&Delta]) -> String {
    let exact = worse.iter().filter(|delta| Metric::is_exact(&delta.metric)).count();
    let mut said = Vec::new();
    if exact > 0 {
        said.push(format!("{} counted under valgrind, where counts repeat exactly", of(exact, worse.len())));
    }
    if exact < worse.len() {
        said.push(format!("{} measured on both sides in turn, shown at 99%", of(worse.len() - exact, worse.len())));
    }
    let judged = |note: &&String| note.starts_with(CONTROL) && !note.contains(OPEN);
    let controls = report.notes.iter().filter(judged).count();
    if controls > 0 {
        // A wrong control would have made the run invalid, not red.
        said.push(format!("{} with a known answer judged rightly in this run", plural(controls, "control")));
    }
    format!("Yes: {}", said.join("; "))
}

/// Notes on controls begin so, and those that were not decided go on so.
const CONTROL: &str = "the control with ";
const OPEN: &str = ") is inconclusive: ";

fn of(number: usize, all: usize) -> String {
    match number {
        number if number == all && all == 1 => "the change is".to_owned(),
        number if number == all => "all changes are".to_owned(),
        1 => format!("1 of {all} changes is"),
        number => format!("{number} of {all} changes are"),
    }
}

/// `a, b and c`.
fn listed(names: &[String]) -> String {
    match names.split_last() {
        Some((last, before)) if !before.is_empty() => format!("{} and {last}", before.join(", ")),
        _ => names.concat(),
    }
}
