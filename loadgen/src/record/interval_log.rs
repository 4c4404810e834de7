//! Interval logs: an HDR histogram for each second, operation and kind of time, one per line, which HdrHistogram's own
//! tools read as well.
//!
//! The rest of what a run is stands in comments of the same file, as JSON: the header, which says of which plan and
//! shard it is, and the end line, which is missing if the generator died. Times are nanoseconds; FORMAT.md has the
//! fields.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use anyhow::{Context, Result, anyhow, bail, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::interval_log::{
    IntervalLogIterator, IntervalLogWriter, IntervalLogWriterBuilder, LogEntry, Tag,
};
use hdrhistogram::serialization::{Deserializer, V2DeflateSerializer};
use serde::{Deserialize, Serialize};

use super::tally::histogram;
use crate::arrivals::shard::LoadShard;
use crate::health::GeneratorHealth;

/// The version of the header's and the end line's fields.
pub const SCHEMA: u32 = 1;

/// The beginning of a comment that is one of our records.
const OURS: &str = "assay-load ";

/// The kinds of times of an operation: the last part of a tag.
pub const KINDS: [&str; 3] = ["response", "service", "start_lag"];

/// The first record: what was to be sent, and by whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogHeader {
    pub schema: u32,
    /// The name of the workload.
    pub name: String,
    /// A hash of everything that decides what is sent when: the same for all shards of one run.
    pub plan: String,
    pub shard: LoadShard,
    /// The time at which the schedule's clock started, in nanoseconds since 1970.
    pub started_at_ns: u64,
    /// The operations, in the workload's order.
    pub operations: Vec<String>,
}

/// The last record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LogEnd {
    /// Sessions that were played to the end without an error.
    pub sessions: u64,
    /// Counts of errors by message.
    pub errors: BTreeMap<String, u64>,
    pub health: GeneratorHealth,
    /// Reasons not to believe the run: the generator was the bottleneck. Empty in a healthy run.
    pub unhealthy: Vec<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "lowercase")]
enum OwnRecord {
    Header(LogHeader),
    End(LogEnd),
}

/// A second since the start of the schedule's clock, and a tag: `search.response`.
pub type IntervalKey = (u64, String);

/// The times of a second and tag, with their counts. A histogram of them would have 300 KB, almost all of it zeros.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct IntervalTimes(BTreeMap<u64, u64>);

impl IntervalTimes {
    /// Adds a time that occurred so often.
    pub fn add(&mut self, time_ns: u64, count: u64) {
        *self.0.entry(time_ns).or_insert(0) += count;
    }

    /// Adds all of others.
    pub fn add_all(&mut self, others: &IntervalTimes) {
        others.0.iter().for_each(|(time_ns, count)| self.add(*time_ns, *count));
    }

    fn record_in(&self, histogram: &mut Histogram<u64>) {
        self.0.iter().for_each(|(time_ns, count)| histogram.saturating_record_n(*time_ns, *count));
    }
}

/// A whole log.
#[derive(Debug, Clone, PartialEq)]
pub struct IntervalLog {
    pub header: LogHeader,
    pub intervals: BTreeMap<IntervalKey, IntervalTimes>,
    /// None if the generator died.
    pub end: Option<LogEnd>,
}

/// The tag of an operation's times of a kind.
pub fn tag(operation: &str, kind: &str) -> String {
    format!("{operation}.{kind}")
}

/// Begins a log: its times, and the header.
pub fn begin<'a, 'b, W: Write>(
    header: &LogHeader,
    out: &'a mut W,
    serializer: &'b mut V2DeflateSerializer,
) -> Result<IntervalLogWriter<'a, 'b, W, V2DeflateSerializer>> {
    let started = UNIX_EPOCH + Duration::from_nanos(header.started_at_ns);
    let mut builder = IntervalLogWriterBuilder::new();
    builder.with_start_time(started).with_base_time(started);
    let mut log = builder.begin_log_with(out, serializer).context("writing the interval log")?;
    own_record(&mut log, &OwnRecord::Header(header.clone()))?;
    Ok(log)
}

/// Writes the times of one second and tag as a histogram.
pub fn interval<W: Write>(
    log: &mut IntervalLogWriter<'_, '_, W, V2DeflateSerializer>,
    (second, tag): &IntervalKey,
    times: &IntervalTimes,
) -> Result<()> {
    let mut all = histogram();
    times.record_in(&mut all);
    let tag = Tag::new(tag).with_context(|| format!("{tag:?} is no tag of an interval log"))?;
    log.write_histogram(&all, Duration::from_secs(*second), Duration::from_secs(1), Some(tag))
        .map_err(|error| anyhow!("writing the interval log: {error}"))
}

