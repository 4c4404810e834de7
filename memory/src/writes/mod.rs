//! How steps get into a store: the `writes` toggle, one strategy a file.
//!
//! Both acknowledge a step only when the store has it, as durable as the class says. `batched` lets steps of several episodes share one transaction, and so
//! one sync. Left out on purpose: starts and completions, which go to the store at once; and order, which is the facade's (one step of an
//! episode at a time).

mod batched;
mod immediate;

use std::sync::Arc;

use crate::cache::EpisodeCache;
use crate::store::Store;
use crate::{Clock, Counters, EpisodeId, Result, Step, WriteKind};

/// When a batch is complete, and how much may wait for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// The most steps of one batch.
    pub batch_steps: usize,
    /// The most steps that wait or are being written: further callers wait for room.
    pub queued_steps: usize,
    /// How long the first step of a batch waits for others, at the most, in nanoseconds.
    pub flush_interval_ns: u64,
}

/// What a queue of steps needs around it.
pub(crate) struct Surroundings {
    pub store: Arc<dyn Store>,
    pub cache: Arc<EpisodeCache>,
    pub clock: Arc<dyn Clock>,
    pub counters: Arc<Counters>,
}

/// The way of steps into the store.
pub(crate) enum Writes {
    /// Each in a transaction of its own.
    Immediate(immediate::Immediate),
    /// Together with those that come at the same time.
    Batched(batched::Batched),
}

impl Writes {
    pub fn open(kind: WriteKind, limits: Limits, surroundings: Surroundings) -> Writes {
        match kind {
            WriteKind::Immediate => Writes::Immediate(immediate::Immediate::new(surroundings.store)),
            WriteKind::Batched => Writes::Batched(batched::Batched::new(limits, surroundings)),
        }
    }

    /// Stores a step. When this returns, the step survives what the durability class says.
    ///
    /// # Errors
    /// What the store says to this step; [`crate::Error::Batch`] where it said it to several at once.
    pub async fn append(&self, id: EpisodeId, step: Step) -> Result<()> {
        match self {
            Writes::Immediate(immediate) => immediate.append(id, step).await,
            Writes::Batched(batched) => batched.append(id, step).await,
        }
    }

    /// Waits for steps whose callers went away before they were stored: afterwards the store has them, or never will.
    pub async fn settle(&self) {
        match self {
            Writes::Immediate(_) => {}
            Writes::Batched(batched) => batched.settle().await,
        }
    }

    /// Waits for everything that was queued before.
    pub async fn drain(&self) {
        match self {
            Writes::Immediate(_) => {}
            Writes::Batched(batched) => batched.drain().await,
        }
    }
}
