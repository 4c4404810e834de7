//! The list of cases: benchmarks under variants, with tags for the lanes that measure them.
//!
//! It is a macro because gungraun needs an attribute for each case at compile time: `benches/counts.rs` makes them from
//! this list. A line is `(identifier, benchmark, strategies that are not the naive ones, [tags])`.

use anyhow::{Context, Result};
use memory::{CacheKind, PoolKind, StoreKind, Variant};

use crate::benchmark::Benchmark;
use crate::benchmarks::reading;
use crate::registry;

/// Calls a macro with all lines of the list.
#[macro_export]
macro_rules! for_each_case {
    ($then:ident) => {
        $then! {
            // A benchmark of the registry under a variant: counted, timed, gated.
            cases {
                (lifecycle_memory, "lifecycle", "store=memory", [quick gated profiled]),
                (lifecycle_redb_buffered, "lifecycle", "store=redb,durability=buffered", [quick gated]),
                (lifecycle_redb_fsynced, "lifecycle", "store=redb,durability=fsynced", []),
                (lifecycle_libsql_committed, "lifecycle", "store=libsql,durability=committed,pool=keepalive", [quick]),
                (lifecycle_libsql_fsynced, "lifecycle", "store=libsql,durability=fsynced,pool=keepalive", []),
                (lifecycle_tiered_committed, "lifecycle", "store=tiered,durability=committed,pool=keepalive", [quick]),
                (lifecycle_tiered_fsynced, "lifecycle", "store=tiered,durability=fsynced,pool=keepalive", []),
                (episode_start_memory, "episode/start", "store=memory", [quick gated]),
                (step_log_memory, "step/log", "store=memory", [quick gated]),
                (step_log_redb_buffered, "step/log", "store=redb,durability=buffered", [quick gated profiled]),
                (step_log_redb_fsynced, "step/log", "store=redb,durability=fsynced", [quick]),
                (step_log_redb_postcard, "step/log", "store=redb,durability=buffered,codec=postcard", [quick]),
                (step_log_redb_zstd, "step/log", "store=redb,durability=buffered,compression=zstd", [quick]),
                (step_log_redb_zstd_dictionary, "step/log", "store=redb,durability=buffered,compression=zstd-dictionary", [quick]),
                (step_log_libsql_none, "step/log", "store=libsql,durability=committed,pool=none", [quick]),
                (step_log_libsql_committed, "step/log", "store=libsql,durability=committed,pool=keepalive", [quick gated]),
                (step_log_libsql_fsynced, "step/log", "store=libsql,durability=fsynced,pool=keepalive", [quick]),
                (step_together_libsql_committed_batched, "step/together", "store=libsql,durability=committed,writes=batched,pool=keepalive", [quick]),
                (lifecycle_together_libsql_batched, "lifecycle/together", "store=libsql,durability=committed,writes=batched,pool=keepalive", []),
                (engine_step_libsql, "engine/step", "store=libsql,durability=committed", []),
                (engine_steps_libsql, "engine/steps", "store=libsql,durability=committed", []),
                (episode_complete_memory, "episode/complete", "store=memory", [quick gated]),
                (episode_complete_redb_f32_blob, "episode/complete", "store=redb,embedding=f32-blob", [quick]),
                (episode_get_memory, "episode/get", "store=memory", [quick gated]),
                (episode_get_redb, "episode/get", "store=redb", [quick gated]),
                (episode_get_redb_lru, "episode/get", "store=redb,cache=lru", [quick]),
                (episode_get_libsql_none, "episode/get", "store=libsql,pool=none", []),
                (episode_get_libsql, "episode/get", "store=libsql,pool=keepalive", [quick gated]),
                (episode_get_libsql_adaptive, "episode/get", "store=libsql,pool=adaptive", [quick]),
                (episode_get_tiered, "episode/get", "store=tiered,pool=keepalive", [quick]),
                (episode_get_crowded_redb_lru, "episode/get_crowded", "store=redb,cache=lru", [quick]),
                (episode_get_crowded_redb_predictive, "episode/get_crowded", "store=redb,cache=predictive", [quick]),
                (episode_get_many_redb, "episode/get_many", "store=redb", [quick]),
                (episode_get_many_libsql, "episode/get_many", "store=libsql,pool=keepalive", [quick]),
                (episode_get_many_libsql_single_query, "episode/get_many", "store=libsql,batch=single-query,pool=keepalive", [quick]),
                (episode_burst_libsql, "episode/burst", "store=libsql,pool=keepalive", []),
                (metadata_query_memory, "metadata/query", "store=memory", [quick gated]),
                (metadata_query_redb, "metadata/query", "store=redb", [quick]),
                (metadata_query_libsql, "metadata/query", "store=libsql,pool=keepalive", [quick]),
                (metadata_query_libsql_indexed, "metadata/query", "store=libsql,metadata=indexed,pool=keepalive", [quick]),
                (task_query_libsql_composite, "task/query", "store=libsql,index=composite,pool=keepalive", [quick]),
                (retrieve_100, "retrieve/100", "store=memory", [quick gated]),
                (retrieve_1000, "retrieve/1000", "store=memory", [quick profiled]),
                (retrieve_10000, "retrieve/10000", "store=memory", []),
                (retrieve_1000_indexed, "retrieve/1000", "store=memory,retrieval=indexed,sharing=arc", [quick]),
                (retrieve_10000_indexed, "retrieve/10000", "store=memory,retrieval=indexed,sharing=arc", []),
                (pattern_extract, "pattern/extract", "store=memory", [quick gated]),
                (embedding_embed, "embedding/embed", "store=memory", [quick gated control]),
                (codec_encode_small_json, "codec/encode/small", "codec=json", []),
                (codec_encode_small_messagepack, "codec/encode/small", "codec=messagepack", []),
                (codec_encode_small_postcard, "codec/encode/small", "codec=postcard", []),
                (codec_encode_median_json, "codec/encode/median", "codec=json", [quick gated]),
                (codec_encode_median_messagepack, "codec/encode/median", "codec=messagepack", [quick]),
                (codec_encode_median_postcard, "codec/encode/median", "codec=postcard", [quick gated]),
                (codec_encode_large_json, "codec/encode/large", "codec=json", []),
                (codec_encode_large_messagepack, "codec/encode/large", "codec=messagepack", []),
                (codec_encode_large_postcard, "codec/encode/large", "codec=postcard", []),
                (codec_decode_small_json, "codec/decode/small", "codec=json", []),
                (codec_decode_small_messagepack, "codec/decode/small", "codec=messagepack", []),
                (codec_decode_small_postcard, "codec/decode/small", "codec=postcard", []),
                (codec_decode_median_json, "codec/decode/median", "codec=json", [quick gated]),
                (codec_decode_median_messagepack, "codec/decode/median", "codec=messagepack", [quick gated]),
                (codec_decode_median_postcard, "codec/decode/median", "codec=postcard", [quick]),
                (codec_decode_large_json, "codec/decode/large", "codec=json", []),
                (codec_decode_large_messagepack, "codec/decode/large", "codec=messagepack", []),
                (codec_decode_large_postcard, "codec/decode/large", "codec=postcard", []),
                (compress_small_lz4, "compression/compress/small", "compression=lz4", []),
                (compress_small_zstd, "compression/compress/small", "compression=zstd", []),
                (compress_small_zstd_dictionary, "compression/compress/small", "compression=zstd-dictionary", [quick]),
                (compress_median_lz4, "compression/compress/median", "compression=lz4", [quick]),
                (compress_median_zstd, "compression/compress/median", "compression=zstd", [quick gated]),
                (compress_large_lz4, "compression/compress/large", "compression=lz4", []),
                (compress_large_zstd, "compression/compress/large", "compression=zstd", []),
                (decompress_small_lz4, "compression/decompress/small", "compression=lz4", []),
                (decompress_small_zstd, "compression/decompress/small", "compression=zstd", []),
                (decompress_median_lz4, "compression/decompress/median", "compression=lz4", [quick gated]),
                (decompress_median_zstd, "compression/decompress/median", "compression=zstd", [quick]),
                (decompress_large_lz4, "compression/decompress/large", "compression=lz4", []),
                (decompress_large_zstd, "compression/decompress/large", "compression=zstd", []),
            }
            // Measured by one lane only: on a database server or over HTTP (effect), or with the load generator (load).
            others {
                (remote_get_none, "remote/episode/get", "store=libsql,durability=committed,pool=none", [effect]),
                (remote_get_keepalive, "remote/episode/get", "store=libsql,durability=committed,pool=keepalive", [effect]),
                (remote_get_compressed, "remote/episode/get", "store=libsql,durability=committed,pool=keepalive,wire=compressed", [effect]),
                (remote_get_many_serial, "remote/episode/get_many", "store=libsql,durability=committed,pool=keepalive,batch=serial", [effect]),
                (remote_get_many_single_query, "remote/episode/get_many", "store=libsql,durability=committed,pool=keepalive,batch=single-query", [effect]),
                (remote_get_many_compressed, "remote/episode/get_many", "store=libsql,durability=committed,pool=keepalive,batch=single-query,wire=compressed", [effect]),
                (remote_get_many_parallel, "remote/episode/get_many", "store=libsql,durability=committed,pool=keepalive,batch=parallel", [effect]),
                (remote_step_none, "remote/step/log", "store=libsql,durability=committed,pool=none", [effect]),
                (remote_step_keepalive, "remote/step/log", "store=libsql,durability=committed,pool=keepalive", [effect]),
                (remote_together_none, "remote/step/together", "store=libsql,durability=committed,pool=none,writes=immediate", [effect]),
                (remote_together_keepalive, "remote/step/together", "store=libsql,durability=committed,pool=keepalive,writes=immediate", [effect]),
                (remote_together_batched, "remote/step/together", "store=libsql,durability=committed,pool=keepalive,writes=batched", [effect]),
                (http_identity, "http/episodes", "store=memory,wire=identity", [effect]),
                (http_compressed, "http/episodes", "store=memory,wire=compressed", [effect]),
                (load_memory, "load/episodes", "store=memory", [load]),
                (load_redb_fsynced, "load/episodes", "store=redb,durability=fsynced,codec=postcard", [load]),
                (load_libsql_committed, "load/episodes", "store=libsql,durability=committed,codec=postcard,pool=keepalive", [load]),
            }
        }
    };
}

