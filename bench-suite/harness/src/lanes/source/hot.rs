//! Finds functions of the source in profiles of counts: the hot ones are those that cost.
//!
//! A function that was inlined everywhere is in no profile, and what it costs is its caller's.

use std::collections::BTreeMap;

use baselines::Run;

use super::syntax::Function;

/// The share of a case's instructions, in thousandths, from which a function is hot.
const HOT_PERMILLE: u64 = 10;

/// A function's name, as far as both the source and a profile have it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    /// The modules of a function without a type; of others the crate.
    place: String,
    of_type: Option<String>,
    of_trait: Option<String>,
    name: String,
}

/// The largest share of each function among the cases of a run, in thousandths.
#[derive(Debug, Default)]
pub(super) struct Profile(BTreeMap<Key, u64>);

impl Profile {
    /// The functions of a run.
    pub(super) fn of(run: &Run) -> Profile {
        let mut profile = Profile::default();
        for measurement in run.measurements.iter().filter(|measurement| !measurement.functions.is_empty()) {
            let total: u64 = measurement.functions.iter().map(|function| function.instructions).sum();
            let mut of_case: BTreeMap<Key, u64> = BTreeMap::new();
            for function in &measurement.functions {
                for key in keys(&function.function) {
                    *of_case.entry(key).or_default() += function.instructions;
                }
            }
            for (key, instructions) in of_case {
                let share = profile.0.entry(key).or_default();
                *share = (*share).max(instructions * 1000 / total.max(1));
            }
        }
        profile
    }

    /// The hot ones among functions, by path, with their share. Those that a profile can't tell apart are left out.
    pub(super) fn hot<'a>(&self, functions: impl Iterator<Item = &'a Function>) -> BTreeMap<String, u64> {
        let mut by_key: BTreeMap<Key, Vec<String>> = BTreeMap::new();
        for function in functions {
            let paths = by_key.entry(key_of(function)).or_default();
            let path = function.path();
            if !paths.contains(&path) {
                paths.push(path);
            }
        }
        let hot = |(key, paths): (Key, Vec<String>)| {
            let share = self.0.get(&key).copied().filter(|share| *share >= HOT_PERMILLE)?;
            <[String; 1]>::try_from(paths).ok().map(|[path]| (path, share))
        };
        by_key.into_iter().filter_map(hot).collect()
    }
}

fn key_of(function: &Function) -> Key {
    let Function { module, of_type, of_trait, name, .. } = function;
    let place = match of_type {
        Some(_) => module.first().cloned().unwrap_or_default(),
        None => module.join("::"),
    };
    Key { place, of_type: of_type.clone(), of_trait: of_trait.clone(), name: name.clone() }
}

/// The keys of a demangled name: one for each crate that may have the function, that of the type and that of the trait.
///
/// Names are `a::b::f`, `a::b::Type<T>::f`, `<a::Type as b::Trait>::f`, and `a::<impl b::Trait for c::Type>::f`.
fn keys(name: &str) -> Vec<Key> {
    let name = name.split("::{{closure}}").next().unwrap_or(name);
    let mut parts = split(name);
    let Some(function) = parts.pop().map(|last| plain(last).to_owned()) else { return vec![] };
    let implementation = parts.iter().find_map(|part| part.strip_prefix('<')?.strip_suffix('>'));
    let Some(implementation) = implementation else {
        let parts: Vec<&str> = parts.iter().map(|part| plain(part)).collect();
        let of_type = parts.last().filter(|last| last.starts_with(char::is_uppercase)).map(|last| (*last).to_owned());
        let place = match of_type {
            Some(_) => parts.first().map(|first| (*first).to_owned()).unwrap_or_default(),
            None => parts.join("::"),
        };
        return vec![Key { place, of_type, of_trait: None, name: function }];
    };
    let (of_trait, of) = match implementation.strip_prefix("impl ") {
        Some(rest) => rest.split_once(" for ").map_or((None, rest), |(of_trait, of)| (Some(of_trait), of)),
        None => {
            implementation.rsplit_once(" as ").map_or((None, implementation), |(of, of_trait)| (Some(of_trait), of))
        }
    };
    let last = |path: &str| split(path).last().map(|last| plain(last).to_owned());
    let crates = [of_trait, Some(of), parts.first().copied().filter(|part| !part.starts_with('<'))];
    let mut places: Vec<String> = crates
        .into_iter()
        .flatten()
        .filter_map(|path| Some(plain(split(referred(path)).first()?).to_owned()))
        .collect();
    places.sort_unstable();
    places.dedup();
    let (of_type, of_trait) = (last(referred(of)), of_trait.and_then(last));
    let key = |place| Key { place, of_type: of_type.clone(), of_trait: of_trait.clone(), name: function.clone() };
    places.into_iter().map(key).collect()
}

