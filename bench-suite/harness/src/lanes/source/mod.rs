//! The source lane: what the source itself shows, by parsing it, its lock file and its built programs.
//!
//! Nothing is built and nothing is executed, so it works in any cargo workspace. Code for tests, benches and examples
//! is left out. What takes a build, a run of the tests or a network is read from what other tools left: coverage, the
//! clean build, advisories. Without that it is skipped with the reason.

mod advisories;
mod binaries;
mod coverage;
mod duplicates;
mod hot;
mod syntax;
mod timings;
mod tree;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Result;
use baselines::{CaseKey, Durability, Measurement, Run, RunWriter, Sample};

use self::hot::Profile;
use self::tree::Package;
use crate::build::metadata::Metadata;
use crate::workspace;

/// A file of more lines is long.
const LONG: usize = 500;

/// The name of the input in the environment of a run of this lane alone: its numbers are compared with no others.
pub const INPUT: &str = "source";

/// Measures the workspace of a manifest, and marks what is hot by the profiles of `counted`.
pub fn measure(manifest: &Path, counted: Option<&Run>, filter: Option<&str>, writer: &mut RunWriter) -> Result<()> {
    let metadata = Metadata::read(manifest)?;
    let root = &metadata.workspace_root;
    let mut lane = SourceLane { filter, writer };
    let profile = counted.map(Profile::of);
    if profile.is_none() {
        lane.skipped("hot clones", "no run here has costs by function: `assay run --lane counts` makes one")?;
    }
    let mut packages = Vec::with_capacity(metadata.packages.len());
    for package in &metadata.packages {
        let package = tree::read(package, root)?;
        lane.package(&package, profile.as_ref())?;
        packages.push(package);
    }
    match duplicates::read(&root.join("Cargo.lock"))? {
        Some(found) => lane.duplicates(&found)?,
        None => {
            lane.skipped("duplicate dependencies", "there is no Cargo.lock: `cargo generate-lockfile` makes one")?
        }
    }
    for (name, program) in binaries::programs(&metadata) {
        match binaries::sizes(&program) {
            Ok(sizes) => lane.program(&name, &sizes)?,
            Err(error) => lane.skipped(&format!("size of {name}"), &format!("{error:#}"))?,
        }
    }
    match coverage::read(root) {
        Ok(files) => lane.coverage(&packages, &files)?,
        Err(error) => lane.skipped("coverage", &format!("{error:#}"))?,
    }
    let sources = packages.iter().flat_map(|package| package.files.iter().map(|(file, _)| root.join(file)));
    let sources: Vec<PathBuf> = sources.chain([root.join("Cargo.lock"), root.join("Cargo.toml")]).collect();
    match timings::read(&workspace::target(), sources.iter().map(PathBuf::as_path)) {
        Ok(build) => lane.clean_build(&build)?,
        Err(error) => lane.skipped("clean build", &format!("{error:#}"))?,
    }
    match advisories::find(root) {
        Ok(found) => lane.advisories(&found),
        Err(error) => lane.skipped("advisories", &format!("{error:#}")),
    }
}

/// True if a file was written after another one.
fn is_newer(file: &Path, other: &Path) -> bool {
    let written = |path: &Path| path.metadata().and_then(|metadata| metadata.modified()).ok();
    written(file).zip(written(other)).is_some_and(|(file, other)| file > other)
}

/// Sentences on what a table has no room for: who brings the versions of a package, and what an advisory is about.
pub fn notes(run: &Run) -> Vec<String> {
    let of = |measurement: &Measurement| {
        let case = &measurement.case.benchmark;
        let listed = measurement.counters.keys().map(String::as_str).collect::<Vec<&str>>().join("; ");
        if let Some(name) = case.strip_prefix(duplicates::CASE) {
            return Some(format!("`{name}` is in Cargo.lock in {} versions: {listed}", measurement.sample.median()));
        }
        Some(format!("{} holds for {listed}", case.strip_prefix(advisories::CASE)?))
    };
    run.measurements.iter().filter_map(of).collect()
}

struct SourceLane<'a> {
    filter: Option<&'a str>,
    writer: &'a mut RunWriter,
}

