//! Belady's optimum: the entry that is needed again last goes, or the newcomer if it is that one.
//!
//! It needs the whole future, so it is no cache, but a bound for all of them. The bound holds only if nothing expires.
//! With a time to live, a use after the entry's end counts as none, which is not proven to be best; and `adaptive-ttl`
//! may get more hits by keeping entries for longer.
//!
//! Source: Belady, "A study of replacement algorithms for a virtual-storage computer" (1966), with bypass: a key that
//! is never needed again is not kept.

use std::collections::{BTreeSet, HashMap};

use memory::cache::CacheLimits;
use memory::hash::FixedState;

use super::workload::Access;
use super::{Dropped, Replayed};

/// A use that never comes.
const NEVER: usize = usize::MAX;

/// A cache that knows all accesses from the beginning. They must come in their order.
pub(super) struct Optimum {
    limits: CacheLimits,
    /// The next access of each access' key, the last access first.
    from_the_end: Vec<Next>,
    entries: HashMap<u64, Entry, FixedState>,
    by_next: BTreeSet<(usize, u64)>,
    dropped: Dropped,
}

/// The next access of the same key.
#[derive(Debug, Clone, Copy)]
struct Next {
    place: usize,
    at_ns: u64,
}

struct Entry {
    truth: u64,
    expires_at_ns: u64,
    next: usize,
}

impl Entry {
    /// The place of the next use, if it is in the entry's time.
    fn useful(&self, next: Next) -> usize {
        if next.at_ns < self.expires_at_ns { next.place } else { NEVER }
    }
}

impl Optimum {
    /// An empty one. A capacity of 0 is taken as 1, as the memory's caches take it.
    pub(super) fn new(accesses: &[Access], limits: CacheLimits) -> Optimum {
        let mut later: HashMap<u64, Next, FixedState> = HashMap::default();
        let never = Next { place: NEVER, at_ns: u64::MAX };
        let next = |(place, access): (usize, &Access)| {
            later.insert(access.key, Next { place, at_ns: access.at_ns }).unwrap_or(never)
        };
        let from_the_end = accesses.iter().enumerate().rev().map(next).collect();
        Optimum {
            limits: CacheLimits { capacity: limits.capacity.max(1), ..limits },
            from_the_end,
            entries: HashMap::default(),
            by_next: BTreeSet::new(),
            dropped: Dropped::default(),
        }
    }

    fn take(&mut self, key: u64) -> Option<Entry> {
        let entry = self.entries.remove(&key)?;
        self.by_next.remove(&(entry.next, key));
        Some(entry)
    }

    fn keep(&mut self, key: u64, entry: Entry) {
        self.by_next.insert((entry.next, key));
        self.entries.insert(key, entry);
    }

    /// Keeps a newcomer, if it is needed again before another entry.
    fn admit(&mut self, key: u64, entry: Entry) {
        if entry.next == NEVER {
            return;
        }
        if self.entries.len() == self.limits.capacity {
            match self.by_next.last().copied() {
                Some((latest, victim)) if latest > entry.next => {
                    self.take(victim);
                    self.dropped.evictions += 1;
                }
                _ => return,
            }
        }
        self.keep(key, entry);
    }
}

impl Replayed for Optimum {
    fn access(&mut self, key: u64, now_ns: u64, truth: u64) -> Option<u64> {
        let next = self.from_the_end.pop().expect("no more accesses than were announced");
        match self.take(key) {
            Some(mut entry) if now_ns < entry.expires_at_ns => {
                entry.next = entry.useful(next);
                let served = entry.truth;
                self.keep(key, entry);
                return Some(served);
            }
            Some(_) => self.dropped.expirations += 1,
            None => {}
        }
        let mut entry = Entry { truth, expires_at_ns: now_ns.saturating_add(self.limits.ttl_ns), next: NEVER };
        entry.next = entry.useful(next);
        self.admit(key, entry);
        None
    }

    fn dropped(&self) -> Dropped {
        self.dropped
    }
}
