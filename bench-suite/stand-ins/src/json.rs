//! A string as JSON writes it: the only part of JSON that needs care.

use std::fmt::Write;

/// The text in quotes, escaped.
pub fn string(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for letter in text.chars() {
        match letter {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            control if control < ' ' => {
                // A string takes whatever is written to it.
                let _ = write!(quoted, "\\u{:04x}", u32::from(control));
            }
            letter => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_json_does_not_allow_is_escaped() {
        assert_eq!(super::string("a \"b\" \\ ü\n"), r#""a \"b\" \\ ü\u000a""#);
    }
}
