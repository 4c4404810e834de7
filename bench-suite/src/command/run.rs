//! `assay run`: measures, and ends with the path of the report.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use baselines::exit::Exit;
use baselines::{Environment, Lane, RunHeader, RunWriter};
use clap::{Args, ValueEnum};

use super::{lanes, runs};
use crate::cases;
use crate::input::Source;
use crate::runner::artifacts::{self, Program};
use crate::runner::effect;
use crate::runner::valgrind;

/// Episodes that the load plays over and over.
const EPISODES_UNDER_LOAD: usize = 64;

const LANES: [Lane; 3] = [Lane::Counts, Lane::Time, Lane::Load];

/// Measure, keep the numbers, write the report
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  assay run --profile quick              every lane, briefly: not every case
  assay run --profile full               every case, for longer
  assay run retrieve --lane counts       exact counts of the retrieval benchmarks
  assay run step/log --set codec=postcard
  assay run --lane counts --repeat 5     how repeatable the counts are, in the report
  assay run --lane effect                what goes over the wire: to a database's server that is 0, 1, 15 and
                                         45 ms away, and over HTTP. Needs an sqld: scripts/setup fetches one,
                                         SQLD=path names one, LIBSQL_URL (and LIBSQL_AUTH_TOKEN) a server")]
pub struct Run {
    #[command(flatten)]
    pub selection: Selection,

    /// How long to take [default: quick; full for exact counts alone]
    #[arg(long, value_enum)]
    pub profile: Option<Profile>,

    /// Write the run to this file instead of a new one in target/assay/runs
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,

    /// List what would be measured, and measure nothing
    #[arg(long)]
    pub list: bool,

    /// List the metrics, and measure nothing
    #[arg(long)]
    pub metrics: bool,

    /// List the toggles and their strategies, and measure nothing
    #[arg(long)]
    pub toggles: bool,
}

/// What to measure.
#[derive(Debug, Clone, Args)]
pub struct Selection {
    /// Only benchmarks and variants that contain this text
    pub filter: Option<String>,

    /// Only these lanes; may be repeated [default: counts, time, load]
    #[arg(long, value_name = "LANE")]
    pub lane: Vec<Lane>,

    /// Set a toggle otherwise than the list of cases does; may be repeated
    #[arg(long, value_name = "TOGGLE=STRATEGY")]
    pub set: Vec<String>,

    /// Count every case this often, each time at another path and with another size of the environment
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub repeat: u32,

    /// Work on the episodes of this corpus file [default: generated from the seed]
    #[arg(long, value_name = "FILE")]
    pub corpus: Option<PathBuf>,

    /// The seed of everything random
    #[arg(long, default_value_t = crate::input::SEED)]
    pub seed: u64,
}

/// How long a run may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Profile {
    /// Minutes: every lane and every strategy, enough to see whether everything works; a filter that names a case measures it.
    Quick,
    /// Many minutes: every case, steadier times and a longer load.
    Full,
}

impl Profile {
    /// The name in records.
    pub fn name(self) -> &'static str {
        match self {
            Profile::Quick => "quick",
            Profile::Full => "full",
        }
    }

    /// The selected cases of this profile, and how many more the full one has. Who gives a filter gets all that it matches.
    fn choose(self, selection: &Selection) -> Result<(cases::Selection, usize)> {
        let mut selected = cases::select(selection.filter.as_deref(), &selection.set)?;
        let all = selected.cases.len();
        if self == Profile::Quick && selection.filter.is_none() {
            selected.cases.retain(cases::Case::is_quick);
        }
        let left_out = all - selected.cases.len();
        Ok((selected, left_out))
    }
}

impl Run {
    /// Measures, and prints where the report lies.
    ///
    /// # Errors
    /// The build, a child process or the disk failed.
    pub fn execute(&self) -> Result<Exit> {
        if self.metrics {
            for metric in baselines::metric::METRICS {
                println!("{:<18} {:<7} {}", metric.name, metric.lane, metric.about);
            }
            return Ok(Exit::Ok);
        }
        if self.toggles {
            for toggle in memory::TOGGLES {
                println!("{:<12} {:<40} {}", toggle.name, toggle.strategies.join(" | "), toggle.about);
            }
            return Ok(Exit::Ok);
        }
        if self.list {
            let profile = self.profile.unwrap_or(Profile::Full);
            let (selected, _) = profile.choose(&self.selection)?;
            for case in &selected.cases {
                println!("{:<32} {}", case.id, case.label());
            }
            let effect = match self.selection.lanes().contains(&Lane::Effect) {
                true => effect::select(self.selection.filter.as_deref(), &self.selection.set)?,
                false => vec![],
            };
            for work in &effect {
                println!("{:<32} {}", "lane effect", work.label());
            }
            return Ok(if selected.cases.is_empty() && effect.is_empty() { Exit::Nothing } else { Exit::Ok });
        }
        let Measured { path, run } = measure(&self.selection, self.profile(), self.output.as_deref())?;
        let exit = if !run.invalid.is_empty() {
            Exit::Invalid
        } else if run.measurements.is_empty() {
            Exit::Nothing
        } else {
            Exit::Ok
        };
        let report = runs::report(&path, run)?;
        print!("{}", reports::render(&report, reports::Format::Text)?);
        let page = super::report::publish(&report, &path)?;
        println!("\nrun:    {}\nreport: {}", path.display(), page.display());
        Ok(exit)
    }

