//! Valgrind: whether it is there, and how a worker is started under it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use workloads::input::Source;

/// Why the counts lane can't run, with the remedy; nothing if it can.
pub fn missing() -> Option<String> {
    let found = Command::new("valgrind").arg("--version").stdin(Stdio::null()).output();
    match found {
        Ok(output) if output.status.success() => None,
        _ => Some(
            "valgrind is not installed: type `sudo apt-get install valgrind` (or your system's equivalent), \
             or run scripts/setup"
                .to_owned(),
        ),
    }
}

/// The C library chooses string functions by the CPU, and thresholds of copying by its caches: pinned, they are the
/// same on every x86-64 host. The names are those of glibc's manual, "Hardware Capability Tunables"; those that a
/// version does not know are ignored.
const GLIBC_TUNABLES: &str = "glibc.cpu.hwcaps=-AVX2,-AVX2_Usable,-AVX512F,-AVX512VL,-AVX512BW,-EVEX,-ERMS,-FSRM,-BMI1,-BMI2,-LZCNT,-MOVBE,-SSSE3,\
-SSE4_1,-SSE4_2,-RTM:glibc.cpu.x86_data_cache_size=32768:glibc.cpu.x86_shared_cache_size=1048576:\
glibc.cpu.x86_non_temporal_threshold=3145728:glibc.cpu.x86_rep_movsb_threshold=2048:glibc.cpu.x86_rep_stosb_threshold=2048";

/// The heap grows by as much as is ever needed, never shrinks, and gives every block itself. Otherwise it would call
/// the system whenever a page of its end is reached or free, and where the pages begin depends on the length of the
/// program's path.
const HEAP: [(&str, &str); 3] = [
    ("MALLOC_TOP_PAD_", "268435456"),
    ("MALLOC_TRIM_THRESHOLD_", "4294967296"),
    ("MALLOC_MMAP_THRESHOLD_", "33554432"),
];

/// A worker and what it is told, the same under every tool.
#[derive(Debug, Clone)]
pub struct CountedWorker {
    /// The worker's file.
    pub program: PathBuf,
    /// The case's identifier.
    pub case: String,
    /// Toggles that are set otherwise than in the list of cases.
    pub set: Vec<String>,
    /// What it works on.
    pub source: Source,
    /// Where stores are made.
    pub scratch: PathBuf,
    /// Bytes that are added to its environment: counts must not depend on them.
    pub padding: usize,
}

impl CountedWorker {
    /// One exact count by itself, with the allocator counting.
    pub fn with_heap(&self) -> Command {
        let mut command = Command::new(&self.program);
        self.tell(&mut command).arg("--heap");
        command
    }

    /// One exact count under a tool of valgrind's.
    pub fn under(&self, tool: &[String]) -> Command {
        let mut command = Command::new("valgrind");
        command.args(tool).arg(&self.program);
        self.tell(&mut command);
        command
    }

    fn tell<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        pinned(command)
            .args([&self.case, "--count"])
            .args(self.set.iter().flat_map(|pair| ["--set", pair]))
            .envs(self.source.variables())
            .env(workloads::scratch::VARIABLE, &self.scratch)
            .env("ASSAY_PADDING", "x".repeat(self.padding))
            .stdin(Stdio::null())
    }
}

/// Gives a command the environment of a count: what is pinned, what finds valgrind, and variables of this project.
fn pinned(command: &mut Command) -> &mut Command {
    let passed = std::env::vars_os().filter(|(name, _)| {
        let name = name.to_string_lossy();
        name.starts_with("ASSAY_") || ["PATH", "VALGRIND_LIB"].contains(&&*name)
    });
    command.env_clear().envs(passed).env("GLIBC_TUNABLES", GLIBC_TUNABLES).envs(HEAP)
}

/// The features of the CPU as valgrind presents it to a worker, sorted. Hosts whose CPUs differ in what valgrind hides
/// are alike.
pub fn cpu_features(worker: &Path) -> Result<Vec<String>> {
    let mut command = Command::new("valgrind");
    let output = pinned(command.args(["--tool=none", "--quiet"]).arg(worker).arg("--cpu"))
        .stdin(Stdio::null())
        .output()
        .context("can't start valgrind")?;
    ensure!(output.status.success(), "valgrind can't run the worker: {}", last_lines(&output.stdout, &output.stderr));
    serde_json::from_slice(&output.stdout).context("the worker printed no list of CPU features")
}

/// What a failed child said last, on one line.
pub fn last_lines(stdout: &[u8], stderr: &[u8]) -> String {
    let text = format!("{}\n{}", String::from_utf8_lossy(stdout), String::from_utf8_lossy(stderr));
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(8)..].join(" | ")
}
