//! Reads callgrind's profile: cost by call stack, or by function if callers are not separated.
//! [`super::function_costs`] evaluates it.
//!
//! Profiles are taken with `--demangle=no`: instances of generic code share a name, and symbols tell them apart. The
//! format is in valgrind's manual, "Callgrind Format Specification". A cost line after `calls=` is the callee's
//! inclusive cost, not part of the caller's own.

use std::collections::BTreeMap;

use rustc_demangle::demangle;

/// The first fault in a profile.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("line {line} of the callgrind profile: {reason}")]
pub struct MalformedProfile {
    /// The line, from 1.
    pub line: usize,
    /// The fault.
    pub reason: &'static str,
}

/// A profile: instructions and calls by context. Without separated callers, a context is a function.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct CallgrindProfile {
    /// Own instructions and calls by context, callee first: `inner'outer'outermost`. See [`frames`].
    pub contexts: BTreeMap<String, Cost>,
    /// Own instructions by the symbol of a function, of all that have any.
    pub symbols: BTreeMap<String, u64>,
    /// All instructions.
    pub total: u64,
    /// The sum of each event, by its name.
    pub events: BTreeMap<String, u64>,
}

/// The cost of a context by itself.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// Instructions, without those of callees.
    pub instructions: u64,
    /// The number of calls.
    pub calls: u64,
    /// System calls, with those of callees: callgrind counts them at any time, and not only while it collects
    /// instructions. A recursive function's are counted more than once.
    pub system_calls: u64,
}

/// The functions of the C library that make a new heap block.
pub(super) const ALLOCATORS: [&str; 5] = ["malloc", "calloc", "aligned_alloc", "posix_memalign", "memalign"];

impl CallgrindProfile {
    /// The system calls within the function whose name contains `root`, however deep. 0 if they were not counted.
    pub fn system_calls(&self, root: &str) -> u64 {
        let of_root =
            self.contexts.iter().filter(|(context, _)| frames(context).next().is_some_and(|f| f.contains(root)));
        of_root.map(|(_, cost)| cost.system_calls).sum()
    }

    /// The heap blocks made below `root`, by Rust and by C code. Never too few: calls in stacks too deep to tell count
    /// as well.
    pub fn heap_blocks(&self, root: &str) -> u64 {
        self.calls_below(root, &ALLOCATORS)
    }

    /// The heap blocks freed below `root`, likewise.
    pub fn freed_blocks(&self, root: &str) -> u64 {
        self.calls_below(root, &["free"])
    }

    fn calls_below(&self, root: &str, functions: &[&str]) -> u64 {
        let below = |(context, cost): &(&String, &Cost)| {
            let mut frames = frames(context);
            frames.next().is_some_and(|callee| functions.contains(&callee))
                && (cost.instructions > 0 || frames.any(|frame| frame.contains(root)))
        };
        self.contexts.iter().filter(below).map(|(_, cost)| cost.calls).sum()
    }
}

