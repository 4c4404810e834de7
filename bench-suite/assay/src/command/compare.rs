//! `assay compare`: compares two runs, two revisions, two variants or two phases.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, bail};
use baselines::exit_code::Exit;
use claims::each_toggle;
use claims::phases::{self, Phase};
use clap::Args;
use harness::budget;
use harness::build::git;
use harness::session::ab::{AbSession, CasePair};
use harness::session::judging::judge;
use harness::session::plan::{FinishedRun, Selection};
use harness::session::rulebook::Rulebook;
use harness::session::{run, runs};
use harness::subject;
use harness::workspace;
use reports::Format;
use workloads::cases::{self, Case};

use super::cargo_args::CargoArgs;
use super::publish;

/// Compare two stored runs, two revisions, two variants, or two phases
#[derive(Debug, Args)]
#[command(after_help = "\
A side is a stored run (a path, a name, `latest`), a revision (a commit, a branch, a tag), a variant
(`variant:codec=postcard,cache=lru`) or a phase of bench-suite/claims/phases.toml (`phase:0`), which sets all toggles
that the case's store supports, except store and durability class.

Stored runs: exact counts are judged if toolchain, valgrind, C library, CPU and corpus are the same. Times of two
sessions are shown, never judged. Revisions, variants and phases are measured now, alternating, and times are judged.

What other tools left is a stored run, too: criterion's folder (target/criterion), gungraun's summary.json or what its
--output-format=json prints, the JSON of hyperfine --export-json and of goose --report-file, or a folder with any of
them. target/criterion:main is the run that criterion keeps there as `main` (cargo bench -- --save-baseline main).

Examples:
  assay compare baselines/stored/x.jsonl latest
  assay compare 20261121T213300Z-4bf5022 latest --format markdown
  assay compare before/criterion target/criterion
  assay compare target/criterion:main target/criterion
  assay compare v0.1.0 HEAD --only codec
  assay compare variant:codec=json variant:codec=postcard --only step/log
  assay compare phase:0 phase:1 --only metadata/query
  assay compare phase:0 phase:3 --each-toggle --only lifecycle_libsql_committed")]
pub struct CompareArgs {
    /// The base: a stored run, a revision, `variant:toggle=strategy,..` or `phase:N`
    base: String,

    /// The side to compare with the base
    new: String,

    /// The limits of metrics [default: the built-in policy]
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,

    #[command(flatten)]
    cargo: CargoArgs,

    /// text, markdown, html, junit, json or github
    #[arg(long, default_value = "text")]
    format: Format,

    /// Accept interrupted runs, with the measurements that they have
    #[arg(long)]
    partial: bool,

    /// For phases: count what each phase and each toggle between them brings, alone and on top of all others, and how
    /// pool, cache and compression act together
    #[arg(long, conflicts_with = "budget")]
    each_toggle: bool,

    /// For revisions, variants and phases: only benchmarks that contain this text
    #[arg(long, value_name = "FILTER")]
    only: Option<String>,

    /// For revisions, variants and phases: end this many seconds after the builds, at least 30; what still needs rounds
    /// then is undecided. To count again what differs, and to find out whose doing it is, may take half as long again
    #[arg(long, value_name = "SECONDS", value_parser = budget::seconds)]
    budget: Option<Duration>,
}

/// A side as the user names it.
#[derive(Debug)]
enum NamedSide {
    Run(PathBuf),
    Revision(String),
    Variant(Vec<String>),
    Phase(Phase),
}

impl NamedSide {
    fn parse(named: &str) -> Result<NamedSide> {
        if let Some(variant) = named.strip_prefix("variant:") {
            return Ok(NamedSide::Variant(variant.split(',').map(str::to_owned).collect()));
        }
        if let Some(phase) = named.strip_prefix("phase:") {
            return Ok(NamedSide::Phase(phases::find(phase)?));
        }
        let not_a_run = match runs::find(named) {
            Ok(path) => return Ok(NamedSide::Run(path)),
            Err(error) => error,
        };
        match git::resolve(&workspace::root(), named) {
            Ok(commit) => Ok(NamedSide::Revision(commit)),
            Err(_) => Err(not_a_run.context(format!("`{named}` is not a revision either"))),
        }
    }
}

/// True for one benchmark under one variant.
fn is_same(one: &Case, other: &Case) -> bool {
    one.benchmark.name == other.benchmark.name && one.variant == other.variant
}

impl CompareArgs {
    /// Compares, and ends with the exit code of a gate.
    pub fn execute(&self) -> Result<Exit> {
        let sides = (NamedSide::parse(&self.base)?, NamedSide::parse(&self.new)?);
        if self.each_toggle && !matches!(sides, (NamedSide::Phase(_), NamedSide::Phase(_))) {
            bail!("--each-toggle compares two phases, as in `phase:0 phase:3`");
        }
        self.cargo.refuse_if(!matches!(sides, (NamedSide::Revision(_), NamedSide::Revision(_))))?;
        match sides {
            (NamedSide::Run(base), NamedSide::Run(new)) => self.runs(&base, &new),
            (NamedSide::Revision(base), NamedSide::Revision(new)) => self.revisions(&base, &new),
            (NamedSide::Variant(base), NamedSide::Variant(new)) => self.variants(&base, &new),
            (NamedSide::Phase(base), NamedSide::Phase(new)) if self.each_toggle => self.each_toggle(&base, &new),
            (NamedSide::Phase(base), NamedSide::Phase(new)) => self.phases(&base, &new),
            _ => bail!(
                "compare two runs, two revisions, two variants or two phases: {} and {} are of different kinds",
                self.base,
                self.new
            ),
        }
    }

