//! Reads callgrind's profile: cost by call stack, or by function if callers are not separated. [`super::attribution`]
//! evaluates it.
//!
//! The format is in valgrind's manual, "Callgrind Format Specification". A cost line after `calls=` is the callee's
//! inclusive cost, not part of the caller's own.

use std::collections::BTreeMap;

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
}

/// Reads a profile.
pub fn parse(text: &str) -> Result<CallgrindProfile, MalformedProfile> {
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    let mut profile = CallgrindProfile::default();
    let mut names_of_events: Vec<&str> = vec![];
    let mut column = None;
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
            let cost = match line.split_ascii_whitespace().nth(positions + column) {
                Some(number) => number.parse::<u64>().map_err(|_| malformed("a cost that is no number"))?,
                None => 0,
            };
            if std::mem::take(&mut inclusive) {
                continue;
            }
            let context: &String = current.as_ref().ok_or_else(|| malformed("a cost outside of a function"))?;
            profile.total += cost;
            match profile.contexts.get_mut(context) {
                Some(entry) => entry.instructions += cost,
                None => drop(profile.contexts.insert(context.clone(), Cost { instructions: cost, calls: 0 })),
            }
        } else if let Some(name) = line.strip_prefix("fn=") {
            current = Some(resolve(&mut names, name).ok_or_else(|| malformed("a function that was not named before"))?);
        } else if let Some(name) = line.strip_prefix("cfn=") {
            callee = Some(resolve(&mut names, name).ok_or_else(|| malformed("a callee that was not named before"))?);
        } else if let Some(calls) = line.strip_prefix("calls=") {
            let calls = calls.split_ascii_whitespace().next().and_then(|number| number.parse::<u64>().ok());
            let callee = callee.take().ok_or_else(|| malformed("calls without a callee"))?;
            profile.contexts.entry(callee).or_default().calls +=
                calls.ok_or_else(|| malformed("calls that are no number"))?;
            inclusive = true;
        } else if let Some(events) = line.strip_prefix("events:") {
            names_of_events = events.split_ascii_whitespace().collect();
            column = names_of_events.iter().position(|event| *event == "Ir");
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

/// A name is written once as `(id) name` and then as `(id)`, or always whole.
fn resolve(names: &mut BTreeMap<String, String>, written: &str) -> Option<String> {
    let Some(rest) = written.strip_prefix('(') else { return Some(clean(written)) };
    let Some((id, name)) = rest.split_once(')') else { return Some(clean(written)) };
    if !id.bytes().all(|byte| byte.is_ascii_digit()) {
        // `(below main)` is a name.
        return Some(clean(written));
    }
    match name.trim_start() {
        "" => names.get(id).cloned(),
        name => {
            let name = clean(name);
            names.insert(id.to_owned(), name.clone());
            Some(name)
        }
    }
}

/// A context without the parts that change with a build, hashes of legacy symbols and addresses of unnamed code, and
/// without callgrind's marks of recursion, as callers are separated anyway.
fn clean(name: &str) -> String {
    let frames = frames(name).filter(|frame| !frame.bytes().all(|byte| byte.is_ascii_digit()));
    let frames = frames.map(|frame| if frame.starts_with("0x") { UNNAMED } else { without_hash(frame) });
    frames.collect::<Vec<_>>().join("'")
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

fn without_hash(name: &str) -> &str {
    match name.rfind("::h") {
        Some(place) if name.len() - place == 19 && name[place + 3..].bytes().all(|byte| byte.is_ascii_hexdigit()) => {
            &name[..place]
        }
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIMPLE: &str = "version: 1\npositions: line\nevents: Dr Ir\n\nfn=(1) main::h0123456789abcdef\n16 1 \
        400\ncfn=(2) work\ncalls=3 50\n16 9 900\n+1 0 50\n\nfn=(2)\n51 5 800\n52 4 100\nfn=(below main)\n0 \
        0\n\ntotals: 10 1350\n";

    #[test]
    fn own_cost_leaves_out_what_callees_cost() {
        let profile = parse(SIMPLE).expect("well formed");
        assert_eq!(profile.total, 1350);
        assert_eq!(profile.events, BTreeMap::from([("Dr".to_owned(), 10), ("Ir".to_owned(), 1350)]));
        assert_eq!(profile.contexts["main"], Cost { instructions: 450, calls: 0 });
        assert_eq!(profile.contexts["work"], Cost { instructions: 900, calls: 3 });
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