macro_rules! listed {
    (
        cases { $(($id:ident, $benchmark:literal, $variant:literal, [$($tag:ident)*]),)+ }
        others { $(($other:ident, $workload:literal, $of:literal, [$($lane:ident)*]),)+ }
    ) => {
        /// Every case of a plain run.
        pub const LISTED: &[Listed] = &[$(Listed {
            id: stringify!($id),
            benchmark: $benchmark,
            variant: $variant,
            tags: &[$(Tag::named(stringify!($tag))),*],
        }),+];

        /// The variants that only one lane measures.
        pub const OTHERS: &[Listed] = &[$(Listed {
            id: stringify!($other),
            benchmark: $workload,
            variant: $of,
            tags: &[$(Tag::named(stringify!($lane))),*],
        }),+];
    };
}
for_each_case!(listed);

/// The use of a case besides a plain run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tag {
    /// A brief run measures it. Others are payloads at both ends of the sizes, the largest store, whole episodes whose
    /// counts equal those of another durability class, and cases that only claims need.
    Quick,
    /// A gate judges its times too, not only its counts: one case for each path, and none whose setup takes longer than
    /// the measurement.
    Gated,
    /// A run records its call stacks.
    Profiled,
    /// The controls use it, because its times scatter least.
    Control,
    /// The effect lane measures it.
    Effect,
    /// The load lane measures it.
    Load,
}

