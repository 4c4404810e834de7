//! Whether an optimisation brings what was claimed of it: figures, findings, and the ledger of all claims.
//!
//! A finding is a pure function of a figure, of what was measured, and of a margin. A measured change is an interval; for an exact count it is one
//! value. In gains, where more is better (the logarithm of the ratio, turned so that the claimed direction is up):
//!
//! - **confirmed**: the whole interval is at the figure or beyond it;
//! - **refuted**: the whole interval is at the margin or below: no effect in the claimed direction;
//! - **partly**: the whole interval is beyond the margin, and not all of it reaches the figure: real, and short of it or not shown to reach it;
//! - **inconclusive**: the interval has both no effect and an effect in it.
//!
//! A claim without a base, such as "under 20 ms", has no part: the interval is within the bound, beyond it, or has it inside. Left out on purpose:
//! tests of significance. A claim is about a size, and an interval says which sizes the data leave.

use std::fmt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::{Durability, Environment, Error, Result};

/// The version of the ledger's format.
pub const SCHEMA: u64 = 1;

/// What is claimed of one metric.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "value", rename_all = "snake_case")]
pub enum Figure {
    /// At most this part of the base's: 0.55 for "45% less". More than 1 is a bound on what something costs.
    AtMostOfBase(f64),
    /// At least this many times the base's: 1.2 for "20% more".
    AtLeastOfBase(f64),
    /// At most this, in the metric's unit, whatever the base has.
    AtMost(f64),
    /// At least this, in the metric's unit.
    AtLeast(f64),
}

/// What a claim came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Finding {
    /// It brings at least what was claimed.
    Confirmed,
    /// It brings something, and less than was claimed.
    Partly,
    /// It brings nothing, or harm.
    Refuted,
    /// The measurement can't tell.
    Inconclusive,
    /// It was not measured: the reason says what to do about it.
    Skipped,
    /// It can't be believed: a toggle did not engage, or a side failed.
    Invalid,
}

impl Finding {
    /// All of them, in the order of reports.
    pub const ALL: [Finding; 6] = [
        Finding::Confirmed,
        Finding::Partly,
        Finding::Refuted,
        Finding::Inconclusive,
        Finding::Skipped,
        Finding::Invalid,
    ];

