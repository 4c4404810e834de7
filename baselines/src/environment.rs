//! The environment of a number: machine, toolchain and commit. Decides which counts may be compared.
//!
//! The clock frequency is not recorded: it changes all the time, and no lane depends on it.

use std::path::Path;
use std::process::Command;

use serde::{Deserialize, Serialize};

use crate::hash::fnv1a;

/// The machine, the toolchain, the commit and the input of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Environment {
    /// The commit of the measured tree, or `unknown`.
    pub commit: String,
    /// The tree had uncommitted changes.
    pub dirty: bool,
    /// `rustc --version`.
    pub rustc: String,
    /// The target triple.
    pub target: String,
    /// `valgrind --version`, if it is installed.
    pub valgrind: Option<String>,
    /// The C library and its version, as in `glibc 2.36`.
    pub libc: String,
    /// The CPU's model as it names itself.
    pub cpu_model: String,
    /// The features of the CPU that a counted process sees, sorted. Valgrind presents its own, so hosts that differ in
    /// what it hides count alike. Empty if nothing was counted.
    pub cpu_features: Vec<String>,
    /// The number of cores that the process may use.
    pub cores: usize,
    /// The kernel's release.
    pub kernel: String,
    /// The seed of everything random.
    pub seed: u64,
    /// The input of the benchmarks: `generated`, or a corpus file's name and checksum.
    pub corpus: String,
}

/// Features that valgrind 3.19 hides. Runs of schema 1 have them, if their host does.
const HIDDEN: [&str; 10] =
    ["adx", "avx512bw", "avx512cd", "avx512dq", "avx512f", "avx512vl", "gfni", "sha", "vaes", "vpclmulqdq"];

/// One difference between two environments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// The field, as in `rustc`.
    pub field: String,
    /// The base's value.
    pub base: String,
    /// The new value.
    pub new: String,
}

impl Environment {
    /// Reads this machine, the toolchain on the `PATH`, and the commit of the working directory. The CPU's features are
    /// for the one to say who starts counted processes.
    pub fn detect(seed: u64, corpus: &str) -> Environment {
        let rustc = output("rustc", &["--version", "--verbose"]).unwrap_or_default();
        let field =
            |name: &str| rustc.lines().find_map(|line| line.strip_prefix(name)).map(|value| value.trim().to_owned());
        let commit = output("git", &["rev-parse", "HEAD"]);
        Environment {
            dirty: commit.is_some() && is_dirty(Path::new(".")),
            commit: commit.unwrap_or_else(|| "unknown".to_owned()),
            rustc: rustc.lines().next().unwrap_or("unknown").to_owned(),
            target: field("host:").unwrap_or_else(|| format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS)),
            valgrind: output("valgrind", &["--version"]),
            libc: output("getconf", &["GNU_LIBC_VERSION"]).unwrap_or_else(|| "unknown".to_owned()),
            cpu_model: cpu_model(),
            cpu_features: vec![],
            cores: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            kernel: rustix::system::uname().release().to_string_lossy().into_owned(),
            seed,
            corpus: corpus.to_owned(),
        }
    }

    /// The differences that make exact counts incomparable: toolchain, target, valgrind, libc, CPU features, corpus,
    /// seed. Empty if the counts may be compared.
    pub fn count_differences(&self, new: &Environment) -> Vec<Difference> {
        let none = "none".to_owned();
        let fields = [
            ("rustc", &self.rustc, &new.rustc),
            ("target", &self.target, &new.target),
            ("valgrind", self.valgrind.as_ref().unwrap_or(&none), new.valgrind.as_ref().unwrap_or(&none)),
            ("libc", &self.libc, &new.libc),
            ("corpus", &self.corpus, &new.corpus),
        ];
        let difference = |field: &str, base: String, new: String| Difference { field: field.into(), base, new };
        let mut differences: Vec<Difference> = fields
            .into_iter()
            .filter(|(_, base, new)| base != new)
            .map(|(field, base, new)| difference(field, base.clone(), new.clone()))
            .collect();
        let counted = |environment: &Environment| !environment.cpu_features.is_empty();
        if counted(self) && counted(new) && self.cpu_features != new.cpu_features {
            let only = |a: &[String], b: &[String]| {
                let list: Vec<_> = a.iter().filter(|feature| !b.contains(feature)).cloned().collect();
                if list.is_empty() { "nothing more".to_owned() } else { format!("only here: {}", list.join(" ")) }
            };
            let base = format!("{} ({})", self.cpu_model, only(&self.cpu_features, &new.cpu_features));
            let new = format!("{} ({})", new.cpu_model, only(&new.cpu_features, &self.cpu_features));
            differences.push(difference("cpu_features", base, new));
        }
        if self.seed != new.seed {
            differences.push(difference("seed", self.seed.to_string(), new.seed.to_string()));
        }
        differences
    }

    /// What a run of schema 1 says of its host, as a counted process saw it.
    pub(crate) fn hide_from_counts(&mut self) {
        self.cpu_features.retain(|feature| !HIDDEN.contains(&feature.as_str()));
        self.cpu_features.sort_unstable();
    }

    /// A short name for all environments whose counts may be compared, as in
    /// `x86_64-rustc1.95.0-valgrind3.19.0-glibc2.36-1f0c8a3b`.
    pub fn key(&self) -> String {
        let version = |text: &str| text.split_whitespace().nth(1).unwrap_or("unknown").to_owned();
        let valgrind = self.valgrind.as_deref().map_or("none", |text| text.trim_start_matches("valgrind-"));
        let features: String = self.cpu_features.iter().map(|feature| format!("|{feature}")).collect();
        let hashed = format!("{}|{}|{}|{}{features}", self.rustc, self.target, self.corpus, self.seed);
        format!(
            "{}-rustc{}-valgrind{}-{}-{:08x}",
            self.target.split('-').next().unwrap_or("unknown"),
            version(&self.rustc),
            valgrind,
            self.libc.replace(' ', ""),
            fnv1a(hashed.as_bytes()) as u32
        )
    }
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: base {}, here {}", self.field, self.base, self.new)
    }
}

