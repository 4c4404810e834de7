//! Pool `keepalive`: connections are opened when there is none free, kept, and lent again, the one used last first.
//!
//! The lending is deadpool's. Ours are the timeouts (it has none of its own, and callers would wait for ever), counting, and asking the other
//! side for a sign of life only after idle time: a check at every checkout would cost as much as many an operation.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use deadpool::managed::{
    Metrics, Object, Pool, PoolConfig, PoolError, QueueMode, RecycleError, RecycleResult, TimeoutType, Timeouts,
};

use super::{Checkout, Lent, Limits, Manager};
use crate::{Counters, Error, Result};

/// A pool that keeps its connections.
pub struct Keepalive<M: Manager> {
    pool: Pool<Adapter<M>>,
    limits: Limits,
}

/// What deadpool calls.
pub(super) struct Adapter<M> {
    manager: Arc<M>,
    limits: Limits,
    counters: Arc<Counters>,
}

/// A connection that goes back when it is dropped.
pub(super) struct Kept<M: Manager>(Object<Adapter<M>>);

impl<M: Manager> Keepalive<M> {
    pub(super) fn new(manager: Arc<M>, limits: Limits, counters: Arc<Counters>) -> Keepalive<M> {
        let timeouts =
            Timeouts { wait: Some(limits.wait), create: Some(limits.connect), recycle: Some(limits.recycle) };
        let config = PoolConfig { max_size: limits.connections, timeouts, queue_mode: QueueMode::Lifo };
        let pool = Pool::builder(Adapter { manager, limits, counters })
            .config(config)
            .runtime(deadpool::Runtime::Tokio1)
            .build()
            .expect("a pool with timeouts is only refused without a runtime");
        Keepalive { pool, limits }
    }

    pub(super) async fn checkout(&self) -> Result<Checkout<M>> {
        let late = |limit: std::time::Duration| Error::PoolTimeout { waited_ms: limit.as_millis() as u64 };
        match self.pool.get().await {
            Ok(object) => Ok(Checkout(Lent::Kept(Kept(object)))),
            Err(PoolError::Backend(error)) => Err(error),
            Err(PoolError::Closed) => Err(Error::Closed),
            Err(PoolError::Timeout(TimeoutType::Wait)) => Err(late(self.limits.wait)),
            Err(PoolError::Timeout(TimeoutType::Create)) => Err(late(self.limits.connect)),
            Err(PoolError::Timeout(TimeoutType::Recycle)) => Err(late(self.limits.recycle)),
            Err(error @ (PoolError::NoRuntimeSpecified | PoolError::PostCreateHook(_))) => {
                unreachable!("the pool has a runtime and no hooks: {error}")
            }
        }
    }

    pub(super) fn close(&self) {
        self.pool.close();
    }
}

impl<M: Manager> deadpool::managed::Manager for Adapter<M> {
    type Type = M::Connection;
    type Error = Error;

    async fn create(&self) -> Result<M::Connection> {
        let connection = self.manager.connect().await?;
        self.counters.connections_opened.increment();
        Ok(connection)
    }

    async fn recycle(&self, connection: &mut M::Connection, metrics: &Metrics) -> RecycleResult<Error> {
        self.manager.recycle(connection).await.map_err(RecycleError::Backend)?;
        // Since its last checkout: the time that it was in use counts as idle, which checks too often rather than too seldom.
        if metrics.last_used() > self.limits.check_after_idle {
            self.manager.check(connection).await.map_err(RecycleError::Backend)?;
        }
        self.counters.connections_reused.increment();
        Ok(())
    }
}

impl<M: Manager> Deref for Kept<M> {
    type Target = M::Connection;

    fn deref(&self) -> &M::Connection {
        &self.0
    }
}

impl<M: Manager> DerefMut for Kept<M> {
    fn deref_mut(&mut self) -> &mut M::Connection {
        &mut self.0
    }
}
