//! The toolchain for a source whose own one (`rust-toolchain.toml`) is not installed: the user's nightly for one that
//! asks for any nightly, else the default one, for both sides. A gate is about the difference between two sources, and
//! this is said.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Once;

/// The files that name a toolchain, in a folder or above it.
pub const FILES: [&str; 2] = ["rust-toolchain.toml", "rust-toolchain"];

/// The variable that names a toolchain before any file does.
pub const VARIABLE: &str = "RUSTUP_TOOLCHAIN";

/// The beginning of the names of toolchains with unstable features.
const NIGHTLY: &str = "nightly";

/// The toolchain to use in a folder instead of its own one. None if that is there, if the user has chosen one, or if
/// there is no rustup with a default one.
pub fn instead(folder: &Path) -> Option<String> {
    static SAID: Once = Once::new();
    let file = folder.ancestors().flat_map(|folder| FILES.map(|name| folder.join(name))).find(|file| file.is_file())?;
    let is_chosen = |name| std::env::var_os(name).is_some();
    // Cargo sets the variable for what it starts, to the toolchain that it is of.
    if is_chosen("RUSTC") || is_chosen(VARIABLE) && !is_chosen("CARGO") {
        return None;
    }
    let own = run(Command::new("rustc").arg("--version"), folder)?;
    if own.status.success() {
        return None;
    }
    let other = nightly_for(&file, folder).or_else(|| first_word(&["default"], "", folder))?;
    let said = String::from_utf8_lossy(&own.stderr);
    let why = said.lines().find_map(|line| line.strip_prefix("error: ")).unwrap_or("its toolchain does not work");
    let file = file.file_name().unwrap_or_default().to_string_lossy();
    SAID.call_once(|| eprintln!("{file}: {why}: both sides are built with {other} instead"));
    Some(other)
}

/// An installed nightly, if the file asks for one.
fn nightly_for(file: &Path, folder: &Path) -> Option<String> {
    let asked = fs::read_to_string(file).ok()?;
    let asks = asked.lines().any(|line| line.split('#').next().is_some_and(|line| line.contains(NIGHTLY)));
    if asks { first_word(&["toolchain", "list"], NIGHTLY, folder) } else { None }
}

/// The first word of the first line with this beginning that rustup prints.
fn first_word(arguments: &[&str], beginning: &str, folder: &Path) -> Option<String> {
    let said = run(Command::new("rustup").args(arguments), folder).filter(|said| said.status.success())?;
    let said = String::from_utf8_lossy(&said.stdout);
    let line = said.lines().find(|line| line.starts_with(beginning))?;
    line.split_whitespace().next().map(str::to_owned)
}

fn run(command: &mut Command, folder: &Path) -> Option<Output> {
    command.current_dir(folder).env_remove(VARIABLE).env("RUST_BACKTRACE", "0").stdin(Stdio::null()).output().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_toolchain_that_is_not_installed_is_replaced_by_the_default_one() {
        let folder = tempfile::tempdir().expect("a folder");
        if run(Command::new("rustup").arg("default"), folder.path()).is_none_or(|default| !default.status.success()) {
            return println!("skipped: there is no rustup with a default toolchain");
        }
        let inner = folder.path().join("bench");
        std::fs::create_dir(&inner).expect("a folder");
        assert_eq!(instead(&inner), None, "no file names one");
        // Rustup can't download one of such a name.
        std::fs::write(folder.path().join("rust-toolchain"), "no-such-toolchain\n").expect("written");
        let other = instead(&inner).expect("the default one");
        let version = run(Command::new("rustc").arg(format!("+{other}")).arg("--version"), &inner).expect("starts");
        assert!(version.status.success(), "{other}");
        std::fs::write(folder.path().join("rust-toolchain"), other).expect("written");
        assert_eq!(instead(&inner), None, "that one is installed");
        if let Some(nightly) = first_word(&["toolchain", "list"], NIGHTLY, &inner) {
            // One that rustup can't download: it is older than Rust.
            std::fs::write(folder.path().join("rust-toolchain"), "nightly-1999-01-01\n").expect("written");
            assert_eq!(instead(&inner), Some(nightly));
        }
    }
}