    /// The name in records and reports.
    pub fn name(self) -> &'static str {
        match self {
            Finding::Confirmed => "confirmed",
            Finding::Partly => "partly",
            Finding::Refuted => "refuted",
            Finding::Inconclusive => "inconclusive",
            Finding::Skipped => "skipped",
            Finding::Invalid => "invalid",
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What was measured for one part of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// The base's value for one operation, in the metric's unit, where the base was measured.
    pub base: Option<f64>,
    /// The candidate's.
    pub new: f64,
    /// What the figure is compared with: the candidate as a part of the base, or its value in the metric's unit.
    pub estimate: f64,
    /// The smallest value that the data leave; the estimate itself where the count is exact.
    pub low: f64,
    /// The largest.
    pub high: f64,
    /// Rounds that the interval rests on; 0 for an exact count.
    pub rounds: usize,
}

impl Measured {
    /// Two exact values.
    pub fn exact(figure: Figure, base: Option<f64>, new: f64) -> Measured {
        let estimate = match (figure, base) {
            (Figure::AtMostOfBase(_) | Figure::AtLeastOfBase(_), Some(base)) => new / base,
            _ => new,
        };
        Measured { base, new, estimate, low: estimate, high: estimate, rounds: 0 }
    }
}

/// What the measurement says of the figure, and why. `margin` is the part of the base below which a change is none.
///
/// ```
/// use baselines::claim::{Figure, Finding, Measured, judge};
///
/// let measured = Measured { base: Some(100.0), new: 70.0, estimate: 0.70, low: 0.68, high: 0.72, rounds: 12 };
/// assert_eq!(judge(Figure::AtMostOfBase(0.75), &measured, 0.02).0, Finding::Confirmed);
/// assert_eq!(judge(Figure::AtMostOfBase(0.55), &measured, 0.02).0, Finding::Partly);
/// assert_eq!(judge(Figure::AtMost(60.0), &Measured::exact(Figure::AtMost(60.0), None, 70.0), 0.0).0, Finding::Refuted);
/// ```
pub fn judge(figure: Figure, measured: &Measured, margin: f64) -> (Finding, String) {
    let Measured { low, high, .. } = *measured;
    if !(low.is_finite() && high.is_finite()) {
        return (Finding::Invalid, "the base is 0: there is no part of it".to_owned());
    }
    match figure {
        Figure::AtMost(bound) => within(low, high, bound),
        Figure::AtLeast(bound) => within(-high, -low, -bound),
        Figure::AtMostOfBase(times) if times > 1.0 => within(low, high, times), // a bound on what it costs
        Figure::AtMostOfBase(part) => change([-high.ln(), -low.ln()], -part.ln(), margin),
        Figure::AtLeastOfBase(times) => change([low.ln(), high.ln()], times.ln(), margin),
    }
}

/// A bound from above.
fn within(low: f64, high: f64, bound: f64) -> (Finding, String) {
    if high <= bound {
        (Finding::Confirmed, "within the bound".to_owned())
    } else if low > bound {
        (Finding::Refuted, "beyond the bound".to_owned())
    } else {
        (Finding::Inconclusive, "the interval has the bound inside".to_owned())
    }
}

/// A change, in gains: up is what was claimed.
fn change([low, high]: [f64; 2], claimed: f64, margin: f64) -> (Finding, String) {
    let margin_gain = margin.ln_1p();
    let wanted = claimed.max(margin_gain); // "faster", without a figure, is any effect at all
    let shown = format!("{:.0}%", margin * 100.0);
    if low >= wanted {
        (Finding::Confirmed, "at the figure or beyond it".to_owned())
    } else if high <= -margin_gain {
        (Finding::Refuted, "the opposite of what was claimed".to_owned())
    } else if high <= margin_gain {
        (Finding::Refuted, format!("no effect beyond {shown}"))
    } else if low <= margin_gain {
        (Finding::Inconclusive, format!("the interval has less than {shown} in it, and more"))
    } else if high < wanted {
        (Finding::Partly, "a real effect, short of the figure".to_owned())
    } else {
        (Finding::Partly, "a real effect, not shown to reach the figure".to_owned())
    }
}

/// One finding for all parts of a claim: what can't be believed or was not measured comes first, then it is confirmed or refuted only as a whole.
pub fn together(parts: &[Finding]) -> Finding {
    let any = |finding| parts.contains(&finding);
    let all = |finding| !parts.is_empty() && parts.iter().all(|part| *part == finding);
    if any(Finding::Invalid) {
        Finding::Invalid
    } else if parts.is_empty() || any(Finding::Skipped) {
        Finding::Skipped
    } else if all(Finding::Confirmed) {
        Finding::Confirmed
    } else if all(Finding::Refuted) {
        Finding::Refuted
    } else if any(Finding::Confirmed) || any(Finding::Partly) {
        Finding::Partly
    } else {
        Finding::Inconclusive
    }
}

/// A part of a claim, measured and judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// What was measured, in words.
    pub what: String,
    /// How it was measured, as in `time` or `remote`.
    pub lane: String,
    /// The benchmark or the workload.
    pub workload: String,
    /// The base's variant.
    pub base: String,
    /// The candidate's.
    pub new: String,
    /// The metric's name in the table.
    pub metric: String,
    /// What a write survives where it was measured.
    pub durability: Durability,
    /// What was claimed.
    pub figure: Figure,
    /// The part of the base below which a change is none.
    pub margin: f64,
    /// What was measured; nothing where it was skipped or failed.
    pub measured: Option<Measured>,
    /// The counter that shows that the candidate's strategy did its work, and how far it moved.
    pub counter: Option<(String, u64)>,
    /// What follows.
    pub finding: Finding,
    /// Why.
    pub why: String,
}

