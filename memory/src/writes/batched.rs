//! Writes `batched`: a group commit. Starts, steps and completions that are queued together share one transaction.
//!
//! A caller waits until the batch of its write is committed, so that no crash takes an acknowledged write. Writes that
//! come while a batch is written are the next batch. Beyond that, a batch waits for as many writes as the last one had:
//! that many callers were busy a moment ago, and are about to come back. It waits at most for the flush interval, on
//! the clock of the memory. A single writer never waits, and has a plain transaction. A full queue makes its callers
//! wait (back-pressure).
//!
//! The task that writes ends with the queue, so that an idle memory holds no file open. A caller that goes away leaves
//! its write in the queue: it is made, and the caches forget what it changes. Whoever needs the true state of an
//! episode first calls [`Batched::settle`].
//!
//! The wait is that of PostgreSQL's `commit_delay` with `commit_siblings`, with the size of the last batch in place of
//! a fixed number of siblings.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use scopeguard::{ScopeGuard, guard};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, oneshot};

use super::{WriteContext, WriteLimits};
use crate::store::{Completed, Write};
use crate::{Error, Result};

pub(crate) struct Batched {
    shared: Arc<Shared>,
}

struct Shared {
    limits: WriteLimits,
    context: WriteContext,
    queue: Mutex<Queue>,
    room: Arc<Semaphore>,
    /// Notified when something was added to the queue.
    added: Notify,
    /// Writes whose callers went away, and how many of them were waited for.
    orphans: AtomicU64,
    settled: AtomicU64,
}

#[derive(Default)]
struct Queue {
    entries: VecDeque<Entry>,
    /// The writes among them.
    writes: usize,
    /// A task is at work on the queue, and takes what is added.
    has_task: bool,
    /// The writes of the last batch whose callers had stayed.
    last_batch_size: usize,
}

enum Entry {
    Write(Waiting),
    /// Somebody waits for all entries before it.
    Barrier(oneshot::Sender<()>),
}

struct Waiting {
    write: Write,
    queued_at_ns: u64,
    reply: oneshot::Sender<Result<()>>,
    room: OwnedSemaphorePermit, // given back when the write is made
}

/// Writes of one transaction, and who is told.
struct Batch {
    writes: Vec<Write>,
    replies: Vec<(oneshot::Sender<Result<()>>, OwnedSemaphorePermit)>,
    barriers: Vec<oneshot::Sender<()>>,
}

impl Batched {
    pub(super) fn new(limits: WriteLimits, context: WriteContext) -> Batched {
        let room = Arc::new(Semaphore::new(limits.queued_writes.max(1)));
        let limits = WriteLimits { batch_writes: limits.batch_writes.max(1), ..limits };
        let (queue, added) = (Mutex::default(), Notify::new());
        let (orphans, settled) = (AtomicU64::new(0), AtomicU64::new(0));
        Batched { shared: Arc::new(Shared { limits, context, queue, room, added, orphans, settled }) }
    }

    pub(super) async fn write(&self, write: Write) -> Result<()> {
        let shared = &self.shared;
        let room = match Arc::clone(&shared.room).try_acquire_owned() {
            Ok(room) => room,
            Err(_) => {
                shared.context.counters.queue_waits.increment();
                Arc::clone(&shared.room).acquire_owned().await.map_err(|_| Error::Closed)?
            }
        };
        let (reply, answer) = oneshot::channel();
        let queued_at_ns = shared.context.clock.now_ns();
        self.add(Entry::Write(Waiting { write, queued_at_ns, reply, room }));
        let waiting = guard(shared, |shared| {
            shared.orphans.fetch_add(1, Ordering::AcqRel); // the caller went away
        });
        let answer = answer.await;
        ScopeGuard::into_inner(waiting);
        answer.unwrap_or(Err(Error::Closed)) // the runtime took the task away
    }

    pub(super) async fn settle(&self) {
        let orphans = self.shared.orphans.load(Ordering::Acquire);
        if self.shared.settled.load(Ordering::Acquire) < orphans {
            self.drain().await;
            self.shared.settled.fetch_max(orphans, Ordering::AcqRel);
        }
    }

    pub(super) async fn drain(&self) {
        let (reached, all_before) = oneshot::channel();
        if !self.shared.queue.lock().has_task {
            return; // nothing is queued, and nothing being written
        }
        self.add(Entry::Barrier(reached));
        let _reached_or_given_up = all_before.await;
    }

    fn add(&self, entry: Entry) {
        let mut queue = self.shared.queue.lock();
        queue.writes += usize::from(matches!(entry, Entry::Write(_)));
        queue.entries.push_back(entry);
        if queue.has_task {
            self.shared.added.notify_one();
        } else {
            queue.has_task = true;
            // However the task ends (a panic of the store, the end of the runtime), the queue is left without one, and
            // nobody waits in vain: whoever waits learns it by the drop of its reply.
            let shared = guard(Arc::clone(&self.shared), |shared| *shared.queue.lock() = Queue::default());
            tokio::spawn(work(shared));
        }
    }
}

