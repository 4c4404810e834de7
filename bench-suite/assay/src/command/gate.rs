//! `assay gate`: fails if a change made something worse.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use baselines::baseline::{self, BaselineLookup};
use baselines::exit_code::Exit;
use baselines::policy;
use baselines::shard::ShardNumber;
use baselines::{CaseKey, Environment, Lane, Measurement, Run, environment};
use clap::Args;
use harness::budget;
use harness::build::base::{self, Base};
use harness::build::git::{repository_of, resolve, short};
use harness::foreign::{Parts, StoredCounts};
use harness::session::ab::AbSession;
use harness::session::judging::{Judged, judge, narrow, number_of_cases, steady};
use harness::session::plan::{self, FinishedRun, RunProfile, Selection};
use harness::session::rulebook::{self, BaseCommit, Rulebook, StoredBaselines};
use harness::session::{run, runs};
use harness::subject::command::CommandSubject;
use harness::subject::definition::Definition;
use harness::subject::elsewhere;
use harness::subject::memory::MemorySubject;
use harness::subject::server::ServerSubject;
use harness::subject::{self, Subject};
use harness::tools::valgrind;
use harness::workspace;
use reports::Format;

use super::cargo_args::CargoArgs;
use super::publish;
use super::selection::SelectionArgs;
use super::server_args::ServerArgs;

/// The folders that say what a benchmark does.
const MEASURED: &[&str] = &["bench-suite/corpus", "bench-suite/worker", "bench-suite/workloads"];

/// Where cargo packages have benches and their inputs.
const BENCHES: &[&str] = &[":(top,glob)**/benches/**"];

/// Fail if something is worse than the stored baseline, or than another revision
#[derive(Debug, Args)]
#[command(after_help = "\
The gate takes the baseline of this environment from baselines/stored. If there is none, accept one:
  assay run --lane counts && assay baseline accept --reason \"first\"

A change is judged by the base: by the policy and the baselines of REV, of the commit where a pull request leaves its
target branch (in CI), or of HEAD. Differences in this tree are reported and not used.

Examples:
  assay gate                             all exact counts against the stored baseline
  assay gate retrieve                    only the retrieval benchmarks
  assay gate --against main              counts of all cases, times of 20, against where HEAD left main
  assay gate retrieve --against HEAD~1   only the retrieval benchmarks
  assay gate --against main --shard 2/3  the second of three parts, for three machines: see `assay merge --help`
  assay gate --run latest                judge a stored run, and measure nothing
  assay gate --run target/gungraun --baselines counts    judge gungraun's output by an accepted one

In any other cargo package or workspace, its benches (criterion, divan, gungraun, iai, bencher, libtest) are gated, with
nothing to edit:
  cargo assay gate                               exact counts against the baseline that it has stored
  cargo assay gate --against HEAD~1              all benchmarks
  cargo assay gate parse --against main          those whose name contains `parse`
  cargo assay gate --project assay.toml --against main    what this file describes: a bench, or a worker

Any command of any git repository, each side built and run in a checkout:
  assay gate --command 'target/release/tool big.json' --against main
  assay gate --command './tool a' --command './tool b' --build make --against HEAD~1

A server under load: CPU time per request and response times, each side in turns under the same requests:
  assay gate --server 'target/release/shop --port {port}' --scenario shop.toml --against main")]
pub struct GateArgs {
    #[command(flatten)]
    selection: SelectionArgs,

    #[command(flatten)]
    cargo: CargoArgs,

    /// Build where HEAD left this revision (their merge base) and measure against it, instead of comparing with a
    /// stored baseline
    #[arg(long, value_name = "REV", conflicts_with_all = ["run", "baselines"])]
    against: Option<String>,

    /// With --against: measure against REV itself
    #[arg(long, requires = "against")]
    exact_base: bool,

    /// With --against: gate the project that this file describes [default: the package or workspace of this folder,
    /// or its assay.toml]
    #[arg(long, value_name = "FILE", requires = "against")]
    project: Option<PathBuf>,

    /// With --against: gate this command, as run in this folder; may be repeated
    #[arg(long, value_name = "COMMAND", requires = "against", conflicts_with = "project")]
    command: Vec<String>,

