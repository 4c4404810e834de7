//! The policy: the allowed change of each metric, and whether more blocks or advises. A TOML file beside a project's
//! code.
//!
//! The first rule that matches metric and benchmark decides, as in a firewall. A metric is worse than allowed only if
//! it exceeds both the relative and the absolute limit; the absolute one keeps tiny benchmarks quiet. A sampled metric
//! has a tolerance too: a worsening of that size must be ruled out, or the metric is undecided. A metric without a rule
//! is shown and never judged.

use std::path::Path;

use jiff::civil::Date;
use serde::Deserialize;
use wildmatch::WildMatch;

use crate::delta::{Delta, Verdict};
use crate::{CaseKey, Error, Lane, Metric, Result};

/// The version of the format.
const SCHEMA: u64 = 1;

/// The policy of projects without a policy file, as text.
pub const DEFAULT: &str = include_str!("../policy.toml");

/// The largest limits that still limit something. Relative, also for the compiler: ten times the base. Absolute: a
/// second or a gigabyte per operation.
const MOST: [f64; 3] = [10.0, 1e9, 10.0];

/// All rules of a gate.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    schema: u64,
    #[serde(default, rename = "rule")]
    rules: Vec<Rule>,
    #[serde(default, rename = "exception")]
    exceptions: Vec<Exception>,
    #[serde(default, rename = "redefinition")]
    redefinitions: Vec<Redefinition>,
    /// What follows from a change in the history.
    #[serde(default)]
    pub history: HistoryRule,
}

/// What follows from a change point in the history ([`crate::history`]) that is for the worse, and beyond the limit of
/// a metric that blocks. Nothing, if the policy does not ask for it.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HistoryRule {
    #[serde(default = "advise")]
    action: Action,
    /// It blocks while so many commits or fewer are measured since, its own among them.
    #[serde(default = "recent")]
    pub recent: usize,
}

impl Default for HistoryRule {
    fn default() -> HistoryRule {
        HistoryRule { action: advise(), recent: recent() }
    }
}

impl HistoryRule {
    /// True if such a change fails `assay history show`.
    pub fn blocks(self) -> bool {
        self.action == Action::Block
    }
}

fn advise() -> Action {
    Action::Advise
}

fn recent() -> usize {
    30
}

/// The allowed change of one metric.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    metric: String,
    /// The benchmarks: `*` and `?` as in a shell.
    #[serde(default = "everything")]
    benchmark: String,
    #[serde(default)]
    relative: f64,
    #[serde(default)]
    absolute: f64,
    /// Of sampled metrics only; twice the relative limit if it is not given.
    tolerance: Option<f64>,
    /// A change that only the compiler made advises up to this share of the base.
    compiler: Option<f64>,
    action: Action,
}

/// The consequence of a change past the limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// The gate fails.
    Block,
    /// The report says so, and the gate does not fail.
    Advise,
}

/// A known change that is allowed until a day.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Exception {
    metric: String,
    benchmark: String,
    relative: f64,
    reason: String,
    /// The last day on which it holds, as in `2026-12-31`.
    expires: Date,
}

/// A benchmark that may be gone, or mean something else than in the base, until a day.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Redefinition {
    benchmark: String,
    reason: String,
    /// The last day on which it holds.
    expires: Date,
}

/// The limit of one metric of one case.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limit {
    /// Allowed change as a share of the base.
    pub relative: f64,
    /// Allowed change in the metric's unit.
    pub absolute: f64,
    /// The change, as a share of the base, that must be ruled out of a sampled metric.
    pub tolerance: f64,
    /// The consequence past both.
    pub action: Action,
    /// The share of the base up to which a change that only the compiler made advises; none if it blocks as any.
    pub compiler: Option<f64>,
}

impl Limit {
    /// The largest difference to a value of the base that is no change, in the metric's unit.
    pub fn allowed(self, base: f64) -> f64 {
        self.absolute.max(self.relative * base.abs())
    }

    /// True if going past it fails a gate.
    pub fn blocks(self) -> bool {
        self.action == Action::Block
    }
}

/// What to do about a case that is gone or redefined.
const UNACCEPTED: &str =
    "restore it and add the new one under another name, or have a [[redefinition]] in the base's policy accept it";

fn everything() -> String {
    "*".to_owned()
}

impl Policy {
    /// The policy of projects without a policy file.
    pub fn standard() -> Policy {
        Policy::parse(Path::new("(built in)"), DEFAULT).expect("tests use the built-in policy")
    }

    /// Reads a policy file. Unknown keys, an unknown metric, and a limit that is negative or limits nothing are errors.
    pub fn read(path: &Path) -> Result<Policy> {
        Policy::parse(path, &std::fs::read_to_string(path).map_err(Error::io("read", path))?)
    }

