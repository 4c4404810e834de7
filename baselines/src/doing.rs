//! Whose doing a changed count is: your code, a dependency, the toolchain, or only the compiler.
//!
//! A count can change although nothing that it executes has changed: other code in the same crate makes the compiler
//! cut its units anew, and inlining follows. That is shown and not guessed. Both sides are compiled once more without
//! optimisation, which treats each function by itself. If the code of every function that a case executes is the same
//! there, with its types, constants and attributes, and each executes as many instructions, then both sides do the same
//! work, and the rest is the optimiser's doing. A constant or a file that makes unchanged code loop longer is found
//! out: it loops longer without optimisation, too.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// Who made a count change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, strum::Display)]
#[serde(rename_all = "lowercase")]
pub enum Whose {
    /// The change itself: what it executes is other code, or executed more often.
    #[strum(to_string = "your code")]
    Yours,
    /// A library of which the two sides have different versions.
    #[strum(to_string = "a dependency")]
    Dependency,
    /// The two sides were built by different compilers.
    #[strum(to_string = "the toolchain")]
    Toolchain,
    /// The same code, executed as often, was compiled otherwise.
    #[strum(to_string = "only the compiler")]
    Compiler,
    /// There is no evidence.
    #[strum(to_string = "not shown")]
    Unknown,
}

/// Whose doing a change is, and how that is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doing {
    /// Who did it.
    pub whose: Whose,
    /// The evidence, as a part of a sentence.
    pub evidence: String,
}

impl Doing {
    /// No evidence, for a reason.
    pub fn unknown(why: impl Into<String>) -> Doing {
        Doing { whose: Whose::Unknown, evidence: why.into() }
    }
}

/// Who owns the code of a function.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Owner {
    /// The project.
    Project,
    /// A library of this name, as symbols write it.
    Library(String),
    /// Nobody that its name tells: the C library, for instance.
    #[default]
    Nobody,
}

/// A function as a case executes it, compiled without optimisation.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ExecutedFunction {
    /// The name, without what differs between two builds of one source. Instances of generic code share a name.
    pub name: String,
    /// A hash of its code; none in a library, which is compiled by itself and is the same on both sides.
    pub code: Option<u64>,
    /// The instructions of all its calls, without its callees.
    pub instructions: u64,
    /// Whose code it is.
    pub owner: Owner,
}

/// What besides the source decides how a program is compiled.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BuildInputs {
    /// The compiler's name and version.
    pub toolchain: String,
    /// The locked libraries: names and versions.
    pub libraries: BTreeSet<(String, String)>,
    /// Each file of settings, or part of one, with its content.
    pub settings: BTreeMap<String, String>,
}

impl BuildInputs {
    /// Reads `Cargo.lock` and the profiles of the root's `Cargo.toml`.
    ///
    /// # Errors
    /// One of them is not TOML.
    pub fn read(toolchain: &str, lock: &str, manifest: &str) -> Result<BuildInputs, toml::de::Error> {
        let (lock, manifest): (toml::Table, toml::Table) = (toml::from_str(lock)?, toml::from_str(manifest)?);
        let packages = lock.get("package").and_then(toml::Value::as_array).into_iter().flatten();
        let text =
            |package: &toml::Value, key: &str| package.get(key).and_then(|value| value.as_str()).map(str::to_owned);
        // Without a source it is a package of the project.
        let libraries = packages.filter(|package| package.get("source").is_some());
        let libraries =
            libraries.filter_map(|package| Some((text(package, "name")?, text(package, "version")?))).collect();
        let profile = manifest.get("profile").map(ToString::to_string).unwrap_or_default();
        let settings = BTreeMap::from([("[profile] of Cargo.toml".to_owned(), profile)]);
        Ok(BuildInputs { toolchain: toolchain.to_owned(), libraries, settings })
    }
}