/// A claim with its parts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Claim {
    /// The identifier.
    pub id: String,
    /// What is claimed, in words.
    pub claim: String,
    /// The figure as it was announced.
    pub announced: String,
    /// Where.
    pub source: String,
    /// What a reader must know beside it.
    pub note: String,
    /// Its parts.
    pub parts: Vec<Part>,
    /// What follows from all of them.
    pub finding: Finding,
}

/// Every claim that was measured in one session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ledger {
    /// The version of the format.
    pub schema: u64,
    /// When it began, in RFC 3339.
    pub started_at: String,
    /// The command as typed.
    pub command: String,
    /// `quick` or `full`.
    pub profile: String,
    /// The machine, the toolchain and the commit.
    pub environment: Environment,
    /// In the order of the definitions.
    pub claims: Vec<Claim>,
}

impl Ledger {
    /// How many claims came to this.
    pub fn count(&self, finding: Finding) -> usize {
        self.claims.iter().filter(|claim| claim.finding == finding).count()
    }

    /// Writes it: whole, or not at all.
    ///
    /// # Errors
    /// The file can't be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_vec_pretty(self).map_err(|error| Error::BadRecord {
            path: path.to_owned(),
            line: 1,
            reason: error.to_string(),
        })?;
        crate::atomic::write(path, &text)
    }

    /// Reads one.
    ///
    /// # Errors
    /// No such file, no ledger, or one of another schema.
    pub fn read(path: &Path) -> Result<Ledger> {
        let text = std::fs::read_to_string(path).map_err(Error::io("read", path))?;
        let wrong = |error: serde_json::Error| Error::BadRecord {
            path: path.to_owned(),
            line: error.line(),
            reason: format!("no ledger of claims: {error}"),
        };
        let head: Head = serde_json::from_str(&text).map_err(wrong)?;
        if head.schema != SCHEMA {
            return Err(Error::UnknownSchema { path: path.to_owned(), found: head.schema, known: SCHEMA..=SCHEMA });
        }
        serde_json::from_str(&text).map_err(wrong)
    }
}

/// What is read before everything else.
#[derive(Deserialize)]
struct Head {
    schema: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARGIN: f64 = 0.02;

    fn of(low: f64, high: f64) -> Measured {
        Measured { base: Some(1.0), new: low, estimate: (low + high) / 2.0, low, high, rounds: 12 }
    }

    fn finding(figure: Figure, low: f64, high: f64) -> Finding {
        judge(figure, &of(low, high), MARGIN).0
    }

    #[test]
    fn a_reduction_is_judged_by_its_whole_interval() {
        let less = |low, high| finding(Figure::AtMostOfBase(0.55), low, high);
        assert_eq!(less(0.40, 0.55), Finding::Confirmed, "the worst of it is the figure");
        assert_eq!(less(0.50, 0.56), Finding::Partly, "not shown to reach it");
        assert_eq!(less(0.80, 0.90), Finding::Partly, "short of it");
        assert_eq!(less(0.95, 0.99), Finding::Inconclusive, "1% is no effect, 5% is one");
        assert_eq!(less(0.99, 1.01), Finding::Refuted);
        assert_eq!(less(1.10, 1.20), Finding::Refuted, "the opposite");
        assert_eq!(less(0.50, 1.50), Finding::Inconclusive, "it says nothing");
    }

    #[test]
    fn an_increase_is_the_same_upside_down() {
        let more = |low, high| finding(Figure::AtLeastOfBase(1.2), low, high);
        assert_eq!(more(1.2, 1.3), Finding::Confirmed);
        assert_eq!(more(1.1, 1.3), Finding::Partly);
        assert_eq!(more(1.0, 1.3), Finding::Inconclusive);
        assert_eq!(more(0.99, 1.01), Finding::Refuted);
        assert_eq!(more(0.5, 0.6), Finding::Refuted);
    }

    #[test]
    fn a_bound_is_kept_or_not() {
        assert_eq!(finding(Figure::AtMost(20.0), 15.0, 19.9), Finding::Confirmed);
        assert_eq!(finding(Figure::AtMost(20.0), 19.0, 21.0), Finding::Inconclusive);
        assert_eq!(finding(Figure::AtMost(20.0), 20.1, 21.0), Finding::Refuted);
        assert_eq!(finding(Figure::AtLeast(0.5), 0.5, 0.5), Finding::Confirmed);
        assert_eq!(finding(Figure::AtLeast(0.5), 0.4, 0.49), Finding::Refuted);
    }

