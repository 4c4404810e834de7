//! The one sentence that a report begins with: what regressed, by how much and whose doing; what was ruled out; or, of
//! a run that nobody judged, what was measured and what stands out.
//!
//! It says nothing that the model does not: the rest of the report has the numbers.

use std::collections::BTreeSet;

use baselines::delta::{Delta, Verdict};
use baselines::doing::Whose;
use baselines::gate::{self, Judgement};
use baselines::{Metric, Run};

use crate::charts::heat::{self, HeatCell};
use crate::costs::cost;
use crate::names::{Names, spoken};
use crate::numbers::{count, percent, plural};
use crate::ranking::{is_unmeasured, rank};
use crate::toggles::{self, ToggleEffects};
use crate::{Report, cause, deltas, repeatability};

/// `step/log got worse: instructions +15.6%, your code, most of it in memory::append (costlier per call); 2 more
/// benchmarks got worse`.
pub fn regressed(judgement: &Judgement) -> String {
    let names = Names::of(judgement.comparison.deltas.iter().map(|delta| &delta.case));
    let ranking = rank(&judgement.comparison);
    let worse: Vec<&Delta> =
        ranking.told.iter().copied().filter(|delta| delta.verdict == Verdict::Regressed && delta.blocks).collect();
    let Some(first) = worse.first().copied() else { return "Something got worse".to_owned() };
    let doing = first.doing.as_ref().filter(|doing| doing.whose != Whose::Unknown);
    let doing = doing.map(|doing| format!(", {}", doing.whose)).unwrap_or_default();
    let cause = first.cause.first().filter(|function| function.delta != 0);
    let cause = cause.map(|function| format!(", most of it in `{}` ({})", function.function, cause::told(function)));
    let others: BTreeSet<_> = worse.iter().map(|delta| &delta.case).filter(|case| **case != first.case).collect();
    let others = match others.len() {
        0 => String::new(),
        1 => "; 1 more benchmark got worse".to_owned(),
        number => format!("; {number} more benchmarks got worse"),
    };
    format!("`{}` got worse: {}{doing}{}{others}", names.case(&first.case), moved(first), cause.unwrap_or_default())
}

/// `instructions +15.6%`, of a sampled metric with its interval.
fn moved(delta: &Delta) -> String {
    let metric = spoken(&delta.metric);
    let interval = delta.interval.map(|[low, high]| format!(" (99%: {} to {})", percent(low), percent(high)));
    match delta.relative {
        Some(relative) => format!("{metric} {}{}", percent(relative), interval.unwrap_or_default()),
        None => format!("{metric} {}", deltas::sides(delta)),
    }
}

/// `It is not decided if step/log got slower: cpu time +3.10% (99%: +0.40% to +5.70%)`.
pub fn undecided(judgement: &Judgement) -> String {
    let names = Names::of(judgement.comparison.deltas.iter().map(|delta| &delta.case));
    let ranking = rank(&judgement.comparison);
    let all = || ranking.told.iter().chain(ranking.unjudged.iter().flat_map(|group| &group.deltas));
    let open = || all().filter(|delta| delta.verdict == Verdict::Inconclusive);
    let Some(first) = open().next() else { return "Nothing was decided".to_owned() };
    let others = open().map(|delta| &delta.case).filter(|case| **case != first.case).collect::<BTreeSet<_>>().len();
    let others = match others {
        0 => String::new(),
        1 => "; 1 more is open".to_owned(),
        number => format!("; {number} more are open"),
    };
    let ruled_out = judgement.ruled_out.as_ref().map(|ruled_out| format!("; {ruled_out}")).unwrap_or_default();
    let moved = if is_unmeasured(first) { first.why.clone() } else { moved(first) };
    format!("It is not decided if `{}` got worse: {moved}{others}{ruled_out}", names.case(&first.case))
}