    #[command(flatten)]
    server: ServerArgs,

    /// With --command or --server: what a shell runs in this folder to build a side [default: cargo build --release, if
    /// there is a Cargo.toml]
    #[arg(long, value_name = "COMMAND", requires = "against")]
    build: Option<String>,

    /// With --command: fail if the two sides print something else
    #[arg(long, requires = "command")]
    same_output: bool,

    /// With --against: end this many seconds after the builds; what was not decided by then is undecided. To count
    /// again what differs, and to find out whose doing it is, may take half as long again. At least 30
    #[arg(long, value_name = "SECONDS", requires = "against", value_parser = budget::seconds)]
    budget: Option<Duration>,

    /// With --against: measure one of several parts of the cases, as in 2/3: `assay merge` judges all parts together
    #[arg(long, value_name = "i/n", requires = "against", conflicts_with = "command")]
    shard: Option<ShardNumber>,

    /// Judge this stored run instead of measuring
    #[arg(long, value_name = "RUN")]
    run: Option<String>,

    /// The folder of accepted baselines [default: baselines/stored]
    #[arg(long, value_name = "FOLDER")]
    baselines: Option<PathBuf>,

    /// The limits of metrics, as the base has them [default: baselines/policy.toml, or the built-in policy]
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,

    /// Also print the verdicts in this format: markdown, junit, json or github
    #[arg(long, value_name = "FORMAT")]
    format: Option<Format>,
}

/// Leaves out of a baseline what is of other targets than a run. A baseline of before 2026-11-27 does not name them:
/// then only the run's cases stay.
fn keep_targets(base: &mut Run, new: &Run) {
    let measured = new.measurements.iter().filter_map(|measurement| measurement.target.as_deref());
    let targets: BTreeSet<&str> = measured.chain(new.skipped.iter().map(|skipped| skipped.what.as_str())).collect();
    let is_of_them =
        |measurement: &&Measurement| measurement.target.as_deref().is_some_and(|target| targets.contains(target));
    let cases: BTreeSet<CaseKey> =
        base.measurements.iter().filter(is_of_them).map(|measurement| measurement.case.clone()).collect();
    let is_measured = |before: &Measurement| new.find(&before.case, &before.metric).is_some();
    base.measurements.retain(|before| cases.contains(&before.case) || is_measured(before));
}

/// Says that a stored run is not of the tree in a folder as it is now.
fn of_another_tree(measured: &Environment, folder: &Path) -> Option<String> {
    let now = (resolve(folder, "HEAD").ok()?, environment::is_dirty(folder));
    let told = |commit: &str, dirty| format!("{}{}", short(commit), if dirty { " with changes" } else { "" });
    let (run, tree) = (told(&measured.commit, measured.dirty), told(&now.0, now.1));
    (run != tree).then(|| format!("the judged run is of {run}, and the tree is at {tree}: `assay run` measures it"))
}

impl GateArgs {
    /// Measures, judges, reports.
    pub fn execute(&self) -> Result<Exit> {
        let is_process = !self.command.is_empty() || self.server.is_given();
        self.cargo.refuse_if(is_process || self.run.is_some())?;
        let others = is_process || self.project.is_some() || !workspace::has_the_memory();
        self.selection.refuse_of_memory_if(others && self.run.is_none())?;
        let Some(revision) = &self.against else { return self.by_stored() };
        if !self.command.is_empty() {
            return self.commands(revision);
        }
        if let Some(subject) = self.server.subject(self.build.clone())? {
            return self.server(&subject, revision);
        }
        ensure!(self.build.is_none(), "`--build` builds what --command or --server runs: give one of them");
        match &self.project {
            None if workspace::has_the_memory() => self.revision(revision),
            file => self.project(file.as_deref(), revision),
        }
    }

    /// True if some of the cases are measured.
    pub fn is_partial(&self) -> bool {
        self.selection.is_partial() || self.cargo.is_partial() || self.shard.is_some()
    }

