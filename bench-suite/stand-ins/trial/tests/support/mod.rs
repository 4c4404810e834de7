//! Runs benches, alone and under callgrind.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// What a bench did.
pub struct Done {
    /// The lines of stdout.
    pub answers: Vec<String>,
    /// All of stderr.
    pub stderr: String,
    /// The exit code.
    pub code: Option<i32>,
    /// What the benchmarks noted.
    pub log: Vec<String>,
}

/// Runs a bench with arguments and commands.
pub fn run(program: &str, arguments: &[&str], commands: &str) -> Done {
    let log = log_file(&[program, &arguments.concat(), commands].concat());
    let mut child = Command::new(program)
        .args(arguments)
        .env("ASSAY_TRIAL_LOG", &log)
        .env("RUST_BACKTRACE", "0")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the bench starts");
    // A bench that does not read has ended.
    let _ = child.stdin.take().expect("a pipe").write_all(commands.as_bytes());
    let Output { status, stdout, stderr } = child.wait_with_output().expect("the bench ends");
    let noted = fs::read_to_string(&log).unwrap_or_default();
    let _ = fs::remove_file(&log);
    let lines = |text: String| text.lines().map(str::to_owned).collect();
    Done {
        answers: lines(String::from_utf8(stdout).expect("UTF-8")),
        stderr: String::from_utf8(stderr).expect("UTF-8"),
        code: status.code(),
        log: lines(noted),
    }
}

/// A file of its own for each test and run.
fn log_file(run: &str) -> PathBuf {
    let test = std::thread::current().name().unwrap_or("main").to_owned();
    let hash = run.bytes().fold(7_u64, |hash, byte| hash.wrapping_mul(31).wrapping_add(u64::from(byte)));
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{test}-{hash:x}.log"))
}

/// The instructions that callgrind collects below the measured function.
pub fn instructions(program: &str, id: &str, operations: u64, padding: usize) -> Option<u64> {
    let out = log_file(&format!("{id}{operations}{padding}"));
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--instr-atstart=no", "--collect-atstart=no"])
        .args(["--toggle-collect=*slice::run_measured*", &format!("--callgrind-out-file={}", out.display())])
        .args([program, id, "--count"])
        .env("ASSAY_OPERATIONS", operations.to_string())
        .env("ASSAY_PADDING", "x".repeat(padding))
        .output()
        .ok()?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let profile = fs::read_to_string(&out).expect("a profile");
    let _ = fs::remove_file(&out);
    let total = profile.lines().find_map(|line| line.strip_prefix("summary: ").or(line.strip_prefix("totals: ")));
    Some(total.and_then(|total| total.trim().parse().ok()).expect("a total"))
}
