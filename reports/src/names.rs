//! Cases as people read them: the family of a benchmark, and of a variant only what differs within the family.
//!
//! A whole variant names a dozen toggles, of which a table usually varies one or two. The others are said once, above the table.

use std::collections::{BTreeMap, BTreeSet};

use baselines::Case;

/// The first part of a benchmark's name: `retrieve` of `retrieve/1000`.
pub fn family(benchmark: &str) -> &str {
    benchmark.split('/').next().unwrap_or(benchmark)
}

/// A name without what would disturb a terminal or a table: control characters are written as escapes.
pub fn printable(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for character in name.chars() {
        if character.is_control()
            || matches!(character, '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        {
            text.extend(character.escape_default());
        } else {
            text.push(character);
        }
    }
    text
}

/// The toggles of a variant in their order. A part without `=` is a toggle without a strategy: other tools' variants stay readable.
pub fn toggles(variant: &str) -> Vec<(&str, &str)> {
    variant.split(',').filter(|part| !part.is_empty()).map(|part| part.split_once('=').unwrap_or((part, ""))).collect()
}

/// What tells the cases of a set apart.
#[derive(Debug, Clone, Default)]
pub struct Names {
    families: BTreeMap<String, Family>,
}

#[derive(Debug, Clone, Default)]
struct Family {
    /// Every strategy that occurs, by toggle; `None` where a variant does not name the toggle.
    strategies: BTreeMap<String, BTreeSet<Option<String>>>,
    /// What differs does not tell all cases apart: show whole variants.
    whole: bool,
}

impl Names {
    /// Learns what differs among these cases, family by family.
    pub fn of<'a>(cases: impl IntoIterator<Item = &'a Case>) -> Names {
        let mut members: BTreeMap<&str, BTreeSet<&Case>> = BTreeMap::new();
        for case in cases {
            members.entry(family(&case.benchmark)).or_default().insert(case);
        }
        let mut names = Names::default();
        for (name, cases) in members {
            let known: BTreeSet<&str> =
                cases.iter().flat_map(|case| toggles(&case.variant)).map(|(toggle, _)| toggle).collect();
            let mut strategies: BTreeMap<String, BTreeSet<Option<String>>> = BTreeMap::new();
            for case in &cases {
                let named: BTreeMap<_, _> = toggles(&case.variant).into_iter().collect();
                for toggle in &known {
                    let strategy = named.get(toggle).map(|strategy| (*strategy).to_owned());
                    strategies.entry((*toggle).to_owned()).or_default().insert(strategy);
                }
            }
            names.families.insert(name.to_owned(), Family { strategies, whole: false });
            let distinct: BTreeSet<String> = cases.iter().map(|case| names.case(case)).collect();
            if distinct.len() < cases.len()
                && let Some(family) = names.families.get_mut(name)
            {
                family.whole = true;
            }
        }
        names
    }

    /// What of the case's variant differs within its family, as in `store=redb, codec=json`; empty where nothing does.
    pub fn variant(&self, case: &Case) -> String {
        let Some(family) = self.families.get(family(&case.benchmark)).filter(|family| !family.whole) else {
            return printable(&case.variant.replace(',', ", "));
        };
        let varies = |toggle: &str| family.strategies.get(toggle).is_none_or(|strategies| strategies.len() > 1);
        let parts: Vec<_> = toggles(&case.variant)
            .into_iter()
            .filter(|(toggle, _)| varies(toggle))
            .map(
                |(toggle, strategy)| {
                    if strategy.is_empty() { toggle.to_owned() } else { format!("{toggle}={strategy}") }
                },
            )
            .collect();
        printable(&parts.join(", "))
    }

    /// The benchmark and what differs: `retrieve/1000 [store=redb]`.
    pub fn case(&self, case: &Case) -> String {
        let benchmark = printable(&case.benchmark);
        match self.variant(case) {
            variant if variant.is_empty() => benchmark,
            variant => format!("{benchmark} [{variant}]"),
        }
    }

    /// The same without the family, for what stands under the family's name: `1000 [store=redb]`.
    pub fn within_family(&self, case: &Case) -> String {
        let whole = self.case(case);
        let family = format!("{}/", printable(family(&case.benchmark)));
        whole.strip_prefix(&family).map(str::to_owned).unwrap_or(whole)
    }

    /// What all cases of a family share, as in `store=memory, cache=none`.
    pub fn shared(&self, family: &str) -> String {
        let Some(family) = self.families.get(family).filter(|family| !family.whole) else { return String::new() };
        let parts: Vec<_> = family
            .strategies
            .iter()
            .filter(|(_, strategies)| strategies.len() == 1)
            .filter_map(|(toggle, strategies)| match strategies.first() {
                Some(Some(strategy)) if strategy.is_empty() => Some(toggle.clone()),
                Some(Some(strategy)) => Some(format!("{toggle}={strategy}")),
                _ => None,
            })
            .collect();
        printable(&parts.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(benchmark: &str, variant: &str) -> Case {
        Case { benchmark: benchmark.into(), variant: variant.into() }
    }

    #[test]
    fn only_what_differs_is_named() {
        let cases = [
            case("step/log", "store=redb,codec=json,cache=none"),
            case("step/log", "store=libsql,codec=json,cache=none"),
            case("retrieve/100", "store=memory,codec=json"),
        ];
        let names = Names::of(&cases);
        assert_eq!(names.case(&cases[0]), "step/log [store=redb]");
        assert_eq!(names.within_family(&cases[1]), "log [store=libsql]");
        assert_eq!(names.case(&cases[2]), "retrieve/100");
        assert_eq!(names.shared("step"), "cache=none, codec=json");
    }

    #[test]
    fn two_cases_never_have_one_name() {
        let cases = [case("a", "x=1,y=2"), case("a", "y=2,x=1"), case("b", "fast"), case("b", "slow"), case("b", "")];
        let names = Names::of(&cases);
        let distinct: BTreeSet<_> = cases.iter().map(|case| names.case(case)).collect();
        assert_eq!(distinct.len(), cases.len(), "{distinct:?}");
        assert_eq!(names.case(&cases[2]), "b [fast]");
    }

    #[test]
    fn a_name_can_not_move_the_cursor_or_the_reading_direction() {
        assert_eq!(printable("a\u{1b}[2Jb\nc\u{202e}d"), "a\\u{1b}[2Jb\\nc\\u{202e}d");
    }
}
