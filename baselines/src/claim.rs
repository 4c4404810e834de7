//! Claims about optimisations: targets, verdicts, and the report of all claims.
//!
//! A verdict is a pure function of a target, a measured effect and a margin. The effect is an interval; for an exact
//! count, it is one value. In gains (the logarithm of the ratio, turned so that the claimed direction is up), a claim
//! is
//!
//! - **confirmed** if the whole interval is at the target or beyond it;
//! - **refuted** if the whole interval is at the margin or below: no effect in the claimed direction;
//! - **partly** confirmed if the whole interval is beyond the margin, but not all of it reaches the target;
//! - **inconclusive** if the interval holds both no effect and an effect.
//!
//! A claim without a base, such as "under 20 ms", is confirmed if the interval is within the bound, refuted if it is
//! beyond, and inconclusive if the bound lies inside.

use std::ops::RangeInclusive;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::{Durability, Environment, Error, Result, atomic, schema};

/// The version of the report's format that is written.
pub const SCHEMA: u64 = 2;

/// The versions that are read. In version 1, `verdict` was called `finding`, and `target` was called `figure`.
const KNOWN: RangeInclusive<u64> = 1..=SCHEMA;

/// The claimed value of one metric.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "value", rename_all = "snake_case")]
pub enum Target {
    /// At most this share of the base: 0.55 for "45% less". More than 1 is a bound on the cost of something.
    AtMostOfBase(f64),
    /// At least this many times the base: 1.2 for "20% more".
    AtLeastOfBase(f64),
    /// At most this, in the metric's unit, whatever the base has.
    AtMost(f64),
    /// At least this, in the metric's unit.
    AtLeast(f64),
}

/// The verdict on a claim.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    strum::Display,
    strum::IntoStaticStr,
    strum::VariantArray,
)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum ClaimVerdict {
    /// The effect reaches the target.
    Confirmed,
    /// There is an effect, but less than was claimed.
    Partly,
    /// There is no effect, or the opposite one.
    Refuted,
    /// The measurement can't tell.
    Inconclusive,
    /// Not measured, for the reason given.
    Skipped,
    /// Not to be believed: a toggle did not engage, or a side failed.
    Invalid,
}

impl ClaimVerdict {
    /// All of them, in the order of reports.
    pub const ALL: &[ClaimVerdict] = <ClaimVerdict as strum::VariantArray>::VARIANTS;

    /// The name in records and reports.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// The measured effect of one part of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct MeasuredEffect {
    /// The base's value for one operation, in the metric's unit, if the base was measured.
    pub base: Option<f64>,
    /// The candidate's value.
    pub new: f64,
    /// The value to compare with the target: the candidate as a share of the base, or its value in the metric's unit.
    pub estimate: f64,
    /// The lower end of the interval; the estimate itself if the count is exact.
    pub low: f64,
    /// The upper end.
    pub high: f64,
    /// The rounds behind the interval; 0 for an exact count.
    pub rounds: usize,
}

impl MeasuredEffect {
    /// The effect between two exact values.
    pub fn exact(target: Target, base: Option<f64>, new: f64) -> MeasuredEffect {
        let estimate = match (target, base) {
            (Target::AtMostOfBase(_) | Target::AtLeastOfBase(_), Some(base)) => new / base,
            _ => new,
        };
        MeasuredEffect { base, new, estimate, low: estimate, high: estimate, rounds: 0 }
    }
}

/// The verdict on a target, with its reason. A change by less than `margin`, a share of the base, is no effect.
///
/// ```
/// use baselines::claim::{ClaimVerdict, MeasuredEffect, Target, judge};
///
/// let effect = MeasuredEffect { base: Some(100.0), new: 70.0, estimate: 0.70, low: 0.68, high: 0.72, rounds: 12 };
/// assert_eq!(judge(Target::AtMostOfBase(0.75), &effect, 0.02).0, ClaimVerdict::Confirmed);
/// assert_eq!(judge(Target::AtMostOfBase(0.55), &effect, 0.02).0, ClaimVerdict::Partly);
/// let counted = MeasuredEffect::exact(Target::AtMost(60.0), None, 70.0);
/// assert_eq!(judge(Target::AtMost(60.0), &counted, 0.0).0, ClaimVerdict::Refuted);
/// ```
pub fn judge(target: Target, measured: &MeasuredEffect, margin: f64) -> (ClaimVerdict, String) {
    let MeasuredEffect { low, high, .. } = *measured;
    if !(low.is_finite() && high.is_finite()) {
        return (ClaimVerdict::Invalid, "the base is 0: there is no part of it".to_owned());
    }
    match target {
        Target::AtMost(bound) => within(low, high, bound),
        Target::AtLeast(bound) => within(-high, -low, -bound),
        Target::AtMostOfBase(times) if times > 1.0 => within(low, high, times), // a bound on a cost
        Target::AtMostOfBase(part) => change([-high.ln(), -low.ln()], -part.ln(), margin),
        Target::AtLeastOfBase(times) => change([low.ln(), high.ln()], times.ln(), margin),
    }
}

