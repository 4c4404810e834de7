//! Cells: groups of rounded vectors that lie near each other, so that a search can leave most of them out.
//!
//! Lloyd's algorithm finds the centres from a sample, without a random number. A vector belongs to the cell whose
//! centre is the nearest by its code. A member is its centre plus a rest, whose length is known. The dot product with
//! the query is bounded by the centre's plus [`DEVIATIONS`] standard deviations that a rest's would have if it had any
//! direction.
//!
//! Source: Jegou, Douze and Schmid, "Product quantization for nearest neighbor search" (PAMI 2011), whose inverted file
//! has such cells; the bound in place of a number of cells is ours.

use super::block::Block;
use super::code::{Code, Units};
use crate::embedding::dot;

/// The members of a cell on average, when cells are made.
const MEMBERS: usize = 64;

/// The members that Lloyd's algorithm sees of a cell, and how often it goes through them.
const SAMPLED: usize = 12;
const ROUNDS: usize = 3;

/// The standard deviations of a rest's dot product that are allowed for. They are many because a query is near what
/// it looks for, so that rests point towards it more than by chance: among 100,000 vectors in clusters, 4 found 0.87
/// of the best, and 10 find 0.98.
const DEVIATIONS: f32 = 10.0;

/// The dimensions from which on directions are left to chance.
const MANY: usize = 64;

#[derive(Debug)]
struct Cell {
    centre: Vec<f32>,
    /// Half the square of the centre's length.
    half_square: f32,
    /// The members, and the sum of the squares of their rests' lengths.
    members: f32,
    squares: f32,
    /// The length of the longest rest.
    longest: f32,
}

impl Cell {
    /// The usual length of a rest: the root of the mean square.
    fn usual(&self) -> f32 {
        (self.squares / self.members.max(1.0)).max(0.0).sqrt()
    }
}

#[derive(Debug, Default)]
pub(super) struct Cells {
    cells: Vec<Cell>,
    /// The codes of the centres; slots are the numbers of cells.
    blocks: Vec<Block>,
}

impl Cells {
    /// The cells of vectors that have codes.
    pub fn of(vectors: &[&[f32]]) -> Cells {
        let wanted = (vectors.len() / MEMBERS).max(1);
        let step = (vectors.len() / (wanted * SAMPLED)).max(1);
        let sample: Vec<&[f32]> = vectors.iter().step_by(step).copied().collect();
        let spaced = |place: usize| sample[place * sample.len() / wanted].to_vec();
        let mut cells = Cells::with((0..wanted).map(spaced).collect());
        for _ in 0..ROUNDS {
            cells = cells.refined(&sample);
        }
        cells
    }

    fn with(centres: Vec<Vec<f32>>) -> Cells {
        let mut blocks: Vec<Block> = Vec::new();
        for (number, centre) in (0..).zip(&centres) {
            let Some(code) = Code::of(centre) else { continue }; // nothing is nearest to it
            if blocks.last().is_none_or(Block::is_full) {
                blocks.push(Block::new(centre.len()));
            }
            let last = blocks.last_mut().expect("a block was made if there was none");
            last.add(number, 0, 0, code.numbers.into_iter(), code.step);
        }
        let cell = |centre: Vec<f32>| Cell {
            half_square: dot(&centre, &centre) / 2.0,
            members: 0.0,
            squares: 0.0,
            longest: 0.0,
            centre,
        };
        Cells { cells: centres.into_iter().map(cell).collect(), blocks }
    }

    /// With the means of the members as centres.
    fn refined(&self, sample: &[&[f32]]) -> Cells {
        let mut sums: Vec<(f32, Vec<f32>)> =
            self.cells.iter().map(|cell| (0.0, vec![0.0; cell.centre.len()])).collect();
        for vector in sample {
            let (count, sum) = &mut sums[self.nearest(vector)];
            *count += 1.0;
            sum.iter_mut().zip(*vector).for_each(|(sum, value)| *sum += value);
        }
        let means = sums.into_iter().zip(&self.cells).map(|((count, mut sum), cell)| {
            if count == 0.0 {
                return cell.centre.clone();
            }
            sum.iter_mut().for_each(|value| *value /= count);
            sum
        });
        Cells::with(means.collect())
    }

    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// The cell of a vector.
    fn nearest(&self, vector: &[f32]) -> usize {
        let Some(units) = Units::of(vector) else { return 0 };
        let mut best = (f32::NEG_INFINITY, 0);
        for block in &self.blocks {
            block.candidates(&units, best.0, |cell, estimate| {
                let nearness = estimate - self.cells[cell as usize].half_square;
                if nearness > best.0 {
                    best = (nearness, cell as usize);
                }
            });
        }
        best.1
    }

