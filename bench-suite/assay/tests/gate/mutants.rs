//! Replaces every strategy of every toggle by the naive one in a copy of `memory`: an effect test must notice each. It
//! builds that copy, so it runs only on request:
//!
//! ```text
//! cargo nextest run --release --workspace --test gate --run-ignored all --no-capture -E 'test(replaced_by_the_naive)'
//! ```
//!
//! The copy is built once: `ASSAY_MUTANT` selects the strategy to replace when memories and stores are opened. The
//! measured programs contain none of this.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

use crate::planted::{copy_build, copy_workspace, edit};

/// The test programs of `memory` that check the effects of strategies, those that notice most first.
const EFFECTS: [&str; 4] = ["effects", "stores", "writes", "server"];

/// The code that is added to the copy: it replaces the requested variant.
const MUTATE: &str = r#"
/// Mutants.
pub mod mutants {
    /// The variant, with one strategy replaced by the naive one.
    pub fn mutate(variant: &crate::Variant) -> crate::Variant {
        let mut mutant = *variant;
        if let Ok(which) = std::env::var("ASSAY_MUTANT") {
            let (toggle, strategy) = which.split_once('=').expect("toggle=strategy");
            if variant.get(toggle).expect("a toggle") == strategy {
                let listed = crate::TOGGLES.iter().find(|listed| listed.name == toggle).expect("a toggle");
                mutant.set(toggle, listed.strategies[0]).expect("a strategy");
            }
        }
        mutant
    }
}
"#;

#[derive(Deserialize)]
struct Built {
    executable: Option<PathBuf>,
    target: Option<Target>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

#[test]
#[ignore = "builds a copy of memory and its tests, and runs them once for each strategy: minutes"]
fn every_strategy_that_is_replaced_by_the_naive_one_fails_an_effect_test() {
    let workspace = harness::workspace::root();
    let folder = tempfile::tempdir_in(harness::workspace::target()).expect("a folder on the disk of the build");
    let copy = folder.path().join("copy");
    copy_workspace(&workspace, &copy);
    plant(&copy.join("memory/src"));
    let target = copy.join("target");
    copy_build(&harness::workspace::target(), &target);
    let programs = build(&copy, &target);

    assert_eq!(first_failure(&programs, None), None, "nothing is replaced");
    let strategies = memory::TOGGLES
        .iter()
        .filter(|toggle| !["store", "durability"].contains(&toggle.name))
        .flat_map(|toggle| toggle.strategies[1..].iter().map(|strategy| format!("{}={strategy}", toggle.name)));
    let mut survivors = Vec::new();
    println!("{:<32} noticed by", "replaced by the naive strategy");
    for strategy in strategies {
        match first_failure(&programs, Some(&strategy)) {
            Some(test) => println!("{strategy:<32} {test}"),
            None => {
                println!("{strategy:<32} nobody");
                survivors.push(strategy);
            }
        }
    }
    assert!(survivors.is_empty(), "no effect test notices that these do nothing: {survivors:?}");
}

/// Makes memories and stores open mutants.
fn plant(source: &Path) {
    let mutate = "let mutant = crate::mutants::mutate(variant); let variant = &mutant;";
    edit(&source.join("lib.rs"), |text| format!("{text}{MUTATE}"));
    for (file, after, times) in [
        ("memory/mod.rs", "pub async fn open(variant: &Variant, options: Options) -> Result<Memory> {\n", 1),
        ("store/mod.rs", ") -> Result<Arc<dyn Store>> {\n", 2),
    ] {
        edit(&source.join(file), |text| {
            assert_eq!(text.matches(after).count(), times, "{file}: `{after}`: correct this test");
            text.replace(after, &format!("{after}    {mutate}\n"))
        });
    }
}

/// Builds the test programs of the copy, in the order of [`EFFECTS`].
fn build(copy: &Path, target: &Path) -> Vec<(&'static str, PathBuf)> {
    let mut cargo = harness::build::cargo::cargo();
    // Of the whole workspace, so that crates built before have the same features and are not built again.
    cargo.args(["test", "--release", "--workspace", "--no-run", "--message-format", "json"]);
    cargo.args(EFFECTS.iter().flat_map(|name| ["--test", name]));
    let output = cargo.current_dir(copy).env("CARGO_TARGET_DIR", target).output().expect("cargo starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("JSON");
    let built: Vec<Built> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let program = |name: &'static str| {
        let found = built.iter().find(|built| built.target.as_ref().is_some_and(|target| target.name == name));
        (name, found.and_then(|built| built.executable.clone()).expect("it was built"))
    };
    EFFECTS.into_iter().map(program).collect()
}

/// The first test that fails with a strategy replaced.
fn first_failure(programs: &[(&str, PathBuf)], replaced: Option<&str>) -> Option<String> {
    for (name, program) in programs {
        let mut tests = Command::new(program);
        match replaced {
            Some(strategy) => tests.env("ASSAY_MUTANT", strategy),
            None => tests.env_remove("ASSAY_MUTANT"),
        };
        let output = tests.output().expect("the tests start");
        if !output.status.success() {
            let text = String::from_utf8_lossy(&output.stdout);
            let failed = text.lines().find_map(|line| line.strip_prefix("test ")?.strip_suffix(" ... FAILED"));
            return Some(format!("{name}::{}", failed.unwrap_or("the whole program")));
        }
    }
    None
}
