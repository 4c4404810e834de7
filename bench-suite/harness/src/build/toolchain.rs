//! What changes a build besides its source: the toolchain, variables, and cargo's configuration.
//!
//! Builds with the same text here and the same source are one program, so the text is part of the names of cached
//! programs. Variables that only a build script of a project reads are not in it.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::missing_toolchain;

/// The prefixes of the variables that cargo sets for each package.
pub const OF_A_PACKAGE: [&str; 4] = ["CARGO_MANIFEST_", "CARGO_PKG_", "CARGO_CRATE_", "CARGO_BIN_"];

/// Variables of cargo that change where it writes and what it prints, not what it builds.
const NOT_BUILT: [&str; 4] = ["CARGO_TARGET_DIR", "CARGO_TERM_", "CARGO_MAKEFLAGS", "CARGO_LOG"];

/// Variables of Rust's compiler, or the beginnings of their names.
const RUST: [&str; 2] = ["RUSTC", "RUSTFLAGS"];

/// Variables of the C compiler, which may end in `_<target>` or begin with `HOST_` or `TARGET_`.
const C: [&str; 14] = [
    "CC",
    "CXX",
    "AR",
    "RANLIB",
    "CFLAGS",
    "CXXFLAGS",
    "CPPFLAGS",
    "ARFLAGS",
    "LDFLAGS",
    "CPATH",
    "C_INCLUDE_PATH",
    "LIBRARY_PATH",
    "PKG_CONFIG",
    "SOURCE_DATE_EPOCH",
];

/// The toolchain that a folder gets, as `rustc -vV` names it.
pub fn version(folder: &Path) -> Result<String> {
    rustc(folder, &["-vV"])
}

/// The output of the rustc that a folder gets.
pub fn rustc(folder: &Path, arguments: &[&str]) -> Result<String> {
    let mut command = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    choose(&mut command, folder);
    let output = command.args(arguments).current_dir(folder).output().context("can't start rustc")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "rustc {} failed in {}: {}", arguments[0], folder.display(), said.trim());
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Has a command use the toolchain of a folder, or another one if that is not installed.
pub fn choose(command: &mut Command, folder: &Path) {
    if is_own(folder) {
        command.env_remove(missing_toolchain::VARIABLE);
    }
    if let Some(other) = missing_toolchain::instead(folder) {
        command.env(missing_toolchain::VARIABLE, other);
    }
}

/// True if a folder or one above names its toolchain, and cargo chose another one for this process, not the user.
pub fn is_own(folder: &Path) -> bool {
    let names = |above: &Path| missing_toolchain::FILES.iter().any(|file| above.join(file).is_file());
    let named = folder.ancestors().any(names);
    named && std::env::var_os("CARGO").is_some()
}

/// Variables and cargo's configuration, for a build in a folder.
pub fn settings(folder: &Path) -> Result<String> {
    settings_of(std::env::vars_os(), folder, home().as_deref())
}

fn settings_of(
    variables: impl Iterator<Item = (impl AsRef<OsStr>, impl AsRef<OsStr>)>,
    folder: &Path,
    home: Option<&Path>,
) -> Result<String> {
    let text = |value: &OsStr| value.to_string_lossy().into_owned();
    let mut lines: Vec<String> = variables
        .filter(|(name, _)| changes_a_build(&name.as_ref().to_string_lossy()))
        .map(|(name, value)| format!("{}={}\n", text(name.as_ref()), text(value.as_ref())))
        .collect();
    lines.sort_unstable();
    let folders = folder.ancestors().map(|folder| folder.join(".cargo")).chain(home.map(Path::to_owned));
    for folder in folders {
        for name in ["config.toml", "config"] {
            let path = folder.join(name);
            if path.is_file() {
                let content = fs::read_to_string(&path).with_context(|| format!("can't read {}", path.display()))?;
                lines.push(format!("{}:\n{content}\n", path.display()));
            }
        }
    }
    Ok(lines.concat())
}

fn changes_a_build(name: &str) -> bool {
    let begins_with = |beginnings: &[&str]| beginnings.iter().any(|beginning| name.starts_with(beginning));
    if begins_with(&NOT_BUILT) || begins_with(&OF_A_PACKAGE) {
        return false;
    }
    let bare = name.strip_prefix("HOST_").or_else(|| name.strip_prefix("TARGET_")).unwrap_or(name);
    let of_c = |known: &&str| bare.strip_prefix(*known).is_some_and(|rest| rest.is_empty() || rest.starts_with('_'));
    begins_with(&["CARGO_"]) || begins_with(&RUST) || C.iter().any(of_c)
}

/// Cargo's home.
fn home() -> Option<PathBuf> {
    let folder = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    folder("CARGO_HOME").or_else(|| folder("HOME").map(|home| home.join(".cargo")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variables: &[(&str, &str)], folder: &Path, home: &Path) -> String {
        settings_of(variables.iter().copied(), folder, Some(home)).expect("reads")
    }

    #[test]
    fn every_variable_that_changes_a_build_is_a_setting() {
        let folder = tempfile::tempdir().expect("a folder");
        let of = |name: &str, value: &str| of(&[(name, value)], folder.path(), folder.path());
        for name in [
            "CARGO_PROFILE_RELEASE_OPT_LEVEL",
            "CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUSTFLAGS",
            "CARGO_BUILD_RUSTFLAGS",
            "CARGO_ENCODED_RUSTFLAGS",
            "CARGO_INCREMENTAL",
            "RUSTFLAGS",
            "RUSTC",
            "RUSTC_WRAPPER",
            "RUSTC_BOOTSTRAP",
            "CC",
            "CXX_x86_64_unknown_linux_gnu",
            "CFLAGS",
            "TARGET_CFLAGS",
            "HOST_CC",
            "AR",
        ] {
            assert_ne!(of(name, "1"), of(name, "2"), "{name}");
        }
        for name in ["PATH", "CARGO_PKG_NAME", "CARGO_TARGET_DIR", "CARGO_TERM_COLOR", "CARGO", "RUST_LOG", "ARCH"] {
            assert_eq!(of(name, "1"), of(name, "2"), "{name}");
        }
    }

    #[test]
    fn configuration_of_the_folder_its_parents_and_cargos_home_is_a_setting() {
        let folder = tempfile::tempdir().expect("a folder");
        let (home, tree) = (folder.path().join("home"), folder.path().join("parent/tree"));
        std::fs::create_dir_all(&tree).expect("made");
        let mut seen = vec![of(&[], &tree, &home)];
        for place in ["parent/tree/.cargo", "parent/.cargo", "home"] {
            std::fs::create_dir_all(folder.path().join(place)).expect("made");
            std::fs::write(folder.path().join(place).join("config.toml"), "[profile]").expect("written");
            seen.push(of(&[], &tree, &home));
        }
        std::fs::write(home.join("config.toml"), "[profile.release]").expect("written");
        seen.push(of(&[], &tree, &home));
        let distinct: std::collections::BTreeSet<&String> = seen.iter().collect();
        assert_eq!(distinct.len(), seen.len(), "{seen:?}");
    }
}
