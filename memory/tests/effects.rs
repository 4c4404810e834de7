//! Each strategy does its job, seen in its counters, and `none` shows zero: a strategy that is replaced by `none` fails
//! here.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use memory::{
    Durability, EpisodeId, IdSource, ManualClock, Memory, NewStep, Options, Outcome, Query, StartEpisode, StoreKind,
    TaskContext, Variant,
};

/// The writes of [`life`]: each episode is started, logged four times, and completed.
const WRITES: u64 = 3 * (1 + 4 + 1);

type Seen = BTreeMap<&'static str, u64>;

fn variant(text: &str) -> Variant {
    text.parse().expect("a valid variant")
}

async fn open(variant: Variant, folder: &Path, clock: &Arc<ManualClock>, capacity: usize) -> Memory {
    let options = Options {
        path: Some(folder.join("memory.db")),
        clock: Arc::clone(clock) as Arc<dyn memory::Clock>,
        ids: IdSource::seeded(1),
        cache_capacity: capacity,
        cache_ttl_ns: 100,
        flush_interval_ns: 0, // the clock does not move while one waits
        ..Options::default()
    };
    Memory::open(&variant, options).await.expect("a temporary folder takes a store")
}

/// Three episodes of four steps, one of them long, written, read, completed, read twice; then the counters, before
/// anything is closed.
async fn life(variant: Variant) -> Seen {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let memory = open(variant, folder.path(), &Arc::new(ManualClock::new(1)), 10).await;
    for number in 0..3 {
        let task = format!("task {number}");
        let id = memory.start_episode(StartEpisode { task, ..StartEpisode::default() }).await.expect("starts");
        for observation in ["a", "b", "c", &"the same line\n".repeat(200)] {
            let step = NewStep { tool: "shell".to_owned(), observation: observation.to_owned(), ..NewStep::default() };
            memory.log_step(id, step).await.expect("logs");
        }
        memory.get_episode(id).await.expect("reads");
        memory.complete_episode(id, Outcome::Success { verdict: String::new() }).await.expect("completes");
        memory.get_episode(id).await.expect("reads");
        memory.get_episode(id).await.expect("reads");
    }
    memory.counters()
}

/// The counters named, in that order.
fn pick<const N: usize>(seen: &Seen, names: [&str; N]) -> [u64; N] {
    names.map(|name| seen[name])
}

const CODECS: [&str; 3] = ["json_encoded", "messagepack_encoded", "postcard_encoded"];
const COMPRESSION: [&str; 4] =
    ["values_compressed", "values_decompressed", "compressed_bytes_before", "compressed_bytes_after"];
const CACHE: [&str; 5] = ["cache_hits", "cache_misses", "cache_evictions", "cache_expirations", "cache_invalidations"];
const POOL: [&str; 2] = ["connections_opened", "connections_reused"];
const TIERS: [&str; 2] = ["tier_hits", "tier_misses"];

#[tokio::test]
async fn each_codec_encodes_and_the_others_do_not() {
    for (place, codec) in ["json", "messagepack", "postcard"].into_iter().enumerate() {
        let seen = life(variant(&format!("store=redb,codec={codec}"))).await;
        let encoded = pick(&seen, CODECS);
        for (other, count) in encoded.into_iter().enumerate() {
            assert_eq!(count > 0, other == place, "{codec}: {encoded:?}");
        }
        assert!(seen["values_decoded"] > 0, "{codec}");
    }
    let [json, messagepack, postcard] = [
        life(variant("store=redb,codec=json")).await["encoded_bytes"],
        life(variant("store=redb,codec=messagepack")).await["encoded_bytes"],
        life(variant("store=redb,codec=postcard")).await["encoded_bytes"],
    ];
    assert!(postcard < messagepack && messagepack < json, "{postcard} {messagepack} {json}");
}

