//! Codes: vectors as small whole numbers times a step, from which dot products are estimated without multiplications.
//!
//! A stored vector is coded with one byte per dimension. A query is coded as *units*: dimensions to add and dimensions
//! to subtract, each as often as its number says. The estimate is the sum of the stored numbers at those dimensions,
//! times both steps.
//!
//! Feature hashing counts words, so its vectors are whole numbers times a step as they are. The codes of short texts
//! are therefore no approximation. Other vectors are rounded, queries to about [`ROUNDED_UNITS`] units: most of their
//! dimensions become -1, 0 or 1.
//!
//! Source: Weber, Schek and Blott, "A quantitative analysis and performance study for similarity-search methods in
//! high-dimensional spaces" (VLDB 1998), the VA-file: a pass over short codes, and whole vectors only for what is left.

use crate::embedding::dot;

/// The largest number of a code.
const LARGEST: f32 = 31.0;

/// The largest numbers of rounded codes: the smaller they are, the more of them fit a byte together. The first one is
/// taken whose error is at most [`COARSE`] of the length.
const ROUNDED: [f32; 3] = [7.0, 15.0, LARGEST];
const COARSE: f32 = 0.25;

/// The most units of a query that is not rounded.
const EXACT_UNITS: f32 = 128.0;

/// About as many units has a rounded query, and one that must be fine.
const ROUNDED_UNITS: f32 = 84.0;
const FINE_UNITS: f32 = 300.0;

/// The most units of any query: sums of 16 bits hold as many of the largest numbers.
const MOST_UNITS: usize = 1_000;

/// The times that the range of a rounded query's step is halved.
const HALVINGS: usize = 10;

/// The lengths of vectors that have codes: neither their steps nor their products leave the range of `f32`.
const LENGTHS: std::ops::Range<f32> = 1e-12..1e12;

/// A stored vector's code.
#[derive(Debug)]
pub(super) struct Code {
    /// A number for each dimension, from -31 to 31.
    pub numbers: Vec<i8>,
    pub step: f32,
    /// The length of what rounding took away.
    pub error: f32,
}

/// A query's code.
#[derive(Debug)]
pub(super) struct Units {
    /// The dimensions to add and those to subtract.
    pub plus: Vec<u32>,
    pub minus: Vec<u32>,
    pub step: f32,
    /// The length of what rounding took away.
    pub error: f32,
    pub length: f32,
    /// The length of the units, as whole numbers.
    pub units_length: f32,
}

impl Code {
    /// `None` for a vector with a value that is no number, or of an extreme length.
    pub fn of(vector: &[f32]) -> Option<Code> {
        let length = length(vector)?;
        if length == 0.0 {
            return Some(Code { numbers: vec![0; vector.len()], step: 0.0, error: 0.0 });
        }
        let largest = largest(vector);
        let whole = whole_step(vector).filter(|step| largest / step < LARGEST + 0.5);
        let (step, error) = match whole {
            Some(step) => (step, 0.0),
            None => {
                let mut rounded = ROUNDED.iter().map(|most| (largest / most, error(vector, largest / most)));
                let fine = |(_, error): &(f32, f32)| *error <= COARSE * length;
                rounded.find(fine).unwrap_or_else(|| (largest / LARGEST, error(vector, largest / LARGEST)))
            }
        };
        Some(Code { numbers: vector.iter().map(|value| round(value / step) as i8).collect(), step, error })
    }
}

impl Units {
    /// `None` as in [`Code::of`], and for a query of too many units.
    pub fn of(vector: &[f32]) -> Option<Units> {
        Units::rounded_to(vector, ROUNDED_UNITS)
    }

    /// [`Units::of`], with a smaller error.
    pub fn fine(vector: &[f32]) -> Option<Units> {
        Units::rounded_to(vector, FINE_UNITS)
    }

    fn rounded_to(vector: &[f32], most: f32) -> Option<Units> {
        let length = length(vector)?;
        if length == 0.0 {
            return Some(Units {
                plus: Vec::new(),
                minus: Vec::new(),
                step: 0.0,
                error: 0.0,
                length,
                units_length: 0.0,
            });
        }
        let sum: f32 = vector.iter().map(|value| value.abs()).sum();
        let whole = whole_step(vector).filter(|step| sum / step < EXACT_UNITS + 0.5);
        let step = whole.unwrap_or_else(|| rounded_step(vector, most));
        let numbers: Vec<f32> = vector.iter().map(|value| round(value / step)).collect();
        let (mut plus, mut minus) = (Vec::new(), Vec::new());
        for (dimension, number) in (0..).zip(&numbers).filter(|(_, number)| **number != 0.0) {
            let side = if *number > 0.0 { &mut plus } else { &mut minus };
            side.extend(std::iter::repeat_n(dimension, number.abs() as usize));
        }
        if plus.len() + minus.len() > MOST_UNITS {
            return None;
        }
        let squares = dot(&numbers, &numbers);
        let units_length = squares.sqrt();
        if whole.is_some() {
            return Some(Units { plus, minus, step, error: 0.0, length, units_length });
        }
        // The scale whose error is at right angles to the query, so that estimates of its neighbours are not too low
        // (Gao and Long, "RaBitQ", SIGMOD 2024).
        let step = length * length / dot(vector, &numbers);
        let error = (step * step * squares - length * length).max(0.0).sqrt();
        Some(Units { plus, minus, step, error, length, units_length })
    }
}

