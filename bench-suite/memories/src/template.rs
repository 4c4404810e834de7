//! Texts with `{{name}}` in them, and values of TOML that hold such texts.

use std::collections::BTreeMap;
use std::fmt::Write;

use anyhow::{Context, Result, anyhow, bail};
use serde_json::Value as Json;

/// The values that stand for names.
pub type ByName = BTreeMap<String, Json>;

/// The text before a name, the name, and the text behind it; nothing if there is no name any more.
fn split(text: &str) -> Result<Option<(&str, &str, &str)>, String> {
    let Some((before, rest)) = text.split_once("{{") else { return Ok(None) };
    let (name, after) =
        rest.split_once("}}").ok_or_else(|| format!("`{text}` has no `}}}}`: write a value as {{{{name}}}}"))?;
    Ok(Some((before, name.trim(), after)))
}

/// The names in a text.
pub fn names(text: &str) -> Result<Vec<String>, String> {
    let (mut names, mut rest) = (Vec::new(), text);
    while let Some((_, name, after)) = split(rest)? {
        names.push(name.to_owned());
        rest = after;
    }
    Ok(names)
}

/// The names in all texts of a value.
pub fn names_of_value(value: &toml::Value) -> Result<Vec<String>, String> {
    match value {
        toml::Value::String(text) => names(text),
        toml::Value::Array(items) => {
            items.iter().map(names_of_value).collect::<Result<Vec<_>, _>>().map(|it| it.concat())
        }
        toml::Value::Table(fields) => {
            fields.values().map(names_of_value).collect::<Result<Vec<_>, _>>().map(|it| it.concat())
        }
        toml::Value::Datetime(_) => Err("JSON has no dates: write it as a string".to_owned()),
        _ => Ok(Vec::new()),
    }
}

/// A text with its values filled in.
pub fn fill(text: &str, values: &ByName) -> Result<String> {
    filled(text, values, |value, out| out.push_str(value))
}

/// The path of a URL with its values filled in, percent-encoded (RFC 3986).
pub fn fill_path(text: &str, values: &ByName) -> Result<String> {
    filled(text, values, |value, out| {
        for byte in value.bytes() {
            // Writing to a String cannot fail.
            let _ = match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                    write!(out, "{}", char::from(byte))
                }
                _ => write!(out, "%{byte:02X}"),
            };
        }
    })
}

fn filled(text: &str, values: &ByName, push: impl Fn(&str, &mut String)) -> Result<String> {
    let (mut out, mut rest) = (String::new(), text);
    while let Some((before, name, after)) = split(rest).map_err(|error| anyhow!(error))? {
        out.push_str(before);
        match value_of(name, values)? {
            Json::String(value) => push(value, &mut out),
            value => push(&value.to_string(), &mut out),
        }
        rest = after;
    }
    Ok(out + rest)
}

/// A value as JSON, its texts filled in. A text that is nothing but one name becomes that value, so that numbers stay
/// numbers.
pub fn fill_value(value: &toml::Value, values: &ByName) -> Result<Json> {
    Ok(match value {
        toml::Value::String(text) => match split(text) {
            Ok(Some(("", name, ""))) => value_of(name, values)?.clone(),
            _ => Json::String(fill(text, values)?),
        },
        toml::Value::Integer(number) => Json::from(*number),
        toml::Value::Float(number) => Json::from(*number),
        toml::Value::Boolean(truth) => Json::from(*truth),
        toml::Value::Array(items) => items.iter().map(|item| fill_value(item, values)).collect::<Result<_>>()?,
        toml::Value::Table(fields) => {
            let filled = fields.iter().map(|(name, field)| Ok((name.clone(), fill_value(field, values)?)));
            Json::Object(filled.collect::<Result<_>>()?)
        }
        toml::Value::Datetime(date) => bail!("{date}: JSON has no dates: write it as a string"),
    })
}

fn value_of<'a>(name: &str, values: &'a ByName) -> Result<&'a Json> {
    values.get(name).with_context(|| format!("there is no value for {{{{{name}}}}}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn values() -> ByName {
        [("k".to_owned(), json!(10)), ("query".to_owned(), json!("a \"b\"/\u{fc}"))].into()
    }

    #[test]
    fn values_are_filled_for_their_place() {
        let body: toml::Table =
            "limit = '{{k}}'\ntext = 'find {{ query }}, {{k}}'\ndeep = [{ on = true }, 1.5]".parse().unwrap();
        let filled = fill_value(&toml::Value::Table(body), &values()).unwrap();
        assert_eq!(filled, json!({"limit": 10, "text": "find a \"b\"/\u{fc}, 10", "deep": [{"on": true}, 1.5]}));
        assert_eq!(fill_path("/find?q={{query}}&k={{k}}", &values()).unwrap(), "/find?q=a%20%22b%22%2F%C3%BC&k=10");
        assert_eq!(fill("{k} {{k}}", &values()).unwrap(), "{k} 10");
    }

    #[test]
    fn what_cannot_be_filled_is_named() {
        assert_eq!(fill("a {{other}}", &values()).unwrap_err().to_string(), "there is no value for {{other}}");
        assert_eq!(names("a {{k").unwrap_err(), "`a {{k` has no `}}`: write a value as {{name}}");
        assert_eq!(names("{{a}} {{ b }}").unwrap(), ["a", "b"]);
        let dated: toml::Table = "on = 2026-01-02".parse().unwrap();
        assert!(names_of_value(&toml::Value::Table(dated)).unwrap_err().starts_with("JSON has no dates"));
    }
}
