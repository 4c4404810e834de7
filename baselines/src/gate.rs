//! The gate: all verdicts together, as one outcome for CI.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::delta::{Comparison, Delta, Verdict};
use crate::exit_code::Exit;
use crate::metric::ERRORS;
use crate::policy::Policy;
use crate::ruled_out::{self, RuledOut};
use crate::{CaseKey, InvalidEntry, Lane, Metric, Run};

/// How the summary of a pass begins that is not whole.
const IN_PART: &str = "passed in part";

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
    /// What the bounds rule out, for all cases together; none if nothing was sampled in rounds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ruled_out: Option<RuledOut>,
    /// A sentence for each change that the policy accepts for a while, with its reason and its last day.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accepted: Vec<String>,
    /// The deltas.
    pub comparison: Comparison,
}

/// The outcome of a gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, strum::IntoStaticStr)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum GateOutcome {
    /// Something was compared, and every metric that blocks is inside its limits.
    Passed,
    /// A metric that blocks got worse.
    Regressed,
    /// The run can't be believed.
    Invalid,
    /// A metric that blocks may have got worse, or nothing was decided.
    Undecided,
    /// Nothing could be compared.
    Nothing,
}

impl GateOutcome {
    /// The exit code of the outcome.
    pub fn exit(self) -> Exit {
        match self {
            GateOutcome::Passed => Exit::Ok,
            GateOutcome::Regressed => Exit::Regressed,
            GateOutcome::Invalid | GateOutcome::Undecided => Exit::Invalid,
            GateOutcome::Nothing => Exit::Nothing,
        }
    }

    /// The name in records, and the first word of a summary.
    pub fn name(self) -> &'static str {
        self.into()
    }
}

impl Judgement {
    /// The judgement of two revisions that build one program.
    pub fn same_program() -> Judgement {
        Judgement {
            outcome: GateOutcome::Passed,
            summary: "passed: both revisions build the same program, so nothing was measured".to_owned(),
            tally: BTreeMap::new(),
            invalid: vec![],
            ruled_out: None,
            accepted: vec![],
            comparison: Comparison { differences: vec![], deltas: vec![] },
        }
    }

    /// The same, with what the policy accepts for a while, with its `scope`, if it is not all that the base has, and
    /// with what its `run` lacks, if it passed: times, and what [`Judgement::is_whole`] asks for.
    pub fn annotate(mut self, run: &Run, policy: &Policy, scope: Option<&str>, today: Date) -> Judgement {
        self.accepted = policy.accepted(&self.comparison.deltas, today);
        let (no_times, gaps) = match self.outcome {
            GateOutcome::Passed => (without_times(&self.comparison, run), gaps(run)),
            _ => (None, vec![]),
        };
        if let (false, Some(rest)) = (gaps.is_empty(), self.summary.strip_prefix("passed: ")) {
            self.summary = format!("{IN_PART}: {rest}");
        }
        for said in no_times.into_iter().chain(scope).map(str::to_owned).chain(gaps) {
            self.summary.push_str(&format!("; {said}"));
        }
        self
    }

    /// Everything that was selected was measured, compared with the base and decided. A pass that is not whole is one
    /// in part, in the summary as in every report.
    pub fn is_whole(&self, run: &Run) -> bool {
        decides_all(&self.comparison, &self.tally) && gaps(run).is_empty()
    }
}

/// What a run lacks, in words.
fn gaps(run: &Run) -> Vec<String> {
    let skipped = (!run.skipped.is_empty()).then(|| format!("{} skipped (not passed)", run.skipped.len()));
    skipped.into_iter().chain((!run.complete).then(|| "the run did not end".to_owned())).collect()
}

/// `no times were taken`, if the counts of a run are all that was compared. Files of other tools that count have no
/// times by nature.
pub fn without_times(comparison: &Comparison, run: &Run) -> Option<&'static str> {
    let is_count = |delta: &Delta| Metric::find(&delta.metric).is_some_and(|metric| metric.lane == Lane::Counts);
    // The delta of a case that one side lacks may be of its time, without a value.
    let has_value = |delta: &Delta| delta.base.is_some() || delta.new.is_some() || delta.is_of_same_code();
    let is_time = |delta: &Delta| !Metric::is_exact(&delta.metric) && has_value(delta);
    let deltas = || comparison.deltas.iter();
    let counts_alone = deltas().any(is_count) && !deltas().any(is_time);
    (counts_alone && !run.header.is_foreign()).then_some("no times were taken")
}

/// Everything that the base has was compared and decided.
fn decides_all(comparison: &Comparison, tally: &BTreeMap<Verdict, usize>) -> bool {
    let is_open = |verdict: Verdict| tally.get(&verdict).is_some_and(|number| *number > 0);
    let open = [Verdict::Missing, Verdict::Inconclusive].into_iter().any(is_open);
    !open && comparison.differences.is_empty() && uncompared(comparison).is_empty()
}

/// The cases of which nothing was compared, or only how often they failed. Cases that the base does not have are not
/// among them.
fn uncompared(comparison: &Comparison) -> BTreeSet<&CaseKey> {
    let (mut known, mut compared) = (BTreeSet::new(), BTreeSet::new());
    for delta in &comparison.deltas {
        match delta.verdict {
            Verdict::Incomparable | Verdict::Missing => known.insert(&delta.case),
            Verdict::Added | Verdict::Invalid => false,
            _ if delta.metric == ERRORS => false,
            _ => compared.insert(&delta.case),
        };
    }
    known.difference(&compared).copied().collect()
}

