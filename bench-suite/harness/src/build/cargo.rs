//! Runs cargo to build the programs of this tree.
//!
//! Measured programs and load generators are built in separate cargo calls: cargo unifies the features of all packages
//! of one call, and features that a command needs of a library must not change the measured code.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::toolchain::{self, OF_A_PACKAGE};
use crate::workspace;

/// A program of this tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum OwnProgram {
    /// The worker of the memory's benchmarks.
    Worker,
    /// The bench of wall times.
    Times,
    /// The memory's HTTP server.
    MemoryServer,
    /// The load generator.
    Loadgen,
}

impl OwnProgram {
    /// The cargo target.
    pub fn target(self) -> CargoTarget {
        let (packages, kind, name) = match self {
            OwnProgram::Worker => (MEASURED, "bin", "assay-worker"),
            OwnProgram::MemoryServer => (&["*memory-server"][..], "bin", "memory-server"),
            OwnProgram::Times => (&["bench-suite"][..], "bench", "times"),
            OwnProgram::Loadgen => (&["*loadgen"][..], "bin", "loadgen"),
        };
        let mut arguments = vec!["build".to_owned(), "--release".to_owned()];
        arguments.extend(packages.iter().map(|package| format!("--package={package}")));
        CargoTarget {
            arguments,
            kind,
            name: name.to_owned(),
            package: PathBuf::new(),
            left_out: None,
            together: vec![],
        }
    }
}

/// The packages of the worker, in one call. A pattern, as older revisions have them without `assay-`.
const MEASURED: &[&str] = &["*memory", "*workloads"];

/// A cargo target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CargoTarget {
    /// The subcommand and its arguments, without the target. Those from `--` on are for the compiler.
    pub arguments: Vec<String>,
    /// `bin`, `bench` or `lib`.
    pub kind: &'static str,
    /// The name of the target.
    pub name: String,
    /// The folder of its package, relative to the tree.
    pub package: PathBuf,
    /// What can be done if it does not compile, so that it is left out; none if that is an error.
    pub left_out: Option<&'static str>,
    /// More arguments of cargo, for a second try if it does not compile: the other packages that are asked for, whose
    /// features cargo unites in one call.
    pub together: Vec<String>,
}

/// The kind of a library; a package has one at most.
pub const LIBRARY: &str = "lib";

/// The kind of a program.
pub const PROGRAM: &str = "bin";

/// Cargo without the variables of the current package. Build scripts may rerun when these change, and ring's does: a
/// build started by a test would build ring again, with libSQL and everything measured, and so would the next build
/// outside of the test.
pub fn cargo() -> Command {
    without_package(Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())))
}

fn without_package(mut command: Command) -> Command {
    for (name, _) in std::env::vars_os() {
        if OF_A_PACKAGE.iter().any(|prefix| name.to_string_lossy().starts_with(prefix)) {
            command.env_remove(name);
        }
    }
    command
}

/// Builds programs of this tree that are out of date; cargo reports its progress on stderr.
pub fn build(programs: &[OwnProgram]) -> Result<BTreeMap<OwnProgram, PathBuf>> {
    programs.iter().map(|program| Ok((*program, build_one(*program)?))).collect()
}

/// Builds one program of this tree.
pub fn build_one(program: OwnProgram) -> Result<PathBuf> {
    build_in(&workspace::root(), None, &[], &program.target())
}

/// Builds a target of the source in `root` with additional variables, in `folder` if given; returns its file.
pub fn build_in(
    root: &Path,
    folder: Option<&Path>,
    variables: &[(&str, &str)],
    target: &CargoTarget,
) -> Result<PathBuf> {
    let mut command = cargo();
    if toolchain::is_own(root) {
        // Under cargo, the variables name the toolchain of the folder in which assay was started.
        command = without_package(Command::new("cargo"));
    }
    toolchain::choose(&mut command, root);
    let of_compiler = target.arguments.iter().position(|argument| argument == "--");
    let (of_cargo, of_compiler) = target.arguments.split_at(of_compiler.unwrap_or(target.arguments.len()));
    command.args(of_cargo).arg(match target.kind {
        LIBRARY => "--lib".to_owned(),
        kind => format!("--{kind}={}", target.name),
    });
    if let Some(folder) = folder {
        command.env("CARGO_TARGET_DIR", folder);
    }
    let output = command
        .arg("--message-format=json")
        .args(of_compiler)
        .envs(variables.iter().copied())
        .current_dir(root)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .context("can't start cargo: assay builds the programs it measures; install Rust from https://rustup.rs")?;
    if !output.status.success() {
        let is_of_compiler = messages(&output.stdout).any(|message| message.reason == BUILD_FINISHED);
        let errors: Vec<(String, Diagnostic)> = messages(&output.stdout)
            .filter_map(|message| Some((message.target?.name, message.message?)))
            .filter(|(_, diagnostic)| diagnostic.level == "error")
            .collect();
        errors.iter().filter_map(|(_, error)| error.rendered.as_deref()).for_each(|text| eprint!("{text}"));
        let is_of_source = errors.iter().any(|(_, error)| error.is_of_source());
        let first = errors.first().map(|(of, error)| format!("in {of}: {}", error.message));
        bail!(BuildFailed { target: target.name.clone(), root: root.to_owned(), is_of_compiler, is_of_source, first });
    }
    executable(&output.stdout, target).with_context(|| format!("cargo built no `{}`", target.name))
}