    /// Adds a vector to its cell.
    pub fn place(&mut self, vector: &[f32]) -> u32 {
        let place = self.nearest(vector);
        let cell = &mut self.cells[place];
        let square = dot(vector, vector) + 2.0 * (cell.half_square - dot(vector, &cell.centre));
        cell.members += 1.0;
        cell.squares += square;
        cell.longest = cell.longest.max(square.max(0.0).sqrt());
        u32::try_from(place).expect("there are fewer cells than episodes")
    }

    /// The largest dot product of each cell's members with the query that is allowed for.
    pub fn bounds(&self, query: &[f32]) -> Vec<f32> {
        let Some(units) = Units::fine(query) else { return vec![f32::INFINITY; self.cells.len()] };
        let wide = units.length * chance(DEVIATIONS, query.len());
        let mut bounds = vec![f32::INFINITY; self.cells.len()];
        for block in &self.blocks {
            block.candidates(&units, f32::NEG_INFINITY, |cell, estimate| bounds[cell as usize] = estimate);
        }
        for (bound, cell) in bounds.iter_mut().zip(&self.cells) {
            *bound += wide * if query.len() < MANY { cell.longest } else { cell.usual() };
        }
        bounds
    }
}

/// The dot product of two vectors of length 1, of which one has any direction: so many standard deviations, or the most
/// that there can be where dimensions are few.
pub(super) fn chance(deviations: f32, dimensions: usize) -> f32 {
    if dimensions < MANY { 1.0 } else { deviations / (dimensions as f32).sqrt() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Vectors of length 1 around eight directions.
    fn vector(number: usize) -> Vec<f32> {
        let value = |seed: usize, at: usize| {
            let hash = crate::hash::fnv1a(format!("{seed} {at}").as_bytes());
            (hash.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as f32 / (1 << 23) as f32 - 1.0
        };
        let mut vector: Vec<f32> = (0..96).map(|at| value(number % 8, at) + 0.8 * value(100 + number, at)).collect();
        let length = dot(&vector, &vector).sqrt();
        vector.iter_mut().for_each(|value| *value /= length);
        vector
    }

    #[test]
    fn what_is_near_shares_a_cell_and_the_bound_of_a_cell_hardly_ever_fails() {
        let vectors: Vec<Vec<f32>> = (0..8 * MEMBERS).map(vector).collect();
        let mut cells = Cells::of(&vectors.iter().map(Vec::as_slice).collect::<Vec<_>>());
        let cell_of: Vec<u32> = vectors.iter().map(|vector| cells.place(vector)).collect();
        let pairs = (0..vectors.len()).flat_map(|one| (one + 1..vectors.len()).map(move |other| (one, other)));
        let (alike, others): (Vec<_>, Vec<_>) = pairs.partition(|(one, other)| one % 8 == other % 8);
        let together = |pairs: &[(usize, usize)]| {
            pairs.iter().filter(|(one, other)| cell_of[*one] == cell_of[*other]).count() as f64 / pairs.len() as f64
        };
        assert!(together(&alike) > 0.5 && together(&others) < 0.2, "{} {}", together(&alike), together(&others));
        let (mut over, mut all) = (0, 0);
        for query in (0..40).map(|number| vector(9_000 + number)) {
            let bounds = cells.bounds(&query);
            all += vectors.len();
            let dots = vectors.iter().zip(&cell_of).map(|(vector, cell)| (dot(&query, vector), bounds[*cell as usize]));
            over += dots.filter(|(exact, bound)| exact > bound).count();
            assert!(bounds.iter().any(|bound| *bound < 0.9), "a bound of what there can be at most is none");
        }
        assert!(over * 50 < all, "{over} of {all} are over the bound");
    }
}
