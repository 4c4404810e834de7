//! Matches the cases of both sides of a comparison.

use baselines::delta::{Delta, Verdict};
use baselines::policy::{Limit, Policy};

use super::runs;
use crate::subject::SubjectCase;

/// The cases that both sides have with the same meaning, and the deltas of cases that one side lacks or has redefined.
/// Of cases of the base that are not measured, only those that are `wanted` count. With `everything`, nothing that is
/// wanted may be left out of those that were chosen.
pub fn match_up(
    policy: &Policy,
    chosen: Vec<SubjectCase>,
    everything: bool,
    base: &[SubjectCase],
    new: &[SubjectCase],
    wanted: impl Fn(&SubjectCase) -> bool,
) -> (Vec<SubjectCase>, Vec<Delta>) {
    let (mut shared, mut one_sided) = (Vec::new(), Vec::new());
    let find = |cases: &[SubjectCase], of: &SubjectCase| cases.iter().find(|case| case.is(of)).cloned();
    let measured = chosen.clone();
    for case in chosen {
        match (find(base, &case), find(new, &case)) {
            (Some(before), Some(now)) if !alike(&before, &now) => {
                let why = format!("the base has {} by the name {}, here it is {}", before.key, case.id, now.key);
                one_sided.push(redefined(policy, &before, &why));
            }
            (Some(before), Some(now)) if before.operations != now.operations => {
                let why =
                    format!("one count has {} operations in the base, {} here", before.operations, now.operations);
                one_sided.push(redefined(policy, &case, &why));
            }
            (Some(_), _) => shared.push(case),
            (None, _) => {
                let why = "the base does not have this case: it is judged once the base has it".to_owned();
                one_sided.push(unmatched_delta(policy, &case, (Verdict::Added, why)));
            }
        }
    }
    for gone in base.iter().filter(|case| wanted(case)) {
        let why = match find(new, gone) {
            None => format!("the base has the case {}, the new side does not", gone.id),
            Some(_) if everything && !measured.iter().any(|case| case.is(gone)) => {
                format!("both sides have the case {}, and the list of this tree does not", gone.id)
            }
            Some(_) => continue,
        };
        let judged = match policy.redefined(&gone.key, gone.metric, runs::today(), &why) {
            (Verdict::Invalid, why) => (Verdict::Missing, why),
            accepted => accepted,
        };
        one_sided.push(unmatched_delta(policy, gone, judged));
    }
    (shared, one_sided)
}

/// The delta of a case that means something else than in the base.
fn redefined(policy: &Policy, case: &SubjectCase, why: &str) -> Delta {
    unmatched_delta(policy, case, policy.redefined(&case.key, case.metric, runs::today(), why))
}

/// The delta of a case that can't be compared, without a value. The policy of its metric decides if it blocks.
fn unmatched_delta(policy: &Policy, case: &SubjectCase, judged: (Verdict, String)) -> Delta {
    let limit = policy.limit(&case.key, case.metric, runs::today());
    Delta::new(case.key.clone(), case.metric, judged, limit.is_some_and(Limit::blocks))
}

