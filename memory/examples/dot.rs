//! How much faster the dot product of embeddings is than scalar code:
//! `cargo run --release -p assay-memory --example dot`.
//!
//! Both run in turns, in slices of some milliseconds, in an order that is drawn anew for every pair; what is printed is
//! the median over the pairs of the scalar code's time divided by the other's. The scalar code adds one product after
//! the other, which a compiler must not reorder.

use std::hint::black_box;
use std::time::{Duration, Instant};

use memory::embedding::{DEFAULT_DIMENSIONS, Embedder, FeatureHashing, dot};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

const PAIRS: usize = 101;
const PRODUCTS: usize = 20_000;

#[inline(never)]
fn scalar(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn slice(product: fn(&[f32], &[f32]) -> f32, a: &[f32], b: &[f32]) -> Duration {
    let start = Instant::now();
    for _ in 0..PRODUCTS {
        black_box(product(black_box(a), black_box(b)));
    }
    start.elapsed()
}

fn main() {
    let (mut a, mut b) = (Vec::new(), Vec::new());
    FeatureHashing::default().embed("fix the parser of nested brackets", &mut a);
    FeatureHashing::default().embed("the parser fails on brackets", &mut b);
    assert!((dot(&a, &b) - scalar(&a, &b)).abs() < 1e-6, "both give the same, but for rounding");
    let mut random = Pcg64::seed_from_u64(1);
    let mut ratios: Vec<f64> = (0..PAIRS + 2)
        .map(|_| {
            let (plain, wide) = if random.random() {
                let plain = slice(scalar, &a, &b);
                (plain, slice(dot, &a, &b))
            } else {
                let wide = slice(dot, &a, &b);
                (slice(scalar, &a, &b), wide)
            };
            plain.as_secs_f64() / wide.as_secs_f64()
        })
        .skip(2) // to warm up
        .collect();
    ratios.sort_by(f64::total_cmp);
    let [low, median, high] = [PAIRS / 10, PAIRS / 2, PAIRS - 1 - PAIRS / 10].map(|place| ratios[place]);
    println!(
        "{DEFAULT_DIMENSIONS} dimensions: {median:.2} times as fast as scalar code, {low:.2} to {high:.2} in 80% of {PAIRS} pairs"
    );
}