/// True if the files of the repository around `folder` are not those of its HEAD, or that can't be told.
///
/// They are compared by an index made for it: in the usual one, git can be told to take files for unchanged.
pub fn is_dirty(folder: &Path) -> bool {
    let Ok(own) = tempfile::tempdir() else { return true };
    let git = |arguments: &[&str]| {
        let mut command = Command::new("git");
        command.args(["-c", "core.fsmonitor=false", "--no-optional-locks"]).args(arguments).current_dir(folder);
        let output = command.env("GIT_INDEX_FILE", own.path().join("index")).output().ok()?;
        output.status.success().then_some(output.stdout)
    };
    let status = ["status", "--porcelain", "--untracked-files=normal", "--ignore-submodules=none"];
    !git(&["read-tree", "HEAD"]).and_then(|_| git(&status)).is_some_and(|changes| changes.is_empty())
}

fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).stderr(std::process::Stdio::null()).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}

#[cfg(target_arch = "x86_64")]
fn cpu_model() -> String {
    let brand = raw_cpuid::CpuId::new().get_processor_brand_string();
    brand.map_or_else(|| "unknown x86_64".to_owned(), |brand| brand.as_str().trim().to_owned())
}

#[cfg(not(target_arch = "x86_64"))]
fn cpu_model() -> String {
    std::env::consts::ARCH.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_toolchain_valgrind_libc_or_cpu_is_said() {
        let mut base = Environment::detect(1, "generated");
        assert!(base.count_differences(&base).is_empty());
        let mut other = base.clone();
        other.rustc = "rustc 9.9.9".into();
        other.valgrind = None;
        other.libc = "musl 1.2".into();
        base.cpu_features = vec!["avx2".into()];
        other.cpu_features = vec!["abacus".into()];
        other.seed = 2;
        let fields: Vec<_> = base.count_differences(&other).into_iter().map(|difference| difference.field).collect();
        let expected = if base.valgrind.is_some() {
            vec!["rustc", "valgrind", "libc", "cpu_features", "seed"]
        } else {
            vec!["rustc", "libc", "cpu_features", "seed"]
        };
        assert_eq!(fields, expected);
        assert_ne!(base.key(), other.key());
    }

    #[test]
    fn another_commit_or_kernel_may_be_compared() {
        let base = Environment::detect(1, "generated");
        let mut other = base.clone();
        other.commit = "0123".into();
        other.kernel = "other".into();
        assert!(base.count_differences(&other).is_empty());
        assert_eq!(base.key(), other.key());
    }

    #[test]
    fn what_valgrind_hides_makes_no_difference() {
        let of = |features: &[&str]| Environment {
            cpu_features: features.iter().map(|feature| (*feature).to_owned()).collect(),
            ..Environment::detect(1, "generated")
        };
        let (mut with, mut without) = (of(&["sse3", "avx2", "avx512f", "gfni", "sha"]), of(&["avx2", "sse3"]));
        assert!(!with.count_differences(&without).is_empty());
        with.hide_from_counts();
        without.hide_from_counts();
        assert!(with.count_differences(&without).is_empty());
        assert_eq!(with.key(), without.key());
        assert!(with.count_differences(&of(&[])).is_empty(), "nothing was counted there");
    }

    #[test]
    fn git_can_not_be_told_to_call_a_changed_tree_clean() {
        let folder = tempfile::tempdir().expect("a folder");
        let git = |arguments: &[&str]| {
            let mut command = Command::new("git");
            command.args(["-c", "user.name=test", "-c", "user.email=test@localhost"]).args(arguments);
            let done = command.current_dir(folder.path()).stderr(std::process::Stdio::null()).status();
            assert!(done.expect("git starts").success(), "{arguments:?}");
        };
        let file = folder.path().join("file");
        assert!(is_dirty(folder.path()), "there is no repository that could say so");
        git(&["init", "--quiet"]);
        std::fs::write(&file, "committed").expect("writes");
        git(&["add", "."]);
        git(&["commit", "--quiet", "-m", "first"]);
        assert!(!is_dirty(folder.path()));
        for (hide, show) in [
            (["update-index", "--skip-worktree", "file"], ["update-index", "--no-skip-worktree", "file"]),
            (["update-index", "--assume-unchanged", "file"], ["update-index", "--no-assume-unchanged", "file"]),
        ] {
            git(&hide);
            assert!(!is_dirty(folder.path()), "{hide:?}");
            std::fs::write(&file, "changed").expect("writes");
            assert!(is_dirty(folder.path()), "{hide:?}");
            std::fs::write(&file, "committed").expect("writes");
            git(&show);
        }
        git(&["config", "status.showUntrackedFiles", "no"]);
        assert!(!is_dirty(folder.path()));
        std::fs::write(folder.path().join("build.rs"), "fn main() {}").expect("writes");
        assert!(is_dirty(folder.path()), "a file that git does not know changes a build as well");
    }
}