    /// Reads a policy from its text; `path` is for messages.
    pub fn parse(path: &Path, text: &str) -> Result<Policy> {
        let wrong = |reason: String| Error::Policy { path: path.to_owned(), reason };
        let policy: Policy = toml::from_str(text).map_err(|error| wrong(error.to_string().trim_end().to_owned()))?;
        if policy.schema != SCHEMA {
            return Err(wrong(format!("schema {} is unknown, this assay reads {SCHEMA}", policy.schema)));
        }
        if policy.rules.is_empty() {
            return Err(wrong("it has no [[rule]]: a gate without a rule can't fail".to_owned()));
        }
        let rules = policy
            .rules
            .iter()
            .map(|rule| (&rule.metric, [rule.relative, rule.absolute, rule.compiler.unwrap_or(0.0)]));
        let exceptions = policy.exceptions.iter().map(|exception| (&exception.metric, [exception.relative, 0.0, 0.0]));
        for (metric, limits) in rules.chain(exceptions) {
            Metric::named(metric).map_err(|error| wrong(error.to_string()))?;
            if let Some((limit, most)) =
                limits.into_iter().zip(MOST).find(|(limit, most)| !(0.0..=*most).contains(limit))
            {
                return Err(wrong(format!(
                    "limit {limit} of {metric}: give a number from 0 to {most}, as more limits nothing"
                )));
            }
        }
        for Rule { metric, relative, tolerance, .. } in &policy.rules {
            let Some(tolerance) = *tolerance else { continue };
            if Metric::is_exact(metric) {
                return Err(wrong(format!("{metric} is exact, and has no tolerance: remove it")));
            }
            let [most, ..] = MOST;
            if tolerance > most {
                let what = format!("the tolerance {tolerance} of {metric}");
                return Err(wrong(format!("{what} rules nothing out: give {most} at most")));
            }
            if !(*relative..).contains(&tolerance) {
                return Err(wrong(format!(
                    "the tolerance {tolerance} of {metric} is below its limit {relative}: raise it"
                )));
            }
        }
        Ok(policy)
    }

    /// The limit of one metric of one case on a day; none if no rule names it.
    pub fn limit(&self, case: &CaseKey, metric: &str, today: Date) -> Option<Limit> {
        let rule = self.rules.iter().find(|rule| rule.metric == metric && matches(&rule.benchmark, case))?;
        let exception = self.exceptions.iter().find(|exception| {
            exception.metric == metric && exception.expires >= today && matches(&exception.benchmark, case)
        });
        let mut limit = Limit {
            relative: rule.relative,
            absolute: rule.absolute,
            tolerance: rule.tolerance.unwrap_or(2.0 * rule.relative),
            action: rule.action,
            compiler: rule.compiler,
        };
        if let Some(exception) = exception {
            limit.relative = limit.relative.max(exception.relative);
            limit.tolerance = limit.tolerance.max(2.0 * exception.relative);
        }
        Some(limit)
    }

    /// The verdict on a metric of a case that does not mean what it meant in the base, and why. Where the metric
    /// blocks, that is not green until somebody accepted it.
    pub fn redefined(&self, case: &CaseKey, metric: &str, today: Date, why: &str) -> (Verdict, String) {
        match self.accepts_redefinition(case, today) {
            Some(word) => (Verdict::Incomparable, format!("{why}; {word}")),
            None if self.limit(case, metric, today).is_some_and(Limit::blocks) => {
                (Verdict::Invalid, format!("{why}: {UNACCEPTED}"))
            }
            None => (Verdict::Incomparable, why.to_owned()),
        }
    }

    /// The words by which a case may be gone or redefined; none where nobody accepted that.
    pub fn accepts_redefinition(&self, case: &CaseKey, today: Date) -> Option<String> {
        let accepted = self.redefinitions.iter().find(|one| one.expires >= today && matches(&one.benchmark, case));
        accepted.map(|Redefinition { reason, expires, .. }| format!("accepted until {expires} ({reason})"))
    }

    /// A sentence for each exception and redefinition that holds today, with the change that it covers among `deltas`.
    pub fn accepted(&self, deltas: &[Delta], today: Date) -> Vec<String> {
        let exceptions = self.exceptions.iter().filter(|exception| exception.expires >= today).map(|exception| {
            let Exception { metric, benchmark, relative, reason, expires } = exception;
            let covered = deltas.iter().filter(|delta| delta.metric == *metric && matches(benchmark, &delta.case));
            let changes = covered.filter_map(|delta| delta.relative);
            let largest = changes.max_by(|a, b| a.abs().total_cmp(&b.abs()));
            let now = largest.map_or_else(String::new, |change| format!(", now {:+.2}%", change * 100.0));
            format!("{metric} of {benchmark} may change by {}%{now}, until {expires} ({reason})", relative * 100.0)
        });
        let redefinitions =
            self.redefinitions.iter().filter(|one| one.expires >= today).map(|one| {
                format!("{} may be gone or redefined, until {} ({})", one.benchmark, one.expires, one.reason)
            });
        exceptions.chain(redefinitions).collect()
    }

