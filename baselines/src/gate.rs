//! The gate: all verdicts together, as one outcome for CI.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::InvalidEntry;
use crate::compare::{Comparison, Verdict};
use crate::exit_code::Exit;

/// The decision of a gate, with its reasons.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// The outcome.
    pub outcome: GateOutcome,
    /// One sentence for the last line of a log.
    pub summary: String,
    /// The number of deltas with each verdict.
    pub tally: BTreeMap<Verdict, usize>,
    /// The reasons why the run is invalid; empty if it is valid.
    pub invalid: Vec<String>,
    /// The deltas.
    pub comparison: Comparison,
}

/// The outcome of a gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, strum::IntoStaticStr)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum GateOutcome {
    /// Something was compared, and no metric that blocks got worse.
    Passed,
    /// A metric that blocks got worse.
    Regressed,
    /// The run can't be believed.
    Invalid,
    /// Nothing could be compared.
    Nothing,
}

impl GateOutcome {
    /// The exit code of the outcome.
    pub fn exit(self) -> Exit {
        match self {
            GateOutcome::Passed => Exit::Ok,
            GateOutcome::Regressed => Exit::Regressed,
            GateOutcome::Invalid => Exit::Invalid,
            GateOutcome::Nothing => Exit::Nothing,
        }
    }

    /// The name in records, and the first word of a summary.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// Judges a comparison. A run that can't be believed is invalid, whatever it says: because of its `invalid_entries`,
/// the `complaints` about the policy ([`crate::policy::Policy::complaints`]), or missing and invalid measurements.
/// Comparing nothing is no pass.
pub fn judge(comparison: Comparison, invalid_entries: &[InvalidEntry], complaints: &[String]) -> Judgement {
    let mut tally = BTreeMap::new();
    let mut invalid: Vec<String> = invalid_entries.iter().map(|item| format!("{}: {}", item.what, item.why)).collect();
    invalid.extend(complaints.iter().cloned());
    let mut blocked = Vec::new();
    for delta in &comparison.deltas {
        *tally.entry(delta.verdict).or_insert(0) += 1;
        match delta.verdict {
            Verdict::Invalid | Verdict::Missing => invalid.push(delta.invalid_reason()),
            Verdict::Regressed if delta.blocks => blocked.push(format!("{} of {}", delta.metric, delta.case.benchmark)),
            _ => {}
        }
    }
    let count = |verdict: Verdict| tally.get(&verdict).copied().unwrap_or(0);
    let (equal, improved) = (count(Verdict::Equal), count(Verdict::Improved));
    let (worse, inconclusive) = (count(Verdict::Regressed), count(Verdict::Inconclusive));
    let compared = equal + improved + worse + inconclusive;
    let (outcome, summary) = if let Some(first) = invalid.first() {
        (GateOutcome::Invalid, format!("invalid, neither red nor green: {first}{}", more(invalid.len())))
    } else if compared == 0 {
        (GateOutcome::Nothing, nothing(&comparison))
    } else if let Some(first) = blocked.first() {
        (GateOutcome::Regressed, format!("regressed: {first}{}", more(blocked.len())))
    } else {
        let part = |number: usize, words: &str| match number {
            0 => String::new(),
            _ => format!(", {number} {words}"),
        };
        let advised = part(worse, "worse that only advise");
        let undecided = part(inconclusive, "inconclusive (neither red nor green)");
        let summary = format!("passed: {compared} compared, {equal} equal, {improved} improved{advised}{undecided}");
        (GateOutcome::Passed, summary)
    };
    Judgement { outcome, summary, tally, invalid, comparison }
}

fn more(number: usize) -> String {
    if number > 1 { format!(" (and {} more)", number - 1) } else { String::new() }
}

fn nothing(comparison: &Comparison) -> String {
    if comparison.differences.is_empty() {
        return "nothing was compared: the two sides share no metric that the policy judges".to_owned();
    }
    let differences: Vec<_> = comparison.differences.iter().map(ToString::to_string).collect();
    format!("nothing was compared, the environments are incomparable: {}", differences.join("; "))
}
