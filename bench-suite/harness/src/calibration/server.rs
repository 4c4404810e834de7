//! Gates of the memory's server under load, by the gate's rules: its program on both sides, or two builds of it, and a
//! known part of more CPU time in every request of the new side.
//!
//! The slices are shorter than a gate's usual ones, so that a gate takes some two minutes.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use baselines::Sample;
use worker::protocol::Command;

use crate::build::cargo::{self, OwnProgram};
use crate::build::checkout::Build;
use crate::schedule::deadlines::Deadlines;
use crate::schedule::jobs::{self, Job, Side};
use crate::schedule::placement::Placement;
use crate::schedule::worker_client::WorkerClient;
use crate::schedule::worker_program::{Slicing, WorkerProgram};
use crate::served::server::PORT;
use crate::session::staged_sides::StagedSides;
use crate::subject::server::{Load, ServerSubject};
use crate::workspace;

/// The benchmark's name in records, with the preset of the requests.
pub const NAME: &str = "load/memory-cold-start";

/// The requests: whole episodes, searches and patterns, of a server that is empty at first.
const PRESET: &str = "cold-start";

/// Sessions per second: some requests each, which leave the cores idle most of the time.
const RATE: f64 = 500.0;

/// Seconds of a slice. The CPU time of longer ones scatters as much.
const SECONDS: f64 = 0.05;

/// The number of rounds that tell what a request costs.
const COSTS: usize = 3;

/// Two servers side by side.
pub struct ServerGates {
    subject: ServerSubject,
    both: StagedSides,
}

impl ServerGates {
    /// Places both builds of the server.
    pub fn new([base, new]: &[Build; 2]) -> Result<ServerGates> {
        let both = StagedSides::new(base, new)?;
        let (side, _) = both.sides();
        let subject = subject(side.build.program(), cargo::build_one(OwnProgram::Loadgen)?)?;
        Ok(ServerGates { subject, both })
    }

    /// The pair of a gate whose new side takes so much more CPU time per request, and the controls. What a request
    /// costs the base is measured now, because it depends on what else the machine does.
    pub fn jobs(&self, extra_percent: f64) -> Result<Vec<Job>> {
        let (base, new) = self.both.sides();
        let unchanged = base.program(&self.subject, &self.subject.case(&line(base.build.program(), 0)), 0.0);
        let cost_ns = if extra_percent > 0.0 { cost_ns(&unchanged)? } else { 0.0 };
        let spin_ns = (cost_ns * extra_percent / 100.0).round() as u64;
        let case = |side: Side<'_>, spin_ns| self.subject.case(&line(side.build.program(), spin_ns));
        let program = |side: Side<'_>, spin_ns| side.program(&self.subject, &case(side, spin_ns), 0.0);
        let pair = jobs::job(&case(base, 0), &base.build.name, program(base, 0), program(new, spin_ns));
        Ok([pair].into_iter().chain(jobs::controls(&self.subject, &[case(new, 0)], new)).collect())
    }
}

/// The load of a slice, without the arguments of the load generator.
pub fn load() -> Load {
    Load { name: NAME.to_owned(), rate: RATE, seconds: SECONDS, arguments: vec![], generator: None }
}

/// The server at `program` as a subject.
fn subject(program: &Path, generator: PathBuf) -> Result<ServerSubject> {
    let scenario = workspace::root().join("loadgen/presets/memory.toml");
    let scenario = scenario.to_str().context("the path of the presets is not UTF-8")?;
    let arguments = ["--scenario", scenario, "--preset", PRESET].map(str::to_owned).into();
    ServerSubject::new(line(program, 0), None, Load { arguments, generator: Some(generator), ..load() })
}

/// The server's command line. The argument is always there and of fixed length, as it moves the stack.
fn line(program: &Path, spin_ns: u64) -> String {
    format!("'{}' --seed 1 --listen 127.0.0.1:{PORT} --spin-ns {spin_ns:09}", program.display())
}

/// The CPU time of a request, ns: the median over the slices of rounds of the same program.
fn cost_ns(program: &WorkerProgram) -> Result<f64> {
    let Slicing { warm_up, pairs, operations, .. } = program.slicing;
    let operations = operations.context("a slice under load has its number of sessions")?;
    let mut costs = Vec::with_capacity(2 * COSTS * pairs);
    for _ in 0..COSTS {
        let start = || WorkerClient::start(program, None, Placement::default(), Deadlines::default());
        let mut sides = [start()?, start()?];
        sides.iter_mut().try_for_each(|side| side.ready().map(drop))?;
        for slice in 0..warm_up + pairs {
            for side in &mut sides {
                let worked = side.slice(Command::Slice(operations))?;
                if slice >= warm_up {
                    costs.push(worked.cpu_ns as f64 / operations as f64);
                }
            }
        }
        for mut side in sides {
            side.end()?;
            side.ended()?;
        }
    }
    let cost = Sample::new(costs)?.median();
    ensure!(cost > 0.0, "a request costs no CPU time: the clock stands still");
    Ok(cost)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_of_all_slowdowns_have_one_length() {
        let lines = [0, 7, 12_345, 999_999_999].map(|spin_ns| line(Path::new("/a b/server"), spin_ns));
        assert!(lines.iter().all(|line| line.len() == lines[0].len()), "{lines:?}");
        let words = crate::words::split(&lines[2]).expect("words");
        assert_eq!((words[0].as_str(), words[6].as_str()), ("/a b/server", "000012345"));
    }
}
