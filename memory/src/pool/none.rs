//! Pool `none`: every checkout opens a connection, and dropping it closes it.
//!
//! This is a program without a pool, the base for comparisons. The limit on connections at a time is the same.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::{Lease, Manager, PoolLimits, timed_out};
use crate::{Counters, Error, Result};

pub struct Unpooled<M> {
    manager: Arc<M>,
    limits: PoolLimits,
    permits: Arc<Semaphore>,
    counters: Arc<Counters>,
}

impl<M: Manager> Unpooled<M> {
    pub(super) fn new(manager: Arc<M>, limits: PoolLimits, counters: Arc<Counters>) -> Unpooled<M> {
        Unpooled { manager, limits, permits: Arc::new(Semaphore::new(limits.connections)), counters }
    }

    pub(super) async fn checkout(&self) -> Result<Lease<M>> {
        let PoolLimits { wait, connect, .. } = self.limits;
        let permit = timeout(wait, Arc::clone(&self.permits).acquire_owned()).await.map_err(|_| timed_out(wait))?;
        let permit = permit.map_err(|_| Error::Closed)?;
        let connection = timeout(connect, self.manager.connect()).await.map_err(|_| timed_out(connect))??;
        self.counters.connections_opened.increment();
        Ok(Lease::Owned { connection, _permit: permit })
    }

    pub(super) fn close(&self) {
        self.permits.close();
    }
}
