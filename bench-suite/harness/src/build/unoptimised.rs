//! Builds a measured program without optimisation, together with the code of its functions, to show what it executes.
//!
//! Only the packages of the measured program are compiled so; libraries stay as they are measured. A wrapper around
//! rustc changes the flags, and no profile does: cargo then takes the libraries that are there, and symbols keep their
//! names, with which the compiler cuts its units. Nothing is cached: a build without optimisation is quick.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use super::checkout::{Build, SourceCheckout};
use super::crate_identity;
use crate::workspace;

/// A program compiled without optimisation. Its files go with the value.
#[derive(Debug)]
pub struct Unoptimised {
    /// The build.
    pub build: Build,
    /// The code of its packages before optimisation, as LLVM IR.
    pub modules: Vec<PathBuf>,
    _home: TempDir,
}

/// Rustc without optimisation for the packages whose functions are compared, by way of the wrapper of the measured
/// build. What cargo leaves to the level of optimisation, checks of overflow for instance, stays as in that build.
const WRAPPER: &str = r#"#!/bin/sh
for argument; do
    if [ "$previous" = --crate-name ]; then
        case "$argument" in
        CRATES)
            exec "${0%/*}/NEXT" "$@" -C opt-level=0 -C codegen-units=1 -C debug-assertions=off -C overflow-checks=off --emit=llvm-ir
            ;;
        esac
    fi
    previous=$argument
done
exec "${0%/*}/NEXT" "$@"
"#;

/// Builds the programs of a revision, or of the working tree, with these `crates` unoptimised.
pub fn build(checkout: SourceCheckout, revision: Option<&str>, crates: &[String]) -> Result<Unoptimised> {
    let home = workspace::temporary("unoptimised-")?;
    let wrapper = home.path().join("without-optimisation");
    let text = WRAPPER.replace("CRATES", &crates.join(" | ")).replace("NEXT", crate_identity::WRAPPER_NAME);
    fs::write(&wrapper, text).with_context(|| format!("can't write {}", wrapper.display()))?;
    fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755)).context("can't make the wrapper executable")?;
    let name = wrapper.to_str().context("the path of the build folder is not UTF-8")?.to_owned();
    let mut variables = checkout.variables.clone();
    variables.push(("RUSTC_WRAPPER".to_owned(), name));
    let prefill_from = Some(checkout.prefill_from.clone().map_or_else(|| checkout.build_folder(), Ok)?);
    let checkout = SourceCheckout { home: home.path().to_owned(), variables, prefill_from, ..checkout };
    let built = match revision {
        Some(revision) => checkout.revision(revision)?,
        None => checkout.working_tree()?,
    };
    let mut modules = Vec::new();
    find_modules(home.path(), &mut modules)?;
    ensure!(!modules.is_empty(), "rustc emitted no code without optimisation");
    Ok(Unoptimised { build: built, modules, _home: home })
}

/// The modules below the build folders in `folder`.
fn find_modules(folder: &Path, modules: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("can't read {}", folder.display()))? {
        let path = entry.with_context(|| format!("can't read {}", folder.display()))?.path();
        let part = |name: &str| path.file_name().is_some_and(|found| found.to_string_lossy().starts_with(name));
        if path.is_dir() && ["target-", "release", "deps"].into_iter().any(part) {
            find_modules(&path, modules)?;
        } else if path.extension().is_some_and(|extension| extension == "ll") {
            modules.push(path);
        }
    }
    Ok(())
}

/// The compiler that built a program: rustc writes its version into each object, and the linker keeps it.
pub fn compiler(program: &Path) -> Result<String> {
    const SAID: &[u8] = b"rustc version ";
    let bytes = fs::read(program).with_context(|| format!("can't read {}", program.display()))?;
    // It stands near the end, before the names of symbols.
    let place = bytes.windows(SAID.len()).rposition(|window| window == SAID);
    let text = bytes[place.with_context(|| format!("{} does not name its compiler", program.display()))?..]
        .split(|byte| *byte == 0);
    Ok(text.take(1).map(String::from_utf8_lossy).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_names_its_compiler() {
        let folder = tempfile::tempdir().expect("a folder");
        let program = folder.path().join("program");
        fs::write(&program, b"\x7fELF\0\xffrustc version 1.95.0 (59807616e 2026-04-14)\0Linker: LLD\0")
            .expect("written");
        assert_eq!(compiler(&program).expect("named"), "rustc version 1.95.0 (59807616e 2026-04-14)");
        fs::write(&program, b"\x7fELF stripped").expect("written");
        assert!(compiler(&program).expect_err("nothing there").to_string().ends_with("does not name its compiler"));
    }
}
