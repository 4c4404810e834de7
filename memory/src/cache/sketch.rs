//! Recent frequencies of far more keys than a cache holds, in a fixed number of small counters.
//!
//! A count-min sketch with conservative updates, halved from time to time so that it forgets: an estimate is never
//! below the count since then, up to [`MOST`], and seldom above. Adding and asking touch one counter of each row: O(1).
//! Halving comes once in many additions, so it is O(1) for each of them.
//!
//! Sources: Cormode and Muthukrishnan, "An improved data stream summary: the count-min sketch and its applications"
//! (2005); Einziger, Friedman and Manes, "TinyLFU: a highly efficient cache admission policy" (2017), for the halving.

pub(super) const MOST: u8 = 15;

/// The counters of a key.
const ROWS: usize = 4;

/// Counters of a row, and additions between two halvings, for each entry of the cache.
const COUNTERS_PER_ENTRY: usize = 8;
const ADDITIONS_PER_ENTRY: usize = 10;

pub(super) struct Sketch {
    counters: Vec<u8>, // row after row
    mask: u64,         // of a place within a row, whose length is a power of two
    additions: usize,
    halved_after: usize,
}

impl Sketch {
    /// A sketch for a cache of that many entries.
    pub(super) fn new(capacity: usize) -> Sketch {
        let width = capacity.saturating_mul(COUNTERS_PER_ENTRY).clamp(64, 1 << 24).next_power_of_two();
        let halved_after = capacity.saturating_mul(ADDITIONS_PER_ENTRY).max(64);
        Sketch { counters: vec![0; width * ROWS], mask: width as u64 - 1, additions: 0, halved_after }
    }

    /// Counts one use of the key with this hash.
    pub(super) fn add(&mut self, hash: u64) {
        let least = self.estimate(hash);
        if least < MOST {
            for place in self.places(hash) {
                let counter = &mut self.counters[place];
                *counter = (*counter).max(least + 1);
            }
        }
        self.additions += 1;
        if self.additions == self.halved_after {
            self.counters.iter_mut().for_each(|counter| *counter /= 2);
            self.additions /= 2;
        }
    }

    /// Its recent uses.
    pub(super) fn estimate(&self, hash: u64) -> u8 {
        self.places(hash).map(|place| self.counters[place]).into_iter().min().unwrap_or(0)
    }

    /// One place a row: two hashes make as many as are needed (Kirsch and Mitzenmacher, 2006).
    fn places(&self, hash: u64) -> [usize; ROWS] {
        let mixed = hash.wrapping_mul(0x9e37_79b9_7f4a_7c15); // FNV's high bits depend on few bits of a short key
        let (first, second) = (mixed, mixed.rotate_left(32) | 1);
        let width = self.counters.len() / ROWS;
        std::array::from_fn(|row| {
            let within = first.wrapping_add(second.wrapping_mul(row as u64)) >> 20 & self.mask;
            row * width + within as usize
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::fnv1a;

    fn hash(key: u32) -> u64 {
        fnv1a(&key.to_le_bytes())
    }

    #[test]
    fn it_counts_up_to_its_most() {
        let mut sketch = Sketch::new(100);
        for times in 1..=20 {
            sketch.add(hash(7));
            assert_eq!(sketch.estimate(hash(7)), times.min(MOST));
        }
        assert_eq!(sketch.estimate(hash(8)), 0);
    }

    #[test]
    fn it_is_never_below_and_seldom_above() {
        let mut sketch = Sketch::new(1_000);
        for round in 0..9_000u32 {
            sketch.add(hash(round % 2_000));
        }
        let above = (0..2_000).filter(|&key| {
            let counted = if key < 1_000 { 5 } else { 4 };
            let estimate = sketch.estimate(hash(key));
            assert!(estimate >= counted, "{key}: {estimate}");
            estimate > counted
        });
        let above = above.count();
        assert!(above < 100, "{above} of 2000 are estimated too high");
    }

    #[test]
    fn it_forgets() {
        let mut sketch = Sketch::new(10);
        (0..8).for_each(|_| sketch.add(hash(1)));
        (0..92).for_each(|other| sketch.add(hash(100 + other % 3)));
        assert_eq!(sketch.estimate(hash(1)), 4, "halved after 100 additions");
    }
}
