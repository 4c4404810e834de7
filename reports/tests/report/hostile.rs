//! Names come from anywhere: in no format may one become markup, a command or a control character.

use quick_junit::Report as Junit;
use reports::{Format, html, render};

use crate::fixture;

/// No format may hold a control character but the line break: terminals and XML readers would act on it.
#[test]
fn no_format_has_control_characters() {
    let report = fixture::hostile();
    for &format in Format::ALL {
        let text = render(&report, format).expect("renders");
        // JSON keeps names as they are and escapes them itself; flamegraph scripts are inferno's.
        let wrong =
            text.chars().find(|letter| letter.is_control() && !matches!(letter, '\n' | '\t') || *letter == '\u{202e}');
        assert!(wrong.is_none() || (format == Format::Json && wrong == Some('\u{202e}')), "{format}: {wrong:?}");
    }
}

#[test]
fn markup_in_names_stays_text_in_the_page() {
    let mut report = fixture::hostile();
    let page = html::render(&report).expect("renders");
    assert!(page.contains("&lt;script&gt;alert(1)"), "the name is shown");
    assert!(!page.contains("<script>alert") && !page.contains("<b>bold"), "and is not markup");
    // A frame's document is text of an attribute: it must not end the attribute either.
    let frame = page.split("srcdoc=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a frame");
    assert!(frame.contains("&amp;lt;script&amp;gt;alert") && !frame.contains('<'), "{frame}");
    report.profiles.clear();
    let page = html::render(&report).expect("renders");
    assert_eq!(page.matches("<script").count(), 1, "the page's own script and no other");
    assert_eq!(
        page.matches("http").count(),
        page.matches("http-equiv").count() + page.matches("http://www.w3.org/2000/svg").count()
    );
}

#[test]
fn a_table_of_a_comment_keeps_its_columns() {
    let comment = render(&fixture::hostile(), Format::Markdown).expect("renders");
    let rows: Vec<_> = comment.lines().filter(|line| line.starts_with("| ")).collect();
    assert_eq!(rows.len(), 1 + 6);
    for row in rows {
        assert_eq!(row.replace("\\|", "").matches('|').count(), 7, "{row}");
    }
    // Outside code spans nothing is a tag or a mention.
    let prose: String =
        comment.lines().filter(|line| line.starts_with("- ")).filter_map(|line| line.split(": ").nth(1)).collect();
    assert!(!prose.contains("<script") && !prose.contains("@everyone"), "{prose}");
}

#[test]
fn every_name_is_one_command_at_most() {
    let commands = render(&fixture::hostile(), Format::Github).expect("renders");
    for line in commands.lines() {
        // GitHub reads commands at the start of a line only, and the title up to the next `::`.
        let title =
            ["::error title=", "::warning title=", "::notice title="].iter().find_map(|start| line.strip_prefix(start));
        assert!(title.is_some_and(|title| title.contains("::")), "{line}");
    }
}

#[test]
fn junit_reads_back_what_was_written() {
    let report = fixture::hostile();
    let xml = render(&report, Format::Junit).expect("renders");
    let read = Junit::deserialize_from_str(&xml).expect("well-formed JUnit");
    let suite = read.test_suites.iter().find(|suite| suite.name.as_str() == "counts").expect("the counts lane");
    assert_eq!((suite.tests, suite.failures), (6, 6));
    let said = suite.test_cases[0].classname.as_ref().map(|name| name.as_str().to_owned());
    assert!(said.is_some_and(|name| name.starts_with("</td><script>alert(1)</script>/10")));
}
