//! `assay recall`: the share of an exhaustive scan's results that the retrieval indexes find, by size of the store,
//! kind of query and data, and the size of libSQL's index on the disk.
//!
//! It checks answers. Of times it states one ratio, of medians that were measured in turns in one process.

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
use workloads::natural::{Asked, Data};
use workloads::recall::{Compared, LIMIT, ScanAndIndex, found_of};

/// Kinds of task among the episodes, as many as in the retrieval benchmarks.
const KINDS: usize = 8;

/// Compare the results of the retrieval indexes with those of an exhaustive scan
#[derive(Debug, Args)]
#[command(after_help = "\
First, memories that scan and memories with retrieval=indexed hold the same episodes, of two kinds of data:
  text     tasks of 30 words of a vocabulary of 20,000 under Zipf's law; embeddings are hashed words
  vectors  embeddings of 384 dimensions in 1,000 clusters, as models give them
Both are asked in turns for the 10 best: for stored tasks, for new ones of the same kind, and for tasks that are unlike
anything stored; every second query has a context. The table shows the recall, how many times as fast the median
retrieval is, and how many episodes were scored for one query.

Then the same completed episodes are stored in two database files, one without libSQL's index of vectors and one with
it, and the 10 best for tasks like the stored ones are retrieved: by a scan, by retrieval=indexed, and by libSQL's index
(embedding=f32-blob; it ignores contexts, so it is no strategy of the toggle `retrieval`). The table shows the recall of
both indexes and the sizes of the databases.

Examples:
  assay recall
  assay recall --sizes 1000,100000
  assay recall --episodes 10000 --queries 200
  assay recall --corpus corpus.jsonl")]
pub struct RecallArgs {
    /// The numbers of completed episodes in memory, in rising order
    #[arg(long, value_delimiter = ',', default_values_t = [100, 1_000, 10_000])]
    sizes: Vec<usize>,

    /// The number of completed episodes in the database files
    #[arg(long, default_value_t = 1000)]
    episodes: usize,

    /// The number of queries of each kind
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
        ensure!(
            self.sizes.is_sorted() && self.sizes.first().is_none_or(|least| *least >= LIMIT),
            "--sizes is {:?}: give sizes of at least {LIMIT} in rising order",
            self.sizes
        );
        ensure!(self.queries > 0, "--queries is 0, which compares nothing: give at least 1");
        let input = Source { seed: self.seed, corpus: self.corpus.clone() }.load(KINDS)?;
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().context("no runtime")?;
        runtime.block_on(async {
            let lowest = self.compare_by_size(input.seed).await?;
            let exit = self.compare_databases(&input).await?;
            ensure!(lowest >= self.least, "retrieval=indexed found {lowest:.4}, less than {}", self.least);
            Ok(exit)
        })
    }

    /// Prints the recall for every size, kind of query and kind of data. Returns the lowest.
    async fn compare_by_size(&self, seed: u64) -> Result<f64> {
        println!(
            "recall at {LIMIT} of retrieval=indexed against the exhaustive scan: {} queries of each kind",
            self.queries
        );
        println!("  data     episodes  query   recall  times as fast  scored");
        let mut lowest = 1.0_f64;
        for (name, data) in [("text", Data::Text), ("vectors", Data::Vectors)] {
            let mut pair = ScanAndIndex::open(data, seed).await?;
            let progress = Progress::start(name, self.sizes.last().copied().unwrap_or_default());
            let mut lines = Vec::new();
            for size in &self.sizes {
                while pair.stored() < *size {
                    pair.add().await?;
                    progress.done("");
                }
                for (kind, asked) in [("known", Asked::Known), ("new", Asked::New), ("unlike", Asked::Unlike)] {
                    let Compared { recall, times_as_fast, scored } = pair.compare(asked, self.queries).await?;
                    lines.push(format!(
                        "  {name:<7} {size:>9}  {kind:<6}  {recall:.4}  {times_as_fast:>13.1}  {scored:>6}"
                    ));
                    lowest = lowest.min(recall);
                }
            }
            drop(progress);
            lines.iter().for_each(|line| println!("{line}"));
        }
        println!();
        Ok(lowest)
    }

    async fn compare_databases(&self, input: &Input) -> Result<Exit> {
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
        let (episodes, queries) = (self.episodes, self.queries);
        println!("recall at {LIMIT} against the exhaustive scan of a database: {episodes} episodes, {queries} queries");
        println!("  retrieval=indexed          {ours:.4}");
        println!("  libSQL's index of vectors  {libsql:.4}");
        let times = sizes[1] as f64 / sizes[0] as f64;
        println!("the database: {} bytes without libSQL's index, {} with it ({times:.1} times)", sizes[0], sizes[1]);
        ensure!(ours >= self.least, "retrieval=indexed found {ours:.4}, less than {}", self.least);
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
    let hits = right.iter().zip(found).map(|(right, found)| found_of(right, found));
    hits.sum::<usize>() as f64 / right.iter().map(Vec::len).sum::<usize>() as f64
}
