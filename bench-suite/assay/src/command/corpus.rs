//! `assay corpus`: the episodes of benchmarks and load tests.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use baselines::exit_code::Exit;
use clap::{Args, Subcommand, ValueEnum};
use episodes::corpus::Corpus;

use corpus::generate::{self, generate};
use corpus::import::{self, OnMalformed};
use corpus::shape::shape;
use workloads::input::SEED;

/// Import real episodes, generate synthetic ones, and compare their shapes
#[derive(Debug, Subcommand)]
pub enum CorpusCommand {
    /// Read SWE-agent trajectories into a corpus file
    Import(ImportArgs),
    /// Write a corpus of generated episodes
    Generate(GenerateArgs),
    /// Print the statistics of a corpus, or how much two of them differ
    Shape(ShapeArgs),
}

/// `assay corpus import`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  assay corpus import trajectories/*.traj --output corpus.jsonl
  assay run --corpus corpus.jsonl")]
pub struct ImportArgs {
    /// Trajectory files
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    /// The treatment of a malformed file
    #[arg(long, value_enum, default_value_t = MalformedArg::Refuse)]
    malformed: MalformedArg,

    /// The corpus file to write
    #[arg(long, short, value_name = "FILE", default_value = "corpus.jsonl")]
    output: PathBuf,
}

/// The treatment of a malformed file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum MalformedArg {
    /// Import nothing; the error names the place
    Refuse,
    /// Leave it out and list it
    Skip,
}

/// `assay corpus generate`.
#[derive(Debug, Args)]
pub struct GenerateArgs {
    #[command(flatten)]
    generated: GeneratedArgs,

    /// The corpus file to write
    #[arg(long, short, value_name = "FILE", default_value = "corpus.jsonl")]
    output: PathBuf,
}

/// The episodes to generate.
#[derive(Debug, Args)]
pub struct GeneratedArgs {
    /// The seed: the same seed makes the same episodes on every machine
    #[arg(long, default_value_t = SEED)]
    seed: u64,

    /// The number of episodes
    #[arg(long, default_value_t = 1000)]
    episodes: usize,

    /// The style of the episodes
    #[arg(long, value_enum, default_value_t = Like::SweAgent)]
    like: Like,
}

/// The style of generated episodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Like {
    /// A coding agent, fitted to SWE-agent trajectories
    SweAgent,
    /// A conversation, fitted to LoCoMo
    Conversation,
}

/// `assay corpus shape`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  assay corpus shape corpus.jsonl
  assay corpus shape --against corpus.jsonl      generated episodes beside imported ones")]
pub struct ShapeArgs {
    /// The corpus [default: generated episodes]
    file: Option<PathBuf>,

    /// Compare with this corpus; ends with 1 if they are more than 20% apart
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,

    /// Print JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    generated: GeneratedArgs,
}

impl CorpusCommand {
    /// Runs the subcommand.
    pub fn execute(&self) -> Result<Exit> {
        match self {
            CorpusCommand::Import(import) => import.execute(),
            CorpusCommand::Generate(generate) => generate.execute(),
            CorpusCommand::Shape(shape) => shape.execute(),
        }
    }
}

impl ImportArgs {
    fn execute(&self) -> Result<Exit> {
        let on_malformed = match self.malformed {
            MalformedArg::Refuse => OnMalformed::Refuse,
            MalformedArg::Skip => OnMalformed::Skip,
        };
        let imported = import::import(&self.files, on_malformed)?;
        for skipped in &imported.skipped {
            eprintln!("skipped: {skipped}");
        }
        for replaced in &imported.replaced {
            eprintln!("note: {replaced}");
        }
        if imported.scripts.is_empty() {
            eprintln!("error: none of {} files is a trajectory: give SWE-agent's .traj files", self.files.len());
            return Ok(Exit::Nothing);
        }
        let steps: usize = imported.scripts.iter().map(|script| script.steps.len()).sum();
        let episodes = imported.scripts.len();
        episodes::corpus::write(
            &self.output,
            &Corpus { source: format!("{episodes} SWE-agent trajectories"), scripts: imported.scripts },
        )?;
        println!(
            "{}: {episodes} episodes, {steps} steps, {} files skipped",
            self.output.display(),
            imported.skipped.len()
        );
        Ok(Exit::Ok)
    }
}

impl GeneratedArgs {
    fn scripts(&self) -> Vec<episodes::api::Script> {
        let like = match self.like {
            Like::SweAgent => generate::EpisodeStyle::SweAgent,
            Like::Conversation => generate::EpisodeStyle::Conversation,
        };
        generate(self.seed, self.episodes, like)
    }
}

impl GenerateArgs {
    fn execute(&self) -> Result<Exit> {
        ensure!(self.generated.episodes > 0, "--episodes is 0: give at least 1");
        let scripts = self.generated.scripts();
        let source = format!("generated, seed {}", self.generated.seed);
        episodes::corpus::write(&self.output, &Corpus { source, scripts })?;
        println!("{}: {} episodes", self.output.display(), self.generated.episodes);
        Ok(Exit::Ok)
    }
}

impl ShapeArgs {
    fn execute(&self) -> Result<Exit> {
        let scripts = match &self.file {
            Some(file) => episodes::corpus::read(file)?.scripts,
            None => self.generated.scripts(),
        };
        let here = shape(&scripts);
        let Some(against) = &self.against else {
            if self.json {
                println!("{}", serde_json::to_string_pretty(&here).context("can't serialize the shape")?);
            } else {
                print!("{here}");
            }
            return Ok(if here.episodes == 0 { Exit::Nothing } else { Exit::Ok });
        };
        let comparison = here.compare(&shape(&episodes::corpus::read(against)?.scripts));
        if self.json {
            println!("{}", serde_json::to_string_pretty(&comparison).context("can't serialize the comparison")?);
        } else {
            print!("{comparison}");
        }
        Ok(if comparison.is_near() { Exit::Ok } else { Exit::Error })
    }
}
