//! What was measured of each memory. FORMAT.md lists the fields of the JSON file.

use serde::Serialize;
use stats::descriptive::percentile;

use crate::adapter::{MemoryAdapter, MemoryProtocol};
use crate::model::ModelCalls;

/// The file of all memories.
#[derive(Debug, Serialize)]
pub struct MemoriesFile {
    /// The version of these fields.
    pub assay_memories: u32,
    /// The seed of texts and of arrivals.
    pub seed: u64,
    /// Operations per second, on average.
    pub rate: f64,
    /// The results of a search that count.
    pub k: usize,
    /// The queries of each kind, and at each pace.
    pub queries: usize,
    /// The least time of each answer of the model, ns.
    pub model_delay_ns: u64,
    /// In the order in which they were measured.
    pub memories: Vec<MeasuredMemory>,
}

/// One memory: what it is, and what it did.
#[derive(Debug, Clone, Serialize)]
pub struct MeasuredMemory {
    /// Its name.
    pub name: String,
    /// The version of its adapter.
    pub version: String,
    /// The name and version that it tells of itself.
    pub says_it_is: Option<String>,
    /// How it stores and finds.
    pub about: String,
    /// What is as installed, and what is set otherwise.
    pub defaults: String,
    /// The command lines that install it.
    pub install: Vec<String>,
    /// The command line that starts it.
    pub start: Option<String>,
    /// `mcp` or `http`.
    pub protocol: &'static str,
    /// It asks a model.
    pub asks_a_model: bool,
    /// By size, rising.
    pub sizes: Vec<MeasuredSize>,
    /// From the first size to the last.
    pub growth: Option<LatencyGrowth>,
    /// After all episodes were cleared, none is found; none if it can't be cleared.
    pub cleared: Option<bool>,
    /// What is there after the process was killed; none if it was not started here.
    pub kept: Option<Kept>,
    /// The reason why the measurement ended before its end.
    pub failed: Option<String>,
}

/// A memory that holds so many episodes.
#[derive(Debug, Clone, Serialize)]
pub struct MeasuredSize {
    /// Stored episodes.
    pub stored: usize,
    /// Storing those since the size before.
    pub ingest: MeasuredOperation,
    /// The time until all could be found after the last was stored, ns; none if it has no way to say so.
    pub indexed_ns: Option<u64>,
    /// Searches at this size.
    pub search: MeasuredOperation,
    /// The share of queries that find their episode among the first `k`, from 0 to 1: tasks as they were stored.
    pub recall_known: f64,
    /// The same of reworded tasks.
    pub recall_reworded: f64,
}

/// An operation, one at a time and at the rate.
#[derive(Debug, Clone, Serialize)]
pub struct MeasuredOperation {
    /// One after the other, from the call to the answer.
    pub alone: Option<LatencyTimes>,
    /// Open arrivals, from the intended start to the answer.
    pub at_rate: Option<LatencyTimes>,
    /// Arrivals per second.
    pub offered: Option<f64>,
    /// Answers per second. Where the memory could not keep up, its latency at the rate grows with the number of
    /// operations.
    pub answered: Option<f64>,
    /// Calls to the model for one operation.
    pub model: CallsPerOperation,
}

/// Percentiles by the nearest rank, ns.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct LatencyTimes {
    /// The number of operations.
    pub count: usize,
    /// Half of them took no longer.
    pub p50: f64,
    /// 95 of 100 took no longer.
    pub p95: f64,
    /// The longest.
    pub max: f64,
}

/// Calls to the model, divided by operations.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct CallsPerOperation {
    /// Chat completions.
    pub chats: f64,
    /// Requests for embeddings.
    pub embeddings: f64,
    /// Embedded texts.
    pub texts: f64,
}

/// The growth of the median of searches one at a time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct LatencyGrowth {
    /// The last over the first.
    pub ratio: f64,
    /// The power of the number of episodes that the latency grows with: 0 not at all, 1 in proportion.
    pub exponent: f64,
}

/// Episodes after the process was killed and started again: `settled` were stored before some searches, `last` directly
/// before the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Kept {
    /// Episodes of each kind.
    pub asked: usize,
    /// Settled ones that were found before.
    pub settled_before: usize,
    /// Settled ones that are found after.
    pub settled_after: usize,
    /// Of the last ones, those that are found after.
    pub last_after: usize,
}

/// What a kill leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durable {
    /// All that could be found before, and as much of the last.
    Yes,
    /// Some of it.
    Partly,
    /// Nothing.
    No,
    /// Nothing was found before either.
    Unknown,
}

impl Kept {
    /// The answer.
    pub fn durable(self) -> Durable {
        match self {
            Kept { settled_before: 0, .. } => Durable::Unknown,
            Kept { settled_after: 0, last_after: 0, .. } => Durable::No,
            kept if kept.settled_after.min(kept.last_after) >= kept.settled_before => Durable::Yes,
            _ => Durable::Partly,
        }
    }
}

