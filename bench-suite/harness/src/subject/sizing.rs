//! The slices of a round from the time of an operation, and the case that the controls run on.

use anyhow::Result;
use baselines::paired::Control;
use worker::protocol::Command;

use super::{Subject, SubjectCase, Unsized};
use crate::budget::Budget;
use crate::build::checkout::Build;
use crate::schedule::deadlines::Deadlines;
use crate::schedule::jobs::{SLOWER_PERCENT, Side};
use crate::schedule::placement::Placement;
use crate::schedule::scheduler::SLICE_NS;
use crate::schedule::worker_client::WorkerClient;
use crate::schedule::worker_program::Slicing;

/// Both controls, on the quickest case: its rounds cost the least.
pub(super) fn both_controls(shared: &[SubjectCase]) -> Option<(SubjectCase, Vec<Control>)> {
    let quickest = shared.iter().max_by_key(|case| (case.slicing.pairs, case.operations))?;
    Some((quickest.clone(), vec![Control::Same, Control::Slower { percent: SLOWER_PERCENT }]))
}

/// The time of one operation, ns; none if the budget ends before it is known.
pub(super) fn time(
    subject: &dyn Subject,
    build: &Build,
    case: &SubjectCase,
    core: Option<usize>,
    budget: Budget,
) -> Result<Option<u64>> {
    budget.in_time(|| timed(subject, build, case, core, Deadlines::default().within(budget)))
}

fn timed(
    subject: &dyn Subject,
    build: &Build,
    case: &SubjectCase,
    core: Option<usize>,
    deadlines: Deadlines,
) -> Result<u64> {
    let placement = Placement { core, ..Placement::default() };
    let program = Side { build, layouts: None }.program(subject, case, 0.0);
    let mut process = WorkerClient::start(&program, None, placement, deadlines)?;
    process.ready()?;
    let worked = process.slice(Command::Slice(1))?;
    process.end()?;
    process.ended()?;
    Ok(worked.wall_ns.max(worked.cpu_ns))
}

/// Gives `decide` each case with the time of its operation, and takes out the cases without one.
pub(super) fn set(
    cases: &mut Vec<SubjectCase>,
    times: Vec<Result<Option<u64>>>,
    decide: impl Fn(&mut SubjectCase, u64),
) -> Unsized {
    let mut without = Unsized::default();
    for (mut case, time) in std::mem::take(cases).into_iter().zip(times) {
        match time {
            Ok(Some(time_ns)) => {
                decide(&mut case, time_ns);
                cases.push(case);
            }
            Ok(None) => without.too_late += 1,
            Err(error) => without.failed.push((case, format!("{error:#}"))),
        }
    }
    without
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
    use workloads::cases;
    use workloads::input::Source;

    use super::*;
    use crate::subject::memory::MemorySubject;

    #[test]
    fn a_case_without_a_time_is_taken_out() {
        let all = cases::select(None, &[]).expect("selects").cases;
        let mut cases: Vec<SubjectCase> = all[..3].iter().map(|case| MemorySubject::case(case, &[])).collect();
        let before = cases.clone();
        let times = vec![Ok(Some(7)), Err(anyhow::anyhow!("no data")), Ok(None)];
        let without = set(&mut cases, times, |case, time_ns| case.operations = time_ns);
        assert_eq!(cases, [SubjectCase { operations: 7, ..before[0].clone() }]);
        assert_eq!(without.failed, [(before[1].clone(), "no data".to_owned())]);
        assert_eq!(without.too_late, 1);
    }

    #[test]
    fn when_the_time_is_up_no_process_is_started() {
        let folder = tempfile::tempdir().expect("a folder");
        let subject = MemorySubject { source: Source::default() };
        let build = subject.in_place(folder.path().join("no-such-program")).expect("lies in a folder");
        let case = MemorySubject::case(&cases::find("embedding_embed", &[]).expect("listed"), &[]);
        let time = |budget| time(&subject, &build, &case, None, budget);
        assert_eq!(time(Budget::start(Some(std::time::Duration::ZERO))).expect("none"), None);
        assert!(time(Budget::default()).is_err_and(|error| error.to_string().contains("can't start")));
    }

    #[test]
    fn a_long_operation_has_fewer_slices() {
        assert_eq!(slicing(100), Slicing::OF_WORKERS);
        assert_eq!(slicing(6_000_000), Slicing { warm_up: 0, pairs: 4, ..Slicing::OF_WORKERS });
        assert_eq!(slicing(5_000_000_000), Slicing { warm_up: 0, pairs: 1, ..Slicing::OF_WORKERS });
    }
}
