//! The policy: the allowed change of each metric, and whether more blocks or advises. A TOML file beside a project's
//! code.
//!
//! The first rule that matches metric and benchmark decides, as in a firewall. A metric is worse than allowed only if
//! it passes both the relative and the absolute limit; the absolute one keeps tiny benchmarks quiet. A metric without a
//! rule is shown and never judged.

use std::path::Path;

use jiff::civil::Date;
use serde::Deserialize;
use wildmatch::WildMatch;

use crate::{CaseKey, Error, Metric, Result};

/// The version of the format.
const SCHEMA: u64 = 1;

/// The policy of projects without a policy file.
const DEFAULT: &str = include_str!("../policy.toml");

/// All rules of a gate.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    schema: u64,
    #[serde(default, rename = "rule")]
    rules: Vec<Rule>,
    #[serde(default, rename = "exception")]
    exceptions: Vec<Exception>,
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

/// The limit of one metric of one case.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limit {
    /// Allowed change as a share of the base.
    pub relative: f64,
    /// Allowed change in the metric's unit.
    pub absolute: f64,
    /// The consequence past both.
    pub action: Action,
    /// The share of the base up to which a change that only the compiler made advises; none if it blocks as any.
    pub compiler: Option<f64>,
}

impl Limit {
    pub(crate) fn blocks(self) -> bool {
        self.action == Action::Block
    }
}

fn everything() -> String {
    "*".to_owned()
}

impl Policy {
    /// The policy of projects without a policy file.
    pub fn standard() -> Policy {
        Policy::parse(Path::new("(built in)"), DEFAULT).expect("a test parses the built-in policy")
    }

    /// Reads a policy file. Unknown keys, an unknown metric, and a limit that is negative or not finite are errors.
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
            if let Some(limit) = limits.into_iter().find(|limit| !limit.is_finite() || *limit < 0.0) {
                return Err(wrong(format!("limit {limit} must be a number that is not negative")));
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
        Some(Limit {
            relative: exception.map_or(rule.relative, |exception| exception.relative.max(rule.relative)),
            absolute: rule.absolute,
            action: rule.action,
            compiler: rule.compiler,
        })
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

    /// The exceptions that have expired by `today`, with their reasons.
    pub fn expired(&self, today: Date) -> Vec<String> {
        let run_out = self.exceptions.iter().filter(|exception| exception.expires < today);
        let told = |Exception { metric, benchmark, expires, reason, .. }: &Exception| {
            format!("the exception for {metric} of {benchmark} ran out on {expires} ({reason})")
        };
        run_out.map(told).collect()
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
    fn the_built_in_policy_parses() {
        assert!(Policy::parse(Path::new("policy.toml"), DEFAULT).is_ok());
    }
}
