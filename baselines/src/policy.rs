//! How far a metric may move, and whether that blocks or advises: a TOML file that a project keeps beside its code.
//!
//! The first rule whose metric and benchmark match decides, as in a firewall's table. A metric is worse than allowed only when it passes both
//! the relative and the absolute limit: the absolute one keeps tiny benchmarks quiet. What no rule names is shown and never judged.

use std::path::Path;

use serde::Deserialize;
use wildmatch::WildMatch;

use crate::{Case, Error, Metric, Result};

/// The version of the format.
pub const SCHEMA: u64 = 1;

/// The policy that holds where a project has none of its own.
pub const DEFAULT: &str = include_str!("../policy.toml");

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

/// How far one metric may move.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// The metric's name in the table.
    pub metric: String,
    /// Which benchmarks: `*` and `?` as in a shell.
    #[serde(default = "everything")]
    pub benchmark: String,
    /// Allowed change as a part of the base, as in `0.003`.
    #[serde(default)]
    pub relative: f64,
    /// Allowed change in the metric's unit.
    #[serde(default)]
    pub absolute: f64,
    /// What happens past both limits.
    pub action: Action,
}

/// What a change past the limits does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// The gate fails.
    Block,
    /// The report says so, the gate does not fail.
    Advise,
}

/// A known change that somebody answers for, until a day.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exception {
    /// The metric's name in the table.
    pub metric: String,
    /// Which benchmarks.
    pub benchmark: String,
    /// Allowed change as a part of the base instead of the rule's.
    pub relative: f64,
    /// Why.
    pub reason: String,
    /// The last day on which it holds, as in `2026-12-31`.
    pub expires: jiff::civil::Date,
}

/// What the policy says of one metric of one case.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limit {
    /// Allowed change as a part of the base.
    pub relative: f64,
    /// Allowed change in the metric's unit.
    pub absolute: f64,
    /// What happens past both.
    pub action: Action,
}

fn everything() -> String {
    "*".to_owned()
}

impl Policy {
    /// The policy that holds where a project has none of its own.
    pub fn standard() -> Policy {
        Policy::parse(Path::new("(built in)"), DEFAULT).expect("a test parses the built-in policy")
    }

    /// Reads a policy file.
    ///
    /// # Errors
    /// No such file, not TOML, an unknown schema, key or metric, a limit that is negative or not finite.
    pub fn read(path: &Path) -> Result<Policy> {
        Policy::parse(path, &std::fs::read_to_string(path).map_err(Error::io("read", path))?)
    }

    /// Reads a policy from its text; `path` is for messages.
    ///
    /// # Errors
    /// As [`Policy::read`].
    pub fn parse(path: &Path, text: &str) -> Result<Policy> {
        let wrong = |reason: String| Error::Policy { path: path.to_owned(), reason };
        let policy: Policy = toml::from_str(text).map_err(|error| wrong(error.to_string().trim_end().to_owned()))?;
        if policy.schema != SCHEMA {
            return Err(wrong(format!("schema {} is unknown, this assay reads {SCHEMA}", policy.schema)));
        }
        if policy.rules.is_empty() {
            return Err(wrong("it has no [[rule]]: a gate without a rule can't fail".to_owned()));
        }
        let metrics = policy
            .rules
            .iter()
            .map(|rule| &rule.metric)
            .chain(policy.exceptions.iter().map(|exception| &exception.metric));
        for metric in metrics {
            if Metric::find(metric).is_none() {
                return Err(wrong(format!("unknown metric `{metric}`: `assay run --metrics` lists them")));
            }
        }
        let limits = policy.rules.iter().flat_map(|rule| [rule.relative, rule.absolute]);
        for limit in limits.chain(policy.exceptions.iter().map(|exception| exception.relative)) {
            if !limit.is_finite() || limit < 0.0 {
                return Err(wrong(format!("limit {limit} must be a number that is not negative")));
            }
        }
        Ok(policy)
    }

    /// What holds for one metric of one case on a day; nothing where no rule names it.
    pub fn limit(&self, case: &Case, metric: &str, today: jiff::civil::Date) -> Option<Limit> {
        let rule = self.rules.iter().find(|rule| rule.metric == metric && matches(&rule.benchmark, case))?;
        let exception = self.exceptions.iter().find(|exception| {
            exception.metric == metric && exception.expires >= today && matches(&exception.benchmark, case)
        });
        Some(Limit {
            relative: exception.map_or(rule.relative, |exception| exception.relative.max(rule.relative)),
            absolute: rule.absolute,
            action: rule.action,
        })
    }

    /// Rules and exceptions that name a benchmark which none of `cases` has: a policy that guards nothing must not look like one that does.
    /// Patterns with a `*` may match nothing.
    pub fn unmatched<'a>(&self, cases: impl Iterator<Item = &'a Case> + Clone) -> Vec<String> {
        let patterns = (self.rules.iter().map(|rule| &rule.benchmark))
            .chain(self.exceptions.iter().map(|exception| &exception.benchmark));
        patterns
            .filter(|pattern| *pattern != "*" && !cases.clone().any(|case| matches(pattern, case)))
            .cloned()
            .collect()
    }

    /// Exceptions that have run out by `today`, with their reasons.
    pub fn expired(&self, today: jiff::civil::Date) -> Vec<String> {
        let run_out = self.exceptions.iter().filter(|exception| exception.expires < today);
        run_out
            .map(|exception| {
                format!(
                    "the exception for {} of {} ran out on {} ({})",
                    exception.metric, exception.benchmark, exception.expires, exception.reason
                )
            })
            .collect()
    }
}

fn matches(pattern: &str, case: &Case) -> bool {
    WildMatch::new(pattern).matches(&case.benchmark)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(benchmark: &str) -> Case {
        Case { benchmark: benchmark.into(), variant: "store=memory".into() }
    }

    fn day(text: &str) -> jiff::civil::Date {
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
        assert_eq!(policy.expired(day("2027-01-01")).len(), 1);
        assert_eq!(policy.limit(&case("codec/json"), "wall_time", today), None);
    }

    #[test]
    fn a_policy_that_guards_nothing_is_found_out() {
        let policy = Policy::parse(Path::new("p.toml"), TEXT).expect("parses");
        assert_eq!(policy.unmatched([case("codec/json")].iter()), ["step/log"]);
        let wrong = |text: &str| Policy::parse(Path::new("p.toml"), text).expect_err("refused").to_string();
        assert!(wrong("schema = 1").contains("no [[rule]]"));
        assert!(wrong("schema = 2\n[[rule]]\nmetric='instructions'\naction='block'").contains("schema 2"));
        assert!(
            wrong("schema = 1\n[[rule]]\nmetric='instuctions'\naction='block'")
                .contains("unknown metric `instuctions`")
        );
        assert!(wrong("schema = 1\n[[rule]]\nmetric='instructions'\nrelative=nan\naction='block'").contains("NaN"));
        assert!(wrong("schema = 1\n[[rule]]\nmetric='instructions'\nrelativ=1\naction='block'").contains("relativ"));
    }

    #[test]
    fn the_built_in_policy_parses() {
        assert!(Policy::parse(Path::new("policy.toml"), DEFAULT).is_ok());
    }
}
