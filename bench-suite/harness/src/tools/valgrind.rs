//! Checks for valgrind, and runs a worker under it.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use super::bounded::last_lines;
use crate::budget::Budget;
use crate::case_command::CaseCommand;

/// The reason why the counts lane can't run, with the remedy; `None` if it can.
pub fn missing() -> Option<String> {
    let found = Command::new("valgrind").arg("--version").stdin(Stdio::null()).output();
    match found {
        Ok(output) if output.status.success() => None,
        _ => Some(
            "valgrind is not installed: run `sudo apt-get install valgrind` (or your system's equivalent), \
             or run scripts/setup"
                .to_owned(),
        ),
    }
}

/// Valgrind, with what the command line says and nothing else: a `.valgrindrc` in the folder would change counts.
pub(super) fn valgrind() -> Command {
    let mut command = Command::new("valgrind");
    command.arg("--command-line-only=yes");
    command
}

/// The C library chooses string functions by the CPU, and thresholds of copying by its caches: pinned, they are the
/// same on every x86-64 host. The names are from glibc's manual, "Hardware Capability Tunables"; a version ignores
/// those that it does not know.
const GLIBC_TUNABLES: &str = "glibc.cpu.hwcaps=-AVX2,-AVX2_Usable,-AVX512F,-AVX512VL,-AVX512BW,-EVEX,-ERMS,-FSRM,-BMI1,-BMI2,-LZCNT,-MOVBE,-SSSE3,\
-SSE4_1,-SSE4_2,-RTM:glibc.cpu.x86_data_cache_size=32768:glibc.cpu.x86_shared_cache_size=1048576:\
glibc.cpu.x86_non_temporal_threshold=3145728:glibc.cpu.x86_rep_movsb_threshold=2048:glibc.cpu.x86_rep_stosb_threshold=2048";

/// The heap grows by as much as is ever needed, never shrinks, and serves every block. Otherwise it would call the
/// system when a page at its end is reached or freed, and the length of the program's path decides where pages begin.
const HEAP: [(&str, &str); 3] = [
    ("MALLOC_TOP_PAD_", "268435456"),
    ("MALLOC_TRIM_THRESHOLD_", "4294967296"),
    ("MALLOC_MMAP_THRESHOLD_", "33554432"),
];

/// One exact count of a case, the same under every tool.
#[derive(Debug, Clone)]
pub struct ExactCount {
    /// The worker and its case.
    pub command: CaseCommand,
    /// The folder for stores.
    pub scratch: PathBuf,
    /// Bytes added to its environment, on which counts must not depend.
    pub padding: usize,
    /// The time that is left: then its processes are killed.
    pub budget: Budget,
}

impl ExactCount {
    /// The command without a tool, with the allocator counting.
    pub fn with_heap(&self) -> Command {
        let mut command = Command::new(&self.command.program);
        self.configure(&mut command).arg("--heap");
        command
    }

    /// The command under a valgrind tool.
    pub fn under(&self, tool: &[String]) -> Command {
        let mut command = valgrind();
        command.args(tool).arg(&self.command.program);
        self.configure(&mut command);
        command
    }

    fn configure<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        self.command
            .configure(pinned(command))
            .arg("--count")
            .env(workloads::scratch::VARIABLE, &self.scratch)
            .env("ASSAY_PADDING", "x".repeat(self.padding))
            .stdin(Stdio::null())
    }
}

/// Sets the environment of a count: pinned variables, those that find valgrind, and this project's.
fn pinned(command: &mut Command) -> &mut Command {
    let passed = std::env::vars_os().filter(|(name, _)| {
        let name = name.to_string_lossy();
        name.starts_with("ASSAY_") || ["PATH", "VALGRIND_LIB"].contains(&&*name)
    });
    command.env_clear().envs(passed).env("GLIBC_TUNABLES", GLIBC_TUNABLES).envs(HEAP)
}

/// The features of the CPU as valgrind presents it to a worker, whatever its case, sorted. Hosts that differ only in
/// hidden features are equal.
pub fn cpu_features(worker: &CaseCommand) -> Result<Vec<String>> {
    let mut command = valgrind();
    command.args(["--tool=none", "--quiet"]).arg(&worker.program);
    let output = worker
        .place(pinned(&mut command))
        .arg("--cpu")
        .stdin(Stdio::null())
        .output()
        .context("can't start valgrind")?;
    ensure!(output.status.success(), "valgrind can't run the worker: {}", last_lines(&output.stdout, &output.stderr));
    serde_json::from_slice(&output.stdout).context("the worker printed no CPU features")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_options_in_the_folder_changes_nothing() {
        if let Some(why) = missing() {
            println!("skipped: {why}");
            return;
        }
        let folder = tempfile::tempdir().expect("a folder");
        let file = |name: &str| folder.path().join(name);
        std::fs::write(file(".valgrindrc"), "--branch-sim=yes\n--callgrind:collect-systime=yes\n").expect("writes");
        let command = CaseCommand { program: PathBuf::from("/bin/true"), ..CaseCommand::default() };
        let (scratch, budget) = (folder.path().to_owned(), Budget::default());
        let worker = ExactCount { command, scratch, padding: 0, budget };
        let tool = ["--tool=callgrind", "--callgrind-out-file=profile"].map(str::to_owned);
        // Valgrind reads such files only where it knows a HOME.
        let mut command = worker.under(&tool);
        let output = command.env("HOME", "/").current_dir(folder.path()).output().expect("valgrind starts");
        assert!(output.status.success(), "{}", last_lines(&output.stdout, &output.stderr));
        let profile = std::fs::read_to_string(file("profile")).expect("reads");
        assert!(profile.lines().any(|line| line.trim_end() == "events: Ir"), "other events are counted");
    }
}
