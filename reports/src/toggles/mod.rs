//! The effect of each toggle of a benchmark: by itself on top of none, and on top of all others. Of toggles together:
//! what they bring by themselves, multiplied, or more, or less. And of phases, which are many toggles.
//!
//! It is read from a run that has these variants, as `assay compare phase:0 phase:3 --each-toggle` makes it.

pub(crate) mod markdown;

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
    /// What three toggles bring beside each other; empty if not every mix of three was measured.
    pub interactions: Vec<Interaction>,
    /// The cost under each phase, by its name, in the order of phases; empty if the run does not have them.
    pub phases: Vec<(String, f64)>,
}

impl ToggleEffects {
    /// How the gain of each of three toggles moves with the others: a sentence for each that is not by itself.
    pub fn interaction_sentences(&self) -> Vec<String> {
        let alone = |toggle: &str| {
            self.interactions.iter().find(|one| one.toggle == toggle && one.beside.is_empty()).map(|one| one.effect)
        };
        self.interactions.iter().filter_map(|one| one.sentence(alone(&one.toggle)?)).collect()
    }
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

/// What a toggle brings beside others.
#[derive(Debug, Clone, PartialEq)]
pub struct Interaction {
    /// The toggle with its strategy.
    pub toggle: String,
    /// The others, which are on already; none for the toggle by itself.
    pub beside: Vec<String>,
    /// Its effect, as a change of the cost.
    pub effect: f64,
}

impl Interaction {
    /// "the gain of `pool=adaptive` falls from 50.0% to 2.14% when `cache=lru` is on"; none for the toggle by itself.
    pub fn sentence(&self, alone: f64) -> Option<String> {
        let size = |effect: f64| percent(effect.abs()).trim_start_matches('+').to_owned();
        let said = |effect: f64| match effect {
            effect if effect < 0.0 => format!("saves {}", size(effect)),
            effect if effect > 0.0 => format!("costs {} more", size(effect)),
            _ => "changes nothing".to_owned(),
        };
        let beside: Vec<String> = self.beside.iter().map(|toggle| format!("`{toggle}`")).collect();
        let when = match beside.len() {
            0 => return None,
            1 => format!("when {} is on", beside[0]),
            _ => format!("when {} are on", beside.join(" and ")),
        };
        let Interaction { toggle, effect, .. } = self;
        let (before, after) = (size(alone), size(*effect));
        let what = if alone < 0.0 { "gain" } else { "cost" };
        Some(if (alone - effect).abs() < SAME {
            format!("`{toggle}` {}, also {when}", said(*effect))
        } else if alone * effect <= 0.0 {
            format!("`{toggle}` {} by itself, and {} {when}", said(alone), said(*effect))
        } else {
            let moves = if effect.abs() < alone.abs() { "falls" } else { "rises" };
            format!("the {what} of `{toggle}` {moves} from {before} to {after} {when}")
        })
    }
}

/// Effects that differ by less are called the same.
const SAME: f64 = 0.001;

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
    // Phases in between have strategies that are not those of the last one, and were not tried by themselves.
    let tried =
        |pairs: &Switched<'_>| pairs.iter().filter(|pair| costs.contains_key(&Switched::from([**pair]))).count();
    let (all, with_all) = costs.iter().max_by_key(|(pairs, _)| (tried(pairs), pairs.len()))?;
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
    let cost_of = |case: &CaseKey| cases.iter().find(|(other, _)| *other == case).map(|(_, value)| *value);
    let phases = report.phases.iter().filter_map(|(phase, case)| Some((phase.clone(), cost_of(case)?)));
    Some(ToggleEffects {
        benchmark,
        metric,
        ends: [none, *with_all],
        effects,
        mixes: mixes.collect(),
        interactions: interactions(&costs),
        phases: phases.collect(),
    })
}

/// What each of three toggles brings beside every mix of the other two; empty without a mix of three whose parts are
/// all there.
fn interactions(costs: &BTreeMap<Switched<'_>, f64>) -> Vec<Interaction> {
    let beside = |three: &[(&str, &str)], toggle: usize, mask: usize| -> Option<Interaction> {
        let others = (0..3).filter(|place| *place != toggle).enumerate();
        let others: Switched<'_> =
            others.filter(|(bit, _)| mask >> bit & 1 == 1).map(|(_, place)| three[place]).collect();
        let with: Switched<'_> = others.iter().copied().chain([three[toggle]]).collect();
        let before = costs.get(&others).filter(|before| **before > 0.0)?;
        Some(Interaction {
            toggle: named(&three[toggle]),
            beside: others.iter().map(named).collect(),
            effect: costs.get(&with)? / before - 1.0,
        })
    };
    let of = |three: &Switched<'_>| -> Option<Vec<Interaction>> {
        let three: Vec<(&str, &str)> = three.iter().copied().collect();
        (0..3)
            .flat_map(|toggle| (0..4).map(move |mask| (toggle, mask)))
            .map(|(toggle, mask)| beside(&three, toggle, mask))
            .collect()
    };
    costs.keys().filter(|pairs| pairs.len() == 3).find_map(of).unwrap_or_default()
}

fn named((toggle, strategy): &(&str, &str)) -> String {
    printable(&format!("{toggle}={strategy}"))
}
