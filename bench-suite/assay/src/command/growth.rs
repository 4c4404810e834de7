//! `assay growth`: the cost of an episode by the number of episodes that are stored already.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use baselines::exit_code::Exit;
use clap::Args;
use harness::progress::Progress;
use memory::Variant;
use tokio::runtime::Builder;
use workloads::growth::{EpisodeCost, Growing, resident_bytes};
use workloads::input::Source;

/// Kinds of task among the episodes, as many as in the retrieval benchmarks.
const KINDS: usize = 8;

/// Episodes that a store gets in a turn.
const IN_A_TURN: usize = 50;

/// Measure how the cost of an episode grows with the number of stored ones
#[derive(Debug, Args)]
#[command(after_help = "\
One store of each size is filled. Then all get 50 more episodes in turns, of five writes each. The table shows the
medians of CPU time and wall time of an episode; the median of the turns' ratios of CPU time to the smallest store, with
the quartiles; and how long it takes to open the store again and retrieve once. Bytes are those of the file, and what
the process holds in RAM more than before the store was filled, each divided by the episodes.

Examples:
  assay growth
  assay growth --variant store=libsql,durability=committed --sizes 1000,10000
  assay growth --variant store=memory,retrieval=indexed --sizes 1000,100000")]
pub struct GrowthArgs {
    /// The toggles of the store, as `memory-server --variant` takes them
    #[arg(long, default_value = "store=redb,durability=buffered,codec=postcard", value_name = "TOGGLES")]
    variant: String,

    /// The numbers of episodes, in rising order
    #[arg(long, value_delimiter = ',', default_values_t = [1_000, 10_000])]
    sizes: Vec<usize>,

    /// The number of turns
    #[arg(long, default_value_t = 20)]
    turns: usize,

    /// The seed of the generated episodes and of ids
    #[arg(long)]
    seed: Option<u64>,

    /// Take the kinds of task from this corpus file instead of generating them
    #[arg(long, value_name = "FILE")]
    corpus: Option<PathBuf>,
}

impl GrowthArgs {
    /// Runs the command.
    pub fn execute(self) -> Result<Exit> {
        ensure!(
            self.sizes.is_sorted() && self.sizes.first().is_some_and(|least| *least > 0),
            "--sizes is {:?}: give sizes of at least 1 in rising order",
            self.sizes
        );
        ensure!(self.turns > 0, "--turns is 0, which measures nothing: give at least 1");
        let variant: Variant = self.variant.parse()?;
        let input = Source { seed: self.seed, corpus: self.corpus.clone() }.load(KINDS)?;
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().context("no runtime")?;
        runtime.block_on(async {
            let progress = Progress::start("filling", self.sizes.iter().sum());
            let (mut stores, mut resident) = (Vec::new(), Vec::new());
            for size in &self.sizes {
                let before = resident_bytes();
                let mut store = Growing::open(&variant, &input).await?;
                while store.episodes() < *size {
                    store.add(1).await?;
                    progress.done("");
                }
                resident.push(before.zip(resident_bytes()).map(|(before, after)| after.saturating_sub(before)));
                stores.push(store);
            }
            drop(progress);
            let progress = Progress::start("turns", self.turns * stores.len());
            let mut costs: Vec<Vec<EpisodeCost>> = vec![Vec::new(); stores.len()];
            for turn in 0..self.turns {
                for number in 0..stores.len() {
                    let number = (number + turn) % stores.len();
                    costs[number].push(stores[number].add(IN_A_TURN).await?);
                    progress.done("");
                }
            }
            drop(progress);
            println!("an episode of 5 writes, {variant}: {} turns of {IN_A_TURN} episodes", self.turns);
            println!(
                "   stored     CPU us    wall us  CPU times the smallest  file bytes  RAM bytes  open ms  open CPU ms"
            );
            for (number, size) in self.sizes.iter().enumerate() {
                let median = |of: fn(&EpisodeCost) -> f64| quartiles(costs[number].iter().map(of).collect())[1] / 1e3;
                let ratios = costs[number].iter().zip(&costs[0]).map(|(one, least)| one.cpu_ns / least.cpu_ns);
                let [low, middle, high] = quartiles(ratios.collect());
                let episodes = stores[number].episodes() as u64;
                let file = stores[number].stored_bytes()?.map(|bytes| bytes / episodes);
                let ram = resident[number].map(|bytes| bytes / *size as u64);
                let open = stores[number].reopen().await?;
                let [wall, cpu] = [open.map(|took| took.wall), open.map(|took| took.cpu)]
                    .map(|took| shown(took.map(|took| took.as_millis())));
                println!(
                    "{size:>9} {:>10.1} {:>10.1}  {:<22}  {:>10}  {:>9}  {wall:>7}  {cpu:>11}",
                    median(|cost| cost.cpu_ns),
                    median(|cost| cost.wall_ns),
                    format!("{middle:.2} [{low:.2}, {high:.2}]"),
                    shown(file),
                    shown(ram)
                );
            }
            Ok(Exit::Ok)
        })
    }
}

/// A number, or that there is none.
fn shown(number: Option<impl ToString>) -> String {
    number.map_or_else(|| "-".to_owned(), |number| number.to_string())
}

/// The lower quartile, the median and the upper quartile.
fn quartiles(mut values: Vec<f64>) -> [f64; 3] {
    values.sort_by(f64::total_cmp);
    [1, 2, 3].map(|quarter| values[(values.len() * quarter / 4).min(values.len() - 1)])
}
