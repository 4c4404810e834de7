//! Pool `adaptive`: keeps connections as `keepalive` does, and lends as many at a time as the demand asks for ([`super::demand`]).
//!
//! The turns are ours, in front of the pool: deadpool's `resize` takes away only places that have a connection, so that a limit that was
//! lowered would not hold. A turn that is taken away while it is lent is owed, and ends when it comes back. Connections beyond a lowered
//! limit are closed.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Semaphore, TryAcquireError};
use tokio::time::timeout;

use super::demand::Demand;
use super::keepalive::{Keepalive, Kept};
use super::{Checkout, Lent, Limits, Manager};
use crate::{Clock, Counters, Error, Result};

/// A pool that lends as many connections as the demand asks for.
pub struct Adaptive<M: Manager> {
    kept: Keepalive<M>,
    gate: Arc<Gate>,
    limits: Limits,
}

/// A connection with the turn to have it.
pub(super) struct InTurn<M: Manager> {
    pub(super) kept: Kept<M>, // goes back before its turn does: fields drop in this order
    _turn: Turn,
}

/// Gives turns, as many as the limit says.
struct Gate {
    turns: Semaphore,
    state: Mutex<State>,
    lowered: AtomicBool, // since the last trim
    clock: Arc<dyn Clock>,
    counters: Arc<Counters>,
}

struct State {
    demand: Demand,
    owed: usize, // turns that are lent, and are not given again
}

struct Turn {
    gate: Arc<Gate>,
    since_ns: u64,
}

/// A caller in the queue, however it leaves it.
struct Waits<'a>(&'a Gate);

impl<M: Manager> Adaptive<M> {
    pub(super) fn new(manager: Arc<M>, limits: Limits, clock: Arc<dyn Clock>, counters: Arc<Counters>) -> Adaptive<M> {
        let demand = Demand::new(limits.minimum, limits.connections);
        let gate = Arc::new(Gate {
            turns: Semaphore::new(demand.limit()),
            state: Mutex::new(State { demand, owed: 0 }),
            lowered: AtomicBool::new(false),
            clock: Arc::clone(&clock),
            counters: Arc::clone(&counters),
        });
        let silent = {
            let gate = Arc::clone(&gate);
            move || gate.silent()
        };
        Adaptive { kept: Keepalive::and_when_idle(manager, limits, clock, counters, silent), gate, limits }
    }

    pub(super) async fn checkout(&self) -> Result<Checkout<M>> {
        let turn = self.gate.turn(&self.limits).await?;
        if self.gate.lowered.swap(false, Ordering::Relaxed) {
            self.kept.trim(self.gate.state().demand.limit());
        }
        Ok(Checkout(Lent::InTurn(InTurn { kept: self.kept.checkout().await?, _turn: turn })))
    }

    pub(super) fn close(&self) {
        self.gate.turns.close();
        self.kept.close();
    }
}

impl Gate {
    async fn turn(self: &Arc<Gate>, limits: &Limits) -> Result<Turn> {
        let at_once = self.turns.try_acquire();
        let queued = matches!(at_once, Err(TryAcquireError::NoPermits));
        self.state().demand.arrived(self.clock.now_ns(), queued);
        let permit = match at_once {
            Err(TryAcquireError::NoPermits) => {
                let _waits = Waits(self);
                let late = |_| Error::PoolTimeout { waited_ms: limits.wait.as_millis() as u64 };
                timeout(limits.wait, self.turns.acquire()).await.map_err(late)?.map_err(|_| Error::Closed)?
            }
            at_once => at_once.map_err(|_| Error::Closed)?,
        };
        permit.forget(); // the turn gives it back, or doesn't
        let since_ns = self.clock.now_ns();
        self.state().demand.lent(since_ns);
        Ok(Turn { gate: Arc::clone(self), since_ns })
    }

    fn silent(&self) {
        let mut state = self.state();
        let before = state.demand.limit();
        state.demand.silent(self.clock.now_ns());
        self.apply(&mut state, before);
    }

    fn returned(&self, since_ns: u64) {
        let now_ns = self.clock.now_ns();
        let mut state = self.state();
        let before = state.demand.limit();
        state.demand.returned(now_ns, now_ns.saturating_sub(since_ns));
        self.apply(&mut state, before);
        if state.owed > 0 {
            state.owed -= 1;
        } else {
            self.turns.add_permits(1);
        }
    }

    /// Makes the number of turns what the limit is now.
    fn apply(&self, state: &mut State, before: usize) {
        let limit = state.demand.limit();
        if limit > before {
            self.counters.permits_grown.add((limit - before) as u64);
            let forgiven = state.owed.min(limit - before);
            state.owed -= forgiven;
            self.turns.add_permits(limit - before - forgiven);
        } else if limit < before {
            self.counters.permits_shrunk.add((before - limit) as u64);
            self.lowered.store(true, Ordering::Relaxed);
            let gone = self.turns.forget_permits(before - limit);
            state.owed += before - limit - gone;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.state().demand.waited(self.0.clock.now_ns());
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.gate.returned(self.since_ns);
    }
}
