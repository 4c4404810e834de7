//! The fields of a scenario file, as TOML has them. FORMAT.md describes them; [`super::read`] gives them their meaning.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use toml::{Spanned, Value};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScenarioFile {
    pub schema: Spanned<u32>,
    pub name: Spanned<String>,
    pub base_url: String,
    #[serde(default)]
    pub headers: BTreeMap<String, Spanned<String>>,
    #[serde(default)]
    pub data: BTreeMap<String, DataEntry>,
    #[serde(default, rename = "request")]
    pub requests: Vec<RequestEntry>,
    #[serde(default, rename = "session")]
    pub sessions: Vec<SessionEntry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataEntry {
    pub file: Spanned<PathBuf>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestEntry {
    pub name: Spanned<String>,
    #[serde(default = "get")]
    pub method: String,
    pub path: Spanned<String>,
    #[serde(default)]
    pub headers: BTreeMap<String, Spanned<String>>,
    pub body: Option<Spanned<String>>,
    pub weight: Option<Spanned<f64>>,
    #[serde(default)]
    pub extract: BTreeMap<String, Spanned<String>>,
    #[serde(default)]
    pub check: CheckEntry,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckEntry {
    pub status: Option<StatusEntry>,
    pub latency: Option<Spanned<String>>,
    #[serde(default)]
    pub exists: Vec<Spanned<String>>,
    #[serde(default)]
    pub equals: BTreeMap<Spanned<String>, Spanned<Value>>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum StatusEntry {
    One(u16),
    Several(Vec<u16>),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionEntry {
    pub name: Spanned<String>,
    #[serde(default = "one")]
    pub weight: f64,
    pub requests: Vec<Spanned<String>>,
}

fn get() -> String {
    "GET".to_owned()
}

fn one() -> f64 {
    1.0
}
