//! The workloads: accesses to keys, and changes of keys. Seeded, so that every machine sees the same accesses.
//!
//! | name | accesses | the task of a cache |
//! |---|---|---|
//! | `zipf` | Zipf 0.99 (YCSB's skew) over the 10,000 agents' current episodes | the plain case |
//! | `latest` | of one agent's episodes, one more every tenth access, the newest most often | to forget |
//! | `scan` | `zipf`, and after every 9,000 accesses the same 1,000 episodes read once | not to be flushed by them |
//! | `shift` | `zipf` whose popular episodes are others from the middle on | to notice |
//! | `expiry` | `zipf` over episodes that somebody else changes now and then | to hit and not serve what is old |
//!
//! An access comes every millisecond. In the first four nothing changes and nothing expires, and the cache has room for
//! a hundredth of the keys: they compare which entries stay. In `expiry` an episode changes every 2 to 200 seconds (its
//! period and its first change are made of its key), there is room for a fifth of the keys, and a time to live of 2 s
//! bounds how old an answer may be: most entries that leave are expired.

use clap::ValueEnum;
use memory::cache::CacheLimits;
use memory::hash::fnv1a;
use rand::SeedableRng;
use rand_distr::{Distribution, Zipf};
use rand_pcg::Pcg64;
use serde::Serialize;

/// Keys of the workloads over a fixed set.
const KEYS: u64 = 10_000;

/// Entries of the cache by default: a hundredth of the keys.
pub(crate) const CAPACITY: usize = 100;

/// Entries of the cache in `expiry`: a fifth of the keys.
const ROOMY: usize = 2_000;

/// Between two accesses.
const STEP_NS: u64 = 1_000_000;

const SECOND_NS: u64 = 1_000_000_000;

/// The skew of Zipf's law: YCSB's default.
const SKEW: f64 = 0.99;

/// A scan, and the accesses between two of them.
const SCANNED: u64 = 1_000;
const BETWEEN_SCANS: u64 = 9_000;

/// Accesses for each episode that is started in `latest`.
const READS_PER_START: u64 = 10;

/// The workloads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ValueEnum, strum::IntoStaticStr)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum WorkloadName {
    /// Zipf 0.99 over the current episodes of 10,000 agents
    Zipf,
    /// One agent's episodes, the newest most often
    Latest,
    /// Zipf, with scans of 1,000 episodes in between
    Scan,
    /// Zipf, with other popular episodes from the middle on
    Shift,
    /// Zipf over episodes that change, with a time to live
    Expiry,
}

impl WorkloadName {
    /// All of them.
    pub const ALL: [WorkloadName; 5] =
        [WorkloadName::Zipf, WorkloadName::Latest, WorkloadName::Scan, WorkloadName::Shift, WorkloadName::Expiry];

    /// The name on the command line, in tables and in JSON.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// A key that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Access {
    /// Nanoseconds from the beginning.
    pub at_ns: u64,
    /// The key.
    pub key: u64,
}

/// The times at which the truth of a key changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changes {
    /// Never.
    Never,
    /// At times that are made of the key.
    OfEachKey,
}

/// Accesses in the order of time.
#[derive(Debug, Clone, PartialEq)]
pub struct Workload {
    /// The name in tables.
    pub name: String,
    /// The accesses.
    pub accesses: Vec<Access>,
    /// The changes of the truth.
    pub changes: Changes,
    /// The cache that it is replayed against by default.
    pub limits: CacheLimits,
}

impl Workload {
    /// So many accesses of that kind.
    pub fn make(name: WorkloadName, accesses: u64, seed: u64) -> Workload {
        let mut random = Pcg64::seed_from_u64(seed);
        let keys = match name {
            WorkloadName::Zipf | WorkloadName::Expiry => zipf(accesses, &mut random, |_, rank| rank),
            WorkloadName::Latest => latest(accesses, &mut random),
            WorkloadName::Scan => scan(accesses, &mut random),
            WorkloadName::Shift => {
                let middle = accesses / 2;
                zipf(accesses, &mut random, |place, rank| if place < middle { rank } else { KEYS - 1 - rank })
            }
        };
        let accesses = (0..).zip(keys).map(|(place, key)| Access { at_ns: place * STEP_NS, key }).collect();
        let (changes, limits) = match name {
            WorkloadName::Expiry => (Changes::OfEachKey, CacheLimits { capacity: ROOMY, ttl_ns: 2 * SECOND_NS }),
            _ => (Changes::Never, CacheLimits { capacity: CAPACITY, ttl_ns: u64::MAX }),
        };
        Workload { name: name.name().to_owned(), accesses, changes, limits }
    }

    /// The truth of the key at the moment of an access: another number after each change.
    pub fn truth(&self, access: &Access) -> u64 {
        match self.changes {
            Changes::Never => 0,
            Changes::OfEachKey => {
                let (period_ns, first_ns) = rhythm(access.key);
                (access.at_ns + period_ns - first_ns) / period_ns
            }
        }
    }
}

