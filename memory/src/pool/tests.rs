//! What the strategies promise, over a manager whose connections do nothing but count.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinSet;

use super::demand::INITIAL;
use super::{Manager, Pool, PoolLimits};
use crate::{Counters, Error, ManualClock, PoolKind, Result};

/// Connections that are numbered from 1.
#[derive(Default)]
struct Numbers {
    opened: AtomicU64,
    open: Arc<AtomicU64>,
    closed: Arc<Notify>,
    recycled: AtomicU64,
    checked: AtomicU64,
    refusing: AtomicBool,
    gone: AtomicBool,
    stuck: AtomicBool,
    ready: AtomicBool,
}

struct Number {
    number: u64,
    open: Arc<AtomicU64>,
    closed: Arc<Notify>,
}

impl Drop for Number {
    fn drop(&mut self) {
        self.open.fetch_sub(1, SeqCst);
        self.closed.notify_one();
    }
}

#[async_trait]
impl Manager for Numbers {
    type Connection = Number;

    async fn connect(&self) -> Result<Number> {
        if self.stuck.load(SeqCst) {
            std::future::pending::<()>().await;
        }
        if self.refusing.load(SeqCst) {
            return Err(Error::store("numbers", "connecting", "refused"));
        }
        self.open.fetch_add(1, SeqCst);
        let (number, open) = (self.opened.fetch_add(1, SeqCst) + 1, Arc::clone(&self.open));
        Ok(Number { number, open, closed: Arc::clone(&self.closed) })
    }

    fn is_ready(&self, _: &Number) -> bool {
        self.ready.load(SeqCst)
    }

    async fn recycle(&self, _: &mut Number) -> Result<()> {
        self.recycled.fetch_add(1, SeqCst);
        Ok(())
    }

    async fn check(&self, _: &mut Number) -> Result<()> {
        self.checked.fetch_add(1, SeqCst);
        if self.gone.load(SeqCst) { Err(Error::store("numbers", "checking", "gone")) } else { Ok(()) }
    }
}

fn pool(kind: PoolKind, limits: PoolLimits) -> (Arc<Numbers>, Pool<Numbers>, Arc<Counters>) {
    let (manager, pool, counters, _) = timed_pool(kind, limits);
    (manager, pool, counters)
}

fn timed_pool(kind: PoolKind, limits: PoolLimits) -> (Arc<Numbers>, Pool<Numbers>, Arc<Counters>, Arc<ManualClock>) {
    let (manager, counters) = (Arc::new(Numbers::default()), Arc::new(Counters::default()));
    let clock = Arc::new(ManualClock::new(1_000));
    let of_pool: Arc<ManualClock> = Arc::clone(&clock);
    let pool = Pool::new(kind, Arc::clone(&manager), limits, of_pool, Arc::clone(&counters));
    (manager, pool, counters, clock)
}

/// Takes `connections` connections at once, and gives them back.
async fn take_at_once(pool: &Pool<Numbers>, connections: usize) {
    let mut taken = Vec::new();
    for _ in 0..connections {
        taken.push(pool.checkout().await.unwrap());
    }
}

const SECOND_NS: u64 = 1_000_000_000;

fn opened_and_reused(counters: &Counters) -> (u64, u64) {
    (counters.connections_opened.get(), counters.connections_reused.get())
}

#[tokio::test]
async fn none_connects_for_every_checkout_and_the_others_once() {
    for (kind, expected) in [(PoolKind::None, (100, 0)), (PoolKind::Keepalive, (1, 99)), (PoolKind::Adaptive, (1, 99))]
    {
        let (manager, pool, counters) = pool(kind, PoolLimits::of(4));
        for _ in 0..100 {
            drop(pool.checkout().await.unwrap());
        }
        assert_eq!(opened_and_reused(&counters), expected, "{kind}");
        assert_eq!(manager.opened.load(SeqCst), expected.0, "{kind}: what was counted is what happened");
        assert_eq!(
            (manager.recycled.load(SeqCst), manager.checked.load(SeqCst)),
            (expected.1, 0),
            "{kind}: not idle, so not checked"
        );
    }
}

#[tokio::test]
async fn what_is_ready_is_lent_again_as_it_is() {
    for kind in [PoolKind::Keepalive, PoolKind::Adaptive] {
        let (manager, pool, counters) = pool(kind, PoolLimits::of(1));
        for (ready, recycled) in [(false, 0), (false, 1), (true, 1), (false, 2)] {
            manager.ready.store(ready, SeqCst);
            drop(pool.checkout().await.unwrap());
            assert_eq!(manager.recycled.load(SeqCst), recycled, "{kind}");
        }
        assert_eq!(counters.connections_reused.get(), 3, "{kind}");
    }
}

