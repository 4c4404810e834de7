//! Paths into a JSON answer: `$.items[0].id`, or `$['a name']`. Fields and positions, nothing more (RFC 9535 has the
//! rest: filters, slices, wildcards).

use std::fmt;

use serde_json::Value;

/// A path to one value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonPath {
    text: String,
    steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Field(String),
    Position(usize),
}

impl JsonPath {
    /// Reads a path; the error says what is wrong, and the remedy.
    pub fn parse(text: &str) -> Result<JsonPath, String> {
        let wrong = || format!("`{text}` is no JSON path: write it as in $.items[0].id");
        let mut rest = text.strip_prefix('$').ok_or_else(wrong)?;
        let mut steps = Vec::new();
        while !rest.is_empty() {
            if let Some(field) = rest.strip_prefix('.') {
                let end = field.find(['.', '[']).unwrap_or(field.len());
                if end == 0 || field[..end].contains(['*', ']']) {
                    return Err(wrong());
                }
                steps.push(Step::Field(field[..end].to_owned()));
                rest = &field[end..];
            } else if let Some(quoted) = rest.strip_prefix("['") {
                let (name, after) = quoted.split_once("']").ok_or_else(wrong)?;
                steps.push(Step::Field(name.to_owned()));
                rest = after;
            } else {
                let (position, after) = rest.strip_prefix('[').and_then(|it| it.split_once(']')).ok_or_else(wrong)?;
                steps.push(Step::Position(position.parse().map_err(|_| wrong())?));
                rest = after;
            }
        }
        Ok(JsonPath { text: text.to_owned(), steps })
    }

    /// The value there, if there is one.
    pub fn find<'a>(&self, value: &'a Value) -> Option<&'a Value> {
        self.steps.iter().try_fold(value, |value, step| match step {
            Step::Field(name) => value.get(name),
            Step::Position(position) => value.get(position),
        })
    }
}

impl fmt::Display for JsonPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn paths_find_one_value() {
        let answer = json!({"items": [{"id": 7}, {"id": 8}], "a name": {"b.c": true}});
        let find = |path: &str| JsonPath::parse(path).unwrap().find(&answer).cloned();
        assert_eq!(find("$.items[1].id"), Some(json!(8)));
        assert_eq!(find("$['a name']['b.c']"), Some(json!(true)));
        assert_eq!(find("$"), Some(answer.clone()));
        assert_eq!(find("$.items[2].id"), None);
        assert_eq!(find("$.items.id"), None);
    }

    #[test]
    fn what_is_no_path_is_told() {
        for wrong in ["", "items", "$items", "$.", "$..a", "$.a[", "$.a[x]", "$['a", "$.a[*]", "$.*"] {
            let error = JsonPath::parse(wrong).unwrap_err();
            assert_eq!(error, format!("`{wrong}` is no JSON path: write it as in $.items[0].id"));
        }
    }
}