#[tokio::test]
async fn compression_takes_the_long_values_only() {
    for store in ["redb", "libsql"] {
        let none = life(variant(&format!("store={store}"))).await;
        assert_eq!(pick(&none, COMPRESSION), [0; 4]);
        for compression in ["lz4", "zstd"] {
            let seen = life(variant(&format!("store={store},compression={compression}"))).await;
            let [compressed, decompressed, before, after] = pick(&seen, COMPRESSION);
            assert_eq!(compressed, 2 * 3, "{store}, {compression}: the long step and the embedding of each episode");
            assert!(
                decompressed >= 2 * 3 && after * 5 < before,
                "{store}, {compression}: {decompressed} {before} {after}"
            );
            assert!(seen["stored_bytes"] < none["stored_bytes"], "{store}, {compression}");
        }
    }
}

#[tokio::test]
async fn a_dictionary_takes_the_short_values_too() {
    for store in ["redb", "libsql"] {
        let plain = life(variant(&format!("store={store},compression=zstd"))).await;
        let seen = life(variant(&format!("store={store},compression=zstd-dictionary"))).await;
        let [compressed, decompressed, before, after] = pick(&seen, COMPRESSION);
        assert!(
            compressed >= 12 + 2 * 3,
            "{store}: every step and every head, at the start and at the end: {compressed}"
        );
        assert_eq!((seen["dictionary_compressed"], plain["dictionary_compressed"]), (compressed, 0), "{store}");
        assert!(decompressed > 0 && after < before, "{store}: {decompressed} {before} {after}");
        assert!(seen["stored_bytes"] < plain["stored_bytes"], "{store}");
    }
}

#[tokio::test]
async fn the_cache_hits_misses_and_forgets_what_changed() {
    for store in StoreKind::ALL {
        assert_eq!(pick(&life(variant(&format!("store={store}"))).await, CACHE), [0; 5], "{store}");
        for cache in ["lru", "adaptive-ttl", "predictive"] {
            let seen = life(variant(&format!("store={store},cache={cache}"))).await;
            // An episode: miss, changed by its completion, miss, hit.
            assert_eq!(pick(&seen, CACHE), [3, 6, 0, 0, 3], "{store}, {cache}");
        }
    }
}

#[tokio::test]
async fn the_cache_reads_the_store_less() {
    let without = life(variant("store=redb")).await;
    let with = life(variant("store=redb,cache=lru")).await;
    assert_eq!(without["rows_read"] - with["rows_read"], 3 * 5, "a head and four steps for each hit");
}

#[tokio::test]
async fn the_cache_evicts_and_expires() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let clock = Arc::new(ManualClock::new(1));
    let memory = open(variant("cache=lru"), folder.path(), &clock, 1).await;
    let first = memory.start_episode(StartEpisode::default()).await.expect("starts");
    let second = memory.start_episode(StartEpisode::default()).await.expect("starts");
    for id in [first, second, first] {
        memory.get_episode(id).await.expect("reads");
    }
    assert_eq!(pick(&memory.counters(), CACHE), [0, 3, 2, 0, 0]);
    clock.advance(100);
    memory.get_episode(first).await.expect("reads");
    assert_eq!(pick(&memory.counters(), CACHE), [0, 4, 2, 1, 0]);
}

#[tokio::test]
async fn an_adaptive_time_to_live_grows_with_the_hits() {
    for (cache, expected) in [("lru", [0, 1]), ("adaptive-ttl", [1, 0]), ("predictive", [0, 1])] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let clock = Arc::new(ManualClock::new(1));
        let memory = open(variant(&format!("cache={cache}")), folder.path(), &clock, 10).await;
        let id = memory.start_episode(StartEpisode::default()).await.expect("starts");
        for _ in 0..3 {
            memory.get_episode(id).await.expect("reads"); // put at 0, used at 60, and at 120: after the fixed time
            clock.advance(60);
        }
        let [extended, expired] = pick(&memory.counters(), ["ttl_extended", "cache_expirations"]);
        assert_eq!([u64::from(extended > 0), expired], expected, "{cache}");
    }
}

