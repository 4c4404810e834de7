//! `loadgen merge`: the interval logs of several generators as one, and if they are to be believed.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use baselines::exit_code::Exit;
use clap::Parser;

use crate::record::interval_log::IntervalLog;
use crate::record::merge::{MergedLoad, merge};

/// Adds the interval logs of all shards of a load test, exactly
///
/// The sum is invalid, with exit code 3, if a shard is missing, died, was late, was unhealthy or had another plan. All
/// percentiles are those of all requests together, not averages over shards.
#[derive(Debug, Parser)]
#[command(name = "merge")]
pub struct MergeArguments {
    /// The logs of all shards: files, or folders of them
    #[arg(required = true, value_name = "LOG")]
    logs: Vec<PathBuf>,

    /// The file for the sum
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
}

impl MergeArguments {
    /// Reads, adds, writes and judges.
    pub fn execute(&self) -> Result<Exit> {
        let mut logs = Vec::new();
        for path in self.logs.iter().map(|path| files(path)).collect::<Result<Vec<_>>>()?.concat() {
            // A generator that died before its clock started has an empty file: its shard is missing.
            let is_empty = path.metadata().is_ok_and(|data| data.len() == 0);
            if !is_empty {
                logs.push((path.display().to_string(), IntervalLog::read(&path)?));
            }
        }
        let MergedLoad { log, invalid } = merge(logs)?;
        if let Some(path) = &self.log {
            baselines::atomic::write(path, log.to_text()?.as_bytes())?;
        }
        let errors: u64 = log.end.iter().flat_map(|end| end.errors.values()).sum();
        let requests = log.total(None, "response").len();
        println!("{}: {requests} requests, {errors} errors", log.header.name);
        print!("{}", log.summary());
        if let Some(end) = &log.end {
            println!("{}", end.health.line());
            for (message, count) in &end.errors {
                println!("{count} x {message}");
            }
        }
        for reason in &invalid {
            eprintln!("loadgen: invalid: {reason}");
        }
        Ok(match requests {
            _ if !invalid.is_empty() => Exit::Invalid,
            0 => Exit::Nothing,
            _ => Exit::Ok,
        })
    }
}

/// The file itself, or the logs in a folder, also those that are not whole.
fn files(path: &Path) -> Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut found = Vec::new();
    for entry in std::fs::read_dir(path).with_context(|| format!("can't read {}", path.display()))? {
        let file = entry.with_context(|| format!("can't read {}", path.display()))?.path();
        let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if name.ends_with(".hlog") || name.ends_with(".hlog.partial") {
            found.push(file);
        }
    }
    found.sort();
    ensure!(!found.is_empty(), "{} has no .hlog file: give the folder that --log named", path.display());
    Ok(found)
}
