//! What is wrong with a scenario file, and where.

use std::ops::Range;

use toml::Spanned;

use super::json_path::JsonPath;
use super::template::Template;

/// A message with its place in the text.
#[derive(Debug)]
pub struct ScenarioError {
    pub at: usize,
    pub message: String,
}

/// An error at that place.
pub fn error_at<T>(span: Range<usize>, message: String) -> Result<T, ScenarioError> {
    Err(ScenarioError { at: span.start, message })
}

/// Names become parts of metrics and of tags.
pub fn word(name: &Spanned<String>) -> Result<(), ScenarioError> {
    let text = name.get_ref();
    if !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)) {
        return Ok(());
    }
    error_at(name.span(), format!("`{text}` is no name: use letters, digits, `-`, `_` and `.`"))
}

/// Reads a text with values.
pub fn template(text: &Spanned<String>) -> Result<Template, ScenarioError> {
    Template::parse(text.get_ref()).map_err(|message| ScenarioError { at: text.span().start, message })
}

/// Reads a path into an answer.
pub fn json_path(text: &Spanned<String>) -> Result<JsonPath, ScenarioError> {
    JsonPath::parse(text.get_ref()).map_err(|message| ScenarioError { at: text.span().start, message })
}
