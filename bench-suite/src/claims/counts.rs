//! Exact counts of two variants of a case: instructions and allocations under valgrind, as in the counts lane.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;

use anyhow::{Context, Result, anyhow};

use super::Part;
use crate::cases::Case;
use crate::input::Source;
use crate::progress::Progress;
use crate::runner::artifacts::{Artifacts, Program};
use crate::runner::counts::{self, Setting};
use crate::runner::home::Home;

/// Values for one operation, by metric.
pub type Values = BTreeMap<&'static str, f64>;

/// What was counted, side by side.
pub type Sides = (Values, Values);

/// Counts both sides of each part, as many at once as there are cores.
///
/// # Errors
/// A folder can't be made. A side that fails is the part's own error.
pub fn measure(parts: &[&Part], artifacts: &Artifacts, source: &Source, folder: &Path) -> Result<Vec<Result<Sides>>> {
    let program = artifacts.path(Program::Counts)?;
    let home = tempfile::Builder::new().prefix("counts-").tempdir_in(folder).context("no folder for profiles")?;
    let scratch = home.path().join("scratch");
    std::fs::create_dir(&scratch).context("no folder for stores")?;
    let place = Home::new(program, &scratch)?;
    let setting = |number: usize, case: &Case| -> Result<Setting> {
        Ok(Setting {
            program: place.program(),
            scratch: place.scratch(),
            runner: artifacts.path(Program::GungraunRunner)?.to_owned(),
            worker: artifacts.path(Program::Worker)?.to_owned(),
            folder: home.path().join(number.to_string()),
            source: source.clone(),
            set: case.written(),
            padding: 0,
        })
    };
    let cases: Vec<&Case> = parts.iter().flat_map(|part| [&part.base, &part.new]).collect();
    let progress = Progress::start("counts", cases.len());
    let (queue, counted) = (Mutex::new(cases.iter().enumerate()), Mutex::new(BTreeMap::new()));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, std::num::NonZero::get) {
            scope.spawn(|| {
                loop {
                    // A statement of its own: as the condition of a loop it would hold the queue while the case is counted.
                    let next = lock(&queue).next();
                    let Some((number, case)) = next else { break };
                    let values = setting(number, case).and_then(|setting| count(case, &setting));
                    progress.done(&case.label());
                    lock(&counted).insert(number, values);
                }
            });
        }
    });
    let mut counted = counted.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    let mut side = |number: usize, name: &'static str| {
        counted.remove(&number).unwrap_or_else(|| Err(anyhow!("nothing was counted"))).context(name)
    };
    Ok((0..parts.len()).map(|part| Ok((side(2 * part, "the base")?, side(2 * part + 1, "the candidate")?))).collect())
}

fn count(case: &Case, setting: &Setting) -> Result<Values> {
    let counted = counts::count(case, setting)?;
    // Profiles are large, and what matters of them has been read.
    let _ = std::fs::remove_dir_all(&setting.folder);
    let operations = case.benchmark.operations as f64;
    Ok(counted.values.into_iter().map(|(metric, value)| (metric, value / operations)).collect())
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // A panic of one thread ends the scope with a panic: what it left is not used.
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