#[tokio::test]
async fn a_predictive_cache_keeps_what_is_asked_for_often() {
    for (cache, expected) in [("lru", [4, 5, 0]), ("adaptive-ttl", [4, 5, 0]), ("predictive", [5, 4, 2])] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let memory = open(variant(&format!("cache={cache}")), folder.path(), &Arc::new(ManualClock::new(1)), 2).await;
        let mut ids = Vec::new();
        for _ in 0..4 {
            ids.push(memory.start_episode(StartEpisode::default()).await.expect("starts"));
        }
        for place in [0, 0, 0, 0, 0, 1, 2, 3, 0] {
            memory.get_episode(ids[place]).await.expect("reads");
        }
        let seen = pick(&memory.counters(), ["cache_hits", "cache_misses", "predictive_evictions"]);
        assert_eq!(seen, expected, "{cache}");
    }
}

#[tokio::test]
async fn answers_to_queries_are_kept_until_a_write_changes_them() {
    for store in StoreKind::ALL {
        for (cache, expected) in
            [("none", [0, 0, 0]), ("lru", [9, 6, 3]), ("adaptive-ttl", [9, 6, 3]), ("predictive", [9, 6, 3])]
        {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let variant = variant(&format!("store={store},cache={cache}"));
            let memory = open(variant, folder.path(), &Arc::new(ManualClock::new(1)), 10).await;
            let start = |team: &str| StartEpisode {
                task_type: team.to_owned(),
                metadata: BTreeMap::from([("team".to_owned(), team.to_owned())]),
                ..StartEpisode::default()
            };
            let ask = async || {
                let by_metadata = memory.query_by_metadata("team", "a").await.expect("reads").len();
                let by_task = memory.query_by_task("a", "", 9).await.expect("reads").len();
                let query = memory::Query { limit: 9, ..memory::Query::default() };
                [by_metadata, by_task, memory.retrieve(&query).await.expect("reads").len()]
            };
            assert_eq!(ask().await, [0; 3], "{variant}");
            let id = memory.start_episode(start("a")).await.expect("starts"); // the first two change
            assert_eq!(ask().await, [1, 1, 0], "{variant}");
            memory.log_step(id, NewStep::default()).await.expect("logs"); // nothing changes
            memory.start_episode(start("b")).await.expect("starts"); // nor here
            assert_eq!(ask().await, [1, 1, 0], "{variant}");
            memory.complete_episode(id, Outcome::Success { verdict: String::new() }).await.expect("completes");
            assert_eq!(ask().await, [1, 1, 1], "{variant}"); // the last one changed
            assert_eq!(ask().await, [1, 1, 1], "{variant}");
            let seen = pick(&memory.counters(), ["query_hits", "query_misses", "query_invalidations"]);
            assert_eq!(seen, expected, "{variant}");
        }
    }
}

#[tokio::test]
async fn pooled_buffers_are_used_again() {
    for store in ["redb", "libsql", "tiered"] {
        let fresh = life(variant(&format!("store={store}"))).await;
        let pooled = life(variant(&format!("store={store},buffers=pooled"))).await;
        assert_eq!(fresh["buffers_reused"], 0, "{store}");
        assert!(pooled["buffers_reused"] >= WRITES, "{store}: {}", pooled["buffers_reused"]);
        assert_eq!(fresh["stored_bytes"], pooled["stored_bytes"], "{store}: the same bytes");
    }
    assert_eq!(life(variant("buffers=pooled")).await["buffers_reused"], 0, "structs need no buffers");
}

