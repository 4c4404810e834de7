//! Short names of cases: the benchmark, and only those toggles of the variant that are unusual in the benchmark's
//! family.
//!
//! A variant has more than a dozen toggles, and a case differs from its family in one or two. The usual strategies are
//! listed once, above the table; a case names the others.

use std::collections::{BTreeMap, BTreeSet};

use baselines::CaseKey;
use baselines::hash::fnv1a;

/// The first part of a benchmark's name: `retrieve` of `retrieve/1000`.
pub fn family(benchmark: &str) -> &str {
    benchmark.split('/').next().unwrap_or(benchmark)
}

/// A name that is safe in a terminal or a table: control characters are written as escapes.
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

/// The name of a metric or a counter in running text: `cpu time`.
pub fn spoken(name: &str) -> String {
    printable(&name.replace('_', " "))
}

/// A text as the beginning of a sentence.
pub fn capitalised(text: &str) -> String {
    let mut text = text.to_owned();
    if let Some(first) = text.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    text
}

/// The toggles of a variant in their order. A part without `=`, as other tools write them, is a toggle without a
/// strategy.
pub fn toggles(variant: &str) -> Vec<(&str, &str)> {
    variant.split(',').filter(|part| !part.is_empty()).map(|part| part.split_once('=').unwrap_or((part, ""))).collect()
}

/// The place of a case in a page, for links that last as long as the page: no two cases share one.
pub fn anchor(what: &str, case: &CaseKey, metric: &str) -> String {
    let plain = |text: &str| -> String {
        let letter = |letter: char| if letter.is_ascii_alphanumeric() || "._/".contains(letter) { letter } else { '-' };
        text.chars().map(letter).take(60).collect()
    };
    // Of the whole case: the name alone leaves out the variant.
    let hash = fnv1a(&[case.benchmark.as_bytes(), &[0], case.variant.as_bytes()].concat());
    let metric = if metric.is_empty() { String::new() } else { format!("-{}", plain(metric)) };
    format!("{what}-{}-{:08x}{metric}", plain(&case.benchmark), (hash ^ (hash >> 32)) as u32)
}

/// The names that tell the cases of a set apart.
#[derive(Debug, Clone, Default)]
pub struct Names {
    /// The strategy of most cases, by family and toggle. A family whose cases the differences do not tell apart is
    /// missing: its variants are shown whole.
    families: BTreeMap<String, BTreeMap<String, String>>,
    /// The strategies that are usual in most families.
    everywhere: BTreeMap<String, String>,
}

/// The share of a family's cases, in per cent, from which a strategy is usual and not named by each case.
const USUAL_PERCENT: usize = 75;

