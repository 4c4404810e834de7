//! `assay profile`: where the instructions of one case go.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use baselines::exit::Exit;
use clap::Args;

use super::run::Selection;
use crate::cases;
use crate::runner::artifacts::{self, Program};
use crate::runner::{profile, valgrind};
use crate::workspace;

/// Write the flamegraph of a case, in instructions
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  assay profile retrieve/1000
  assay profile step/log --set codec=postcard")]
pub struct Profile {
    #[command(flatten)]
    selection: Selection,

    /// Where to write the flamegraph [default: target/assay/profiles]
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Functions that are listed.
const LISTED: usize = 15;

impl Profile {
    /// Profiles the first case that matches.
    ///
    /// # Errors
    /// No case matches, or valgrind or the worker failed.
    pub fn execute(&self) -> Result<Exit> {
        if let Some(why) = valgrind::missing() {
            bail!("profiles need valgrind: {why}");
        }
        let selected = cases::select(self.selection.filter.as_deref(), &self.selection.set)?.cases;
        let Some(case) = selected.first() else {
            eprintln!("no case matches: `assay run --list` names them");
            return Ok(Exit::Nothing);
        };
        if selected.len() > 1 {
            eprintln!("{} cases match, profiling the first: {}", selected.len(), case.label());
        }
        let artifacts = artifacts::build(&[Program::Worker])?;
        let folded =
            profile::stacks(artifacts.path(Program::Worker)?, case.id, &self.selection.set, &self.selection.source()?)?;
        let svg = reports::flamegraph::flamegraph(&folded, "instructions")?;
        let path = self
            .output
            .clone()
            .unwrap_or_else(|| workspace::output().join("profiles").join(format!("{}.svg", case.id)));
        baselines::atomic::write(&path, svg.as_bytes())?;
        baselines::atomic::write(&path.with_extension("folded"), folded.as_bytes())?;
        print_functions(&folded)?;
        println!("\nflamegraph: {}", path.display());
        Ok(Exit::Ok)
    }
}

/// Own instructions by function, dearest first.
fn print_functions(folded: &str) -> Result<()> {
    let mut costs = std::collections::BTreeMap::<&str, u64>::new();
    let mut total = 0;
    for line in folded.lines() {
        let (stack, cost) = line.rsplit_once(' ').context("a folded stack ends with its cost")?;
        let cost: u64 = cost.parse().context("a cost is a number")?;
        *costs.entry(stack.rsplit(';').next().unwrap_or(stack)).or_default() += cost;
        total += cost;
    }
    let mut costs: Vec<_> = costs.into_iter().collect();
    costs.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(b.0)));
    println!("{total} instructions; own cost of the dearest functions:");
    for (function, cost) in costs.iter().take(LISTED) {
        println!("{:>6.2}%  {cost:>12}  {function}", *cost as f64 * 100.0 / total as f64);
    }
    Ok(())
}
