//! The history of a project, counted at the commits of before.

use baselines::history::{CommitRecord, History};

use crate::support::{LIBRARY, has_valgrind, slower, summing};

#[test]
fn commits_of_before_are_counted_once_and_what_does_not_build_is_left_out() {
    if !has_valgrind() {
        return;
    }
    let project = summing();
    for library in [&slower(LIBRARY), "not Rust", LIBRARY] {
        project.write("src/lib.rs", library);
        project.commit();
    }
    let backfill = |more: &[&str]| project.assay(&[&["history", "backfill"], more].concat());
    let histories = project.root().join("baselines/history");
    let history = || match &History::list(&histories).expect("listed")[..] {
        [history] => history.clone(),
        other => panic!("one environment: {other:?}"),
    };
    let (code, said, told) = backfill(&["HEAD~1..HEAD", "sqares"]);
    assert!(code == 4 && said.starts_with("1 commits: 0 measured, 0 known, 1 left out"), "{said}{told}");
    assert!(told.contains("no benchmark has `sqares` in its name"), "{told}");
    assert!(!histories.exists(), "nothing is known of the commit");
    let (code, said, told) = backfill(&["HEAD~1..HEAD", "squares"]);
    assert!(code == 0 && said.starts_with("1 commits: 1 measured, 0 known, 0 left out"), "{said}{told}");
    let (code, said, told) = backfill(&["HEAD~3..HEAD", "squares"]);
    assert!(code == 0 && said.starts_with("3 commits: 1 measured, 1 known, 1 left out"), "{said}{told}");
    let (code, said, told) = backfill(&["HEAD~3..HEAD", "squares"]);
    assert!(code == 0 && said.starts_with("3 commits: 0 measured, 2 known, 1 left out"), "{said}{told}");
    assert!(told.contains("note: 1 left out by an earlier backfill: `--retry` tries again"), "{told}");
    let known = history();
    let instructions = |commit: &CommitRecord| commit.cases.first().map(|values| values.values["instructions"]);
    let [before, broken, after] = &known.commits[..] else { panic!("{:?}", known.commits) };
    assert!(instructions(before) > instructions(after), "{before:?} {after:?}");
    assert!(broken.left_out.as_ref().is_some_and(|why| why.contains("summing")), "{broken:?}");
    assert_eq!(before.filters, ["squares"]);
    // What another filter selected is not all.
    for counted in ["1 measured, 0 known", "0 measured, 1 known"] {
        let (code, said, told) = backfill(&["HEAD~1..HEAD"]);
        assert!(code == 0 && said.starts_with(&format!("1 commits: {counted}, 0 left out")), "{said}{told}");
        let [before, _, after] = &history().commits[..] else { panic!("three commits") };
        assert_eq!(before.cases.len(), 1, "{before:?}");
        assert!(after.cases.len() > 2 && after.filters.is_empty(), "{after:?}");
        assert!(after.cases.iter().any(|values| values.case.benchmark == "sums/largest"), "{after:?}");
    }
    let (code, _, told) = backfill(&["HEAD"]);
    assert!(code == 1 && told.contains("`HEAD` is no range"), "{told}");
}
