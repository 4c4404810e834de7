//! Gives the crates of a workspace an identity that their version is no part of.
//!
//! Cargo's `-C metadata` has a package's version and those of its dependencies in it, and rustc makes the names of
//! symbols of it. The compiler orders functions by these names when it cuts its units, so that a release, which changes
//! nothing but a number, was compiled to other code: 10 of the 67 counts of quick-xml moved by up to 0.6%. A wrapper
//! around rustc puts package, features and kind in the place of cargo's hash. File names keep cargo's. A package of the
//! checkout need not be a member of the workspace: benches in a workspace that is theirs alone ask for the library by
//! its path. So the wrapper is around all calls of rustc, and looks where the package lies.
//!
//! Source: the rustc book, "Codegen Options", `metadata`; the Cargo book, "Environment Variables", `RUSTC_WRAPPER`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The variables that have cargo compile by the wrapper: all packages, or the members of the workspace.
const VARIABLES: [&str; 2] = ["RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER"];

/// The variable to use: somebody else's wrapper stays.
pub fn variable() -> Option<&'static str> {
    VARIABLES.into_iter().find(|name| std::env::var_os(name).is_none())
}

/// The file name of the wrapper.
pub const WRAPPER_NAME: &str = "crate-identity";

const WRAPPER: &str = r#"#!/bin/sh
case "$CARGO_MANIFEST_DIR/" in
"${0%/*}/tree/"*) ;;
*) exec "$@" ;;
esac
identity=$CARGO_PKG_NAME
for argument; do
    case "$previous $argument" in
    --cfg\ * | --crate-type\ * | --target\ * | *\ --test) identity="$identity $argument" ;;
    esac
    previous=$argument
done
left=$#
while [ "$left" -gt 0 ]; do
    case "$1" in
    metadata=*) set -- "$@" "metadata=$identity" ;;
    *) set -- "$@" "$1" ;;
    esac
    shift
    left=$((left - 1))
done
exec "$@"
"#;

/// The wrapper for the packages of `tree` in a folder, written there. One that is there keeps its age, as cargo
/// compiles again for a newer one.
pub fn wrapper(folder: &Path) -> Result<PathBuf> {
    // The folders of packages are told by their full names.
    let folder = folder.canonicalize().with_context(|| format!("can't find {}", folder.display()))?;
    let path = folder.join(WRAPPER_NAME);
    if fs::read_to_string(&path).is_ok_and(|there| there == WRAPPER) {
        return Ok(path);
    }
    baselines::atomic::write(&path, WRAPPER.as_bytes())?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).context("can't make the wrapper executable")?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn compiled(package: &str, arguments: &[&str]) -> Vec<String> {
        compiled_in("tree/library", package, arguments)
    }

    fn compiled_in(place: &str, package: &str, arguments: &[&str]) -> Vec<String> {
        let folder = tempfile::tempdir().expect("a folder");
        let place = folder.path().canonicalize().expect("there").join(place);
        let wrapper = wrapper(folder.path()).expect("written");
        let mut command = Command::new(wrapper);
        command.args(["printf", "%s\\n"]).args(arguments).env("CARGO_PKG_NAME", package);
        command.env("CARGO_MANIFEST_DIR", place);
        let output = command.output().expect("starts");
        String::from_utf8(output.stdout).expect("UTF-8").lines().map(str::to_owned).collect()
    }

    #[test]
    fn only_the_metadata_is_replaced() {
        let cargos =
            ["-C", "metadata=0123", "-C", "extra-filename=-4567", "--cfg", "feature=\"a b\"", "--test", "a *.rs"];
        let [_, metadata, rest @ ..] = &compiled("xml", &cargos)[..] else { panic!("all arguments are there") };
        assert_eq!(metadata, "metadata=xml feature=\"a b\" --test");
        assert_eq!(rest, &cargos[2..]);
    }

    #[test]
    fn packages_from_elsewhere_are_compiled_as_they_are() {
        let cargos = ["-C", "metadata=0123", "--test"];
        assert_eq!(compiled_in("registry/xml-1.0", "xml", &cargos), cargos);
        assert_ne!(compiled_in("tree", "xml", &cargos), cargos);
    }

    #[test]
    fn versions_are_no_part_of_it_and_features_and_kinds_are() {
        let metadata = |package: &str, arguments: &[&str]| {
            compiled(package, &[&["-C", "metadata=0123"], arguments].concat()).remove(1)
        };
        let library = metadata("xml", &["--crate-type", "lib"]);
        assert_eq!(library, metadata("xml", &["--crate-type", "lib", "--extern", "memchr=libmemchr-2.7.rlib"]));
        for (package, arguments) in [
            ("xml-two", vec!["--crate-type", "lib"]),
            ("xml", vec!["--crate-type", "bin"]),
            ("xml", vec!["--crate-type", "lib", "--test"]),
            ("xml", vec!["--crate-type", "lib", "--cfg", "feature=\"serde\""]),
        ] {
            assert_ne!(metadata(package, &arguments), library, "{package} {arguments:?}");
        }
    }
}
