//! The language of a worker and the process that measures: commands are words, answers are JSON records, one a line.
//! FORMAT.md defines it.
//!
//! The worker speaks first ([`Answer::Ready`]) and then answers each command with one line. `slice N` does N operations
//! under the clocks, `count N` does them while the allocator counts, `end` checks the answers and ends the process.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The version of the protocol. A worker of another version is refused.
pub const VERSION: u32 = 2;

/// What a worker is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Do this many operations and say what they cost.
    Slice(u64),
    /// The same, with allocations counted: the times are not to be used.
    Count(u64),
    /// Check the answers and end.
    End,
}

/// What a worker answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "lowercase")]
pub enum Answer {
    /// The setup is done.
    Ready(Ready),
    /// A slice is done.
    Slice(Worked),
    /// The answers are right and every toggle engaged.
    End(Ended),
    /// Something went wrong: nothing of this process may be used.
    Failed {
        /// What.
        why: String,
    },
}

/// Who is ready to do what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ready {
    /// The protocol's version.
    pub protocol: u32,
    /// The case's identifier.
    pub case: String,
    /// Its variant, all toggles written.
    pub variant: String,
    /// The seed of everything random.
    pub seed: u64,
    /// What it works on: the same on both sides, or nothing may be compared.
    pub input: String,
    /// Operations of one exact count.
    pub counted: u64,
}

/// What a slice cost.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Worked {
    /// Operations as asked for.
    pub operations: u64,
    /// CPU time of the process, ns.
    pub cpu_ns: u64,
    /// Wall time, ns.
    pub wall_ns: u64,
    /// How often the main thread waited.
    pub voluntary_switches: u64,
    /// How often it was interrupted.
    pub involuntary_switches: u64,
    /// Heap blocks allocated; 0 unless they were to be counted.
    pub allocations: u64,
    /// Heap bytes allocated; 0 unless they were to be counted.
    pub allocated_bytes: u64,
}

/// What a worker did in all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// What the strategies did.
    pub counters: BTreeMap<String, u64>,
}

/// A case of a worker, as `--list` prints it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseListing {
    /// The identifier.
    pub id: String,
    /// The benchmark's name.
    pub benchmark: String,
    /// Its variant, all toggles written.
    pub variant: String,
    /// Operations of one exact count.
    pub operations: u64,
}

/// What the operations of one exact count take of the heap, as the allocator of the worker sees it. C code's blocks are
/// not among them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeapUsage {
    /// The most bytes that were alive at once, beyond those that were alive before.
    pub peak_bytes: u64,
    /// Blocks. A block that is resized is not a new one, as for DHAT.
    pub allocations: u64,
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Command::Slice(operations) => write!(f, "slice {operations}"),
            Command::Count(operations) => write!(f, "count {operations}"),
            Command::End => f.write_str("end"),
        }
    }
}

impl FromStr for Command {
    type Err = String;

    fn from_str(text: &str) -> Result<Command, String> {
        let unknown = || format!("`{text}` is no command: `slice N`, `count N` or `end`");
        let operations = |number: &str| match number.parse() {
            Ok(0) | Err(_) => Err(format!("`{number}` is no number of operations: at least 1")),
            Ok(operations) => Ok(operations),
        };
        match text.trim().split_once(' ') {
            Some(("slice", number)) => operations(number).map(Command::Slice),
            Some(("count", number)) => operations(number).map(Command::Count),
            None if text.trim() == "end" => Ok(Command::End),
            _ => Err(unknown()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_read_as_they_are_written() {
        for command in [Command::Slice(7), Command::Count(1), Command::End] {
            assert_eq!(command.to_string().parse(), Ok(command));
        }
        for wrong in ["slice", "slice 0", "slice -1", "slice x", "halt", "", "end 3"] {
            assert!(wrong.parse::<Command>().is_err(), "`{wrong}` was taken");
        }
    }

    #[test]
    fn answers_are_read_as_they_are_written() {
        let answer = Answer::Slice(Worked { operations: 3, cpu_ns: 5, ..Worked::default() });
        let text = serde_json::to_string(&answer).expect("serialises");
        assert!(text.starts_with(r#"{"answer":"slice","operations":3,"cpu_ns":5"#), "{text}");
        assert_eq!(serde_json::from_str::<Answer>(&text).expect("parses"), answer);
    }
}