/// The share of all instructions by which two executions of the same code may differ: repetitions of a count stay
/// within it.
const SAME: f64 = 1e-4;

/// Whose doing every change is, if what the sides were built with says so.
pub fn by_inputs(base: &BuildInputs, new: &BuildInputs) -> Option<Doing> {
    if base.toolchain != new.toolchain {
        let evidence = format!("{} in the base, {} now", base.toolchain, new.toolchain);
        return Some(Doing { whose: Whose::Toolchain, evidence });
    }
    let mut names = base.settings.keys().chain(new.settings.keys());
    let changed = names.find(|name| base.settings.get(*name) != new.settings.get(*name))?;
    Some(Doing { whose: Whose::Yours, evidence: format!("the settings of the build changed: {changed}") })
}

/// Whose doing it is that a case costs more on the new side, by what it executes there, compiled without optimisation.
/// [`by_inputs`] comes first.
pub fn by_execution(
    (base, of_base): (&[ExecutedFunction], &BuildInputs),
    (new, of_new): (&[ExecutedFunction], &BuildInputs),
) -> Doing {
    let doing = |whose, evidence| Doing { whose, evidence };
    let of_project = || base.iter().chain(new).filter(|function| function.owner == Owner::Project);
    if of_project().next().is_none() || of_project().any(|function| function.code.is_none()) {
        return Doing::unknown("the code before optimisation is not known");
    }
    let functions = pair_by_name(base, new);
    let (rewritten, kept): (Vec<&Both<'_>>, Vec<_>) = functions.values().partition(|both| both.is_rewritten());
    let moved: Vec<&Both<'_>> = kept.into_iter().filter(|both| both.change() != 0).collect();
    let total: u64 = base.iter().map(|function| function.instructions).sum();
    let all = functions.len();
    if rewritten.is_empty() && sum(&moved, i64::unsigned_abs) as f64 <= SAME * total as f64 {
        let evidence =
            format!("the {all} functions that it executes are the same before optimisation, and executed as often");
        return doing(Whose::Compiler, evidence);
    }
    let changed: Vec<&Both<'_>> = rewritten.iter().chain(&moved).copied().collect();
    let bumped: BTreeMap<String, String> = bumped(of_base, of_new);
    let of = |owned: &dyn Fn(&Owner) -> bool| {
        let owned: Vec<&Both<'_>> = changed.iter().filter(|both| owned(both.owner())).copied().collect();
        // A rewritten function counts, even if it costs no more without optimisation.
        sum(&owned, |change| change.max(0).unsigned_abs())
            + owned.iter().filter(|both| both.is_rewritten()).count() as u64
    };
    let crate_name = |owner: &Owner| match owner {
        Owner::Library(name) => bumped.keys().find(|bumped| bumped.replace('-', "_") == *name).cloned(),
        _ => None,
    };
    let libraries = of(&|owner| crate_name(owner).is_some());
    if libraries > of(&|owner| *owner == Owner::Project) {
        let names: BTreeSet<String> = changed.iter().filter_map(|both| crate_name(both.owner())).collect();
        let told: Vec<String> = names.iter().map(|name| format!("{name} {}", bumped[name])).collect();
        return doing(Whose::Dependency, told.join(", "));
    }
    let evidence = match rewritten.len() {
        0 => format!(
            "unchanged code is executed more often: {:+.2}% instructions without optimisation, in {} of {all} functions",
            sum_signed(&moved) as f64 * 100.0 / total as f64,
            moved.len()
        ),
        number => format!("{number} of the {all} functions that it executes changed (compared before optimisation)"),
    };
    doing(Whose::Yours, evidence)
}

/// The instances of one function on both sides, sorted.
#[derive(Default)]
struct Both<'a> {
    base: Vec<&'a ExecutedFunction>,
    new: Vec<&'a ExecutedFunction>,
}

