//! The columns of a trace by their names, which a header or the user gives.
//!
//! A name may carry the unit of its times: `time_ms`, `timestamp (us)`, `clock [ns]`. Without one, times are seconds.
//! Names that are not known are of columns that are passed over.

use std::borrow::Cow;

use anyhow::{Context, Result, bail, ensure};

/// Names of a column of times, without blanks, lines and case.
const TIME: [&str; 8] = ["time", "timestamp", "ts", "clock", "clocktime", "realtime", "accesstime", "seconds"];
/// Names of a column of ids.
const ID: [&str; 15] = [
    "id",
    "objid",
    "objectid",
    "object",
    "obj",
    "key",
    "anonymizedkey",
    "lbn",
    "lba",
    "block",
    "blockid",
    "blocknumber",
    "blockaddress",
    "itemid",
    "objectkey",
];
/// Names of a column of sizes.
const SIZE: [&str; 7] = ["size", "objsize", "objectsize", "bytes", "sizebytes", "length", "requestsize"];

/// Units of time, and their nanoseconds.
const UNITS: [(&str, f64); 10] = [
    ("s", 1e9),
    ("sec", 1e9),
    ("seconds", 1e9),
    ("ms", 1e6),
    ("milliseconds", 1e6),
    ("us", 1e3),
    ("\u{b5}s", 1e3),
    ("microseconds", 1e3),
    ("ns", 1.0),
    ("nanoseconds", 1.0),
];

/// A place for everything that is read of a line.
#[derive(Debug, Clone, PartialEq)]
pub struct Columns {
    /// How many there are.
    pub(crate) count: usize,
    /// The time, and the nanoseconds of its unit; none if the accesses have no times.
    pub(crate) time: Option<(usize, f64)>,
    /// The id.
    pub(crate) id: usize,
    /// The size, which is checked and not used.
    pub(crate) size: Option<usize>,
}

impl Columns {
    /// `time,id,size`.
    pub(crate) fn usual() -> Columns {
        Columns { count: 3, time: Some((0, 1e9)), id: 1, size: Some(2) }
    }

    /// Columns of these names. One of them must be an id, and no two may mean the same.
    pub(crate) fn named(names: &[impl AsRef<str>]) -> Result<Columns> {
        let names: Vec<(String, Option<f64>)> = names.iter().map(|name| plain(name.as_ref())).collect();
        let place = |known: &[&str], what: &str| -> Result<Option<usize>> {
            let mut places = (0..).zip(&names).filter(|(_, (name, _))| known.contains(&name.as_str()));
            match (places.next(), places.next()) {
                (Some((_, (one, _))), Some((_, (other, _)))) => bail!("both `{one}` and `{other}` may be the {what}"),
                (first, _) => Ok(first.map(|(place, _)| place)),
            }
        };
        let time = place(&TIME, "time")?;
        Ok(Columns {
            count: names.len(),
            time: time.map(|place| (place, names[place].1.unwrap_or(1e9))),
            id: place(&ID, "id")?.context("no column is called `id`")?,
            size: place(&SIZE, "size")?,
        })
    }

    /// Columns as `--columns` has them: names with commas between.
    pub fn parse(names: &str) -> Result<Columns> {
        Columns::named(&names.split(',').collect::<Vec<_>>())
    }
}

/// A name without its unit, blanks, lines and case; and the nanoseconds of the unit.
fn plain(name: &str) -> (String, Option<f64>) {
    let letters =
        |text: &str| text.chars().filter(|letter| letter.is_alphanumeric()).collect::<String>().to_lowercase();
    let lower = name.trim().to_lowercase();
    let unit_of = |text: &str| UNITS.iter().find(|(unit, _)| *unit == text).map(|(_, ns)| *ns);
    let end = lower.trim_end_matches([')', ']']);
    if let Some((name, unit)) = end.rsplit_once(['(', '[', '_', ' '])
        && let Some(ns) = unit_of(unit.trim())
    {
        return (letters(name), Some(ns));
    }
    (letters(&lower), None)
}

/// What stands between the fields of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Separator {
    Letter(char),
    Blanks,
}

impl Separator {
    /// The first of comma, semicolon and tab that a line has; blanks if it has none of them.
    pub(crate) fn of(line: &str) -> Separator {
        let found = [',', ';', '\t'].into_iter().find(|separator| line.contains(*separator));
        found.map_or(Separator::Blanks, Separator::Letter)
    }

    /// The fields of a line. What stands in quotes is one field; two quotes in it are one.
    pub(crate) fn split(self, line: &str) -> Result<Vec<Cow<'_, str>>> {
        let separator = match self {
            Separator::Blanks => return Ok(line.split_whitespace().map(Cow::Borrowed).collect()),
            Separator::Letter(separator) => separator,
        };
        if !line.contains('"') {
            return Ok(line.split(separator).map(|field| Cow::Borrowed(field.trim())).collect());
        }
        let (mut fields, mut field, mut quoted) = (Vec::new(), String::new(), false);
        let mut letters = line.chars().peekable();
        while let Some(letter) = letters.next() {
            match letter {
                '"' if quoted && letters.next_if_eq(&'"').is_some() => field.push('"'),
                '"' => quoted = !quoted,
                _ if letter == separator && !quoted => {
                    fields.push(Cow::Owned(std::mem::take(&mut field).trim().to_owned()));
                }
                _ => field.push(letter),
            }
        }
        ensure!(!quoted, "a quote is not closed");
        fields.push(Cow::Owned(field.trim().to_owned()));
        Ok(fields)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_known_by_their_names() {
        let known = Columns::parse("version,time,op,size,lbn").expect("known");
        assert_eq!(known, Columns { count: 5, time: Some((1, 1e9)), id: 4, size: Some(3) });
        let units = ["time_ms", "Timestamp (ms)", "clock [ms]", "time (milliseconds)"];
        assert!(units.iter().all(|name| Columns::named(&[*name, "object id"]).expect(name).time == Some((0, 1e6))));
        assert_eq!(Columns::parse("client_id,key,key_size").expect("one id").id, 1);
        assert_eq!(Columns::parse("id").expect("no times").time, None);
        let wrong = |names: &str| Columns::parse(names).expect_err(names).to_string();
        assert_eq!(wrong("time,op"), "no column is called `id`");
        assert_eq!(wrong("time,key,lbn"), "both `key` and `lbn` may be the id");
    }

    #[test]
    fn fields_are_split_at_one_separator() {
        fn split(line: &str) -> Vec<Cow<'_, str>> {
            Separator::of(line).split(line).expect(line)
        }
        for line in ["0,a b,1", "0;a b;1", "0\ta b\t1", "0 , \"a b\", 1"] {
            assert_eq!(split(line), ["0", "a b", "1"], "{line}");
        }
        assert_eq!(split("0  a  1"), ["0", "a", "1"]);
        assert_eq!(split(r#"0,"a,""b",1"#), ["0", "a,\"b", "1"]);
        assert!(Separator::Letter(',').split("0,\"a").is_err());
    }
}