impl Names {
    /// The names of these cases.
    pub fn of<'a>(cases: impl IntoIterator<Item = &'a CaseKey>) -> Names {
        let mut members: BTreeMap<&str, BTreeSet<&CaseKey>> = BTreeMap::new();
        for case in cases {
            members.entry(family(&case.benchmark)).or_default().insert(case);
        }
        let mut names = Names::default();
        for (name, cases) in members {
            let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
            for pair in cases.iter().flat_map(|case| toggles(&case.variant)) {
                *counts.entry(pair).or_default() += 1;
            }
            let usual = counts
                .into_iter()
                .filter(|(_, count)| count * 100 >= cases.len() * USUAL_PERCENT)
                .map(|((toggle, strategy), _)| (toggle.to_owned(), strategy.to_owned()))
                .collect();
            names.families.insert(name.to_owned(), usual);
            let distinct: BTreeSet<String> = cases.iter().map(|case| names.case(case)).collect();
            if distinct.len() < cases.len() {
                names.families.remove(name);
            }
        }
        let mut families: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        for (toggle, strategy) in names.families.values().flatten() {
            *families.entry((toggle, strategy)).or_default() += 1;
        }
        // More than half of the families: so at most one strategy of a toggle.
        let most = families.into_iter().filter(|(_, number)| number * 2 > names.families.len());
        names.everywhere = most.map(|((toggle, to), _)| (toggle.to_owned(), to.to_owned())).collect();
        names
    }

    /// The unusual toggles of the case, as in `store=redb, codec=json`; empty if there are none. A usual toggle that
    /// the variant lacks is listed as `no codec`.
    pub fn variant(&self, case: &CaseKey) -> String {
        let Some(usual) = self.families.get(family(&case.benchmark)) else {
            return printable(&case.variant.replace(',', ", "));
        };
        let named = toggles(&case.variant);
        let is_usual = |toggle: &str, strategy: &str| usual.get(toggle).is_some_and(|usual| usual == strategy);
        let lacking = usual.keys().filter(|toggle| named.iter().all(|(name, _)| name != toggle));
        let parts: Vec<_> = named
            .iter()
            .filter(|(toggle, strategy)| !is_usual(toggle, strategy))
            .map(|(toggle, strategy)| pair(toggle, strategy))
            .chain(lacking.map(|toggle| format!("no {toggle}")))
            .collect();
        printable(&parts.join(", "))
    }

    /// The benchmark and the unusual toggles: `retrieve/1000 [store=redb]`.
    pub fn case(&self, case: &CaseKey) -> String {
        let benchmark = printable(&case.benchmark);
        match self.variant(case) {
            variant if variant.is_empty() => benchmark,
            variant => format!("{benchmark} [{variant}]"),
        }
    }

    /// The same without the family, for use under the family's name: `1000 [store=redb]`.
    pub fn within_family(&self, case: &CaseKey) -> String {
        let whole = self.case(case);
        let family = format!("{}/", printable(family(&case.benchmark)));
        whole.strip_prefix(&family).map(str::to_owned).unwrap_or(whole)
    }

    /// What is usual in most families, to be said once, as in `Where nothing else is said: cache=none, codec=json.`;
    /// empty if there is nothing.
    pub fn everywhere(&self) -> String {
        sentence("Where nothing else is said:", self.everywhere.iter())
    }

    /// What is usual in a family and not in most, as in `Here: store=memory.`; empty if there is nothing.
    pub fn shared(&self, family: &str) -> String {
        let usual = self.families.get(family).into_iter().flatten();
        sentence("Here:", usual.filter(|(toggle, strategy)| self.everywhere.get(*toggle) != Some(strategy)))
    }
}

fn sentence<'a>(before: &str, usual: impl Iterator<Item = (&'a String, &'a String)>) -> String {
    let pairs: Vec<_> = usual.map(|(toggle, strategy)| pair(toggle, strategy)).collect();
    if pairs.is_empty() { String::new() } else { format!("{before} {}.", printable(&pairs.join(", "))) }
}

fn pair(toggle: &str, strategy: &str) -> String {
    if strategy.is_empty() { toggle.to_owned() } else { format!("{toggle}={strategy}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(benchmark: &str, variant: &str) -> CaseKey {
        CaseKey { benchmark: benchmark.into(), variant: variant.into() }
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
        assert_eq!(names.everywhere(), "Where nothing else is said: codec=json.");
        assert_eq!(names.shared("step"), "Here: cache=none.");
        let places = [anchor("counts", &cases[0], ""), anchor("counts", &cases[1], "")];
        assert!(places[0].starts_with("counts-step/log-") && places[0] != places[1], "{places:?}");
    }

    #[test]
    fn what_most_have_is_said_once() {
        let plain = |store: &str| case("step/log", &format!("store={store},codec=json"));
        let odd = case("step/log", "store=redb,codec=postcard");
        let (old, rest) =
            (case("step/log", "store=file"), [plain("redb"), plain("libsql"), plain("memory"), plain("tiered")]);
        let names = Names::of(rest.iter().chain([&odd]));
        assert_eq!(names.case(&rest[0]), "step/log [store=redb]");
        assert_eq!(names.case(&odd), "step/log [store=redb, codec=postcard]");
        assert_eq!(names.everywhere(), "Where nothing else is said: codec=json.");
        // A record from before the toggle.
        assert_eq!(Names::of(rest.iter().chain([&old])).case(&old), "step/log [store=file, no codec]");
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
