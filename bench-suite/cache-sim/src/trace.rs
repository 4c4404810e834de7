//! Traces of real caches, from text files in two formats.
//!
//! - **ARC** (Megiddo and Modha, "ARC: a self-tuning, low overhead replacement cache", 2003): a line is
//!   `start count ignored ignored`, and asks for the blocks `start`, `start + 1`, .. one after the other. It has no
//!   times: an access comes every millisecond.
//! - **libCacheSim** as text: a line is `time, id, size[, ..]` with commas or blanks between, times in seconds that
//!   never fall, ids numbers or words. A first line of names and lines that begin with `#` are ignored.
//!
//! Empty lines are ignored in both. Anything else is an error with its file and line. Sizes are not simulated (see
//! [`super`]). Compressed files are not read: run `zstd -d` before.

use std::io::{BufRead, BufReader};
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use clap::ValueEnum;
use memory::cache::CacheLimits;
use memory::hash::fnv1a;

use super::workload::{Access, CAPACITY, Changes, Workload};

/// Between two accesses of a trace without times.
const STEP_NS: u64 = 1_000_000;

/// The most blocks of one line: more is a damaged number and no read.
const BLOCKS_MAX: u64 = 1 << 20;

/// The format of a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TraceFormat {
    /// `start count ignored ignored`: the files of the ARC paper, most of them called .lis
    Arc,
    /// `time, id, size[, ..]`: libCacheSim's text files
    #[value(name = "libcachesim")]
    LibCacheSim,
}

impl TraceFormat {
    /// The format that a file's name tells: `.lis` is ARC's.
    pub fn of(path: &Path) -> TraceFormat {
        let is_arc = path.extension().is_some_and(|extension| extension == "lis");
        if is_arc { TraceFormat::Arc } else { TraceFormat::LibCacheSim }
    }
}

/// Reads a trace. Nothing in it changes or expires; by default, it is replayed against 100 entries. The message of an
/// error names the file and the line.
pub fn read(path: &Path, format: TraceFormat) -> Result<Workload> {
    let file = std::fs::File::open(path).with_context(|| format!("can't read {}", path.display()))?;
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    let mut accesses = Vec::new();
    for (number, line) in (1..).zip(BufReader::new(file).lines()) {
        let place = || format!("{}:{number}", path.display());
        let line = line.with_context(place)?;
        let line = line.trim();
        if line.is_empty() {
            continue;
        }
        match format {
            TraceFormat::Arc => arc(line, &mut accesses).with_context(place)?,
            TraceFormat::LibCacheSim => {
                accesses.extend(lib_cache_sim(line, number, accesses.last()).with_context(place)?)
            }
        }
    }
    let limits = CacheLimits { capacity: CAPACITY, ttl_ns: u64::MAX };
    Ok(Workload { name, accesses, changes: Changes::Never, limits })
}

fn arc(line: &str, accesses: &mut Vec<Access>) -> Result<()> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let [start, count, _, _] = fields[..] else {
        bail!("{} fields: a line is `start count ignored ignored`", fields.len());
    };
    let (start, count) = (number(start, "start")?, number(count, "count")?);
    ensure!((1..=BLOCKS_MAX).contains(&count), "the count is {count}: from 1 to {BLOCKS_MAX} is allowed");
    let end = start.checked_add(count).with_context(|| format!("{start} and {count} blocks are beyond 64 bits"))?;
    for key in start..end {
        accesses.push(Access { at_ns: accesses.len() as u64 * STEP_NS, key });
    }
    Ok(())
}

fn number(field: &str, what: &str) -> Result<u64> {
    field.parse().with_context(|| format!("the {what} `{field}` is no whole number"))
}

