//! The variants between two phases that show what each toggle brings: by itself on top of the first phase, and taken
//! from the second. Every mix of pool, cache and compression, to see if they help or hinder each other. And the phases
//! in between.

use anyhow::Result;
use baselines::CaseKey;
use harness::recorded::Recorded;
use memory::Variant;
use workloads::cases::{self, Case};

use crate::phases::{self, Phase};

/// The toggles of which all mixes are made.
const TOGETHER: [&str; 3] = ["pool", "cache", "compression"];

/// A toggle and its strategy.
type Switch = (&'static str, &'static str);

/// The toggles on the case's path whose strategies differ between the two phases, with those of the second.
fn switched(base: &Phase, new: &Phase, case: &Case) -> Vec<Switch> {
    let (none, all) = (base.apply(case), new.apply(case));
    (new.toggles.iter().map(|(toggle, _)| *toggle))
        .filter(|toggle| none.variant.get(toggle).ok() != all.variant.get(toggle).ok())
        .filter(|toggle| all.applies(toggle) || none.applies(toggle))
        .filter_map(|toggle| Some((toggle, all.variant.get(toggle).ok()?)))
        .collect()
}

/// The case with these toggles switched; none if they do not go together.
fn with(mut case: Case, switches: impl IntoIterator<Item = Switch>) -> Option<Case> {
    let set = switches.into_iter().all(|(toggle, strategy)| case.variant.set(toggle, strategy).is_ok());
    (set && case.variant.validate().is_ok()).then_some(case)
}

/// A case under each phase, by the phases' names. Only toggles on its path are switched, as in [`cases`].
fn under_phases(phases: &[Phase], case: &Case) -> Vec<(String, Case)> {
    let Some(base) = phases.first() else { return vec![] };
    let under = |phase: &Phase| Some((phase.name.clone(), with(base.apply(case), switched(base, phase, case))?));
    phases.iter().filter_map(under).collect()
}

/// The phases of which these are cases, as pairs of phase and case: those of [`cases()`] between the first phase and
/// the last. A benchmark has either all phases or none; none if they do not differ.
pub fn phases_of<'a>(keys: impl Iterator<Item = &'a CaseKey>) -> Result<Vec<(String, CaseKey)>> {
    let (phases, listed) = (phases::all()?, cases::select(None, &[])?.cases);
    let keys: Vec<&CaseKey> = keys.collect();
    let mut found: Vec<(String, CaseKey)> = Vec::new();
    for key in &keys {
        let Ok(variant) = key.variant.parse::<Variant>() else { continue };
        let is_it = |case: &&Case| {
            case.benchmark.name == key.benchmark
                && (case.variant.store, case.variant.durability) == (variant.store, variant.durability)
        };
        let Some(case) = listed.iter().find(is_it) else { continue };
        let under: Vec<(String, CaseKey)> =
            under_phases(&phases, case).into_iter().map(|(phase, case)| (phase, case.key())).collect();
        let differ = under.windows(2).any(|pair| pair[0].1 != pair[1].1);
        let is_new = under.first().is_some_and(|first| !found.contains(first));
        if differ && is_new && under.iter().all(|(_, case)| keys.contains(&case)) {
            found.extend(under);
        }
    }
    Ok(found)
}

/// A case under each of these variants, the one without any toggle first. Only toggles on the case's path are switched.
pub fn cases(phases: &[Phase], case: &Case) -> Vec<Case> {
    let (Some(base), Some(new)) = (phases.first(), phases.last()) else { return vec![] };
    let (none, switched) = (base.apply(case), switched(base, new, case));
    let every = || (0..switched.len()).collect::<Vec<_>>();
    let mut mixes: Vec<Vec<usize>> = vec![vec![], every()];
    mixes.extend(every().into_iter().map(|toggle| vec![toggle]));
    mixes.extend(every().into_iter().map(|toggle| every().into_iter().filter(|other| *other != toggle).collect()));
    let places: Vec<usize> = every().into_iter().filter(|place| TOGETHER.contains(&switched[*place].0)).collect();
    if places.len() == TOGETHER.len() {
        mixes.extend(
            (0..8_usize).map(|mask| (0..3).filter(|bit| mask >> bit & 1 == 1).map(|bit| places[bit]).collect()),
        );
    }
    let mixed = mixes.into_iter().filter_map(|mix| with(none, mix.iter().map(|place| switched[*place])));
    let between = under_phases(phases, case).into_iter().map(|(_, case)| case);
    let mut cases: Vec<Case> = Vec::new();
    for case in mixed.chain(between) {
        if !cases.iter().any(|listed| listed.variant == case.variant) {
            cases.push(case);
        }
    }
    cases
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::phases;

    #[test]
    fn each_toggle_is_tried_alone_and_left_out_once() {
        let phases = [phases::find("0").expect("reads"), phases::find("3").expect("reads")];
        let case = workloads::cases::find("lifecycle_libsql_committed", &[]).expect("listed");
        let cases = cases(&phases, &case);
        let all = cases[1].variant;
        let on = |case: &Case| {
            let differs =
                |toggle: &&memory::Toggle| case.variant.get(toggle.name).ok() != cases[0].variant.get(toggle.name).ok();
            memory::TOGGLES.iter().filter(differs).map(|toggle| toggle.name).collect::<Vec<_>>()
        };
        let switched = on(&cases[1]);
        assert!(["pool", "codec", "compression"].iter().all(|toggle| switched.contains(toggle)), "{switched:?}");
        for toggle in &switched {
            assert!(cases.iter().any(|case| on(case) == [*toggle]), "{toggle} alone");
            let without = cases.iter().any(|case| on(case).len() + 1 == switched.len() && !on(case).contains(toggle));
            assert!(without, "all but {toggle}");
        }
        let strategies =
            |case: &Case| on(case).iter().all(|toggle| case.variant.get(toggle).ok() == all.get(toggle).ok());
        assert!(cases.iter().all(strategies));
        assert_eq!(all.store, cases[0].variant.store);
    }
    #[test]
    fn the_phases_between_are_counted_and_found_again() {
        let phases = phases::between(&phases::find("0").expect("reads"), &phases::find("3").expect("reads"));
        let phases = phases.expect("reads");
        assert_eq!(phases.len(), 4);
        let case = workloads::cases::find("episode_get_libsql", &[]).expect("listed");
        let mut keys: Vec<CaseKey> = cases(&phases, &case).iter().map(Case::key).collect();
        let found = phases_of(keys.iter()).expect("reads");
        let names: Vec<&str> = found.iter().map(|(phase, _)| phase.as_str()).collect();
        assert_eq!(names, ["0", "1", "2", "3"]);
        assert!(found[1].1.variant.contains("cache=lru") && found[3].1.variant.contains("cache=predictive"));
        assert!(found[3].1.variant.contains("wire=identity"), "a file has no wire");
        keys.retain(|key| *key != found[1].1);
        assert_eq!(phases_of(keys.iter()).expect("reads"), [], "a phase is missing");
    }
}
