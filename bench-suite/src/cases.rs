//! The one list of what a plain run measures: benchmarks under variants.
//!
//! It is a macro because gungraun needs an attribute a case at compile time: `benches/counts.rs` makes them from this list, and so nothing is
//! listed twice. A line is `(identifier, benchmark, what its variant has beside the naive strategies)`.

use anyhow::{Context, Result};
use memory::Variant;

use crate::benchmark::Benchmark;
use crate::engagement;
use crate::registry;

/// Calls a macro with every case.
#[macro_export]
macro_rules! for_each_case {
    ($then:ident) => {
        $then! {
            (lifecycle_memory, "lifecycle", "store=memory"),
            (lifecycle_redb_buffered, "lifecycle", "store=redb,durability=buffered"),
            (lifecycle_redb_fsynced, "lifecycle", "store=redb,durability=fsynced"),
            (lifecycle_libsql_committed, "lifecycle", "store=libsql,durability=committed,pool=keepalive"),
            (lifecycle_libsql_fsynced, "lifecycle", "store=libsql,durability=fsynced,pool=keepalive"),
            (lifecycle_tiered_committed, "lifecycle", "store=tiered,durability=committed,pool=keepalive"),
            (lifecycle_tiered_fsynced, "lifecycle", "store=tiered,durability=fsynced,pool=keepalive"),
            (episode_start_memory, "episode/start", "store=memory"),
            (step_log_memory, "step/log", "store=memory"),
            (step_log_redb_buffered, "step/log", "store=redb,durability=buffered"),
            (step_log_redb_fsynced, "step/log", "store=redb,durability=fsynced"),
            (step_log_redb_postcard, "step/log", "store=redb,durability=buffered,codec=postcard"),
            (step_log_redb_zstd, "step/log", "store=redb,durability=buffered,compression=zstd"),
            (step_log_redb_zstd_dictionary, "step/log", "store=redb,durability=buffered,compression=zstd-dictionary"),
            (step_log_libsql_none, "step/log", "store=libsql,durability=committed,pool=none"),
            (step_log_libsql_committed, "step/log", "store=libsql,durability=committed,pool=keepalive"),
            (step_log_libsql_fsynced, "step/log", "store=libsql,durability=fsynced,pool=keepalive"),
            (step_together_libsql_committed_batched, "step/together", "store=libsql,durability=committed,writes=batched,pool=keepalive"),
            (lifecycle_together_libsql_batched, "lifecycle/together", "store=libsql,durability=committed,writes=batched,pool=keepalive"),
            (engine_steps_libsql, "engine/steps", "store=libsql,durability=committed"),
            (episode_complete_memory, "episode/complete", "store=memory"),
            (episode_complete_redb_f32_blob, "episode/complete", "store=redb,embedding=f32-blob"),
            (episode_get_memory, "episode/get", "store=memory"),
            (episode_get_redb, "episode/get", "store=redb"),
            (episode_get_redb_lru, "episode/get", "store=redb,cache=lru"),
            (episode_get_libsql_none, "episode/get", "store=libsql,pool=none"),
            (episode_get_libsql, "episode/get", "store=libsql,pool=keepalive"),
            (episode_get_libsql_adaptive, "episode/get", "store=libsql,pool=adaptive"),
            (episode_get_tiered, "episode/get", "store=tiered,pool=keepalive"),
            (episode_get_crowded_redb_lru, "episode/get_crowded", "store=redb,cache=lru"),
            (episode_get_crowded_redb_predictive, "episode/get_crowded", "store=redb,cache=predictive"),
            (episode_get_many_redb, "episode/get_many", "store=redb"),
            (episode_get_many_libsql, "episode/get_many", "store=libsql,pool=keepalive"),
            (episode_get_many_libsql_single_query, "episode/get_many", "store=libsql,batch=single-query,pool=keepalive"),
            (episode_burst_libsql, "episode/burst", "store=libsql,pool=keepalive"),
            (metadata_query_memory, "metadata/query", "store=memory"),
            (metadata_query_redb, "metadata/query", "store=redb"),
            (metadata_query_libsql, "metadata/query", "store=libsql,pool=keepalive"),
            (metadata_query_libsql_indexed, "metadata/query", "store=libsql,metadata=indexed,pool=keepalive"),
            (task_query_libsql_composite, "task/query", "store=libsql,index=composite,pool=keepalive"),
            (retrieve_100, "retrieve/100", "store=memory"),
            (retrieve_1000, "retrieve/1000", "store=memory"),
            (retrieve_10000, "retrieve/10000", "store=memory"),
            (retrieve_1000_indexed, "retrieve/1000", "store=memory,retrieval=indexed,sharing=arc"),
            (retrieve_10000_indexed, "retrieve/10000", "store=memory,retrieval=indexed,sharing=arc"),
            (pattern_extract, "pattern/extract", "store=memory"),
            (embedding_embed, "embedding/embed", "store=memory"),
            (codec_encode_small_json, "codec/encode/small", "codec=json"),
            (codec_encode_small_messagepack, "codec/encode/small", "codec=messagepack"),
            (codec_encode_small_postcard, "codec/encode/small", "codec=postcard"),
            (codec_encode_median_json, "codec/encode/median", "codec=json"),
            (codec_encode_median_messagepack, "codec/encode/median", "codec=messagepack"),
            (codec_encode_median_postcard, "codec/encode/median", "codec=postcard"),
            (codec_encode_large_json, "codec/encode/large", "codec=json"),
            (codec_encode_large_messagepack, "codec/encode/large", "codec=messagepack"),
            (codec_encode_large_postcard, "codec/encode/large", "codec=postcard"),
            (codec_decode_small_json, "codec/decode/small", "codec=json"),
            (codec_decode_small_messagepack, "codec/decode/small", "codec=messagepack"),
            (codec_decode_small_postcard, "codec/decode/small", "codec=postcard"),
            (codec_decode_median_json, "codec/decode/median", "codec=json"),
            (codec_decode_median_messagepack, "codec/decode/median", "codec=messagepack"),
            (codec_decode_median_postcard, "codec/decode/median", "codec=postcard"),
            (codec_decode_large_json, "codec/decode/large", "codec=json"),
            (codec_decode_large_messagepack, "codec/decode/large", "codec=messagepack"),
            (codec_decode_large_postcard, "codec/decode/large", "codec=postcard"),
            (compress_small_lz4, "compression/compress/small", "compression=lz4"),
            (compress_small_zstd, "compression/compress/small", "compression=zstd"),
            (compress_small_zstd_dictionary, "compression/compress/small", "compression=zstd-dictionary"),
            (compress_median_lz4, "compression/compress/median", "compression=lz4"),
            (compress_median_zstd, "compression/compress/median", "compression=zstd"),
            (compress_large_lz4, "compression/compress/large", "compression=lz4"),
            (compress_large_zstd, "compression/compress/large", "compression=zstd"),
            (decompress_small_lz4, "compression/decompress/small", "compression=lz4"),
            (decompress_small_zstd, "compression/decompress/small", "compression=zstd"),
            (decompress_median_lz4, "compression/decompress/median", "compression=lz4"),
            (decompress_median_zstd, "compression/decompress/median", "compression=zstd"),
            (decompress_large_lz4, "compression/decompress/large", "compression=lz4"),
            (decompress_large_zstd, "compression/decompress/large", "compression=zstd"),
        }
    };
}

