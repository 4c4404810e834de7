//! Shared by the command tests: runs as files, and the `assay` program.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use baselines::record::{Acceptance, RunHeader};
use baselines::{CaseKey, Durability, Environment, FunctionCost, Measurement, Run, Sample};
use harness::tools::valgrind;
use tempfile::TempDir;

use super::base::git;

/// Runs `assay` in `folder`, so that it does not touch the workspace.
pub fn assay(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_assay"))
        .args(arguments)
        .current_dir(folder)
        .env("CARGO_TARGET_DIR", folder.join("target"))
        .env("ASSAY_CACHE", folder.join("cache"))
        .env("NO_COLOR", "1")
        .output()
        .expect("assay starts")
}

/// Makes a folder look like the memory's tree, whose cases are those of the command.
pub fn like_the_memory(folder: &Path) {
    for file in ["memory/Cargo.toml", "bench-suite/workloads/src/cases.rs"] {
        let path = folder.join(file);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        if !path.exists() {
            std::fs::write(path, "").expect("written");
        }
    }
}

/// A library with two functions.
pub const LIBRARY: &str = "/// The sum of squares.\n#[inline(never)]\npub fn squares(numbers: &[u64]) -> u64 {\n    \
    numbers.iter().map(|number| std::hint::black_box(number * number)).sum()\n}\n\n/// The largest.\n\
    #[inline(never)]\npub fn largest(numbers: &[u64]) -> u64 {\n    \
    numbers.iter().map(|number| std::hint::black_box(*number)).max().unwrap_or(0)\n}\n";

/// A criterion bench of none of them.
pub const CRITERION_BENCH: &str = r#"use criterion::{criterion_group, criterion_main, Criterion};

fn doubles(criterion: &mut Criterion) {
    criterion.bench_function("doubles", |b| b.iter(|| (0..100).map(std::hint::black_box).sum::<u64>() * 2));
}

criterion_group!(benches, doubles);
criterion_main!(benches);
"#;

/// A library with [`LIBRARY`]'s functions whose squares take longer.
pub fn slower(library: &str) -> String {
    let slower = library.replace("number * number)", "number * number) + std::hint::black_box(1)");
    assert_ne!(slower, library, "it has that function");
    slower
}

/// The benchmarks with a verdict of a metric that blocks and got worse, sorted.
pub fn worse(said: &str) -> Vec<&str> {
    let lines = said.lines().filter(|line| line.starts_with("regressed  "));
    let mut worse: Vec<&str> = lines.map(|line| line.rsplit(' ').next().unwrap_or(line)).collect();
    worse.sort_unstable();
    worse
}

/// A repository of a project that knows nothing of Assay, in its first commit.
pub struct Project {
    folder: TempDir,
}

impl Project {
    /// With these files.
    pub fn new(files: &[(&str, &str)]) -> Project {
        let project = Project { folder: tempfile::tempdir().expect("a folder") };
        project.write(".gitignore", "target\ncache\n");
        files.iter().for_each(|(file, text)| project.write(file, text));
        git(&project.root(), &["init", "--quiet"]);
        project.commit();
        project
    }

    /// Its folder, whose name is that of the package in reports.
    pub fn root(&self) -> PathBuf {
        self.folder.path().join("summing")
    }

    /// Writes a file.
    pub fn write(&self, file: &str, text: &str) {
        let path = self.root().join(file);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, text).expect("written");
    }

    /// Commits everything.
    pub fn commit(&self) {
        git(&self.root(), &["add", "--all"]);
        git(&self.root(), &["commit", "--quiet", "-m", "a change"]);
    }

    /// The exit code, stdout and stderr of `assay` with these arguments.
    pub fn assay(&self, arguments: &[&str]) -> (i32, String, String) {
        parts(&assay(&self.root(), arguments))
    }
}

/// The manifest of a package with criterion benches.
pub const MANIFEST: &str = r#"[package]
name = "summing"
version = "0.1.0"
edition = "2021"

[dev-dependencies]
criterion = "0.5"

