//! The criterion benches of a package that knows nothing of Assay, with nothing to edit in it.

use std::path::Path;

use crate::support::{LIBRARY, LOCK, MANIFEST, Project, assay, has_valgrind, parts, slower, summing};

#[test]
fn what_executes_the_same_machine_code_is_not_timed() {
    if !has_valgrind() {
        return;
    }
    let project = summing();
    project.write("src/lib.rs", &slower(LIBRARY));
    project.commit();
    let (code, said, progress) = project.assay(&["gate", "sums/", "--against", "HEAD~1"]);
    assert_eq!(code, 100, "{said}{progress}");
    assert!(progress.contains("times: 1 of 2 cases execute the same machine code, and are not timed"), "{progress}");
    assert!(said.contains("1 case executes the same machine code"), "{said}");
}

#[test]
fn the_function_that_allocates_more_is_named() {
    if !has_valgrind() {
        return;
    }
    let project = summing();
    let boxing = "{\n    drop(std::hint::black_box(Box::new(1)));\n";
    project.write("src/lib.rs", &LIBRARY.replacen("{\n", boxing, 1));
    project.commit();
    let (code, said, progress) = project.assay(&["gate", "sums/", "--lane", "counts", "--against", "HEAD~1"]);
    assert_eq!(code, 100, "{said}{progress}");
    let is_it = |line: &&str| line.starts_with("regressed ") && line.contains(" allocations ");
    let below = said.lines().skip_while(|line| !is_it(line)).skip(1).take_while(|line| line.starts_with("    "));
    let named: Vec<&str> = below.filter(|line| line.contains("summing::squares: ")).collect();
    assert!(named.len() == 1 && named[0].ends_with(" +20  summing::squares: costlier per call"), "{said}");
}

#[test]
fn the_policy_of_the_base_judges() {
    if !has_valgrind() {
        return;
    }
    let project = summing();
    let policy = |action: &str| {
        format!("schema = 1\n[[rule]]\nmetric = \"instructions\"\nrelative = 0.01\naction = \"{action}\"\n")
    };
    project.write("baselines/policy.toml", &policy("advise"));
    project.commit();
    project.write("src/lib.rs", &slower(LIBRARY));
    project.write("baselines/policy.toml", &policy("block"));
    project.commit();
    let gate = ["gate", "squares", "--lane", "counts", "--against", "HEAD~1"];
    let (code, said, progress) = project.assay(&gate);
    assert_eq!(code, 0, "{said}{progress}");
    assert!(said.contains("regressed (advises)  instructions"), "{said}");
    assert!(said.contains("the policy of this change differs from the base's"), "{said}");
}

#[test]
fn a_release_is_no_other_program() {
    let project = summing();
    for file in ["Cargo.toml", "Cargo.lock"] {
        let text = if file == "Cargo.toml" { MANIFEST } else { LOCK };
        project.write(file, &text.replace("\"0.1.0\"", "\"0.2.0\""));
    }
    project.commit();
    let (code, said, progress) = project.assay(&["gate", "--against", "HEAD~1"]);
    assert_eq!(code, 0, "{said}{progress}");
    assert!(said.contains("both revisions build the same program"), "{said}{progress}");
}

#[test]
fn a_path_out_of_the_repository_is_refused_before_anything_is_built() {
    let manifest = MANIFEST.replace("[dev-", "[dependencies]\noutside = { path = \"../outside\" }\n\n[dev-");
    let files = [("Cargo.toml", manifest.as_str()), ("Cargo.lock", LOCK), ("src/lib.rs", LIBRARY)];
    let project = Project::new(&[&files[..], &[("benches/sums.rs", ""), ("benches/other.rs", "")]].concat());
    project.write("README.md", "Other words.\n");
    project.commit();
    for arguments in [&["gate", "--against", "HEAD~1"][..], &["run", "--list"], &["doctor"]] {
        let (code, said, progress) = project.assay(arguments);
        assert_eq!(code, 1, "{arguments:?}: {said}{progress}");
        let told = format!("{said}{progress}");
        assert!(told.contains("outside of the git repository") && told.contains("/outside"), "{told}");
        assert!(!told.contains("building") && !told.contains("ok       bench"), "{told}");
    }
}

#[test]
fn a_project_is_listed_measured_and_profiled() {
    if !has_valgrind() {
        return;
    }
    let project = summing();
    let (code, said, _) = project.assay(&["run", "--list"]);
    assert_eq!((code, said.lines().count()), (0, 5), "{said}");
    assert!(said.lines().all(|line| line.starts_with("summing/sums ")), "{said}");
    let (code, said, progress) = project.assay(&["run", "squares"]);
    assert_eq!(code, 0, "{said}{progress}");
    for metric in ["instructions", "allocations", "cpu_time"] {
        assert!(said.contains(metric), "no {metric}: {said}");
    }
    let (code, said, progress) = project.assay(&["profile", "squares"]);
    assert_eq!(code, 0, "{said}{progress}");
    assert!(said.contains("summing::squares"), "{said}");
}

/// To find their sizes would take longer than all of the budget: an operation of each takes a second.
const NAPS: &str = r#"use criterion::{criterion_group, criterion_main, Criterion};

