//! Pool `none`: every checkout opens a connection, and dropping it closes it.
//!
//! It is what a program without a pool does, and the base that the others are compared with. The limit on connections at a time is the same.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::{Checkout, Lent, Limits, Manager};
use crate::{Counters, Error, Result};

/// A pool that keeps nothing.
pub struct None<M> {
    manager: Arc<M>,
    limits: Limits,
    turns: Arc<Semaphore>,
    counters: Arc<Counters>,
}

/// A connection with the right to have it.
pub(super) struct Own<M: Manager> {
    connection: M::Connection, // closed before the turn is given back: fields drop in this order
    _turn: OwnedSemaphorePermit,
}

impl<M: Manager> None<M> {
    pub(super) fn new(manager: Arc<M>, limits: Limits, counters: Arc<Counters>) -> None<M> {
        None { manager, limits, turns: Arc::new(Semaphore::new(limits.connections)), counters }
    }

    pub(super) async fn checkout(&self) -> Result<Checkout<M>> {
        let Limits { wait, connect, .. } = self.limits;
        let late = |limit: std::time::Duration| Error::PoolTimeout { waited_ms: limit.as_millis() as u64 };
        let turn = timeout(wait, Arc::clone(&self.turns).acquire_owned()).await.map_err(|_| late(wait))?;
        let turn = turn.map_err(|_| Error::Closed)?;
        let connection = timeout(connect, self.manager.connect()).await.map_err(|_| late(connect))??;
        self.counters.connections_opened.increment();
        Ok(Checkout(Lent::Own(Own { connection, _turn: turn })))
    }

    pub(super) fn close(&self) {
        self.turns.close();
    }
}

impl<M: Manager> Deref for Own<M> {
    type Target = M::Connection;

    fn deref(&self) -> &M::Connection {
        &self.connection
    }
}

impl<M: Manager> DerefMut for Own<M> {
    fn deref_mut(&mut self) -> &mut M::Connection {
        &mut self.connection
    }
}