macro_rules! listed {
    ($(($id:ident, $benchmark:literal, $variant:literal),)+) => {
        /// Every case of a plain run.
        pub const LISTED: &[Listed] = &[$(Listed { id: stringify!($id), benchmark: $benchmark, variant: $variant }),+];
    };
}
for_each_case!(listed);

/// What a brief run leaves out: payloads of the sizes at both ends, the largest store, whole episodes whose counts are those of another durability
/// class, and what only claims are about. A line of the list that is not named here is measured by every run.
const NOT_QUICK: [&str; 29] = [
    "engine_steps_libsql",
    "lifecycle_together_libsql_batched",
    "episode_burst_libsql",
    "lifecycle_redb_fsynced",
    "lifecycle_libsql_fsynced",
    "lifecycle_tiered_fsynced",
    "retrieve_10000",
    "retrieve_10000_indexed",
    "codec_encode_small_json",
    "codec_encode_small_messagepack",
    "codec_encode_small_postcard",
    "codec_encode_large_json",
    "codec_encode_large_messagepack",
    "codec_encode_large_postcard",
    "codec_decode_small_json",
    "codec_decode_small_messagepack",
    "codec_decode_small_postcard",
    "codec_decode_large_json",
    "codec_decode_large_messagepack",
    "codec_decode_large_postcard",
    "compress_small_lz4",
    "compress_small_zstd",
    "compress_large_lz4",
    "compress_large_zstd",
    "decompress_small_lz4",
    "decompress_small_zstd",
    "decompress_large_lz4",
    "decompress_large_zstd",
    "episode_get_libsql_none",
];

