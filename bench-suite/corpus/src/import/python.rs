//! JSON as Python writes and reads it. It may have what JSON does not allow: NaN and infinities as numbers, and lone
//! surrogates in text, which stand for bytes that were no text (`surrogateescape`).

use std::fmt;

use serde_json::Value;

use super::place::Fault;

/// What stands for the numbers that JSON does not have.
const NO_NUMBERS: [&str; 3] = ["NaN", "Infinity", "-Infinity"];

/// The document in a file's bytes, and what was replaced to read it.
pub(super) fn document(bytes: &[u8]) -> Result<(Value, Option<String>), Fault> {
    if bytes.is_empty() {
        return Err(Fault::new("byte 0", "the file is empty"));
    }
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Err(Fault::new("byte 0", "UTF-16 text: run `iconv -f UTF-16 -t UTF-8` before"));
    }
    let text = std::str::from_utf8(bytes)
        .map_err(|error| Fault::new(format!("byte {}", error.valid_up_to()), "not UTF-8 text"))?;
    let text = text.trim_start_matches('\u{feff}');
    let error = match serde_json::from_str(text) {
        Ok(document) => return Ok((document, None)),
        Err(error) => error,
    };
    let (strict, replaced) = strict(text);
    if let (true, Ok(document)) = (replaced != Replaced::default(), serde_json::from_str(&strict)) {
        return Ok((document, Some(replaced.to_string())));
    }
    let reason = error.to_string();
    let reason = reason.rsplit_once(" at line ").map_or(reason.as_str(), |(reason, _)| reason);
    Err(Fault::new(format!("line {} column {}", error.line(), error.column()), reason))
}

/// How much was replaced.
#[derive(Debug, Default, PartialEq, Eq)]
struct Replaced {
    numbers: usize,
    surrogates: usize,
}

impl fmt::Display for Replaced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts =
            [(self.numbers, "NaN or infinity read as null"), (self.surrogates, "lone surrogate read as U+FFFD")];
        let parts = parts.iter().filter(|(number, _)| *number > 0).map(|(number, what)| format!("{number} {what}"));
        f.write_str(&parts.collect::<Vec<_>>().join(", "))
    }
}

/// The text as JSON: NaN and infinities are null, lone surrogates U+FFFD.
fn strict(text: &str) -> (String, Replaced) {
    let (mut strict, mut replaced) = (String::with_capacity(text.len()), Replaced::default());
    let (mut rest, mut quoted) = (text, false);
    while let Some(letter) = rest.chars().next() {
        let mut taken = letter.len_utf8();
        if quoted && letter == '\\' {
            match (surrogate(rest), rest.get(6..).and_then(surrogate)) {
                (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => taken = 12,
                (Some(_), _) => {
                    replaced.surrogates += 1;
                    strict.push_str("\\ufffd");
                    rest = &rest[6..];
                    continue;
                }
                // A backslash and the letter behind it.
                (None, _) => taken += rest[1..].chars().next().map_or(0, char::len_utf8),
            }
        } else if letter == '"' {
            quoted = !quoted;
        } else if let Some(word) = NO_NUMBERS.iter().find(|word| !quoted && rest.starts_with(**word)) {
            replaced.numbers += 1;
            strict.push_str("null");
            rest = &rest[word.len()..];
            continue;
        }
        strict.push_str(&rest[..taken]);
        rest = &rest[taken..];
    }
    (strict, replaced)
}

/// The surrogate that an escape at the beginning of a text stands for.
fn surrogate(text: &str) -> Option<u32> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    u32::from_str_radix(digits, 16).ok().filter(|unit| (0xd800..=0xdfff).contains(unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Value, Option<String>) {
        document(text.as_bytes()).expect(text)
    }

    #[test]
    fn what_python_writes_is_read_and_said() {
        let (value, replaced) =
            read(r#"{"a":NaN,"b":[-Infinity,Infinity],"c":"bad \udcff \ud83d\ude00 \\udcff NaN \""}"#);
        let expected = "{\"a\":null,\"b\":[null,null],\"c\":\"bad \u{fffd} \u{1f600} \\\\udcff NaN \\\"\"}";
        assert_eq!(value, serde_json::from_str::<Value>(expected).expect("JSON"));
        assert_eq!(replaced.as_deref(), Some("3 NaN or infinity read as null, 1 lone surrogate read as U+FFFD"));
        assert_eq!(read("\u{feff}{\"a\":1}").1, None, "a byte order mark is nothing to tell of");
        let (value, _) = read(r#"["\ud83d", "\ud83d\ud83d\ude00x"]"#);
        assert_eq!(value, serde_json::json!(["\u{fffd}", "\u{fffd}\u{1f600}x"]));
    }

    #[test]
    fn what_is_no_json_is_named_by_its_place() {
        let fault = |bytes: &[u8]| document(bytes).map_err(|Fault { place, reason }| format!("{place}: {reason}"));
        assert_eq!(fault(b"{\"a\":\n nan}"), Err("line 2 column 3: expected ident".to_owned()));
        assert_eq!(fault(b"\"\xff\""), Err("byte 1: not UTF-8 text".to_owned()));
        assert!(fault(b"\xff\xfe{\0").is_err_and(|fault| fault.contains("UTF-16")));
        assert!(fault(b"{\"a\": NaN, \"b\": \"x\ny\"}").is_err_and(|fault| fault.starts_with("line 1 column ")));
    }
}
