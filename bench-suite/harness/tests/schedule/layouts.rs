//! One program in other layouts: the same functions in another order, linked when needed and removed afterwards.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use harness::build::cargo::{self, CargoTarget};
use harness::build::layouts::{self, Layouts};
use harness::build::order as drawing;
use harness::build::relink::{Layable, Relink};

/// A program that prints the order of its functions.
const SOURCE: &str = r#"
macro_rules! functions {
    ($($name:ident),*) => {
        $(#[inline(never)] fn $name(n: usize) -> usize { std::hint::black_box(n).wrapping_mul(stringify!($name).len()) })*
        fn main() {
            let mut all = [$((($name as fn(usize) -> usize) as usize, stringify!($name), $name(1))),*];
            all.sort_unstable();
            println!("{}", all.map(|(_, name, length)| format!("{name}{length}")).join(" "));
        }
    };
}
functions!(a, bb, ccc, dddd, eeeee, ffffff, ggggggg, hhhhhhhh);
"#;

fn target() -> CargoTarget {
    let arguments = ["build", "--release", "--locked"].map(str::to_owned).into();
    CargoTarget {
        arguments,
        kind: "bin",
        name: "assay-worker".to_owned(),
        package: PathBuf::new(),
        left_out: None,
        together: vec![],
    }
}

/// Builds a workspace with only that program.
fn built(folder: &Path) -> PathBuf {
    let manifest = "[package]\nname = \"ordered\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[[bin]]\nname = \
        \"assay-worker\"\npath = \"main.rs\"\n[workspace]\n";
    std::fs::write(folder.join("Cargo.toml"), manifest).unwrap();
    std::fs::write(folder.join("Cargo.lock"), "version = 4\n[[package]]\nname = \"ordered\"\nversion = \"0.1.0\"\n")
        .unwrap();
    std::fs::write(folder.join("main.rs"), SOURCE).unwrap();
    cargo::build_in(folder, Some(&folder.join("target")), &[], &target()).unwrap()
}

fn capture(folder: &Path, variables: &[(&str, &str)]) -> anyhow::Result<Layable> {
    let out = folder.join("target");
    Relink::capture(folder, &built(folder), None, &folder.join("link"), |copy| {
        let variables: Vec<(&str, &str)> = variables.iter().copied().chain([copy]).collect();
        cargo::build_in(folder, Some(&out), &variables, &target()).map(drop)
    })
}

fn order(program: &Path) -> String {
    let output = Command::new(program).output().unwrap();
    assert!(output.status.success(), "{}", program.display());
    String::from_utf8(output.stdout).unwrap()
}

/// True if this machine links with LLD, as Rust does by default on x86-64 Linux.
pub fn has_lld() -> bool {
    cfg!(all(target_os = "linux", target_arch = "x86_64"))
}

#[test]
fn layouts_are_one_program_with_its_functions_in_other_orders() {
    let folder = tempfile::tempdir().unwrap();
    let captured = capture(folder.path(), &[]).unwrap();
    if !has_lld() {
        let refused = captured.expect_err("another linker");
        assert!(refused.contains("saves no copy"), "{refused}");
        return;
    }
    let relink = captured.unwrap();
    assert_eq!(Relink::open(&folder.path().join("link")), Some(Ok(relink.clone())), "cached");
    let in_order = |seed| drawing::order(relink.functions(), &BTreeSet::new(), seed);
    let link = |seed: u64| -> (PathBuf, String) {
        let to = folder.path().join(format!("layout-{seed}"));
        relink.link(&in_order(seed), &to).unwrap();
        (to.clone(), order(&to))
    };
    let drawn: Vec<(PathBuf, String)> = (1..=4).map(link).collect();
    let words = |text: &str| {
        let mut words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
        words.sort_unstable();
        words
    };
    for (_, order) in &drawn {
        assert_eq!(words(order), ["a1", "bb2", "ccc3", "dddd4", "eeeee5", "ffffff6", "ggggggg7", "hhhhhhhh8"]);
    }
    let different: BTreeSet<&String> = drawn.iter().map(|(_, order)| order).collect();
    assert_eq!(different.len(), 4, "8 functions can lie in 40,320 orders: {drawn:?}");
    let again = link(1);
    assert_eq!(std::fs::read(&again.0).unwrap(), std::fs::read(&drawn[0].0).unwrap(), "one seed, one layout");

    let placed = Layouts::new(relink.clone(), folder.path().join("placed"), 7);
    layouts::prepare(&[(&placed, 0), (&placed, 1), (&placed, 0)]).unwrap();
    let (first, second) = (placed.path(0), placed.path(1));
    assert_ne!(order(&first), order(&second));
    assert_eq!(first.as_os_str().len(), placed.path(159).as_os_str().len());
    layouts::prepare(&[(&placed, 1), (&placed, 20)]).unwrap();
    assert!(!first.exists() && second.is_file() && placed.path(20).is_file());
    assert_ne!(order(&placed.path(20)), order(&second), "a new round has a new layout");

    std::fs::remove_file(folder.path().join("link/response.txt")).unwrap();
    let refused =
        format!("{:#}", relink.link(&in_order(9), &folder.path().join("never")).expect_err("its inputs are gone"));
    assert!(refused.contains("linking") && refused.contains("response.txt"), "{refused}");
}

#[test]
fn what_the_build_saved_is_used_if_it_is_the_program_s() {
    if !has_lld() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let program = built(folder.path());
    let saved = folder.path().join("saved.tar");
    let link_again = |(name, value): (&str, &str)| {
        let out = folder.path().join("target");
        cargo::build_in(folder.path(), Some(&out), &[(name, value)], &target()).map(drop)
    };
    let capture = |name: &str, saved: &Path, build: &dyn Fn((&str, &str)) -> anyhow::Result<()>| {
        Relink::capture(folder.path(), &program, Some(saved), &folder.path().join(name), build).unwrap()
    };
    std::fs::write(&saved, "of a link that was cut off").unwrap();
    assert!(capture("damaged", &saved, &link_again).is_ok(), "cargo linked again");
    let other = tempfile::tempdir().unwrap();
    save(&saved, other.path(), &SOURCE.replace("a, bb", "z, yy"));
    assert!(capture("another", &saved, &link_again).is_ok(), "it was another program's");
    save(&saved, folder.path(), SOURCE);
    let never = |_: (&str, &str)| anyhow::bail!("nothing is to be linked");
    assert!(capture("saved", &saved, &never).is_ok());
}

/// Builds a program of that source, and has its link save the inputs.
fn save(saved: &Path, folder: &Path, source: &str) {
    built(folder);
    std::fs::remove_dir_all(folder.join("target")).unwrap();
    std::fs::write(folder.join("main.rs"), source).unwrap();
    let copy = [("LLD_REPRODUCE", saved.to_str().unwrap())];
    cargo::build_in(folder, Some(&folder.join("target")), &copy, &target()).unwrap();
}

#[test]
fn a_linker_that_keeps_nothing_is_named_and_the_program_stays() {
    let folder = tempfile::tempdir().unwrap();
    // The system's old linker, whatever Rust's default is.
    let refused = capture(folder.path(), &[("RUSTFLAGS", "-C link-arg=-fuse-ld=bfd")]).unwrap().expect_err("no copy");
    assert!(refused.contains("saves no copy of its inputs"), "{refused}");
    assert_eq!(Relink::open(&folder.path().join("link")), Some(Err(refused)), "kept: it does not change by itself");
    let program = folder.path().join("target/release/assay-worker");
    assert_eq!(order(&program).split_whitespace().count(), 8, "cargo linked it again");
}

#[test]
fn what_may_go_better_next_time_is_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    let built = built(folder.path());
    let link = folder.path().join("link");
    let full = |_: (&str, &str)| anyhow::bail!("No space left on device");
    let failed = Relink::capture(folder.path(), &built, None, &link, full).expect_err("the link failed");
    assert!(failed.to_string().contains("No space left"), "{failed}");
    assert_eq!(Relink::open(&link), None);
    // LLD was stopped while it wrote its copy.
    let truncated = |copy: (&str, &str)| Ok(std::fs::write(copy.1, "half an archive")?);
    Relink::capture(folder.path(), &self::built(folder.path()), None, &link, truncated).expect_err("no archive");
    assert_eq!(Relink::open(&link), None);
}
