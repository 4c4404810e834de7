//! What was asked for.

use std::path::PathBuf;

use anyhow::{Context, Result};
use baselines::{Environment, Lane, Run, RunHeader};
use workloads::cases::{self, Tag};
use workloads::input::{Input, Source};

use crate::build::cargo::{self, OwnProgram};
use crate::tools::valgrind;

/// The lanes of a plain run.
const LANES: [Lane; 3] = [Lane::Counts, Lane::Time, Lane::Load];

/// What to measure.
#[derive(Debug, Clone, PartialEq)]
pub struct Selection {
    /// Only benchmarks and variants that contain this text.
    pub filter: Option<String>,
    /// Only these lanes; those of a plain run where none is named.
    pub lanes: Vec<Lane>,
    /// Toggles that are set otherwise than in the list of cases, as `toggle=strategy`.
    pub set: Vec<String>,
    /// How often every case is counted.
    pub repeat: u32,
    /// A corpus file; generated episodes where none is given.
    pub corpus: Option<PathBuf>,
    /// The seed of everything random.
    pub seed: u64,
}

impl Default for Selection {
    fn default() -> Selection {
        let seed = workloads::input::SEED;
        Selection { filter: None, lanes: vec![], set: vec![], repeat: 1, corpus: None, seed }
    }
}

impl Selection {
    /// Where the input comes from. The path is made absolute, because children work in other folders.
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
            Lane::ALL.into_iter().filter(|lane| self.lanes.contains(lane)).collect()
        }
    }

    /// Whether a comparison of two sides measures a lane: counts and times, where none is named.
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

/// How long a run may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunProfile {
    /// Minutes: every lane and every strategy, enough to see whether everything works. A filter that names a case
    /// measures it.
    Quick,
    /// Many minutes: every case, steadier times and a longer load.
    Full,
}

impl RunProfile {
    /// The name in records.
    pub fn name(self) -> &'static str {
        match self {
            RunProfile::Quick => "quick",
            RunProfile::Full => "full",
        }
    }

    /// The selected cases of this profile, and how many more the full one has. Who gives a filter gets all that it
    /// matches.
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

impl std::str::FromStr for RunProfile {
    type Err = String;

    fn from_str(name: &str) -> Result<RunProfile, String> {
        let known = [RunProfile::Quick, RunProfile::Full].into_iter().find(|profile| profile.name() == name);
        known.ok_or_else(|| format!("unknown profile `{name}`: quick or full"))
    }
}

/// A finished run and its file.
#[derive(Debug)]
pub struct FinishedRun {
    /// The file.
    pub path: PathBuf,
    /// What it holds.
    pub run: Run,
}

/// The environment of a run: of this machine and tree, with the CPU as counted processes see it where something is
/// counted.
pub fn environment(input: &Input, counts: bool) -> Result<Environment> {
    let mut environment = Environment::detect(input.seed, &input.name);
    if counts && valgrind::missing().is_none() {
        environment.cpu_features = valgrind::cpu_features(&cargo::build_one(OwnProgram::Worker)?)?;
    }
    Ok(environment)
}

/// The header of a run that begins now.
pub fn header(profile: &str, environment: Environment) -> RunHeader {
    RunHeader::new(command_line(), profile, environment)
}

/// The command as typed, for the record.
pub fn command_line() -> String {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    format!("assay {}", arguments.join(" "))
}
