//! Known defects of locked packages, from the RustSec database on this machine, as `cargo audit` reads it. It is not
//! fetched here: this lane asks no network.
//!
//! Source: the README of cargo-audit, `--json`, `--no-fetch`, `--stale`.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

/// The first part of a case's name.
pub(super) const CASE: &str = "advisory/";

/// An advisory that holds for a locked package.
#[derive(Debug, PartialEq)]
pub(super) struct Advisory {
    /// Such as `RUSTSEC-2020-0071`, or `yanked`.
    pub(super) id: String,
    /// `time 0.1.45: vulnerability: Potential segfault in the time crate`.
    pub(super) what: String,
}

#[derive(Deserialize)]
struct Audit {
    vulnerabilities: Vulnerabilities,
    #[serde(default)]
    warnings: BTreeMap<String, Vec<Finding>>,
}

#[derive(Deserialize)]
struct Vulnerabilities {
    list: Vec<Finding>,
}

#[derive(Deserialize)]
struct Finding {
    package: Locked,
    /// Nothing is known of a version that was yanked.
    advisory: Option<Described>,
}

#[derive(Deserialize)]
struct Locked {
    name: String,
    version: String,
}

#[derive(Deserialize)]
struct Described {
    id: String,
    title: String,
}

/// The advisories for the lock file of a workspace.
pub(super) fn find(root: &Path) -> Result<Vec<Advisory>> {
    let mut cargo = Command::new("cargo");
    cargo.args(["audit", "--json", "--no-fetch", "--stale"]).current_dir(root).stdin(Stdio::null());
    let output = cargo.output().context("can't start cargo")?;
    // It fails if it finds something.
    if let Ok(audit) = serde_json::from_slice(&output.stdout) {
        return Ok(advisories(audit));
    }
    let said = String::from_utf8_lossy(&output.stderr);
    if said.contains("no such command") {
        bail!("cargo-audit is not installed: `cargo install cargo-audit && cargo audit` brings it and its database");
    }
    let why = said.lines().find(|line| line.starts_with("error")).unwrap_or("it printed no JSON").trim();
    bail!("cargo audit can't tell ({why}): `cargo audit` fetches its database");
}

fn advisories(audit: Audit) -> Vec<Advisory> {
    let kinds = std::iter::once(("vulnerability".to_owned(), audit.vulnerabilities.list)).chain(audit.warnings);
    let advisory = |kind: &str, Finding { package: Locked { name, version }, advisory }| match advisory {
        Some(Described { id, title }) => Advisory { id, what: format!("{name} {version}: {kind}: {title}") },
        None => Advisory { id: kind.to_owned(), what: format!("{name} {version}: {kind}") },
    };
    kinds.flat_map(|(kind, found)| found.into_iter().map(|one| advisory(&kind, one)).collect::<Vec<_>>()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vulnerabilities_and_warnings_are_advisories() {
        let found = r#"{"database":{"advisory-count":787},"vulnerabilities":{"found":true,"count":1,"list":[{"advisory":
            {"id":"RUSTSEC-2020-0071","package":"time","title":"Potential segfault in the time crate","aliases":[]},
            "versions":{"patched":[">=0.2.23"]},"package":{"name":"time","version":"0.1.45","dependencies":[]}}]},
            "warnings":{"yanked":[{"kind":"yanked","package":{"name":"old","version":"1.0.0"},"advisory":null}]}}"#;
        let found = advisories(serde_json::from_str(found).expect("parses"));
        let [time, old] = &found[..] else { panic!("{found:?}") };
        assert_eq!(time.id, "RUSTSEC-2020-0071");
        assert_eq!(time.what, "time 0.1.45: vulnerability: Potential segfault in the time crate");
        assert_eq!((old.id.as_str(), old.what.as_str()), ("yanked", "old 1.0.0: yanked"));
    }

    #[test]
    fn without_the_tool_or_its_database_the_remedy_is_said() {
        let folder = tempfile::tempdir().expect("a folder");
        let error = find(folder.path()).expect_err("there is no lock file").to_string();
        assert!(
            error.contains("`cargo install cargo-audit") || error.starts_with("cargo audit can't tell ("),
            "{error}"
        );
    }
}