impl MeasuredMemory {
    /// A memory of which nothing is measured yet.
    pub fn of(adapter: &MemoryAdapter) -> MeasuredMemory {
        MeasuredMemory {
            name: adapter.name.clone(),
            version: adapter.version.clone(),
            says_it_is: None,
            about: adapter.about.clone(),
            defaults: adapter.defaults.clone(),
            install: adapter.install.clone(),
            start: adapter.start.clone(),
            protocol: match adapter.protocol {
                MemoryProtocol::Mcp => "mcp",
                MemoryProtocol::Http => "http",
            },
            asks_a_model: adapter.model.is_some(),
            sizes: Vec::new(),
            growth: None,
            cleared: None,
            kept: None,
            failed: None,
        }
    }
}

impl MeasuredOperation {
    /// After the last arrival, no more than a tenth of all operations was waiting, or two.
    pub fn kept_up(&self) -> bool {
        let Some(((offered, answered), times)) = self.offered.zip(self.answered).zip(self.at_rate) else { return true };
        let all = times.count as f64;
        let waiting = (all * (offered / answered - 1.0)).min(all);
        waiting <= (0.1 * all).max(2.0)
    }
}

impl LatencyTimes {
    /// Of these times, ns; none if there are no times.
    pub fn of(times_ns: &[f64]) -> Option<LatencyTimes> {
        let at = |share| percentile(times_ns, share).ok();
        Some(LatencyTimes { count: times_ns.len(), p50: at(0.5)?, p95: at(0.95)?, max: at(1.0)? })
    }
}

impl CallsPerOperation {
    /// These calls, for so many operations.
    pub fn of(calls: ModelCalls, operations: usize) -> CallsPerOperation {
        let each = |calls: u64| calls as f64 / operations.max(1) as f64;
        CallsPerOperation { chats: each(calls.chats), embeddings: each(calls.embeddings), texts: each(calls.texts) }
    }
}

impl LatencyGrowth {
    /// From the first size to the last; none if there is only one.
    pub fn of(sizes: &[MeasuredSize]) -> Option<LatencyGrowth> {
        let [first, .., last] = sizes else { return None };
        let ratio = last.search.alone?.p50 / first.search.alone?.p50;
        let exponent = ratio.ln() / (last.stored as f64 / first.stored as f64).ln();
        Some(LatencyGrowth { ratio, exponent })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durability_is_what_a_kill_leaves_of_what_could_be_found() {
        let kept = |settled_before, settled_after, last_after| {
            Kept { asked: 10, settled_before, settled_after, last_after }.durable()
        };
        assert_eq!(kept(10, 10, 10), Durable::Yes);
        assert_eq!(kept(8, 9, 8), Durable::Yes);
        assert_eq!(kept(10, 10, 4), Durable::Partly);
        assert_eq!(kept(10, 9, 10), Durable::Partly);
        assert_eq!(kept(10, 0, 0), Durable::No);
        assert_eq!(kept(0, 0, 0), Durable::Unknown);
    }

    #[test]
    fn a_memory_keeps_up_if_few_operations_wait_after_the_last_arrival() {
        let kept_up = |count, offered, answered| {
            let times = Some(LatencyTimes { count, p50: 1.0, p95: 1.0, max: 1.0 });
            let model = CallsPerOperation { chats: 0.0, embeddings: 0.0, texts: 0.0 };
            let (offered, answered) = (Some(offered), Some(answered));
            MeasuredOperation { alone: None, at_rate: times, offered, answered, model }.kept_up()
        };
        // Ten arrivals in two seconds, and the last answer 0.3 s after the last of them.
        assert!(kept_up(10, 5.0, 10.0 / 2.3));
        assert!(!kept_up(10, 5.0, 10.0 / 2.5));
        assert!(kept_up(100, 5.0, 100.0 / 21.9));
        assert!(!kept_up(100, 5.0, 100.0 / 22.1));
        // A single one waits for nobody, however soon it came.
        assert!(kept_up(1, 200.0, 10.0));
    }

    #[test]
    fn latency_in_proportion_to_the_size_has_the_exponent_1() {
        let size = |stored, p50| {
            let model = CallsPerOperation { chats: 0.0, embeddings: 0.0, texts: 0.0 };
            let alone = LatencyTimes::of(&[p50]);
            let operation = MeasuredOperation { alone, at_rate: None, offered: None, answered: None, model };
            MeasuredSize {
                stored,
                ingest: operation.clone(),
                indexed_ns: None,
                search: operation,
                recall_known: 1.0,
                recall_reworded: 1.0,
            }
        };
        let growth = LatencyGrowth::of(&[size(100, 2.0), size(200, 3.0), size(1_000, 20.0)]).expect("two sizes");
        assert_eq!((growth.ratio, growth.exponent), (10.0, 1.0));
        assert_eq!(LatencyGrowth::of(&[size(100, 2.0)]), None);
    }
}
