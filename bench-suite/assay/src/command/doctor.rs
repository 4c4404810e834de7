//! `assay doctor`: what is missing for a gate here, and how noisy this machine is now.

use std::fmt::Display;
use std::path::Path;
use std::process::Command;

use anyhow::Result;
use baselines::exit_code::Exit;
use clap::Args;
use harness::build::git;
use harness::build::relink::linker;
use harness::subject::bench_targets;
use harness::subject::elsewhere;
use harness::tools::valgrind;
use harness::{noise, workspace};

/// Check what a gate needs here, and how noisy this machine is now
#[derive(Debug, Args)]
#[command(after_help = "\
Each line is `ok`, `note` (a gate works, with less) or `missing` (it does not), with what to do about it.
Ends with 1 if something is missing.")]
pub struct DoctorArgs {}

/// The findings, as they are printed.
#[derive(Default)]
struct Findings {
    missing: bool,
}

impl Findings {
    fn ok(&self, what: impl Display) {
        println!("ok       {what}");
    }

    fn note(&self, what: impl Display) {
        println!("note     {what}");
    }

    fn missing(&mut self, what: impl Display) {
        self.missing = true;
        println!("missing  {what}");
    }
}

impl DoctorArgs {
    /// Checks everything, and says what to do.
    pub fn execute(&self) -> Result<Exit> {
        let mut findings = Findings::default();
        let version = |program: &str| {
            let output = Command::new(program).arg("--version").output().ok().filter(|output| output.status.success());
            output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
        };
        match version("cargo") {
            Some(version) => findings.ok(version),
            None => findings.missing("cargo: install Rust from https://rustup.rs"),
        }
        match version("cc") {
            Some(version) => findings.ok(version.lines().next().unwrap_or("cc")),
            None => findings.missing("cc: programs are linked by a C compiler; on Debian, install gcc and libc6-dev"),
        }
        match valgrind::missing() {
            None => findings.ok(version("valgrind").unwrap_or_default()),
            Some(why) => findings.note(format!("no exact counts, only times: {why}")),
        }
        match linker(Path::new(".")) {
            Ok(linker) if Command::new(&linker).arg("--version").output().is_ok() => {
                findings.ok("LLD, for new layouts")
            }
            _ => findings.note(
                "no LLD: each side has one layout, so times only advise. Rust ships it on x86-64 Linux; elsewhere \
                    install `lld` and link with it",
            ),
        }
        self.source(&mut findings);
        self.machine(&findings);
        Ok(if findings.missing { Exit::Error } else { Exit::Ok })
    }

    /// The repository and its benches.
    fn source(&self, findings: &mut Findings) {
        if workspace::has_the_memory() {
            return findings.ok("the memory's tree: `assay run --list` shows its cases");
        }
        let definition = match elsewhere::of_folder(Path::new(".")) {
            Ok(definition) => definition,
            Err(error) => return findings.missing(format!("{error:#}")),
        };
        match git::resolve(&definition.repository, "HEAD~1") {
            Ok(_) => findings.ok(format!("git repository {}", definition.repository.display())),
            Err(_) => findings
                .note("HEAD has no parent here: `--against` needs a base; in CI, fetch the history (`fetch-depth: 0`)"),
        }
        if let Err(error) = bench_targets::self_contained(&definition) {
            return findings.missing(format!("{error:#}"));
        }
        match bench_targets::benches(&definition) {
            Ok(targets) => {
                for (name, _) in &targets.targets {
                    findings.ok(format!("bench {name}"));
                }
                for (name, why) in &targets.skipped {
                    findings.note(format!("bench {name} is left out: {why}"));
                }
                if targets.targets.is_empty() {
                    findings.missing(
                        "no bench to measure: `[[bench]]` with `harness = false` makes one, for criterion say, or `#[bench]`",
                    );
                }
            }
            Err(error) => findings.missing(format!("{error:#}")),
        }
    }

    /// The cores, the load and the noise.
    fn machine(&self, findings: &Findings) {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
        let load = load.split_whitespace().next().unwrap_or("?").to_owned();
        findings.ok(format!("{cores} cores, load {load}"));
        let noise::Noise { neighbours, disturbed } = noise::measure();
        let said = format!(
            "identical slices of work differ by {:.2}%; {:.0}% of them are disturbed",
            neighbours * 100.0,
            disturbed * 100.0
        );
        match neighbours < 0.02 && disturbed < 0.1 {
            true => findings.ok(said),
            false => findings.note(format!(
                "{said}: times need more rounds here, and may stay undecided. Counts are as exact as ever"
            )),
        }
    }
}