#[tokio::test]
async fn checkouts_are_exclusive_and_limited() {
    for &kind in PoolKind::ALL {
        let (manager, pool, _) = pool(kind, PoolLimits { wait: Duration::ZERO, ..PoolLimits::of(2) });
        let (one, two) = (pool.checkout().await.unwrap(), pool.checkout().await.unwrap());
        assert_ne!(one.number, two.number, "{kind}");
        assert!(matches!(pool.checkout().await, Err(Error::PoolTimeout { waited_ms: 0 })), "{kind}");
        assert_eq!(manager.open.load(SeqCst), 2, "{kind}");
        drop(one);
        assert!(pool.checkout().await.is_ok(), "{kind}");
    }
}

#[tokio::test]
async fn nobody_waits_for_ever() {
    let at_once = PoolLimits { wait: Duration::ZERO, connect: Duration::ZERO, ..PoolLimits::of(1) };
    for &kind in PoolKind::ALL {
        let (manager, pool, _) = pool(kind, at_once);
        manager.stuck.store(true, SeqCst);
        assert!(
            matches!(pool.checkout().await, Err(Error::PoolTimeout { waited_ms: 0 })),
            "{kind}: connecting is stuck"
        );
        manager.stuck.store(false, SeqCst);
        let held = pool.checkout().await.unwrap(); // so the attempt before gave its permit back
        assert!(
            matches!(pool.checkout().await, Err(Error::PoolTimeout { waited_ms: 0 })),
            "{kind}: the only one is lent"
        );
        pool.close();
        assert!(matches!(pool.checkout().await, Err(Error::Closed)), "{kind}");
        drop(held);
        assert_eq!(manager.open.load(SeqCst), 0, "{kind}");
    }
}

#[tokio::test]
async fn an_idle_connection_is_checked_and_replaced_when_it_is_gone() {
    for kind in [PoolKind::Keepalive, PoolKind::Adaptive] {
        let (manager, pool, counters, clock) = timed_pool(kind, PoolLimits::of(1));
        let held = pool.checkout().await.unwrap();
        clock.advance(20 * SECOND_NS); // lent is not idle
        drop(held);
        clock.advance(8 * SECOND_NS);
        assert_eq!(pool.checkout().await.unwrap().number, 1);
        assert_eq!(manager.checked.load(SeqCst), 0, "{kind}: not idle for long enough");
        clock.advance(8 * SECOND_NS + 1);
        assert_eq!(pool.checkout().await.unwrap().number, 1);
        assert_eq!(manager.checked.load(SeqCst), 1, "{kind}");
        manager.gone.store(true, SeqCst);
        clock.advance(8 * SECOND_NS + 1);
        assert_eq!(pool.checkout().await.unwrap().number, 2);
        assert_eq!(opened_and_reused(&counters), (2, 2), "{kind}");
        assert_eq!(manager.open.load(SeqCst), 1, "{kind}: the one that was gone is closed");
    }
}

#[tokio::test]
async fn idle_connections_are_closed_down_to_the_minimum() {
    let limits = PoolLimits { minimum: 2, check_after_idle: Duration::MAX, ..PoolLimits::of(6) };
    let (manager, pool, counters, clock) = timed_pool(PoolKind::Keepalive, limits);
    take_at_once(&pool, 6).await;
    clock.advance(200 * SECOND_NS);
    take_at_once(&pool, 3).await;
    assert_eq!(manager.open.load(SeqCst), 6, "none was idle for 5 minutes yet");
    clock.advance(150 * SECOND_NS);
    take_at_once(&pool, 1).await;
    assert_eq!(manager.open.load(SeqCst), 3, "3 were in use 150 s ago, 3 not for 350 s");
    clock.advance(1_000 * SECOND_NS);
    take_at_once(&pool, 1).await;
    assert_eq!(manager.open.load(SeqCst), 2, "the minimum stays");
    assert_eq!(counters.connections_retired.get(), 4);
    assert_eq!(counters.connections_opened.get(), 6);
}

#[tokio::test]
async fn idle_connections_are_closed_where_nobody_checks_out() {
    let limits = PoolLimits { idle: Duration::from_millis(2), ..PoolLimits::of(3) };
    let (manager, pool, counters, clock) = timed_pool(PoolKind::Keepalive, limits);
    take_at_once(&pool, 3).await;
    clock.advance(SECOND_NS);
    while manager.open.load(SeqCst) > 1 {
        manager.closed.notified().await;
    }
    assert_eq!(counters.connections_retired.get(), 2);
    assert_eq!(pool.checkout().await.unwrap().number, 3, "the one that was used last is kept");
}

#[tokio::test]
async fn old_connections_are_opened_anew_and_not_all_at_once() {
    let limits = PoolLimits { minimum: 8, lifetime: Duration::from_secs(100), ..PoolLimits::of(8) };
    let (manager, pool, counters, clock) = timed_pool(PoolKind::Keepalive, limits);
    take_at_once(&pool, 8).await;
    let mut opened = Vec::new();
    for second in 1..=100 {
        clock.advance(SECOND_NS);
        take_at_once(&pool, 8).await;
        opened.push(manager.opened.load(SeqCst));
        assert!(second >= 90 || opened[second - 1] == 8, "after {second} s");
    }
    assert_eq!(opened[99], 16, "a lifetime is 90 to 100 s");
    assert!(opened[89..].windows(2).filter(|pair| pair[0] != pair[1]).count() >= 3, "{opened:?}");
    assert_eq!(counters.connections_retired.get(), 8);
    let (again, other, _, clock) = timed_pool(PoolKind::Keepalive, limits);
    take_at_once(&other, 8).await;
    for expected in opened {
        clock.advance(SECOND_NS);
        take_at_once(&other, 8).await;
        assert_eq!(again.opened.load(SeqCst), expected, "the seed is fixed");
    }
}