/// Judges a bound from above.
fn within(low: f64, high: f64, bound: f64) -> (ClaimVerdict, String) {
    let (verdict, why) = if high <= bound {
        (ClaimVerdict::Confirmed, "within the bound")
    } else if low > bound {
        (ClaimVerdict::Refuted, "beyond the bound")
    } else {
        (ClaimVerdict::Inconclusive, "the interval has the bound inside")
    };
    (verdict, why.to_owned())
}

/// Judges a change in gains: up is the claimed direction.
fn change([low, high]: [f64; 2], claimed: f64, margin: f64) -> (ClaimVerdict, String) {
    let margin_gain = margin.ln_1p();
    let wanted = claimed.max(margin_gain); // "faster" without a number is any effect at all
    let shown = format!("{:.0}%", margin * 100.0);
    if low >= wanted {
        (ClaimVerdict::Confirmed, "at the target or beyond it".to_owned())
    } else if high <= -margin_gain {
        (ClaimVerdict::Refuted, "the opposite of what was claimed".to_owned())
    } else if high <= margin_gain {
        (ClaimVerdict::Refuted, format!("no effect beyond {shown}"))
    } else if low <= margin_gain {
        (ClaimVerdict::Inconclusive, format!("the interval has less than {shown} in it, and more"))
    } else if high < wanted {
        (ClaimVerdict::Partly, "a real effect, short of the target".to_owned())
    } else {
        (ClaimVerdict::Partly, "a real effect, not shown to reach the target".to_owned())
    }
}

/// The verdict on a claim from those on its parts. Invalid and skipped parts decide first; it is confirmed or refuted
/// only if all parts are.
pub fn combine(parts: &[ClaimVerdict]) -> ClaimVerdict {
    use ClaimVerdict::{Confirmed, Inconclusive, Invalid, Partly, Refuted, Skipped};
    let any = |verdict| parts.contains(&verdict);
    let all = |verdict| parts.iter().all(|part| *part == verdict);
    if any(Invalid) {
        Invalid
    } else if parts.is_empty() || any(Skipped) {
        Skipped
    } else if all(Confirmed) {
        Confirmed
    } else if all(Refuted) {
        Refuted
    } else if any(Confirmed) || any(Partly) {
        Partly
    } else {
        Inconclusive
    }
}

/// A part of a claim, measured and judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JudgedPart {
    /// The measured thing, in words.
    pub what: String,
    /// The lane of the measurement, as in `time` or `remote`.
    pub lane: String,
    /// The benchmark or the workload.
    pub workload: String,
    /// The base's variant.
    pub base: String,
    /// The candidate's variant.
    pub new: String,
    /// The metric's name in the table.
    pub metric: String,
    /// The durability of writes where it was measured.
    pub durability: Durability,
    /// The claimed value.
    #[serde(alias = "figure")]
    pub target: Target,
    /// The share of the base below which a change is no effect.
    pub margin: f64,
    /// The measured effect; none if it was skipped or failed.
    pub measured: Option<MeasuredEffect>,
    /// The counter that shows that the candidate's strategy did its work, and how far it moved.
    pub counter: Option<(String, u64)>,
    /// The verdict.
    #[serde(alias = "finding")]
    pub verdict: ClaimVerdict,
    /// The reason of the verdict.
    pub why: String,
}

/// A claim with its parts, measured and judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JudgedClaim {
    /// The identifier.
    pub id: String,
    /// The claim in words.
    pub claim: String,
    /// The target as it was announced.
    pub announced: String,
    /// The place of the announcement.
    pub source: String,
    /// A note that a reader needs beside it.
    pub note: String,
    /// Its parts.
    pub parts: Vec<JudgedPart>,
    /// The verdict on all of them.
    #[serde(alias = "finding")]
    pub verdict: ClaimVerdict,
}

/// The claim report: all claims that were measured in one session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClaimReport {
    /// The version of the format.
    pub schema: u64,
    /// Start time in RFC 3339.
    pub started_at: String,
    /// The command as typed.
    pub command: String,
    /// `quick` or `full`.
    pub profile: String,
    /// The machine, the toolchain and the commit.
    pub environment: Environment,
    /// The claims, in the order of the definitions.
    pub claims: Vec<JudgedClaim>,
}

impl ClaimReport {
    /// The number of claims with a verdict.
    pub fn count(&self, verdict: ClaimVerdict) -> usize {
        self.claims.iter().filter(|claim| claim.verdict == verdict).count()
    }

    /// Writes the report atomically.
    pub fn write(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_vec_pretty(self).expect("a claim report has string keys");
        atomic::write(path, &text)
    }

    /// Reads a report of a known schema version.
    pub fn read(path: &Path) -> Result<ClaimReport> {
        let text = std::fs::read_to_string(path).map_err(Error::io("read", path))?;
        schema::read(path, 0, &text, KNOWN, "claim report")
    }
}