#[tokio::test]
async fn the_pool_keeps_connections_and_none_opens_them_anew() {
    for store in ["libsql", "tiered"] {
        let [opened, reused] = pick(&life(variant(&format!("store={store},pool=none"))).await, POOL);
        assert!(opened >= WRITES && reused == 0, "{store}, none: {opened} {reused}");
        let [kept, reused] = pick(&life(variant(&format!("store={store},pool=keepalive"))).await, POOL);
        assert!(kept < 5 && reused >= WRITES - 5, "{store}, keepalive: {kept} {reused}");
        assert!(kept + reused >= opened.saturating_sub(5), "{store}: as many checkouts as without");
    }
    let [kept, reused] = pick(&life(variant("store=libsql,pool=adaptive")).await, POOL);
    assert!(kept < 5 && reused >= WRITES - 5, "adaptive keeps them as well: {kept} {reused}");
    for store in ["memory", "redb"] {
        assert_eq!(
            pick(&life(variant(&format!("store={store},pool=keepalive"))).await, POOL),
            [0; 2],
            "{store} has no connections"
        );
    }
}

#[tokio::test]
async fn fsynced_waits_for_the_disk_at_every_write_and_the_others_do_not() {
    for store in [StoreKind::Redb, StoreKind::Libsql, StoreKind::Tiered] {
        for &durability in store.durabilities() {
            let seen = life(Variant { store, durability, ..Variant::naive() }).await;
            let [transactions, fsyncs] = pick(&seen, ["transactions", "fsyncs"]);
            assert!(transactions >= WRITES, "{store}, {durability}: {transactions}");
            if durability == Durability::Fsynced {
                assert!(fsyncs >= WRITES, "{store}, {durability}: {fsyncs}");
            } else {
                assert!(fsyncs < WRITES / 2, "{store}, {durability}: {fsyncs}");
            }
        }
    }
    assert_eq!(life(Variant::naive()).await["fsyncs"], 0);
}

#[tokio::test]
async fn each_store_does_its_work() {
    let encoded = |seen: &Seen| pick(seen, CODECS).iter().sum::<u64>();
    for store in StoreKind::ALL {
        let seen = life(variant(&format!("store={store}"))).await;
        assert_eq!(seen["steps_appended"], 12, "{store}: each step once");
        assert!(seen["rows_read"] > 0, "{store}");
        assert_eq!(encoded(&seen) > 0, *store != StoreKind::Memory, "{store}: memory keeps structs");
        assert_eq!(seen["connections_opened"] > 0, matches!(store, StoreKind::Libsql | StoreKind::Tiered), "{store}");
        let tiers: u64 = pick(&seen, TIERS).iter().sum();
        assert_eq!(tiers > 0, *store == StoreKind::Tiered, "{store}");
    }
    let tiered = life(variant("store=tiered")).await;
    assert!(tiered["tier_hits"] > 0, "the local tier answers");
}

#[tokio::test]
async fn a_retrieval_scores_what_is_completed() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let memory = open(Variant::naive(), folder.path(), &Arc::new(ManualClock::new(1)), 1).await;
    for number in 0..5 {
        let id = memory.start_episode(StartEpisode::default()).await.expect("starts");
        if number < 3 {
            memory.complete_episode(id, Outcome::Success { verdict: String::new() }).await.expect("completes");
        }
    }
    memory.retrieve(&Query { limit: 2, ..Query::default() }).await.expect("retrieves");
    assert_eq!(memory.counters()["episodes_scored"], 3);
}

/// A memory with 1,200 completed episodes, four of each task, in two domains.
async fn with_tasks(variant: Variant, folder: &Path) -> Memory {
    let memory = open(variant, folder, &Arc::new(ManualClock::new(1)), 10).await;
    for number in 0..1_200 {
        let domain = if number % 8 < 4 { "web" } else { "cli" }.to_owned();
        let context = TaskContext { domain, ..TaskContext::default() };
        let task = format!("ticket t{} of module m{}", number / 4, number % 7);
        let id = memory.start_episode(StartEpisode { task, context, ..StartEpisode::default() }).await.expect("starts");
        memory.complete_episode(id, Outcome::Success { verdict: String::new() }).await.expect("completes");
    }
    memory
}

