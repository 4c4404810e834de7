//! Folders: several tools in one, links, names, and where the reports go.

use std::collections::BTreeSet;

use crate::inputs::{Inputs, exists, gungraun, hyperfine};

#[test]
fn two_tools_in_one_folder_are_both_read() {
    let inputs = Inputs::new();
    inputs.criterion("target/criterion/f/new", "f", 3.0);
    inputs.write("target/gungraun/p/b/g/h.x/summary.json", gungraun("b::g::h", "p", &[("Ir", 1000)]));
    inputs.write("target/bench/run.json", hyperfine("true", 0.2));
    inputs
        .assay(&["report", "target", "--format", "text"])
        .printed(0, &["b::g::h", "3 ns", "200.0 ms", "3 cases, 5 measurements\n"]);
}

#[test]
fn a_folder_of_exports_is_read_together() {
    let inputs = Inputs::new();
    inputs.write("runs/a.json", hyperfine("a", 1.0));
    inputs.write("runs/b.json", hyperfine("b", 2.0));
    inputs.assay(&["report", "runs", "--format", "text"]).printed(0, &["2 cases, 6 measurements\n"]);
    inputs.write("runs/c.json", hyperfine("a", 4.0));
    inputs
        .assay(&["report", "runs", "--format", "text"])
        .printed(0, &["a [from=a.json]", "a [from=c.json]", "3 cases, 9 measurements\n"]);
}

#[test]
fn one_name_in_two_packages_is_two_cases() {
    let inputs = Inputs::new();
    inputs.write("gungraun/one/summary.json", gungraun("b::g::f", "crates/one", &[("Ir", 1000)]));
    inputs.write("gungraun/two/summary.json", gungraun("b::g::f", "crates/two", &[("Ir", 2000)]));
    inputs.criterion("one/target/criterion/f/new", "f", 3.0);
    inputs.criterion("two/target/criterion/f/new", "f", 4.0);
    inputs.assay(&["report", ".", "--format", "text"]).printed(
        0,
        &[
            "b::g::f [package=crates/one]",
            "b::g::f [package=crates/two]",
            "f [from=one]",
            "f [from=two]",
            "4 cases, 4 measurements\n",
        ],
    );
}

#[test]
fn a_run_that_criterion_kept_is_read_by_its_name() {
    let inputs = Inputs::new();
    inputs.criterion("criterion/f/main", "f", 10.0);
    inputs.criterion("criterion/f/base", "f", 10.0);
    inputs.criterion("criterion/f/new", "f", 30.0);
    for [base, new] in [["criterion:main", "criterion"], ["criterion/f/main", "criterion/f/new"]] {
        let compared = inputs.assay(&["compare", base, new]);
        compared.printed(4, &[&format!("compared with run {base}\n")]);
        assert_eq!(compared.row(" f"), "incomparable wall_time 10 ns 30 ns +200% f");
    }
    let missing = inputs.assay(&["report", "criterion:dev", "--format", "text"]);
    missing.refused(1, "criterion has no baseline `dev` of criterion; there is `base`, `main`, `new`");
    inputs.criterion("only/f/main", "f", 10.0);
    inputs.assay(&["report", "only", "--format", "text"]).printed(
        0,
        &["10 ns", "skipped: criterion's last run (`new`): there is none: this is what it kept as `main`\n"],
    );
    inputs.criterion("only/g/dev", "g", 10.0);
    let several = inputs.assay(&["report", "only", "--format", "text"]);
    several.refused(1, "it kept `dev`, `main` and no last run (`new`): name one, as in `only:dev`");
    inputs.criterion("only/g/new", "g", 20.0);
    let kept = "skipped: only/f: criterion kept no run `new` of it, only `main`\n";
    inputs.assay(&["report", "only", "--format", "text"]).printed(0, &["20 ns", kept]);
}

#[test]
fn reports_do_not_overwrite_each_other() {
    let inputs = Inputs::new();
    for folder in ["criterion-0.5.0", "criterion-0.5.1", "a/criterion", "b/criterion", "latest"] {
        inputs.criterion(&format!("{folder}/f/new"), "f", 3.0);
        inputs.criterion(&format!("{folder}/f/main"), "f", 3.0);
    }
    let named = ["criterion-0.5.0", "criterion-0.5.1", "a/criterion", "b/criterion", "a/criterion:main", "latest"];
    let mut pages = BTreeSet::new();
    for folder in named {
        let ended = inputs.assay(&["report", folder]);
        ended.printed(0, &["index.html\n"]);
        let page = ended.stdout.trim().to_owned();
        assert!(exists(&inputs.at(&page)), "{page}");
        pages.insert(page);
    }
    assert_eq!(pages.len(), named.len(), "{pages:?}");
    let here = inputs.assay_in("criterion-0.5.1", &["report", "."]);
    here.printed(0, &[]);
    assert!(pages.iter().any(|page| here.stdout.trim().ends_with(page.as_str())), "{here:?} is none of {pages:?}");
}

#[cfg(unix)]
#[test]
fn links_do_not_hang() {
    use std::os::unix::fs::symlink;
    let inputs = Inputs::new();
    inputs.criterion("criterion/f/new", "f", 3.0);
    for (target, link) in
        [("..", "criterion/f/up"), ("/", "criterion/root"), ("f", "criterion/a"), ("no", "criterion/no")]
    {
        symlink(target, inputs.at(link)).expect("linked");
    }
    inputs.assay(&["report", "criterion", "--format", "text"]).printed(0, &["3 ns", "1 case, 1 measurement\n"]);
}

#[test]
fn the_figures_of_a_document_are_replaced_all_or_none() {
    let inputs = Inputs::new();
    inputs.write("a.json", hyperfine("a", 1.0));
    inputs.write("good.md", "x\n<!-- assay:time -->\nold\n<!-- /assay -->\ny\n");
    inputs.assay(&["report", "a.json", "--splice", "good.md"]).printed(0, &["good.md: 1 block replaced\n"]);
    let read = |name: &str| std::fs::read_to_string(inputs.at(name)).expect("reads");
    let good = read("good.md");
    assert!(good.starts_with("x\n<!-- assay:time -->\n| benchmark | cpu time | wall time |"), "{good}");
    assert!(good.contains("| `a` | 1.000 s | 1.000 s |") && good.ends_with("\n<!-- /assay -->\ny\n"), "{good}");
    let bad = "<!-- assay:time -->old<!-- /assay -->\n<!-- assay:speed --><!-- /assay -->\n";
    inputs.write("bad.md", bad);
    let refused = inputs.assay(&["report", "a.json", "--splice", "bad.md"]);
    assert_eq!((refused.code, refused.stdout.as_str()), (1, ""));
    assert!(refused.stderr.starts_with("error: bad.md: line 2: there are no figures `speed`"), "{}", refused.stderr);
    assert_eq!(read("bad.md"), bad);
}
