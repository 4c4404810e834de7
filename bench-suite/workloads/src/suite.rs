//! The memory's cases as a [`worker::BenchmarkSuite`].

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use memory::Remote;
use worker::protocol::{CaseListing, Ready, VERSION};
use worker::{BenchmarkSuite, CaseSetup, Prepared, slice};

use crate::benchmark::Setup;
use crate::cases::{self, Case, Tag};
use crate::engagement;
use crate::input::{Input, Source};

/// The memory's cases, on the input that the environment names.
pub struct MemorySuite;

impl BenchmarkSuite for MemorySuite {
    fn list(&self, set: &[String]) -> Result<Vec<CaseListing>> {
        cases::LISTED.iter().map(|listed| Ok(listing(&listed.resolve(set)?))).collect()
    }

    fn set_up(&self, case: &str, set: &[String]) -> Result<CaseSetup> {
        let case = cases::find(case, set)?;
        let input = Source::from_environment()?.load(case.benchmark.episodes)?;
        let ready = Ready {
            protocol: VERSION,
            case: case.id.to_owned(),
            variant: case.variant.to_string(),
            seed: input.seed,
            input: input.checksum(),
            counted: case.benchmark.operations,
        };
        Ok(CaseSetup { prepared: Box::new(set_up(&case, &input, None)?), ready, waits: case.waits() })
    }
}

/// A case as `--list` prints it.
pub fn listing(case: &Case) -> CaseListing {
    CaseListing {
        id: case.id.to_owned(),
        benchmark: case.benchmark.name.to_owned(),
        variant: case.variant.to_string(),
        operations: case.benchmark.operations,
        gated: case.has(Tag::Gated),
        skipped: None,
    }
}

/// A case that is set up. Its check also requires that every toggle did its work.
struct Checked {
    case: Case,
    prepared: Box<dyn Prepared>,
}

impl Prepared for Checked {
    fn prepare_inputs(&mut self, operations: u64) -> Result<()> {
        self.prepared.prepare_inputs(operations)
    }

    fn run(&mut self, operations: u64) -> Result<()> {
        self.prepared.run(operations)
    }

    fn check(&mut self) -> Result<()> {
        self.prepared.check().context("wrong answer")?;
        engagement::check(&self.case, &self.prepared.counters())
    }

    fn counters(&self) -> BTreeMap<&'static str, u64> {
        self.prepared.counters()
    }
}

fn set_up(case: &Case, input: &Input, remote: Option<&Remote>) -> Result<Checked> {
    let prepared = (case.benchmark.setup)(&Setup { variant: case.variant, input, remote })?;
    Ok(Checked { case: *case, prepared })
}

/// Sets up a case, on a server if one is given, and runs its operations once, so that what follows measures a memory in
/// use.
pub fn prepare(case: &Case, input: &Input, remote: Option<&Remote>) -> Result<Box<dyn Prepared>> {
    let mut checked = set_up(case, input, remote)?;
    slice::warm_up(&mut checked, case.benchmark.operations)?;
    Ok(Box::new(checked))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_toggle_that_did_nothing_fails_the_check() {
        struct Idle;
        impl Prepared for Idle {
            fn run(&mut self, _: u64) -> Result<()> {
                Ok(())
            }
            fn check(&mut self) -> Result<()> {
                Ok(())
            }
            fn counters(&self) -> BTreeMap<&'static str, u64> {
                BTreeMap::new()
            }
        }
        let case = cases::find("step_log_redb_postcard", &[]).expect("listed");
        let mut checked = Checked { case, prepared: Box::new(Idle) };
        let refused = format!("{:#}", slice::warm_up(&mut checked, 1).expect_err("nothing was encoded"));
        assert!(refused.contains("did not engage"), "{refused}");
    }
}
