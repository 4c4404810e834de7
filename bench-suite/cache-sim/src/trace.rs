//! Traces of real caches, from text files in two formats.
//!
//! - **ARC** (Megiddo and Modha, "ARC: a self-tuning, low overhead replacement cache", 2003): a line is
//!   `start count ignored ignored`, and asks for the blocks `start`, `start + 1`, .. one after the other.
//! - **Columns**, as libCacheSim and many others write them: with commas, semicolons, tabs or blanks between, times
//!   that never fall, ids that are numbers or words. The columns are known by their names ([`Columns`]): from the user,
//!   from a header, or from a comment in its place. Without names, a line is `time, id, size` and nothing else.
//!
//! An access without a time comes a millisecond after the one before. Empty lines, and lines that begin with `#`, are
//! no accesses. Anything else is an error with its file and line. Sizes are not simulated (see [`super`]). Compressed
//! files are not read.

use std::io::{BufRead, BufReader};
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail, ensure};
use clap::ValueEnum;
use memory::cache::CacheLimits;
use memory::hash::fnv1a;

use super::columns::{Columns, Separator};
use super::workload::{Access, CAPACITY, Changes, Workload};

/// Between two accesses of a trace without times.
const STEP_NS: u64 = 1_000_000;

/// The most blocks of one line: more is a damaged number and no read.
const BLOCKS_MAX: u64 = 1 << 20;

/// Beginnings of files that are no text in UTF-8, and what to do about them.
const NO_TEXT: [(&[u8], &str); 5] = [
    (b"\x28\xb5\x2f\xfd", "compressed with zstd: run `zstd -d` before"),
    (b"\x1f\x8b", "compressed with gzip: run `gzip -d` before"),
    (b"\xfd7zXZ", "compressed with xz: run `xz -d` before"),
    (b"\xff\xfe", "UTF-16 text: run `iconv -f UTF-16 -t UTF-8` before"),
    (b"\xfe\xff", "UTF-16 text: run `iconv -f UTF-16 -t UTF-8` before"),
];

/// The format of a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TraceFormat {
    /// `start count ignored ignored`: the files of the ARC paper, most of them called .lis
    Arc,
    /// Columns by their names, or `time, id, size`: libCacheSim's text files
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

