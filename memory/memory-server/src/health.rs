//! The health of a memory, found out within a second: a database that hangs is as dead as one that refuses.

use std::time::{Duration, Instant};

use episodes::api::{CacheHealth, DatabaseHealth, Healthy, PoolHealth};
use memory::Memory;

use crate::process;
use crate::refusal::causes;

/// The longest wait for the database.
const PATIENCE: Duration = Duration::from_secs(1);

/// Asks the database for one value, and says what the caches, the pools and the process did so far.
pub async fn check(memory: &Memory) -> Healthy {
    let began = Instant::now();
    let answered = tokio::time::timeout(PATIENCE, memory.health()).await;
    let error = match answered {
        Ok(Ok(_)) => None,
        Ok(Err(error)) => Some(causes(&error)),
        Err(_) => Some(format!("no answer after {} ms", PATIENCE.as_millis())),
    };
    let latency_ns = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
    let counters = memory.shared_counters();
    Healthy {
        variant: memory.variant().to_string(),
        active_episodes: memory.active_episodes(),
        database: DatabaseHealth { ok: error.is_none(), latency_ns, error },
        cache: CacheHealth {
            hits: counters.cache_hits.get() + counters.query_hits.get(),
            misses: counters.cache_misses.get() + counters.query_misses.get(),
        },
        pool: PoolHealth {
            opened: counters.connections_opened.get(),
            reused: counters.connections_reused.get(),
            retired: counters.connections_retired.get(),
        },
        memory: process::stats(),
    }
}
