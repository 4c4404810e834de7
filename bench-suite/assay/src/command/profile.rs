//! `assay profile`: the instructions of one case by function, or their difference from a base.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail, ensure};
use baselines::FunctionCost;
use baselines::cause::attribute;
use baselines::exit_code::Exit;
use clap::Args;
use harness::budget::Budget;
use harness::case_command::CaseCommand;
use harness::lanes::UNIT;
use harness::lanes::call_stacks;
use harness::subject::memory::MemorySubject;
use harness::subject::{self, NothingToMeasure, SubjectCase};
use harness::tools::{function_costs, valgrind};
use harness::workspace;
use worker::slice::ROOT;
use workloads::cases;

use super::cargo_args::CargoArgs;
use super::selection::SelectionArgs;

/// Write the flamegraph of a case, in instructions
#[derive(Debug, Args)]
#[command(after_help = "\
With --against, it writes three flamegraphs (the base, this tree, and their difference) and lists the change by
function, split into `called more often` and `costlier per call`. The lines sum to the whole change. The cost of the
standard library and other crates counts for the function of this project that calls them.

Examples:
  assay profile retrieve/1000
  assay profile step/log --set codec=postcard
  assay profile retrieve/1000 --against main
  assay profile step/log --against variant:codec=postcard")]
pub struct ProfileArgs {
    #[command(flatten)]
    selection: SelectionArgs,

    #[command(flatten)]
    cargo: CargoArgs,

    /// Compare with this revision, or with the same case under `variant:toggle=strategy,..`
    #[arg(long, value_name = "REV")]
    against: Option<String>,