/// Reads a trace; `columns` are those of a file without names, or in place of the names that it has. Nothing in a trace
/// changes or expires; by default, it is replayed against 100 entries. The message of an error names the file and the
/// line.
pub fn read(path: &Path, format: TraceFormat, columns: Option<&Columns>) -> Result<Workload> {
    let file = std::fs::File::open(path).with_context(|| format!("can't read {}", path.display()))?;
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    let mut file = BufReader::new(file);
    let start = file.fill_buf().with_context(|| format!("can't read {}", path.display()))?;
    if let Some((_, what)) = NO_TEXT.iter().find(|(bytes, _)| start.starts_with(bytes)) {
        bail!("{} is {what}", path.display());
    }
    let mut accesses = Vec::new();
    let mut table = Table { columns: columns.cloned(), ..Table::default() };
    for (number, line) in (1..).zip(file.split(b'\n')) {
        let place = || format!("{}:{number}", path.display());
        let line = line.with_context(place)?;
        let line = std::str::from_utf8(&line).map_err(|_| anyhow!("not UTF-8 text")).with_context(place)?;
        let line = if number == 1 { line.trim_start_matches('\u{feff}') } else { line }.trim();
        if line.is_empty() {
            continue;
        }
        match format {
            TraceFormat::Arc => arc(line, &mut accesses).with_context(place)?,
            TraceFormat::LibCacheSim => table.line(line, &mut accesses).with_context(place)?,
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

/// A file of columns, as far as it was read.
#[derive(Debug, Default)]
struct Table {
    columns: Option<Columns>,
    separator: Option<Separator>,
    /// The last comment, which may be the header.
    comment: String,
}

impl Table {
    /// The access of a line; none for a comment or a header.
    fn line(&mut self, line: &str, accesses: &mut Vec<Access>) -> Result<()> {
        if let Some(comment) = line.strip_prefix('#') {
            comment.clone_into(&mut self.comment);
            return Ok(());
        }
        let is_first = self.separator.is_none();
        let separator = *self.separator.get_or_insert_with(|| Separator::of(line));
        let fields = separator.split(line)?;
        let is_header = is_first && fields.iter().all(|field| field.parse::<f64>().is_err());
        let columns = match &self.columns {
            // The user's names come before those of the file.
            Some(columns) if is_header && columns.time.is_some() => return Ok(()),
            Some(columns) => columns,
            None if is_header => {
                let columns = Columns::named(&fields);
                self.columns = Some(columns.map_err(|why| anyhow!("the header is `{line}`: {why}: {REMEDY}"))?);
                return Ok(());
            }
            None => self.columns.insert(unnamed(&self.comment, separator, fields.len())?),
        };
        let (found, expected) = (fields.len(), columns.count);
        ensure!(found == expected, "{found} fields, and a line of this trace has {expected}");
        let at_ns = match columns.time {
            Some((place, unit_ns)) => time_ns(&fields[place], unit_ns)?,
            None => accesses.len() as u64 * STEP_NS,
        };
        if let Some(size) = columns.size.map(|place| &fields[place]) {
            let is_size = size.parse::<f64>().is_ok_and(|size| size.is_finite() && size >= 0.0);
            ensure!(is_size, "the size `{size}` is no number of bytes");
        }
        let id = &fields[columns.id];
        ensure!(!id.is_empty(), "the id is empty");
        if let (Some(before), Some((place, _))) = (accesses.last(), columns.time) {
            ensure!(
                at_ns >= before.at_ns,
                "the time {} is before the one of the access before: sort the trace by time",
                fields[place]
            );
        }
        accesses.push(Access { at_ns, key: key(id) });
        Ok(())
    }
}

/// What to do about columns that are not known.
const REMEDY: &str = "name the columns, as in `--columns time,op,id,size`";

/// The columns of a file without a header: as the comment before the first line names them, or the usual three.
fn unnamed(comment: &str, separator: Separator, count: usize) -> Result<Columns> {
    let names = separator.split(comment).unwrap_or_default();
    match Columns::named(&names) {
        Ok(columns) if columns.count == count && columns.time.is_some() => Ok(columns),
        _ if count == Columns::usual().count => Ok(Columns::usual()),
        _ => bail!("columns without names ({count} in a line): {REMEDY}"),
    }
}

fn time_ns(time: &str, unit_ns: f64) -> Result<u64> {
    let Ok(number) = time.parse::<f64>() else { bail!("the time `{time}` is no number") };
    let time_ns = number * unit_ns;
    ensure!(
        (0.0..1e19).contains(&time_ns),
        "the time {time} is not between 0 and 10,000,000,000 seconds: name its unit, as in `--columns time_ms,id,size`"
    );
    Ok(time_ns as u64)
}

/// A number stands for itself as long as it is written like one: `7` and `007` are two ids.
fn key(id: &str) -> u64 {
    let number = id.parse::<u64>().ok().filter(|number| number.to_string() == id);
    number.unwrap_or_else(|| fnv1a(id.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str, format: TraceFormat) -> Result<Vec<(u64, u64)>> {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        std::fs::write(file.path(), text).expect("it takes text");
        let workload = read(file.path(), format, None)?;
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
            ("0,1,1\n1,2\n", ":2: 2 fields, and a line of this trace has 3"),
            ("0,1,1\nsoon,2,1\n", ":2: the time `soon` is no number"),
            ("soon,2,1\n", ":1: the time `soon` is no number"),
            ("0,1,big\n", ":1: the size `big` is no number of bytes"),
            ("0,1,-1\n", ":1: the size `-1` is no number of bytes"),
            ("0,,1\n", ":1: the id is empty"),
            ("2,1,1\n1,2,1\n", ":2: the time 1 is before the one of the access before: sort the trace by time"),
        ] {
            assert_eq!(error(text, TraceFormat::LibCacheSim), message);
        }
        for time in ["-1", "NaN", "1700000000000"] {
            let message = error(&format!("{time},2,1\n"), TraceFormat::LibCacheSim);
            assert!(
                message.starts_with(&format!(":1: the time {time} is not between 0 and 10,000,000,000 s")),
                "{message}"
            );
        }
    }

    #[test]
    fn columns_are_never_guessed() {
        for text in ["0,1,A,8371\n", "0,1,901,8371\n", "7\n", "0,1\n", "# made by x\n0,1,901,8371\n"] {
            let message = error(text, TraceFormat::LibCacheSim);
            assert!(message.contains("columns without names") && message.contains("--columns"), "{message}");
        }
        for text in ["version,op,size\n1,2,3\n", "time,key,lbn\n0,1,2\n"] {
            let message = error(text, TraceFormat::LibCacheSim);
            assert!(message.starts_with(":1: the header is `") && message.contains("--columns"), "{message}");
        }
    }

    #[test]
    fn columns_are_read_by_their_names() {
        let expected = vec![(0, 901), (103_000_000, 902)];
        for text in [
            "time_ms,op,id,size\n0,1,901,8371\n103,1,902,31\n",
            "# timestamp (ms), op, object id, size\n0,1,901,8371\n103,1,902,31\n",
            "\u{feff}# by x\r\n\r\nsize;id;time_s\r\n1.0;901;0\r\n1.0;902;0.103\r\n",
        ] {
            assert_eq!(parse(text, TraceFormat::LibCacheSim).expect(text), expected);
        }
    }

    #[test]
    fn ids_that_are_written_differently_are_different() {
        let accesses = parse("0,7,1\n1,007,1\n2,+7,1\n3,-1,1\n", TraceFormat::LibCacheSim).expect("well formed");
        let keys: std::collections::BTreeSet<u64> = accesses.iter().map(|(_, key)| *key).collect();
        assert_eq!(keys.len(), 4);
    }

    #[test]
    fn the_users_columns_come_first() {
        let with = |text: &str, columns: &str| {
            let file = tempfile::NamedTempFile::new().expect("a temporary file");
            std::fs::write(file.path(), text).expect("it takes text");
            let columns = Columns::parse(columns).expect("columns");
            let workload = read(file.path(), TraceFormat::LibCacheSim, Some(&columns)).expect("well formed");
            workload.accesses.iter().map(|access| (access.at_ns, access.key)).collect::<Vec<_>>()
        };
        assert_eq!(with("7\n8\n", "id"), [(0, 7), (1_000_000, 8)]);
        assert_eq!(with("0 PUT 7 1\n2 GET 8 1\n", "time_us,op,id,size"), [(0, 7), (2_000, 8)]);
        assert_eq!(with("time,id,lbn\n0,1,7\n", "time,offset,lbn"), [(0, 7)], "the header is passed over");
    }

    #[test]
    fn what_is_no_text_is_named() {
        for (bytes, what) in
            [(&b"\x28\xb5\x2f\xfd\0\0"[..], "zstd -d"), (b"\x1f\x8b", "gzip -d"), (b"\xff\xfe0\0", "UTF-16")]
        {
            let file = tempfile::NamedTempFile::new().expect("a temporary file");
            std::fs::write(file.path(), bytes).expect("it takes bytes");
            let error = read(file.path(), TraceFormat::LibCacheSim, None).expect_err(what).to_string();
            assert!(error.contains(what), "{error}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_and_files_that_are_not_there_are_named() {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        std::fs::write(file.path(), b"0,1,1\n\xff\xfe\n").expect("it takes bytes");
        let error = format!("{:#}", read(file.path(), TraceFormat::LibCacheSim, None).expect_err("no text"));
        assert!(error.ends_with(":2: not UTF-8 text"), "{error}");
        let missing = read(Path::new("no/such.lis"), TraceFormat::Arc, None).expect_err("is not there").to_string();
        assert_eq!(missing, "can't read no/such.lis");
        assert_eq!(
            [TraceFormat::of(Path::new("P1.lis")), TraceFormat::of(Path::new("a.csv"))],
            [TraceFormat::Arc, TraceFormat::LibCacheSim]
        );
    }
}
