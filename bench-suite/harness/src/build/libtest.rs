//! Targets with libtest's `#[bench]` functions, built so that they are workers without a change to them.
//!
//! They are linked with the stand-in for libtest: a crate `test` that only the target's own compilation is told of, by
//! `cargo rustc -- --extern`. Such functions are unstable, so rustc is told to accept unstable features for the crates
//! of the package by name (`RUSTC_BOOTSTRAP=NAME,..`). All other crates are compiled as always, and a build script that
//! looks for a nightly compiler finds none.
//!
//! Source: the unstable book, "noprelude" of `--extern`; `UnstableFeatures::from_environment` of rustc; the Cargo book,
//! `cargo rustc` and "Configuration", `[env]`.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Once;

use anyhow::{Context, Result};

use super::cargo::CargoTarget;
use super::metadata::{Package, PackageTarget};
use super::{stand_in, toolchain};
use crate::hash::hash;

/// The subcommand that can give one target's compilation more arguments.
const SUBCOMMAND: &str = "rustc";

/// The beginning of a command that builds a target with libtest's main function.
pub fn arguments(package: &Package, target: &PackageTarget) -> Vec<String> {
    let mut crates: Vec<String> = vec![target.name.replace('-', "_")];
    let libraries = package.targets.iter().filter(|target| target.is_library());
    crates.extend(libraries.map(|library| library.name.replace('-', "_")));
    crates.dedup();
    let accept = format!("--config=env.RUSTC_BOOTSTRAP=\"{}\"", crates.join(","));
    vec![SUBCOMMAND.to_owned(), "--profile=bench".to_owned(), accept]
}

/// True for a target that [`arguments`] builds.
pub fn is_built_so(target: &CargoTarget) -> bool {
    target.arguments.first().is_some_and(|subcommand| subcommand == SUBCOMMAND)
}

/// Has a target linked with the stand-in. It is compiled below `home` by the toolchain of `folder`, in which cargo is
/// called. The first call says that unstable features are accepted.
pub fn link(target: &mut CargoTarget, folder: &Path, home: &Path) -> Result<()> {
    static ONCE: Once = Once::new();
    let library = library(folder, home)?;
    ONCE.call_once(|| {
        eprintln!(
            "`#[bench]` is an unstable feature: the compiler is told to accept those for the crates of such benches, in \
                the measured builds only (RUSTC_BOOTSTRAP)"
        );
    });
    let library = library.to_str().context("the path of the cache is not UTF-8: set ASSAY_CACHE")?;
    let more = ["--", "-Zunstable-options", &format!("--extern=noprelude:test={library}")];
    target.arguments.extend(more.map(str::to_owned));
    Ok(())
}

/// The compiled stand-in.
fn library(of: &Path, home: &Path) -> Result<PathBuf> {
    let folder = stand_in::folder(home, "test");
    let library = folder.join(format!("libtest-{}.rlib", hash(toolchain::version(of)?)));
    if library.is_file() {
        return Ok(library);
    }
    stand_in::write(&folder, "test", "0.0.0", &[])?;
    let partial = tempfile::tempdir_in(&folder).context("no folder for the stand-in for libtest")?;
    let built = partial.path().join("libtest.rlib");
    let paths = [folder.join("src/libtest.rs"), built.clone()];
    let [source, to] = paths.each_ref().map(|path| path.to_str().context("the path of the cache is not UTF-8"));
    let options = ["--crate-name=test", "--crate-type=rlib", "--edition=2021", "-Copt-level=3", "--cap-lints=allow"];
    toolchain::rustc(of, &[&options[..], &[source?, "-o", to?]].concat())
        .context("this toolchain does not compile the stand-in for libtest")?;
    fs::rename(&built, &library).with_context(|| format!("can't create {}", library.display()))?;
    Ok(library)
}

/// True if a source file in a folder or below it has a `#[bench]` function, as far as its text tells.
pub fn has_benches(folder: &Path) -> bool {
    let Ok(entries) = fs::read_dir(folder) else { return false };
    entries.flatten().any(|entry| {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if path.is_dir() {
            return name != "target" && !name.starts_with('.') && has_benches(&path);
        }
        name.ends_with(".rs") && fs::read_to_string(&path).is_ok_and(|text| has_bench(&text))
    })
}

fn has_bench(text: &str) -> bool {
    ["#[bench]", ", bench)]"].iter().any(|attribute| text.contains(attribute))
}

/// True if a source file, or a module that it declares, has a `#[bench]` function. Modules of the file lie in `folder`.
pub fn declares_benches(file: &Path, folder: &Path) -> bool {
    let Ok(text) = fs::read_to_string(file) else { return false };
    let is_name = |name: &&str| name.chars().all(|letter| letter.is_alphanumeric() || letter == '_');
    let declared = text.split("mod ").skip(1).filter_map(|rest| rest.split_once(';')).map(|(name, _)| name);
    has_bench(&text)
        || declared.filter(is_name).any(|name| {
            let own = folder.join(name);
            declares_benches(&own.with_extension("rs"), &own) || declares_benches(&own.join("mod.rs"), &own)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn benches_are_seen_in_the_text_of_a_library() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |file: &str, text: &str| {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            fs::write(path, text).expect("written");
            has_benches(folder.path())
        };
        assert!(!write("lib.rs", "#[test]\nfn bench() {}\n"));
        assert!(!write("words.txt", "#[bench]"));
        assert!(!write("target/lib.rs", "#[bench]"));
        assert!(write("deep/er.rs", "    #[cfg_attr(feature = \"unstable\", bench)]\n"));
        assert!(write("deep/er.rs", "#[bench]"));
        assert!(!write("deep/er.rs", ""));
    }

    #[test]
    fn the_modules_of_a_program_are_its_files_and_its_neighbours_are_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |file: &str, text: &str| {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            fs::write(path, text).expect("written");
            declares_benches(&folder.path().join("main.rs"), folder.path())
        };
        assert!(!write("main.rs", "mod gone;\nmod one;\n#[cfg(test)] mod two; // mod four\nfn main() {}\n"));
        assert!(!write("four.rs", "#[bench]"));
        assert!(!write("one.rs", "pub mod three;"));
        assert!(write("one/three.rs", "#[bench]"));
        assert!(!write("one/three.rs", ""));
        assert!(write("two/mod.rs", "#[bench]"));
    }
}
