//! The verdict in words, and how sure one may be of it. Only a whole and undoubted pass is green.

use baselines::compare::Verdict;
use baselines::gate::Outcome;

use crate::Report;

/// How a verdict may be coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Everything was compared and nothing that blocks got worse.
    Good,
    /// What was compared passed, but something was skipped, cut short or not decided.
    Partial,
    /// Something that blocks got worse.
    Bad,
    /// The numbers can't be believed.
    Distrust,
    /// There is no verdict.
    Undecided,
}

impl Tone {
    /// The name in style sheets.
    pub fn name(self) -> &'static str {
        match self {
            Tone::Good => "good",
            Tone::Partial => "partial",
            Tone::Bad => "bad",
            Tone::Distrust => "distrust",
            Tone::Undecided => "undecided",
        }
    }

    /// A sign beside the words, so that nobody depends on the colour.
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

/// The first thing that a report says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Headline {
    /// The verdict in one to three words.
    pub word: &'static str,
    /// Its colour.
    pub tone: Tone,
    /// What it rests on.
    pub sentence: String,
    /// What to do next; empty where nothing is left to do.
    pub next: &'static str,
}

/// The headline of a report.
pub fn headline(report: &Report) -> Headline {
    let Some(judgement) = &report.judgement else {
        return not_judged(report);
    };
    let summary = &judgement.summary;
    let sentence = match summary.split_once(": ") {
        Some((outcome, rest)) if outcome.split(',').next() == Some(outcome_word(judgement.outcome)) => rest.to_owned(),
        _ => summary.clone(),
    };
    match judgement.outcome {
        Outcome::Passed => passed(report, sentence),
        Outcome::Regressed => Headline {
            word: "Regressed",
            tone: Tone::Bad,
            sentence,
            next: match report.against.as_deref() {
                Some(against) if !against.starts_with("baseline ") => {
                    "find the cause below; if the change is wanted, say why where it is merged: the next base has it"
                }
                _ => {
                    "find the cause below; if the change is wanted, accept it: `assay baseline accept --reason \"..\"`"
                }
            },
        },
        Outcome::Invalid => Headline {
            word: "Invalid",
            tone: Tone::Distrust,
            sentence,
            next: "neither red nor green: mend what is listed and measure again",
        },
        Outcome::Nothing => Headline {
            word: "Nothing compared",
            tone: Tone::Undecided,
            sentence,
            next: "not a pass: accept a baseline of this environment (`assay baseline accept --reason \"..\"`), or compare with a revision (`assay gate --against REV`)",
        },
    }
}

fn outcome_word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Passed => "passed",
        Outcome::Regressed => "regressed",
        Outcome::Invalid => "invalid",
        Outcome::Nothing => "nothing",
    }
}

fn passed(report: &Report, sentence: String) -> Headline {
    let undecided = report.judgement.as_ref().and_then(|judgement| judgement.tally.get(&Verdict::Inconclusive));
    let differences = report.judgement.as_ref().map_or(0, |judgement| judgement.comparison.differences.len());
    let decided = undecided.is_none_or(|number| *number == 0) && differences == 0;
    let whole = report.run.complete && report.run.skipped.is_empty() && decided;
    if whole {
        Headline { word: "Passed", tone: Tone::Good, sentence, next: "" }
    } else {
        let mut sentence = sentence;
        if !report.run.skipped.is_empty() {
            sentence.push_str(&format!(", {} skipped (not passed)", report.run.skipped.len()));
        }
        if differences > 0 {
            sentence.push_str(", exact counts not compared (the environments differ)");
        }
        if !report.run.complete {
            sentence.push_str(", and the run did not end");
        }
        Headline {
            word: "Passed in part",
            tone: Tone::Partial,
            sentence,
            next: "what was compared passed; the rest is not known",
        }
    }
}

fn not_judged(report: &Report) -> Headline {
    let (cases, values) = extent(report);
    let cut = if report.run.complete { "" } else { "; the run did not end" };
    Headline {
        word: "Not judged",
        tone: Tone::Undecided,
        sentence: format!("{cases} measured, {values}{cut}"),
        next: "`assay gate` judges them against the stored baseline",
    }
}

fn extent(report: &Report) -> (String, String) {
    let cases: std::collections::BTreeSet<_> =
        report.run.measurements.iter().map(|measurement| &measurement.case).collect();
    (crate::numbers::plural(cases.len(), "case"), crate::numbers::plural(report.run.measurements.len(), "measurement"))
}
