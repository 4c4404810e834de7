//! A day of simulated time: what is meant to stay bounded stays so, no connection and no file is leaked, and the
//! counters add up.
//!
//! Real load for real minutes is `bench-suite/tests/gate/soak.rs`.

use std::collections::VecDeque;
use std::sync::Arc;

use memory::{EpisodeId, IdSource, ManualClock, Memory, NewStep, Options, Outcome, StartEpisode, Variant};

const MINUTE_NS: u64 = 60_000_000_000;
const MINUTES: usize = 24 * 60;

/// Episodes in the cache, and for how long.
const CACHED: usize = 32;
const TTL_NS: u64 = 10 * MINUTE_NS;

/// Episodes that run at a time.
const RUNNING: usize = 3;

/// Connections that a libSQL store may have open: 8 that read, one that writes, and the anchor; a tiered one has no
/// more.
const CONNECTIONS_MAX: u64 = 10;

/// Files that a memory may have open beside those that the test has: the database, its log, its index of the log, for
/// each connection, and locks.
const FILES_MAX: usize = 3 * CONNECTIONS_MAX as usize + 8;

const VARIANTS: [&str; 6] = [
    "store=memory,cache=lru",
    "store=redb,durability=buffered,codec=postcard,cache=lru",
    "store=libsql,pool=none,cache=lru",
    "store=libsql,pool=keepalive,cache=lru",
    "store=libsql,pool=adaptive,cache=lru,writes=batched",
    "store=tiered,pool=keepalive,cache=lru",
];

/// Files that this process has open. One test in this program, so that they are the memory's.
fn open_files() -> usize {
    std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)
}

#[test]
fn a_day_goes_by() {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(2).enable_all().build().expect("a runtime");
    for variant in VARIANTS {
        runtime.block_on(day(variant));
    }
}

async fn day(text: &str) {
    let variant: Variant = text.parse().expect("a valid variant");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let clock = Arc::new(ManualClock::new(1));
    let options = Options {
        path: Some(folder.path().join("memory.db")),
        clock: Arc::clone(&clock) as Arc<dyn memory::Clock>,
        ids: IdSource::seeded(7),
        cache_capacity: CACHED,
        cache_ttl_ns: TTL_NS,
        flush_interval_ns: 0, // the clock does not move while one waits
        ..Options::default()
    };
    let files = open_files();
    let memory = Memory::open(&variant, options).await.expect("a temporary folder takes a store");
    let mut running: VecDeque<EpisodeId> = VecDeque::new();
    let mut completed: Vec<EpisodeId> = Vec::new();
    let (mut steps, mut lookups) = (0, 0);
    for minute in 0..MINUTES {
        clock.advance(MINUTE_NS);
        let task = format!("mend module {}", minute % 7);
        let id = memory.start_episode(StartEpisode { task, ..StartEpisode::default() }).await.expect("starts");
        running.push_back(id);
        for id in &running {
            let step = NewStep { tool: "edit".to_owned(), action: format!("minute {minute}"), ..NewStep::default() };
            memory.log_step(*id, step).await.expect("logs");
            steps += 1;
        }
        if running.len() > RUNNING {
            let id = running.pop_front().expect("longer than that");
            let outcome = Outcome::Success { verdict: "tests pass".to_owned() };
            memory.complete_episode(id, outcome).await.expect("completes");
            completed.push(id);
        }
        // Those of the last minutes over and over, one whose time in the cache is up, and one that made room long ago.
        for back in [1, 1, 2, 7, 13, 60] {
            if let Some(id) = completed.len().checked_sub(back).and_then(|place| completed.get(place)) {
                let episode = memory.get_episode(*id).await.expect("reads").expect("it was completed");
                assert_eq!(episode.steps.len(), RUNNING + 1, "{text}, minute {minute}");
                lookups += 1;
            }
        }
        if minute % 60 == 59 {
            let health = memory.health().await.expect("answers");
            assert_eq!(health.active_episodes, RUNNING, "{text}, minute {minute}");
            let open = open_files().saturating_sub(files);
            assert!(open <= FILES_MAX, "{text}, minute {minute}: {open} files are open");
            bounded(text, &memory, steps, lookups);
        }
    }
    let seen = memory.counters();
    assert!(
        seen["cache_hits"] > 0 && seen["cache_evictions"] > 0 && seen["cache_expirations"] > 0,
        "{text}: a day of all"
    );
    let stats = memory.stats().await.expect("counts");
    assert_eq!((stats.episodes, stats.steps), (MINUTES as u64, steps), "{text}");
    memory.close().await.expect("closes");
    drop(memory);
    assert_eq!(open_files(), files, "{text}: what was opened is closed");
}

/// What must hold at every moment.
fn bounded(text: &str, memory: &Memory, steps: u64, lookups: u64) {
    let seen = memory.counters();
    assert_eq!(seen["cache_hits"] + seen["cache_misses"], lookups, "{text}: every look-up is one or the other");
    assert_eq!(seen["steps_appended"], steps, "{text}: every step once");
    // Every miss was followed by an entry, and an entry goes in one of three ways.
    let gone = seen["cache_evictions"] + seen["cache_expirations"] + seen["cache_invalidations"];
    let held = seen["cache_misses"].checked_sub(gone).expect("nothing goes that did not come");
    assert!(held <= CACHED as u64, "{text}: the cache holds {held}");
    if !text.contains("pool=none") {
        let open = seen["connections_opened"] - seen["connections_retired"];
        assert!(open <= CONNECTIONS_MAX, "{text}: {open} connections are open");
    }
    let checkouts = seen["connections_opened"] + seen["connections_reused"];
    assert!(checkouts <= 2 * seen["round_trips"] + CONNECTIONS_MAX, "{text}: {checkouts} for {}", seen["round_trips"]);
}
