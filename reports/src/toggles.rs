//! The effect of each toggle of a benchmark: by itself on top of none, and on top of all others. And of toggles
//! together: what they bring by themselves, multiplied, or more, or less.
//!
//! It is read from a run that has these variants, as `assay compare phase:0 phase:3 --each-toggle` makes it.

use std::collections::{BTreeMap, BTreeSet};

use baselines::{CaseKey, Metric};

use crate::Report;
use crate::costs::cost;
use crate::names::{printable, toggles};
use crate::numbers::percent;

/// The toggles of a benchmark on one store.
#[derive(Debug, Clone, PartialEq)]
pub struct ToggleEffects {
    /// The benchmark, with its store.
    pub benchmark: String,
    /// The metric of the costs.
    pub metric: &'static Metric,
    /// The cost without any toggle, and with all.
    pub ends: [f64; 2],
    /// The toggles, as in `cache=lru`, those that save most by themselves first.
    pub effects: Vec<ToggleEffect>,
    /// Mixes of two and three toggles.
    pub mixes: Vec<ToggleMix>,
}

/// A toggle's effect, as a change of the cost.
#[derive(Debug, Clone, PartialEq)]
pub struct ToggleEffect {
    /// The toggle with its strategy.
    pub toggle: String,
    /// On top of none.
    pub alone: Option<f64>,
    /// On top of all others.
    pub last: Option<f64>,
}

/// Toggles together on top of none.
#[derive(Debug, Clone, PartialEq)]
pub struct ToggleMix {
    /// The toggles with their strategies.
    pub toggles: Vec<String>,
    /// The cost as a share of that without any.
    pub measured: f64,
    /// The same if each brought what it brings by itself.
    pub expected: f64,
}

impl ToggleMix {
    /// `cache=lru and compression=lz4: -30.0%, -35.0% if multiplied: they save less together`.
    pub fn sentence(&self) -> String {
        let [measured, expected] = [self.measured, self.expected].map(|share| percent(share - 1.0));
        format!("{}: {measured}, {expected} if multiplied: {}", self.toggles.join(" and "), self.verdict())
    }

    /// `they save less together`, if the difference is over 1%.
    pub fn verdict(&self) -> &'static str {
        match self.measured / self.expected {
            part if part > 1.01 => "they save less together",
            part if part < 0.99 => "they save more together",
            _ => "independent of each other",
        }
    }
}

/// A strategy for each toggle that differs from none.
type Switched<'a> = BTreeSet<(&'a str, &'a str)>;

/// The effects of every benchmark whose run has enough variants: at least three toggles alone and taken from all.
pub fn of(report: &Report) -> Vec<ToggleEffects> {
    let Some(metric) = cost(&report.run) else { return vec![] };
    let found = report.run.measurements.iter().filter(|measurement| measurement.metric == metric.name);
    let mut groups: BTreeMap<String, Vec<(&CaseKey, f64)>> = BTreeMap::new();
    for measurement in found {
        let is_store = |pair: &(&str, &str)| matches!(pair.0, "store" | "durability");
        let store: Vec<&str> =
            toggles(&measurement.case.variant).into_iter().filter(is_store).map(|(_, strategy)| strategy).collect();
        let name = printable(&format!("{} on {}", measurement.case.benchmark, store.join(", ")));
        groups.entry(name).or_default().push((&measurement.case, measurement.sample.median()));
    }
    groups.into_iter().filter_map(|(benchmark, cases)| effects(report, benchmark, metric, &cases)).collect()
}

fn effects(
    report: &Report,
    benchmark: String,
    metric: &'static Metric,
    cases: &[(&CaseKey, f64)],
) -> Option<ToggleEffects> {
    let is_naive = |toggle: &str, strategy: &str| {
        matches!(toggle, "store" | "durability")
            || report.naive.iter().any(|(name, naive)| name == toggle && naive == strategy)
    };
    let switched = |case: &'_ CaseKey| -> BTreeSet<(String, String)> {
        let pairs = toggles(&case.variant).into_iter().filter(|(toggle, strategy)| !is_naive(toggle, strategy));
        pairs.map(|(toggle, strategy)| (toggle.to_owned(), strategy.to_owned())).collect()
    };
    let owned: Vec<(BTreeSet<(String, String)>, f64)> =
        cases.iter().map(|(case, value)| (switched(case), *value)).collect();
    let costs: BTreeMap<Switched<'_>, f64> = (owned.iter())
        .map(|(pairs, value)| (pairs.iter().map(|(toggle, to)| (toggle.as_str(), to.as_str())).collect(), *value))
        .collect();
    let none = *costs.get(&Switched::new()).filter(|none| **none > 0.0)?;
    let (all, with_all) = costs.iter().max_by_key(|(pairs, _)| pairs.len())?;
    let mut effects: Vec<ToggleEffect> = (all.iter())
        .map(|pair| {
            let others: Switched<'_> = all.iter().copied().filter(|other| other != pair).collect();
            let alone = costs.get(&Switched::from([*pair])).map(|value| value / none - 1.0);
            let last = costs.get(&others).filter(|before| **before > 0.0).map(|before| with_all / before - 1.0);
            ToggleEffect { toggle: named(pair), alone, last }
        })
        .filter(|effect| effect.alone.is_some() || effect.last.is_some())
        .collect();
    if effects.iter().filter(|effect| effect.alone.is_some() && effect.last.is_some()).count() < 3 {
        return None;
    }
    let size = |effect: &ToggleEffect| effect.alone.unwrap_or(f64::INFINITY);
    effects.sort_by(|a, b| size(a).total_cmp(&size(b)));
    let mixes = (costs.iter()).filter(|(pairs, _)| (2..=3).contains(&pairs.len()) && pairs.len() < all.len());
    let mixes = mixes.filter_map(|(pairs, value)| {
        let single = |pair: &(&str, &str)| costs.get(&Switched::from([*pair])).map(|value| value / none);
        let expected = pairs.iter().map(single).try_fold(1.0, |product, single| Some(product * single?))?;
        Some(ToggleMix { toggles: pairs.iter().map(named).collect(), measured: value / none, expected })
    });
    Some(ToggleEffects { benchmark, metric, ends: [none, *with_all], effects, mixes: mixes.collect() })
}

fn named((toggle, strategy): &(&str, &str)) -> String {
    printable(&format!("{toggle}={strategy}"))
}
