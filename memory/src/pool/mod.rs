//! Pools of connections: the `pool` toggle, one strategy per file.
//!
//! A pool hands out a connection to one caller at a time, never more than its limit at once, and never waits for ever.
//! It is generic over [`Manager`], so that no database is named here. The strategies share their limits; they differ in
//! how often they connect, and in how many connections there may be below the most.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::OwnedSemaphorePermit;

use crate::{Clock, Counters, Error, PoolKind, Result};

mod adaptive;
mod demand;
mod keepalive;
mod none;

/// Opens connections and makes them ready for reuse.
#[async_trait]
pub trait Manager: Send + Sync + 'static {
    /// What is lent.
    type Connection: Send + 'static;

    /// Opens a connection.
    async fn connect(&self) -> Result<Self::Connection>;

    /// It can be lent again as it is: [`Manager::recycle`] has nothing to do.
    fn is_ready(&self, _connection: &Self::Connection) -> bool {
        false
    }

    /// Makes a returned connection ready for the next caller, whatever state the last one left it in. Called at every
    /// reuse of one that is not. After an error another connection is opened.
    async fn recycle(&self, connection: &mut Self::Connection) -> Result<()>;

    /// Fails if the other side does not answer any more; then another connection is opened. Called at a reuse after
    /// [`PoolLimits::check_after_idle`].
    async fn check(&self, connection: &mut Self::Connection) -> Result<()>;
}

/// The number of connections, and the limits on their times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolLimits {
    /// The most connections that are lent at a time.
    pub connections: usize,
    /// The fewest that idle time leaves open, and the least that an adaptive pool lends at a time.
    pub minimum: usize,
    /// The longest wait for a connection that is lent to somebody else.
    pub wait: Duration,
    /// The longest time for opening one.
    pub connect: Duration,
    /// The longest time for making one ready for its next caller, the check included.
    pub recycle: Duration,
    /// A connection unused for longer than this is checked before it is lent. A libSQL server forgets a stream after 10
    /// seconds.
    pub check_after_idle: Duration,
    /// A connection unused for longer than this is closed, if more than [`PoolLimits::minimum`] are open.
    pub idle: Duration,
    /// A connection older than this is not lent again. Each lifetime is up to a tenth shorter, so that connections that
    /// were opened together are not all replaced at once.
    pub lifetime: Duration,
}

impl PoolLimits {
    /// At most `connections` connections and at least 1; 30 seconds to wait for one, 10 to connect, 5 to recycle; a
    /// check after 8 seconds idle, an end after 5 minutes idle or half an hour in all.
    pub const fn of(connections: usize) -> PoolLimits {
        PoolLimits {
            connections,
            minimum: 1,
            wait: Duration::from_secs(30),
            connect: Duration::from_secs(10),
            recycle: Duration::from_secs(5),
            check_after_idle: Duration::from_secs(8),
            idle: Duration::from_secs(5 * 60),
            lifetime: Duration::from_secs(30 * 60),
        }
    }
}

/// The error of a caller that waited for too long.
fn timed_out(waited: Duration) -> Error {
    Error::PoolTimeout { waited_ms: waited.as_millis() as u64 }
}

/// Connections under one of the strategies.
pub enum Pool<M: Manager> {
    /// Each checkout opens its own.
    None(none::Unpooled<M>),
    /// Connections are kept and lent.
    Keepalive(keepalive::Keepalive<M>),
    /// Connections are kept and lent, as many at a time as the demand asks for.
    Adaptive(adaptive::Adaptive<M>),
}

impl<M: Manager> Pool<M> {
    /// A pool that has no connection yet. It needs a tokio runtime with timers when it is used. Idle times and loans
    /// are timed by this clock, which is not the memory's: no simulation moves the other side's time.
    pub fn new(
        kind: PoolKind,
        manager: Arc<M>,
        limits: PoolLimits,
        clock: Arc<dyn Clock>,
        counters: Arc<Counters>,
    ) -> Pool<M> {
        match kind {
            PoolKind::None => Pool::None(none::Unpooled::new(manager, limits, counters)),
            PoolKind::Keepalive => Pool::Keepalive(keepalive::Keepalive::new(manager, limits, clock, counters, || ())),
            PoolKind::Adaptive => Pool::Adaptive(adaptive::Adaptive::new(manager, limits, clock, counters)),
        }
    }

    /// Lends a connection until it is dropped. Fails with [`Error::PoolTimeout`], [`Error::Closed`], or what connecting
    /// failed with.
    pub async fn checkout(&self) -> Result<Checkout<M>> {
        Ok(Checkout(match self {
            Pool::None(pool) => pool.checkout().await?,
            Pool::Keepalive(pool) => Lease::Pooled { pooled: pool.checkout().await?, _permit: None },
            Pool::Adaptive(pool) => pool.checkout().await?,
        }))
    }

    /// Refuses further checkouts, and drops the connections that nobody uses; the others follow as they come back.
    pub fn close(&self) {
        match self {
            Pool::None(pool) => pool.close(),
            Pool::Keepalive(pool) => pool.close(),
            Pool::Adaptive(pool) => pool.close(),
        }
    }
}

/// A lent connection, which goes back when this is dropped.
pub struct Checkout<M: Manager>(Lease<M>);

/// A connection, and then the permit to have it: fields drop in this order.
enum Lease<M: Manager> {
    Owned { connection: M::Connection, _permit: OwnedSemaphorePermit },
    Pooled { pooled: keepalive::PooledConnection<M>, _permit: Option<adaptive::Permit> },
}

impl<M: Manager> Deref for Checkout<M> {
    type Target = M::Connection;

    fn deref(&self) -> &M::Connection {
        match &self.0 {
            Lease::Owned { connection, .. } => connection,
            Lease::Pooled { pooled, .. } => &pooled.0.connection,
        }
    }
}

impl<M: Manager> DerefMut for Checkout<M> {
    fn deref_mut(&mut self) -> &mut M::Connection {
        match &mut self.0 {
            Lease::Owned { connection, .. } => connection,
            Lease::Pooled { pooled, .. } => &mut pooled.0.connection,
        }
    }
}

#[cfg(test)]
mod tests;
