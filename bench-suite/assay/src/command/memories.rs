//! `assay memories`: other memories of agents beside ours, under the same operations.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use baselines::exit_code::Exit;
use clap::Args;
use harness::workspace;
use memories::adapter::{self, MemoryAdapter};
use memories::measure::{self, MemoryPlan, ProgramPlaces};
use memories::results::MemoriesFile;
use memories::table;
use tokio::runtime::Runtime;
use workloads::input::SEED;

/// Measure memories of agents by their adapters: latency, recall, calls to a model, durability
#[derive(Debug, Args)]
#[command(after_help = "\
An adapter is a file in TOML that says how a memory is installed and started, and which calls over MCP or HTTP store,
search and clear; FORMAT.md describes it. Every memory stores the same tasks and gets the same queries. Its model is a
stand-in on this machine, which needs no key and counts its calls. Memories run one after the other.

Examples:
  assay memories --install
  assay memories --adapter mine.toml bench-suite/memories/adapters/memory-mcp.toml --sizes 100,1000,10000
  assay memories --rate 20 --model-delay 300 --json memories.json")]
pub struct MemoriesArgs {
    /// The adapters [default: those in bench-suite/memories/adapters]
    #[arg(long, value_name = "FILE", num_args = 1..)]
    adapter: Vec<PathBuf>,

    /// The numbers of stored episodes, in rising order
    #[arg(long, value_delimiter = ',', default_values_t = [100, 1000])]
    sizes: Vec<usize>,

    /// The queries of each kind (known, reworded), one at a time and at the rate
    #[arg(long, value_name = "N", default_value_t = 50)]
    queries: usize,

    /// Operations per second at the rate, on average
    #[arg(long, value_name = "RATE", default_value_t = 5.0)]
    rate: f64,

    /// How many results of a search count
    #[arg(long, value_name = "K", default_value_t = 10)]
    k: usize,

    /// The delay of each answer of the model, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 0)]
    model_delay: u64,

    /// Run each adapter's install commands first
    #[arg(long)]
    install: bool,

    /// The folder of installed memories [default: target/assay/memories]
    #[arg(long, value_name = "FOLDER")]
    installed: Option<PathBuf>,

    /// The seed of texts and arrivals
    #[arg(long, default_value_t = SEED)]
    seed: u64,

    /// Write the results to this file as JSON [default: target/assay/memories.json]
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

impl MemoriesArgs {
    /// Measures all memories, prints the table and writes the file.
    pub fn execute(&self) -> Result<Exit> {
        self.check()?;
        // All are read before anything is started.
        let adapters = self.adapters()?.iter().map(|file| adapter::read(file)).collect::<Result<Vec<_>>>()?;
        let plan = self.plan()?;
        if self.install {
            for adapter in &adapters {
                measure::install(adapter, &plan.places).with_context(|| format!("can't install {}", adapter.name))?;
            }
        }
        let file = self.measure(adapters, &plan)?;
        print!("{}", table::render(&file));
        let path = self.json.clone().unwrap_or_else(|| workspace::output().join("memories.json"));
        let text = serde_json::to_string_pretty(&file).context("can't serialize the results")?;
        baselines::atomic::write(&path, (text + "\n").as_bytes())?;
        eprintln!("written: {}", path.display());
        let is_whole = file.memories.iter().all(|memory| memory.failed.is_none());
        Ok(if is_whole { Exit::Ok } else { Exit::Invalid })
    }

    fn measure(&self, adapters: Vec<MemoryAdapter>, plan: &MemoryPlan) -> Result<MemoriesFile> {
        let runtime = Runtime::new().context("no runtime")?;
        let mut memories = Vec::new();
        for adapter in adapters {
            memories.push(runtime.block_on(measure::measure(adapter, plan)));
        }
        Ok(MemoriesFile {
            assay_memories: 1,
            seed: self.seed,
            rate: self.rate,
            k: self.k,
            queries: self.queries,
            model_delay_ns: self.model_delay * 1_000_000,
            memories,
        })
    }

    fn check(&self) -> Result<()> {
        ensure!(
            self.sizes.first().is_some_and(|least| *least > 0) && self.sizes.is_sorted_by(|one, next| one < next),
            "--sizes is {:?}: give sizes of at least 1 in rising order",
            self.sizes
        );
        ensure!(self.queries > 0, "--queries is 0, which asks nothing: give at least 1");
        ensure!(self.k > 0, "--k is 0, which finds nothing: give at least 1");
        ensure!(self.rate > 0.0 && self.rate.is_finite(), "--rate is {}: give a number over 0", self.rate);
        Ok(())
    }

    fn adapters(&self) -> Result<Vec<PathBuf>> {
        if !self.adapter.is_empty() {
            return Ok(self.adapter.clone());
        }
        let folder = workspace::root().join("bench-suite/memories/adapters");
        let listed =
            std::fs::read_dir(&folder).with_context(|| format!("no --adapter, and no {}", folder.display()))?;
        let is_adapter = |path: &Path| path.extension().is_some_and(|extension| extension == "toml");
        let mut files: Vec<PathBuf> =
            listed.flatten().map(|entry| entry.path()).filter(|path| is_adapter(path)).collect();
        files.sort();
        Ok(files)
    }

    fn plan(&self) -> Result<MemoryPlan> {
        let program = std::env::current_exe().context("can't find this program")?;
        let programs = program.parent().unwrap_or(Path::new("")).to_owned();
        let installed = self.installed.clone().unwrap_or_else(|| workspace::output().join("memories"));
        let installed =
            std::path::absolute(&installed).with_context(|| format!("{} is no path", installed.display()))?;
        Ok(MemoryPlan {
            sizes: self.sizes.clone(),
            queries: self.queries,
            rate: self.rate,
            k: self.k,
            seed: self.seed,
            model_delay: Duration::from_millis(self.model_delay),
            places: ProgramPlaces { installed, programs },
        })
    }
}
