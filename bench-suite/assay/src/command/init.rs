//! `assay init`: what a project needs for a gate in CI.

use std::path::Path;

use anyhow::Result;
use baselines::exit_code::Exit;
use clap::Args;
use harness::subject::bench_targets;
use harness::subject::elsewhere;

/// Write a workflow that gates every pull request
#[derive(Debug, Args)]
#[command(after_help = "\
It writes .github/workflows/assay.yml, in which you set where Assay comes from. The benches are found as `cargo bench`
finds them. An `assay.toml` beside Cargo.toml says what can't be guessed: other features, variables of the benches, a
part of the benchmarks. FORMAT.md describes it.

A file that is there is never overwritten.")]
pub struct InitArgs {}

/// The workflow, in the place where the forge looks for it.
const WORKFLOW: (&str, &str) = (".github/workflows/assay.yml", include_str!("workflow.yml"));

impl InitArgs {
    /// Writes the workflow, and says what comes next.
    pub fn execute(&self) -> Result<Exit> {
        let definition = elsewhere::of_folder(Path::new("."))?;
        let targets = bench_targets::benches(&definition)?;
        for (name, _) in &targets.targets {
            println!("found    bench {name}");
        }
        for (name, why) in &targets.skipped {
            println!("left out bench {name}: {why}");
        }
        let (place, text) = WORKFLOW;
        let path = definition.repository.join(place);
        if path.exists() {
            println!("kept     {place}: it is there, and is never overwritten");
        } else {
            baselines::atomic::write(&path, text.as_bytes())?;
            println!("wrote    {place}: it gates every pull request against the commit where its branch began");
        }
        println!(
            "\nNext: `cargo assay gate --against HEAD~1` judges your last commit, `assay doctor` checks this machine. Set \
                ASSAY_REPOSITORY and ASSAY_REVISION in the workflow, which say where Assay comes from, and commit it.\nTo gate exact counts without a base, store them once: `assay run --lane counts && assay \
                baseline accept --reason \"first\"` writes baselines/stored, and `assay gate` compares with it."
        );
        Ok(Exit::Ok)
    }
}
