//! The batches of inputs where a bench can't say how large an input is: as with divan and gungraun.

use crate::loops;

/// The most inputs that are there at once.
const MOST_INPUTS: u64 = 256;

/// The inputs of a tenth of the iterations are made at once, if they are not too many.
pub fn few(iterations: u64) -> impl Iterator<Item = usize> {
    loops::batches(iterations, loops::part(iterations, 10).min(MOST_INPUTS))
}
