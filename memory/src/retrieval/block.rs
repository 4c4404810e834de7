//! A block of the index: the codes of up to [`LANES`] episodes, side by side in each dimension.
//!
//! A query reads only the dimensions that it has, and adds one byte of every lane at a time: 16 episodes an instruction
//! with the vector registers that every x86-64 has.

use super::code::{Code, Units};

/// The episodes of a block.
pub(super) const LANES: usize = 128;

/// The numbers of a block's episodes in one dimension.
#[derive(Debug, Clone)]
#[repr(align(64))]
struct Lanes([i8; LANES]);

#[derive(Debug)]
pub(super) struct Block {
    /// A row for each dimension.
    rows: Box<[Lanes]>,
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
        let rows = vec![Lanes([0; LANES]); dimensions].into();
        Block { rows, steps: [0.0; LANES], largest: 0, slots: Vec::with_capacity(LANES), groups: Vec::new() }
    }

    pub fn is_full(&self) -> bool {
        self.slots.len() == LANES
    }

    pub fn add(&mut self, slot: u32, group: u32, code: &Code) {
        let lane = self.slots.len();
        for (row, number) in self.rows.iter_mut().zip(&code.numbers) {
            row.0[lane] = *number;
            self.largest = self.largest.max(number.unsigned_abs());
        }
        self.steps[lane] = code.step;
        self.slots.push(slot);
        if !self.groups.contains(&group) {
            self.groups.push(group);
        }
    }

    /// The estimated dot product of each lane with the query; 0 in lanes without an episode.
    pub fn estimate(&self, query: &Units, estimates: &mut [f32; LANES]) {
        let mut sums = [0; LANES];
        self.add_rows(&query.plus, &mut sums, i8::wrapping_add);
        self.add_rows(&query.minus, &mut sums, i8::wrapping_sub);
        for lane in 0..LANES {
            estimates[lane] = f32::from(sums[lane]) * (self.steps[lane] * query.step);
        }
    }

    /// Adds those rows to the sums, or subtracts them. A few at a time fit a byte.
    #[inline]
    fn add_rows(&self, dimensions: &[u32], sums: &mut [i16; LANES], add: impl Fn(i8, i8) -> i8) {
        let few = usize::from(i8::MAX as u8 / self.largest.max(1));
        for dimensions in dimensions.chunks(few) {
            let mut bytes = [0; LANES];
            for dimension in dimensions {
                let row = &self.rows[*dimension as usize].0;
                for lane in 0..LANES {
                    bytes[lane] = add(bytes[lane], row[lane]);
                }
            }
            for lane in 0..LANES {
                sums[lane] += i16::from(bytes[lane]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
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
            block.add(lane as u32 + 1000, lane as u32 % 3, &Code::of(&vector(lane)).unwrap());
        }
        assert_eq!((block.slots[5], &block.groups[..]), (1005, &[0, 1, 2][..]));
        let query = vector(200);
        let units = Units::of(&query).unwrap();
        assert_eq!(units.error, 0.0);
        let mut estimates = [f32::NAN; LANES];
        block.estimate(&units, &mut estimates);
        for (lane, estimate) in estimates[..LANES - 1].iter().enumerate() {
            assert_eq!(*estimate, dot(&query, &vector(lane)), "{lane}");
        }
        assert_eq!(estimates[LANES - 1], 0.0);
    }
}