fn naps(criterion: &mut Criterion) {
    for number in 0..60 {
        let nap = std::time::Duration::from_secs(summing::largest(&[1]));
        criterion.bench_function(&format!("nap/{number}"), |b| b.iter(|| std::thread::sleep(nap)));
    }
}

criterion_group!(benches, naps);
criterion_main!(benches);
"#;

#[test]
fn sizes_take_a_part_of_the_budget_and_it_is_said_how_many_cases_have_none() {
    let project = summing();
    project.write("benches/sums.rs", NAPS);
    project.commit();
    project.write("benches/sums.rs", &NAPS.replace("&[1]", "&[0, 1]"));
    project.commit();
    let (code, said, progress) = project.assay(&["gate", "--lane", "time", "--against", "HEAD~1", "--budget", "30"]);
    assert_eq!(code, 3, "{said}{progress}");
    let of =
        |line: &str| Some(line.split_once("sizes of ")?.1.split_once(" of 60 cases: there was no time")?.0.to_owned());
    let too_late: u32 = said.lines().find_map(of).expect(&said).parse().expect(&said);
    assert!((1..60).contains(&too_late), "some have one: {said}");
}

/// To count them would take longer than all of the budget: each is set up for a tenth of a second, under valgrind.
const SET_UP: &str = r#"use criterion::{criterion_group, criterion_main, Criterion};

fn set_up(criterion: &mut Criterion) {
    for number in 0..60 {
        criterion.bench_function(&format!("slow/{number}"), |b| {
            std::thread::sleep(std::time::Duration::from_millis(100));
            b.iter(|| summing::squares(&[1; 100]));
        });
    }
}

criterion_group!(benches, set_up);
criterion_main!(benches);
"#;

#[test]
fn cases_without_time_to_be_counted_are_told_so_and_the_others_are_compared() {
    if !has_valgrind() {
        return;
    }
    let project = summing();
    project.write("benches/sums.rs", &SET_UP.replace("[1; 100]", "[1; 1000]"));
    project.commit();
    project.write("benches/sums.rs", SET_UP);
    project.commit();
    let (code, said, progress) = project.assay(&["gate", "--lane", "counts", "--against", "HEAD~1", "--budget", "30"]);
    assert_eq!(code, 3, "{said}{progress}");
    assert!(said.contains("counts of ") && said.contains(" cases: there was no time for them"), "{said}{progress}");
    assert!(said.lines().any(|line| line.starts_with("improved")), "some are compared: {said}{progress}");
    let one_sided = said.lines().find(|line| line.starts_with("added") || line.starts_with("missing"));
    assert_eq!(one_sided, None, "{said}{progress}");
}

/// Two benchmarks that hold one port while they are set up.
const BOUND: &str = r#"use criterion::{criterion_group, criterion_main, Criterion};

fn bound(criterion: &mut Criterion) {
    for name in ["first", "second"] {
        criterion.bench_function(name, |b| {
            let held = std::net::TcpListener::bind("127.0.0.1:21987").expect("nobody else has the port");
            std::thread::sleep(std::time::Duration::from_millis(300));
            drop(held);
            b.iter(|| summing::squares(&[1, 2, 3]));
        });
    }
}

criterion_group!(benches, bound);
criterion_main!(benches);
"#;

#[test]
fn benchmarks_that_get_into_each_others_way_have_not_failed() {
    if !has_valgrind() {
        return;
    }
    let project = summing();
    project.write("benches/sums.rs", &BOUND.replace("[1, 2, 3]", "[1, 2, 3, 4, 5, 6]"));
    project.commit();
    project.write("benches/sums.rs", BOUND);
    project.commit();
    let (code, said, progress) = project.assay(&["gate", "--lane", "counts", "--against", "HEAD~1"]);
    assert_eq!(code, 0, "{said}{progress}");
    assert!(said.contains("first") && said.contains("second"), "{said}{progress}");
    let (_, said, progress) = project.assay(&["gate", "--lane", "time", "--against", "HEAD~1", "--budget", "30"]);
    assert!(!format!("{said}{progress}").contains("nobody else has the port"), "{said}{progress}");
}

#[test]
fn what_is_no_project_is_refused_with_the_remedy() {
    let nothing = tempfile::tempdir().expect("a folder");
    let refused = |folder: &Path| {
        let (code, said, why) = parts(&assay(folder, &["gate", "--against", "HEAD~1"]));
        assert_eq!((code, said.as_str()), (1, ""), "{why}");
        why
    };
    let why = refused(nothing.path());
    assert!(why.contains("there is no Cargo.toml"), "{why}");
    let project = summing();
    project.write("Cargo.toml", &MANIFEST.replace("criterion = \"0.5\"", ""));
    project.write("Cargo.lock", "version = 4\n\n[[package]]\nname = \"summing\"\nversion = \"0.1.0\"\n");
    project.commit();
    project.write("README.md", "Sums of numbers.\n");
    project.commit();
    let why = refused(&project.root());
    assert!(why.contains("`assay gate --command` gates a bench of another kind"), "{why}");
}
