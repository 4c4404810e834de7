//! Where connections come from: opened for each operation, or kept and lent, always as many or as many as the demand asks for.
//!
//! A pool hands out a connection to one caller at a time, never more than its limit at once, and never waits for ever. It is generic over what
//! connects ([`Manager`]), so that no database is named here. All strategies have the same limits: they differ in connecting, and in
//! how many connections there may be beneath the most.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::{Clock, Counters, PoolKind, Result};

mod adaptive;
mod demand;
mod keepalive;
mod none;

/// Opens connections, and knows whether one can be used again.
#[async_trait]
pub trait Manager: Send + Sync + 'static {
    /// What is lent.
    type Connection: Send + 'static;

    /// Opens a connection.
    async fn connect(&self) -> Result<Self::Connection>;

    /// Makes a connection that came back ready for the next caller, whatever state the last one left it in. Called at every reuse: it should cost next to
    /// nothing when there is nothing to do. An error drops the connection, and another is opened.
    async fn recycle(&self, connection: &mut Self::Connection) -> Result<()>;

    /// Whether the other side still answers. Called at a reuse after [`Limits::check_after_idle`]; an error drops the connection, and another is opened.
    async fn check(&self, connection: &mut Self::Connection) -> Result<()>;
}

/// How many connections, how long they are kept, and how long to wait for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The most connections that are lent at a time.
    pub connections: usize,
    /// The fewest that idle time leaves open, once they were opened; and the least that an adaptive pool lends at a time.
    pub minimum: usize,
    /// How long a caller waits for one that is lent to somebody else.
    pub wait: Duration,
    /// How long opening one may take.
    pub connect: Duration,
    /// How long making one ready for its next caller may take, the check included.
    pub recycle: Duration,
    /// A connection unused for longer than this is checked before it is lent. Below the 10 seconds after which a libSQL server forgets a stream.
    pub check_after_idle: Duration,
    /// A connection unused for longer than this is closed, if more than [`Limits::minimum`] are open.
    pub idle: Duration,
    /// A connection older than this is not lent again. Each one's own lifetime is up to a tenth shorter, so that those that were opened together
    /// are not all opened anew at once.
    pub lifetime: Duration,
}

impl Limits {
    /// Limits for `connections` connections: at least 1; 30 seconds for a turn, 10 to connect, 5 to recycle; a check after 8 idle, an end after
    /// 5 minutes idle or half an hour in all.
    pub const fn of(connections: usize) -> Limits {
        Limits {
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

/// Connections under one of the strategies.
pub enum Pool<M: Manager> {
    /// Each checkout opens its own.
    None(none::None<M>),
    /// They are kept and lent.
    Keepalive(keepalive::Keepalive<M>),
    /// They are kept and lent, as many at a time as the demand asks for.
    Adaptive(adaptive::Adaptive<M>),
}

impl<M: Manager> Pool<M> {
    /// A pool that has no connection yet. It needs a tokio runtime with timers when it is used. The clock tells how long a connection is idle
    /// and lent: the time of the other side, which no simulation moves.
    pub fn new(
        kind: PoolKind,
        manager: Arc<M>,
        limits: Limits,
        clock: Arc<dyn Clock>,
        counters: Arc<Counters>,
    ) -> Pool<M> {
        match kind {
            PoolKind::None => Pool::None(none::None::new(manager, limits, counters)),
            PoolKind::Keepalive => Pool::Keepalive(keepalive::Keepalive::new(manager, limits, clock, counters)),
            PoolKind::Adaptive => Pool::Adaptive(adaptive::Adaptive::new(manager, limits, clock, counters)),
        }
    }

    /// A connection of one's own until it is dropped.
    ///
    /// # Errors
    /// [`crate::Error::PoolTimeout`], [`crate::Error::Closed`], and what connecting failed with.
    pub async fn checkout(&self) -> Result<Checkout<M>> {
        match self {
            Pool::None(pool) => pool.checkout().await,
            Pool::Keepalive(pool) => pool.checkout().await.map(|kept| Checkout(Lent::Kept(kept))),
            Pool::Adaptive(pool) => pool.checkout().await,
        }
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

/// A connection that is lent: it goes back where it came from when this is dropped.
pub struct Checkout<M: Manager>(Lent<M>);

enum Lent<M: Manager> {
    Own(none::Own<M>),
    Kept(keepalive::Kept<M>),
    InTurn(adaptive::InTurn<M>),
}

impl<M: Manager> Deref for Checkout<M> {
    type Target = M::Connection;

    fn deref(&self) -> &M::Connection {
        match &self.0 {
            Lent::Own(own) => own,
            Lent::Kept(kept) => kept,
            Lent::InTurn(lent) => &lent.kept,
        }
    }
}

impl<M: Manager> DerefMut for Checkout<M> {
    fn deref_mut(&mut self) -> &mut M::Connection {
        match &mut self.0 {
            Lent::Own(own) => own,
            Lent::Kept(kept) => kept,
            Lent::InTurn(lent) => &mut lent.kept,
        }
    }
}

#[cfg(test)]
mod tests;
