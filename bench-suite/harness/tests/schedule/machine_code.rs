//! What is the same machine code in two programs, and what is not.

use std::path::Path;

use harness::build::cargo::{self, CargoTarget};
use harness::build::machine_code::MachineCode;
use harness::build::relink::Relink;

use super::layouts::has_lld;

/// Functions that call each other, panic, read a table through another one, and have generic instances.
const SOURCE: &str = r#"
use std::hint::black_box;
#[unsafe(no_mangle)] #[inline(never)]
fn calls(n: usize) -> usize { black_box(called(n)) * 3 }
#[unsafe(no_mangle)] #[inline(never)]
fn called(n: usize) -> usize { n + 2 }
#[unsafe(no_mangle)] #[inline(never)]
fn panics(values: &[u64], n: usize) -> u64 { values[n] }
static TABLE: [u64; 4] = [2, 3, 5, 7];
static TABLES: [&[u64; 4]; 1] = [&TABLE];
#[unsafe(no_mangle)] #[inline(never)]
fn reads(n: usize) -> u64 { black_box(TABLES)[0][n & 3] }
#[unsafe(no_mangle)] #[inline(never)]
fn floats(x: f64) -> f64 { black_box(x) * 3.25 + 1.5 }
#[unsafe(no_mangle)] #[inline(never)]
fn others() -> f64 { black_box(0.75) / black_box(0.375) }
fn main() {
    let n = std::env::args().count();
    println!("{} {} {} {} {}", calls(n), panics(&[1, 2], n - 1), reads(n), floats(1.0), others());
}
"#;

const FUNCTIONS: [&str; 6] = ["calls", "called", "panics", "reads", "floats", "others"];

/// The code of a source's program.
fn code(folder: &Path, source: &str) -> MachineCode {
    let target = CargoTarget {
        arguments: ["build", "--release", "--locked"].map(str::to_owned).into(),
        kind: "bin",
        name: "reading".to_owned(),
        package: std::path::PathBuf::new(),
        left_out: None,
        together: vec![],
    };
    let manifest = "[package]\nname = \"reading\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[[bin]]\nname = \
        \"reading\"\npath = \"main.rs\"\n[workspace]\n";
    std::fs::write(folder.join("Cargo.toml"), manifest).unwrap();
    std::fs::write(folder.join("Cargo.lock"), "version = 4\n[[package]]\nname = \"reading\"\nversion = \"0.1.0\"\n")
        .unwrap();
    std::fs::write(folder.join("main.rs"), source).unwrap();
    let target_folder = folder.join("target");
    let build = |variables: &[(&str, &str)]| cargo::build_in(folder, Some(&target_folder), variables, &target);
    let built = build(&[]).unwrap();
    let link = folder.join("link");
    let captured = Relink::capture(folder, &built, None, &link, |copy| build(&[copy]).map(drop)).unwrap();
    let code = MachineCode::of(&captured.expect("LLD links it")).unwrap();
    std::fs::remove_dir_all(link).unwrap();
    code
}

#[test]
fn a_function_is_another_one_by_its_code_and_by_what_it_reads() {
    if !has_lld() {
        println!("skipped: this linker saves no inputs");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let base = code(folder.path(), SOURCE);
    let differing = |(was, is): (&str, &str)| -> Vec<&str> {
        assert!(SOURCE.contains(was), "{was}");
        let new = code(folder.path(), &SOURCE.replace(was, is));
        FUNCTIONS.into_iter().filter(|function| !new.has_same(&base, function)).collect()
    };
    assert_eq!(differing(("use std", "\n\n// Lines move.\nuse std")), Vec::<&str>::new());
    assert_eq!(differing(("n + 2", "n + 4")), ["called"], "its callers call it by the same name");
    assert_eq!(differing(("called(n)", "called(n + 1)")), ["calls"]);
    assert_eq!(differing(("[2, 3, 5, 7]", "[2, 3, 5, 11]")), ["reads"], "through another table");
    assert_eq!(differing(("3.25", "4.25")), ["floats"], "a constant among those of other functions");
    assert_eq!(differing(("0.375", "0.875")), ["others"]);

    let new = code(folder.path(), &SOURCE.replace("n + 2", "n + 4"));
    assert!(new.has_same(&base, "calls") && !new.has_same_below(&base, ["calls"]), "it may call what differs");
    assert!(new.has_same_below(&base, ["panics", "reads", "floats", "others"]));
}

#[test]
fn what_is_in_neither_program_is_of_a_shared_library_or_unknown() {
    let none = MachineCode::default();
    for same in ["malloc", "__memcpy_avx_unaligned_erms", "(below main)", "0x0000000000401234"] {
        assert!(none.has_same(&none, same), "{same}");
    }
    for unknown in ["_ZN4work4main17h0123456789abcdefE", "_RNvC4work4main"] {
        assert!(!none.has_same(&none, unknown), "{unknown}");
    }
}