    /// The file of the flamegraph [default: in target/assay/profiles]
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// The number of functions to list.
const LISTED: usize = 15;

impl ProfileArgs {
    /// Profiles the first matching case.
    pub fn execute(&self) -> Result<Exit> {
        if let Some(why) = valgrind::missing() {
            bail!("profiles need valgrind: {why}");
        }
        let is_memory = workspace::has_the_memory();
        self.selection.refuse_of_memory_if(!is_memory)?;
        let SelectionArgs { filter, set, .. } = &self.selection;
        let memory = MemorySubject { source: self.selection.selection().source()? };
        let subject = subject::here(memory.source.clone(), self.cargo.choice())?;
        let build = if is_memory { memory.built()? } else { subject.working_tree()? };
        let listed = subject.list(&build)?;
        NothingToMeasure::of(filter.as_deref(), &[(&build, &listed)])?;
        let selected = subject.choose(&listed.cases, filter.as_deref(), set)?.cases;
        let Some(case) = selected.first() else {
            eprintln!("no case has these toggles: `assay run --list` shows all cases");
            return Ok(Exit::Nothing);
        };
        if selected.len() > 1 {
            eprintln!("{} cases match, profiling the first: {}", selected.len(), case.label());
        }
        let mut sized = vec![case.clone()];
        if let Some((failed, why)) = subject.size(&build, &mut sized, Budget::default()).failed.pop() {
            bail!("{}: {why}", failed.label());
        }
        let case = &SubjectCase { operations: sized[0].operations.max(1), ..sized.remove(0) };
        let (new, crates) = (subject.command(&build, case), subject.crates()?);
        // A name may be a path.
        let name = format!("{}.svg", case.id.replace('/', "_"));
        let path = self.output.clone().unwrap_or_else(|| workspace::output().join("profiles").join(name));
        let Some(against) = &self.against else {
            let profile = call_stacks::profile(&new, Budget::default())?;
            let folded = function_costs::folded(&profile, ROOT);
            baselines::atomic::write(&path, reports::flamegraph::flamegraph(&folded, UNIT)?.as_bytes())?;
            baselines::atomic::write(&path.with_extension("folded"), folded.as_bytes())?;
            print_functions(&function_costs::functions(&profile, ROOT, &crates));
            println!("\nflamegraph: {}", path.display());
            return Ok(Exit::Ok);
        };
        if let Some(variant) = against.strip_prefix("variant:").filter(|_| is_memory) {
            let variant = variant.split(',').map(str::to_owned);
            let set: Vec<String> = set.iter().cloned().chain(variant).collect();
            // Rejects an unknown toggle before valgrind starts.
            cases::find(&case.id, &set)?;
            let base = CaseCommand { set, ..new.clone() };
            compare((&base, against), &new, &crates, &path)?;
            return Ok(Exit::Ok);
        }
        let build = subject.revision(against)?;
        let has_it = subject.list(&build)?.cases.iter().any(|listed| listed.is(case));
        ensure!(has_it, "{} does not have the case {}", build.name, case.id);
        compare((&subject.command(&build, case), &build.name), &new, &crates, &path)?;
        Ok(Exit::Ok)
    }
}

/// Profiles both sides, writes three flamegraphs and lists the changes.
fn compare((base, name): (&CaseCommand, &str), new: &CaseCommand, crates: &[String], path: &Path) -> Result<()> {
    let (base, new) = call_stacks::both(base, new, Budget::default())?;
    let (folded_base, folded_new) = (function_costs::folded(&base, ROOT), function_costs::folded(&new, ROOT));
    let (base_path, difference_path) = (path.with_extension("base.svg"), path.with_extension("difference.svg"));
    for (path, svg) in [
        (path, reports::flamegraph::flamegraph(&folded_new, UNIT)?),
        (&base_path, reports::flamegraph::flamegraph(&folded_base, UNIT)?),
        (&difference_path, reports::flamegraph::differential(&folded_base, &folded_new, UNIT)?),
    ] {
        baselines::atomic::write(path, svg.as_bytes())?;
    }
    baselines::atomic::write(&path.with_extension("folded"), folded_new.as_bytes())?;
    baselines::atomic::write(&base_path.with_extension("folded"), folded_base.as_bytes())?;
    let functions = |profile| function_costs::functions(profile, ROOT, crates);
    print_change(&functions(&base), &functions(&new), name);
    println!("\nflamegraph: {}", path.display());
    println!("the base:   {}", base_path.display());
    println!("difference: {}", difference_path.display());
    Ok(())
}

/// Prints the change by function, the largest first, in two parts that sum to it.
fn print_change(base: &[FunctionCost], new: &[FunctionCost], name: &str) {
    let total = |functions: &[FunctionCost]| functions.iter().map(|cost| cost.instructions).sum::<u64>();
    let (before, after) = (total(base), total(new));
    let change = (after as f64 - before as f64) / before.max(1) as f64 * 100.0;
    println!("{after} instructions, {before} in {name} ({change:+.2}%); by function:");
    let deltas = attribute(base, new);
    let shown = reports::cause::largest(&deltas, LISTED);
    println!("{:>12}  {:>12}  {:>12}  function", "change", "by calls", "by cost");
    for delta in shown.functions {
        let (change, calls, cost) = (delta.delta, delta.by_calls, delta.by_cost);
        println!("{change:>+12}  {calls:>+12}  {cost:>+12}  {}: {}", delta.function, reports::cause::told(delta));
    }
    if let Some(rest) = reports::cause::explain_rest(&shown) {
        println!("{:>12}  {:>12}  {:>12}  {rest}", "", "", "");
    }
    let sum = |part: fn(&baselines::cause::FunctionDelta) -> i64| deltas.iter().map(part).sum::<i64>();
    println!(
        "{:>+12}  {:>+12}  {:>+12}  together",
        shown.total,
        sum(|delta| delta.by_calls),
        sum(|delta| delta.by_cost)
    );
}

/// Prints each function's own instructions, the dearest first.
fn print_functions(functions: &[FunctionCost]) {
    let total: u64 = functions.iter().map(|cost| cost.instructions).sum();
    println!("{total} instructions; own cost of the dearest functions:");
    for cost in functions.iter().take(LISTED) {
        let share = cost.instructions as f64 * 100.0 / total.max(1) as f64;
        println!("{share:>6.2}%  {:>12}  {:>9} calls  {}", cost.instructions, cost.calls, cost.function);
    }
}
