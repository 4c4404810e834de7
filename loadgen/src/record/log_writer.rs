//! Writes an interval log while the run goes on: a thread that once a second writes the seconds that are over.
//!
//! The file ends in `.partial` until its end line is written, so that the log of a generator that died never looks
//! whole. Requests only push their times to a list; histograms are made and compressed by the thread.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use hdrhistogram::serialization::V2DeflateSerializer;
use parking_lot::{Condvar, Mutex};

use super::interval_log::{self, IntervalKey, IntervalTimes, KINDS, LogEnd, LogHeader, tag};

/// The times of one request.
#[derive(Debug, Clone, Copy)]
pub struct RequestTimes {
    pub operation: usize,
    /// The second since the start of the schedule's clock in which the answer came.
    pub second: u64,
    /// In the order of [`KINDS`].
    pub times_ns: [u64; 3],
}

/// A log that is being written.
#[derive(Debug)]
pub struct LogWriter {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<Result<()>>>>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    header: Option<LogHeader>,
    times: Vec<RequestTimes>,
    end: Option<LogEnd>,
    abandoned: bool,
}

/// The place of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogPlace {
    Stdout,
    File(PathBuf),
}

impl LogPlace {
    /// `-` is stdout.
    pub fn of(path: &Path) -> LogPlace {
        if path == Path::new("-") { LogPlace::Stdout } else { LogPlace::File(path.to_owned()) }
    }
}

/// The name of a file that is not whole yet.
pub fn partial(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".partial");
    PathBuf::from(name)
}

impl LogWriter {
    /// Opens the file and starts the thread.
    pub fn open(place: LogPlace) -> Result<LogWriter> {
        let out: Box<dyn Write + Send> = match &place {
            LogPlace::Stdout => Box::new(io::stdout()),
            LogPlace::File(path) => {
                let path = partial(path);
                Box::new(File::create(&path).with_context(|| format!("can't create {}", path.display()))?)
            }
        };
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        let run = move || {
            let is_whole = theirs.write(out)?;
            match place {
                LogPlace::File(path) if is_whole => std::fs::rename(partial(&path), &path)
                    .with_context(|| format!("can't rename the log to {}", path.display())),
                _ => Ok(()),
            }
        };
        let thread = thread::Builder::new().name("log".to_owned()).spawn(run).context("starting the log's thread")?;
        Ok(LogWriter { shared, thread: Mutex::new(Some(thread)) })
    }

    /// Writes the header: the schedule's clock has started.
    pub fn begin(&self, header: LogHeader) {
        self.shared.state.lock().header = Some(header);
        self.shared.changed.notify_one();
    }

    /// Adds a request.
    pub fn add(&self, times: RequestTimes) {
        self.shared.state.lock().times.push(times);
    }

    /// Writes what is left and the end line, and gives the file its name.
    pub fn finish(&self, end: LogEnd) -> Result<()> {
        self.shared.state.lock().end = Some(end);
        self.join()
    }

    fn join(&self) -> Result<()> {
        self.shared.changed.notify_one();
        match self.thread.lock().take() {
            Some(thread) => thread.join().map_err(|_| anyhow!("the log's thread panicked"))?,
            None => Ok(()),
        }
    }
}

impl Drop for LogWriter {
    fn drop(&mut self) {
        self.shared.state.lock().abandoned = true;
        // After `finish` there is no thread any more; otherwise the run failed, and has said why.
        let _ = self.join();
    }
}

impl Shared {
    /// True once the end line is written.
    fn write(&self, mut out: Box<dyn Write + Send>) -> Result<bool> {
        let mut state = self.state.lock();
        while state.header.is_none() && !state.abandoned {
            self.changed.wait(&mut state);
        }
        let Some(header) = state.header.clone() else { return Ok(false) };
        drop(state);
        {
            let mut serializer = V2DeflateSerializer::new();
            let mut log = interval_log::begin(&header, &mut out, &mut serializer)?;
            loop {
                let (over, end, abandoned) = self.next();
                for (key, times) in by_interval(&header.operations, &over) {
                    interval_log::interval(&mut log, &key, &times)?;
                }
                if let Some(end) = &end {
                    interval_log::end(&mut log, end)?;
                }
                if end.is_some() || abandoned {
                    drop(log);
                    out.flush().context("writing the interval log")?;
                    return Ok(end.is_some());
                }
            }
        }
    }

    /// Waits a second, or until the end; then takes the requests of all seconds but the last.
    fn next(&self) -> (Vec<RequestTimes>, Option<LogEnd>, bool) {
        let mut state = self.state.lock();
        if state.end.is_none() && !state.abandoned {
            self.changed.wait_for(&mut state, Duration::from_secs(1));
        }
        let (end, abandoned) = (state.end.clone(), state.abandoned);
        let last = state.times.iter().map(|times| times.second).max().unwrap_or(0);
        let is_over = |times: &RequestTimes| end.is_some() || abandoned || times.second < last;
        let (over, open) = std::mem::take(&mut state.times).into_iter().partition(is_over);
        state.times = open;
        (over, end, abandoned)
    }
}

/// Times by second and tag.
pub fn by_interval(operations: &[String], requests: &[RequestTimes]) -> BTreeMap<IntervalKey, IntervalTimes> {
    let mut intervals: BTreeMap<IntervalKey, IntervalTimes> = BTreeMap::new();
    for request in requests {
        for (kind, time_ns) in KINDS.into_iter().zip(request.times_ns) {
            let key = (request.second, tag(&operations[request.operation], kind));
            intervals.entry(key).or_default().add(time_ns, 1);
        }
    }
    intervals
}