/// The limit of an adaptive pool, from what it counted.
fn limit(counters: &Counters) -> usize {
    INITIAL + counters.permits_grown.get() as usize - counters.permits_shrunk.get() as usize
}

/// Lets `callers` callers want a connection at once and hold it for `hold_ms` of the clock, `rounds` times.
async fn load(
    (pool, counters, clock): (&Arc<Pool<Numbers>>, &Counters, &ManualClock),
    callers: usize,
    hold_ms: u64,
    rounds: usize,
) {
    for _ in 0..rounds {
        let (holding, leave) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
        let mut tasks = JoinSet::new();
        for _ in 0..callers {
            let (pool, holding, leave) = (Arc::clone(pool), Arc::clone(&holding), Arc::clone(&leave));
            tasks.spawn(async move {
                let lent = pool.checkout().await.unwrap();
                holding.add_permits(1);
                leave.acquire().await.unwrap().forget();
                drop(lent);
            });
        }
        let mut left = callers;
        while left > 0 {
            // One thread runs everything: after so many permits, whoever can have a connection has it.
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
            let lent = holding.forget_permits(callers);
            assert!(lent <= limit(counters), "{lent} lent at a limit of {}", limit(counters));
            clock.advance(hold_ms * SECOND_NS / 1_000);
            leave.add_permits(lent);
            left -= lent;
        }
        while let Some(done) = tasks.join_next().await {
            done.unwrap();
        }
    }
}

#[tokio::test]
async fn adaptive_lends_more_while_callers_wait_and_fewer_when_they_are_gone() {
    let (manager, pool, counters, clock) = timed_pool(PoolKind::Adaptive, PoolLimits::of(8));
    let pool = Arc::new(pool);
    let bed = (&pool, &*counters, &*clock);
    load(bed, 1, 1, 64).await;
    assert_eq!((counters.permits_grown.get(), manager.opened.load(SeqCst)), (0, 1), "nobody waited");
    load(bed, 24, 1, 40).await;
    assert_eq!((limit(&counters), manager.open.load(SeqCst)), (8, 8), "grown to the most, and not beyond");
    let grown = counters.permits_grown.get();
    for _ in 0..200 {
        drop(pool.checkout().await.unwrap());
        clock.advance(SECOND_NS / 100);
    }
    assert_eq!(counters.permits_grown.get(), grown, "nobody waited");
    assert_eq!((limit(&counters), manager.open.load(SeqCst)), (1, 1), "what the limit does not ask for is closed");
    assert!(counters.connections_retired.get() >= 7);
}

#[tokio::test]
async fn a_limit_that_is_lowered_while_all_are_lent_holds() {
    let (_, pool, counters, clock) = timed_pool(PoolKind::Adaptive, PoolLimits::of(32));
    let pool = Arc::new(pool);
    let bed = (&pool, &*counters, &*clock);
    load(bed, 1, 1, 64).await;
    load(bed, 64, 1, 40).await;
    let (before, shrunk) = (limit(&counters), counters.permits_shrunk.get());
    assert_eq!(before, 32);
    load(bed, 64, 50, 1).await; // asserts that no more are lent than the limit says
    assert!(
        counters.permits_shrunk.get() > shrunk,
        "holding takes 50 times as long: the other side is beyond its knee"
    );
}

#[tokio::test]
async fn a_failed_connection_is_the_callers_error_and_costs_no_place() {
    for &kind in PoolKind::ALL {
        let (manager, pool, counters) = pool(kind, PoolLimits::of(1));
        manager.refusing.store(true, SeqCst);
        for _ in 0..3 {
            let error = pool.checkout().await.err().unwrap();
            assert_eq!(error.to_string(), "store numbers: connecting failed", "{kind}");
        }
        manager.refusing.store(false, SeqCst);
        assert!(pool.checkout().await.is_ok(), "{kind}");
        assert_eq!(opened_and_reused(&counters), (1, 0), "{kind}");
    }
}

#[tokio::test]
async fn closing_drops_what_is_kept_and_what_comes_back() {
    let (manager, pool, _) = pool(PoolKind::Keepalive, PoolLimits::of(2));
    let (one, two) = (pool.checkout().await.unwrap(), pool.checkout().await.unwrap());
    drop(one);
    pool.close();
    assert_eq!(manager.open.load(SeqCst), 1);
    drop(two);
    assert_eq!(manager.open.load(SeqCst), 0);
    assert!(matches!(pool.checkout().await, Err(Error::Closed)));
}