    /// Judges what is measured now, or a stored run, by the stored baseline.
    fn by_stored(&self) -> Result<Exit> {
        let policy = self.policy.as_deref();
        let is_memory = workspace::has_the_memory();
        self.cargo.refuse_if(is_memory)?;
        let root = if is_memory || self.run.is_some() { workspace::root() } else { repository_of(&workspace::root())? };
        let mut rulebook = match BaseCommit::of_tree(&root)? {
            Some(base) => Rulebook::of_base(base, policy)?,
            None => Rulebook::of_this_tree(policy)?,
        };
        rulebook.benchmarks(if is_memory { MEASURED } else { BENCHES })?;
        let folder = self.baselines.clone().unwrap_or_else(workspace::stored_baselines);
        let baselines = rulebook.baselines(&folder)?;
        let (FinishedRun { path, run: new }, unsteady) = match &self.run {
            Some(named) => {
                let path = runs::find(named)?;
                (FinishedRun { run: runs::read(&path, false)?, path }, vec![])
            }
            None => match self.measured(&baselines, &mut rulebook)? {
                Some(measured) => measured,
                None => return Ok(Exit::Nothing),
            },
        };
        if new.header.is_foreign() {
            return self.foreign(&baselines, &path, new, &rulebook);
        }
        let Some((against, mut base)) = stored(&baselines, &new.header.environment)? else { return Ok(Exit::Nothing) };
        let mut scope = narrow(&mut base, &new, &self.selection.selection())?;
        if self.cargo.is_partial() {
            let all = number_of_cases(&base);
            keep_targets(&mut base, &new);
            scope = Some(format!("{} of {all} cases: --package, --bench", number_of_cases(&base)));
        }
        let judgement = judge(&steady(&base, &unsteady), &steady(&new, &unsteady), &rulebook, scope.as_deref());
        let exit = judgement.outcome.exit();
        let mut report = publish::report(&path, new)?;
        if judgement.comparison.deltas.iter().any(|delta| !delta.cause.is_empty()) {
            let commit = base.header.environment.commit.get(..12).unwrap_or(&base.header.environment.commit);
            report.notes.push(format!("`assay profile CASE --against {commit}` draws the call stacks of both sides"));
        }
        report.notes.extend(rulebook.notes);
        if self.run.is_some() {
            report.notes.extend(of_another_tree(&report.run.header.environment, &root));
        }
        report.judgement = Some(judgement);
        report.against = Some(format!("baseline {}", baselines.name(&against)));
        publish::print_and_write(&report, &path, self.format)?;
        Ok(exit)
    }

    /// Measures what a stored baseline judges, with the cases whose counts differ from run to run; none, with a
    /// message, where no baseline can judge it.
    fn measured(
        &self,
        baselines: &StoredBaselines,
        rulebook: &mut Rulebook,
    ) -> Result<Option<(FinishedRun, Vec<CaseKey>)>> {
        let selection = self.counted()?;
        let subject = match workspace::has_the_memory() || selection.is_source() {
            true => None,
            false => Some(subject::here(selection.source()?, self.cargo.choice())?),
        };
        let environment = match &subject {
            None if selection.is_source() => plan::environment_of_source(&selection),
            None => run::environment(&selection)?,
            Some(subject) => {
                let (seed, input) = subject.input()?;
                Environment::detect(seed, &input)
            }
        };
        // Differences that rule out a comparison are reported before anything is measured.
        let Some((against, base)) = stored(baselines, &environment)? else { return Ok(None) };
        let differences = base.header.environment.count_differences(&environment);
        if !differences.is_empty() {
            eprintln!("can't compare with {}: its environment differs", baselines.name(&against));
            differences.iter().for_each(|difference| eprintln!("  {difference}"));
            eprintln!("{}", self.remedy(baselines.folder(), &environment)?);
            return Ok(None);
        }
        rulebook.judged_by.baseline = Some(rulebook::hash_file(&against)?);
        let judged_by = || Some(rulebook.judged_by.clone());
        Ok(Some(match subject {
            None if selection.is_source() => (run::source(&selection, None, judged_by())?, vec![]),
            None => (run::measure(&selection, RunProfile::Full, None, judged_by())?, vec![]),
            Some(subject) => run::measure_against(&*subject, &selection, &base, rulebook)?,
        }))
    }