impl Tag {
    const fn named(name: &str) -> Tag {
        match name.as_bytes() {
            b"quick" => Tag::Quick,
            b"gated" => Tag::Gated,
            b"profiled" => Tag::Profiled,
            b"control" => Tag::Control,
            b"effect" => Tag::Effect,
            b"load" => Tag::Load,
            _ => panic!("a tag of the list of cases has another name"),
        }
    }
}

/// A line of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listed {
    /// The identifier: unique, and valid in Rust.
    pub id: &'static str,
    /// The benchmark's name in the registry.
    pub benchmark: &'static str,
    /// The strategies that are not the naive ones, as `toggle=strategy,..`.
    pub variant: &'static str,
    /// The tags.
    pub tags: &'static [Tag],
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
    /// The tags.
    pub tags: &'static [Tag],
}

impl Case {
    /// The text that a filter searches: the benchmark and the strategies that are not the naive ones.
    pub fn label(&self) -> String {
        let own: Vec<String> = differing_toggles(&self.variant, &Variant::naive())
            .into_iter()
            .filter_map(|toggle| Some(format!("{toggle}={}", self.variant.get(toggle).ok()?)))
            .collect();
        format!("{} [{}]", self.benchmark.name, own.join(","))
    }

    /// True if it has the tag.
    pub fn has(&self, tag: Tag) -> bool {
        self.tags.contains(&tag)
    }