/// A type without `&` and `mut`.
fn referred(of: &str) -> &str {
    of.trim_start_matches('&').trim_start_matches("mut ")
}

/// A part of a path without its parameters.
fn plain(part: &str) -> &str {
    part.split('<').next().unwrap_or(part)
}

/// The parts of a path, which `::` divides outside of brackets.
fn split(path: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut from) = (Vec::new(), 0_usize, 0);
    for (at, letter) in path.char_indices() {
        match letter {
            '<' | '(' | '[' => depth += 1,
            '>' if !path[..at].ends_with('-') => depth = depth.saturating_sub(1),
            ')' | ']' => depth = depth.saturating_sub(1),
            ':' if depth == 0 && path[at..].starts_with("::") && at >= from => {
                parts.push(&path[from..at]);
                from = at + 2;
            }
            _ => {}
        }
    }
    parts.push(&path[from..]);
    parts
}

#[cfg(test)]
mod tests {
    use super::super::syntax;
    use super::*;

    /// Names of a profile of this tree, and the functions that they are.
    #[test]
    fn functions_are_found_by_the_names_of_profiles() {
        let text =
            "fn next() {} impl Embedder for FeatureHashing { fn embed(&self) {} } impl Codec { fn decode(&self) {} }
            impl<'a> Deserialize<'a> for Step { fn deserialize() {} } impl fmt::Debug for Step { fn fmt(&self) {} }
            impl<T> Store for Vec<T> { fn get(&self) {} } mod inner { fn next() {} }";
        let functions = syntax::read(text, &["memory".to_owned()]).expect("parses").functions;
        let path = |name: &str| {
            let profile = Profile(keys(name).into_iter().map(|key| (key, 500)).collect());
            profile.hot(functions.iter()).into_keys().collect::<Vec<_>>()
        };
        for (name, expected) in [
            ("memory::next", "memory::next"),
            ("memory::inner::next::{{closure}}", "memory::inner::next"),
            (
                "<memory::embedding::FeatureHashing as memory::embedding::Embedder>::embed",
                "memory::FeatureHashing::embed [Embedder]",
            ),
            ("memory::codec::<impl memory::variant::Codec>::decode", "memory::Codec::decode"),
            ("memory::variant::Codec::decode", "memory::Codec::decode"),
            (
                "memory::episode::_::<impl serde_core::de::Deserialize for memory::episode::Step>::deserialize",
                "memory::Step::deserialize [Deserialize]",
            ),
            ("<alloc::vec::Vec<T,A> as memory::store::Store>::get", "memory::Vec::get [Store]"),
        ] {
            assert_eq!(path(name), [expected], "{name}");
        }
        for other in ["<memory::Step as core::fmt::Display>::fmt", "other::next", "core::fmt::write", "malloc"] {
            assert_eq!(path(other), Vec::<String>::new(), "{other}");
        }
    }

    #[test]
    fn what_costs_little_is_not_hot_and_what_has_two_meanings_is_left_out() {
        let text = "impl A { fn f() {} } mod inner { impl A { fn f() {} } } fn g() {}";
        let functions = syntax::read(text, &["it".to_owned()]).expect("parses").functions;
        let profile = |name: &str, share| Profile(keys(name).into_iter().map(|key| (key, share)).collect());
        assert!(profile("it::A::f", 500).hot(functions.iter()).is_empty(), "two types A");
        assert_eq!(profile("it::g", 10).hot(functions.iter()).len(), 1);
        assert!(profile("it::g", 9).hot(functions.iter()).is_empty());
    }
}
