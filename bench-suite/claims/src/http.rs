//! Bytes that whole episodes send and receive over HTTP in both variants, averaged over requests, headers included.
//!
//! The load generator plays them against the memory's server through a link that counts
//! ([`harness::lanes::effect::http`]).

use anyhow::{Context, Result};
use baselines::claim::MeasuredEffect;
use harness::lanes::corpus_file;
use harness::lanes::effect::{self, Extent};
use harness::lanes::load::LoadPrograms;
use memory::Variant;
use workloads::input::Source;

use super::Part;

/// The number of episodes, as in a quick load.
const EPISODES: usize = 64;

/// Plays the episodes against both variants; also returns the change of the part's counter in the candidate.
pub fn measure(
    part: &Part,
    programs: LoadPrograms<'_>,
    source: &Source,
    seed: u64,
) -> Result<(MeasuredEffect, Option<u64>)> {
    let (_home, corpus) = corpus_file(&source.load(EPISODES)?)?;
    let side = |variant: &Variant| -> Result<(f64, Option<u64>)> {
        let measured = effect::http(variant, &corpus, programs, Extent::QUICK, seed)?;
        let found = measured.iter().find(|measurement| measurement.metric == part.metric.name);
        let found = found.with_context(|| format!("the load generator has no `{}`", part.metric.name))?;
        let moved = part.counter.as_ref().map(|counter| found.counters.get(counter).copied().unwrap_or(0));
        Ok((found.sample.median(), moved))
    };
    let (base, _) = side(&part.base.variant).context("the base")?;
    let (new, moved) = side(&part.new.variant).context("the candidate")?;
    Ok((MeasuredEffect::exact(part.target, Some(base), new), moved))
}