/// Reads a profile.
pub fn parse(text: &str) -> Result<CallgrindProfile, MalformedProfile> {
    let mut names: BTreeMap<String, Named> = BTreeMap::new();
    let mut profile = CallgrindProfile::default();
    let mut names_of_events: Vec<&str> = vec![];
    let mut column = None;
    let mut system_calls = None;
    let mut positions = 1;
    let mut current = None;
    let mut callee = None;
    let mut inclusive = false;
    for (index, line) in text.lines().enumerate() {
        let malformed = |reason| MalformedProfile { line: index + 1, reason };
        let first = line.bytes().next();
        if let Some(b'0'..=b'9' | b'+' | b'-' | b'*') = first {
            let column = column.ok_or_else(|| malformed("a cost before the events are named"))?;
            // Trailing zeros may be left out.
            let cost = |column| match line.split_ascii_whitespace().nth(positions + column) {
                Some(number) => number.parse::<u64>().map_err(|_| malformed("a cost that is no number")),
                None => Ok(0),
            };
            let Named { context, symbol } =
                current.as_ref().ok_or_else(|| malformed("a cost outside of a function"))?;
            let own = Cost {
                instructions: if std::mem::take(&mut inclusive) { 0 } else { cost(column)? },
                system_calls: system_calls.map_or(Ok(0), cost)?,
                calls: 0,
            };
            profile.total += own.instructions;
            match profile.symbols.get_mut(symbol) {
                Some(instructions) => *instructions += own.instructions,
                None if own.instructions == 0 => {}
                None => drop(profile.symbols.insert(symbol.clone(), own.instructions)),
            }
            match profile.contexts.get_mut(context) {
                Some(entry) => {
                    entry.instructions += own.instructions;
                    entry.system_calls += own.system_calls;
                }
                None => drop(profile.contexts.insert(context.clone(), own)),
            }
        } else if let Some(name) = line.strip_prefix("fn=") {
            current = Some(resolve(&mut names, name).ok_or_else(|| malformed("a function that was not named before"))?);
        } else if let Some(name) = line.strip_prefix("cfn=") {
            callee = Some(resolve(&mut names, name).ok_or_else(|| malformed("a callee that was not named before"))?);
        } else if let Some(calls) = line.strip_prefix("calls=") {
            let calls = calls.split_ascii_whitespace().next().and_then(|number| number.parse::<u64>().ok());
            let callee = callee.take().ok_or_else(|| malformed("calls without a callee"))?;
            profile.contexts.entry(callee.context).or_default().calls +=
                calls.ok_or_else(|| malformed("calls that are no number"))?;
            inclusive = true;
        } else if let Some(events) = line.strip_prefix("events:") {
            names_of_events = events.split_ascii_whitespace().collect();
            let place = |name| names_of_events.iter().position(|event| *event == name);
            (column, system_calls) = (place("Ir"), place("sysCount"));
            if column.is_none() {
                return Err(malformed("no Ir among the events"));
            }
        } else if let Some(totals) = line.strip_prefix("totals:") {
            for (event, total) in names_of_events.iter().zip(totals.split_ascii_whitespace()) {
                let total = total.parse().map_err(|_| malformed("a total that is no number"))?;
                profile.events.insert((*event).to_owned(), total);
            }
        } else if let Some(named) = line.strip_prefix("positions:") {
            positions = named.split_ascii_whitespace().count();
        }
    }
    match column {
        Some(_) => Ok(profile),
        None => Err(MalformedProfile { line: text.lines().count(), reason: "no events: the file is empty or cut off" }),
    }
}

/// A name of a profile.
#[derive(Clone)]
struct Named {
    /// The names of a function and its callers, for people.
    context: String,
    /// The function's symbol.
    symbol: String,
}

impl Named {
    fn new(written: &str) -> Named {
        Named { context: clean(written), symbol: frames(written).next().unwrap_or_default().to_owned() }
    }
}

/// A name is written once as `(id) name` and then as `(id)`, or always whole.
fn resolve(names: &mut BTreeMap<String, Named>, written: &str) -> Option<Named> {
    let Some(rest) = written.strip_prefix('(') else { return Some(Named::new(written)) };
    let Some((id, name)) = rest.split_once(')') else { return Some(Named::new(written)) };
    if !id.bytes().all(|byte| byte.is_ascii_digit()) {
        // `(below main)` is a name.
        return Some(Named::new(written));
    }
    match name.trim_start() {
        "" => names.get(id).cloned(),
        name => {
            let name = Named::new(name);
            names.insert(id.to_owned(), name.clone());
            Some(name)
        }
    }
}

/// A context for people, without the parts that change with a build, hashes of legacy symbols and addresses of unnamed
/// code, and without callgrind's marks of recursion, as callers are separated anyway.
fn clean(name: &str) -> String {
    let frames = frames(name).filter(|frame| !frame.bytes().all(|byte| byte.is_ascii_digit()));
    let named =
        |frame: &str| if frame.starts_with("0x") { UNNAMED.to_owned() } else { format!("{:#}", demangle(frame)) };
    frames.map(named).collect::<Vec<_>>().join("'")
}

/// A path of Rust as symbols write it: each name behind its length.
pub fn mangled(path: &str) -> String {
    path.split("::").map(|name| format!("{}{name}", name.len())).collect()
}

/// The name of code without one: mostly stubs that call a shared library.
const UNNAMED: &str = "(unnamed)";