/// The step with which a query has about that many units, or more if a hardly larger one leaves it none.
fn rounded_step(vector: &[f32], most: f32) -> f32 {
    let (mut more, mut fewer) = (0.0, 2.0 * largest(vector)); // the half of the largest is rounded to 0
    for _ in 0..HALVINGS {
        let step = (more + fewer) / 2.0;
        let units = sum_of(vector, |value| round(value.abs() * (1.0 / step)));
        *(if units > most { &mut more } else { &mut fewer }) = step;
    }
    more
}

/// The sum of a function of all values. Eight run side by side, so that the compiler may use vector instructions.
#[inline]
fn sum_of(vector: &[f32], of: impl Fn(f32) -> f32) -> f32 {
    let (chunks, rest) = vector.as_chunks::<8>();
    let mut sums = [0.0; 8];
    for chunk in chunks {
        for lane in 0..8 {
            sums[lane] += of(chunk[lane]);
        }
    }
    sums.iter().sum::<f32>() + rest.iter().map(|value| of(*value)).sum::<f32>()
}

/// The length, if the vector can have a code.
fn length(vector: &[f32]) -> Option<f32> {
    let length = dot(vector, vector).sqrt();
    (length == 0.0 && vector.iter().all(|value| *value == 0.0) || LENGTHS.contains(&length)).then_some(length)
}

/// The largest magnitude.
fn largest(vector: &[f32]) -> f32 {
    vector.iter().fold(0.0, |largest, value| f32::max(largest, value.abs()))
}

/// The step of which all values are whole multiples, if it is the smallest of them.
fn whole_step(vector: &[f32]) -> Option<f32> {
    let smaller = |smallest: f32, value: &f32| if *value == 0.0 { smallest } else { smallest.min(value.abs()) };
    let step = vector.iter().fold(f32::INFINITY, smaller);
    let is_whole = |value: &f32| (value / step - round(value / step)).abs() < 1e-3;
    vector.iter().filter(|value| **value != 0.0).all(is_whole).then_some(step)
}

/// The length of what is left when the vector is rounded to multiples of `step`.
fn error(vector: &[f32], step: f32) -> f32 {
    sum_of(vector, |value| {
        let rest = value - step * round(value / step);
        rest * rest
    })
    .sqrt()
}

/// The nearest whole number, for magnitudes under four million: the addition pushes the fraction out of the mantissa.
/// `f32::round` is a call on most machines.
fn round(value: f32) -> f32 {
    const PUSH: f32 = 12_582_912.0; // 1.5 * 2^23
    (value + PUSH) - PUSH
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Embedder, FeatureHashing};

    fn embed(text: &str) -> Vec<f32> {
        let mut vector = Vec::new();
        FeatureHashing::default().embed(text, &mut vector);
        vector
    }

    fn estimate(code: &Code, units: &Units) -> f32 {
        let sum = |dimensions: &[u32]| dimensions.iter().map(|at| i32::from(code.numbers[*at as usize])).sum::<i32>();
        (sum(&units.plus) - sum(&units.minus)) as f32 * code.step * units.step
    }

    #[test]
    fn texts_are_coded_without_an_error() {
        let texts =
            ["", "a", "the the the the parser of the parser", "fix the parser that fails in the test of the pool"];
        for (stored, asked) in texts.iter().flat_map(|one| texts.iter().map(move |other| (one, other))) {
            let (stored, asked) = (embed(stored), embed(asked));
            let (code, units) = (Code::of(&stored).unwrap(), Units::of(&asked).unwrap());
            assert_eq!((code.error, units.error), (0.0, 0.0));
            assert!((estimate(&code, &units) - dot(&stored, &asked)).abs() < 1e-5, "{stored:?} {asked:?}");
        }
    }

    #[test]
    fn what_must_be_rounded_stays_near_and_says_how_near() {
        let wave = |seed: f32| (0..384).map(|at| (at as f32 * seed).sin() / 13.9).collect::<Vec<f32>>();
        for (stored, asked) in
            [(wave(0.7), wave(0.7)), (wave(1.3), wave(0.9)), (embed(&"a b c ".repeat(99)), embed("a"))]
        {
            let (code, units) = (Code::of(&stored).unwrap(), Units::of(&asked).unwrap());
            let (exact, bound) = (dot(&stored, &asked), code.error * units.length + units.error);
            assert!((estimate(&code, &units) - exact).abs() <= bound + 1e-5, "{bound}");
            assert!(code.error < 0.25 && units.error < 1.4, "{} {}", code.error, units.error);
            let count = units.plus.len() + units.minus.len();
            assert!(count <= 128, "{count}");
        }
    }

    #[test]
    fn what_cannot_be_coded_is_none() {
        for vector in [[f32::NAN, 1.0], [f32::INFINITY, 1.0], [1e30, 1.0], [1e-30, 0.0]] {
            assert!(Code::of(&vector).is_none() && Units::of(&vector).is_none(), "{vector:?}");
        }
    }
}