/// The time between two changes of a key, from 2 to 200 seconds with all orders of magnitude alike, and the time of the
/// first one.
fn rhythm(key: u64) -> (u64, u64) {
    let hash = fnv1a(&key.to_le_bytes());
    let unit = |bits: u64| (bits & 0xffff) as f64 / 65_536.0;
    let period_ns = (2.0 * 100f64.powf(unit(hash >> 16)) * SECOND_NS as f64) as u64;
    (period_ns, (unit(hash >> 32) * period_ns as f64) as u64)
}

/// Keys by their rank in popularity, which `key` turns into the key itself.
fn zipf(accesses: u64, random: &mut Pcg64, key: impl Fn(u64, u64) -> u64) -> Vec<u64> {
    let ranks = ranks();
    (0..accesses).map(|place| key(place, ranks.sample(random) as u64 - 1)).collect()
}

fn ranks() -> Zipf<f64> {
    Zipf::new(KEYS as f64, SKEW).expect("there are keys, and the skew is no less than 0")
}

/// Zipf over how long ago an episode was started.
fn latest(accesses: u64, random: &mut Pcg64) -> Vec<u64> {
    let ranks = ranks();
    let started = |place: u64| KEYS + 1 + place / READS_PER_START;
    (0..accesses).map(|place| started(place) - ranks.sample(random) as u64).collect()
}

fn scan(accesses: u64, random: &mut Pcg64) -> Vec<u64> {
    let ranks = ranks();
    let round = BETWEEN_SCANS + SCANNED;
    let key = |place: u64| match (place % round).checked_sub(BETWEEN_SCANS) {
        Some(scanned) => KEYS + scanned,
        None => ranks.sample(random) as u64 - 1,
    };
    (0..accesses).map(key).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn keys(name: WorkloadName, accesses: u64) -> Vec<u64> {
        Workload::make(name, accesses, 7).accesses.iter().map(|access| access.key).collect()
    }

    #[test]
    fn the_same_seed_makes_the_same_accesses_in_the_order_of_time() {
        for name in WorkloadName::ALL {
            let made = Workload::make(name, 3_000, 7);
            assert_eq!(made, Workload::make(name, 3_000, 7));
            assert_ne!(made.accesses, Workload::make(name, 3_000, 8).accesses, "{}", name.name());
            assert!(made.accesses.is_sorted_by_key(|access| access.at_ns));
            assert_eq!(made.accesses.len(), 3_000);
        }
    }

    #[test]
    fn the_first_of_zipf_takes_its_share() {
        let zipf = keys(WorkloadName::Zipf, 50_000);
        let first = zipf.iter().filter(|key| **key == 0).count() as f64 / zipf.len() as f64;
        // 1 / sum of rank^-0.99 over 10,000 ranks
        let sum: f64 = (1..=KEYS).map(|rank| (rank as f64).powf(-SKEW)).sum();
        assert!((first - 1.0 / sum).abs() < 0.005, "{first} against {}", 1.0 / sum);
    }

    #[test]
    fn the_latest_move_on() {
        let latest = keys(WorkloadName::Latest, 20_000);
        assert!(latest.iter().all(|key| *key <= KEYS + 2_000));
        let newest = |part: &[u64]| part.iter().max().copied();
        assert_eq!(newest(&latest[..1_000]).max(Some(KEYS + 90)), newest(&latest[..1_000]));
        assert!(newest(&latest[..1_000]) < newest(&latest[19_000..]));
    }

    #[test]
    fn scans_read_the_same_and_each_once() {
        let scan = keys(WorkloadName::Scan, 20_000);
        let (first, second) = (&scan[9_000..10_000], &scan[19_000..]);
        assert_eq!(first, second);
        assert_eq!(first.iter().collect::<BTreeSet<_>>().len(), 1_000);
        assert!(scan[..9_000].iter().all(|key| *key < KEYS));
    }

    #[test]
    fn popularity_shifts_in_the_middle() {
        let shift = keys(WorkloadName::Shift, 20_000);
        let popular = |part: &[u64]| part.iter().filter(|key| **key < 10).count();
        assert!(popular(&shift[..10_000]) > 1_000 && popular(&shift[10_000..]) < 100);
    }

    #[test]
    fn the_truth_changes_in_the_rhythm_of_each_key() {
        let workload = Workload::make(WorkloadName::Expiry, 1, 7);
        for key in 0..200 {
            let (period_ns, first_ns) = rhythm(key);
            assert!((2 * SECOND_NS..200 * SECOND_NS).contains(&period_ns) && first_ns < period_ns, "{key}");
            let truth = |at_ns| workload.truth(&Access { at_ns, key });
            for change in 0..3 {
                let at_ns = first_ns + change * period_ns;
                assert_eq!(at_ns.checked_sub(1).map_or(0, truth) + 1, truth(at_ns).max(1), "{key}, change {change}");
            }
        }
    }
}
