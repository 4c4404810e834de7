//! The verdict in words, and its colour. Only a complete pass is green.

use std::collections::BTreeSet;

use baselines::gate::{GateOutcome, Judgement};
use baselines::{Metric, Run};

use crate::names::capitalised;
use crate::numbers::plural;
use crate::{Report, lead};

/// The colour of a verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub enum Tone {
    /// Everything was compared, and no metric that blocks got worse.
    Good,
    /// Everything compared passed, but something was skipped, cut short or not decided.
    Partial,
    /// A metric that blocks got worse.
    Bad,
    /// The numbers can't be believed.
    Distrust,
    /// There is no verdict, or the evidence is not enough for one.
    Undecided,
}

impl Tone {
    /// The name in style sheets.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// A sign beside the words, for readers who can't see the colour.
    pub fn sign(self) -> &'static str {
        match self {
            Tone::Good => "\u{2713}",
            Tone::Partial => "\u{25d0}",
            Tone::Bad => "\u{2717}",
            Tone::Distrust => "!",
            Tone::Undecided => "?",
        }
    }
}

/// The first lines of a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Headline {
    /// The verdict in one to three words.
    pub word: &'static str,
    /// Its colour.
    pub tone: Tone,
    /// The one sentence for readers who read no other: what regressed, by how much and whose doing; what was ruled out;
    /// or what stands out.
    pub lead: String,
    /// The reason in the gate's words.
    pub sentence: String,
    /// The next thing to do; empty if there is none.
    pub next: &'static str,
}

/// The headline of a report.
pub fn headline(report: &Report) -> Headline {
    let Some(judgement) = &report.judgement else { return not_judged(report) };
    let summary = &judgement.summary;
    let sentence = match summary.split_once(": ") {
        Some(("passed in part", rest)) => rest.to_owned(),
        Some((outcome, rest)) if outcome.split(',').next() == Some(judgement.outcome.name()) => rest.to_owned(),
        _ => summary.clone(),
    };
    let (word, tone, lead, next) = match judgement.outcome {
        GateOutcome::Passed => return passed(report, judgement, sentence),
        GateOutcome::Regressed => (
            "Regressed",
            Tone::Bad,
            lead::regressed(judgement),
            match report.against.as_deref() {
                Some(against) if !against.starts_with("baseline ") => {
                    "if the slowdown is intended, say why in the pull request: once merged, it is part of the base"
                }
                _ => "if the change is wanted, accept it: `assay baseline accept --reason \"..\"`",
            },
        ),
        GateOutcome::Invalid => (
            "Invalid",
            Tone::Distrust,
            format!("This run can't be believed: {sentence}"),
            "neither red nor green: fix the listed problems and measure again",
        ),
        GateOutcome::Undecided => (
            "Undecided",
            Tone::Undecided,
            lead::undecided(judgement),
            "neither red nor green: give it more time, or measure on a quieter machine",
        ),
        GateOutcome::Nothing => (
            "Nothing compared",
            Tone::Undecided,
            capitalised(&sentence),
            match judgement.comparison.differences.is_empty() {
                true => "not a pass",
                false => {
                    "not a pass: accept a baseline of this environment (`assay baseline accept --reason \"..\"`), or compare with a revision (`assay gate --against REV`)"
                }
            },
        ),
    };
    Headline { word, tone, lead, sentence, next }
}

fn passed(report: &Report, judgement: &Judgement, sentence: String) -> Headline {
    let lead = lead::passed(report, judgement);
    if judgement.is_whole(&report.run) {
        return Headline { word: "Passed", tone: Tone::Good, lead, sentence, next: "" };
    }
    let next = "what was compared passed; the rest is not known";
    Headline { word: "Passed in part", tone: Tone::Partial, lead, sentence, next }
}

fn not_judged(report: &Report) -> Headline {
    let (cases, values) = extent(&report.run);
    let cut = if report.run.complete { "" } else { "; the run did not end" };
    let lead = match report.run.invalid.first() {
        Some(first) => format!("This run can't be believed: {}: {}", first.what, first.why),
        None => lead::measured(report),
    };
    Headline {
        word: match (report.run.invalid.is_empty(), report.run.measurements.is_empty()) {
            (false, _) => "Invalid",
            (true, true) => "Nothing measured",
            (true, false) => "Measured",
        },
        tone: if report.run.invalid.is_empty() { Tone::Undecided } else { Tone::Distrust },
        lead,
        sentence: format!("{cases} measured, {values}{cut}"),
        next: match (report.run.header.is_foreign(), has_exact(&report.run)) {
            (false, _) => "`assay gate` judges them against the stored baseline",
            (true, true) => "`assay gate --run` judges counts by an accepted baseline",
            (true, false) => "`assay compare` shows two of them side by side",
        },
    }
}

fn has_exact(run: &Run) -> bool {
    run.measurements.iter().any(|measurement| Metric::is_exact(&measurement.metric))
}

/// `138 cases` and `1,240 measurements`.
pub(crate) fn extent(run: &Run) -> (String, String) {
    let cases: BTreeSet<_> = run.measurements.iter().map(|measurement| &measurement.case).collect();
    (plural(cases.len(), "case"), plural(run.measurements.len(), "measurement"))
}
