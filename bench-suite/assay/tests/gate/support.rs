//! Shared by the command tests: runs as files, and the `assay` program.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use baselines::record::{Acceptance, RunHeader};
use baselines::{CaseKey, Durability, Environment, FunctionCost, Measurement, Run, Sample};
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
        functions: vec![FunctionCost {
            function: "memory::work".to_owned(),
            instructions: value as u64,
            calls: 1,
            ..FunctionCost::default()
        }],
    }
}
