//! A block of the index: the codes of up to [`LANES`] episodes, side by side in each dimension.
//!
//! A query reads only the dimensions that it has, and adds one byte of every lane at a time: 16 episodes an instruction
//! with the vector registers that every x86-64 has.

use super::code::Units;

/// The episodes of a block.
pub(super) const LANES: usize = 256;

/// The lanes of a vector register.
const PART: usize = 16;

/// The numbers of neighbouring lanes in one dimension, aligned so that an addition can read them from memory.
#[derive(Debug, Clone, Copy)]
#[repr(align(16))]
struct Part([i8; PART]);

/// The numbers of all lanes in one dimension.
type Row = [Part; LANES / PART];

const ZEROS: Row = [Part([0; PART]); LANES / PART];

#[derive(Debug)]
pub(super) struct Block {
    /// A row for each dimension.
    rows: Box<[Row]>,
    steps: [f32; LANES],
    /// The largest number in the rows, the greatest length of a lane's numbers, and the largest step.
    largest: u8,
    longest: f32,
    coarsest: f32,
    /// The episodes' places in the index.
    pub slots: Vec<u32>,
    /// The groups and the cells that they belong to, each once.
    pub groups: Vec<u32>,
    pub cells: Vec<u32>,
}

impl Block {
    pub fn new(dimensions: usize) -> Block {
        Block {
            rows: vec![ZEROS; dimensions].into(),
            steps: [0.0; LANES],
            largest: 0,
            longest: 0.0,
            coarsest: 0.0,
            slots: Vec::with_capacity(LANES),
            groups: Vec::new(),
            cells: Vec::new(),
        }
    }

    pub fn is_full(&self) -> bool {
        self.slots.len() == LANES
    }

    pub fn add(&mut self, slot: u32, group: u32, cell: u32, numbers: impl Iterator<Item = i8>, step: f32) {
        let lane = self.slots.len();
        let mut squares = 0;
        for (row, number) in self.rows.iter_mut().zip(numbers) {
            row[lane / PART].0[lane % PART] = number;
            self.largest = self.largest.max(number.unsigned_abs());
            squares += i32::from(number) * i32::from(number);
        }
        self.longest = self.longest.max((squares as f32).sqrt());
        self.coarsest = self.coarsest.max(step);
        self.steps[lane] = step;
        self.slots.push(slot);
        for (all, one) in [(&mut self.groups, group), (&mut self.cells, cell)] {
            if !all.contains(&one) {
                all.push(one);
            }
        }
    }

    /// Takes an episode out; the last one gets its lane. What bounds the block stays: it is too much, never too little.
    pub fn remove(&mut self, lane: usize) {
        let last = self.slots.len() - 1;
        for row in &mut self.rows {
            row[lane / PART].0[lane % PART] = row[last / PART].0[last % PART];
            row[last / PART].0[last % PART] = 0;
        }
        self.steps[lane] = self.steps[last];
        self.slots.swap_remove(lane);
    }

    /// The code of a lane: its numbers and its step.
    pub fn code(&self, lane: usize) -> (impl ExactSizeIterator<Item = i8>, f32) {
        (self.rows.iter().map(move |row| row[lane / PART].0[lane % PART]), self.steps[lane])
    }

    /// Shows the slots whose estimated dot product with the query is at least `needed`, with their estimates.
    pub fn candidates(&self, query: &Units, needed: f32, mut show: impl FnMut(u32, f32)) {
        // No lane with a smaller sum can have such an estimate.
        let unit = self.coarsest * query.step;
        let least = if needed > 0.0 { f32::from((needed / unit) as i16) } else { f32::NEG_INFINITY };
        let show_lane = |lane: usize, sum: i16| {
            let estimate = f32::from(sum) * (self.steps[lane] * query.step);
            if estimate >= needed
                && let Some(slot) = self.slots.get(lane)
            {
                show(*slot, estimate);
            }
        };
        // By Cauchy and Schwarz no sum is larger than the product of the lengths. Where that fits a byte, it does not
        // matter that the sums overflow on their way there.
        if self.longest * query.units_length < f32::from(i8::MAX) {
            if least > f32::from(i8::MAX) {
                return;
            }
            each_reaching(&self.narrow_sums(query), least as i8, show_lane);
        } else {
            each_reaching(&self.wide_sums(query), least as i16, show_lane);
        }
    }

    /// The sums of a query, modulo 256.
    fn narrow_sums(&self, query: &Units) -> [i8; LANES] {
        let mut sums = ZEROS;
        self.add_rows(&query.plus, &mut sums, i8::wrapping_add);
        self.add_rows(&query.minus, &mut sums, i8::wrapping_sub);
        let mut all = [0; LANES];
        all.as_chunks_mut::<PART>().0.iter_mut().zip(sums).for_each(|(all, part)| *all = part.0);
        all
    }

    fn wide_sums(&self, query: &Units) -> [i16; LANES] {
        let mut sums = [0; LANES];
        self.add_widened(&query.plus, &mut sums, i8::wrapping_add);
        self.add_widened(&query.minus, &mut sums, i8::wrapping_sub);
        sums
    }