[[bench]]
name = "sums"
harness = false

[[bench]]
name = "other"
harness = false
"#;

/// With it, nothing is asked of the network: the stand-in takes the place of the only dependency.
pub const LOCK: &str = r#"version = 4

[[package]]
name = "criterion"
version = "0.5.1"
source = "registry+https://github.com/rust-lang/crates.io-index"
checksum = "f2b12d017a929603d80db1831cd3a24082f8137ce19c69e6447f54f5fc8d692f"

[[package]]
name = "summing"
version = "0.1.0"
dependencies = [
 "criterion",
]
"#;

const BENCH: &str = r#"use criterion::{black_box, criterion_group, criterion_main, Criterion};
use std::collections::HashMap;

fn sums(criterion: &mut Criterion) {
    let numbers: Vec<u64> = (0..100).collect();
    let mut group = criterion.benchmark_group("sums");
    group.bench_function("squares", |b| b.iter(|| summing::squares(black_box(&numbers))));
    group.bench_function("largest", |b| b.iter(|| summing::largest(black_box(&numbers))));
    group.finish();
    // Its work depends on the seed of the hasher.
    criterion.bench_function("map", |b| {
        b.iter(|| (0..200_u64).map(|key| (key, key)).collect::<HashMap<_, _>>().into_iter().next())
    });
    // Its work depends on where a function lies, as that of some hashers does.
    let place = summing::squares as fn(&[u64]) -> u64 as usize;
    criterion.bench_function("placed", |b| b.iter(|| (0..(place >> 4) % 1024).map(black_box).sum::<usize>()));
    criterion.bench_function("broken", |b| b.iter(|| panic!("its data are missing")));
}

criterion_group!(benches, sums);
criterion_main!(benches);
"#;

/// A repository with that package, in its first commit.
pub fn summing() -> Project {
    Project::new(&[
        ("Cargo.toml", MANIFEST),
        ("Cargo.lock", LOCK),
        ("src/lib.rs", LIBRARY),
        ("benches/sums.rs", BENCH),
        ("benches/other.rs", "fn main() {\n    println!(\"no criterion bench\");\n}\n"),
        ("README.md", "Sums.\n"),
    ])
}

/// False without valgrind, and then that is said.
pub fn has_valgrind() -> bool {
    if let Some(why) = valgrind::missing() {
        println!("skipped: {why}");
        return false;
    }
    true
}

/// The exit code, stdout and stderr.
pub fn parts(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().expect("not killed"), text(&output.stdout), text(&output.stderr))
}

/// A run of this machine with these instruction counts.
pub fn run(counts: &[(&str, f64)]) -> Run {
    let mut environment = Environment::detect(1, "generated");
    environment.dirty = false;
    environment.commit = "0123456789abcdef0123456789abcdef01234567".to_owned();
    let measurements = counts.iter().map(|(benchmark, value)| instructions(benchmark, *value)).collect();
    Run {
        header: RunHeader {
            started_at: "2026-01-01T00:00:00Z".to_owned(),
            command: "assay run".to_owned(),
            profile: "quick".to_owned(),
            environment,
            accepted: None::<Acceptance>,
            judged_by: None,
            rounds_seed: None,
        },
        measurements,
        pairs: vec![],
        deltas: vec![],
        skipped: vec![],
        invalid: vec![],
        same_program: false,
        shard: None,
        complete: true,
    }
}

fn instructions(benchmark: &str, value: f64) -> Measurement {
    Measurement {
        case: CaseKey { benchmark: benchmark.to_owned(), variant: memory::Variant::naive().to_string() },
        metric: "instructions".to_owned(),
        sample: Sample::new(vec![value]).expect("finite"),
        operations: 1,
        durability: Durability::Memory,
        counters: Default::default(),
        input: None,
        target: None,
        functions: vec![FunctionCost {
            function: "memory::work".to_owned(),
            instructions: value as u64,
            calls: 1,
            ..FunctionCost::default()
        }],
    }
}
