//! The history as text and as a site.

use std::collections::BTreeMap;
use std::path::Path;

use baselines::CaseKey;
use baselines::history::changes::changes;
use baselines::history::{CaseValues, CommitRecord, History, OddRun, series};
use baselines::policy::Policy;
use reports::history::{HistoryReport, site, text};

use crate::golden::check;

/// 30 commits, one of them broken, with a step of 20% after the 18th; the benchmark's name would be markup.
fn report() -> HistoryReport {
    let mut history = History::new("x86_64-rustc1.95.0");
    for number in 0..30_u32 {
        let case = CaseKey { benchmark: "parse/<b>".to_owned(), variant: String::new() };
        let value = 500.0 + f64::from(number % 4) + if number >= 18 { 100.0 } else { 0.0 };
        let values = BTreeMap::from([("instructions".to_owned(), value), ("allocated_bytes".to_owned(), 4096.0)]);
        let (commit, date) = (format!("{number:03}cafecafecafe"), format!("2026-02-{:02}T10:00:00Z", number % 28 + 1));
        let date = if number >= 28 { date.replace("2026-02", "2026-03") } else { date };
        let cases = vec![CaseValues { case, operations: 20, values }];
        history.add(CommitRecord::new(commit, date, cases));
    }
    history.add(CommitRecord::left_out("0badc0de0badc0de", "2026-02-10T11:00:00Z", "error: can't find `x` & more"));
    let all = series::series(&history, |_| true);
    let series = changes(all, &Policy::standard(), "2026-03-01".parse().expect("a date")).expect("judged");
    let odd = vec![OddRun {
        commit: "029cafecafecafe".to_owned(),
        date: "2026-03-02T10:00:00Z".to_owned(),
        outside: 14,
        benchmarks: 20,
    }];
    HistoryReport { environment: history.environment, commits: history.commits, odd, series }
}

#[test]
fn a_history_as_text() {
    check("history.text", &text(&report()));
}

#[test]
fn a_history_as_a_site() {
    let folder = tempfile::tempdir().expect("a folder");
    assert_eq!(site(&[report()], folder.path()).expect("written"), 2);
    // The style is that of all pages.
    let read = |path: &Path| {
        let text = std::fs::read_to_string(path).expect("text");
        text[text.find("<main>").expect("a page")..].replace("<section", "\n<section") + "\n"
    };
    let mut pages: Vec<_> =
        std::fs::read_dir(folder.path()).expect("listed").map(|entry| entry.expect("one").path()).collect();
    pages.sort();
    assert_eq!(pages.len(), 3, "{pages:?}");
    check("history.index.html", &read(&folder.path().join("index.html")));
    let page = pages.iter().find(|page| page.to_string_lossy().contains("parse")).expect("a page of the benchmark");
    check("history.page.html", &read(page));
    for page in [read(page), read(&folder.path().join("index.html"))] {
        assert!(!page.contains("<b>") && !page.contains("<script") && !page.contains("http"), "{page}");
        let (tables, focused) = ("class=\"scroll\"", "class=\"scroll\" tabindex=\"0\"");
        assert_eq!(page.matches(tables).count(), page.matches(focused).count(), "a keyboard scrolls them");
    }
    let name = page.file_name().expect("a name").to_string_lossy();
    assert!(read(&folder.path().join("index.html")).contains(&format!("{name}#instructions-20")), "a link that lasts");
}
