//! The trace: an episode's steps digested once, with tools as small numbers, failures with signatures, and repeated
//! calls.
//!
//! Reward, reflection and patterns start from here, so that a completion reads the steps only once. The time is linear
//! in the bytes of tools, actions and parameters. Of an observation only the ends are read, and only where the step
//! failed.

use std::collections::{HashMap, HashSet};
use std::hash::Hasher;

use crate::Step;
use crate::hash::{FixedState, Fnv1a};

/// A failure counts as recovered if its tool works again within so many steps.
pub const RECOVERY_WINDOW: usize = 16;

/// The longest error signature, in bytes.
pub const SIGNATURE_BYTES: usize = 96;

/// The bytes of each end of an observation that are searched for the line with the error.
const SEARCHED_BYTES: usize = 2048;

/// A step that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedStep {
    /// Its place in the steps.
    pub step: usize,
    /// The error of its observation, normalised ([`signature`]).
    pub signature: String,
    /// The place of the first later step in which the same tool worked, at most [`RECOVERY_WINDOW`] steps later.
    pub recovered_at: Option<usize>,
}

/// The steps of an episode, digested.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trace<'a> {
    /// The names of the tools, in the order of their first use.
    pub names: Vec<&'a str>,
    /// The tool of each step, as a place in `names`.
    pub tools: Vec<u32>,
    /// The steps that failed, in their order.
    pub failures: Vec<FailedStep>,
    /// The steps that did exactly what an earlier one had done, with the same parameters.
    pub repeated: usize,
    /// The steps that failed, repeated an earlier one, or both.
    pub wasted: usize,
}

impl<'a> Trace<'a> {
    /// Reads the steps.
    #[inline(never)]
    pub fn of(steps: &'a [Step]) -> Trace<'a> {
        let mut trace = Trace { tools: Vec::with_capacity(steps.len()), ..Trace::default() };
        let mut numbers: HashMap<&str, u32, FixedState> = HashMap::default();
        let mut calls: HashSet<u64, FixedState> = HashSet::with_capacity_and_hasher(steps.len(), FixedState::default());
        for (place, step) in steps.iter().enumerate() {
            let tool = *numbers.entry(&step.tool).or_insert_with(|| {
                trace.names.push(&step.tool);
                trace.names.len() as u32 - 1
            });
            trace.tools.push(tool);
            let repeated = !calls.insert(call_hash(step));
            trace.repeated += usize::from(repeated);
            trace.wasted += usize::from(repeated || step.failed());
            if step.failed() {
                trace.failures.push(FailedStep {
                    step: place,
                    signature: signature(&step.observation),
                    recovered_at: None,
                });
            }
        }
        trace.find_recoveries(steps);
        trace
    }

    /// The name of the tool of the step at `place`.
    pub fn tool(&self, place: usize) -> &'a str {
        self.names[self.tools[place] as usize]
    }

    /// The number of recovered failures.
    pub fn recovered(&self) -> usize {
        self.failures.iter().filter(|failure| failure.recovered_at.is_some()).count()
    }

    /// Goes backward: at every failure the next success of its tool is known.
    fn find_recoveries(&mut self, steps: &[Step]) {
        let mut next_success: Vec<Option<usize>> = vec![None; self.names.len()];
        let mut failures = self.failures.iter_mut().rev();
        for (place, step) in steps.iter().enumerate().rev() {
            let tool = self.tools[place] as usize;
            if !step.failed() {
                next_success[tool] = Some(place);
            } else if let Some(failure) = failures.next() {
                failure.recovered_at = next_success[tool].filter(|success| success - place <= RECOVERY_WINDOW);
            }
        }
    }
}

/// A hash of the call of a step: tool, action and parameters. The fields are separated by a byte that UTF-8 does not
/// have.
fn call_hash(step: &Step) -> u64 {
    let mut hasher = Fnv1a::default();
    let mut field = |text: &str| {
        hasher.write(text.as_bytes());
        hasher.write(&[0xff]);
    };
    field(&step.tool);
    field(&step.action);
    for (key, value) in &step.parameters {
        field(key);
        field(value);
    }
    hasher.finish()
}

/// The line of an observation that names its error, normalised: runs of digits become `#`, quoted text `_`, paths `/`,
/// runs of blanks one.
///
/// It is the first line that holds one of the words people and compilers use for errors, else the first line that is
/// not empty. Of a long observation only the two ends are searched: compilers say it first, interpreters last.
///
/// ```
/// use memory::trace::signature;
///
/// let observation = "Traceback (most recent call last):\n  File \"/srv/app/main.py\", line 31\nKeyError: 'user_17'\n";
/// assert_eq!(signature(observation), "KeyError: _");
/// assert_eq!(signature("error[E0433]: in /tmp/x/lib.rs:12:5"), "error[E#]: in /:#:#");
/// assert_eq!(signature(""), "");
/// ```
pub fn signature(observation: &str) -> String {
    const WORDS: [&str; 8] =
        ["error", "exception", "failed", "failure", "panicked", "not found", "no such file", "denied"];
    let head = &observation[..observation.floor_char_boundary(SEARCHED_BYTES)];
    let tail_start = observation.ceil_char_boundary(observation.len().saturating_sub(SEARCHED_BYTES)).max(head.len());
    let tail = &observation[tail_start..];
    let names_error = |line: &&str| WORDS.iter().any(|word| contains_ignoring_case(line, word));
    let lines = || head.lines().chain(tail.lines());
    let line = lines().find(names_error).or_else(|| lines().find(|line| !line.trim().is_empty()));
    line.map(normalise).unwrap_or_default()
}