    /// All toggles of the variant as `toggle=strategy` pairs.
    pub fn written(&self) -> Vec<String> {
        self.variant.to_string().split(',').map(str::to_owned).collect()
    }

    /// True if it waits for the disk: its wall time is judged then, instead of its CPU time.
    pub fn waits(&self) -> bool {
        self.stores() && self.variant.durability == memory::Durability::Fsynced
    }

    /// The metric that is judged when two programs alternate.
    pub fn deciding_metric(&self) -> &'static str {
        if self.waits() { "wall_time" } else { "cpu_time" }
    }

    /// True if the toggle is on its path, so that a counter must show its strategy.
    pub fn applies(&self, toggle: &str) -> bool {
        let store = self.variant.store;
        self.benchmark.exercises.contains(&toggle)
            && match toggle {
                // Structs in memory are not encoded and need no connection. A benchmark without a store encodes by
                // itself.
                "codec" | "compression" | "buffers" => {
                    !self.benchmark.exercises.contains(&"store") || store != StoreKind::Memory
                }
                "embedding" => store != StoreKind::Memory,
                // Other stores decode an episode for one caller only.
                "sharing" => store == StoreKind::Memory || self.variant.cache != CacheKind::None,
                // A cache that is never full evicts nothing.
                "cache" if self.variant.cache == CacheKind::Predictive => self.benchmark.name == reading::CROWDED,
                // One writer gives it nothing to adapt to, and with a local tier there are no reads to adapt to.
                // Fetching from libSQL shows it.
                "pool" if self.variant.pool == PoolKind::Adaptive => {
                    store == StoreKind::Libsql && self.benchmark.exercises.contains(&"cache")
                }
                // With a warm cache, no episodes are fetched together.
                "batch" => self.variant.cache == CacheKind::None,
                "pool" => matches!(store, StoreKind::Libsql | StoreKind::Tiered),
                _ => true,
            }
    }

    /// True if it works on a store; otherwise its values are in memory only.
    pub fn stores(&self) -> bool {
        self.benchmark.exercises.contains(&"store")
    }
}

/// The toggles in which two variants differ.
fn differing_toggles(a: &Variant, b: &Variant) -> Vec<&'static str> {
    let toggles = memory::TOGGLES.iter().map(|toggle| toggle.name);
    toggles.filter(|toggle| a.get(toggle).ok() != b.get(toggle).ok()).collect()
}

/// The case with that identifier, some of its toggles overridden by `toggle=strategy` pairs.
pub fn find(id: &str, set: &[String]) -> Result<Case> {
    let listed = LISTED.iter().find(|listed| listed.id == id).with_context(|| format!("there is no case `{id}`"))?;
    listed.resolve(set)
}

impl Listed {
    /// True if it has the tag.
    pub fn has(&self, tag: Tag) -> bool {
        self.tags.contains(&tag)
    }

    fn variant(&self, set: &[String]) -> Result<Variant> {
        let mut variant: Variant = self.variant.parse().with_context(|| format!("case {}", self.id))?;
        for pair in set {
            set_pair(&mut variant, pair)?;
        }
        variant.validate()?;
        Ok(variant)
    }

    /// The case, with some toggles overridden.
    pub fn resolve(&self, set: &[String]) -> Result<Case> {
        let benchmark =
            registry::find(self.benchmark).with_context(|| format!("case {}: no such benchmark", self.id))?;
        let variant = self.variant(set)?;
        Ok(Case { id: self.id, benchmark, variant, tags: self.tags })
    }
}

fn set_pair(variant: &mut Variant, pair: &str) -> Result<()> {
    let (toggle, strategy) = pair.split_once('=').with_context(|| format!("`{pair}` is not toggle=strategy"))?;
    Ok(variant.set(toggle, strategy)?)
}

/// A variant that only one lane measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListedVariant {
    /// The workload, as in `load/episodes`.
    pub benchmark: &'static str,
    /// Its variant.
    pub variant: Variant,
}

