//! The timing loops that the interfaces share: each says how so many iterations are done under the clocks.

use std::hint::black_box;

use crate::slice::{as_local, Slice};

/// The iterations one after the other. What the routine returns is dropped in between, and counts.
#[inline(always)]
pub fn each<O, R>(routine: R) -> impl FnMut(u64, &mut Slice)
where
    R: FnMut() -> O,
{
    let mut routine = Some(routine);
    move |iterations, slice: &mut Slice| {
        slice.window(&mut || {
            as_local(&mut routine, |routine| {
                for _ in 0..iterations {
                    black_box(routine());
                }
            });
        });
    }
}

/// Each iteration uses up an input. Inputs are made before what counts, and what the routine returns goes to `after`
/// behind it. `sizes` says in which batches so many iterations are done.
#[inline(always)]
pub fn batched<N, I, O, S, R>(
    sizes: impl Fn(u64) -> N,
    mut setup: S,
    routine: R,
    mut after: impl FnMut(O),
) -> impl FnMut(u64, &mut Slice)
where
    N: Iterator<Item = usize>,
    S: FnMut() -> I,
    R: FnMut(I) -> O,
{
    let mut routine = Some(routine);
    move |iterations, slice: &mut Slice| {
        for batch in sizes(iterations) {
            let mut inputs: Vec<I> = black_box((0..batch).map(|_| setup()).collect());
            let mut outputs = Vec::with_capacity(batch);
            slice.window(&mut || as_local(&mut routine, |routine| outputs.extend(inputs.drain(..).map(routine))));
            black_box(outputs).into_iter().for_each(&mut after);
        }
    }
}

/// Like [`batched`], with inputs that the routine borrows; they are dropped after what counts.
#[inline(always)]
pub fn batched_ref<N, I, O, S, R>(sizes: impl Fn(u64) -> N, mut setup: S, routine: R) -> impl FnMut(u64, &mut Slice)
where
    N: Iterator<Item = usize>,
    S: FnMut() -> I,
    R: FnMut(&mut I) -> O,
{
    let mut routine = Some(routine);
    move |iterations, slice: &mut Slice| {
        for batch in sizes(iterations) {
            let mut inputs: Vec<I> = black_box((0..batch).map(|_| setup()).collect());
            let mut outputs = Vec::with_capacity(batch);
            slice.window(&mut || as_local(&mut routine, |routine| outputs.extend(inputs.iter_mut().map(routine))));
            black_box(outputs);
        }
    }
}

/// The size of each of so many parts that make up the iterations.
pub fn part(iterations: u64, number: u64) -> u64 {
    let number = number.max(1);
    iterations / number + u64::from(iterations % number > 0)
}

/// The sizes of the batches that make up this number of iterations.
pub fn batches(iterations: u64, size: u64) -> impl Iterator<Item = usize> {
    let size = size.max(1);
    let starts = (0..iterations).step_by(usize::try_from(size).unwrap_or(usize::MAX));
    starts.map(move |start| usize::try_from(size.min(iterations - start)).unwrap_or(usize::MAX))
}
