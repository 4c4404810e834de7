//! JSON values that know their place in the document, so that an error can name it.
//!
//! The reader is not derived with serde, whose errors name a type and a line, not the step.

use std::borrow::Cow;

use serde_json::{Map, Value};

/// A fault and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) place: String,
    pub(super) reason: String,
}

impl Fault {
    pub(super) fn new(place: impl Into<String>, reason: impl Into<String>) -> Fault {
        Fault { place: place.into(), reason: reason.into() }
    }
}

/// A value and its place.
#[derive(Debug, Clone)]
pub(super) struct Node<'a> {
    pub(super) value: &'a Value,
    place: String,
}

impl<'a> Node<'a> {
    pub(super) fn root(value: &'a Value) -> Node<'a> {
        Node { value, place: String::new() }
    }

    /// The value of a key that must be there.
    pub(super) fn field(&self, key: &str) -> Result<Node<'a>, Fault> {
        match self.object()?.get(key) {
            Some(value) => Ok(self.child(key, value)),
            None => Err(Fault::new(self.place_of(key), "missing")),
        }
    }

    /// The value of a key that may be missing or `null`, also because this is no object.
    pub(super) fn optional(&self, key: &str) -> Option<Node<'a>> {
        self.value.get(key).filter(|value| !value.is_null()).map(|value| self.child(key, value))
    }

    /// The text of a key that may be missing or `null`.
    pub(super) fn optional_text(&self, key: &str) -> Result<Option<&'a str>, Fault> {
        self.optional(key).map(|node| node.text()).transpose()
    }

    /// The elements of an array that may be missing or `null`.
    pub(super) fn optional_items(&self, key: &str) -> Result<Vec<Node<'a>>, Fault> {
        self.optional(key).map_or(Ok(vec![]), |node| node.items())
    }

    /// The object under a key; empty if it is missing, `null`, or a string that holds none.
    pub(super) fn optional_object(&self, key: &str) -> Result<Cow<'a, Map<String, Value>>, Fault> {
        let object = self.optional(key).map(|node| node.object_or_text()).transpose()?;
        Ok(object.flatten().unwrap_or_default())
    }

    /// An object, or the object in a string of JSON; none if the string holds no object.
    pub(super) fn object_or_text(&self) -> Result<Option<Cow<'a, Map<String, Value>>>, Fault> {
        match self.value {
            Value::String(text) => Ok(serde_json::from_str(text).ok().map(Cow::Owned)),
            _ => self.object().map(|object| Some(Cow::Borrowed(object))),
        }
    }

    pub(super) fn object(&self) -> Result<&'a Map<String, Value>, Fault> {
        self.value.as_object().ok_or_else(|| self.not("an object"))
    }

    /// The elements of an array, each an object.
    pub(super) fn items(&self) -> Result<Vec<Node<'a>>, Fault> {
        let values = self.value.as_array().ok_or_else(|| self.not("an array"))?;
        let nodes =
            values.iter().enumerate().map(|(index, value)| Node { value, place: format!("{}[{index}]", self.place) });
        nodes.map(|node| node.object().map(|_| node.clone())).collect()
    }

    pub(super) fn text(&self) -> Result<&'a str, Fault> {
        self.value.as_str().ok_or_else(|| self.not("a string"))
    }

    /// A message's text: a string, or parts of which some have text.
    pub(super) fn joined_text(&self) -> Result<String, Fault> {
        if !self.value.is_array() {
            return self.text().map(str::to_owned);
        }
        let mut text = String::new();
        for part in self.items()? {
            text.push_str(part.optional_text("text")?.unwrap_or_default());
        }
        Ok(text)
    }

    /// A duration in seconds, as nanoseconds.
    pub(super) fn seconds_as_ns(&self) -> Result<u64, Fault> {
        let seconds = self.value.as_f64().ok_or_else(|| self.not("a number of seconds"))?;
        // A century: beyond it the number is no duration of a step, and its nanoseconds would not fit.
        if !(0.0..3.2e9).contains(&seconds) {
            return Err(Fault::new(&self.place, format!("expected seconds, found {seconds}")));
        }
        Ok((seconds * 1e9).round() as u64)
    }

    fn child(&self, key: &str, value: &'a Value) -> Node<'a> {
        Node { value, place: self.place_of(key) }
    }

    fn place_of(&self, key: &str) -> String {
        if self.place.is_empty() { key.to_owned() } else { format!("{}.{key}", self.place) }
    }

    fn not(&self, expected: &str) -> Fault {
        let found = match self.value {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::String(_) => "a string",
            Value::Array(_) => "an array",
            Value::Object(_) => "an object",
        };
        let place = if self.place.is_empty() { "the document" } else { &self.place };
        Fault::new(place, format!("expected {expected}, found {found}"))
    }
}
