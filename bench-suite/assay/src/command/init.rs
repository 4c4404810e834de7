//! `assay init`: what a project needs for a gate in CI.

use std::path::Path;

use anyhow::Result;
use baselines::exit_code::Exit;
use clap::Args;
use harness::subject::bench_targets;
use harness::subject::definition::Definition;
use harness::subject::elsewhere;

/// Write a workflow that gates every pull request
#[derive(Debug, Args)]
#[command(after_help = "\
It writes .github/workflows/assay.yml, in which you set where Assay comes from. The benches are found as `cargo bench`
finds them. An `assay.toml` beside Cargo.toml says what can't be guessed: other features, variables of the benches, a
part of the benchmarks. FORMAT.md describes it.

Where the repository has no package at its root, the workflow gates the folder in which you type this.

A file that is there is never overwritten.")]
pub struct InitArgs {}

/// The workflow, in the place where the forge looks for it.
const WORKFLOW: (&str, &str) = (".github/workflows/assay.yml", include_str!("workflow.yml"));

/// The line of its gate, after which the folder is named.
const SHELL: &str = "        shell: bash # with pipefail\n";

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
        let text = text.replace(SHELL, &format!("{SHELL}{}", working_directory(&definition.repository)?));
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

/// The folder of the gate, if it can't be the repository's own.
fn working_directory(repository: &Path) -> Result<String> {
    let here = Path::new(".").canonicalize()?;
    let folder = here.strip_prefix(repository).unwrap_or(Path::new(""));
    if folder.as_os_str().is_empty() || Definition::of_folder(repository).is_ok() {
        return Ok(String::new());
    }
    Ok(format!("        working-directory: '{}'\n", folder.display().to_string().replace('\'', "''")))
}