/// The frames of a context, innermost first. The quote of a lifetime does not split: `inner<'_>'outer` has two frames.
pub fn frames(context: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(context);
    std::iter::from_fn(move || {
        let text = rest?;
        let lifetime = |place: usize| text[..place].ends_with(['&', '<', ' ', '(', ',']);
        let end = text.match_indices('\'').map(|(place, _)| place).find(|place| !lifetime(*place));
        rest = end.map(|end| &text[end + 1..]);
        Some(end.map_or(text, |end| &text[..end]))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIMPLE: &str = "version: 1\npositions: line\nevents: Dr Ir\n\nfn=(1) _ZN4work4main17h0123456789abcdefE\n16 1 \
        400\ncfn=(2) work\ncalls=3 50\n16 9 900\n+1 0 50\n\nfn=(2)\n51 5 800\n52 4 100\nfn=(below main)\n0 \
        0\n\ntotals: 10 1350\n";

    #[test]
    fn own_cost_leaves_out_what_callees_cost() {
        let profile = parse(SIMPLE).expect("well formed");
        assert_eq!(profile.total, 1350);
        assert_eq!(profile.events, BTreeMap::from([("Dr".to_owned(), 10), ("Ir".to_owned(), 1350)]));
        assert_eq!(profile.contexts["work::main"], Cost { instructions: 450, ..Cost::default() });
        assert_eq!(profile.contexts["work"], Cost { instructions: 900, calls: 3, system_calls: 0 });
        let symbols = [("_ZN4work4main17h0123456789abcdefE", 450), ("work", 900)];
        assert_eq!(profile.symbols, symbols.map(|(symbol, own)| (symbol.to_owned(), own)).into());
    }

    /// The setup writes 9 times and makes 7 blocks; the measured work writes 4 times, allocates twice, and once more in
    /// a stack that is cut off.
    const WITH_SYSTEM_CALLS: &str = "events: Ir sysCount sysTime\n\
        fn=(1) setup'main\n1 0 9 700\ncfn=(2) malloc'setup'main\ncalls=7 0\n1 0\n\
        fn=(2)\n1 0\n\
        fn=(3) main\n1 0\ncfn=(1)\ncalls=1 0\n1 0 9 700\n\
        fn=(4) slice::measured'main\n1 10 1 100\ncfn=(5) write'slice::measured'main\ncalls=3 0\n1 9 3 200\n\
        cfn=(6) calloc'slice::measured'main\ncalls=2 0\n1 8\n\
        cfn=(9) free'slice::measured'main\ncalls=2 0\n1 4\n\
        fn=(5)\n1 9 3 200\nfn=(6)\n1 8\nfn=(9)\n1 4\n\
        fn=(7) deep'deep\n1 0\ncfn=(8) malloc'deep'deep\ncalls=1 0\n1 3\nfn=(8)\n1 3\n";

    #[test]
    fn system_calls_and_blocks_are_those_of_the_measured_work() {
        let profile = parse(WITH_SYSTEM_CALLS).expect("well formed");
        assert_eq!(profile.system_calls("slice::measured"), 4);
        assert_eq!((profile.heap_blocks("slice::measured"), profile.freed_blocks("slice::measured")), (3, 2));
        assert_eq!(parse(SIMPLE).expect("well formed").system_calls("work"), 0);
    }

    #[test]
    fn contexts_are_told_apart_from_lifetimes_and_recursion() {
        let context = "<memory::Trace<'_> as Into<&'a str>>::into'2'memory::run'0x0000000000401234'main";
        assert_eq!(
            clean(context),
            "<memory::Trace<'_> as Into<&'a str>>::into'memory::run'(unnamed)'main",
            "no mark, no address"
        );
        assert_eq!(frames(&clean(context)).count(), 4);
        assert_eq!(frames("alone").collect::<Vec<_>>(), ["alone"]);
    }

    #[test]
    fn what_is_no_profile_is_said() {
        assert_eq!(parse("").expect_err("empty").reason, "no events: the file is empty or cut off");
        assert_eq!(parse("fn=a\n1 2\n").expect_err("no events").line, 2);
        assert_eq!(
            parse("events: Ir\nfn=(7)\n").expect_err("unknown name").reason,
            "a function that was not named before"
        );
        assert_eq!(parse("events: Dr\n").expect_err("no Ir").reason, "no Ir among the events");
        assert_eq!(parse("events: Ir\nfn=a\n1 x\n").expect_err("no number").reason, "a cost that is no number");
    }
}
