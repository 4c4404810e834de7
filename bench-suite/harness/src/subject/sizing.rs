//! The slices of a round from the time of an operation, and the case that the controls run on.

use anyhow::Result;
use baselines::paired::Control;
use worker::protocol::Command;

use super::{Subject, SubjectCase};
use crate::build::checkout::Build;
use crate::schedule::jobs::{SLOWER_PERCENT, Side};
use crate::schedule::placement::Placement;
use crate::schedule::program::{Deadlines, Slicing};
use crate::schedule::scheduler::SLICE_NS;
use crate::schedule::worker_client::WorkerClient;

/// Both controls, on the quickest case: its rounds cost the least.
pub(super) fn both_controls(shared: &[SubjectCase]) -> Option<(SubjectCase, Vec<Control>)> {
    let quickest = shared.iter().max_by_key(|case| (case.slicing.pairs, case.operations))?;
    Some((quickest.clone(), vec![Control::Same, Control::Slower { percent: SLOWER_PERCENT }]))
}

/// The time of one operation, ns.
pub(super) fn time(subject: &dyn Subject, build: &Build, case: &SubjectCase, core: Option<usize>) -> Result<u64> {
    let deadlines = Deadlines::default();
    let placement = Placement { core, ..Placement::default() };
    let program = Side { build, layouts: None }.program(subject, case, 0.0);
    let mut process = WorkerClient::start(&program, None, placement, deadlines)?;
    process.ready()?;
    let worked = process.slice(Command::Slice(1))?;
    process.end()?;
    process.ended()?;
    Ok(worked.wall_ns.max(worked.cpu_ns))
}

/// The slices of a round for an operation of this length: fewer where one operation is longer than a slice.
pub(super) fn slicing(operation_ns: u64) -> Slicing {
    let Slicing { warm_up, pairs, .. } = Slicing::OF_WORKERS;
    let slice_ns = operation_ns.max(SLICE_NS);
    let fitting = SLICE_NS * pairs as u64 / slice_ns;
    // The setup does one operation.
    let warm_up = if operation_ns > SLICE_NS { 0 } else { warm_up };
    Slicing { warm_up, pairs: usize::try_from(fitting).unwrap_or(pairs).max(1), ..Slicing::OF_WORKERS }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_operation_has_fewer_slices() {
        assert_eq!(slicing(100), Slicing::OF_WORKERS);
        assert_eq!(slicing(6_000_000), Slicing { warm_up: 0, pairs: 4, ..Slicing::OF_WORKERS });
        assert_eq!(slicing(5_000_000_000), Slicing { warm_up: 0, pairs: 1, ..Slicing::OF_WORKERS });
    }
}
