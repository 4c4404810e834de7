//! Finding out toggles that did nothing: a variant whose toggle did not engage is invalid, not fast.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use memory::{CacheKind, PoolKind, StoreKind, Variant};

use crate::benchmarks::episodes;
use crate::cases::Case;

/// The counters of which one must have moved for a strategy to have done its work. Strategies that are missing here are the naive ones.
const EVIDENCE: &[(&str, &str, &[&str])] = &[
    ("codec", "messagepack", &["messagepack_encoded"]),
    ("codec", "postcard", &["postcard_encoded"]),
    ("compression", "lz4", &["values_compressed"]),
    ("compression", "zstd", &["values_compressed"]),
    ("compression", "zstd-dictionary", &["dictionary_compressed"]),
    ("cache", "lru", &["cache_hits", "query_hits"]),
    ("cache", "adaptive-ttl", &["ttl_extended"]),
    ("cache", "predictive", &["predictive_evictions"]),
    ("buffers", "pooled", &["buffers_reused"]),
    ("metadata", "json-extract", &["metadata_extractions"]),
    ("metadata", "indexed", &["metadata_index_searches"]),
    ("index", "composite", &["composite_index_searches"]),
    ("batch", "single-query", &["fetched_together"]),
    ("batch", "parallel", &["fetched_in_parallel"]),
    ("writes", "batched", &["shared_commits"]),
    ("embedding", "postcard", &["postcard_vectors"]),
    ("embedding", "f32-blob", &["f32_vectors"]),
    ("retrieval", "indexed", &["index_searches"]),
    ("sharing", "arc", &["episodes_shared"]),
    ("pool", "keepalive", &["connections_reused"]),
    ("pool", "adaptive", &["permits_grown", "permits_shrunk"]),
    ("wire", "compressed", &["bodies_compressed"]),
];

/// Whether a toggle lies on the path of a case, so that its strategy must show in a counter.
pub fn applies(case: &Case, toggle: &str) -> bool {
    let store = case.variant.store;
    case.benchmark.exercises.contains(&toggle)
        && match toggle {
            // Structs in memory are neither encoded nor fetched over a connection. A benchmark without a store encodes by itself.
            "codec" | "compression" | "buffers" => {
                !case.benchmark.exercises.contains(&"store") || store != StoreKind::Memory
            }
            "embedding" => store != StoreKind::Memory,
            // What other stores decode is its caller's alone.
            "sharing" => store == StoreKind::Memory || case.variant.cache != CacheKind::None,
            // What is never full evicts nothing.
            "cache" if case.variant.cache == CacheKind::Predictive => case.benchmark.name == episodes::CROWDED,
            // One writer has nothing to adapt, and a local tier leaves the readers nothing to do: fetching from the record shows it.
            "pool" if case.variant.pool == PoolKind::Adaptive => {
                store == StoreKind::Libsql && case.benchmark.exercises.contains(&"cache")
            }
            // A warm cache leaves nothing to be fetched together.
            "batch" => case.variant.cache == CacheKind::None,
            "pool" => matches!(store, StoreKind::Libsql | StoreKind::Tiered),
            _ => true,
        }
}

/// Checks that every strategy on the case's path did its work.
///
/// # Errors
/// A strategy whose counter did not move: the message names both.
pub fn check(case: &Case, counters: &BTreeMap<&'static str, u64>) -> Result<()> {
    check_variant(&case.variant, |toggle| applies(case, toggle), counters)
}

/// Checks that every strategy of a variant did its work, where its toggle lies on the path.
///
/// # Errors
/// As [`check`].
pub fn check_variant(
    variant: &Variant,
    applies: impl Fn(&str) -> bool,
    counters: &BTreeMap<&'static str, u64>,
) -> Result<()> {
    for (toggle, strategy, evidence) in EVIDENCE {
        let chosen = variant.get(toggle)? == *strategy;
        let idle = evidence.iter().all(|counter| counters.get(counter).copied().unwrap_or(0) == 0);
        if chosen && applies(toggle) && idle {
            bail!("{toggle}={strategy} did not engage: the counter `{}` is 0", evidence.join("` and the counter `"));
        }
    }
    Ok(())
}

/// Whether two variants differ in more than names: the toggles in which they differ.
pub fn differing(a: &Variant, b: &Variant) -> Vec<&'static str> {
    let toggles = memory::TOGGLES.iter().map(|toggle| toggle.name);
    toggles.filter(|toggle| a.get(toggle).ok() != b.get(toggle).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_strategy_but_the_naive_has_its_evidence() {
        for toggle in memory::TOGGLES.iter().filter(|toggle| !["store", "durability"].contains(&toggle.name)) {
            for strategy in &toggle.strategies[1..] {
                let known = EVIDENCE.iter().any(|(name, of, _)| name == &toggle.name && of == strategy);
                assert!(known, "{}={strategy} has no counter that shows it", toggle.name);
            }
        }
        let counters = memory::Counters::default().snapshot();
        assert!(EVIDENCE.iter().flat_map(|(_, _, evidence)| *evidence).all(|counter| counters.contains_key(counter)));
    }

    #[test]
    fn a_toggle_that_did_nothing_is_an_error() {
        let case = crate::cases::find("step_log_redb_postcard", &[]).expect("listed");
        let idle = check(&case, &BTreeMap::new()).expect_err("nothing was encoded");
        assert_eq!(idle.to_string(), "codec=postcard did not engage: the counter `postcard_encoded` is 0");
        assert!(check(&case, &BTreeMap::from([("postcard_encoded", 1)])).is_ok());
    }
}
