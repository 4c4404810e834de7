//! Another project's counts against the baseline that it has stored, what `assay init` writes, and what `assay doctor`
//! misses.

use std::process::Command;

use crate::support::{LIBRARY, LOCK, MANIFEST, Project, assay, has_valgrind, parts, slower, summing};

#[test]
fn a_project_is_gated_by_its_stored_baseline() {
    if !has_valgrind() {
        return;
    }
    let project = summing();
    let bench = std::fs::read_to_string(project.root().join("benches/sums.rs")).expect("read");
    let whole: Vec<&str> = bench.lines().filter(|line| !line.contains("\"broken\"")).collect();
    project.write("benches/sums.rs", &whole.join("\n"));
    project.commit();
    let (code, said, told) = project.assay(&["gate"]);
    assert_eq!((code, said.as_str()), (4, ""), "{told}");
    for remedy in ["`assay baseline accept --reason", "`--against HEAD~1` compares with a revision"] {
        assert!(told.contains(remedy), "`{remedy}` is not said: {told}");
    }
    assert_eq!(project.assay(&["run", "--lane", "counts"]).0, 0);
    let (code, said, told) = project.assay(&["baseline", "accept", "--reason", "first"]);
    assert!(code == 0 && said.contains("baselines/stored/"), "{said}{told}");
    project.commit();
    let (code, said, told) = project.assay(&["gate"]);
    assert_eq!(code, 0, "{said}{told}");
    assert!(said.contains("exact, each within its limit; no times were taken"), "{said}");
    project.write("src/lib.rs", &slower(LIBRARY));
    let (code, said, told) = project.assay(&["gate", "--bench", "sums"]);
    assert_eq!(code, 100, "{said}{told}");
    let worse: Vec<&str> = said.lines().filter(|line| line.starts_with("regressed  ")).collect();
    assert!(worse.len() == 1 && worse[0].contains("instructions") && worse[0].ends_with("sums/squares"), "{said}");
    assert!(said.contains("4 of 4 cases: --package, --bench"), "{said}");
    // Counts that depend on addresses are judged as far as no chance explains.
    project.write("src/lib.rs", LIBRARY);
    project.write("benches/sums.rs", &whole.join("\n").replace("% 1024)", "% 1024 + 9000)"));
    for base in [&[][..], &["--lane", "counts", "--against", "HEAD"]] {
        let (code, said, told) = project.assay(&[&["gate", "--bench", "sums"], base].concat());
        assert_eq!(code, 3, "{said}{told}");
        assert!(said.contains("placed: its counts differ from run to run, and all 6 of them are worse: "), "{said}");
        assert!(said.contains("this change also changes what is measured: benches/sums.rs"), "{said}");
    }
    project.write("src/lib.rs", &slower(LIBRARY));
    let deleted = whole.iter().filter(|line| !line.contains("\"squares\"")).copied().collect::<Vec<_>>().join("\n");
    project.write("benches/sums.rs", &deleted);
    let (code, said, told) = project.assay(&["gate", "--bench", "sums"]);
    assert!(code == 3 && said.contains("sums/squares is missing"), "{said}{told}");
    let (code, _, told) = project.assay(&["gate", "--no-default-features"]);
    assert_eq!(code, 4, "{told}");
    assert!(told.contains("corpus: base bench summing, here bench summing --no-default-features"), "{told}");
}

#[test]
fn init_says_what_it_wrote() {
    let project = summing();
    let (code, said, told) = project.assay(&["init"]);
    assert_eq!(code, 0, "{said}{told}");
    assert!(said.contains("found    bench summing/sums"), "{said}");
    assert!(said.contains("wrote    .github/workflows/assay.yml: it gates every pull request"), "{said}");
    assert!(project.root().join(".github/workflows/assay.yml").is_file());
    let (_, said, _) = project.assay(&["init"]);
    assert!(said.contains("kept     .github/workflows/assay.yml"), "{said}");
}

#[test]
fn init_gates_the_folder_of_a_package_that_is_not_at_the_root() {
    let project = Project::new(&[
        ("it's rust/Cargo.toml", MANIFEST),
        ("it's rust/Cargo.lock", LOCK),
        ("it's rust/src/lib.rs", LIBRARY),
        ("it's rust/benches/sums.rs", "fn main() {}\n"),
        ("it's rust/benches/other.rs", "fn main() {}\n"),
    ]);
    let (code, said, told) = parts(&assay(&project.root().join("it's rust"), &["init"]));
    assert_eq!(code, 0, "{said}{told}");
    let workflow = std::fs::read_to_string(project.root().join(".github/workflows/assay.yml")).expect("written");
    assert!(workflow.contains("pipefail\n        working-directory: 'it''s rust'\n"), "{workflow}");
    let project = summing();
    assert_eq!(parts(&assay(&project.root().join("src"), &["init"])).0, 0);
    let workflow = std::fs::read_to_string(project.root().join(".github/workflows/assay.yml")).expect("written");
    assert!(!workflow.contains("working-directory"), "at the root all is gated: {workflow}");
}

#[test]
fn doctor_misses_a_c_compiler() {
    let (project, programs) = (summing(), tempfile::tempdir().expect("a folder"));
    let path = std::env::var_os("PATH").expect("a path");
    for program in ["cargo", "rustc", "git", "valgrind"] {
        let mut places = std::env::split_paths(&path).map(|folder| folder.join(program));
        if let Some(found) = places.find(|file| file.is_file()) {
            std::os::unix::fs::symlink(found, programs.path().join(program)).expect("linked");
        }
    }
    let mut doctor = Command::new(env!("CARGO_BIN_EXE_assay"));
    let output = doctor.arg("doctor").current_dir(project.root()).env("PATH", programs.path()).output();
    let (code, said, told) = parts(&output.expect("assay starts"));
    assert_eq!(code, 1, "{said}{told}");
    let missing: Vec<&str> = said.lines().filter(|line| line.starts_with("missing")).collect();
    assert!(missing.len() == 1 && missing[0].starts_with("missing  cc: "), "{said}");
}
