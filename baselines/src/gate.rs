//! All verdicts together, as one outcome: what CI sees.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Distrusted;
use crate::compare::{Comparison, Verdict};
use crate::exit::Exit;

/// What a gate decided, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// The outcome.
    pub outcome: Outcome,
    /// One sentence for the last line of a log.
    pub summary: String,
    /// How many deltas have each verdict.
    pub tally: BTreeMap<Verdict, usize>,
    /// Why the run can't be believed, where it can't.
    pub invalid: Vec<String>,
    /// The deltas.
    pub comparison: Comparison,
}

/// The outcome of a gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Something was compared and nothing that blocks got worse.
    Passed,
    /// A metric that blocks got worse.
    Regressed,
    /// The run can't be believed.
    Invalid,
    /// Nothing could be compared.
    Nothing,
}

impl Outcome {
    /// The exit code of the outcome.
    pub fn exit(self) -> Exit {
        match self {
            Outcome::Passed => Exit::Ok,
            Outcome::Regressed => Exit::Regressed,
            Outcome::Invalid => Exit::Invalid,
            Outcome::Nothing => Exit::Nothing,
        }
    }
}

/// Judges a comparison. What makes a run unbelievable comes before what it says: `distrusted` of the run, `complaints` of the policy (rules
/// that guard nothing), measurements that are missing or invalid. Comparing nothing does not pass.
pub fn judge(comparison: Comparison, distrusted: &[Distrusted], complaints: &[String]) -> Judgement {
    let mut tally = BTreeMap::new();
    let mut invalid: Vec<String> = distrusted.iter().map(|item| format!("{}: {}", item.what, item.why)).collect();
    invalid.extend(complaints.iter().cloned());
    let mut blocked = Vec::new();
    for delta in &comparison.deltas {
        *tally.entry(delta.verdict).or_insert(0) += 1;
        match delta.verdict {
            Verdict::Invalid | Verdict::Missing => {
                invalid.push(format!("{} of {} is {}: {}", delta.metric, delta.case, delta.verdict, delta.why))
            }
            Verdict::Regressed if delta.blocks => blocked.push(format!("{} of {}", delta.metric, delta.case.benchmark)),
            _ => {}
        }
    }
    let count = |verdict: Verdict| tally.get(&verdict).copied().unwrap_or(0);
    let compared =
        count(Verdict::Equal) + count(Verdict::Improved) + count(Verdict::Regressed) + count(Verdict::Inconclusive);
    let (outcome, summary) = if let Some(first) = invalid.first() {
        (Outcome::Invalid, format!("invalid, neither red nor green: {first}{}", more(invalid.len())))
    } else if compared == 0 {
        (Outcome::Nothing, nothing(&comparison))
    } else if let Some(first) = blocked.first() {
        (Outcome::Regressed, format!("regressed: {first}{}", more(blocked.len())))
    } else {
        let inconclusive = match count(Verdict::Inconclusive) {
            0 => String::new(),
            number => format!(", {number} inconclusive (neither red nor green)"),
        };
        let advised = match count(Verdict::Regressed) {
            0 => String::new(),
            number => format!(", {number} worse that only advise"),
        };
        (
            Outcome::Passed,
            format!(
                "passed: {compared} compared, {} equal, {} improved{advised}{inconclusive}",
                count(Verdict::Equal),
                count(Verdict::Improved)
            ),
        )
    };
    Judgement { outcome, summary, tally, invalid, comparison }
}

fn more(number: usize) -> String {
    if number > 1 { format!(" (and {} more)", number - 1) } else { String::new() }
}

fn nothing(comparison: &Comparison) -> String {
    if comparison.differences.is_empty() {
        "nothing was compared: the two sides share no metric that the policy judges".to_owned()
    } else {
        let differences: Vec<_> = comparison.differences.iter().map(ToString::to_string).collect();
        format!("nothing was compared, the environments are incomparable: {}", differences.join("; "))
    }
}
