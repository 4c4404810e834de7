//! The selection of a run, and its header.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::path::PathBuf;

use anyhow::{Context, Result};
use baselines::shard::ShardNumber;
use baselines::{Environment, Lane, Run, RunHeader};
use workloads::cases::{self, Tag};
use workloads::input::{Input, Source};

use super::nothing_to_measure;
use crate::build::cargo::{self, OwnProgram};
use crate::build::checkout::Build;
use crate::case_command::CaseCommand;
use crate::lanes::source;
use crate::subject::{Chosen, Counting, Subject};
use crate::tools::valgrind;

/// The lanes of a plain run.
const LANES: [Lane; 3] = [Lane::Counts, Lane::Time, Lane::Load];

/// The user's selection.
#[derive(Debug, Clone, PartialEq)]
pub struct Selection {
    /// A text that benchmarks or variants must contain.
    pub filter: Option<String>,
    /// The lanes; if empty, those of a plain run.
    pub lanes: Vec<Lane>,
    /// The overridden toggles, as `toggle=strategy`.
    pub set: Vec<String>,
    /// The number of counts of each case.
    pub repeat: u32,
    /// A corpus file; by default, episodes are generated.
    pub corpus: Option<PathBuf>,
    /// The seed of the input.
    pub seed: u64,
    /// The seed of the orders and layouts of rounds; by default, it is drawn.
    pub rounds_seed: Option<u64>,
    /// The part of the cases to measure; by default, all.
    pub shard: Option<ShardNumber>,
}

impl Default for Selection {
    fn default() -> Selection {
        let seed = workloads::input::SEED;
        Selection {
            filter: None,
            lanes: vec![],
            set: vec![],
            repeat: 1,
            corpus: None,
            seed,
            rounds_seed: None,
            shard: None,
        }
    }
}

/// A seed that is drawn from the system: a gate that turned red in unlucky layouts gets others when it is run again.
pub fn draw_seed() -> u64 {
    // Short enough to be typed, and for any JSON reader. The standard library's hashers have seeds of the system.
    RandomState::new().hash_one("rounds") >> 32
}

impl Selection {
    /// The source of the input, with an absolute path, as children run in other folders.
    pub fn source(&self) -> Result<Source> {
        let absolute =
            |path: &PathBuf| path.canonicalize().with_context(|| format!("can't read the corpus {}", path.display()));
        Ok(Source { seed: Some(self.seed), corpus: self.corpus.as_ref().map(absolute).transpose()? })
    }

    /// The lanes to measure, in the order of reports.
    pub fn lanes(&self) -> Vec<Lane> {
        if self.lanes.is_empty() {
            LANES.to_vec()
        } else {
            Lane::ALL.iter().copied().filter(|lane| self.lanes.contains(lane)).collect()
        }
    }

    /// True if the source is all that is measured: nothing is built.
    pub fn is_source(&self) -> bool {
        self.lanes() == [Lane::Source]
    }

    /// True if a comparison measures that lane: by default, counts and times.
    pub fn compares(&self, lane: Lane) -> bool {
        self.lanes.is_empty() || self.lanes.contains(&lane)
    }

    /// The programs that the lanes need.
    pub fn programs(&self) -> Vec<OwnProgram> {
        let of = |lane| match lane {
            Lane::Counts => vec![OwnProgram::Worker],
            Lane::Time => vec![OwnProgram::Times],
            Lane::Load | Lane::Effect => vec![OwnProgram::MemoryServer, OwnProgram::Loadgen],
            Lane::Source => vec![],
        };
        self.lanes().into_iter().flat_map(of).collect()
    }
}

/// The size of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::EnumString, strum::IntoStaticStr)]
#[strum(serialize_all = "lowercase", parse_err_ty = String, parse_err_fn = no_profile)]
pub enum RunProfile {
    /// Minutes: every lane and strategy, enough to see if all works. With a filter, all cases that it matches.
    Quick,
    /// Many minutes: every case, with steadier times and a longer load.
    Full,
}

impl RunProfile {
    /// The name in records.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// The cases of this profile, and the number of cases that only the full one has. A filter selects all cases that
    /// it matches.
    pub fn choose(self, selection: &Selection) -> Result<(cases::Selected, usize)> {
        let mut selected = cases::select(selection.filter.as_deref(), &selection.set)?;
        let all = selected.cases.len();
        if self == RunProfile::Quick && selection.filter.is_none() {
            selected.cases.retain(|case| case.has(Tag::Quick));
        }
        let left_out = all - selected.cases.len();
        Ok((selected, left_out))
    }
}

fn no_profile(name: &str) -> String {
    format!("there is no profile `{name}`: give quick or full")
}

/// A finished run and its file.
#[derive(Debug)]
pub struct FinishedRun {
    /// The file.
    pub path: PathBuf,
    /// The run.
    pub run: Run,
}

/// The environment of a run: this machine and tree, and if `counts` is true, the CPU as valgrind presents it.
pub fn environment(input: &Input, counts: bool) -> Result<Environment> {
    let mut environment = Environment::detect(input.seed, &input.name);
    if counts && valgrind::missing().is_none() {
        let program = cargo::build_one(OwnProgram::Worker)?;
        environment.cpu_features = valgrind::cpu_features(&CaseCommand { program, ..CaseCommand::default() })?;
    }
    Ok(environment)
}

/// The environment of a run of a subject's build, with the CPU as valgrind presents it where that counts: to the first
/// that answers of the programs that list cases.
pub fn environment_of(
    subject: &dyn Subject,
    build: &Build,
    listed: &[(&Build, &Chosen)],
    selection: &Selection,
) -> Result<Environment> {
    let (seed, input) = subject.input()?;
    let mut environment = nothing_to_measure::environment(Environment::detect(seed, &input), build);
    let counts = selection.compares(Lane::Counts) && subject.counting() == Counting::Worker;
    if counts && valgrind::missing().is_none() {
        let commands = |(build, chosen): &(&Build, &Chosen)| {
            chosen.cases.iter().map(|case| subject.command(build, case)).collect::<Vec<_>>()
        };
        let mut asked: Vec<CaseCommand> = listed.iter().flat_map(commands).collect();
        asked.dedup_by(|one, other| one.program == other.program);
        let answers = || asked.iter().map(valgrind::cpu_features);
        let answered = answers().find(Result::is_ok).or_else(|| answers().next());
        environment.cpu_features = answered.transpose()?.unwrap_or_default();
    }
    Ok(environment)
}

/// The environment of a run of the source alone.
pub fn environment_of_source(selection: &Selection) -> Environment {
    Environment::detect(selection.seed, source::INPUT)
}

/// The header of a run that starts now.
pub fn header(profile: &str, environment: Environment) -> RunHeader {
    RunHeader::new(command_line(), profile, environment)
}

/// The command as typed, for the record.
pub fn command_line() -> String {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    format!("assay {}", arguments.join(" "))
}
