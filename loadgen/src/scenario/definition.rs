//! The fields of a scenario file, as TOML has them. FORMAT.md describes them; [`super::read`] gives them their meaning.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use toml::{Spanned, Value};

use super::draw::DrawKind;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScenarioFile {
    pub schema: Spanned<u32>,
    pub name: Spanned<String>,
    pub base_url: Option<String>,
    #[serde(default)]
    pub headers: BTreeMap<String, Spanned<String>>,
    #[serde(default)]
    pub target: TargetEntry,
    #[serde(default)]
    pub pace: BTreeMap<String, Spanned<Value>>,
    #[serde(default)]
    pub data: BTreeMap<String, DataEntry>,
    #[serde(default, rename = "pool")]
    pub pools: BTreeMap<Spanned<String>, DrawEntry>,
    #[serde(default, rename = "request")]
    pub requests: Vec<RequestEntry>,
    #[serde(default, rename = "session")]
    pub sessions: Vec<SessionEntry>,
    #[serde(default, rename = "preset")]
    pub presets: BTreeMap<String, PresetEntry>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetEntry {
    pub reuse: Option<bool>,
    pub authorities: Option<Spanned<PathBuf>>,
    pub bearer_from: Option<Spanned<String>>,
    pub basic_from: Option<Spanned<String>>,
    pub mcp: Option<Spanned<String>>,
    pub command: Option<Spanned<Vec<String>>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataEntry {
    pub file: Spanned<PathBuf>,
    #[serde(default)]
    pub draw: DrawKind,
    pub skew: Option<Spanned<f64>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DrawEntry {
    #[serde(default)]
    pub draw: DrawKind,
    pub skew: Option<Spanned<f64>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestEntry {
    pub name: Spanned<String>,
    pub method: Option<Spanned<String>>,
    pub path: Option<Spanned<String>>,
    #[serde(default)]
    pub headers: BTreeMap<String, Spanned<String>>,
    pub body: Option<Spanned<String>>,
    pub tool: Option<Spanned<String>>,
    pub arguments: Option<Spanned<String>>,
    pub weight: Option<Spanned<f64>>,
    #[serde(default)]
    pub extract: BTreeMap<String, Spanned<String>>,
    #[serde(default)]
    pub put: BTreeMap<Spanned<String>, Spanned<String>>,
    #[serde(default)]
    pub check: CheckEntry,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckEntry {
    pub status: Option<Spanned<StatusEntry>>,
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
    pub weight: Option<Spanned<f64>>,
    #[serde(default)]
    pub before: u32,
    pub requests: Vec<Spanned<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PresetEntry {
    pub weights: Option<BTreeMap<Spanned<String>, Spanned<f64>>>,
    pub before: Option<BTreeMap<Spanned<String>, Spanned<u32>>>,
    #[serde(default)]
    pub pace: BTreeMap<String, Spanned<Value>>,
    #[serde(default, rename = "pool")]
    pub pools: BTreeMap<Spanned<String>, DrawEntry>,
}