/// `text` holds `word`, which is lower-case ASCII, in any case.
fn contains_ignoring_case(text: &str, word: &str) -> bool {
    text.as_bytes().windows(word.len()).any(|window| window.eq_ignore_ascii_case(word.as_bytes()))
}

/// Normalises a line, and cuts it at [`SIGNATURE_BYTES`].
fn normalise(line: &str) -> String {
    let mut out = String::with_capacity(SIGNATURE_BYTES);
    let mut rest = line.trim();
    while let Some(first) = rest.chars().next() {
        if out.len() >= SIGNATURE_BYTES {
            break;
        }
        let after = &rest[first.len_utf8()..];
        rest = match first {
            '0'..='9' => {
                out.push('#');
                after.trim_start_matches(|c: char| c.is_ascii_digit())
            }
            '\'' | '"' | '`' if after.contains(first) => {
                out.push('_');
                after.split_once(first).map_or("", |(_, behind)| behind)
            }
            '/' if path_begins(&out, after) => {
                out.push('/');
                after.trim_start_matches(|c: char| c.is_alphanumeric() || "/._-+@".contains(c))
            }
            _ if first.is_whitespace() => {
                out.push(' ');
                after.trim_start()
            }
            _ => {
                out.push(first);
                after
            }
        };
    }
    out.truncate(out.floor_char_boundary(SIGNATURE_BYTES));
    out
}

/// A slash between `before` and `after` begins a path, rather than separating two words.
fn path_begins(before: &str, after: &str) -> bool {
    let at_start = !before.ends_with(|c: char| c.is_alphanumeric());
    at_start && after.starts_with(|c: char| c.is_alphanumeric() || c == '.' || c == '_')
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{NewStep, StepStatus};

    /// Steps written as `tool` or, failed, as `tool!observation`; each does something else.
    pub(crate) fn steps(written: &[&str]) -> Vec<Step> {
        let step = |(place, text): (usize, &&str)| {
            let (tool, observation) = text.split_once('!').map_or((*text, None), |(tool, seen)| (tool, Some(seen)));
            let new = NewStep {
                tool: tool.to_owned(),
                action: format!("action {place}"),
                observation: observation.unwrap_or("fine").to_owned(),
                status: if observation.is_some() { StepStatus::Error } else { StepStatus::Ok },
                ..NewStep::default()
            };
            Step::new(place as u32, place as u64, new)
        };
        written.iter().enumerate().map(step).collect()
    }

    #[test]
    fn tools_are_numbered_by_first_use() {
        let steps = steps(&["shell", "edit", "shell", "test"]);
        let trace = Trace::of(&steps);
        assert_eq!(trace.names, ["shell", "edit", "test"]);
        assert_eq!(trace.tools, [0, 1, 0, 2]);
        assert_eq!(trace.tool(3), "test");
        assert_eq!(Trace::of(&[]), Trace::default());
    }

    #[test]
    fn a_failure_is_recovered_by_the_next_success_of_its_tool() {
        let steps = steps(&["test!error: a", "edit", "test!error: b", "edit", "test", "shell!error: c"]);
        let trace = Trace::of(&steps);
        let found: Vec<_> = trace.failures.iter().map(|failure| (failure.step, failure.recovered_at)).collect();
        assert_eq!(found, [(0, Some(4)), (2, Some(4)), (5, None)]);
        assert_eq!((trace.recovered(), trace.wasted, trace.repeated), (2, 3, 0));
    }

    #[test]
    fn a_recovery_that_comes_too_late_is_none() {
        for (between, recovered) in [(RECOVERY_WINDOW - 1, true), (RECOVERY_WINDOW, false)] {
            let mut written = vec!["test!error"];
            written.extend(vec!["edit"; between]);
            written.push("test");
            assert_eq!(Trace::of(&steps(&written)).recovered() == 1, recovered, "{between} steps between");
        }
    }

    #[test]
    fn the_same_call_twice_is_a_repetition() {
        let mut steps = steps(&["shell", "shell!error", "shell"]);
        steps[1].action = steps[0].action.clone();
        assert_eq!((Trace::of(&steps).repeated, Trace::of(&steps).wasted), (1, 1));
        steps[1].parameters = BTreeMap::from([("path".to_owned(), "a".to_owned())]);
        assert_eq!((Trace::of(&steps).repeated, Trace::of(&steps).wasted), (0, 1));
    }

    #[test]
    fn signatures_forget_what_differs() {
        assert_eq!(signature("\n\n  exit code 127  \n"), "exit code #");
        assert_eq!(
            signature("compiling\nerror[E0382]: borrow of moved value: `x`"),
            "error[E#]: borrow of moved value: _"
        );
        assert_eq!(signature("bash: /usr/bin/foo: No such file or directory"), "bash: /: No such file or directory");
        assert_eq!(signature("either/or   failed, don't ask"), "either/or failed, don't ask");
        let long = format!("{}\u{1f980}", "e".repeat(SIGNATURE_BYTES - 1));
        assert_eq!(signature(&long).len(), SIGNATURE_BYTES - 1);
    }

    #[test]
    fn the_ends_of_a_long_observation_are_searched() {
        let filler = "nothing to see here\n".repeat(1_000);
        assert_eq!(signature(&format!("{filler}ValueError: bad input")), "ValueError: bad input");
        assert_eq!(signature(&format!("{filler}ValueError: bad input\n{filler}")), "nothing to see here");
        assert_eq!(signature(&"\u{1f980}".repeat(5_000)).len(), SIGNATURE_BYTES);
    }
}
