//! The first verdict of somebody new: a project that knows nothing of Assay, a commit of documents, and a slower one.

use super::support::{LIBRARY, has_valgrind, slower, summing};

#[test]
fn a_slower_function_is_found_and_a_document_is_not_measured() {
    if !has_valgrind() {
        return;
    }
    let project = summing();
    project.write("README.md", "Sums of numbers.\n");
    project.commit();
    let (code, said, progress) = project.assay(&["gate", "--against", "HEAD~1"]);
    assert_eq!(code, 0, "{said}{progress}");
    assert!(said.contains("both revisions build the same program"), "{said}{progress}");
    project.write("src/lib.rs", &slower(LIBRARY));
    project.commit();
    let (code, said, progress) = project.assay(&["gate", "--lane", "counts", "--against", "HEAD~1"]);
    assert_eq!(code, 100, "{said}{progress}");
    let worse: Vec<&str> = said.lines().filter(|line| line.starts_with("regressed  ")).collect();
    assert!(worse.len() == 1 && worse[0].contains("instructions") && worse[0].ends_with("sums/squares"), "{said}");
    assert!(said.contains("summing::squares: costlier per call"), "{said}");
    assert!(progress.contains("Compiling summing ") && !progress.contains("Compiling criterion "), "{progress}");
    for left_out in ["skipped: summing/other: ", "skipped: broken: it fails on both sides: its data are missing"] {
        assert!(said.contains(left_out), "`{left_out}` is not said: {said}");
    }
    for command in [&["run", "squarse"][..], &["gate", "squarse", "--against", "HEAD~1"]] {
        let (code, said, progress) = project.assay(command);
        assert_eq!(code, 4, "{said}{progress}");
        let told = "no benchmark has `squarse` in its name: `assay run --list` shows all names";
        assert!(progress.contains(told), "{said}{progress}");
    }
}
