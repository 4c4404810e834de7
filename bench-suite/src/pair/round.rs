//! One round: a fresh process of each side, each with its setup rebuilt from the same seed, slice beside slice.

use anyhow::{Context, Result, ensure};
use baselines::paired::Slices;
use rand::RngExt;
use rand_pcg::Pcg64;

use super::place::Place;
use super::protocol::{Command, Worked};
use super::worker::{Deadlines, Program, Worker};

/// Slices that are not used: caches fill, lazily made state is made. Allocations are counted in the last of them.
const WARM_UP: usize = 2;

/// Pairs of slices.
pub const PAIRS: usize = 8;

/// Measures a round at a place: the base's slices and the new side's.
///
/// The order is drawn anew for the start and for every pair, so that what happens to the first of two happens to both sides alike.
///
/// # Errors
/// A side failed: the message says which and how. Nothing of the round may be used.
pub fn measure(
    base: &Program,
    new: &Program,
    operations: u64,
    place: Place,
    deadlines: Deadlines,
    random: &mut Pcg64,
) -> Result<(Slices, Slices)> {
    let programs = [base, new];
    let mut started = [None, None];
    for side in order(random) {
        started[side] = Some(Worker::start(programs[side], place, deadlines).with_context(|| NAMES[side])?);
    }
    let [Some(base), Some(new)] = started else { unreachable!("an order has both sides") };
    let mut workers = [base, new];
    let mut inputs = Vec::with_capacity(2);
    for side in 0..2 {
        inputs.push(workers[side].ready(programs[side]).with_context(|| NAMES[side])?.input);
    }
    ensure!(
        inputs[0] == inputs[1],
        "the sides work on different inputs ({} and {}): give both the same with --corpus",
        inputs[0],
        inputs[1]
    );
    let mut slices = [Slices::default(), Slices::default()];
    for _ in 0..WARM_UP {
        for side in order(random) {
            let worked = workers[side].slice(Command::Count(operations)).with_context(|| NAMES[side])?;
            slices[side].allocations = worked.allocations;
            slices[side].allocated_bytes = worked.allocated_bytes;
        }
    }
    for _ in 0..PAIRS {
        for side in order(random) {
            let worked = workers[side].slice(Command::Slice(operations)).with_context(|| NAMES[side])?;
            add(&mut slices[side], &worked);
        }
    }
    for (side, worker) in workers.iter_mut().enumerate() {
        worker.end().with_context(|| NAMES[side])?;
    }
    for (side, worker) in workers.into_iter().enumerate() {
        worker.ended().with_context(|| NAMES[side])?;
    }
    let [base, new] = slices;
    Ok((base, new))
}

/// How messages name the sides.
const NAMES: [&str; 2] = ["the base", "the new side"];

fn order(random: &mut Pcg64) -> [usize; 2] {
    if random.random::<bool>() { [0, 1] } else { [1, 0] }
}

fn add(slices: &mut Slices, worked: &Worked) {
    slices.cpu_ns.push(worked.cpu_ns);
    slices.wall_ns.push(worked.wall_ns);
    slices.voluntary_switches += worked.voluntary_switches;
    slices.involuntary_switches += worked.involuntary_switches;
}
