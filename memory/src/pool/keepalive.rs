//! Pool `keepalive`: keeps connections and lends them again, the one used last first.
//!
//! deadpool lends. Added here are timeouts (without them callers would wait for ever), counting, a check of the other
//! side after idle time only (one at every checkout would cost as much as many an operation), and closing what is idle
//! or old, down to a minimum: at a checkout where it is due, and by a task where nobody checks out.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use deadpool::managed::{
    Metrics, Object, Pool, PoolConfig, PoolError, QueueMode, RecycleError, RecycleResult, TimeoutType, Timeouts,
};
use parking_lot::Mutex;
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;
use tokio::time::timeout;

use super::{Manager, PoolLimits, timed_out};
use crate::{Clock, Counters, Error, Result};

/// Seeds the lifetimes, which are drawn in the order in which connections are opened.
const LIFETIME_SEED: u64 = 0x6b65_6570;

/// A lifetime is shortened by at most one part of this many.
const LIFETIME_JITTER_PART: u64 = 10;

pub struct Keepalive<M: Manager>(Arc<SharedPool<M>>);

/// The pool, and what sweeps it.
struct SharedPool<M: Manager> {
    pool: Pool<Adapter<M>>,
    limits: PoolLimits,
    clock: Arc<dyn Clock>,
    counters: Arc<Counters>,
    sweep_ns: AtomicU64,               // when the next sweep is due
    watched: AtomicBool,               // a task sweeps it
    idle: Box<dyn Fn() + Send + Sync>, // called at every sweep
}

/// What deadpool calls.
pub(super) struct Adapter<M> {
    manager: Arc<M>,
    limits: PoolLimits,
    clock: Arc<dyn Clock>,
    counters: Arc<Counters>,
    lifetimes: Mutex<Pcg64>,
}

/// A connection, the time of its last return, and the end of its life.
pub(super) struct TimedConnection<C> {
    pub(super) connection: C,
    back_ns: u64,
    ends_ns: u64,
    clock: Arc<dyn Clock>,
}

/// A connection that goes back when it is dropped.
pub(super) struct PooledConnection<M: Manager>(pub(super) Object<Adapter<M>>);

impl<M: Manager> Keepalive<M> {
    /// A pool that calls `idle` at every sweep, also if nobody uses it.
    pub(super) fn new(
        manager: Arc<M>,
        limits: PoolLimits,
        clock: Arc<dyn Clock>,
        counters: Arc<Counters>,
        idle: impl Fn() + Send + Sync + 'static,
    ) -> Keepalive<M> {
        let timeouts = Timeouts { wait: Some(limits.wait), create: Some(limits.connect), recycle: None };
        let config = PoolConfig { max_size: limits.connections, timeouts, queue_mode: QueueMode::Lifo };
        let lifetimes = Mutex::new(Pcg64::seed_from_u64(LIFETIME_SEED));
        let (of_pool, counted) = (Arc::clone(&clock), Arc::clone(&counters));
        let pool = Pool::builder(Adapter { manager, limits, clock: of_pool, counters: counted, lifetimes })
            .config(config)
            .runtime(deadpool::Runtime::Tokio1)
            .build()
            .expect("a pool with timeouts is only refused without a runtime");
        let sweep_ns = AtomicU64::new(clock.now_ns().saturating_add(ns(sweep_every(&limits))));
        let (watched, idle) = (AtomicBool::new(false), Box::new(idle));
        Keepalive(Arc::new(SharedPool { pool, limits, clock, counters, sweep_ns, watched, idle }))
    }

    pub(super) async fn checkout(&self) -> Result<PooledConnection<M>> {
        let SharedPool { pool, limits, .. } = &*self.0;
        self.0.sweep_where_due();
        if !self.0.watched.swap(true, Ordering::Relaxed) {
            tokio::spawn(watch(Arc::downgrade(&self.0)));
        }
        // At once where one is free, for a timer costs more than everything else.
        let at_once = pool.timeout_get(&Timeouts { wait: Some(Duration::ZERO), ..pool.timeouts() }).await;
        let lent = match at_once {
            Err(PoolError::Timeout(TimeoutType::Wait)) if !limits.wait.is_zero() => pool.get().await,
            at_once => at_once,
        };
        match lent {
            Ok(object) => Ok(PooledConnection(object)),
            Err(PoolError::Backend(error)) => Err(error),
            Err(PoolError::Closed) => Err(Error::Closed),
            Err(PoolError::Timeout(TimeoutType::Wait)) => Err(timed_out(limits.wait)),
            Err(PoolError::Timeout(TimeoutType::Create)) => Err(timed_out(limits.connect)),
            Err(error) => unreachable!("the pool has a runtime, no hooks, and no timeout of its own: {error}"),
        }
    }

