//! The fields of an adapter's file, as TOML has them. FORMAT.md describes them; [`super::read()`] gives them their
//! meaning.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::{Spanned, Value};

use super::MemoryProtocol;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdapterFile {
    pub schema: Spanned<u32>,
    pub name: Spanned<String>,
    pub version: String,
    pub about: String,
    pub defaults: String,
    #[serde(default)]
    pub install: Vec<Spanned<String>>,
    pub protocol: Spanned<MemoryProtocol>,
    pub start: Option<Spanned<String>>,
    pub url: Option<Spanned<String>>,
    #[serde(default)]
    pub environment: BTreeMap<String, Spanned<String>>,
    #[serde(default)]
    pub reset: Vec<CallEntry>,
    pub ingest: Vec<CallEntry>,
    pub indexed: Option<CallEntry>,
    pub search: CallEntry,
    #[serde(default)]
    pub clear: Vec<CallEntry>,
    pub model: Option<ModelEntry>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallEntry {
    pub tool: Option<Spanned<String>>,
    pub arguments: Option<Spanned<Value>>,
    pub method: Option<Spanned<String>>,
    pub path: Option<Spanned<String>>,
    #[serde(default)]
    pub headers: BTreeMap<String, Spanned<String>>,
    pub body: Option<Spanned<Value>>,
    #[serde(default)]
    pub take: BTreeMap<String, Spanned<String>>,
    pub found: Option<Spanned<String>>,
    pub until: Option<BTreeMap<Spanned<String>, Spanned<Value>>>,
    pub each: Option<Spanned<bool>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelEntry {
    pub dimensions: Spanned<usize>,
    #[serde(default, rename = "answer")]
    pub answers: Vec<AnswerEntry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnswerEntry {
    pub asked: String,
    #[serde(default)]
    pub after: String,
    #[serde(default)]
    pub before: String,
    pub answer: Spanned<Value>,
}
