//! Writes into a store: the `writes` toggle.
//!
//! Both strategies acknowledge a write only when the store has it, as durable as the class says. `batched` lets starts,
//! steps and completions of several episodes share one transaction, and so one sync. The facade makes the writes of one
//! episode one after the other.

mod batched;
pub(crate) mod syncing;

use std::sync::Arc;

use crate::cache::{EpisodeCache, Queries};
use crate::store::{Completed, Store, Write};
use crate::{Clock, Counters, EpisodeId, Head, Pattern, Result, Step, WriteKind};

/// The limits of batches and of their queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WriteLimits {
    /// The most writes of one batch.
    pub batch_writes: usize,
    /// The most writes that wait or are being made: further callers wait for room.
    pub queued_writes: usize,
    /// The longest wait of the first write of a batch for others, in nanoseconds.
    pub flush_interval_ns: u64,
}

/// The parts of a memory that writes need.
pub(crate) struct WriteContext {
    pub store: Arc<dyn Store>,
    pub cache: Arc<EpisodeCache>,
    pub queries: Arc<Queries>,
    pub clock: Arc<dyn Clock>,
    pub counters: Arc<Counters>,
}

/// A strategy of writing.
pub(crate) enum Writes {
    /// Each goes straight to the store, in its own transaction. The naive strategy.
    Immediate(Arc<dyn Store>),
    /// Together with others of the same time.
    Batched(batched::Batched),
}

impl Writes {
    pub fn open(kind: WriteKind, limits: WriteLimits, context: WriteContext) -> Writes {
        match kind {
            WriteKind::Immediate => Writes::Immediate(context.store),
            WriteKind::Batched => Writes::Batched(batched::Batched::new(limits, context)),
        }
    }

    /// Stores a new episode. On return it is as durable as the class says; so are the other writes. Fails with
    /// [`crate::Error::Batch`] where the store's error is about several writes.
    pub async fn create(&self, head: &Head) -> Result<()> {
        match self {
            Writes::Immediate(store) => store.create(head).await,
            Writes::Batched(batched) => batched.write(Write::Create(Box::new(head.clone()))).await,
        }
    }

    pub async fn append(&self, id: EpisodeId, step: Step) -> Result<()> {
        match self {
            Writes::Immediate(store) => store.append(id, &step).await,
            Writes::Batched(batched) => batched.write(Write::Append(id, step)).await,
        }
    }

    pub async fn complete(&self, head: &Head, embedding: &[f32], patterns: &[Pattern]) -> Result<()> {
        match self {
            Writes::Immediate(store) => store.complete(head, embedding, patterns).await,
            Writes::Batched(batched) => {
                let (head, embedding, patterns) = (head.clone(), embedding.to_vec(), patterns.to_vec());
                batched.write(Write::Complete(Box::new(Completed { head, embedding, patterns }))).await
            }
        }
    }

    /// Waits for writes whose callers went away: afterwards the store has them, or never will.
    pub async fn settle(&self) {
        if let Writes::Batched(batched) = self {
            batched.settle().await;
        }
    }

    /// Waits for everything that was queued before.
    pub async fn drain(&self) {
        if let Writes::Batched(batched) = self {
            batched.drain().await;
        }
    }
}