/// `Nothing got worse: no case is slower by more than 2.9% (99%, all 20 cases together); 779 counts are within their
/// limits`; of a pass by counts alone, also that no times were taken.
pub fn passed(report: &Report, judgement: &Judgement) -> String {
    if judgement.comparison.deltas.is_empty() {
        return "Nothing got worse: both revisions build the same program".to_owned();
    }
    let number = |verdict: Verdict| judgement.tally.get(&verdict).copied().unwrap_or(0);
    let ranking = rank(&judgement.comparison);
    let told = |verdict: Verdict| ranking.told.iter().find(|delta| delta.verdict == verdict).copied();
    let names = Names::of(judgement.comparison.deltas.iter().map(|delta| &delta.case));
    let within =
        judgement.comparison.deltas.iter().filter(|delta| delta.verdict == Verdict::Equal && delta.bound.is_none());
    let within = match within.count() {
        0 => None,
        1 => Some("1 count is within its limit".to_owned()),
        number => Some(format!("{} counts are within their limits", count(number as u64))),
    };
    let better = told(Verdict::Improved)
        .map(|delta| format!("`{}` got better: {}", names.case(&delta.case), moved(delta)))
        .map(|said| match number(Verdict::Improved) {
            1 => said,
            all => format!("{said}, and {} more did", all - 1),
        });
    let advised = told(Verdict::Regressed)
        .map(|delta| format!("`{}` got worse, which only advises: {}", names.case(&delta.case), moved(delta)));
    let ruled_out = judgement.ruled_out.as_ref().map(ToString::to_string);
    let new = gate::new_cases(&judgement.comparison);
    let no_times = gate::without_times(&judgement.comparison, &report.run).map(str::to_owned);
    let parts = [ruled_out, within, no_times, new, better, advised.clone()];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    let before = if advised.is_some() { "Nothing that blocks got worse" } else { "Nothing got worse" };
    format!("{before}: {}", parts.join("; "))
}

/// `52 cases measured; what stands out: retrieve/1000 [retrieval=indexed] takes 1/22 of the naive variant's
/// instructions`.
pub fn measured(report: &Report) -> String {
    let run = &report.run;
    let cases: BTreeSet<_> = run.measurements.iter().map(|measurement| &measurement.case).collect();
    if cases.is_empty() {
        return "Nothing was measured".to_owned();
    }
    let names = Names::of(cases.iter().copied());
    let of = plural(cases.len(), "case");
    if let Some(repeated) = repeatability::of(run).filter(|repeated| repeated.worst() > 0.01) {
        let (first, worst) = (repeated.counts[0], crate::numbers::spread(repeated.worst()));
        let (case, metric) = (names.case(&first.case), spoken(&first.metric));
        return format!(
            "{of} measured; what stands out: {metric} of `{case}` differ by {worst} from one count to the next"
        );
    }
    let Some(metric) = cost(run) else { return format!("{of} measured") };
    if let Some((effects, first, alone)) = toggles::of(report).iter().find_map(first_toggle) {
        let together = percent(effects.ends[1] / effects.ends[0] - 1.0);
        return format!(
            "{} toggles of `{}` tried one by one; what stands out: `{first}` brings {} {} by itself, all together {together}",
            effects.effects.len(),
            effects.benchmark,
            percent(alone),
            spoken(metric.name)
        );
    }
    match apart(report, metric, &names) {
        Some((cell, ratio)) if cases.len() > 1 => {
            let times = |by: f64| if by < 10.0 { format!("{by:.1}") } else { format!("{by:.0}") };
            let by =
                if ratio < 1.0 { format!("1/{} of", times(1.0 / ratio)) } else { format!("{} times", times(ratio)) };
            let case = names.case(cell.case);
            format!("{of} measured; what stands out: `{case}` takes {by} the naive variant's {}", spoken(metric.name))
        }
        _ => dearest(run, metric, &names)
            .map_or_else(|| format!("{of} measured"), |said| format!("{of} measured; {said}")),
    }
}

/// The toggle that brings most by itself.
fn first_toggle(effects: &ToggleEffects) -> Option<(&ToggleEffects, &str, f64)> {
    let first = effects.effects.first()?;
    Some((effects, &first.toggle, first.alone?))
}

/// The variant that is furthest from the naive one, if it is far.
fn apart<'a>(report: &'a Report, metric: &'static Metric, names: &Names) -> Option<(HeatCell<'a>, f64)> {
    let tables = heat::tables(report, metric, names);
    let cells = tables.iter().flat_map(|table| &table.rows).flat_map(|row| row.cells.iter().flatten());
    let far = cells.filter_map(|cell| Some((*cell, cell.ratio.filter(|ratio| ratio.is_normal())?)));
    let far = far.max_by(|a, b| a.1.ln().abs().total_cmp(&b.1.ln().abs()));
    far.filter(|(_, ratio)| ratio.ln().abs() > 0.1)
}

fn dearest(run: &Run, metric: &Metric, names: &Names) -> Option<String> {
    let found = run.measurements.iter().filter(|measurement| measurement.metric == metric.name);
    let dearest = found.max_by(|a, b| a.sample.median().total_cmp(&b.sample.median()))?;
    let value = metric.show(dearest.sample.median());
    Some(format!("the dearest is `{}`: {value} {}", names.case(&dearest.case), unit(metric)))
}

/// What a value counts; nothing where its unit says so.
fn unit(metric: &Metric) -> String {
    match metric.unit {
        baselines::Unit::Count => spoken(metric.name),
        _ => format!("of {}", spoken(metric.name)),
    }
}
