//! Pool `adaptive`: keeps connections as `keepalive` does, and lends as many at a time as the demand asks for
//! ([`super::demand`]).
//!
//! The permits stand in front of deadpool: its `resize` takes away only places that have a connection, so that a
//! lowered limit would not hold. A permit that is withdrawn while it is lent is *excess*, and ends when it comes back.
//! Connections beyond a lowered limit are closed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use scopeguard::defer;
use tokio::sync::{Semaphore, TryAcquireError};
use tokio::time::timeout;

use super::demand::Demand;
use super::keepalive::Keepalive;
use super::{Lease, Manager, PoolLimits, timed_out};
use crate::{Clock, Counters, Error, Result};

pub struct Adaptive<M: Manager> {
    pooled: Keepalive<M>,
    gate: Arc<Gate>,
    limits: PoolLimits,
}

/// Gives as many permits as the limit says.
struct Gate {
    permits: Semaphore,
    state: Mutex<State>,
    lowered: AtomicBool, // since the last trim
    clock: Arc<dyn Clock>,
    counters: Arc<Counters>,
}

struct State {
    demand: Demand,
    excess: usize, // lent permits that end when they come back
}

pub(super) struct Permit {
    gate: Arc<Gate>,
    since_ns: u64,
}

impl<M: Manager> Adaptive<M> {
    pub(super) fn new(
        manager: Arc<M>,
        limits: PoolLimits,
        clock: Arc<dyn Clock>,
        counters: Arc<Counters>,
    ) -> Adaptive<M> {
        let demand = Demand::new(limits.minimum, limits.connections);
        let gate = Arc::new(Gate {
            permits: Semaphore::new(demand.limit()),
            state: Mutex::new(State { demand, excess: 0 }),
            lowered: AtomicBool::new(false),
            clock: Arc::clone(&clock),
            counters: Arc::clone(&counters),
        });
        let of_pool = Arc::clone(&gate);
        let pooled = Keepalive::new(manager, limits, clock, counters, move || of_pool.silent());
        Adaptive { pooled, gate, limits }
    }

    pub(super) async fn checkout(&self) -> Result<Lease<M>> {
        let permit = self.gate.permit(&self.limits).await?;
        if self.gate.lowered.swap(false, Ordering::Relaxed) {
            self.pooled.trim(self.gate.state.lock().demand.limit());
        }
        Ok(Lease::Pooled { pooled: self.pooled.checkout().await?, _permit: Some(permit) })
    }

    pub(super) fn close(&self) {
        self.gate.permits.close();
        self.pooled.close();
    }
}

impl Gate {
    async fn permit(self: &Arc<Gate>, limits: &PoolLimits) -> Result<Permit> {
        let at_once = self.permits.try_acquire();
        let queued = matches!(at_once, Err(TryAcquireError::NoPermits));
        self.state.lock().demand.arrived(self.clock.now_ns(), queued);
        let permit = match at_once {
            Err(TryAcquireError::NoPermits) => {
                defer!(self.state.lock().demand.waited(self.clock.now_ns())); // however the wait ends
                let acquired = timeout(limits.wait, self.permits.acquire()).await;
                acquired.map_err(|_| timed_out(limits.wait))?.map_err(|_| Error::Closed)?
            }
            at_once => at_once.map_err(|_| Error::Closed)?,
        };
        permit.forget(); // `Permit` gives it back, unless it is excess then
        let since_ns = self.clock.now_ns();
        self.state.lock().demand.lent(since_ns);
        Ok(Permit { gate: Arc::clone(self), since_ns })
    }

    fn silent(&self) {
        let mut state = self.state.lock();
        let before = state.demand.limit();
        state.demand.silent(self.clock.now_ns());
        self.apply(&mut state, before);
    }

    fn returned(&self, since_ns: u64) {
        let now_ns = self.clock.now_ns();
        let mut state = self.state.lock();
        let before = state.demand.limit();
        state.demand.returned(now_ns, now_ns.saturating_sub(since_ns));
        self.apply(&mut state, before);
        if state.excess > 0 {
            state.excess -= 1;
        } else {
            self.permits.add_permits(1);
        }
    }

    /// Makes the number of permits that of the new limit.
    fn apply(&self, state: &mut State, before: usize) {
        let limit = state.demand.limit();
        if limit > before {
            self.counters.permits_grown.add((limit - before) as u64);
            let forgiven = state.excess.min(limit - before);
            state.excess -= forgiven;
            self.permits.add_permits(limit - before - forgiven);
        } else if limit < before {
            self.counters.permits_shrunk.add((before - limit) as u64);
            self.lowered.store(true, Ordering::Relaxed);
            let gone = self.permits.forget_permits(before - limit);
            state.excess += before - limit - gone;
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.gate.returned(self.since_ns);
    }
}
