//! One round: a fresh process for each side, set up from the same seed, with alternating slices.

use anyhow::{Context, Result, ensure};
use baselines::paired::Slices;
use rand::RngExt;
use rand_pcg::Pcg64;

use worker::protocol::{Command, Worked};
use workloads::engagement::WORK;

use super::deadlines::Deadlines;
use super::placement::Placement;
use super::worker_client::WorkerClient;
use super::worker_program::WorkerProgram;
use crate::served::process;

/// How a round is measured.
#[derive(Debug, Clone, Copy)]
pub struct RoundTerms {
    /// Its number, which selects the layout.
    pub number: usize,
    /// The operations of a slice.
    pub operations: u64,
    /// The place of both processes.
    pub placement: Placement,
    /// The longest times of answers.
    pub deadlines: Deadlines,
    /// The sides are set up one after the other. Otherwise both are at the same time.
    pub in_turn: bool,
}

/// Measures a round and returns the slices of the base and of the new side.
///
/// The order is drawn anew for the start and for every pair, so that an advantage of the first falls to both sides
/// equally.
pub fn measure(
    base: &WorkerProgram,
    new: &WorkerProgram,
    terms: RoundTerms,
    random: &mut Pcg64,
) -> Result<(Slices, Slices)> {
    let RoundTerms { number, operations, placement, deadlines, in_turn } = terms;
    let programs = [base, new];
    let slicing = base.slicing;
    let (mut started, mut inputs) = ([None, None], [String::new(), String::new()]);
    let mut set_up = |process: &mut WorkerClient, side: usize| -> Result<()> {
        inputs[side] = process.ready().with_context(|| NAMES[side])?.input;
        Ok(())
    };
    for side in order(random) {
        let process = WorkerClient::start(programs[side], Some(number), placement, deadlines);
        let process = started[side].insert(process.with_context(|| NAMES[side])?);
        if in_turn {
            set_up(process, side)?;
        }
    }
    let [Some(base), Some(new)] = started else { unreachable!("an order has both sides") };
    let mut processes = [base, new];
    if !in_turn {
        processes.iter_mut().zip(0..).try_for_each(|(process, side)| set_up(process, side))?;
    }
    ensure!(
        inputs[0] == inputs[1],
        "the sides work on different inputs ({} and {}): what generates or reads the episodes changed between them, or \
            their number did; choose a base after that change. A new field without values is the same input if \
            `skip_serializing_if` leaves it out",
        inputs[0],
        inputs[1]
    );
    let mut slices = [Slices::default(), Slices::default()];
    for _ in 0..slicing.warm_up {
        for side in order(random) {
            let worked = processes[side].slice(Command::Count(operations)).with_context(|| NAMES[side])?;
            slices[side].allocations = worked.allocations;
            slices[side].allocated_bytes = worked.allocated_bytes;
        }
    }
    for _ in 0..slicing.pairs {
        for side in order(random) {
            let worked = processes[side].slice(Command::Slice(operations)).with_context(|| NAMES[side])?;
            add(&mut slices[side], &worked);
        }
    }
    for (side, process) in processes.iter_mut().enumerate() {
        process.end().with_context(|| NAMES[side])?;
    }
    for (side, process) in processes.into_iter().enumerate() {
        slices[side].work = process.ended().with_context(|| NAMES[side])?.counters;
        slices[side].peak_bytes = slices[side].work.get(process::PEAK).copied();
        slices[side].work.retain(|counter, done| *done > 0 && WORK.contains(&counter.as_str()));
    }
    let [base, new] = slices;
    Ok((base, new))
}

/// The sides' names in messages.
const NAMES: [&str; 2] = ["the base", "the new side"];

fn order(random: &mut Pcg64) -> [usize; 2] {
    if random.random::<bool>() { [0, 1] } else { [1, 0] }
}

fn add(slices: &mut Slices, worked: &Worked) {
    slices.cpu_ns.push(worked.cpu_ns);
    slices.wall_ns.push(worked.wall_ns);
    slices.waiting_ns.extend(worked.waiting_ns);
    slices.response_p50_ns.extend(worked.response_p50_ns);
    slices.response_p95_ns.extend(worked.response_p95_ns);
    slices.voluntary_switches += worked.voluntary_switches;
    slices.involuntary_switches += worked.involuntary_switches;
}