    /// Closes free connections until at most `connections` are open, those first that were used longest ago.
    pub(super) fn trim(&self, connections: usize) {
        let mut surplus = self.0.pool.status().size.saturating_sub(connections);
        self.0.retire(|_| {
            let close = surplus > 0;
            surplus -= usize::from(close);
            close
        });
    }

    pub(super) fn close(&self) {
        self.0.pool.close();
    }
}

impl<M: Manager> SharedPool<M> {
    fn sweep_where_due(&self) {
        let (now_ns, due_ns) = (self.clock.now_ns(), self.sweep_ns.load(Ordering::Relaxed));
        let next_ns = now_ns.saturating_add(ns(sweep_every(&self.limits)));
        let ours = || self.sweep_ns.compare_exchange(due_ns, next_ns, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        if now_ns >= due_ns && ours() {
            self.sweep(now_ns);
        }
    }

    /// Closes what is old, and what is idle beyond the minimum.
    fn sweep(&self, now_ns: u64) {
        (self.idle)();
        let mut surplus = self.pool.status().size.saturating_sub(self.limits.minimum);
        self.retire(|timed| {
            let idle = now_ns.saturating_sub(timed.back_ns) > ns(self.limits.idle);
            let close = now_ns >= timed.ends_ns || (idle && surplus > 0);
            surplus = surplus.saturating_sub(usize::from(close));
            close
        });
    }

    fn retire(&self, mut close: impl FnMut(&TimedConnection<M::Connection>) -> bool) {
        let retired = self.pool.retain(|timed, _| !close(timed)).removed; // closed after the pool's lock is released
        self.counters.connections_retired.add(retired.len() as u64);
    }
}

/// Sweeps a pool that nobody uses, as long as it is there.
async fn watch<M: Manager>(pool: Weak<SharedPool<M>>) {
    while let Some(every) = pool.upgrade().map(|shared| sweep_every(&shared.limits)) {
        tokio::time::sleep(every).await;
        if let Some(shared) = pool.upgrade() {
            shared.sweep_where_due();
        }
    }
}

/// The time between two sweeps, half the idle time: no connection is idle for more than one and a half of it.
fn sweep_every(limits: &PoolLimits) -> Duration {
    (limits.idle / 2).max(Duration::from_millis(1))
}

fn ns(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

impl<M: Manager> Adapter<M> {
    async fn make_ready(&self, connection: &mut M::Connection, check: bool) -> Result<()> {
        self.manager.recycle(connection).await?;
        if check { self.manager.check(connection).await } else { Ok(()) }
    }

    fn lifetime_ns(&self) -> u64 {
        let longest = ns(self.limits.lifetime);
        let drawn = self.lifetimes.lock().next_u64();
        longest - drawn % (longest / LIFETIME_JITTER_PART).max(1)
    }
}

impl<M: Manager> deadpool::managed::Manager for Adapter<M> {
    type Type = TimedConnection<M::Connection>;
    type Error = Error;

    async fn create(&self) -> Result<TimedConnection<M::Connection>> {
        let connection = self.manager.connect().await?;
        self.counters.connections_opened.increment();
        let back_ns = self.clock.now_ns();
        let ends_ns = back_ns.saturating_add(self.lifetime_ns());
        Ok(TimedConnection { connection, back_ns, ends_ns, clock: Arc::clone(&self.clock) })
    }

    async fn recycle(&self, timed: &mut TimedConnection<M::Connection>, _: &Metrics) -> RecycleResult<Error> {
        let now_ns = self.clock.now_ns();
        if now_ns >= timed.ends_ns {
            self.counters.connections_retired.increment();
            return Err(RecycleError::message("its lifetime has ended"));
        }
        let check = now_ns.saturating_sub(timed.back_ns) > ns(self.limits.check_after_idle);
        if check || !self.manager.is_ready(&timed.connection) {
            let ready = timeout(self.limits.recycle, self.make_ready(&mut timed.connection, check)).await;
            ready.map_err(|_| RecycleError::message("it took too long"))?.map_err(RecycleError::Backend)?;
        }
        self.counters.connections_reused.increment();
        Ok(())
    }
}

impl<M: Manager> Drop for PooledConnection<M> {
    fn drop(&mut self) {
        self.0.back_ns = self.0.clock.now_ns();
    }
}
