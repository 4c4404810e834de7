//! Splits a command line into words, as a shell does: by blanks, with quotes and backslashes. It expands nothing.

use anyhow::{Result, bail, ensure};

/// What a shell would give a meaning to.
const OF_A_SHELL: &str = "|&;<>()$`*?#";

/// The words of a command line: a program and its arguments.
pub fn split(line: &str) -> Result<Vec<String>> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        match (quote, letter) {
            (Some(open), letter) if letter == open => quote = None,
            (None, '\'' | '"') => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (None | Some('"'), '\\') => match letters.next() {
                Some(escaped) => word.get_or_insert_default().push(escaped),
                None => bail!("`{line}` ends with a backslash"),
            },
            (None, letter) if letter.is_whitespace() => words.extend(word.take()),
            (None, letter) if OF_A_SHELL.contains(letter) => {
                bail!("`{letter}` in `{line}` needs a shell: quote it, or give `sh -c '..'`")
            }
            (_, letter) => word.get_or_insert_default().push(letter),
        }
    }
    ensure!(quote.is_none(), "a quote in `{line}` is not closed");
    words.extend(word);
    ensure!(!words.is_empty(), "an empty command: name a program");
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_split_as_a_shell_does() {
        for (line, words) in [
            ("target/release/tool  big.json ", &["target/release/tool", "big.json"][..]),
            (r#"tool 'a b' "c 'd'" e\ f ''"#, &["tool", "a b", "c 'd'", "e f", ""]),
            (r#"tool --x="1 2"'3' '|' "\"" 'a\b'"#, &["tool", "--x=1 23", "|", "\"", r"a\b"]),
        ] {
            assert_eq!(split(line).expect("well formed"), words, "{line}");
        }
    }

    #[test]
    fn what_needs_a_shell_is_refused_with_the_remedy() {
        for line in ["tool | wc", "tool > out", "tool $HOME", "tool *.json", "a && b"] {
            assert!(split(line).expect_err("refused").to_string().contains("sh -c"), "{line}");
        }
        for line in ["", "  ", "tool 'a", "tool \\"] {
            assert!(split(line).is_err(), "{line}");
        }
    }
}
