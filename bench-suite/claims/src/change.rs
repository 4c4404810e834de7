//! Claims in a change's own words: `BENCHMARK -20%`, as an argument or as a line `Assay: BENCHMARK -20%` of a commit
//! message or of a pull request's text.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use baselines::Durability;
use baselines::claim::{self, ClaimVerdict, JudgedClaim, JudgedPart, MeasuredEffect, Target};
use baselines::delta::Delta;
use baselines::paired::Paired;
use harness::build::git::git;

/// The start of a line that claims something.
const MARK: &str = "Assay:";

/// A change by less is no effect.
const MARGIN: f64 = 0.02;

/// The metrics that a claim may be about, the first that was measured. Of the two times, a case that waits has only
/// the second.
const METRICS: [(&str, &str); 3] = [("cpu_time", "time"), ("wall_time", "time"), ("instructions", "counts")];

/// A claimed change of one benchmark.
#[derive(Debug, Clone, PartialEq)]
pub struct ChangeClaim {
    /// The benchmark.
    pub benchmark: String,
    /// The change in per cent: below 0 is faster.
    pub percent: f64,
}

impl ChangeClaim {
    /// Reads `BENCHMARK -20%`.
    pub fn parse(text: &str) -> Result<ChangeClaim> {
        let wrong = || format!("`{text}` is no claim: write the benchmark and its change, as in `parse/small -20%`");
        let (benchmark, change) = text.trim().rsplit_once(char::is_whitespace).with_context(wrong)?;
        let percent: f64 = change.strip_suffix('%').with_context(wrong)?.parse().ok().with_context(wrong)?;
        ensure!(percent > -100.0 && percent < 10_000.0, "`{text}`: nothing changes by {change}");
        Ok(ChangeClaim { benchmark: benchmark.trim().to_owned(), percent })
    }

    fn target(&self) -> Target {
        Target::AtMostOfBase(1.0 + self.percent / 100.0)
    }
}

/// The claims in a text: its lines that begin with `Assay:`.
pub fn in_text(text: &str) -> Result<Vec<ChangeClaim>> {
    text.lines().filter_map(|line| line.trim().strip_prefix(MARK)).map(ChangeClaim::parse).collect()
}

/// The claims in the messages of the commits since a base.
pub fn in_commits(repository: &Path, base: &str) -> Result<Vec<ChangeClaim>> {
    let messages = git(repository, &["log", "--format=%B", &format!("{base}..HEAD")])?;
    let claims = in_text(&messages)?;
    if claims.is_empty() {
        bail!(
            "no commit since {base} claims anything: give a claim, or add a line `{MARK} BENCHMARK -20%` to a message"
        );
    }
    Ok(claims)
}

/// A claim with its verdict, by what was measured of both sides, unless there are reasons not to believe it.
pub fn judge(claim: &ChangeClaim, source: &str, deltas: &[Delta], pairs: &[Paired], invalid: &[String]) -> JudgedClaim {
    let of_claim: Vec<&Delta> = deltas.iter().filter(|delta| delta.case.benchmark == claim.benchmark).collect();
    let measured = METRICS.iter().find_map(|(metric, lane)| {
        let delta = of_claim.iter().find(|delta| delta.metric == *metric)?;
        let rounds = pairs.iter().find(|paired| paired.pair.case == delta.case && paired.pair.control.is_none());
        Some((*metric, *lane, effect(delta, rounds.map_or(0, |paired| paired.rounds.len()))?))
    });
    let (verdict, why) = match (&measured, invalid.first()) {
        (_, Some(why)) => (ClaimVerdict::Invalid, why.clone()),
        (Some((_, _, effect)), None) => claim::judge(claim.target(), effect, MARGIN),
        (None, None) => {
            let why = "no benchmark of that name was measured on both sides: `assay run --list` shows the names";
            (ClaimVerdict::Skipped, why.to_owned())
        }
    };
    let (metric, lane) = measured.as_ref().map_or(METRICS[0], |(metric, lane, _)| (*metric, *lane));
    let part = JudgedPart {
        what: claim.benchmark.clone(),
        lane: lane.to_owned(),
        workload: claim.benchmark.clone(),
        base: "the base".to_owned(),
        new: "the change".to_owned(),
        metric: metric.to_owned(),
        durability: Durability::Unstated,
        target: claim.target(),
        margin: MARGIN,
        measured: measured.map(|(_, _, effect)| effect),
        counter: None,
        verdict,
        why,
    };
    JudgedClaim {
        id: claim.benchmark.clone(),
        claim: "a change's own words".to_owned(),
        announced: format!("{:+}%", claim.percent),
        source: source.to_owned(),
        note: cause(&of_claim),
        verdict,
        parts: vec![part],
    }
}