impl Both<'_> {
    fn is_rewritten(&self) -> bool {
        !self.base.iter().map(|function| function.code).eq(self.new.iter().map(|function| function.code))
    }

    fn change(&self) -> i64 {
        let instructions =
            |side: &[&ExecutedFunction]| -> u64 { side.iter().map(|function| function.instructions).sum() };
        i64::try_from(instructions(&self.new)).unwrap_or(i64::MAX)
            - i64::try_from(instructions(&self.base)).unwrap_or(i64::MAX)
    }

    fn owner(&self) -> &Owner {
        self.new.first().or(self.base.first()).map_or(&Owner::Nobody, |function| &function.owner)
    }
}

fn pair_by_name<'a>(base: &'a [ExecutedFunction], new: &'a [ExecutedFunction]) -> BTreeMap<&'a str, Both<'a>> {
    let mut functions: BTreeMap<&str, Both<'_>> = BTreeMap::new();
    for function in base {
        functions.entry(&function.name).or_default().base.push(function);
    }
    for function in new {
        functions.entry(&function.name).or_default().new.push(function);
    }
    for both in functions.values_mut() {
        both.base.sort();
        both.new.sort();
    }
    functions
}

fn sum(functions: &[&Both<'_>], part: impl Fn(i64) -> u64) -> u64 {
    functions.iter().map(|both| part(both.change())).sum()
}

fn sum_signed(functions: &[&Both<'_>]) -> i64 {
    functions.iter().map(|both| both.change()).sum()
}

/// The libraries with other versions on the two sides: names, and both versions in words.
fn bumped(base: &BuildInputs, new: &BuildInputs) -> BTreeMap<String, String> {
    let versions = |side: &BuildInputs, other: &BuildInputs, name: &str| {
        let of_one = side.libraries.difference(&other.libraries).filter(|(library, _)| library == name);
        let versions: Vec<&str> = of_one.map(|(_, version)| version.as_str()).collect();
        if versions.is_empty() { "none".to_owned() } else { versions.join(" and ") }
    };
    let names = base.libraries.symmetric_difference(&new.libraries).map(|(name, _)| name);
    names
        .map(|name| (name.clone(), format!("{} to {}", versions(base, new, name), versions(new, base, name))))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function(name: &str, code: Option<u64>, instructions: u64, owner: Owner) -> ExecutedFunction {
        ExecutedFunction { name: name.to_owned(), code, instructions, owner }
    }

    /// A query that calls generic code of two types, a library, and the C library.
    fn work() -> Vec<ExecutedFunction> {
        vec![
            function("memory::query", Some(1), 40_000, Owner::Project),
            function("memory::count", Some(2), 50_000, Owner::Project),
            function("alloc::Vec<T>::push", Some(3), 6_000, Owner::Library("alloc".to_owned())),
            function("alloc::Vec<T>::push", Some(4), 2_000, Owner::Library("alloc".to_owned())),
            function("fast_hash::hash", Some(5), 1_000, Owner::Library("fast_hash".to_owned())),
            function("memcpy", None, 1_000, Owner::Nobody),
        ]
    }

    fn inputs() -> BuildInputs {
        let lock = "[[package]]\nname = \"memory\"\nversion = \"0.1.0\"\n\
            [[package]]\nname = \"fast-hash\"\nversion = \"1.0.2\"\nsource = \"registry\"\n";
        BuildInputs::read("rustc 1.95.0", lock, "[profile.release]\nopt-level = 3\n").expect("TOML")
    }

    /// Whose doing it is after a change of the work, with the same inputs.
    fn after(change: impl FnOnce(&mut Vec<ExecutedFunction>)) -> Doing {
        let mut new = work();
        change(&mut new);
        by_execution((&work(), &inputs()), (&new, &inputs()))
    }

    #[test]
    fn the_same_code_executed_as_often_was_compiled_otherwise() {
        let doing = after(|new| new.reverse());
        assert_eq!(doing.whose, Whose::Compiler);
        assert_eq!(
            doing.evidence,
            "the 5 functions that it executes are the same before optimisation, and executed as often"
        );
        assert_eq!(after(|new| new[5].instructions += 9).whose, Whose::Compiler, "less than repetitions differ by");
    }

    #[test]
    fn a_constant_that_makes_unchanged_code_loop_longer_is_your_doing() {
        let doing = after(|new| new[1].instructions += 5_000);
        assert_eq!(doing.whose, Whose::Yours);
        assert_eq!(
            doing.evidence,
            "unchanged code is executed more often: +5.00% instructions without optimisation, in 1 of 5 functions"
        );
        assert_eq!(after(|new| new[5].instructions += 500).whose, Whose::Yours, "a library that copies more");
        let elsewhere = after(|new| {
            new[0].instructions -= 5_000;
            new[1].instructions += 5_000;
        });
        assert_eq!(elsewhere.whose, Whose::Yours, "other work of the same size");
    }

    #[test]
    fn changed_code_is_your_doing_even_if_it_costs_as_much_before_optimisation() {
        let doing = after(|new| new[0].code = Some(17));
        assert_eq!(doing.whose, Whose::Yours);
        assert_eq!(doing.evidence, "1 of the 5 functions that it executes changed (compared before optimisation)");
        assert_eq!(after(|new| new[3].code = Some(17)).whose, Whose::Yours, "one instance of generic code");
        assert_eq!(after(|new| drop(new.remove(2))).whose, Whose::Yours, "a call less");
        let added = after(|new| new.push(function("memory::extra", Some(9), 10, Owner::Project)));
        assert_eq!(added.whose, Whose::Yours);
    }

    #[test]
    fn a_library_of_another_version_is_named_if_the_increase_is_its_own() {
        let mut newer = inputs();
        newer.libraries = BTreeSet::from([("fast-hash".to_owned(), "1.1.0".to_owned())]);
        let after = |change: fn(&mut Vec<ExecutedFunction>)| {
            let mut new = work();
            change(&mut new);
            by_execution((&work(), &inputs()), (&new, &newer))
        };
        let slower = after(|new| new[4] = function("fast_hash::hash", Some(6), 9_000, new[4].owner.clone()));
        assert_eq!(slower.whose, Whose::Dependency);
        assert_eq!(slower.evidence, "fast-hash 1.0.2 to 1.1.0");
        let both = after(|new| {
            new[4].instructions += 100;
            new[1].instructions += 8_000;
        });
        assert_eq!(both.whose, Whose::Yours, "the larger share");
        assert_eq!(after(|_| ()).whose, Whose::Compiler, "another version of what is not executed");
    }

    #[test]
    fn other_compilers_and_settings_say_it_themselves() {
        let (base, mut new) = (inputs(), inputs());
        assert_eq!(by_inputs(&base, &new), None);
        new.settings = BuildInputs::read("", "", "[profile.release]\nopt-level = 2\n").expect("TOML").settings;
        let doing = by_inputs(&base, &new).expect("shown");
        assert_eq!(
            (doing.whose, &*doing.evidence),
            (Whose::Yours, "the settings of the build changed: [profile] of Cargo.toml")
        );
        new.toolchain = "rustc 1.96.0".to_owned();
        let doing = by_inputs(&base, &new).expect("shown");
        assert_eq!((doing.whose, &*doing.evidence), (Whose::Toolchain, "rustc 1.95.0 in the base, rustc 1.96.0 now"));
        assert!(BuildInputs::read("", "[[package]", "").is_err());
    }

    #[test]
    fn without_the_code_nothing_is_shown() {
        let unknown = |change: fn(&mut Vec<ExecutedFunction>)| after(change).whose;
        assert_eq!(unknown(|new| new[0].code = None), Whose::Unknown);
        assert_eq!(by_execution((&[], &inputs()), (&[], &inputs())).whose, Whose::Unknown);
    }
}