/// The ids and scores that a retrieval of 4 finds, and what it adds to the counters named.
async fn retrieving<const N: usize>(memory: &Memory, names: [&str; N]) -> (Vec<(EpisodeId, u32)>, [u64; N]) {
    let context = TaskContext { domain: "cli".to_owned(), ..TaskContext::default() };
    let query = Query { text: "ticket t33 of module m3".to_owned(), context: Some(context), limit: 4 };
    let before = memory.counters();
    let found = memory.retrieve(&query).await.expect("retrieves");
    let after = memory.counters();
    let found = found.iter().map(|retrieved| (retrieved.id, retrieved.score.to_bits())).collect();
    (found, names.map(|name| after[name] - before[name]))
}

#[tokio::test]
async fn the_index_leaves_out_what_a_scan_scores_and_is_made_again_at_the_opening() {
    const NAMES: [&str; 3] = ["episodes_scored", "index_searches", "codes_read"];
    for store in StoreKind::ALL {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let scanning = variant(&format!("store={store},pool=keepalive"));
        let memory = with_tasks(scanning, folder.path()).await;
        let (scanned, seen) = retrieving(&memory, NAMES).await;
        assert_eq!((seen, memory.counters()["episodes_indexed"]), ([1_200, 0, 0], 0), "{store}");

        let indexing = variant(&format!("store={store},pool=keepalive,retrieval=indexed"));
        let memory = if *store == StoreKind::Memory {
            with_tasks(indexing, folder.path()).await
        } else {
            memory.close().await.expect("closes");
            drop(memory);
            open(indexing, folder.path(), &Arc::new(ManualClock::new(1)), 10).await
        };
        let (found, [scored, searches, codes]) = retrieving(&memory, NAMES).await;
        assert_eq!(found, scanned, "{store}");
        assert!(scored < 100 && searches == 1 && codes > 0, "{store}: {scored} {searches} {codes}");
        assert_eq!(memory.counters()["episodes_indexed"], 1_200, "{store}");
        let id = memory.start_episode(StartEpisode::default()).await.expect("starts");
        memory.complete_episode(id, Outcome::Success { verdict: String::new() }).await.expect("completes");
        assert_eq!(memory.counters()["episodes_indexed"], 1_201, "{store}: kept up to date");
    }
}

/// Opened again, a memory answers retrievals, and completes and deletes episodes, while the first retrieval makes the
/// index. In the end it finds what a scan finds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_written_while_the_index_is_made_is_found_and_nothing_is_lost() {
    const ADDED: usize = 40;
    let query = || Query { text: "ticket t33 of module m3".to_owned(), context: None, limit: 2_000 };
    for store in ["redb", "libsql", "tiered"] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let memory = with_tasks(variant(&format!("store={store},pool=keepalive")), folder.path()).await;
        let ids: Vec<EpisodeId> =
            memory.retrieve(&query()).await.expect("retrieves").iter().map(|found| found.id).collect();
        memory.close().await.expect("closes");
        drop(memory);

        let clock = Arc::new(ManualClock::new(1_000_000_000));
        let indexed = variant(&format!("store={store},pool=keepalive,retrieval=indexed"));
        let memory = Arc::new(open(indexed, folder.path(), &clock, 10).await);
        assert_eq!(memory.counters()["episodes_indexed"], 0, "{store}: the opening makes no index");
        let retrieving: Vec<_> = (0..3)
            .map(|_| {
                let memory = Arc::clone(&memory);
                tokio::spawn(async move { memory.retrieve(&query()).await.expect("retrieves").len() })
            })
            .collect();
        for (number, old) in ids.iter().enumerate().take(ADDED) {
            let task = format!("ticket t33 of module m{number}");
            let id = memory.start_episode(StartEpisode { task, ..StartEpisode::default() }).await.expect("starts");
            memory.complete_episode(id, Outcome::Success { verdict: String::new() }).await.expect("completes");
            memory.delete_episode(*old).await.expect("deletes");
            if number % 4 == 0 {
                memory.delete_episode(id).await.expect("deletes");
            }
        }
        for found in retrieving {
            let found = found.await.expect("no panic");
            assert!((1_200 - ADDED..=1_200 + ADDED).contains(&found), "{store}: {found}");
        }
        let found = memory.retrieve(&query()).await.expect("retrieves");
        memory.close().await.expect("closes");
        let scanning = open(variant(&format!("store={store}")), folder.path(), &clock, 10).await;
        assert_eq!(found, scanning.retrieve(&query()).await.expect("retrieves"), "{store}");
        assert_eq!(found.len(), 1_200 - ADDED / 4, "{store}");
    }
}

