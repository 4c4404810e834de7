//! One memory that runs, and what the operations of its adapter do to it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use harness::process_group::{self, ProcessGroup};
use harness::words;
use serde_json::{Value as Json, json};

use crate::adapter::{AdapterCall, MemoryAdapter, MemoryProtocol};
use crate::connection::MemoryConnection;
use crate::template::{self, ByName};
use crate::texts::{key, keys_in};

/// The longest time until what is stored can be found, and the time between two looks.
const LONGEST_INDEXING: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Where programs are.
#[derive(Debug, Clone)]
pub struct ProgramPlaces {
    /// The folder of installed memories; each has its own in it.
    pub installed: PathBuf,
    /// The folder of this tree's programs.
    pub programs: PathBuf,
}

/// A memory with its process, if that was started here.
pub struct RunningMemory {
    process: Option<ProcessGroup>,
    connection: MemoryConnection,
    adapter: Arc<MemoryAdapter>,
    places: ByName,
}

/// Runs the command lines that install a memory, in this folder.
pub fn install(adapter: &MemoryAdapter, places: &ProgramPlaces) -> Result<()> {
    let values = places_of(adapter, places);
    for line in &adapter.install {
        let words = filled_words(line, &values)?;
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).stdin(Stdio::null()).stdout(Stdio::from(std::io::stderr()));
        let status = command.status().with_context(|| format!("can't start `{line}`"))?;
        ensure!(status.success(), "`{line}` ended with {status}");
    }
    Ok(())
}

impl RunningMemory {
    /// Starts it on a folder, or connects to the one that runs.
    ///
    /// The process ends with the thread that calls this.
    pub async fn start(
        adapter: &Arc<MemoryAdapter>,
        folder: &Path,
        model_url: &str,
        places: &ProgramPlaces,
    ) -> Result<RunningMemory> {
        let port = process_group::free_port()?;
        let mut values = places_of(adapter, places);
        values.insert("folder".to_owned(), json!(folder.display().to_string()));
        values.insert("port".to_owned(), json!(port));
        values.insert("model_url".to_owned(), json!(model_url));
        let mut process = match &adapter.start {
            Some(line) => Some(started(adapter, line, folder, &values)?),
            None => None,
        };
        let connection = match (adapter.protocol, &mut process) {
            (MemoryProtocol::Mcp, Some(process)) => {
                let connected = MemoryConnection::mcp(process).await;
                connected.with_context(|| with_last_words(&adapter.name, process))?
            }
            (MemoryProtocol::Mcp, None) => bail!("nothing starts it: add `start`"),
            (MemoryProtocol::Http, process) => {
                if let Some(process) = process {
                    process.accept_on(port)?;
                }
                let url = adapter.url.as_deref().unwrap_or("http://127.0.0.1:{{port}}");
                MemoryConnection::http(&template::fill(url, &values)?)?
            }
        };
        Ok(RunningMemory { process, connection, adapter: Arc::clone(adapter), places: values })
    }

    /// The name and version that it tells of itself.
    pub fn says_it_is(&self) -> Option<String> {
        self.connection.says_it_is()
    }

    /// Empties it before anything is stored.
    pub async fn reset(&self) -> Result<()> {
        for call in &self.adapter.reset {
            self.connection.call(call, &self.places).await.context("reset")?;
        }
        Ok(())
    }

    /// Stores an episode. Returns its values for later calls.
    pub async fn ingest(&self, number: usize, task: &str) -> Result<ByName> {
        let mut values = self.places.clone();
        values.insert("key".to_owned(), json!(key(number)));
        values.insert("task".to_owned(), json!(task));
        for call in &self.adapter.ingest {
            let answer = self.connection.call(call, &values).await.context("ingest")?;
            for (name, pointer) in &call.take {
                let taken = at(&answer, pointer).with_context(|| format!("ingest: {name}"))?;
                values.insert(name.clone(), taken.clone());
            }
        }
        Ok(values)
    }

