//! Figures in documents: replaced where a source has them, left where it has not, and never half.

use std::path::Path;

use baselines::calibration;
use reports::Report;
use reports::splice::{Figures, splice};

use crate::fixture;

#[test]
fn the_figures_of_a_run_replace_what_stood_there() {
    let report = fixture::regressed();
    let figures = Figures::Run(&report);
    let text = "a\n<!-- assay:changes -->\nold\n<!-- /assay -->\nb\n<!-- assay:claims -->kept<!-- /assay -->\n\
                <!-- assay:variants --><!-- /assay -->\nc\n";
    let (spliced, filled) = splice("x.md", text, &figures, &[]).expect("spliced");
    assert_eq!(filled, 2);
    assert!(spliced.starts_with("a\n<!-- assay:changes -->\n| verdict | benchmark"), "{spliced}");
    assert!(spliced.contains("\n<!-- assay:claims -->kept<!-- /assay -->\n") && !spliced.contains("old"), "{spliced}");
    assert!(spliced.ends_with("\n<!-- /assay -->\nc\n") && spliced.contains("(naive)"), "{spliced}");
    assert_eq!(splice("x.md", &spliced, &figures, &[]).expect("again").0, spliced, "the same figures change nothing");
}

#[test]
fn blocks_that_are_not_named_are_left_to_another_run() {
    let report = fixture::regressed();
    let text = "<!-- assay:lead -->old<!-- /assay --><!-- assay:toggles -->kept<!-- /assay -->";
    let only = |names: &[&str]| {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        splice("x.md", text, &Figures::Run(&report), &names)
    };
    let (spliced, filled) = only(&["lead"]).expect("spliced");
    assert!(filled == 1 && spliced.contains("kept") && !spliced.contains("old"), "{spliced}");
    assert!(only(&[]).is_err(), "the run has no toggles");
    assert!(only(&["changes"]).expect_err("no such block").to_string().contains("write `<!-- assay:changes -->`"));
}

#[test]
fn what_can_not_be_filled_is_an_error_with_its_line() {
    let report = Report::new(fixture::run());
    let wrong = |text: &str| splice("x.md", text, &Figures::Run(&report), &[]).expect_err("refused").to_string();
    let unknown = wrong("a\nb <!-- assay:speed --> <!-- /assay -->");
    assert!(unknown.starts_with("x.md: line 2: there are no figures `speed`: take one of lead, changes"), "{unknown}");
    assert!(wrong("<!-- assay:lead -->\n").contains("line 1: `lead` has no end"));
    assert!(wrong("<!-- assay:lead -->\n<!-- assay:time -->\n<!-- /assay -->").contains("line 1: `lead` has no end"));
    assert!(wrong("<!-- assay:changes --><!-- /assay -->").contains("the source has no figures `changes`"));
    assert!(wrong("a <!-- assay:lead").contains("does not end"));
    assert!(wrong("nothing").contains("no block for this source"));
}

/// A table that anybody could type is written from its record, and this notices when they differ.
#[test]
fn the_readme_says_what_the_calibration_measured() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tree");
    let readme = std::fs::read_to_string(root.join("README.md")).expect("the README");
    let suites = calibration::read(&root.join("baselines/calibration/amd-epyc-2-cores.jsonl")).expect("the record");
    let (spliced, filled) = splice("README.md", &readme, &Figures::Calibration(&suites), &[]).expect("spliced");
    assert_eq!(filled, 1);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(root.join("README.md"), &spliced).expect("written");
        return;
    }
    assert_eq!(spliced, readme, "assay report baselines/calibration/amd-epyc-2-cores.jsonl --splice README.md");
}