impl Shared {
    /// Waits until the next batch is due.
    async fn gather(&self) {
        loop {
            let now_ns = self.context.clock.now_ns();
            let flush_at_ns = match self.flush_at_ns() {
                // Not later than from now on: a wall clock may be set back.
                Some(at_ns) if at_ns > now_ns => at_ns.min(now_ns.saturating_add(self.limits.flush_interval_ns)),
                _ => return,
            };
            tokio::select! {
                () = self.added.notified() => {}
                () = self.context.clock.sleep_until(flush_at_ns) => return,
            }
        }
    }

    /// The time of the next batch if nothing more comes; `None` if it is due now.
    fn flush_at_ns(&self) -> Option<u64> {
        let queue = self.queue.lock();
        let enough = queue.last_batch_size.min(self.limits.batch_writes);
        let waited_for = queue.entries.len() > queue.writes; // somebody drains it
        if queue.writes >= enough || waited_for {
            return None;
        }
        match queue.entries.front() {
            Some(Entry::Write(first)) => Some(first.queued_at_ns.saturating_add(self.limits.flush_interval_ns)),
            _ => None,
        }
    }

    /// The next batch; `None` when there is nothing left, which ends the task.
    fn take(&self) -> Option<Batch> {
        let mut queue = self.queue.lock();
        let writes = queue.writes.min(self.limits.batch_writes);
        let mut batch =
            Batch { writes: Vec::with_capacity(writes), replies: Vec::with_capacity(writes), barriers: Vec::new() };
        while batch.writes.len() < self.limits.batch_writes {
            match queue.entries.pop_front() {
                Some(Entry::Write(Waiting { write, reply, room, .. })) => {
                    queue.writes -= 1;
                    batch.writes.push(write);
                    batch.replies.push((reply, room));
                }
                Some(Entry::Barrier(barrier)) => batch.barriers.push(barrier),
                None => break,
            }
        }
        if batch.writes.is_empty() && batch.barriers.is_empty() {
            queue.has_task = false;
            return None;
        }
        Some(batch)
    }

    /// Writes a batch, and tells everybody.
    async fn write(&self, batch: Batch) {
        let Batch { writes, replies, barriers } = batch;
        if !writes.is_empty() {
            let done = match &writes[..] {
                [alone] => alone.make(&*self.context.store).await.map(|()| vec![Ok(())]),
                several => self.context.store.write_many(several).await,
            };
            let outcomes = match done {
                Ok(outcomes) => {
                    let counters = &self.context.counters;
                    counters.batches.increment();
                    counters.batched_writes.add(writes.len() as u64);
                    counters.shared_commits.add(if writes.len() > 1 { writes.len() as u64 } else { 0 });
                    outcomes
                }
                Err(error) => for_each(error, writes.len()),
            };
            let mut last_batch_size = 0;
            for ((write, (reply, room)), outcome) in writes.iter().zip(replies).zip(outcomes) {
                match reply.send(outcome) {
                    Ok(()) => last_batch_size += 1,
                    Err(_gone) => self.forget(write),
                }
                drop(room);
            }
            self.queue.lock().last_batch_size = last_batch_size;
        }
        for barrier in barriers {
            let _nobody_waits_any_more = barrier.send(());
        }
    }

    /// Drops what a write changed from the caches: its caller went away, and did so too early.
    fn forget(&self, write: &Write) {
        let WriteContext { cache, queries, .. } = &self.context;
        match write {
            Write::Create(head) => queries.started(head),
            Write::Append(id, _) => cache.invalidate(&|| *id),
            Write::Complete(completed) => {
                let Completed { head, embedding, .. } = &**completed;
                cache.invalidate(&|| head.id);
                queries.completed(head, embedding);
            }
        }
    }
}

/// The store's error, for every caller of the batch.
fn for_each(error: Error, callers: usize) -> Vec<Result<()>> {
    match error {
        error if callers == 1 => vec![Err(error)],
        Error::Closed => (0..callers).map(|_| Err(Error::Closed)).collect(),
        error => {
            let source = Arc::new(error);
            (0..callers).map(|_| Err(Error::Batch { source: Arc::clone(&source) })).collect()
        }
    }
}

/// Writes the queue until nothing is left.
async fn work(shared: ScopeGuard<Arc<Shared>, impl FnOnce(Arc<Shared>)>) {
    shared.gather().await;
    while let Some(batch) = shared.take() {
        shared.write(batch).await;
        shared.gather().await;
    }
    ScopeGuard::into_inner(shared);
}
