//! `assay hits`: workloads replayed against cache policies.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use baselines::exit_code::Exit;
use clap::Args;
use memory::cache::CacheLimits;
use serde::Serialize;

use cache_sim::columns::Columns;
use cache_sim::trace::{self, TraceFormat};
use cache_sim::workload::{Workload, WorkloadName};
use cache_sim::{CachePolicy, ReplayResult, replay, table};
use workloads::input::SEED;

/// Replay workloads against cache policies: hits, stale serves, evictions
#[derive(Debug, Args)]
#[command(after_help = "\
Nothing is timed: the replay moves the clock, and the same arguments give the same numbers on every machine.

  hits           accesses that the cache served
  against lru    hits beyond those of lru
  stale of hits  hits on an episode that somebody else had changed since; only `expiry` has such changes
  evictions      entries dropped to make room; w-tiny-lfu and s3-fifo also count new entries that they refused
  expirations    entries dropped because their time was up

none, lru, adaptive-ttl and predictive are the strategies of the toggle `cache`, in the memory's own code. w-tiny-lfu
(moka) and s3-fifo (quick_cache) are for comparison. optimum knows the future: if nothing expires, no cache has more
hits.

A trace is text. Its lines are `start count ignored ignored` (the files of the ARC paper), or columns with commas,
semicolons, tabs or blanks between. Columns are known by the names in the first line: `time` (seconds; or time_ms,
time_us, time_ns), `id` and `size`, or a usual synonym. A file without names has the columns time, id and size;
--columns names others.

Examples:
  assay hits                                      all workloads, all policies
  assay hits zipf scan --policy lru,predictive --capacity 500
  assay hits expiry --ttl 30                      what a longer time to live gains, and what it serves stale
  assay hits --trace P1.lis --capacity 32768 --json hits.json
  assay hits --trace ibm.csv --columns time_ms,op,id,size")]
pub struct HitsArgs {
    /// The workloads [default: all, or none with a trace]
    #[arg(value_enum)]
    workloads: Vec<WorkloadName>,

    /// The policies, separated by commas [default: all]
    #[arg(long, value_enum, value_delimiter = ',')]
    policy: Vec<CachePolicy>,

    /// Entries of the cache [default: 100, and 2000 in `expiry`]
    #[arg(long, value_name = "ENTRIES", value_parser = clap::value_parser!(u32).range(1..))]
    capacity: Option<u32>,

    /// The time to live of an entry [default: 2 in `expiry`, unlimited elsewhere]
    #[arg(long, value_name = "SECONDS")]
    ttl: Option<f64>,

    /// Accesses of each workload
    #[arg(long, value_name = "COUNT", default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..))]
    accesses: u64,

    /// The seed of the accesses
    #[arg(long, default_value_t = SEED)]
    seed: u64,

    /// Replay this trace
    #[arg(long, value_name = "FILE")]
    trace: Vec<PathBuf>,

    /// The format of the traces [default: arc for .lis, libcachesim for others]
    #[arg(long, value_enum, requires = "trace")]
    format: Option<TraceFormat>,

    /// The traces' columns, in place of the names in their first line; only time, id and size are read
    #[arg(long, value_name = "NAMES", requires = "trace", value_parser = Columns::parse)]
    columns: Option<Columns>,

    /// Write the outcomes to this file as well, as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// The file of `--json`: FORMAT.md lists its fields.
#[derive(Serialize)]
struct Written {
    assay_hits: u32,
    seed: u64,
    outcomes: Vec<ReplayResult>,
}

impl HitsArgs {
    /// Replays, prints and writes the results.
    pub fn execute(&self) -> Result<Exit> {
        let ttl_ns = self.ttl.map(nanoseconds).transpose()?;
        let workloads = self.workloads()?;
        if let Some(empty) = workloads.iter().find(|workload| workload.accesses.is_empty()) {
            eprintln!("error: {} has no accesses: give another trace", empty.name);
            return Ok(Exit::Nothing);
        }
        let policies = if self.policy.is_empty() { CachePolicy::ALL } else { &self.policy };
        let mut outcomes: Vec<ReplayResult> = Vec::new();
        for workload in &workloads {
            let limits = CacheLimits {
                capacity: self.capacity.map_or(workload.limits.capacity, |entries| entries as usize),
                ttl_ns: ttl_ns.unwrap_or(workload.limits.ttl_ns),
            };
            outcomes.extend(policies.iter().map(|policy| replay(*policy, workload, limits)));
        }
        print!("{}", table::render(&outcomes));
        if let Some(path) = &self.json {
            let written = Written { assay_hits: 1, seed: self.seed, outcomes };
            let text = serde_json::to_string_pretty(&written).context("can't serialize the results")?;
            baselines::atomic::write(path, (text + "\n").as_bytes())?;
        }
        Ok(Exit::Ok)
    }

    fn workloads(&self) -> Result<Vec<Workload>> {
        let names = match &self.workloads[..] {
            [] if self.trace.is_empty() => &WorkloadName::ALL,
            names => names,
        };
        let mut workloads: Vec<Workload> =
            names.iter().map(|name| Workload::make(*name, self.accesses, self.seed)).collect();
        for path in &self.trace {
            let format = self.format.unwrap_or_else(|| TraceFormat::of(path));
            let has_columns = format == TraceFormat::LibCacheSim || self.columns.is_none();
            ensure!(has_columns, "{} is a trace of the ARC paper, which has no --columns", path.display());
            workloads.push(trace::read(path, format, self.columns.as_ref())?);
        }
        Ok(workloads)
    }
}

fn nanoseconds(ttl_s: f64) -> Result<u64> {
    ensure!(ttl_s > 0.0 && ttl_s.is_finite(), "--ttl is {ttl_s}: give seconds above 0");
    Ok((ttl_s * 1e9) as u64)
}