/// The access of a line; none for a comment or the names of the columns.
fn lib_cache_sim(line: &str, number: usize, before: Option<&Access>) -> Result<Option<Access>> {
    if line.starts_with('#') {
        return Ok(None);
    }
    let fields: Vec<&str> =
        if line.contains(',') { line.split(',').map(str::trim).collect() } else { line.split_whitespace().collect() };
    let [time, id, size, ..] = fields[..] else {
        bail!("{} fields: a line is `time, id, size`, and what follows is passed over", fields.len());
    };
    let Ok(time_s) = time.parse::<f64>() else {
        // Names of columns stand in front of everything else, and none of them is a number.
        ensure!(number == 1 && size.parse::<u64>().is_err(), "the time `{time}` is no number of seconds");
        return Ok(None);
    };
    ensure!((0.0..1e10).contains(&time_s), "the time {time} is not between 0 and 10,000,000,000 seconds");
    self::number(size, "size")?;
    ensure!(!id.is_empty(), "the id is empty");
    let at_ns = (time_s * 1e9) as u64;
    if let Some(before) = before {
        ensure!(
            at_ns >= before.at_ns,
            "the time {time} is before the one of the access before: sort the trace by time"
        );
    }
    let key = id.parse().unwrap_or_else(|_| fnv1a(id.as_bytes()));
    Ok(Some(Access { at_ns, key }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str, format: TraceFormat) -> Result<Vec<(u64, u64)>> {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        std::fs::write(file.path(), text).expect("it takes text");
        let workload = read(file.path(), format)?;
        Ok(workload.accesses.iter().map(|access| (access.at_ns, access.key)).collect())
    }

    /// The error, without the folder of its file.
    fn error(text: &str, format: TraceFormat) -> String {
        let error = format!("{:#}", parse(text, format).expect_err(text));
        error[error.find(':').expect("a line number")..].to_owned()
    }

    #[test]
    fn an_arc_line_is_a_run_of_blocks() {
        let accesses = parse("5 3 0 0\n\n9 1 7 1\n", TraceFormat::Arc).expect("well formed");
        assert_eq!(accesses, [(0, 5), (1_000_000, 6), (2_000_000, 7), (3_000_000, 9)]);
    }

    #[test]
    fn a_malformed_arc_line_is_named() {
        for (text, message) in [
            ("1 1 0 0\n1 1 0\n", ":2: 3 fields: a line is `start count ignored ignored`"),
            ("x 1 0 0\n", ":1: the start `x` is no whole number: invalid digit found in string"),
            ("1 0 0 0\n", ":1: the count is 0: from 1 to 1048576 is allowed"),
            ("18446744073709551615 2 0 0\n", ":1: 18446744073709551615 and 2 blocks are beyond 64 bits"),
        ] {
            assert_eq!(error(text, TraceFormat::Arc), message);
        }
    }

    #[test]
    fn lib_cache_sims_columns_are_time_id_and_size() {
        let expected = vec![(0, 7), (1_500_000_000, 8), (1_500_000_000, fnv1a(b"page"))];
        let with_names = "time, obj_id, obj_size, next\n0, 7, 4096, 2\n# a comment\n1.5, 8, 1, -1\n1.5, page, 1, -1\n";
        assert_eq!(parse(with_names, TraceFormat::LibCacheSim).expect("well formed"), expected);
        assert_eq!(parse("0 7 4096\n1.5 8 1\n1.5 page 1\n", TraceFormat::LibCacheSim).expect("well formed"), expected);
    }

    #[test]
    fn a_malformed_line_of_lib_cache_sim_is_named() {
        for (text, message) in [
            ("0,1,1\n1,2\n", ":2: 2 fields: a line is `time, id, size`, and what follows is passed over"),
            ("0,1,1\nsoon,2,1\n", ":2: the time `soon` is no number of seconds"),
            ("soon,2,1\n", ":1: the time `soon` is no number of seconds"),
            ("-1,2,1\n", ":1: the time -1 is not between 0 and 10,000,000,000 seconds"),
            ("NaN,2,1\n", ":1: the time NaN is not between 0 and 10,000,000,000 seconds"),
            ("0,1,big\n", ":1: the size `big` is no whole number: invalid digit found in string"),
            ("0,,1\n", ":1: the id is empty"),
            ("2,1,1\n1,2,1\n", ":2: the time 1 is before the one of the access before: sort the trace by time"),
        ] {
            assert_eq!(error(text, TraceFormat::LibCacheSim), message);
        }
    }

    #[test]
    fn bytes_that_are_no_text_and_files_that_are_not_there_are_named() {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        std::fs::write(file.path(), b"0,1,1\n\xff\xfe\n").expect("it takes bytes");
        let error = format!("{:#}", read(file.path(), TraceFormat::LibCacheSim).expect_err("no text"));
        assert!(error.contains(":2: "), "{error}");
        let missing = read(Path::new("no/such.lis"), TraceFormat::Arc).expect_err("is not there").to_string();
        assert_eq!(missing, "can't read no/such.lis");
        assert_eq!(
            [TraceFormat::of(Path::new("P1.lis")), TraceFormat::of(Path::new("a.csv"))],
            [TraceFormat::Arc, TraceFormat::LibCacheSim]
        );
    }
}