/// Ends a log.
pub fn end<W: Write>(log: &mut IntervalLogWriter<'_, '_, W, V2DeflateSerializer>, end: &LogEnd) -> Result<()> {
    own_record(log, &OwnRecord::End(end.clone()))
}

fn own_record<W: Write>(log: &mut IntervalLogWriter<'_, '_, W, V2DeflateSerializer>, record: &OwnRecord) -> Result<()> {
    let json = serde_json::to_string(record).context("encoding a record")?;
    log.write_comment(&format!("{OURS}{json}")).context("writing the interval log")
}

impl IntervalLog {
    /// Reads the log at `path`.
    pub fn read(path: &Path) -> Result<IntervalLog> {
        let text = std::fs::read(path).with_context(|| format!("can't read {}", path.display()))?;
        IntervalLog::parse(&text).with_context(|| path.display().to_string())
    }

    /// Reads a log. Several lines of one second and tag are added up; a last line that was cut off is left out, and so
    /// is what else a program says: `kubectl logs` has its stderr as well.
    pub fn parse(text: &[u8]) -> Result<IntervalLog> {
        let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let is_ours = |line: &&[u8]| line.starts_with(b"#") || line.starts_with(b"Tag=");
        let text: Vec<u8> =
            text[..whole].split_inclusive(|byte| *byte == b'\n').filter(is_ours).flatten().copied().collect();
        let text = text.as_slice();
        let (mut header, mut end) = (None, None);
        for line in text.split(|byte| *byte == b'\n') {
            let Some(json) = line.strip_prefix(b"#").and_then(|line| line.strip_prefix(OURS.as_bytes())) else {
                continue;
            };
            match serde_json::from_slice(json).context("a record of the log can't be read")? {
                OwnRecord::Header(read) => header = Some(read),
                OwnRecord::End(read) => end = Some(read),
            }
        }
        let header: LogHeader =
            header.context("it is no log of a load test: its header is missing; give the files that --log wrote")?;
        ensure!(header.schema == SCHEMA, "its schema is {}, and this program reads {SCHEMA}", header.schema);
        let mut intervals: BTreeMap<IntervalKey, IntervalTimes> = BTreeMap::new();
        for entry in IntervalLogIterator::new(text) {
            let entry = match entry {
                Ok(LogEntry::Interval(entry)) => entry,
                Ok(LogEntry::StartTime(_) | LogEntry::BaseTime(_)) => continue,
                Err(error) => bail!("a line is no interval: {error:?}"),
            };
            let tag = entry.tag().context("an interval has no tag")?.to_string();
            let bytes = STANDARD.decode(entry.encoded_histogram()).context("a histogram is no base64")?;
            let read: Histogram<u64> = Deserializer::new()
                .deserialize(&mut bytes.as_slice())
                .map_err(|error| anyhow!("a histogram is damaged: {error}"))?;
            let key = (entry.start_timestamp().as_secs(), tag);
            let times = intervals.entry(key).or_default();
            read.iter_recorded().for_each(|some| times.add(some.value_iterated_to(), some.count_at_value()));
        }
        Ok(IntervalLog { header, intervals, end })
    }

    /// The log as it is written: sorted by second and tag.
    pub fn to_text(&self) -> Result<String> {
        let (mut text, mut serializer) = (Vec::new(), V2DeflateSerializer::new());
        let mut log = begin(&self.header, &mut text, &mut serializer)?;
        for (key, times) in &self.intervals {
            interval(&mut log, key, times)?;
        }
        if let Some(own) = &self.end {
            end(&mut log, own)?;
        }
        String::from_utf8(text).context("a tag is not UTF-8")
    }

    /// All times of a kind: of one operation, or of all.
    pub fn total(&self, operation: Option<&str>, kind: &str) -> Histogram<u64> {
        let mut sum = histogram();
        for ((_, found), times) in &self.intervals {
            let matches = match operation {
                Some(operation) => *found == tag(operation, kind),
                None => found.rsplit_once('.').is_some_and(|(_, last)| last == kind),
            };
            if matches {
                times.record_in(&mut sum);
            }
        }
        sum
    }

    /// Percentiles of each operation and kind, for people.
    pub fn summary(&self) -> String {
        let mut text = String::new();
        let ms = |ns: u64| ns as f64 / 1e6;
        for operation in &self.header.operations {
            for kind in KINDS {
                let all = self.total(Some(operation), kind);
                let at = |quantile: f64| ms(all.value_at_quantile(quantile));
                // Writing to a String cannot fail.
                let _ = writeln!(
                    text,
                    "{:<30} {:>8}  p50 {:.3}  p95 {:.3}  p99 {:.3}  p99.9 {:.3} ms",
                    tag(operation, kind),
                    all.len(),
                    at(0.5),
                    at(0.95),
                    at(0.99),
                    at(0.999)
                );
            }
        }
        text
    }
}
