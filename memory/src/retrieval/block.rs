//! A block of the index: the codes of up to [`LANES`] episodes, side by side in each dimension.
//!
//! A query reads only the dimensions that it has, and adds one byte of every lane at a time: 16 episodes an instruction
//! with the vector registers that every x86-64 has.

use super::code::Units;

/// The episodes of a block.
pub(super) const LANES: usize = 128;

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
    /// The largest number in the rows.
    largest: u8,
    /// The episodes' places in the index.
    pub slots: Vec<u32>,
    /// The groups that they belong to, each once.
    pub groups: Vec<u32>,
}

impl Block {
    pub fn new(dimensions: usize) -> Block {
        Block {
            rows: vec![ZEROS; dimensions].into(),
            steps: [0.0; LANES],
            largest: 0,
            slots: Vec::with_capacity(LANES),
            groups: Vec::new(),
        }
    }

    pub fn is_full(&self) -> bool {
        self.slots.len() == LANES
    }

    pub fn add(&mut self, slot: u32, group: u32, numbers: impl Iterator<Item = i8>, step: f32) {
        let lane = self.slots.len();
        self.slots.push(slot);
        self.replace(lane, slot, group, numbers, step);
    }

    /// Puts another episode into a lane. The group of the former one stays among the block's: it bounds too much, never
    /// too little.
    pub fn replace(&mut self, lane: usize, slot: u32, group: u32, numbers: impl Iterator<Item = i8>, step: f32) {
        for (row, number) in self.rows.iter_mut().zip(numbers) {
            row[lane / PART].0[lane % PART] = number;
            self.largest = self.largest.max(number.unsigned_abs());
        }
        self.steps[lane] = step;
        self.slots[lane] = slot;
        if !self.groups.contains(&group) {
            self.groups.push(group);
        }
    }

    /// Takes out the last episode of a block that has some: its slot, its numbers and its step.
    pub fn pop(&mut self) -> (u32, Vec<i8>, f32) {
        let lane = self.slots.len() - 1;
        let (numbers, step) = self.code(lane);
        let numbers = numbers.collect();
        self.rows.iter_mut().for_each(|row| row[lane / PART].0[lane % PART] = 0);
        (self.slots.remove(lane), numbers, step)
    }

    /// The code of a lane: its numbers and its step.
    pub fn code(&self, lane: usize) -> (impl ExactSizeIterator<Item = i8>, f32) {
        (self.rows.iter().map(move |row| row[lane / PART].0[lane % PART]), self.steps[lane])
    }

    /// The estimated dot product of each lane with the query; 0 in lanes without an episode.
    pub fn estimates(&self, query: &Units) -> [f32; LANES] {
        let mut sums = [0; LANES];
        self.add_rows(&query.plus, &mut sums, i8::wrapping_add);
        self.add_rows(&query.minus, &mut sums, i8::wrapping_sub);
        let mut estimates = [0.0; LANES];
        for lane in 0..LANES {
            estimates[lane] = f32::from(sums[lane]) * (self.steps[lane] * query.step);
        }
        estimates
    }

    /// Adds those rows to the sums, or subtracts them. A few at a time fit a byte.
    #[inline]
    fn add_rows(&self, dimensions: &[u32], sums: &mut [i16; LANES], add: impl Fn(i8, i8) -> i8) {
        let few = usize::from(i8::MAX as u8 / self.largest.max(1));
        for dimensions in dimensions.chunks(few) {
            let mut bytes = ZEROS;
            for dimension in dimensions {
                for (bytes, part) in bytes.iter_mut().zip(&self.rows[*dimension as usize]) {
                    let part = *part; // the copy keeps the alignment
                    for (sum, byte) in bytes.0.iter_mut().zip(part.0) {
                        *sum = add(*sum, byte);
                    }
                }
            }
            for (sums, bytes) in sums.as_chunks_mut::<PART>().0.iter_mut().zip(&bytes) {
                for (sum, byte) in sums.iter_mut().zip(bytes.0) {
                    *sum += i16::from(byte);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::code::Code;
    use super::*;
    use crate::embedding::dot;

    #[test]
    fn every_lane_has_its_own_estimate_however_large_the_numbers() {
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
            block.add(lane as u32 + 1000, lane as u32 % 3, numbers.iter().copied(), step);
            assert_eq!((block.code(lane).0.collect(), block.code(lane).1), (numbers, step));
        }
        assert_eq!((block.slots[5], &block.groups[..]), (1005, &[0, 1, 2][..]));
        let query = vector(200);
        let units = Units::of(&query).unwrap();
        assert_eq!(units.error, 0.0);
        let estimates = block.estimates(&units);
        for (lane, estimate) in estimates[..LANES - 1].iter().enumerate() {
            assert_eq!(*estimate, dot(&query, &vector(lane)), "{lane}");
        }
        assert_eq!(estimates[LANES - 1], 0.0);
    }
}