#[tokio::test]
async fn sharing_hands_out_what_is_held_and_cloning_copies_it() {
    const EPISODES: [&str; 2] = ["episodes_shared", "episodes_cloned"];
    const HEADS: [&str; 2] = ["heads_shared", "heads_cloned"];
    // Of each of 3 episodes: read while it runs (by its caller and to complete it), and twice when it is completed.
    assert_eq!(pick(&life(variant("sharing=clone")).await, EPISODES), [0, 3 * 4]);
    assert_eq!(pick(&life(variant("sharing=arc")).await, EPISODES), [3 * 2, 3 * 2]);
    // The cache keeps a running and a completed one, and is hit once.
    assert_eq!(pick(&life(variant("store=redb,cache=lru,sharing=clone")).await, EPISODES), [0, 3 * 3]);
    assert_eq!(pick(&life(variant("store=redb,cache=lru,sharing=arc")).await, EPISODES), [3, 0]);
    assert_eq!(pick(&life(variant("store=redb,sharing=clone")).await, EPISODES), [0, 0], "nothing is held");
    for (sharing, expected) in [("clone", [0, 1_200]), ("arc", [1_200, 0])] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let memory = with_tasks(variant(&format!("sharing={sharing}")), folder.path()).await;
        assert_eq!(retrieving(&memory, HEADS).await.1, expected, "{sharing}");
    }
}

/// What fetching 20 episodes at once adds to the counters named, after a first time that opens and prepares whatever
/// there is to open.
async fn fetching<const N: usize>(variant: Variant, names: [&str; N]) -> [u64; N] {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let memory = open(variant, folder.path(), &Arc::new(ManualClock::new(1)), 10).await;
    let mut ids = Vec::new();
    for _ in 0..20 {
        ids.push(memory.start_episode(StartEpisode::default()).await.expect("starts"));
        memory.log_step(ids[0], NewStep::default()).await.expect("logs");
    }
    let fetch = async || {
        let mut episodes = memory.get_episodes(&ids).await.expect("reads").into_iter().flatten();
        assert_eq!(episodes.next().expect("is there").steps.len(), 20, "{variant}");
        assert_eq!(episodes.count(), 19, "{variant}");
    };
    fetch().await;
    let before = memory.counters();
    fetch().await;
    let after = memory.counters();
    names.map(|name| after[name] - before[name])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_batch_asks_in_its_own_way() {
    for store in StoreKind::ALL {
        for (batch, expected) in
            [("serial", [20, 40, 0, 0]), ("single-query", [1, 40, 20, 0]), ("parallel", [20, 40, 0, 20])]
        {
            let variant = variant(&format!("store={store},batch={batch},pool=keepalive"));
            let names = ["round_trips", "rows_read", "fetched_together", "fetched_in_parallel"];
            assert_eq!(fetching(variant, names).await, expected, "{variant}");
        }
    }
    let serial = fetching(variant("store=libsql,pool=none"), POOL).await;
    let single = fetching(variant("store=libsql,pool=none,batch=single-query"), POOL).await;
    assert_eq!((serial, single), ([20, 0], [1, 0]), "a connection for each question");
}
