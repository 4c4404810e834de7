//! Phases: optimisations that the planning documents announce together, as sets of toggles for any case. They are
//! defined in `phases.toml`; FORMAT.md lists its keys.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};
use memory::TOGGLES;
use serde::Deserialize;

use workloads::cases::Case;

/// The version of the format.
const SCHEMA: u64 = 1;

/// The phases of this tree.
const TEXT: &str = include_str!("../phases.toml");

/// Toggles that belong to the case, not to a phase.
const OF_THE_CASE: [&str; 2] = ["store", "durability"];

/// Optimisations that are announced together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phase {
    /// The name, as in `phase:1`.
    pub name: String,
    /// Its description.
    pub about: String,
    /// The source of the announcement.
    pub source: String,
    /// Every toggle except the case's, in the order of variants, with its strategy.
    pub toggles: Vec<(&'static str, String)>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    schema: u64,
    #[serde(rename = "phase")]
    phases: Vec<Wire>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    name: String,
    about: String,
    source: String,
    extends: Option<String>,
    #[serde(default)]
    toggles: BTreeMap<String, String>,
}

/// The phases of this tree, in order.
pub fn all() -> Result<Vec<Phase>> {
    parse(TEXT).context("bench-suite/claims/phases.toml")
}

/// The phase with that name.
pub fn find(name: &str) -> Result<Phase> {
    let phases = all()?;
    let names: Vec<String> = phases.iter().map(|phase| phase.name.clone()).collect();
    let found = phases.into_iter().find(|phase| phase.name == name);
    found.with_context(|| format!("there is no phase `{name}`: take one of {}", names.join(", ")))
}

/// The phases from one to the other, in the order of the documents; the two alone if the second comes before the first.
pub fn between(base: &Phase, new: &Phase) -> Result<Vec<Phase>> {
    let all = all()?;
    let place = |phase: &Phase| all.iter().position(|listed| listed == phase);
    Ok(match (place(base), place(new)) {
        (Some(first), Some(last)) if first < last => all[first..=last].to_vec(),
        _ => vec![base.clone(), new.clone()],
    })
}

impl Phase {
    /// The case with the phase's strategies, except those that the case's store does not support.
    pub fn apply(&self, case: &Case) -> Case {
        let mut applied = *case;
        for (toggle, strategy) in &self.toggles {
            let mut variant = applied.variant;
            if variant.set(toggle, strategy).is_ok() && variant.validate().is_ok() {
                applied.variant = variant;
            }
        }
        applied
    }
}

fn parse(text: &str) -> Result<Vec<Phase>> {
    let file: File = toml::from_str(text).context("not a file of phases")?;
    ensure!(file.schema == SCHEMA, "schema {} is unknown, this assay reads {SCHEMA}", file.schema);
    let mut phases: Vec<Phase> = Vec::with_capacity(file.phases.len());
    for wire in file.phases {
        ensure!(phases.iter().all(|phase| phase.name != wire.name), "two phases are called `{}`", wire.name);
        let mut toggles: Vec<(&'static str, String)> = match &wire.extends {
            None => TOGGLES
                .iter()
                .filter(|toggle| !OF_THE_CASE.contains(&toggle.name))
                .map(|toggle| (toggle.name, toggle.strategies[0].to_owned()))
                .collect(),
            Some(name) => match phases.iter().find(|phase| phase.name == *name) {
                Some(phase) => phase.toggles.clone(),
                None => bail!("phase `{}` extends `{name}`, which is not above it", wire.name),
            },
        };
        for (toggle, strategy) in wire.toggles {
            ensure!(
                !OF_THE_CASE.contains(&toggle.as_str()),
                "phase `{}` sets `{toggle}`, which belongs to the case: leave it out",
                wire.name
            );
            let named = format!("{toggle}={strategy}");
            // Checks only that the strategy exists: the case decides if it supports it.
            let found = TOGGLES.iter().find(|listed| listed.name == toggle);
            let found = found.filter(|listed| listed.strategies.contains(&strategy.as_str()));
            let found = found
                .with_context(|| format!("phase `{}` sets {named}: `assay run --toggles` lists them", wire.name))?;
            for (name, chosen) in &mut toggles {
                if *name == found.name {
                    chosen.clone_from(&strategy);
                }
            }
        }
        phases.push(Phase { name: wire.name, about: wire.about, source: wire.source, toggles });
    }
    Ok(phases)
}

#[cfg(test)]
mod tests {
    use super::*;
    use workloads::cases;

    #[test]
    fn the_phases_of_the_documents_are_there_and_each_brings_something() {
        let phases = all().expect("reads");
        let names: Vec<&str> = phases.iter().map(|phase| phase.name.as_str()).collect();
        assert_eq!(names, ["0", "1", "2", "3"]);
        assert!(phases.windows(2).all(|pair| pair[0].toggles != pair[1].toggles));
        assert!(phases.iter().all(|phase| phase.toggles.len() == TOGGLES.len() - OF_THE_CASE.len()));
    }

    #[test]
    fn a_phase_keeps_the_store_and_leaves_out_what_it_does_not_offer() {
        let (naive, first) = (find("0").expect("reads"), find("1").expect("reads"));
        let libsql = cases::find("metadata_query_libsql_indexed", &[]).expect("listed");
        let before = naive.apply(&libsql).variant;
        assert_eq!(
            (before.store, before.metadata, before.pool),
            (memory::StoreKind::Libsql, memory::MetadataKind::Scan, memory::PoolKind::None)
        );
        assert_eq!(first.apply(&libsql).variant.metadata, memory::MetadataKind::JsonExtract);
        let redb = cases::find("metadata_query_redb", &[]).expect("listed");
        let after = first.apply(&redb).variant;
        assert_eq!((after.metadata, after.cache), (memory::MetadataKind::Scan, memory::CacheKind::Lru));
    }

    #[test]
    fn what_does_not_exist_is_refused_by_its_name() {
        let with = |rest: &str| format!("schema = 1\n[[phase]]\nname = \"x\"\nabout = \"\"\nsource = \"\"\n{rest}");
        for (text, why) in [
            ("phase = []".to_owned(), "schema"),
            ("schema = 2\nphase = []".to_owned(), "schema 2 is unknown"),
            (with("toggles = { turbo = \"on\" }"), "turbo=on"),
            (with("toggles = { codec = \"xml\" }"), "codec=xml"),
            (with("toggles = { store = \"redb\" }"), "belongs to the case"),
            (with("extends = \"y\""), "is not above it"),
            (with("extend = \"y\""), "unknown field `extend`"),
            (format!("{}{}", with(""), with("").replace("schema = 1", "")), "two phases"),
        ] {
            let error = format!("{:#}", parse(&text).expect_err("refused"));
            assert!(error.contains(why), "`{text}`: {error}");
        }
        assert!(format!("{:#}", find("9").expect_err("no such phase")).contains("take one of 0, 1, 2, 3"));
    }
}
