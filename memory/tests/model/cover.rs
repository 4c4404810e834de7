//! Variants that between them have every pair of strategies of two toggles that go together: most faults need no more than two (Kuhn, Wallace and
//! Gallo, "Software fault interactions and implications for software testing", IEEE TSE 2004), and all combinations are too many to try.

use std::collections::BTreeSet;

use memory::{TOGGLES, Variant};

/// Two toggles, each with its strategy.
type Pair = [(&'static str, &'static str); 2];

/// Variants among `all` that have every pair of strategies that one of `all` has. Greedy: the next one has the most pairs that are still missing.
pub fn pairs(all: &[Variant]) -> Vec<Variant> {
    let of_each: Vec<BTreeSet<Pair>> = all.iter().map(pairs_of).collect();
    let mut missing: BTreeSet<Pair> = of_each.iter().flatten().copied().collect();
    let mut chosen = Vec::new();
    while !missing.is_empty() {
        let most = |&(_, pairs): &(&Variant, &BTreeSet<Pair>)| pairs.intersection(&missing).count();
        let (variant, pairs) =
            all.iter().zip(&of_each).max_by_key(most).expect("what is missing came from one of them");
        missing = missing.difference(pairs).copied().collect();
        chosen.push(*variant);
    }
    chosen
}

fn pairs_of(variant: &Variant) -> BTreeSet<Pair> {
    let strategies: Vec<_> =
        TOGGLES.iter().map(|toggle| (toggle.name, variant.get(toggle.name).expect("the table's own toggle"))).collect();
    let pairs =
        strategies.iter().enumerate().flat_map(|(place, &one)| strategies[..place].iter().map(move |&two| [two, one]));
    pairs.collect()
}

#[test]
fn every_pair_is_covered_by_few() {
    let all: Vec<Variant> =
        Variant::all().into_iter().filter(|variant| variant.store == memory::StoreKind::Libsql).collect();
    let chosen = pairs(&all);
    let has = |pair: &Pair| chosen.iter().any(|variant| pairs_of(variant).contains(pair));
    assert!(all.iter().flat_map(pairs_of).collect::<BTreeSet<_>>().iter().all(has));
    assert!(chosen.len() < 40, "{} of {}", chosen.len(), all.len());
}