    /// As asked for. Counts take no longer for being exact, and a baseline of them must have every case.
    fn profile(&self) -> Profile {
        let counts_alone = self.selection.lanes() == [Lane::Counts];
        self.profile.unwrap_or(if counts_alone { Profile::Full } else { Profile::Quick })
    }
}

/// A finished run and its file.
pub struct Measured {
    /// The file.
    pub path: PathBuf,
    /// What it holds.
    pub run: baselines::Run,
}

/// Measures a selection into a new run file.
///
/// # Errors
/// The build, a child process or the disk failed; what was measured before stays in the `.partial` file.
pub fn measure(selection: &Selection, profile: Profile, output: Option<&Path>) -> Result<Measured> {
    let source = selection.source()?;
    let input = source.load(EPISODES_UNDER_LOAD)?;
    let (selected, left_out) = profile.choose(selection)?;
    let artifacts = artifacts::build(&selection.programs())?;
    let environment = Environment::detect(input.seed, &input.name);
    let path = match output {
        Some(path) => path.to_owned(),
        None => runs::folder().join(format!("{}.jsonl", runs::name(&environment.commit, environment.dirty))),
    };
    let header = RunHeader {
        started_at: runs::now(),
        command: command_line(),
        profile: profile.name().to_owned(),
        environment,
        accepted: None,
    };
    let mut writer = RunWriter::create(&path, header)?;
    for (what, why) in &selected.left_out {
        writer.skipped(what, why)?;
    }
    if left_out > 0 {
        writer.skipped(format!("{left_out} cases"), "a brief run leaves them out: `--profile full` measures them")?;
    }
    let plan = lanes::Plan {
        cases: &selected.cases,
        source: &source,
        input: &input,
        artifacts: &artifacts,
        selection,
        profile,
    };
    let mut stacks = Vec::new();
    for lane in selection.lanes() {
        match lane {
            Lane::Counts => match valgrind::missing() {
                Some(why) => {
                    eprintln!("skipped: the counts lane: {why}");
                    writer.skipped("counts lane", why)?;
                }
                None => {
                    lanes::counts(&plan, &mut writer)?;
                    stacks = lanes::stacks(&plan, &mut writer)?;
                }
            },
            Lane::Time => lanes::time(&plan, &mut writer)?,
            Lane::Load => lanes::load(&plan, &mut writer)?,
            Lane::Effect => lanes::effect(&plan, &mut writer)?,
            Lane::Source => writer.skipped(format!("{lane} lane"), "`assay claims` measures it")?,
        }
    }
    let run = writer.finish()?;
    if !stacks.is_empty() {
        runs::write_stacks(&path, &stacks)?;
    }
    Ok(Measured { path, run })
}

impl Selection {
    /// Where the input comes from: the path made absolute, because children work in other folders.
    ///
    /// # Errors
    /// There is no such corpus file.
    pub fn source(&self) -> Result<Source> {
        let corpus = match &self.corpus {
            Some(path) => {
                Some(path.canonicalize().with_context(|| format!("can't read the corpus {}", path.display()))?)
            }
            None => None,
        };
        Ok(Source { seed: Some(self.seed), corpus })
    }

    /// The programs that the lanes need.
    fn programs(&self) -> Vec<Program> {
        let of = |lane| match lane {
            Lane::Counts => Program::COUNTS.to_vec(),
            Lane::Time => vec![Program::Times],
            Lane::Load | Lane::Effect => vec![Program::MemoryServer, Program::Loadgen],
            Lane::Source => vec![],
        };
        self.lanes().into_iter().flat_map(of).collect()
    }

    /// The lanes to measure, in the order of reports.
    pub fn lanes(&self) -> Vec<Lane> {
        if self.lane.is_empty() {
            LANES.to_vec()
        } else {
            Lane::ALL.into_iter().filter(|lane| self.lane.contains(lane)).collect()
        }
    }
}

/// The command as typed, for the record.
pub fn command_line() -> String {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    format!("assay {}", arguments.join(" "))
}