    /// Waits until it says that so many episodes can be found; returns how long that took, if it has a way to say it.
    pub async fn wait_until_indexed(&self, stored: usize) -> Result<Option<Duration>> {
        let Some((call, until)) = &self.adapter.indexed else { return Ok(None) };
        let mut values = self.places.clone();
        values.insert("stored".to_owned(), json!(stored));
        let begun = Instant::now();
        loop {
            let answer = self.connection.call(call, &values).await.context("indexed")?;
            let mut missing = None;
            for (pointer, wanted) in until {
                let wanted = template::fill_value(wanted, &values)?;
                if answer.pointer(pointer) != Some(&wanted) {
                    missing = Some(format!("{pointer} is {}, not {wanted}", shown(answer.pointer(pointer))));
                }
            }
            let Some(missing) = missing else { return Ok(Some(begun.elapsed())) };
            ensure!(
                begun.elapsed() < LONGEST_INDEXING,
                "not indexed within {} s: {missing}",
                LONGEST_INDEXING.as_secs()
            );
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// The numbers of the episodes that a query finds, the best first, `k` at most.
    pub async fn search(&self, query: &str, k: usize) -> Result<Vec<usize>> {
        let mut values = self.places.clone();
        values.insert("query".to_owned(), json!(query));
        values.insert("k".to_owned(), json!(k));
        let answer = self.connection.call(&self.adapter.search, &values).await.context("search")?;
        let found = match &answer {
            // "Nothing was found", in words.
            Json::String(_) => &answer,
            answer => at(answer, &self.adapter.found).context("search: found")?,
        };
        let mut keys = keys_in(&found.to_string());
        keys.truncate(k);
        Ok(keys)
    }

    /// Empties it, if it can be. `stored` has the values of every episode.
    pub async fn clear(&self, stored: &[ByName]) -> Result<bool> {
        for call in &self.adapter.clear {
            self.clear_by(call, stored).await.context("clear")?;
        }
        Ok(!self.adapter.clear.is_empty())
    }

    async fn clear_by(&self, call: &AdapterCall, stored: &[ByName]) -> Result<()> {
        if !call.each {
            self.connection.call(call, &self.places).await?;
            return Ok(());
        }
        for values in stored {
            self.connection.call(call, values).await?;
        }
        Ok(())
    }

    /// Kills it at once, with all that it started. A closed stdin or a signal would let it store what it holds.
    pub fn kill(self) {
        drop(self.process);
    }
}

fn places_of(adapter: &MemoryAdapter, places: &ProgramPlaces) -> ByName {
    let beside = Path::new(".").join(adapter.file.parent().unwrap_or(Path::new("")));
    // Memories run in folders of their own.
    let beside = std::path::absolute(&beside).unwrap_or(beside);
    let installed = places.installed.join(&adapter.name);
    let named = [("installed", installed.as_path()), ("programs", &places.programs), ("adapters", &beside)];
    named.map(|(name, path)| (name.to_owned(), json!(path.display().to_string()))).into()
}

/// The words of a command line. Values may have blanks.
fn filled_words(line: &str, values: &ByName) -> Result<Vec<String>> {
    words::split(line)?.iter().map(|word| template::fill(word, values)).collect()
}

fn started(adapter: &MemoryAdapter, line: &str, folder: &Path, values: &ByName) -> Result<ProcessGroup> {
    let words = filled_words(line, values)?;
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).current_dir(folder);
    for (name, value) in &adapter.environment {
        command.env(name, template::fill(value, values)?);
    }
    match adapter.protocol {
        MemoryProtocol::Mcp => command.stdin(Stdio::piped()).stdout(Stdio::piped()),
        MemoryProtocol::Http => command.stdin(Stdio::null()).stdout(Stdio::null()),
    };
    let started = ProcessGroup::start(command, line);
    started.with_context(|| format!("is {} installed? --install does it", adapter.name))
}

fn with_last_words(name: &str, process: &ProcessGroup) -> String {
    match process.last_words() {
        words if words.is_empty() => format!("{name} can't be asked"),
        words => format!("{name} can't be asked, and wrote `{words}`"),
    }
}

/// The value at a JSON pointer of an answer.
fn at<'a>(answer: &'a Json, pointer: &str) -> Result<&'a Json> {
    answer.pointer(pointer).with_context(|| format!("there is nothing at {pointer} in {}", shown(Some(answer))))
}

/// The beginning of a value, for a message.
fn shown(value: Option<&Json>) -> String {
    value.map_or_else(|| "not there".to_owned(), |value| value.to_string().chars().take(200).collect())
}
