//! The stores: the same answers from each, what each strategy does, the local tier, and what is refused.
//!
//! What a kill does to them is in `tests/kill.rs`; random sequences of operations through the facade are the model
//! tests'.

#![expect(clippy::unwrap_used, reason = "a test that panics has failed, and says where")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use memory::store::{self, Completed, Store, Write};
use memory::{
    Completion, Counters, Encoding, EpisodeId, Head, Outcome, Pattern, PatternKind, Reflection, Result, Reward,
    StartEpisode, Step, StepStatus, TaskContext, Variant,
};
use tempfile::TempDir;

mod answers;
mod effects;
mod indexes;
mod refusals;
mod steps;
mod tiered;
mod vectors;

/// Every store at every durability class, with the other strategies spread over them.
const VARIANTS: &[&str] = &[
    "store=memory",
    "store=memory,metadata=indexed,index=composite",
    "store=redb,durability=buffered,codec=json,compression=zstd",
    "store=redb,durability=fsynced,codec=postcard,metadata=indexed,index=composite,embedding=f32-blob",
    "store=libsql,durability=committed,codec=messagepack,metadata=indexed,embedding=f32-blob,pool=none",
    "store=libsql,durability=fsynced,codec=postcard,compression=lz4,metadata=json-extract,index=composite,pool=keepalive",
    "store=libsql,durability=committed,codec=json,pool=keepalive",
    "store=libsql,durability=committed,codec=json,pool=adaptive",
    "store=tiered,durability=committed,codec=postcard,metadata=indexed,index=composite,embedding=postcard,pool=keepalive",
    "store=tiered,durability=fsynced,codec=json,compression=zstd,metadata=json-extract,pool=none",
];

/// Those that keep their contents in a file.
fn in_files() -> impl Iterator<Item = &'static str> {
    VARIANTS.iter().copied().filter(|text| !text.starts_with("store=memory"))
}

/// A folder for one store.
struct Place {
    folder: TempDir,
}

/// An open store with its counters.
struct Opened {
    store: Arc<dyn Store>,
    counters: Arc<Counters>,
}

impl Place {
    fn new() -> Place {
        Place { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("episodes")
    }

    fn beside(&self, suffix: &str) -> PathBuf {
        self.folder.path().join(format!("episodes{suffix}"))
    }

    async fn open(&self, variant: &str) -> Opened {
        open_at(variant, &self.path()).await.unwrap_or_else(|error| panic!("{variant}: {error}"))
    }
}

async fn open_at(variant: &str, path: &Path) -> Result<Opened> {
    let variant: Variant = variant.parse().unwrap();
    let counters = Arc::new(Counters::default());
    let encoding = Encoding::new(variant.codec, variant.compression, Arc::clone(&counters));
    let store = store::open(&variant, Some(path), Arc::clone(&counters), encoding).await?;
    Ok(Opened { store, counters })
}

fn head(id: u128, metadata: &[(&str, &str)]) -> Head {
    let own = |text: &str| text.to_owned();
    let start = StartEpisode {
        task: format!("task of {id}"),
        task_type: own("bug-fix"),
        context: TaskContext { language: Some(own("rust")), domain: own("web-api"), ..TaskContext::default() },
        metadata: metadata.iter().map(|(key, value)| (own(key), own(value))).collect(),
    };
    Head::new(EpisodeId(id), u64::MAX - 5, start)
}

fn completed(mut head: Head) -> Head {
    head.completion = Some(Completion {
        completed_at_ns: 1_800_000_000_000_000_000,
        outcome: Outcome::Partial { verdict: "half".to_owned(), done: vec!["a".to_owned()], failed: vec![] },
        reward: Reward { total: 0.1, outcome: 1.0 / 3.0, efficiency: 0.7, precision: 1.0, recovery: 0.0 },
        reflection: Reflection { successes: vec!["it ends".to_owned()], improvements: vec![], insights: vec![] },
        patterns: vec![],
    });
    head
}

fn step(number: u32, observation: &str) -> Step {
    Step {
        number,
        at_ns: u64::from(number) + 7,
        tool: "shell".to_owned(),
        action: "run".to_owned(),
        parameters: BTreeMap::from([("command".to_owned(), format!("cargo test {number}"))]),
        observation: observation.to_owned(),
        status: if number % 3 == 1 { StepStatus::Error } else { StepStatus::Ok },
        latency_ns: u64::MAX - u64::from(number),
        tokens: number.is_multiple_of(2).then_some(number),
    }
}

fn pattern(tool: &str, occurrences: u64, outcome: &Outcome) -> Pattern {
    let kind = PatternKind::ToolSequence { tools: vec![tool.to_owned(), "edit".to_owned()] };
    Pattern::new(kind, "web-api/rust/bug-fix", occurrences, outcome)
}

fn success() -> Outcome {
    Outcome::Success { verdict: "tests pass".to_owned() }
}

fn failure() -> Outcome {
    Outcome::Failure { reason: "time is up".to_owned() }
}

/// A vector of unit length that depends on `seed`.
fn embedding(seed: u32) -> Vec<f32> {
    let raw: Vec<f32> = (0..16).map(|place| ((seed * 31 + place * 7) % 23) as f32 - 11.3).collect();
    let length = raw.iter().map(|value| value * value).sum::<f32>().sqrt();
    raw.into_iter().map(|value| value / length).collect()
}
