//! How steady this machine is now: the same work over and over, in the slices of the time lane.

use std::hint::black_box;
use std::time::{Duration, Instant};

use stats::descriptive::median;

use crate::schedule::scheduler::SLICE_NS;

/// The pairs of slices.
const PAIRS: usize = 200;

/// What slices of the same work took.
#[derive(Debug, Clone, PartialEq)]
pub struct Noise {
    /// The median of how much two slices after one another differ: |ln(b/a)|.
    pub neighbours: f64,
    /// The share of pairs that differ by more than 10%: something else had the core.
    pub disturbed: f64,
}

/// Measures for about a second and a half.
pub fn measure() -> Noise {
    let (mut work, mut spent) = (1_u64 << 16, Duration::ZERO);
    // Enough work for a slice.
    while spent < Duration::from_nanos(SLICE_NS / 2) {
        work *= 2;
        spent = slice(work);
    }
    let pairs: Vec<(Duration, Duration)> = (0..PAIRS).map(|_| (slice(work), slice(work))).collect();
    of_pairs(&pairs)
}

fn of_pairs(pairs: &[(Duration, Duration)]) -> Noise {
    let differences: Vec<f64> =
        pairs.iter().map(|(a, b)| (b.as_secs_f64() / a.as_secs_f64().max(1e-9)).ln().abs()).collect();
    let disturbed = differences.iter().filter(|difference| **difference > 0.1).count();
    Noise {
        neighbours: median(&differences).unwrap_or(f64::INFINITY),
        disturbed: disturbed as f64 / pairs.len().max(1) as f64,
    }
}

fn slice(work: u64) -> Duration {
    let began = Instant::now();
    black_box((0..work).fold(1_u64, |sum, number| black_box(sum.rotate_left(5) ^ number)));
    began.elapsed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spread_of_neighbours_is_their_median_difference() {
        let ms = Duration::from_millis;
        let noise = of_pairs(&[(ms(100), ms(100)), (ms(100), ms(102)), (ms(100), ms(150)), (ms(100), ms(101))]);
        assert!((noise.neighbours - (1.02_f64.ln() + 1.01_f64.ln()) / 2.0).abs() < 1e-9, "{noise:?}");
        assert_eq!(noise.disturbed, 0.25);
    }
}