    /// Measures against a revision of this tree, by that revision's rules.
    fn revision(&self, revision: &str) -> Result<Exit> {
        self.cargo.refuse_if(true)?;
        let root = workspace::root();
        let Some(base) = self.base(&root, revision)? else { return Ok(Exit::Nothing) };
        let rules = BaseCommit::new(&root, &base.commit)?;
        let mut rulebook = Rulebook::of_base(rules, self.policy.as_deref())?;
        rulebook.benchmarks(MEASURED)?;
        let (selection, budget) = (self.selected(), self.budget);
        if let (true, Some(why)) = (selection.compares(Lane::Counts), valgrind::missing()) {
            bail!("exact counts can't be gated: {why}; `--lane time` gates times alone");
        }
        let session = AbSession { selection: &selection, rulebook: &rulebook, budget };
        let subject = MemorySubject { source: selection.source()? };
        let mut judged = session.revisions(&subject, &base.commit, None, true)?;
        if judged.finished.run.same_program {
            let said = "`memory-server` and `loadgen` are not in it: `assay run --lane load` measures them";
            judged.notes.push(said.to_owned());
        }
        publish::judged(Judged { against: base.said, ..judged }, self.format)
    }

    /// Measures the benches of a cargo package or workspace against a revision of it, by that revision's rules and
    /// project file.
    fn project(&self, file: Option<&Path>, revision: &str) -> Result<Exit> {
        let plain = || elsewhere::of_folder(Path::new("."));
        let file = match file {
            Some(file) => Some(file.to_owned()),
            None => plain()?.file(),
        };
        let definition = file.as_deref().map_or_else(plain, Definition::read)?;
        if let Some(file) = &file {
            Rulebook::same_repository(file, revision, &definition)?;
        }
        let Some(base) = self.base(&definition.repository, revision)? else { return Ok(Exit::Nothing) };
        let mut rulebook = self.rules(&definition.repository, &base)?;
        rulebook.benchmarks(BENCHES)?;
        let definition = match &file {
            // A file that nobody named is the base's word: one that the change brings waits until it has landed.
            Some(file) if self.project.is_none() && !rulebook.has(file)? => {
                rulebook.notes.push(format!("{} is not in the base: it is not used yet", file.display()));
                plain()?
            }
            Some(file) => rulebook.definition(file, definition)?,
            None => definition,
        };
        let judged = self.compare(&*subject::of(definition.with(self.cargo.choice())?), &base, &rulebook)?;
        publish::judged(judged, self.format)
    }

    /// Measures whole processes of commands against a revision, by that revision's rules.
    fn commands(&self, revision: &str) -> Result<Exit> {
        let subject = CommandSubject::new(self.command.clone(), self.build.clone(), self.same_output)?;
        self.by_rules_of(subject.repository(), revision, &subject, |_| subject.notes())
    }

    /// Measures a server under load against a revision, by that revision's rules.
    fn server(&self, subject: &ServerSubject, revision: &str) -> Result<Exit> {
        let notes = |base: &Base| self.server.notes(subject, &base.commit);
        self.by_rules_of(subject.repository(), revision, subject, notes)
    }

    /// Measures a subject against a revision of its repository, by that revision's rules; `notes` of it come last.
    fn by_rules_of(
        &self,
        repository: &Path,
        revision: &str,
        subject: &dyn Subject,
        notes: impl FnOnce(&Base) -> Vec<String>,
    ) -> Result<Exit> {
        let Some(base) = self.base(repository, revision)? else { return Ok(Exit::Nothing) };
        let rulebook = self.rules(repository, &base)?;
        let mut judged = self.compare(subject, &base, &rulebook)?;
        judged.notes.extend(notes(&base));
        publish::judged(judged, self.format)
    }

    /// What judges another project: the base's policy.
    fn rules(&self, repository: &Path, base: &Base) -> Result<Rulebook> {
        Rulebook::of_base(BaseCommit::new(repository, &base.commit)?, self.policy.as_deref())
    }