/// `12 new cases, which nothing judges`: those that the base does not have; none if there is no such case.
pub fn new_cases(comparison: &Comparison) -> Option<String> {
    let cases = |is_added: bool| {
        let deltas = comparison.deltas.iter().filter(move |delta| (delta.verdict == Verdict::Added) == is_added);
        deltas.map(|delta| &delta.case).collect::<BTreeSet<_>>()
    };
    match cases(true).difference(&cases(false)).count() {
        0 => None,
        1 => Some("1 new case, which nothing judges".to_owned()),
        number => Some(format!("{number} new cases, which nothing judges")),
    }
}

/// Judges a comparison. A run that can't be believed is invalid, whatever it says: because of its `invalid_entries`,
/// the `complaints` about the policy ([`crate::policy::Policy::complaints`]), or invalid measurements and missing ones
/// that block. Next comes what is worse, and then what may be: an inconclusive metric that blocks makes the gate
/// undecided, and so does a gate of which nothing was decided. Comparing nothing is no pass, and neither is comparing
/// nothing but errors.
pub fn judge(comparison: Comparison, invalid_entries: &[InvalidEntry], complaints: &[String]) -> Judgement {
    let mut tally = BTreeMap::new();
    let mut invalid: Vec<String> = invalid_entries.iter().map(|item| format!("{}: {}", item.what, item.why)).collect();
    invalid.extend(complaints.iter().cloned());
    let (mut blocked, mut undecided) = (Vec::new(), Vec::new());
    for delta in &comparison.deltas {
        *tally.entry(delta.verdict).or_insert(0) += 1;
        match delta.verdict {
            Verdict::Invalid => invalid.push(delta.reason()),
            Verdict::Missing if delta.blocks => invalid.push(delta.reason()),
            Verdict::Regressed if delta.blocks => blocked.push(format!("{} of {}", delta.metric, delta.case.benchmark)),
            Verdict::Inconclusive if delta.blocks => undecided.push(delta.reason()),
            _ => {}
        }
    }
    let count = |verdict: Verdict| tally.get(&verdict).copied().unwrap_or(0);
    let (equal, improved) = (count(Verdict::Equal), count(Verdict::Improved));
    let (worse, inconclusive) = (count(Verdict::Regressed), count(Verdict::Inconclusive));
    let decided = equal + improved + worse;
    let compared = decided + inconclusive;
    if decided == 0 && undecided.is_empty() {
        let open = comparison.deltas.iter().filter(|delta| delta.verdict == Verdict::Inconclusive);
        undecided.extend(open.map(Delta::reason));
    }
    let open = uncompared(&comparison).len();
    let speed_decided = comparison.deltas.iter().any(|delta| delta.metric != ERRORS && delta.verdict.is_decided());
    let ruled_out = RuledOut::of(&comparison.deltas);
    let mut bounds = ruled_out.as_ref().map_or_else(String::new, |ruled_out| format!("; {ruled_out}"));
    bounds.push_str(&match comparison.deltas.iter().filter(|delta| delta.is_of_same_code()).count() {
        0 => String::new(),
        1 => "; 1 case executes the same machine code".to_owned(),
        number => format!("; {number} cases execute the same machine code"),
    });
    let (outcome, summary) = if let Some(first) = invalid.first() {
        (GateOutcome::Invalid, format!("invalid, neither red nor green: {first}{}", more(invalid.len())))
    } else if let Some(first) = blocked.first() {
        (GateOutcome::Regressed, format!("regressed: {first}{}{bounds}", more(blocked.len())))
    } else if let Some(first) = undecided.first() {
        (GateOutcome::Undecided, format!("undecided, neither red nor green: {first}{}{bounds}", more(undecided.len())))
    } else if compared == 0 {
        (GateOutcome::Nothing, nothing(&comparison))
    } else if open > 0 && !speed_decided {
        (GateOutcome::Nothing, "nothing was compared but errors, of which there are no more than before".to_owned())
    } else {
        let part = |number: usize, words: &str| match number {
            0 => String::new(),
            _ => format!(", {number} {words}"),
        };
        let advising = |number: usize, verdict: &str| {
            part(number, &format!("{verdict} that only advise{}", if number == 1 { "s" } else { "" }))
        };
        let advised = advising(worse, "worse") + &advising(inconclusive, "inconclusive");
        let missing = advising(count(Verdict::Missing), "missing");
        let left = part(open, if open == 1 { "case not compared" } else { "cases not compared" });
        let exact = match ruled_out::exact(&comparison.deltas) {
            0 => String::new(),
            1 => "; 1 exact, within its limit".to_owned(),
            number => format!("; {number} exact, each within its limit"),
        };
        let passed = if decides_all(&comparison, &tally) { "passed" } else { IN_PART };
        let mut summary = format!(
            "{passed}: {compared} compared, {equal} equal, {improved} improved{advised}{missing}{left}{exact}{bounds}"
        );
        if let Some(new) = new_cases(&comparison) {
            summary.push_str(&format!("; {new}"));
        }
        (GateOutcome::Passed, summary)
    };
    Judgement { outcome, summary, tally, invalid, ruled_out, accepted: vec![], comparison }
}

fn more(number: usize) -> String {
    if number > 1 { format!(" (and {} more)", number - 1) } else { String::new() }
}

fn nothing(comparison: &Comparison) -> String {
    if comparison.differences.is_empty() {
        let shared = comparison.deltas.iter().any(|delta| delta.verdict == Verdict::Incomparable);
        let why = if shared {
            "what both sides have can't be judged"
        } else {
            "the two sides share no metric that the policy judges"
        };
        return format!("nothing was compared: {why}");
    }
    let differences: Vec<_> = comparison.differences.iter().map(ToString::to_string).collect();
    format!("nothing was compared, the environments are incomparable: {}", differences.join("; "))
}
