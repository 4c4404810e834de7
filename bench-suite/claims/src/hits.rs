//! Replays one workload against two cache policies: hit ratios and evictions, without a memory or waiting
//! ([`cache_sim`]).
//!
//! A side's policy is the strategy of its case's toggle `cache`; the rest of the case is not used. A replay gives the
//! same result on every machine.

use anyhow::Result;
use baselines::claim::MeasuredEffect;
use memory::CacheKind;

use super::Part;
use cache_sim::workload::{Workload, WorkloadName};
use cache_sim::{CachePolicy, ReplayResult, replay};

/// Accesses of a replay: enough that the start does not matter for a cache of a hundred entries.
const ACCESSES: u64 = 200_000;

/// Replays the workload against both policies; also returns the change of the part's counter in the candidate.
pub fn measure(part: &Part, workload: WorkloadName, seed: u64) -> Result<(MeasuredEffect, Option<u64>)> {
    let workload = Workload::make(workload, ACCESSES, seed);
    let of = |kind: CacheKind| replay(policy(kind), &workload, workload.limits);
    let (base, new) = (of(part.base.variant.cache), of(part.new.variant.cache));
    let measured =
        MeasuredEffect::exact(part.target, Some(value(part.metric.name, &base)?), value(part.metric.name, &new)?);
    let moved = match part.counter.as_deref() {
        Some("cache_evictions") => Some(new.evictions),
        Some("cache_expirations") => Some(new.expirations),
        Some(_) => Some(new.hits),
        None => None,
    };
    Ok((measured, moved))
}

fn policy(kind: CacheKind) -> CachePolicy {
    match kind {
        CacheKind::None => CachePolicy::None,
        CacheKind::Lru => CachePolicy::Lru,
        CacheKind::AdaptiveTtl => CachePolicy::AdaptiveTtl,
        CacheKind::Predictive => CachePolicy::Predictive,
    }
}

fn value(metric: &str, outcome: &ReplayResult) -> Result<f64> {
    match metric {
        "hit_ratio" => Ok(outcome.hit_ratio()),
        "evictions" => Ok(outcome.evictions as f64 / outcome.accesses.max(1) as f64),
        other => anyhow::bail!("a replay has no `{other}`"),
    }
}