/// True if an identifier means the same on both sides: one benchmark, and each common toggle has one strategy.
fn alike(base: &SubjectCase, new: &SubjectCase) -> bool {
    let pairs = |case: &SubjectCase| -> Vec<(String, String)> {
        let pairs = case.key.variant.split(',').filter_map(|pair| pair.split_once('='));
        pairs.map(|(toggle, strategy)| (toggle.to_owned(), strategy.to_owned())).collect()
    };
    let before = pairs(base);
    let differs = |(toggle, chosen): &(String, String)| {
        before.iter().any(|(other, strategy)| other == toggle && strategy != chosen)
    };
    base.key.benchmark == new.key.benchmark && !pairs(new).iter().any(differs)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use baselines::{CaseKey, Durability};

    use super::*;
    use crate::schedule::worker_program::Slicing;

    fn case(id: &str, benchmark: &str, variant: &str) -> SubjectCase {
        SubjectCase {
            program: "worker".into(),
            id: id.into(),
            set: vec![],
            key: CaseKey { benchmark: benchmark.into(), variant: variant.into() },
            operations: 4,
            gated: true,
            metric: "cpu_time",
            durability: Durability::Memory,
            slicing: Slicing::OF_WORKERS,
        }
    }

    fn listed() -> Vec<SubjectCase> {
        ["one", "two", "three"].map(|id| case(id, &format!("family/{id}"), "store=redb,codec=json")).into()
    }

    /// The number of shared cases, and the verdicts on the others.
    fn matched(wanted: &str, base: &[SubjectCase], new: &[SubjectCase]) -> (usize, Vec<Verdict>) {
        let wanted = |case: &SubjectCase| case.id.contains(wanted);
        let (shared, one_sided) = match_up(&Policy::standard(), new.to_vec(), true, base, new, wanted);
        (shared.len(), one_sided.iter().map(|delta| delta.verdict).collect())
    }

    #[test]
    fn a_case_that_one_side_lacks_is_missing_or_added() {
        let (all, mut fewer) = (listed(), listed());
        let gone = fewer.remove(0);
        assert_eq!(matched("", &all, &all), (all.len(), vec![]));
        assert_eq!(matched("", &fewer, &all).1, [Verdict::Added]);
        let mut more = all.clone();
        more.push(SubjectCase { id: "retired".into(), ..gone });
        assert_eq!(matched("", &more, &all).1, [Verdict::Missing]);
        assert_eq!(matched("one", &more, &all).1, [], "the filter left it out");
        let unmeasured = |everything| {
            let chosen = all[1..].to_vec();
            let (_, one_sided) = match_up(&Policy::standard(), chosen, everything, &all, &all, |_| true);
            one_sided.iter().map(|delta| delta.verdict).collect::<Vec<_>>()
        };
        assert_eq!(unmeasured(true), [Verdict::Missing], "both sides list it, and nobody measures it");
        assert_eq!(unmeasured(false), [], "a toggle is not on its path");
    }

    #[test]
    fn a_redefined_case_is_not_green_until_the_base_accepts_it() {
        let (all, mut other) = (listed(), listed());
        other[0].key.variant = "store=redb,codec=postcard".into();
        other[1].operations += 1;
        let (shared, one_sided) = match_up(&Policy::standard(), all.clone(), true, &other, &all, |_| true);
        assert_eq!((shared.len(), one_sided.len()), (all.len() - 2, 2));
        assert!(
            one_sided[0].why.contains("codec=postcard") && one_sided[0].why.contains("codec=json"),
            "{one_sided:?}"
        );
        assert!(one_sided[1].why.contains("5 operations in the base, 4 here"), "{one_sided:?}");
        let judgement = |deltas: Vec<Delta>| {
            let comparison = baselines::delta::Comparison { differences: vec![], deltas };
            baselines::gate::judge(comparison, &[], &[])
        };
        assert_eq!(judgement(one_sided).outcome, baselines::gate::GateOutcome::Invalid);
        let accepted = "schema = 1\n[[rule]]\nmetric = 'cpu_time'\naction = 'block'\n[[redefinition]]\nbenchmark = \
            'family/*'\nreason = 'another codec'\nexpires = '9999-12-31'\n";
        let policy = Policy::parse(Path::new("p.toml"), accepted).expect("parses");
        let (_, one_sided) = match_up(&policy, all.clone(), true, &other, &all[2..], |_| true);
        assert!(one_sided.iter().all(|delta| delta.verdict == Verdict::Incomparable), "{one_sided:?}");
        assert!(one_sided[0].why.contains("accepted until 9999-12-31 (another codec)"), "{one_sided:?}");
        assert!(judgement(one_sided).invalid.is_empty());
    }

    #[test]
    fn a_name_means_the_same_while_no_common_toggle_differs() {
        let before = case("x", "step/log", "store=redb,codec=json");
        assert!(alike(&before, &case("x", "step/log", "store=redb,codec=json,index=single")), "a new toggle");
        assert!(!alike(&before, &case("x", "step/log", "store=redb,codec=postcard")));
        assert!(!alike(&before, &case("x", "step/get", "store=redb,codec=json")));
    }
}
