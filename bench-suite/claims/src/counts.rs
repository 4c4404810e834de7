//! Counts two variants exactly under valgrind, like the counts lane.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use harness::cores;
use harness::lanes::counts::{CaseCounts, Place};
use harness::progress::Progress;
use harness::subject::Subject;
use harness::subject::memory::MemorySubject;
use workloads::cases::Case;
use workloads::input::Source;

use super::Part;

/// Values by metric, for one operation.
pub type Values = BTreeMap<&'static str, f64>;

/// The counts of a part's base and candidate.
pub type SideValues = (Values, Values);

/// Counts both sides of each part.
pub fn measure(parts: &[&Part], worker: &Path, source: &Source) -> Result<Vec<Result<SideValues>>> {
    let subject = MemorySubject { source: source.clone() };
    let build = subject.in_place(worker.to_owned())?;
    let place = Place::new([worker], 1, subject.crates()?)?;
    let cases: Vec<&Case> = parts.iter().flat_map(|part| [&part.base, &part.new]).collect();
    let progress = Progress::start("counts", cases.len());
    let mut counted: BTreeMap<usize, Result<Values>> = BTreeMap::new();
    let count = |_, number: usize, case: &&Case| {
        place.count(&subject.command(&build, &MemorySubject::case(case, &case.written())), number, 0)
    };
    let done = |number: usize, counts: Result<CaseCounts>| {
        progress.done(&cases[number].label());
        let operations = cases[number].benchmark.operations as f64;
        let each = |counts: CaseCounts| {
            counts.values.into_iter().map(|(name, value)| (name, value / operations)).collect::<Values>()
        };
        counted.insert(number, counts.map(each));
        Ok(())
    };
    cores::for_each(&cases, count, done)?;
    let mut side = |number: usize, name: &'static str| {
        counted.remove(&number).unwrap_or_else(|| Err(anyhow!("nothing was counted"))).context(name)
    };
    Ok((0..parts.len()).map(|part| Ok((side(2 * part, "the base")?, side(2 * part + 1, "the candidate")?))).collect())
}
