//! `assay recall`: the share of an exhaustive scan's results that the retrieval indexes find, and the size of libSQL's
//! index on the disk.
//!
//! It checks answers and times nothing. The queries are tasks like the stored ones, but none of them is stored.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use baselines::exit_code::Exit;
use clap::Args;
use memory::{IdSource, ManualClock, Memory, Options, Query, Retrieved};
use tokio::runtime::Builder;

use harness::progress::Progress;
use workloads::benchmarks::{play, retrieval};
use workloads::input::{Input, Source};

/// The number of best results to compare.
const LIMIT: usize = 10;

/// Kinds of task among the episodes, as many as in the retrieval benchmarks.
const KINDS: usize = 8;

/// Compare the results of the retrieval indexes with those of an exhaustive scan
#[derive(Debug, Args)]
#[command(after_help = "\
Stores the same completed episodes in two database files, one without libSQL's index of vectors and one with it, and
retrieves the 10 best for tasks like the stored ones: by a scan, by retrieval=indexed, and by libSQL's index
(embedding=f32-blob; it is approximate, so it is no strategy of the toggle `retrieval`). Prints the recall of both
indexes and the sizes of the databases. Half of the queries have a context.

Examples:
  assay recall
  assay recall --episodes 10000 --queries 200
  assay recall --corpus corpus.jsonl")]
pub struct RecallArgs {
    /// The number of completed episodes to store
    #[arg(long, default_value_t = 1000)]
    episodes: usize,

    /// The number of queries
    #[arg(long, default_value_t = 50)]
    queries: usize,

    /// The lowest recall that passes, from 0 to 1
    #[arg(long, default_value_t = 0.95)]
    least: f64,

    /// The seed of the generated episodes and of ids
    #[arg(long)]
    seed: Option<u64>,

    /// Take the kinds of task from this corpus file instead of generating them
    #[arg(long, value_name = "FILE")]
    corpus: Option<PathBuf>,
}

impl RecallArgs {
    /// Runs the command.
    pub fn execute(self) -> Result<Exit> {
        ensure!(
            self.episodes >= LIMIT,
            "--episodes is {}: give at least {LIMIT}, to find the best {LIMIT}",
            self.episodes
        );
        ensure!(self.queries > 0, "--queries is 0, which compares nothing: give at least 1");
        let input = Source { seed: self.seed, corpus: self.corpus.clone() }.load(KINDS)?;
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().context("no runtime")?;
        runtime.block_on(self.compare(&input))
    }

    async fn compare(&self, input: &Input) -> Result<Exit> {
        let folder = workloads::scratch::folder()?;
        let (plain, indexed) = (folder.path().join("plain"), folder.path().join("indexed"));
        let open = async |variant: &str, path: &PathBuf| {
            let options = Options {
                path: Some(path.clone()),
                clock: Arc::new(ManualClock::new(1_700_000_000_000_000_000)),
                ids: IdSource::seeded(input.seed),
                ..Options::default()
            };
            Memory::open(&format!("store=libsql,pool=keepalive,{variant}").parse()?, options).await
        };
        let progress = Progress::start("recall", 2 * self.episodes + 3 * self.queries);
        let mut sizes = Vec::new();
        for (variant, path) in [("embedding=postcard", &plain), ("embedding=f32-blob", &indexed)] {
            let memory = open(variant, path).await?;
            for number in 0..self.episodes {
                play(&memory, &retrieval::script(input, number), 0).await?;
                progress.done("");
            }
            memory.close().await?;
            sizes.push(path.metadata().with_context(|| format!("can't read {}", path.display()))?.len());
        }
        let queries: Vec<Query> = (0..self.queries).map(|number| self.query(input, number)).collect();
        let (mut scanned, mut by_libsql, mut by_index) = (Vec::new(), Vec::new(), Vec::new());
        let memory = open("embedding=f32-blob,retrieval=scan", &indexed).await?;
        for query in &queries {
            scanned.push(memory.retrieve(query).await?);
            progress.done("");
            by_libsql.push(memory.retrieve_nearest(query).await?.context("there is no index of vectors")?);
            progress.done("");
        }
        memory.close().await?;
        let memory = open("embedding=f32-blob,retrieval=indexed", &indexed).await?;
        for query in &queries {
            by_index.push(memory.retrieve(query).await?);
            progress.done("");
        }
        memory.close().await?;
        drop(progress);
        let (ours, libsql) = (recall(&scanned, &by_index), recall(&scanned, &by_libsql));
        println!("recall at {LIMIT} against the exhaustive scan: {} episodes, {} queries", self.episodes, self.queries);
        println!("  retrieval=indexed          {ours:.4}");
        println!("  libSQL's index of vectors  {libsql:.4}");
        let times = sizes[1] as f64 / sizes[0] as f64;
        println!("the database: {} bytes without libSQL's index, {} with it ({times:.1} times)", sizes[0], sizes[1]);
        ensure!(by_index == scanned, "retrieval=indexed must answer like the scan and did not: report this bug");
        ensure!(libsql >= self.least, "libSQL's index of vectors found {libsql:.4}, less than {}", self.least);
        Ok(Exit::Ok)
    }

    /// A task of a stored kind with a number that is not stored; every second one has a context.
    fn query(&self, input: &Input, number: usize) -> Query {
        let start = retrieval::script(input, self.episodes + number).start;
        // The kinds alternate, and tasks with a context must not always have the same kinds.
        let context = (number / KINDS + number).is_multiple_of(2).then_some(start.context);
        Query { text: start.task, context, limit: LIMIT }
    }
}

/// The share of the right results that was found, over all queries.
fn recall(right: &[Vec<Retrieved>], found: &[Vec<Retrieved>]) -> f64 {
    let hits = right
        .iter()
        .zip(found)
        .map(|(right, found)| right.iter().filter(|one| found.iter().any(|other| other.id == one.id)).count());
    hits.sum::<usize>() as f64 / right.iter().map(Vec::len).sum::<usize>() as f64
}
