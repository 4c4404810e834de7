//! The variants between two phases that show what each toggle brings: by itself on top of the first phase, and taken
//! from the second. And every mix of pool, cache and compression, to see if they help or hinder each other.

use workloads::cases::Case;

use crate::phases::Phase;

/// The toggles of which all mixes are made.
const TOGETHER: [&str; 3] = ["pool", "cache", "compression"];

/// A case under each of these variants, the one without any toggle first. Only toggles on the case's path are switched.
pub fn cases(base: &Phase, new: &Phase, case: &Case) -> Vec<Case> {
    let (none, all) = (base.apply(case), new.apply(case));
    let switched: Vec<(&str, &str)> = (new.toggles.iter().map(|(toggle, _)| *toggle))
        .filter(|toggle| none.variant.get(toggle).ok() != all.variant.get(toggle).ok())
        .filter(|toggle| all.applies(toggle) || none.applies(toggle))
        .filter_map(|toggle| Some((toggle, all.variant.get(toggle).ok()?)))
        .collect();
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
    let mut cases: Vec<Case> = Vec::new();
    for mix in mixes {
        let mut mixed = none;
        let set = mix.iter().all(|place| mixed.variant.set(switched[*place].0, switched[*place].1).is_ok());
        let is_listed = cases.iter().any(|listed| listed.variant == mixed.variant);
        if set && mixed.variant.validate().is_ok() && !is_listed {
            cases.push(mixed);
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
        let (base, new) = (phases::find("0").expect("reads"), phases::find("3").expect("reads"));
        let case = workloads::cases::find("lifecycle_libsql_committed", &[]).expect("listed");
        let cases = cases(&base, &new, &case);
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
}