impl SourceLane<'_> {
    fn package(&mut self, package: &Package, profile: Option<&Profile>) -> Result<()> {
        let files = || package.files.iter().map(|(_, file)| file);
        let case = format!("crate/{}", package.name);
        self.add(&case, "lines", files().map(|file| file.lines).sum())?;
        self.add(&case, "long_files", files().filter(|file| file.lines > LONG).count())?;
        self.add(&case, "unwraps", files().map(|file| file.unwraps).sum())?;
        self.add(&case, "expects", files().map(|file| file.expects).sum())?;
        let functions = || files().flat_map(|file| &file.functions).filter(|function| function.clones > 0);
        self.add(&case, "clones", functions().map(|function| function.clones).sum())?;
        let hot = profile.map(|profile| profile.hot(files().flat_map(|file| &file.functions)));
        if let Some(hot) = &hot {
            let is_hot = |function: &&syntax::Function| hot.contains_key(&function.path());
            self.add(&case, "hot_clones", functions().filter(is_hot).map(|function| function.clones).sum())?;
        }
        for (path, file) in &package.files {
            self.add(&format!("file/{path}"), "lines", file.lines)?;
        }
        let mut by_path: BTreeMap<String, usize> = BTreeMap::new();
        functions().for_each(|function| *by_path.entry(function.path()).or_default() += function.clones);
        for (path, clones) in by_path {
            let case = format!("function/{path}");
            self.add(&case, "clones", clones)?;
            if let Some(permille) = hot.as_ref().and_then(|hot| hot.get(&path)) {
                let counters = BTreeMap::from([("instructions_of_1000".to_owned(), *permille)]);
                self.value(&case, "hot_clones", clones as f64, counters)?;
            }
        }
        package.skipped.iter().try_for_each(|(what, why)| self.skipped(what, why))
    }

    fn duplicates(&mut self, found: &[duplicates::Duplicate]) -> Result<()> {
        self.add("workspace", "duplicates", found.len())?;
        for one in found {
            let counters = one.brought_by.iter().map(|(version, path)| (format!("{version} by {path}"), 1)).collect();
            let (case, versions) = (format!("{}{}", duplicates::CASE, one.name), one.brought_by.len());
            self.value(&case, "versions", versions as f64, counters)?;
        }
        Ok(())
    }

    fn coverage(&mut self, packages: &[Package], files: &BTreeMap<String, coverage::Lines>) -> Result<()> {
        for package in packages {
            let covered = || package.files.iter().filter_map(|(path, _)| Some((path, files.get(path)?)));
            let shares = covered().map(|(path, lines)| (format!("file/{path}"), coverage::share([lines].into_iter())));
            let whole = coverage::share(covered().map(|(_, lines)| lines));
            for (case, share) in shares.chain([(format!("crate/{}", package.name), whole)]) {
                if let Some(share) = share {
                    self.value(&case, "line_coverage", share, BTreeMap::new())?;
                }
            }
        }
        Ok(())
    }

    fn clean_build(&mut self, build: &timings::CleanBuild) -> Result<()> {
        self.add("workspace", "build_units", build.units)?;
        self.value("workspace", "build_time", build.ns, BTreeMap::new())
    }

    fn advisories(&mut self, found: &[advisories::Advisory]) -> Result<()> {
        self.add("workspace", "advisories", found.len())?;
        let mut by_id: BTreeMap<&str, BTreeMap<String, u64>> = BTreeMap::new();
        for advisory in found {
            by_id.entry(&advisory.id).or_default().insert(advisory.what.clone(), 1);
        }
        for (id, holds_for) in by_id {
            self.value(&format!("{}{id}", advisories::CASE), "advisories", holds_for.len() as f64, holds_for)?;
        }
        Ok(())
    }

    fn program(&mut self, name: &str, sizes: &BTreeMap<String, u64>) -> Result<()> {
        self.add(&format!("program/{name}"), "code_bytes", usize::try_from(sizes.values().sum::<u64>())?)?;
        for (of, bytes) in binaries::largest(sizes) {
            self.add(&format!("program/{name}/{of}"), "code_bytes", usize::try_from(bytes)?)?;
        }
        Ok(())
    }

    fn add(&mut self, benchmark: &str, metric: &str, value: usize) -> Result<()> {
        self.value(benchmark, metric, value as f64, BTreeMap::new())
    }

    fn value(&mut self, benchmark: &str, metric: &str, value: f64, counters: BTreeMap<String, u64>) -> Result<()> {
        if self.filter.is_some_and(|filter| !benchmark.contains(filter)) {
            return Ok(());
        }
        let case = CaseKey { benchmark: benchmark.to_owned(), variant: String::new() };
        let measurement = Measurement::new(case, metric, Sample::new(vec![value])?, Durability::Struct);
        Ok(self.writer.measurement(measurement.with_counters(counters))?)
    }

    fn skipped(&mut self, what: &str, why: &str) -> Result<()> {
        Ok(self.writer.skipped(what, why)?)
    }
}
