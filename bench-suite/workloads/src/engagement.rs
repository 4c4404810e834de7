//! Detects toggles that did nothing: a variant whose toggle did not engage is invalid, not fast.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use memory::Variant;

use crate::cases::Case;

/// The counters of each strategy: if it did its work, one of them has moved. The naive strategies have none.
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

/// The counters of what a benchmark asks for, whichever way it is done: at one number of operations they stay the same.
pub const WORK: [&str; 10] = [
    "steps_appended",
    "rows_read",
    "episodes_scored",
    "fsyncs",
    "values_decoded",
    "json_encoded",
    "messagepack_encoded",
    "postcard_encoded",
    "values_compressed",
    "values_decompressed",
];

/// Checks that every strategy on the case's path did its work.
pub fn check(case: &Case, counters: &BTreeMap<&'static str, u64>) -> Result<()> {
    check_variant(&case.variant, |toggle| case.applies(toggle), counters)
}

/// Checks that every strategy of a variant did its work, if its toggle is on the path.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_counts_all_work() {
        let counted = |name: &&str| memory::Counters::TABLE.iter().any(|(counter, _)| counter == name);
        assert!(WORK.iter().all(counted));
    }

    #[test]
    fn every_strategy_but_the_naive_has_its_evidence() {
        for toggle in memory::TOGGLES.iter().filter(|toggle| !["store", "durability"].contains(&toggle.name)) {
            for strategy in &toggle.strategies[1..] {
                let listed = EVIDENCE.iter().any(|(name, of, _)| name == &toggle.name && of == strategy);
                assert!(listed, "{}={strategy} has no counter that shows it", toggle.name);
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