/// A line of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listed {
    /// The identifier: a Rust one, unique.
    pub id: &'static str,
    /// The benchmark's name in the registry.
    pub benchmark: &'static str,
    /// What its variant has beside the naive strategies.
    pub variant: &'static str,
}

/// A benchmark under a variant, ready to be set up.
#[derive(Clone, Copy)]
pub struct Case {
    /// The identifier in the list.
    pub id: &'static str,
    /// The benchmark.
    pub benchmark: &'static Benchmark,
    /// Its variant.
    pub variant: Variant,
}

impl Case {
    /// The case as records name it.
    pub fn record(&self) -> baselines::CaseKey {
        baselines::CaseKey { benchmark: self.benchmark.name.to_owned(), variant: self.variant.to_string() }
    }

    /// What a filter is compared with: the benchmark and its variant's own strategies.
    pub fn label(&self) -> String {
        let own: Vec<String> = engagement::differing(&self.variant, &Variant::naive())
            .into_iter()
            .filter_map(|toggle| Some(format!("{toggle}={}", self.variant.get(toggle).ok()?)))
            .collect();
        format!("{} [{}]", self.benchmark.name, own.join(","))
    }

    /// Whether a brief run measures it.
    pub fn is_quick(&self) -> bool {
        !NOT_QUICK.contains(&self.id)
    }

    /// Its variant as pairs that set every toggle, whatever the list of cases says.
    pub fn written(&self) -> Vec<String> {
        self.variant.to_string().split(',').map(str::to_owned).collect()
    }

    /// Whether it waits on the disk: then its wall time decides, and otherwise its CPU time.
    pub fn waits(&self) -> bool {
        self.durability() == baselines::Durability::Fsynced
    }

    /// The metric that decides where two programs alternate.
    pub fn deciding_metric(&self) -> &'static str {
        if self.waits() { "wall_time" } else { "cpu_time" }
    }

    /// What a write of this case survives, as records say it.
    pub fn durability(&self) -> baselines::Durability {
        if !self.benchmark.exercises.contains(&"store") {
            return baselines::Durability::Struct;
        }
        match self.variant.durability {
            memory::Durability::Memory => baselines::Durability::Memory,
            memory::Durability::Buffered => baselines::Durability::Buffered,
            memory::Durability::Committed => baselines::Durability::Committed,
            memory::Durability::Fsynced => baselines::Durability::Fsynced,
        }
    }
}

/// The case of that identifier, with some toggles set otherwise: `toggle=strategy` pairs.
///
/// # Errors
/// No such case, toggle or strategy, or strategies that exclude each other.
pub fn find(id: &str, set: &[String]) -> Result<Case> {
    let listed = LISTED.iter().find(|listed| listed.id == id).with_context(|| format!("no case is called `{id}`"))?;
    listed.resolve(set)
}

impl Listed {
    /// The case, with some toggles set otherwise.
    ///
    /// # Errors
    /// No such toggle or strategy, or strategies that exclude each other.
    pub fn resolve(&self, set: &[String]) -> Result<Case> {
        let benchmark =
            registry::find(self.benchmark).with_context(|| format!("case {} names no benchmark", self.id))?;
        let mut variant: Variant = self.variant.parse().with_context(|| format!("case {}", self.id))?;
        for pair in set {
            set_pair(&mut variant, pair)?;
        }
        variant.validate()?;
        Ok(Case { id: self.id, benchmark, variant })
    }
}

fn set_pair(variant: &mut Variant, pair: &str) -> Result<()> {
    let (toggle, strategy) = pair.split_once('=').with_context(|| format!("`{pair}` is no toggle=strategy pair"))?;
    Ok(variant.set(toggle, strategy)?)
}