    fn selection(&self) -> Selection {
        Selection { filter: self.only.clone(), ..Selection::default() }
    }

    fn revisions(&self, base: &str, new: &str) -> Result<Exit> {
        let (selection, rulebook) = (self.selection(), Rulebook::of_this_tree(self.policy.as_deref())?);
        let session = AbSession { selection: &selection, rulebook: &rulebook, budget: self.budget };
        let subject = subject::here(selection.source()?, self.cargo.choice())?;
        publish::judged(session.revisions(&*subject, base, Some(new), false)?, Some(self.format))
    }

    /// The cases that both variants affect with every toggle, each pair once.
    fn variants(&self, base: &[String], new: &[String]) -> Result<Exit> {
        let (only, mut pairs) = (self.only.as_deref(), Vec::<CasePair>::new());
        let bases = cases::select(only, base)?.cases;
        for new in cases::select(only, new)?.cases {
            let both = bases.iter().find(|base| base.id == new.id).map(|base| CasePair { base: *base, new });
            pairs.extend(both.filter(|both| both.base.variant != both.new.variant));
        }
        self.alternate(&pairs, ["variant", &base.join(","), &new.join(",")])
    }

    /// Every case under both phases, each pair once.
    fn phases(&self, base: &Phase, new: &Phase) -> Result<Exit> {
        let mut pairs: Vec<CasePair> = Vec::new();
        for case in cases::select(self.only.as_deref(), &[])?.cases {
            let both = CasePair { base: base.apply(&case), new: new.apply(&case) };
            let listed = pairs.iter().any(|pair| is_same(&pair.base, &both.base) && is_same(&pair.new, &both.new));
            if both.base.variant != both.new.variant && !listed {
                pairs.push(both);
            }
        }
        self.alternate(&pairs, ["phase", &base.name, &new.name])
    }

    /// Counts every variant between two phases that differs by one toggle from one of them, and the phases in between.
    /// Nothing is judged.
    fn each_toggle(&self, base: &Phase, new: &Phase) -> Result<Exit> {
        let named = cases::select(self.only.as_deref(), &[])?.cases;
        let (phases, mut counted) = (phases::between(base, new)?, Vec::<Case>::new());
        for case in named.iter().flat_map(|case| each_toggle::cases(&phases, case)) {
            if !counted.iter().any(|other| is_same(other, &case)) {
                counted.push(case);
            }
        }
        if counted.is_empty() {
            eprintln!(
                "no case is called `{}`: `assay run --list` shows them",
                self.only.as_deref().unwrap_or_default()
            );
            return Ok(Exit::Nothing);
        }
        let FinishedRun { path, run } = run::count(&self.selection(), &counted)?;
        let exit = if run.measurements.is_empty() { Exit::Nothing } else { Exit::Ok };
        let report = publish::report(&path, run)?;
        print!("{}", reports::render(&report, self.format)?);
        eprintln!("run:    {}\nreport: {}", path.display(), publish::write(&report, &path)?.display());
        Ok(exit)
    }

    fn alternate(&self, pairs: &[CasePair], [kind, base, new]: [&str; 3]) -> Result<Exit> {
        if pairs.is_empty() {
            eprintln!(
                "no case differs between {kind} {base} and {kind} {new}: `assay run --toggles` lists what can be set"
            );
            return Ok(Exit::Nothing);
        }
        let (selection, rulebook) = (self.selection(), Rulebook::of_this_tree(self.policy.as_deref())?);
        let session = AbSession { selection: &selection, rulebook: &rulebook, budget: self.budget };
        publish::judged(session.variants(pairs, &format!("{kind} {base}"), new)?, Some(self.format))
    }

    fn runs(&self, base_path: &Path, new_path: &Path) -> Result<Exit> {
        // In parallel, as reading takes most of the time for large runs.
        let (base, new) = std::thread::scope(|scope| {
            let base = scope.spawn(|| runs::read(base_path, self.partial));
            let new = runs::read(new_path, self.partial);
            (base.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), new)
        });
        let base = base?;
        let mut report = publish::report(new_path, new?)?;
        let judgement = judge(&base, &report.run, &Rulebook::of_this_tree(self.policy.as_deref())?, None);
        let [before, now] = [&base, &report.run].map(|run| &run.header.environment.commit);
        if git::is_ancestor(&workspace::root(), now, before) {
            report.notes.push(format!(
                "the base ({}) is newer than what it is compared with ({}): the sides may be swapped",
                git::short(before),
                git::short(now)
            ));
        }
        let exit = judgement.outcome.exit();
        report.judgement = Some(judgement);
        report.shows_all_deltas = true;
        report.against = Some(format!("run {}", base_path.display()));
        print!("{}", reports::render(&report, self.format)?);
        Ok(exit)
    }
}
