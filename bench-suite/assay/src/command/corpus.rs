//! `assay corpus`: what the benchmarks and the load work on.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use baselines::exit::Exit;
use clap::{Args, Subcommand, ValueEnum};
use memory::corpus::Corpus;

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
    /// Print the statistics of a corpus, or how near two of them are
    Shape(ShapeArgs),
}

/// `assay corpus import`.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  assay corpus import trajectories/*.traj --output corpus.jsonl
  assay run --corpus corpus.jsonl")]
pub struct ImportArgs {
    /// Trajectory files
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    /// What to do about a malformed file
    #[arg(long, value_enum, default_value_t = MalformedArg::Refuse)]
    malformed: MalformedArg,

    /// The corpus file to write
    #[arg(long, short, value_name = "FILE", default_value = "corpus.jsonl")]
    output: PathBuf,
}

/// What to do about a malformed file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum MalformedArg {
    /// Import nothing and say where it is malformed
    Refuse,
    /// Leave it out and say so
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

/// What to generate.
#[derive(Debug, Args)]
pub struct GeneratedArgs {
    /// The seed: the same seed makes the same episodes on every machine
    #[arg(long, default_value_t = SEED)]
    seed: u64,

    /// How many episodes
    #[arg(long, default_value_t = 1000)]
    episodes: usize,

    /// What they are like
    #[arg(long, value_enum, default_value_t = Like::SweAgent)]
    like: Like,
}

/// What generated episodes are like.
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
  assay corpus shape --against corpus.jsonl      how near the generated episodes are to imported ones")]
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
    /// Does what the subcommand says.
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
            eprintln!("error: none of {} files is a trajectory: nothing was written", self.files.len());
            return Ok(Exit::Nothing);
        }
        let steps: usize = imported.scripts.iter().map(|script| script.steps.len()).sum();
        let episodes = imported.scripts.len();
        memory::corpus::write(
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
    fn scripts(&self) -> Vec<memory::api::Script> {
        let like = match self.like {
            Like::SweAgent => generate::EpisodeStyle::SweAgent,
            Like::Conversation => generate::EpisodeStyle::Conversation,
        };
        generate(self.seed, self.episodes, like)
    }
}

impl GenerateArgs {
    fn execute(&self) -> Result<Exit> {
        ensure!(self.generated.episodes > 0, "a corpus needs an episode: --episodes is 0");
        let scripts = self.generated.scripts();
        let source = format!("generated, seed {}", self.generated.seed);
        memory::corpus::write(&self.output, &Corpus { source, scripts })?;
        println!("{}: {} episodes", self.output.display(), self.generated.episodes);
        Ok(Exit::Ok)
    }
}

impl ShapeArgs {
    fn execute(&self) -> Result<Exit> {
        let scripts = match &self.file {
            Some(file) => memory::corpus::read(file)?.scripts,
            None => self.generated.scripts(),
        };
        let here = shape(&scripts);
        let Some(against) = &self.against else {
            if self.json {
                println!("{}", serde_json::to_string_pretty(&here).context("a shape has string keys")?);
            } else {
                print!("{here}");
            }
            return Ok(if here.episodes == 0 { Exit::Nothing } else { Exit::Ok });
        };
        let comparison = here.compare(&shape(&memory::corpus::read(against)?.scripts));
        if self.json {
            println!("{}", serde_json::to_string_pretty(&comparison).context("a comparison has string keys")?);
        } else {
            print!("{comparison}");
        }
        Ok(if comparison.is_near() { Exit::Ok } else { Exit::Error })
    }
}
