//! The protocol between the measuring process and a worker: commands are words, answers are JSON, one record per line.
//! FORMAT.md defines it.
//!
//! The worker sends [`Answer::Ready`] first, then one line for each command. `slice N` runs N operations under the
//! clocks, `count N` runs them while the allocator counts, `end` checks the answers and ends the process.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The version of the protocol. The measuring process refuses a worker of another version.
pub const VERSION: u32 = 3;

/// A command to the worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Run this many operations and report their cost.
    Slice(u64),
    /// The same with allocations counted; its times must not be used.
    Count(u64),
    /// Check the answers and end.
    End,
}

/// An answer of the worker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "lowercase")]
pub enum Answer {
    /// The setup is done.
    Ready(Ready),
    /// A slice is done.
    Slice(Worked),
    /// The answers are right, and every toggle engaged.
    End(Ended),
    /// Something failed: no result of this process may be used.
    Failed {
        /// The reason.
        why: String,
    },
}

/// The worker's introduction: its case and input.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ready {
    /// The version of the protocol.
    pub protocol: u32,
    /// The identifier of the case.
    pub case: String,
    /// The variant, with all toggles.
    pub variant: String,
    /// The seed of everything random.
    pub seed: u64,
    /// The name and checksum of the input: if the two sides differ in it, they are not compared.
    pub input: String,
    /// The number of operations of one exact count.
    pub counted: u64,
}

/// The cost of a slice.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Worked {
    /// The operations that were asked for.
    pub operations: u64,
    /// The process's CPU time, ns, with that of its other threads since the slice before.
    pub cpu_ns: u64,
    /// The wall time, ns.
    pub wall_ns: u64,
    /// The time that the thread which did the work was blocked, ns: not running, and not ready to run. `None` if the
    /// system does not say.
    pub waiting_ns: Option<u64>,
    /// The number of times that thread waited.
    pub voluntary_switches: u64,
    /// The number of times it was interrupted.
    pub involuntary_switches: u64,
    /// Heap blocks allocated; 0 or absent if not counted.
    #[serde(default)]
    pub allocations: u64,
    /// Heap bytes allocated; 0 or absent if not counted.
    #[serde(default)]
    pub allocated_bytes: u64,
    /// The median response time, ns, where operations are requests to a server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_p50_ns: Option<u64>,
    /// The 95th percentile of the response times, ns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_p95_ns: Option<u64>,
    /// What the clocks of the slice showed as its command came. `None` if they are not those of the worker's process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clocks: Option<Clocks>,
}

/// The readings of a worker's clocks, which the measuring process compares with the system's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clocks {
    /// The CPU time of the process since its start, ns.
    pub cpu_ns: u64,
    /// The system's monotonic clock, ns.
    pub wall_ns: u64,
}

/// The end of a worker.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// The counters of the strategies.
    pub counters: BTreeMap<String, u64>,
}

/// A case of a worker, as `--list` prints it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseListing {
    /// The identifier.
    pub id: String,
    /// The benchmark's name.
    pub benchmark: String,
    /// The variant, with all toggles.
    pub variant: String,
    /// The number of operations of one exact count.
    pub operations: u64,
    /// A gate judges its times. Older workers do not say.
    #[serde(default)]
    pub gated: bool,
    /// The reason why it can't be measured, if it can't.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skipped: Option<String>,
}

/// Heap usage of the operations of one exact count, as the worker's allocator sees it: without the blocks of C code.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeapUsage {
    /// The most bytes alive at once, beyond those that were alive before.
    pub peak_bytes: u64,
    /// Blocks. As in DHAT, a resized block is not a new one.
    pub allocations: u64,
    /// Bytes. As in DHAT, a resized block counts by what it grew.
    pub allocated_bytes: u64,
}

/// What a worker prints after the operations of one exact count.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    /// The heap usage, if the worker's allocator counts it.
    #[serde(flatten)]
    pub heap: Option<HeapUsage>,
    /// The counters of the strategies since the setup. Older workers print none.
    #[serde(default)]
    pub counters: BTreeMap<String, u64>,
    /// The name and checksum of the input. Older workers do not say.
    #[serde(default)]
    pub input: Option<String>,
    /// The threads of the process after the operations, if the system says so.
    #[serde(default)]
    pub threads: Option<u64>,
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
        let unknown = || format!("`{text}` is not a command: send `slice N`, `count N` or `end`");
        let operations = |number: &str| match number.parse() {
            Ok(0) | Err(_) => Err(format!("`{number}` is not a number of operations: send at least 1")),
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
    fn the_counts_of_older_workers_are_read() {
        let read = |text| serde_json::from_str::<Counted>(text).expect("parses");
        let heap = HeapUsage { peak_bytes: 7, allocations: 2, allocated_bytes: 9 };
        assert_eq!(
            read(r#"{"peak_bytes":7,"allocations":2,"allocated_bytes":9}"#),
            Counted { heap: Some(heap), ..Counted::default() }
        );
        assert_eq!(read("{}"), Counted::default());
        let counters = BTreeMap::from([("rows_read".to_owned(), 3)]);
        let (input, threads) = (Some("generated#1".to_owned()), Some(1));
        let counted = Counted { heap: Some(heap), counters, input, threads };
        assert_eq!(read(&serde_json::to_string(&counted).expect("serialises")), counted);
    }

    #[test]
    fn answers_are_read_as_they_are_written() {
        let answer = Answer::Slice(Worked { operations: 3, cpu_ns: 5, ..Worked::default() });
        let text = serde_json::to_string(&answer).expect("serialises");
        assert!(text.starts_with(r#"{"answer":"slice","operations":3,"cpu_ns":5"#), "{text}");
        assert_eq!(serde_json::from_str::<Answer>(&text).expect("parses"), answer);
    }
}