/// What a run measures: the cases whose label contains the filter, with some toggles set otherwise, and why others are left out.
pub struct Selection {
    /// In the order of the list, none twice.
    pub cases: Vec<Case>,
    /// Cases that the set toggles can't touch, and why.
    pub left_out: Vec<(String, String)>,
}

/// Selects cases. A set toggle leaves out the cases on whose path it does not lie.
///
/// # Errors
/// A pair that is no toggle and strategy.
pub fn select(filter: Option<&str>, set: &[String]) -> Result<Selection> {
    for pair in set {
        // Said once and clearly, rather than for every case. Whether it goes with the rest of a variant is the case's to say.
        set_pair(&mut Variant::naive(), pair).with_context(|| format!("--set {pair}"))?;
    }
    let mut selection = Selection { cases: vec![], left_out: vec![] };
    for listed in LISTED {
        let case = match listed.resolve(set) {
            Ok(case) => case,
            Err(_)
                if filter.is_some_and(|filter| !listed.benchmark.contains(filter) && !listed.id.contains(filter)) =>
            {
                continue;
            }
            Err(error) if !set.is_empty() => {
                selection.left_out.push((listed.id.to_owned(), format!("{error:#}")));
                continue;
            }
            Err(error) => return Err(error),
        };
        if filter.is_some_and(|filter| !case.label().contains(filter) && !case.id.contains(filter)) {
            continue;
        }
        let idle =
            set.iter().filter_map(|pair| pair.split_once('=')).find(|(toggle, _)| !engagement::applies(&case, toggle));
        if let Some((toggle, _)) = idle {
            selection.left_out.push((case.label(), format!("`{toggle}` does not lie on its path")));
        } else if !selection
            .cases
            .iter()
            .any(|other| other.benchmark.name == case.benchmark.name && other.variant == case.variant)
        {
            selection.cases.push(case);
        }
    }
    Ok(selection)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_resolves_and_every_benchmark_has_one() {
        let cases: Vec<Case> = LISTED.iter().map(|listed| listed.resolve(&[]).expect("resolves")).collect();
        let mut ids: Vec<_> = cases.iter().map(|case| case.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), LISTED.len(), "identifiers are unique");
        for benchmark in registry::BENCHMARKS {
            assert!(cases.iter().any(|case| case.benchmark.name == benchmark.name), "{} has no case", benchmark.name);
        }
    }

    #[test]
    fn a_brief_run_leaves_out_cases_and_no_strategy() {
        let cases: Vec<Case> = LISTED.iter().map(|listed| listed.resolve(&[]).expect("resolves")).collect();
        for id in NOT_QUICK {
            assert!(cases.iter().any(|case| case.id == id), "{id} is not in the list");
        }
        // Every store, durability class, codec, compressor, .. that any case has.
        for toggle in memory::TOGGLES {
            for strategy in toggle.strategies {
                let has = |case: &&Case| case.variant.get(toggle.name).is_ok_and(|chosen| chosen == *strategy);
                let quick = cases.iter().filter(has).any(Case::is_quick);
                assert!(quick || !cases.iter().any(|case| has(&case)), "{}={strategy}", toggle.name);
            }
        }
    }

    #[test]
    fn a_set_toggle_touches_only_the_cases_on_whose_path_it_lies() {
        let selection = select(None, &["codec=postcard".to_owned()]).expect("selects");
        assert!(selection.cases.iter().all(|case| case.variant.codec == memory::Codec::Postcard));
        assert!(selection.cases.iter().any(|case| case.benchmark.name == "lifecycle"));
        assert!(selection.left_out.iter().any(|(label, _)| label.starts_with("retrieve/1000")));
        let encoders = selection.cases.iter().filter(|case| case.benchmark.name == "codec/encode/small").count();
        assert_eq!(encoders, 1, "what is the same is measured once");
    }

    #[test]
    fn a_written_variant_sets_every_toggle() {
        let case = find("step_log_redb_fsynced", &["codec=postcard".to_owned()]).expect("listed");
        let again = find("episode_get_libsql_adaptive", &case.written()).expect("resolves");
        assert_eq!(again.variant, case.variant);
    }

    #[test]
    fn an_unknown_toggle_is_an_error() {
        assert!(select(None, &["turbo=on".to_owned()]).is_err());
    }
}
