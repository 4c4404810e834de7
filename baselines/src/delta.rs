//! The verdict on a change: of one metric of one case, and of all of them together.

use serde::{Deserialize, Serialize};

use crate::CaseKey;
use crate::cause::FunctionDelta;
use crate::doing::{Doing, Whose};
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

/// Why a time is open that was not measured on.
const LEFT_TO_COUNTS: &str = "the counts have decided already: times got only the first look";

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
    /// Whose doing it is, if that was looked into.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doing: Option<Doing>,
}

impl Delta {
    /// A verdict without the values that it follows from.
    pub fn new(
        case: CaseKey,
        metric: impl Into<String>,
        (verdict, why): (Verdict, impl Into<String>),
        blocks: bool,
    ) -> Delta {
        let (base, new, relative, interval, bound) = (None, None, None, None, None);
        let (metric, why, cause, doing) = (metric.into(), why.into(), vec![], None);
        Delta { case, metric, base, new, relative, interval, bound, verdict, blocks, why, cause, doing }
    }

    /// The delta of a case that executes the same machine code on both sides: it was not timed.
    pub fn of_same_code(case: &CaseKey, metric: &str, blocks: bool) -> Delta {
        let why = "both sides execute the same machine code and count the same: not timed";
        Delta::new(case.clone(), metric, (Verdict::Equal, why), blocks)
    }

    /// True for what [`Delta::of_same_code`] makes.
    pub fn is_of_same_code(&self) -> bool {
        self.verdict == Verdict::Equal && self.base.is_none() && self.new.is_none()
    }

    /// Says of a time that is open that the counts have decided already, so it got only the first look.
    pub(crate) fn leave_to_counts(&mut self) {
        self.why = LEFT_TO_COUNTS.to_owned();
    }

    /// True for what [`PairVerdicts::decided_by_counts`](crate::paired::PairVerdicts::decided_by_counts) left open: it
    /// is no reason to measure more, and none why a gate is not green.
    pub fn is_left_to_counts(&self) -> bool {
        self.verdict == Verdict::Inconclusive && self.why == LEFT_TO_COUNTS
    }

    /// Records whose doing the change is. What only the compiler did does not block up to its own limit, a share of the
    /// base; without such a limit it blocks like any other change.
    pub fn set_doing(&mut self, doing: Doing, compiler: Option<f64>) {
        let within = compiler.zip(self.relative).is_some_and(|(limit, relative)| relative.abs() <= limit);
        if let (Whose::Compiler, true, Some(limit)) = (doing.whose, within, compiler) {
            self.blocks = false;
            self.why.push_str(&format!("; what only the compiler did advises up to {:.3}%", limit * 100.0));
        }
        self.doing = Some(doing);
    }

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

#[cfg(test)]
mod tests {
    use super::*;

    fn worse(relative: f64) -> Delta {
        let case = CaseKey { benchmark: "metadata/query".to_owned(), variant: "store=memory".to_owned() };
        let judged = (Verdict::Regressed, "limit 0.300% and 5, blocks");
        let (base, new, relative) = (Some(1.0), Some(1.0 + relative), Some(relative));
        Delta { base, new, relative, ..Delta::new(case, "instructions", judged, true) }
    }

    #[test]
    fn only_the_compiler_advises_and_only_up_to_its_limit() {
        let blocks = |relative: f64, whose: Whose, limit: Option<f64>| {
            let mut delta = worse(relative);
            delta.set_doing(Doing { whose, evidence: String::new() }, limit);
            assert!(delta.doing.is_some());
            delta.blocks
        };
        assert!(!blocks(0.0185, Whose::Compiler, Some(0.03)));
        assert!(blocks(0.031, Whose::Compiler, Some(0.03)), "beyond its own limit");
        assert!(blocks(0.0185, Whose::Compiler, None), "a policy without such a limit");
        for whose in [Whose::Yours, Whose::Dependency, Whose::Toolchain, Whose::Unknown] {
            assert!(blocks(0.0185, whose, Some(0.03)), "{whose}");
        }
    }

    #[test]
    fn deltas_of_older_versions_are_read() {
        let mut written = serde_json::to_value(worse(0.01)).expect("encoded");
        assert_eq!(written.get("doing"), None, "nothing is written of what was not looked into");
        written.as_object_mut().expect("an object").remove("cause");
        let read: Delta = serde_json::from_value(written).expect("decoded");
        assert_eq!(read, worse(0.01));
    }
}