    fn add_widened(&self, dimensions: &[u32], sums: &mut [i16; LANES], add: impl Fn(i8, i8) -> i8) {
        // A few of the numbers fit a byte together.
        let few = usize::from(i8::MAX as u8 / self.largest.max(1));
        for dimensions in dimensions.chunks(few) {
            let mut bytes = ZEROS;
            self.add_rows(dimensions, &mut bytes, &add);
            for (sums, bytes) in sums.as_chunks_mut::<PART>().0.iter_mut().zip(&bytes) {
                for (sum, byte) in sums.iter_mut().zip(bytes.0) {
                    *sum += i16::from(byte);
                }
            }
        }
    }

    /// Adds those rows to the sums, or subtracts them.
    #[inline]
    fn add_rows(&self, dimensions: &[u32], sums: &mut Row, add: impl Fn(i8, i8) -> i8) {
        let mut bytes = *sums;
        for dimension in dimensions {
            for (bytes, part) in bytes.iter_mut().zip(&self.rows[*dimension as usize]) {
                let part = *part; // the copy keeps the alignment
                for (sum, byte) in bytes.0.iter_mut().zip(part.0) {
                    *sum = add(*sum, byte);
                }
            }
        }
        *sums = bytes;
    }
}

/// Shows the lanes whose sums are at least so large, and the sums.
#[inline]
fn each_reaching<T: Ord + Copy + Into<i16>>(sums: &[T; LANES], least: T, mut show: impl FnMut(usize, i16)) {
    if !reach(sums, least) {
        return;
    }
    for (number, part) in sums.as_chunks::<PART>().0.iter().enumerate() {
        if part.iter().fold(false, |reached, sum| reached | (*sum >= least)) {
            for (lane, sum) in part.iter().enumerate().filter(|(_, sum)| **sum >= least) {
                show(number * PART + lane, (*sum).into());
            }
        }
    }
}

/// One of the sums is at least so large. Lanes are compared side by side, so that the compiler may use vector
/// instructions, which it does not in the middle of other code.
#[inline(never)]
fn reach<T: Ord + Copy>(sums: &[T; LANES], least: T) -> bool {
    let (parts, _) = sums.as_chunks::<PART>();
    let mut most = parts[0];
    for part in parts {
        for (most, sum) in most.iter_mut().zip(part) {
            *most = (*most).max(*sum);
        }
    }
    most.iter().fold(false, |reached, sum| reached | (*sum >= least))
}

#[cfg(test)]
mod tests {
    use super::super::code::Code;
    use super::*;
    use crate::embedding::dot;

    #[test]
    fn every_lane_has_its_own_estimate_however_large_the_numbers_and_is_shown_if_that_is_enough() {
        // Whole numbers, some of them so large that only four fit a byte together.
        let vector = |seed: usize| {
            let number = |at: usize| ((at * 37 + seed * 11) % 13) as f32 - 6.0;
            let mut vector: Vec<f32> = (0..40).map(|at| if at % 3 == 0 { number(at) } else { 0.0 }).collect();
            vector[39] = if seed.is_multiple_of(2) { 31.0 } else { -30.0 };
            vector[1] = 1.0;
            vector
        };
        let mut block = Block::new(40);
        for lane in 0..LANES - 1 {
            assert!(!block.is_full());
            let Code { numbers, step, .. } = Code::of(&vector(lane)).unwrap();
            block.add(lane as u32 + 1000, lane as u32 % 3, 7, numbers.iter().copied(), step);
            assert_eq!((block.code(lane).0.collect(), block.code(lane).1), (numbers, step));
        }
        assert_eq!((block.slots[5], &block.groups[..], &block.cells[..]), (1005, &[0, 1, 2][..], &[7][..]));
        block.remove(3); // the last one gets its lane
        assert_eq!((block.slots[3] as usize, block.slots.len()), (1000 + LANES - 2, LANES - 2));
        let query = vector(200);
        let units = Units::of(&query).unwrap();
        assert_eq!(units.error, 0.0);
        for (needed, narrow) in [(f32::NEG_INFINITY, false), (40.0, false), (1e9, false), (-5.0, true), (3.0, true)] {
            // Small numbers fit a byte together, as texts' do.
            if narrow {
                block = small_block();
            }
            let query = if narrow { small(200) } else { vector(200) };
            let mut shown = std::collections::BTreeMap::new();
            block.candidates(&Units::of(&query).unwrap(), needed, |slot, estimate| {
                assert!(shown.insert(slot, estimate).is_none());
            });
            for slot in &block.slots {
                let number = *slot as usize - 1000;
                let exact = dot(&query, &if narrow { small(number) } else { vector(number) });
                assert_eq!(shown.get(slot).copied(), (exact >= needed).then_some(exact), "{slot}, {needed}");
            }
        }
    }

    /// Whole numbers from -1 to 1.
    fn small(seed: usize) -> Vec<f32> {
        let mut vector: Vec<f32> = (0..40).map(|at| ((at * 37 + seed * 11) % 3) as f32 - 1.0).collect();
        vector[1] = 1.0;
        vector
    }

    fn small_block() -> Block {
        let mut block = Block::new(40);
        for lane in 0..LANES {
            let Code { numbers, step, .. } = Code::of(&small(lane)).unwrap();
            block.add(lane as u32 + 1000, 0, 0, numbers.into_iter(), step);
        }
        block
    }
}