fn effect(delta: &Delta, rounds: usize) -> Option<MeasuredEffect> {
    let (base, new) = (delta.base, delta.new?);
    let estimate = 1.0 + delta.relative?;
    let [low, high] = delta.interval.map_or([estimate; 2], |ends| ends.map(|end| 1.0 + end));
    Some(MeasuredEffect { base, new, estimate, low, high, rounds })
}

/// The functions behind the change of the instructions, and whose doing it is.
fn cause(deltas: &[&Delta]) -> String {
    let Some(counts) = deltas.iter().find(|delta| delta.metric == "instructions") else { return String::new() };
    let relative = counts.relative.unwrap_or(0.0) * 100.0;
    let functions =
        counts.cause.iter().take(3).map(|function| format!("{:+} in {}", function.delta, function.function));
    let mut said = vec![format!("instructions {relative:+.1}%")];
    said.extend(functions);
    said.extend(counts.doing.as_ref().map(|doing| doing.evidence.clone()));
    said.join("; ")
}

#[cfg(test)]
mod tests {
    use baselines::CaseKey;
    use baselines::delta::Verdict;

    use super::*;

    fn delta(benchmark: &str, metric: &str, relative: f64, interval: Option<[f64; 2]>) -> Delta {
        let case = CaseKey { benchmark: benchmark.to_owned(), variant: String::new() };
        let (base, new, relative) = (Some(100.0), Some(100.0 * (1.0 + relative)), Some(relative));
        Delta { base, new, relative, interval, ..Delta::new(case, metric, (Verdict::Improved, ""), true) }
    }

    #[test]
    fn claims_are_read_from_arguments_and_messages() {
        let claim = |benchmark: &str, percent| ChangeClaim { benchmark: benchmark.to_owned(), percent };
        assert_eq!(ChangeClaim::parse("uri/uri_16b -20%").expect("a claim"), claim("uri/uri_16b", -20.0));
        assert_eq!(ChangeClaim::parse("two words +3.5%").expect("a claim"), claim("two words", 3.5));
        for wrong in ["uri/uri_16b", "uri -20", "-20%", "uri -100%", "uri much%"] {
            assert!(ChangeClaim::parse(wrong).is_err(), "{wrong}");
        }
        let text = "parse: skip a copy\n\nAssay: parse/small -20%\n  Assay: parse/large -5%\nNot Assay: x -1%\n";
        assert_eq!(in_text(text).expect("read"), [claim("parse/small", -20.0), claim("parse/large", -5.0)]);
        assert!(in_text("Assay: faster").is_err(), "a claim that can't be understood is not ignored");
    }

    #[test]
    fn a_claim_is_judged_by_its_interval_and_has_its_cause() {
        let deltas = [
            delta("a", "cpu_time", -0.25, Some([-0.27, -0.23])),
            delta("a", "instructions", -0.3, None),
            delta("counted", "instructions", -0.1, None),
            delta("waits", "instructions", -0.01, None),
            delta("waits", "wall_time", -0.25, Some([-0.27, -0.23])),
        ];
        let verdict = |benchmark: &str, percent| {
            let claim = ChangeClaim { benchmark: benchmark.to_owned(), percent };
            let judged = judge(&claim, "a message", &deltas, &[], &[]);
            (judged.verdict, judged.parts[0].metric.clone(), judged.note)
        };
        let (confirmed, metric, note) = verdict("a", -20.0);
        assert_eq!((confirmed, metric.as_str()), (ClaimVerdict::Confirmed, "cpu_time"));
        assert_eq!(note, "instructions -30.0%");
        assert_eq!(verdict("a", -40.0).0, ClaimVerdict::Partly);
        assert_eq!(verdict("counted", -10.0).1, "instructions", "what is not timed is counted");
        let (confirmed, metric, _) = verdict("waits", -20.0);
        assert_eq!((confirmed, metric.as_str()), (ClaimVerdict::Confirmed, "wall_time"), "it waits less");
        assert_eq!(verdict("missing", -10.0).0, ClaimVerdict::Skipped);
        let claim = ChangeClaim { benchmark: "a".to_owned(), percent: -20.0 };
        let judged = judge(&claim, "a message", &deltas, &[], &["it does less work".to_owned()]);
        assert_eq!((judged.verdict, judged.parts[0].why.as_str()), (ClaimVerdict::Invalid, "it does less work"));
    }
}