impl ListedVariant {
    /// The text that a filter searches.
    pub fn label(&self) -> String {
        format!("{} [{}]", self.benchmark, self.variant)
    }
}

/// The variants that only `lane` measures, without duplicates: those whose label contains the filter, some toggles
/// overridden. A combination that the memory does not support is left out.
pub fn variants(lane: Tag, filter: Option<&str>, set: &[String]) -> Result<Vec<ListedVariant>> {
    let mut chosen: Vec<ListedVariant> = Vec::new();
    for listed in OTHERS.iter().filter(|listed| listed.has(lane)) {
        listed.variant(&[])?;
        let Ok(variant) = listed.variant(set) else { continue };
        let found = ListedVariant { benchmark: listed.benchmark, variant };
        if filter.is_none_or(|filter| found.label().contains(filter)) && !chosen.contains(&found) {
            chosen.push(found);
        }
    }
    Ok(chosen)
}

/// The cases that a run measures, and those that it leaves out, with the reason.
pub struct Selected {
    /// In the order of the list, without duplicates.
    pub cases: Vec<Case>,
    /// Cases that are left out because of `set`, with the reason.
    pub left_out: Vec<(String, String)>,
}

/// Selects the cases that match the filter, with some toggles overridden, except those that a toggle does not touch.
pub fn select(filter: Option<&str>, set: &[String]) -> Result<Selected> {
    for pair in set {
        // Checks the pair alone first: a misspelled one is reported once, not for every case. A strategy that the rest
        // of a variant rules out is an error of that case only.
        set_pair(&mut Variant::naive(), pair).with_context(|| format!("--set {pair}"))?;
    }
    let mut selection = Selected { cases: vec![], left_out: vec![] };
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
        let idle = set.iter().filter_map(|pair| pair.split_once('=')).find(|(toggle, _)| !case.applies(toggle));
        if let Some((toggle, _)) = idle {
            selection.left_out.push((case.label(), format!("`{toggle}` is not on its path")));
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
        // Every strategy that any case has.
        for toggle in memory::TOGGLES {
            for strategy in toggle.strategies {
                let has = |case: &&Case| case.variant.get(toggle.name).is_ok_and(|chosen| chosen == *strategy);
                let quick = cases.iter().filter(has).any(|case| case.has(Tag::Quick));
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
        assert_eq!(encoders, 1, "equal cases are measured once");
    }

    #[test]
    fn a_written_variant_sets_every_toggle() {
        let case = find("step_log_redb_fsynced", &["codec=postcard".to_owned()]).expect("listed");
        let again = find("episode_get_libsql_adaptive", &case.written()).expect("resolves");
        assert_eq!(again.variant, case.variant);
    }

    #[test]
    fn what_is_gated_is_there_once_and_one_case_is_the_control() {
        let tagged = |tag| LISTED.iter().filter(move |listed| listed.has(tag));
        let mut labels: Vec<String> =
            tagged(Tag::Gated).map(|listed| listed.resolve(&[]).expect("listed").label()).collect();
        assert_eq!(labels.len(), 20);
        labels.sort_unstable();
        labels.dedup();
        assert_eq!(labels.len(), 20);
        assert_eq!((tagged(Tag::Control).count(), tagged(Tag::Profiled).count()), (1, 3));
    }

    #[test]
    fn what_one_lane_measures_is_chosen_as_cases_are() {
        let effect = |filter, set: &[String]| variants(Tag::Effect, filter, set).expect("the list is right");
        let all = effect(None, &[]);
        assert_eq!((all.len(), variants(Tag::Load, None, &[]).expect("the list is right").len()), (14, 3));
        let filtered = effect(Some("remote/step"), &[]);
        assert!(!filtered.is_empty() && filtered.iter().all(|found| found.label().starts_with("remote/step/")));
        let compressed = effect(None, &["wire=compressed".to_owned()]);
        assert!(compressed.iter().all(|found| found.variant.wire == memory::WireKind::Compressed));
        assert!(compressed.len() < all.len(), "equal variants are measured once");
        assert!(effect(Some("no such thing"), &[]).is_empty());
    }

    #[test]
    fn an_unknown_toggle_is_an_error() {
        assert!(select(None, &["turbo=on".to_owned()]).is_err());
    }
}
