//! Fills a new build folder with compiled libraries, so that a base does not compile them again.
//!
//! Files that cargo replaces are hard-linked; files that it modifies are copied with their age. Crates of this
//! workspace are not copied. If cargo can't use a file, it builds what is missing.

use std::fs::{self, File};
use std::path::Path;

use anyhow::{Context, Result};

/// Fills `target`, which must not exist, from `from`; if `from` is empty, so is `target`.
pub fn prefill(from: &Path, target: &Path) -> Result<()> {
    let (from, to) = (from.join("release"), target.with_extension("partial"));
    if to.exists() {
        fs::remove_dir_all(&to).with_context(|| format!("can't remove {}", to.display()))?;
    }
    fs::create_dir_all(to.join("release")).with_context(|| format!("can't create {}", to.display()))?;
    for part in [".fingerprint", "build", "deps"] {
        if from.join(part).is_dir() {
            folder(&from.join(part), &to.join("release").join(part))?;
        }
    }
    fs::rename(&to, target).with_context(|| format!("can't create {}", target.display()))
}

fn folder(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("can't create {}", to.display()))?;
    for entry in fs::read_dir(from).with_context(|| format!("can't read {}", from.display()))? {
        let entry = entry.with_context(|| format!("can't read {}", from.display()))?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if is_ours(&name) {
            continue;
        }
        let (source, place) = (entry.path(), to.join(&*name));
        if source.is_dir() {
            folder(&source, &place)?;
        } else if is_replaced(&source) {
            // On another file system, copy instead.
            if fs::hard_link(&source, &place).is_err() {
                copy(&source, &place)?;
            }
        } else if is_kept(&source) {
            copy(&source, &place)?;
        }
    }
    Ok(())
}

/// True for crates and programs of this workspace, by cargo's file names: `libmemory-0123456789abcdef.rlib`.
pub fn is_ours(name: &str) -> bool {
    const OURS: [&str; 21] = [
        "memory",
        "episodes",
        "workspace-hack",
        "stats",
        "baselines",
        "reports",
        "loadgen",
        "bench-suite",
        "bench-counts",
        "worker",
        "workloads",
        "corpus",
        "testbed",
        "cache-sim",
        "harness",
        "claims",
        "assay",
        "mcp",
        "memory-mcp",
        "memory-server",
        "memories",
    ];
    let bare = name.strip_prefix("lib").unwrap_or(name).replace('_', "-");
    OURS.iter().any(|ours| bare.strip_prefix(ours).is_some_and(|rest| rest.starts_with('-') && !rest.contains('/')))
}

/// True for files that compilers and linkers write anew and rename.
fn is_replaced(path: &Path) -> bool {
    let extension = path.extension().unwrap_or_default();
    ["rlib", "rmeta", "so", "a"].iter().any(|replaced| extension == *replaced)
}

/// False for test programs and objects in `deps`, which another checkout can't use.
fn is_kept(path: &Path) -> bool {
    let in_deps = path.parent().is_some_and(|parent| parent.ends_with("release/deps"));
    !in_deps || path.extension().is_some_and(|extension| extension == "d")
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    // A file that vanishes belongs to a build that runs now: cargo builds it here, too.
    let Ok(metadata) = fs::metadata(from) else { return Ok(()) };
    fs::copy(from, to).with_context(|| format!("can't copy {}", from.display()))?;
    let modified = metadata.modified().with_context(|| format!("can't read the age of {}", from.display()))?;
    let file = File::options().write(true).open(to).with_context(|| format!("can't open {}", to.display()))?;
    file.set_modified(modified).with_context(|| format!("can't set the age of {}", to.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_taken_and_our_own_crates_are_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let (from, to) = (folder.path().join("target"), folder.path().join("base"));
        let files = [
            ("deps/libserde-0123.rlib", true),
            ("deps/serde-0123.d", true),
            ("deps/libmemory-0123.rlib", false),
            ("deps/bench_suite-0123", false),
            ("deps/commands-0123", false),
            (".fingerprint/serde-0123/lib-serde", true),
            (".fingerprint/bench-suite-0123/lib-bench-suite", false),
            (".fingerprint/assay-memory-0123/lib-memory", false),
            ("build/libc-0123/output", true),
        ];
        for (file, _) in files {
            let path = from.join("release").join(file);
            fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            fs::write(&path, file).expect("a file");
        }
        prefill(&from, &to).expect("filled");
        for (file, taken) in files {
            assert_eq!(to.join("release").join(file).is_file(), taken, "{file}");
        }
        let age =
            |root: &Path| fs::metadata(root.join("release/build/libc-0123/output")).and_then(|file| file.modified());
        assert_eq!(age(&from).expect("a time"), age(&to).expect("a time"), "a copy has the age of the original");
    }

    #[test]
    fn without_a_build_the_folder_is_empty() {
        let folder = tempfile::tempdir().expect("a folder");
        let to = folder.path().join("base");
        prefill(&folder.path().join("none"), &to).expect("filled");
        assert!(to.join("release").is_dir());
    }
}
