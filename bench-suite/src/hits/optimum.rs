//! Belady's optimum: what is needed again the latest goes, the newcomer itself if it is that.
//!
//! It needs the whole future, so it is no cache, but the line that no cache gets over. That holds exactly where nothing expires. With a time to live, a use
//! after the entry's end counts as none, which is the best that is known here but not proven the best there is; and `adaptive-ttl` may get over
//! the line by keeping entries for longer.
//!
//! Source: Belady, "A study of replacement algorithms for a virtual-storage computer" (1966), with bypass: what is never needed again is not kept.

use std::collections::{BTreeSet, HashMap};

use memory::cache::CacheLimits;
use memory::hash::FixedState;

use super::workload::Access;
use super::{Dropped, Replayed};

/// A use that never comes.
const NEVER: usize = usize::MAX;

/// The cache that knows all accesses from the beginning, and is asked for them in their order.
pub struct Optimum {
    limits: CacheLimits,
    accesses: Vec<Next>,
    place: usize,
    entries: HashMap<u64, Entry, FixedState>,
    by_next: BTreeSet<(usize, u64)>,
    dropped: Dropped,
}

/// When an access' key is asked for again.
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
    /// Where it is used again within its time.
    fn useful(&self, next: Next) -> usize {
        if next.at_ns < self.expires_at_ns { next.place } else { NEVER }
    }
}

impl Optimum {
    /// An empty one. A capacity of 0 is taken as 1, as the memory's caches take it.
    pub fn new(accesses: &[Access], limits: CacheLimits) -> Optimum {
        let mut later: HashMap<u64, Next, FixedState> = HashMap::default();
        let never = Next { place: NEVER, at_ns: u64::MAX };
        let mut next: Vec<Next> = vec![never; accesses.len()];
        for (place, access) in accesses.iter().enumerate().rev() {
            next[place] = later.insert(access.key, Next { place, at_ns: access.at_ns }).unwrap_or(never);
        }
        let limits = CacheLimits { capacity: limits.capacity.max(1), ..limits };
        Optimum {
            limits,
            accesses: next,
            place: 0,
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

    /// Keeps a newcomer, if it is needed again before another one.
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
        let next = self.accesses[self.place];
        self.place += 1;
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
