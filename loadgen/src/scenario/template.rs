//! Text with `{{name}}` in it.
//!
//! A value is escaped for its place: percent-encoded in a path, as the inside of a string in a JSON body, and as it is
//! anywhere else.

use std::fmt::Write;

/// A text with places for values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Name(String),
}

/// The place of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Escape {
    Path,
    Json,
    Nothing,
}

impl Template {
    /// Reads a text; the error says what is wrong, and the remedy.
    pub fn parse(text: &str) -> Result<Template, String> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some(start) = rest.find("{{") {
            let after = &rest[start + 2..];
            let end = after.find("}}").ok_or_else(|| {
                let shown: String = rest[start..].chars().take(20).collect();
                format!("`{shown}` has no `}}}}`: write a value as {{{{name}}}}")
            })?;
            let name = after[..end].trim();
            let is_word = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
            if name.is_empty() || !name.chars().all(is_word) {
                return Err(format!(
                    "`{{{{{}}}}}` names no value: use letters, digits, `_`, `-`, and `.` after a data set",
                    &after[..end]
                ));
            }
            if start > 0 {
                pieces.push(Piece::Text(rest[..start].to_owned()));
            }
            pieces.push(Piece::Name(name.to_owned()));
            rest = &after[end + 2..];
        }
        if !rest.is_empty() {
            pieces.push(Piece::Text(rest.to_owned()));
        }
        Ok(Template { pieces })
    }

    /// The names of its values.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Name(name) => Some(name.as_str()),
            Piece::Text(_) => None,
        })
    }

    /// The text before its first value.
    pub fn beginning(&self) -> &str {
        match self.pieces.first() {
            Some(Piece::Text(text)) => text,
            _ => "",
        }
    }

    /// Fills the values in; the error names a value that is not there.
    pub fn render<'a>(&self, escape: Escape, value: impl Fn(&str) -> Option<&'a str>) -> Result<String, String> {
        let mut text = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(piece) => text.push_str(piece),
                Piece::Name(name) => {
                    let value = value(name).ok_or_else(|| format!("there is no value for {{{{{name}}}}}"))?;
                    push_escaped(&mut text, escape, value);
                }
            }
        }
        Ok(text)
    }
}

fn push_escaped(text: &mut String, escape: Escape, value: &str) {
    match escape {
        Escape::Nothing => text.push_str(value),
        Escape::Path => {
            for byte in value.bytes() {
                // RFC 3986, section 2.3. Writing to a String cannot fail.
                let _ = match byte {
                    b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                        write!(text, "{}", char::from(byte))
                    }
                    _ => write!(text, "%{byte:02X}"),
                };
            }
        }
        Escape::Json => {
            let quoted = serde_json::Value::from(value).to_string();
            text.push_str(&quoted[1..quoted.len() - 1]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(text: &str, escape: Escape) -> Result<String, String> {
        let values = |name: &str| match name {
            "users.name" => Some("a \"b\"/ü"),
            "id" => Some("7"),
            _ => None,
        };
        Template::parse(text)?.render(escape, values)
    }

    #[test]
    fn values_are_escaped_for_their_place() {
        assert_eq!(rendered("/u/{{ users.name }}?n={{id}}", Escape::Path).unwrap(), "/u/a%20%22b%22%2F%C3%BC?n=7");
        let body = rendered(r#"{"name":"{{users.name}}","id":{{id}}}"#, Escape::Json).unwrap();
        assert_eq!(body, r#"{"name":"a \"b\"/ü","id":7}"#);
        assert_eq!(rendered("{{users.name}}", Escape::Nothing).unwrap(), "a \"b\"/ü");
        assert_eq!(rendered("a{b}c}}", Escape::Path).unwrap(), "a{b}c}}");
        assert_eq!(Template::parse("a{{x}}{{y}}").unwrap().names().collect::<Vec<_>>(), ["x", "y"]);
    }

    #[test]
    fn a_bad_template_says_why() {
        let error = |text| rendered(text, Escape::Nothing).unwrap_err();
        assert_eq!(error("/a/{{id"), "`{{id` has no `}}`: write a value as {{name}}");
        assert!(error("{{}}").starts_with("`{{}}` names no value"));
        assert!(error("{{a b}}").starts_with("`{{a b}}` names no value"));
        assert_eq!(error("{{other}}"), "there is no value for {{other}}");
    }
}
