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
    let (code, said, told) = backfill(&["HEAD~1..HEAD", "squares"]);
    assert!(code == 0 && said.starts_with("1 commits: 1 measured, 0 known, 0 left out"), "{said}{told}");
    let (code, said, told) = backfill(&["HEAD~3..HEAD", "squares"]);
    assert!(code == 0 && said.starts_with("3 commits: 1 measured, 1 known, 1 left out"), "{said}{told}");
    let (code, said, told) = backfill(&["HEAD~3..HEAD", "squares"]);
    assert!(code == 0 && said.starts_with("3 commits: 0 measured, 3 known, 0 left out"), "{said}{told}");
    let [history] = &History::list(&project.root().join("baselines/history")).expect("listed")[..] else {
        panic!("one environment")
    };
    let instructions = |commit: &CommitRecord| commit.cases.first().map(|values| values.values["instructions"]);
    let [before, broken, after] = &history.commits[..] else { panic!("{:?}", history.commits) };
    assert!(instructions(before) > instructions(after), "{before:?} {after:?}");
    assert!(broken.left_out.as_ref().is_some_and(|why| why.contains("summing")), "{broken:?}");
    let (code, _, told) = backfill(&["HEAD"]);
    assert!(code == 1 && told.contains("`HEAD` is no range"), "{told}");
}