/// A build that failed. What was wrong is on stderr.
#[derive(Debug, thiserror::Error)]
#[error("the build of `{target}` in {} failed: see above", root.display())]
pub struct BuildFailed {
    target: String,
    root: PathBuf,
    /// Cargo had begun to compile. Otherwise it could not fetch a package, say.
    is_of_compiler: bool,
    /// The compiler refused a line of the source, and will again. Otherwise the disk may have been full.
    pub is_of_source: bool,
    /// The first error of a compiler: the crate, and what it said in a line.
    pub first: Option<String>,
}

impl BuildFailed {
    /// The failure behind an error, if cargo had begun to compile.
    pub fn to_compile(error: &anyhow::Error) -> Option<&BuildFailed> {
        error.downcast_ref::<BuildFailed>().filter(|failed| failed.is_of_compiler)
    }
}

/// The reason of cargo's last message, if it has begun to compile.
const BUILD_FINISHED: &str = "build-finished";

#[derive(Deserialize)]
struct Message {
    #[serde(default)]
    reason: String,
    target: Option<Built>,
    executable: Option<PathBuf>,
    message: Option<Diagnostic>,
}

#[derive(Deserialize)]
struct Diagnostic {
    level: String,
    message: String,
    spans: Vec<serde::de::IgnoredAny>,
    rendered: Option<String>,
}

impl Diagnostic {
    /// It is about a line of source. Errors of a linker, a full disk or a compiler that crashed name no line.
    fn is_of_source(&self) -> bool {
        !self.spans.is_empty()
    }
}

#[derive(Deserialize)]
struct Built {
    name: String,
    kind: Vec<String>,
}

fn messages(stdout: &[u8]) -> impl Iterator<Item = Message> {
    let lines = stdout.split(|byte| *byte == b'\n').filter(|line| line.starts_with(b"{"));
    lines.filter_map(|line| serde_json::from_slice(line).ok())
}

/// Finds the target's file in cargo's messages.
fn executable(stdout: &[u8], wanted: &CargoTarget) -> Option<PathBuf> {
    messages(stdout).find_map(|message| {
        let built = message.target?;
        let same = built.name == wanted.name
            && built.kind.iter().any(|kind| kind == wanted.kind || wanted.kind == LIBRARY && kind.ends_with(LIBRARY));
        message.executable.filter(|_| same)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_is_not_told_of_the_package_of_a_test() {
        assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some(), "cargo sets the variables of a test's package");
        let command = cargo();
        let changed: Vec<_> = command.get_envs().collect();
        for name in ["CARGO_MANIFEST_DIR", "CARGO_PKG_NAME", "CARGO_PKG_VERSION_MAJOR"] {
            assert!(changed.contains(&(name.as_ref(), None)), "{name} is still there");
        }
        assert!(changed.iter().all(|(name, _)| *name != "CARGO_TARGET_DIR" && *name != "CARGO_HOME"), "{changed:?}");
    }

    #[test]
    fn a_program_is_found_among_the_messages() {
        let messages = br#"{"reason":"compiler-artifact","target":{"name":"itoa","kind":["lib"]},"executable":null}
{"reason":"compiler-artifact","target":{"name":"bench","kind":["bin"]},"executable":"/t/other"}
{"reason":"compiler-artifact","target":{"name":"bench","kind":["bench"]},"executable":"/t/bench-1"}
{"reason":"build-finished","success":true}"#;
        let wanted = |name: &str| CargoTarget {
            arguments: vec![],
            kind: "bench",
            name: name.to_owned(),
            package: PathBuf::new(),
            left_out: None,
            together: vec![],
        };
        assert_eq!(executable(messages, &wanted("bench")), Some(PathBuf::from("/t/bench-1")));
        assert_eq!(executable(messages, &wanted("speed")), None);
    }

    #[test]
    fn a_source_that_does_not_compile_is_told_from_other_failures() {
        let folder = tempfile::tempdir().expect("a folder");
        let build = |dependency: &str| {
            let manifest = format!("[package]\nname = \"broken\"\n[workspace]\n[dependencies]\n{dependency}\n");
            std::fs::write(folder.path().join("Cargo.toml"), manifest).expect("written");
            let target = CargoTarget {
                arguments: vec!["build".to_owned(), "--offline".to_owned()],
                kind: "bin",
                name: "broken".to_owned(),
                package: PathBuf::new(),
                left_out: None,
                together: vec![],
            };
            let error = build_in(folder.path(), Some(&folder.path().join("target")), &[], &target).expect_err("fails");
            let failed = error.downcast_ref::<BuildFailed>().expect("a failed build");
            (failed.is_of_compiler, failed.is_of_source, failed.first.clone().unwrap_or_default())
        };
        std::fs::create_dir(folder.path().join("src")).expect("a folder");
        std::fs::write(folder.path().join("src/main.rs"), "fn main() { gone(); }").expect("written");
        assert_eq!(build(""), (true, true, "in broken: cannot find function `gone` in this scope".to_owned()));
        assert_eq!(build("other = { git = \"file:///no/such/repository\" }"), (false, false, String::new()));
        let linked = "#[link(name = \"missing_library\")] unsafe extern \"C\" { fn f(); } fn main() { unsafe { f() } }";
        std::fs::write(folder.path().join("src/main.rs"), linked).expect("written");
        let (of_compiler, of_source, first) = build("");
        assert_eq!((of_compiler, of_source), (true, false), "another time the library may be there");
        assert!(first.starts_with("in broken: linking with"), "{first}");
    }

    #[test]
    fn what_is_measured_is_built_apart_from_what_measures() {
        let packages: Vec<String> = OwnProgram::Worker
            .target()
            .arguments
            .into_iter()
            .filter(|argument| argument.starts_with("--package"))
            .collect();
        assert_eq!(packages, ["--package=*memory", "--package=*workloads"]);
    }
}
