//! Runs on the disk: their names, folders and call stacks.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use baselines::shard::ShardNumber;
use baselines::{CallStacks, Environment, Run};

use crate::{foreign, workspace};

/// The folder of runs.
pub fn folder() -> PathBuf {
    workspace::output().join("runs")
}

/// A name for a new run: its time and commit, so that names sort by time.
pub fn name(environment: &Environment) -> String {
    let now = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ");
    let commit = environment.commit.get(..8).unwrap_or(&environment.commit);
    format!("{now}-{commit}{}", if environment.dirty { "-dirty" } else { "" })
}

/// The file of a new run. Shards have their number in the name, as their files come together in one folder.
pub fn new_path(environment: &Environment, shard: Option<ShardNumber>) -> PathBuf {
    let shard = shard.map_or_else(String::new, |ShardNumber { number, of }| format!("-shard{number}of{of}"));
    folder().join(format!("{}{shard}.jsonl", name(environment)))
}

/// The current time, in the format of records.
pub fn now() -> String {
    format!("{:.0}", jiff::Timestamp::now())
}

/// Today's date, for exceptions that expire.
pub fn today() -> jiff::civil::Date {
    jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date()
}

/// The path of a run or of another tool's output, from a user's argument: a path, `latest`, or the start of a run's
/// name.
pub fn find(named: &str) -> Result<PathBuf> {
    let path = Path::new(named);
    let is_there = path.is_file() || path.is_dir() || foreign::split(path).1.is_some();
    if named == "latest" {
        return match list()?.pop() {
            Some(_) if is_there => {
                bail!("`latest` means the latest run, but a file has that name: for the file, write `./latest`")
            }
            Some(run) => Ok(run),
            None if is_there => Ok(path.to_owned()),
            None => bail!("there is no run yet: `assay run` makes one"),
        };
    }
    if is_there {
        return Ok(path.to_owned());
    }
    let mut matching = list()?;
    matching.retain(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(named)));
    match (matching.pop(), matching.pop()) {
        (Some(path), None) => Ok(path),
        (None, _) => bail!("there is no run `{named}`: give a path, `latest`, or a name in {}", folder().display()),
        (Some(one), Some(other)) => {
            bail!("`{named}` may be {} or {}: give more of the name", one.display(), other.display())
        }
    }
}

/// The newest run with costs by function; none if there is no such run.
pub fn newest_with_functions() -> Result<Option<Run>> {
    for path in list()?.into_iter().rev() {
        // What can't be read is no profile.
        let Ok(run) = Run::read(&path, false) else { continue };
        if run.measurements.iter().any(|measurement| !measurement.functions.is_empty()) {
            return Ok(Some(run));
        }
    }
    Ok(None)
}

/// The finished runs, by name and so by time.
fn list() -> Result<Vec<PathBuf>> {
    let folder = folder();
    let mut runs = if folder.exists() { files(&folder)? } else { vec![] };
    runs.retain(|run| run.parent() == Some(&folder));
    Ok(runs)
}

/// A run's file, or the finished runs in a folder and below.
pub fn files(path: &Path) -> Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(if is_run(path) { vec![path.to_owned()] } else { vec![] });
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).with_context(|| format!("can't read {}", path.display()))? {
        let found = entry.with_context(|| format!("can't read {}", path.display()))?.path();
        if found.is_dir() {
            files.extend(self::files(&found)?);
        } else if is_run(&found) {
            files.push(found);
        }
    }
    files.sort();
    Ok(files)
}

fn is_run(path: &Path) -> bool {
    let name = path.to_string_lossy();
    // Beside a run, there may be its call stacks and the history of its report.
    name.ends_with(".jsonl") && ![".stacks.jsonl", ".history.jsonl"].iter().any(|end| name.ends_with(end))
}

/// The file of a run's call stacks.
pub fn stacks_path(run: &Path) -> PathBuf {
    run.with_extension("stacks.jsonl")
}

/// Reads a run, or another tool's output ([`foreign`]).
pub fn read(path: &Path, partial: bool) -> Result<Run> {
    if foreign::is_foreign(path) { foreign::read(path) } else { Ok(Run::read(path, partial)?) }
}

/// Writes call stacks beside their run.
pub fn write_stacks(run: &Path, stacks: &[CallStacks]) -> Result<()> {
    let mut text = String::new();
    for stack in stacks {
        text.push_str(&serde_json::to_string(stack).context("can't serialize the call stacks")?);
        text.push('\n');
    }
    Ok(baselines::atomic::write(&stacks_path(run), text.as_bytes())?)
}

/// Reads the call stacks beside a run; empty without such a file.
pub fn read_stacks(run: &Path) -> Result<Vec<CallStacks>> {
    let stacks = stacks_path(run);
    let text = match std::fs::read_to_string(&stacks) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(vec![]),
        Err(error) => return Err(error).with_context(|| format!("can't read {}", stacks.display())),
    };
    let parse = |(number, line)| {
        serde_json::from_str(line).with_context(|| format!("{}:{}: not call stacks", stacks.display(), number + 1))
    };
    text.lines().enumerate().map(parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_beside_a_run_is_no_run() {
        let of = |name: &str| is_run(Path::new(name));
        assert!(of("x.jsonl") && !of("x.stacks.jsonl") && !of("x.history.jsonl") && !of("x.judgement.json"));
    }
}