    /// The same policy, in which the metrics of a lane only advise.
    pub fn advising(&self, lane: Lane) -> Policy {
        let mut policy = self.clone();
        let of_lane = |rule: &&mut Rule| Metric::find(&rule.metric).is_some_and(|metric| metric.lane == lane);
        policy.rules.iter_mut().filter(of_lane).for_each(|rule| rule.action = Action::Advise);
        policy
    }

    /// The reasons why the policy does not guard what it seems to guard: patterns (other than `*`) that match none of
    /// `cases`, and exceptions that have expired.
    pub fn complaints<'a>(&self, cases: impl Iterator<Item = &'a CaseKey> + Clone, today: Date) -> Vec<String> {
        let patterns = (self.rules.iter().map(|rule| &rule.benchmark))
            .chain(self.exceptions.iter().map(|exception| &exception.benchmark));
        let unmatched = patterns
            .filter(|pattern| *pattern != "*" && !cases.clone().any(|case| matches(pattern, case)))
            .map(|name| format!("the policy names `{name}`, and no benchmark matches it: correct or remove the rule"));
        unmatched.chain(self.expired(today)).collect()
    }

    /// The exceptions and redefinitions that have expired by `today`, with their reasons.
    pub fn expired(&self, today: Date) -> Vec<String> {
        let exceptions = self.exceptions.iter().map(|Exception { metric, benchmark, expires, reason, .. }| {
            (expires, format!("the exception for {metric} of {benchmark} ran out on {expires} ({reason})"))
        });
        let redefinitions = self.redefinitions.iter().map(|Redefinition { benchmark, expires, reason }| {
            (expires, format!("the redefinition of {benchmark} ran out on {expires} ({reason})"))
        });
        let run_out = exceptions.chain(redefinitions).filter(|(expires, _)| **expires < today);
        run_out.map(|(_, told)| told).collect()
    }
}

