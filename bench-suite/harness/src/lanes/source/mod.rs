//! The source lane: what the source itself shows, by parsing it, its lock file and its built programs.
//!
//! Nothing is built and nothing is executed, so it works in any cargo workspace. All of it is exact. Code for tests,
//! benches and examples is left out. What needs a build or a network of its own is skipped with the reason.

mod binaries;
mod duplicates;
mod hot;
mod syntax;
mod tree;

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use baselines::{CaseKey, Durability, Measurement, Run, RunWriter, Sample};

use self::hot::Profile;
use self::tree::Package;
use crate::build::metadata::Metadata;

/// A file of more lines is long.
const LONG: usize = 500;

/// The name of the input in the environment of a run of this lane alone: its numbers are compared with no others.
pub const INPUT: &str = "source";

/// What this lane does not measure: a name, the reason and the remedy.
const NOT_MEASURED: [(&str, &str); 3] = [
    ("coverage", "it takes a build with instrumentation and a run of all tests: `cargo llvm-cov` measures it"),
    (
        "clean build time",
        "it takes a clean build, and a time is of one machine: `cargo clean && cargo build --release --timings` shows it",
    ),
    ("advisories", "they need a database that is fetched from a network: `cargo audit` fetches it and looks them up"),
];

/// Measures the workspace of a manifest, and marks what is hot by the profiles of `counted`.
pub fn measure(manifest: &Path, counted: Option<&Run>, filter: Option<&str>, writer: &mut RunWriter) -> Result<()> {
    let metadata = Metadata::read(manifest)?;
    let root = &metadata.workspace_root;
    let mut lane = SourceLane { filter, writer };
    let profile = counted.map(Profile::of);
    if profile.is_none() {
        lane.skipped("hot clones", "no run here has costs by function: `assay run --lane counts` makes one")?;
    }
    for package in &metadata.packages {
        let package = tree::read(package, root)?;
        lane.package(&package, profile.as_ref())?;
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
    NOT_MEASURED.iter().try_for_each(|(what, why)| lane.skipped(what, why))
}

/// Sentences on what a table has no room for: who brings the versions of a package.
pub fn notes(run: &Run) -> Vec<String> {
    let of = |measurement: &Measurement| {
        let name = measurement.case.benchmark.strip_prefix(duplicates::CASE)?;
        let brought: Vec<&str> = measurement.counters.keys().map(String::as_str).collect();
        Some(format!("`{name}` is in Cargo.lock in {} versions: {}", measurement.sample.median(), brought.join("; ")))
    };
    run.measurements.iter().filter(|measurement| measurement.metric == "versions").filter_map(of).collect()
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
                self.with_counters(&case, "hot_clones", clones, counters)?;
            }
        }
        package.skipped.iter().try_for_each(|(what, why)| self.skipped(what, why))
    }

    fn duplicates(&mut self, found: &[duplicates::Duplicate]) -> Result<()> {
        self.add("workspace", "duplicates", found.len())?;
        for one in found {
            let counters = one.brought_by.iter().map(|(version, path)| (format!("{version} by {path}"), 1)).collect();
            self.with_counters(
                &format!("{}{}", duplicates::CASE, one.name),
                "versions",
                one.brought_by.len(),
                counters,
            )?;
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
        self.with_counters(benchmark, metric, value, BTreeMap::new())
    }

    fn with_counters(
        &mut self,
        benchmark: &str,
        metric: &str,
        value: usize,
        counters: BTreeMap<String, u64>,
    ) -> Result<()> {
        if self.filter.is_some_and(|filter| !benchmark.contains(filter)) {
            return Ok(());
        }
        let case = CaseKey { benchmark: benchmark.to_owned(), variant: String::new() };
        let measurement = Measurement::new(case, metric, Sample::new(vec![value as f64])?, Durability::Struct);
        Ok(self.writer.measurement(measurement.with_counters(counters))?)
    }

    fn skipped(&mut self, what: &str, why: &str) -> Result<()> {
        Ok(self.writer.skipped(what, why)?)
    }
}