    /// Measures a subject of another project against a base.
    fn compare(&self, subject: &dyn Subject, base: &Base, rulebook: &Rulebook) -> Result<Judged> {
        let (selection, budget) = (self.selected(), self.budget);
        let session = AbSession { selection: &selection, rulebook, budget };
        let judged = session.revisions(subject, &base.commit, None, rulebook.text != policy::DEFAULT)?;
        Ok(Judged { against: base.said.clone(), ..judged })
    }

    /// What to do where the base has no baseline of this environment.
    fn remedy(&self, folder: &Path, environment: &Environment) -> Result<&'static str> {
        Ok(match baseline::find(folder, environment)? {
            BaselineLookup::Found(..) => {
                "a baseline can't judge the change that adds it: commit it first; in CI, merge it in a change of its own"
            }
            _ => {
                "accept a baseline of this environment: `assay run --lane counts`, `assay baseline accept`; or compare \
                    with a revision, which needs none: `--against HEAD~1`"
            }
        })
    }

    /// The base of HEAD for a revision; none, with a message, where it is HEAD itself.
    fn base(&self, repository: &Path, revision: &str) -> Result<Option<Base>> {
        let base = base::choose(repository, revision, self.exact_base)?;
        eprintln!("{}", base.said);
        if base.is_this_tree(repository)? {
            eprintln!(
                "nothing was compared: the base is HEAD, and the tree has no changes: `--against HEAD~1` compares with \
                    the commit before"
            );
            return Ok(None);
        }
        Ok(Some(base))
    }

    /// Judges what another tool counted by what was accepted of it.
    fn foreign(&self, baselines: &StoredBaselines, path: &Path, new: Run, rulebook: &Rulebook) -> Result<Exit> {
        let folder = baselines.folder();
        let Some(StoredCounts { base, files, others }) = StoredCounts::find(baselines.files(), &new)? else {
            let parts = Parts::of(&new);
            match parts.names()[..] {
                [] => eprintln!(
                    "{} has no exact counts, so nothing of it can be gated: `assay compare BASE NEW` shows two runs side \
                        by side",
                    path.display()
                ),
                ref benches => eprintln!(
                    "there is no baseline of {} in {}: `assay baseline accept {} --baselines {1} --reason \"..\"` makes \
                        one",
                    benches.join(", "),
                    folder.display(),
                    path.display()
                ),
            }
            return Ok(Exit::Nothing);
        };
        let judgement = judge(&base, &new, rulebook, None);
        let exit = judgement.outcome.exit();
        let mut report = publish::report(path, new)?;
        if !others.is_empty() {
            report.notes.push(format!("this run has no benchmark of {}: its baseline was not used", others.join(", ")));
        }
        report.notes.extend(rulebook.notes.iter().cloned());
        report.judgement = Some(judgement);
        let files: Vec<_> = files.iter().map(|file| baselines.name(file)).collect();
        report.against = Some(format!("baseline {}", files.join(", ")));
        publish::print_and_write(&report, path, self.format)?;
        Ok(exit)
    }

    /// What is measured against a revision.
    fn selected(&self) -> Selection {
        Selection { shard: self.shard, ..self.selection.selection() }
    }

    /// What is measured against a stored baseline: counts, unless other lanes are named.
    fn counted(&self) -> Result<Selection> {
        let mut selection = self.selection.selection();
        if selection.lanes.is_empty() {
            selection.lanes = vec![Lane::Counts];
        }
        if let (true, Some(why)) = (selection.lanes.contains(&Lane::Counts), valgrind::missing()) {
            bail!("exact counts can't be gated: {why}");
        }
        Ok(selection)
    }
}

/// The baseline of an environment, or the one that differs least; none, with a message, where there is no baseline.
fn stored(baselines: &StoredBaselines, environment: &Environment) -> Result<Option<(PathBuf, Run)>> {
    match baseline::find(baselines.files(), environment)? {
        BaselineLookup::Found(path, run) | BaselineLookup::Incomparable(path, run) => Ok(Some((path, *run))),
        BaselineLookup::Empty => {
            eprintln!(
                "there is no baseline in {}: `assay run --lane counts` and then `assay baseline accept --reason \"..\"` \
                    make one; `--against HEAD~1` compares with a revision, and needs none",
                baselines.folder().display()
            );
            Ok(None)
        }
    }
}