fn matches(pattern: &str, case: &CaseKey) -> bool {
    WildMatch::new(pattern).matches(&case.benchmark)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(benchmark: &str) -> CaseKey {
        CaseKey { benchmark: benchmark.into(), variant: "store=memory".into() }
    }

    fn day(text: &str) -> Date {
        text.parse().expect("a date")
    }

    const TEXT: &str = r#"
        schema = 1
        [[rule]]
        metric = "instructions"
        benchmark = "codec/*"
        relative = 0.01
        action = "advise"
        [[rule]]
        metric = "instructions"
        relative = 0.003
        absolute = 20
        compiler = 0.03
        action = "block"
        [[exception]]
        metric = "instructions"
        benchmark = "step/log"
        relative = 0.1
        reason = "durable steps cost more"
        expires = "2026-12-31"
    "#;

    #[test]
    fn the_first_matching_rule_decides_and_exceptions_expire() {
        let policy = Policy::parse(Path::new("p.toml"), TEXT).expect("parses");
        let today = day("2026-11-21");
        let limit = |benchmark: &str, today| policy.limit(&case(benchmark), "instructions", today);
        assert_eq!(limit("codec/json", today).map(|limit| limit.action), Some(Action::Advise));
        assert_eq!(limit("step/log", today).map(|limit| limit.relative), Some(0.1));
        assert_eq!(limit("step/log", day("2027-01-01")).map(|limit| limit.relative), Some(0.003));
        let compiler = |benchmark: &str| limit(benchmark, today).and_then(|limit| limit.compiler);
        assert_eq!((compiler("codec/json"), compiler("step/log")), (None, Some(0.03)));
        assert_eq!(policy.expired(day("2027-01-01")).len(), 1);
        assert_eq!(policy.limit(&case("codec/json"), "wall_time", today), None);
    }

    #[test]
    fn a_policy_that_guards_nothing_is_found_out() {
        let policy = Policy::parse(Path::new("p.toml"), TEXT).expect("parses");
        let complaints = policy.complaints([case("codec/json")].iter(), day("2027-01-01"));
        assert_eq!(complaints.len(), 2);
        assert!(
            complaints[0].contains("`step/log`") && complaints[1].contains("ran out on 2026-12-31"),
            "{complaints:?}"
        );
        let wrong = |text: &str| Policy::parse(Path::new("p.toml"), text).expect_err("refused").to_string();
        assert!(wrong("schema = 1").contains("no [[rule]]"));
        assert!(wrong("schema = 2\n[[rule]]\nmetric='instructions'\naction='block'").contains("schema 2"));
        assert!(
            wrong("schema = 1\n[[rule]]\nmetric='instuctions'\naction='block'")
                .contains("unknown metric `instuctions`")
        );
        assert!(wrong("schema = 1\n[[rule]]\nmetric='instructions'\nrelative=nan\naction='block'").contains("NaN"));
        assert!(wrong("schema = 1\n[[rule]]\nmetric='instructions'\ncompiler=-1\naction='block'").contains("limit -1"));
        assert!(wrong("schema = 1\n[[rule]]\nmetric='instructions'\nrelativ=1\naction='block'").contains("relativ"));
    }

    #[test]
    fn a_tolerance_is_twice_the_limit_unless_given_and_never_below_it() {
        let parse = |rule: &str| {
            let text = format!("schema = 1\n[[rule]]\n{rule}\naction = 'block'");
            Policy::parse(Path::new("p.toml"), &text).map_err(|error| error.to_string())
        };
        let of = |policy: &Policy, metric: &str, at: &str| {
            policy.limit(&case("step/log"), metric, day(at)).expect("a rule").tolerance
        };
        let plain = parse("metric = 'cpu_time'\nrelative = 0.02").expect("parses");
        assert_eq!(of(&plain, "cpu_time", "2026-11-21"), 0.04);
        let given = parse("metric = 'cpu_time'\nrelative = 0.02\ntolerance = 0.03").expect("parses");
        assert_eq!(of(&given, "cpu_time", "2026-11-21"), 0.03);
        let refused = parse("metric = 'cpu_time'\nrelative = 0.02\ntolerance = 0.01").expect_err("below its limit");
        assert!(refused.contains("the tolerance 0.01 of cpu_time is below its limit 0.02"), "{refused}");
        let refused = parse("metric = 'cpu_time'\nrelative = 0.02\ntolerance = 40").expect_err("it was meant as 0.4");
        assert!(refused.contains("the tolerance 40 of cpu_time rules nothing out"), "{refused}");
        let exact = parse("metric = 'instructions'\nrelative = 0.02\ntolerance = 0.04").expect_err("exact");
        assert!(exact.contains("instructions is exact"), "{exact}");
        let exception = "\n[[exception]]\nmetric = 'cpu_time'\nbenchmark = 'step/log'\nrelative = 0.1\nreason = 'r'\n\
            expires = '2026-12-31'";
        let text = format!(
            "schema = 1\n[[rule]]\nmetric = 'cpu_time'\nrelative = 0.02\ntolerance = 0.03\naction = 'block'{exception}"
        );
        let excepted = Policy::parse(Path::new("p.toml"), &text).expect("parses");
        assert_eq!((of(&excepted, "cpu_time", "2026-11-21"), of(&excepted, "cpu_time", "2027-01-01")), (0.2, 0.03));
    }

    #[test]
    fn what_the_policy_accepts_is_said_until_it_ends() {
        let text = format!("{TEXT}[[redefinition]]\nbenchmark = 'codec/*'\nreason = 'fewer'\nexpires = '2026-12-31'\n");
        let policy = Policy::parse(Path::new("p.toml"), &text).expect("parses");
        let (last, after) = (day("2026-12-31"), day("2027-01-01"));
        let accepted = policy.accepted(&[], last);
        assert_eq!(accepted.len(), 2, "{accepted:?}");
        assert!(accepted[0].contains("instructions of step/log may change by 10%, until 2026-12-31"), "{accepted:?}");
        assert!(policy.accepted(&[], after).is_empty());
        assert_eq!(policy.expired(after).len(), 2);
        let verdict =
            |benchmark, today| policy.redefined(&case(benchmark), "instructions", today, "other operations").0;
        assert_eq!(verdict("step/log", last), Verdict::Invalid, "it blocks, and nobody accepted it");
        assert_eq!(verdict("codec/json", last), Verdict::Incomparable, "it only advises");
        let word = policy.accepts_redefinition(&case("codec/json"), last).expect("accepted");
        assert_eq!(word, "accepted until 2026-12-31 (fewer)");
        assert_eq!(policy.accepts_redefinition(&case("codec/json"), after), None);
    }

    #[test]
    fn a_lane_can_advise_while_the_others_block() {
        let (standard, today) = (Policy::standard(), day("2026-01-01"));
        let advising = standard.advising(Lane::Time);
        let blocks =
            |policy: &Policy, metric: &str| policy.limit(&case("step/log"), metric, today).is_some_and(Limit::blocks);
        assert!(blocks(&standard, "cpu_time") && blocks(&standard, "wall_time"));
        assert!(!blocks(&advising, "cpu_time") && !blocks(&advising, "wall_time"));
        assert!(blocks(&advising, "instructions"));
    }
}