    #[test]
    fn a_bound_on_the_cost_is_a_bound() {
        let cost = |low, high| finding(Figure::AtMostOfBase(1.4), low, high);
        assert_eq!(cost(1.2, 1.4), Finding::Confirmed);
        assert_eq!(cost(0.8, 0.9), Finding::Confirmed, "less than the base is within it, too");
        assert_eq!(cost(1.3, 1.5), Finding::Inconclusive);
        assert_eq!(cost(1.5, 1.6), Finding::Refuted);
    }

    #[test]
    fn faster_without_a_figure_is_any_effect_beyond_the_margin() {
        let faster = |low, high| finding(Figure::AtMostOfBase(1.0), low, high);
        assert_eq!(faster(0.90, 0.97), Finding::Confirmed);
        assert_eq!(faster(0.97, 0.99), Finding::Inconclusive);
        assert_eq!(faster(0.99, 1.0), Finding::Refuted);
    }

    #[test]
    fn a_count_that_became_none_is_confirmed_and_one_that_was_none_invalid() {
        let figure = Figure::AtMostOfBase(0.75);
        let none = judge(figure, &Measured::exact(figure, Some(12.0), 0.0), MARGIN);
        assert_eq!(none.0, Finding::Confirmed);
        let from_none = judge(figure, &Measured::exact(figure, Some(0.0), 3.0), MARGIN);
        assert_eq!(from_none.0, Finding::Invalid, "{}", from_none.1);
    }

    /// Whatever the interval: narrowing it never turns a decided finding into its opposite.
    #[test]
    fn a_narrower_interval_agrees_with_a_wider_one_that_decided() {
        for figure in [Figure::AtMostOfBase(0.6), Figure::AtLeastOfBase(1.5), Figure::AtMost(0.9)] {
            for step in 1..40 {
                let (low, high) = (0.05 * f64::from(step), 0.05 * f64::from(step) + 0.3);
                let (wide, narrow) = (finding(figure, low, high), finding(figure, low + 0.1, high - 0.1));
                match wide {
                    Finding::Confirmed | Finding::Refuted => assert_eq!(narrow, wide, "{figure:?} {low}"),
                    Finding::Partly => assert_ne!(narrow, Finding::Refuted, "{figure:?} {low}"),
                    _ => {}
                }
            }
        }
    }

    #[test]
    fn a_claim_is_confirmed_or_refuted_as_a_whole() {
        use Finding::*;
        for (parts, whole) in [
            (&[Confirmed, Confirmed][..], Confirmed),
            (&[Confirmed, Refuted], Partly),
            (&[Partly, Inconclusive], Partly),
            (&[Refuted, Refuted], Refuted),
            (&[Refuted, Inconclusive], Inconclusive),
            (&[Confirmed, Skipped], Skipped),
            (&[Skipped, Invalid], Invalid),
            (&[], Skipped),
        ] {
            assert_eq!(together(parts), whole, "{parts:?}");
        }
    }

    #[test]
    fn a_ledger_comes_back_as_it_was_written_and_another_schema_does_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("ledger.json");
        let mut ledger = Ledger {
            schema: SCHEMA,
            started_at: "2026-11-25T00:00:00Z".to_owned(),
            command: "assay claims".to_owned(),
            profile: "quick".to_owned(),
            environment: Environment::detect(1, "generated"),
            claims: vec![],
        };
        ledger.write(&path).expect("writes");
        assert_eq!(Ledger::read(&path).expect("reads"), ledger);
        ledger.schema = 9;
        ledger.write(&path).expect("writes");
        assert!(matches!(Ledger::read(&path), Err(Error::UnknownSchema { found: 9, .. })));
        std::fs::write(&path, "{}").expect("writes");
        assert!(matches!(Ledger::read(&path), Err(Error::BadRecord { .. })));
    }
}
