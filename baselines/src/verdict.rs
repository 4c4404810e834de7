//! What is said of a change: the verdict on one metric of one case, and all of them together.

use serde::{Deserialize, Serialize};

use crate::CaseKey;
use crate::cause::FunctionDelta;
use crate::environment::Difference;

/// The meaning of a change.
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
)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum Verdict {
    /// Worse by more than the policy's limit.
    Regressed,
    /// Better by more than the policy's limit.
    Improved,
    /// Inside the limits; of a sampled metric, worse by the policy's tolerance is ruled out.
    Equal,
    /// The evidence decides neither way. Never shown as green.
    Inconclusive,
    /// The two numbers don't mean the same, for the reason given.
    Incomparable,
    /// The base has it, the new run does not.
    Missing,
    /// The new run has it, the base does not.
    Added,
    /// The measurement can't be believed.
    Invalid,
}

impl Verdict {
    /// The word in reports and records.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// Two numbers were compared, and the evidence said something.
    pub fn is_decided(self) -> bool {
        matches!(self, Verdict::Regressed | Verdict::Improved | Verdict::Equal)
    }
}

/// By which counters the new side did less than the base for as many operations, of each counter with both sides: that
/// is another task, not a faster one.
pub(crate) fn less_work<'a>(counters: impl Iterator<Item = (&'a String, u64, u64)>) -> Option<String> {
    let fewer = counters.filter(|(_, base, new)| new < base);
    let told: Vec<_> = fewer.map(|(name, base, new)| format!("{name} {new} in a process, the base {base}")).collect();
    (!told.is_empty()).then(|| format!("it does less for as many operations ({})", told.join(", ")))
}

/// The upper bound of one worsening.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Bound {
    /// The metric is worse by at most this share: 0.029 is 2.9%.
    pub at_most: f64,
    /// The confidence with which all bounds of the suite hold together, whenever each was looked at.
    pub confidence: f64,
}

/// One metric of one case in both runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Delta {
    /// The case.
    pub case: CaseKey,
    /// The metric's name.
    pub metric: String,
    /// The median of the base's sample, in the metric's unit.
    pub base: Option<f64>,
    /// The median of the new sample, in the metric's unit.
    pub new: Option<f64>,
    /// The change as a share of the base: 0.01 is one per cent more. Of waiting, a share of the operation's time.
    pub relative: Option<f64>,
    /// The 99% interval of `relative`, if it was sampled in rounds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<[f64; 2]>,
    /// The upper bound of the worsening, if it was sampled in rounds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bound: Option<Bound>,
    /// The verdict.
    pub verdict: Verdict,
    /// This metric may fail the gate.
    pub blocks: bool,
    /// The rule or the reason, for the reader.
    pub why: String,
    /// The functions behind a changed count, the largest change first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cause: Vec<FunctionDelta>,
}

impl Delta {
    /// The delta as a reason why a gate is invalid or undecided.
    pub fn reason(&self) -> String {
        format!("{} of {} is {}: {}", self.metric, self.case, self.verdict, self.why)
    }
}

/// All deltas of two runs, in the order of the new run and then of the base.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The differences of the environments that change exact counts.
    pub differences: Vec<Difference>,
    /// A delta for each metric of each case.
    pub deltas: Vec<Delta>,
}
