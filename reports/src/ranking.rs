//! The order of the deltas in a report: three groups, the first one sorted by importance.

use std::collections::{BTreeMap, BTreeSet};

use baselines::delta::{Comparison, Delta, Verdict};
use baselines::gate::Judgement;
use baselines::metric::METRICS;

/// The deltas of a comparison, each in one group.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RankedDeltas<'a> {
    /// Deltas that are shown one by one: regressed, invalid, missing, inconclusive, improved. The most important first.
    pub told: Vec<&'a Delta>,
    /// Deltas inside the limits, in the order of the comparison.
    pub equal: Vec<&'a Delta>,
    /// Deltas that were not judged, by verdict (incomparable, added, or inconclusive and not measured) and reason.
    pub unjudged: Vec<Unjudged<'a>>,
}

/// Deltas that were not judged, for one reason.
#[derive(Debug, Clone, PartialEq)]
pub struct Unjudged<'a> {
    /// `incomparable`, `added` or `inconclusive`.
    pub verdict: Verdict,
    pub why: &'a str,
    pub deltas: Vec<&'a Delta>,
}

/// True for what is open because nothing of it was measured: it has a reason, and no value on either side.
pub fn is_unmeasured(delta: &Delta) -> bool {
    delta.verdict == Verdict::Inconclusive && delta.base.is_none() && delta.new.is_none()
}

/// True for what is told once for all deltas with its reason.
pub fn is_grouped(delta: &Delta) -> bool {
    matches!(delta.verdict, Verdict::Incomparable | Verdict::Added) || is_unmeasured(delta)
}

/// Sorts the deltas of a comparison into groups.
pub fn rank(comparison: &Comparison) -> RankedDeltas<'_> {
    let mut ranking = RankedDeltas::default();
    let mut unjudged: BTreeMap<(Verdict, &str), Vec<&Delta>> = BTreeMap::new();
    for delta in &comparison.deltas {
        match delta.verdict {
            Verdict::Equal => ranking.equal.push(delta),
            _ if is_grouped(delta) => unjudged.entry((delta.verdict, delta.why.as_str())).or_default().push(delta),
            _ => ranking.told.push(delta),
        }
    }
    ranking.told.sort_by(|a, b| {
        let size = |delta: &Delta| delta.relative.map_or(f64::INFINITY, f64::abs);
        (importance(a).cmp(&importance(b)))
            .then_with(|| size(b).total_cmp(&size(a)))
            .then_with(|| place(&a.metric).cmp(&place(&b.metric)))
            .then_with(|| a.case.cmp(&b.case))
    });
    ranking.unjudged = unjudged.into_iter().map(|((verdict, why), deltas)| Unjudged { verdict, why, deltas }).collect();
    ranking
}

impl<'a> RankedDeltas<'a> {
    /// Every delta: the told ones, those that were not judged, and those inside the limits.
    pub fn all(&self) -> Vec<&'a Delta> {
        let unjudged = self.unjudged.iter().flat_map(|group| &group.deltas);
        self.told.iter().chain(unjudged).chain(&self.equal).copied().collect()
    }
}

/// The reasons why the run can't be believed, without those that deltas of [`RankedDeltas::told`] show themselves.
pub fn reasons(judgement: &Judgement) -> Vec<&str> {
    let told: BTreeSet<String> = (judgement.comparison.deltas.iter())
        .filter(|delta| matches!(delta.verdict, Verdict::Invalid | Verdict::Missing))
        .map(Delta::reason)
        .collect();
    judgement.invalid.iter().map(String::as_str).filter(|reason| !told.contains(*reason)).collect()
}

/// 0 for what matters most.
fn importance(delta: &Delta) -> u8 {
    match (delta.verdict, delta.blocks) {
        (Verdict::Regressed, true) => 0,
        (Verdict::Invalid, _) => 1,
        (Verdict::Missing, true) => 2,
        (Verdict::Regressed | Verdict::Missing, false) => 3,
        (Verdict::Inconclusive, true) => 4,
        (Verdict::Inconclusive, false) => 5,
        (Verdict::Improved, _) => 6,
        (Verdict::Incomparable | Verdict::Added | Verdict::Equal, _) => 7,
    }
}

/// The metric's place in the table; unknown ones come last.
fn place(metric: &str) -> usize {
    METRICS.iter().position(|known| known.name == metric).unwrap_or(METRICS.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use baselines::CaseKey;
    use baselines::gate::judge;

    fn delta(verdict: Verdict, blocks: bool, relative: f64, why: &str) -> Delta {
        let case = CaseKey { benchmark: format!("{verdict}/{blocks}/{relative}"), variant: String::new() };
        let (base, new, relative) = (Some(1.0), Some(1.0 + relative), Some(relative));
        Delta { base, new, relative, ..Delta::new(case, "instructions", (verdict, why), blocks) }
    }

    #[test]
    fn what_blocks_comes_first_and_nothing_is_lost() {
        let deltas = vec![
            delta(Verdict::Added, true, 0.0, "new"),
            delta(Verdict::Improved, true, -0.9, ""),
            delta(Verdict::Equal, true, 0.001, ""),
            delta(Verdict::Regressed, false, 0.5, ""),
            delta(Verdict::Regressed, true, 0.01, ""),
            delta(Verdict::Inconclusive, true, 0.02, ""),
            delta(Verdict::Regressed, true, 0.02, ""),
            delta(Verdict::Missing, true, 0.0, ""),
            delta(Verdict::Incomparable, true, 0.0, "sampled"),
            delta(Verdict::Added, true, 0.1, "new"),
            Delta { base: None, new: None, ..delta(Verdict::Inconclusive, true, 0.0, "no time") },
        ];
        let comparison = Comparison { differences: vec![], deltas };
        let ranking = rank(&comparison);
        let told: Vec<_> = ranking.told.iter().map(|delta| (delta.verdict, delta.blocks, delta.relative)).collect();
        assert_eq!(
            told,
            [
                (Verdict::Regressed, true, Some(0.02)),
                (Verdict::Regressed, true, Some(0.01)),
                (Verdict::Missing, true, Some(0.0)),
                (Verdict::Regressed, false, Some(0.5)),
                (Verdict::Inconclusive, true, Some(0.02)),
                (Verdict::Improved, true, Some(-0.9)),
            ]
        );
        let judgement = judge(comparison.clone(), &[], &["a rule guards nothing".to_owned()]);
        assert_eq!((judgement.invalid.len(), reasons(&judgement)), (2, vec!["a rule guards nothing"]));
        let unjudged: usize = ranking.unjudged.iter().map(|group| group.deltas.len()).sum();
        assert_eq!((ranking.equal.len(), ranking.unjudged.len(), unjudged), (1, 3, 4));
    }
}
