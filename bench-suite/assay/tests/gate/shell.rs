//! What shells and `man` are told.

use super::support::{assay, parts};

fn said(arguments: &[&str]) -> (i32, String, String) {
    parts(&assay(&std::env::temp_dir(), arguments))
}

#[test]
fn every_shell_completes_subcommands_and_their_arguments() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let (code, script, told) = said(&["completions", shell]);
        assert_eq!(code, 0, "{shell}: {told}");
        for word in ["gate", "merge", "shard", "no-default-features"] {
            assert!(script.contains(word), "{shell} does not know {word}");
        }
    }
    assert_eq!(said(&["completions", "tcsh"]).0, 2);
}

#[test]
fn the_man_page_has_all_that_the_help_has() {
    let (code, page, told) = said(&["man"]);
    assert_eq!(code, 0, "{told}");
    for part in [".TH assay 1", "assay\\-merge(1)", "a metric that blocks got worse"] {
        assert!(page.contains(part), "`{part}` is not in {page}");
    }
    let (code, page, told) = said(&["man", "gate"]);
    assert_eq!(code, 0, "{told}");
    for part in [".TH assay-gate 1", "\\-\\-against", "assay gate \\-\\-against main"] {
        assert!(page.contains(part), "`{part}` is not in {page}");
    }
    let (code, _, told) = said(&["man", "gates"]);
    assert!(code == 1 && told.contains("there is no subcommand `gates`"), "{told}");
}
