//! What both strategies promise, over a manager whose connections do nothing but count.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use async_trait::async_trait;

use super::{Limits, Manager, Pool};
use crate::{Counters, Error, PoolKind, Result};

/// Connections that are numbered from 1.
#[derive(Default)]
struct Numbers {
    opened: AtomicU64,
    open: Arc<AtomicU64>,
    recycled: AtomicU64,
    checked: AtomicU64,
    refusing: AtomicBool,
    gone: AtomicBool,
    stuck: AtomicBool,
}

struct Number {
    number: u64,
    open: Arc<AtomicU64>,
}

impl Drop for Number {
    fn drop(&mut self) {
        self.open.fetch_sub(1, SeqCst);
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
        Ok(Number { number: self.opened.fetch_add(1, SeqCst) + 1, open: Arc::clone(&self.open) })
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

fn pool(kind: PoolKind, limits: Limits) -> (Arc<Numbers>, Pool<Numbers>, Arc<Counters>) {
    let (manager, counters) = (Arc::new(Numbers::default()), Arc::new(Counters::default()));
    let pool = Pool::new(kind, Arc::clone(&manager), limits, Arc::clone(&counters));
    (manager, pool, counters)
}

fn opened_and_reused(counters: &Counters) -> (u64, u64) {
    (counters.connections_opened.get(), counters.connections_reused.get())
}

#[tokio::test]
async fn none_connects_for_every_checkout_and_keepalive_once() {
    for (kind, expected) in [(PoolKind::None, (100, 0)), (PoolKind::Keepalive, (1, 99))] {
        let (manager, pool, counters) = pool(kind, Limits::of(4));
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
async fn checkouts_are_exclusive_and_limited() {
    for &kind in PoolKind::ALL {
        let (manager, pool, _) = pool(kind, Limits { wait: Duration::ZERO, ..Limits::of(2) });
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
    let at_once = Limits { wait: Duration::ZERO, connect: Duration::ZERO, ..Limits::of(1) };
    for &kind in PoolKind::ALL {
        let (manager, pool, _) = pool(kind, at_once);
        manager.stuck.store(true, SeqCst);
        assert!(
            matches!(pool.checkout().await, Err(Error::PoolTimeout { waited_ms: 0 })),
            "{kind}: connecting is stuck"
        );
        manager.stuck.store(false, SeqCst);
        let held = pool.checkout().await.unwrap(); // so the attempt before gave its turn back
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
    let (manager, pool, counters) =
        pool(PoolKind::Keepalive, Limits { check_after_idle: Duration::ZERO, ..Limits::of(1) });
    drop(pool.checkout().await.unwrap());
    assert_eq!(pool.checkout().await.unwrap().number, 1);
    assert_eq!(manager.checked.load(SeqCst), 1);
    manager.gone.store(true, SeqCst);
    assert_eq!(pool.checkout().await.unwrap().number, 2);
    assert_eq!(opened_and_reused(&counters), (2, 1));
    assert_eq!(manager.open.load(SeqCst), 1, "the one that was gone is closed");
}

#[tokio::test]
async fn a_failed_connection_is_the_callers_error_and_costs_no_place() {
    for &kind in PoolKind::ALL {
        let (manager, pool, counters) = pool(kind, Limits::of(1));
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
    let (manager, pool, _) = pool(PoolKind::Keepalive, Limits::of(2));
    let (one, two) = (pool.checkout().await.unwrap(), pool.checkout().await.unwrap());
    drop(one);
    pool.close();
    assert_eq!(manager.open.load(SeqCst), 1);
    drop(two);
    assert_eq!(manager.open.load(SeqCst), 0);
    assert!(matches!(pool.checkout().await, Err(Error::Closed)));
}
