//! `assay merge`: judges the shards of a gate as one run.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use baselines::exit_code::Exit;
use baselines::merge::{self, Merged};
use baselines::{Run, RunHeader};
use clap::Args;
use harness::session::judging::Judged;
use harness::session::plan::{FinishedRun, command_line};
use harness::session::runs;
use reports::Format;

use super::publish;

/// Judge the shards of a gate together
#[derive(Debug, Args)]
#[command(after_help = "\
Each machine measures a part: `assay gate --against main --shard 1/3` and so on, with the same arguments otherwise. It
ends with the exit code of its own part, and leaves its run in target/assay/runs. All runs together give the verdict,
the report and the exit code of the whole gate. Merging needs neither a checkout nor a compiler.

Examples:
  assay merge shards/*.jsonl
  assay merge shards                     every shard in a folder and below, as CI downloads them")]
pub struct MergeArgs {
    /// The runs of all shards: files, or folders of them
    #[arg(required = true, value_name = "SHARD")]
    shards: Vec<PathBuf>,

    /// Also print the verdicts in this format: markdown, junit, json or github
    #[arg(long, value_name = "FORMAT")]
    format: Option<Format>,
}

impl MergeArgs {
    /// Reads, joins, judges and reports.
    pub fn execute(&self) -> Result<Exit> {
        let mut shards = Vec::new();
        for path in &self.shards {
            ensure!(path.exists(), "there is no {}: give the runs of all shards", path.display());
            let is_folder = path.is_dir();
            for file in runs::files(path)? {
                let run = Run::read(&file, false)?;
                // Beside shards, a folder may have runs of other commands.
                if run.shard.is_some() || !is_folder {
                    shards.push((file, run));
                }
            }
        }
        let named = shards.iter().map(|(file, run)| (file.display().to_string(), run.clone())).collect();
        let merged = merge::join(named)?;
        let (judgement, controls) = merged.judge(runs::today())?;
        let Merged { mut run, against, mut notes, .. } = merged;
        notes.extend(controls);
        run.header = RunHeader { command: command_line(), ..run.header };
        let path = runs::new_path(&run.header.environment, None);
        run.write(&path)?;
        write_stacks(shards.iter().map(|(file, _)| file.as_path()), &path)?;
        publish::judged(Judged { finished: FinishedRun { path, run }, judgement, against, notes }, self.format)
    }
}

/// Keeps the call stacks that lie beside the shards.
fn write_stacks<'a>(shards: impl Iterator<Item = &'a Path>, run: &Path) -> Result<()> {
    let stacks = shards.map(runs::read_stacks).collect::<Result<Vec<_>>>()?.concat();
    if stacks.is_empty() {
        return Ok(());
    }
    runs::write_stacks(run, &stacks).context("can't keep the call stacks of the shards")
}
