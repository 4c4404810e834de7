//! The schema version of a file: read and checked before anything else of it.

use std::ops::RangeInclusive;
use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::{Error, Result};

/// The one field that every version of a format has.
#[derive(Deserialize)]
struct Versioned {
    schema: u64,
}

/// Reads JSON that has a schema version. `what` names it in messages; it begins after `lines` lines of the file.
pub(crate) fn read<T: DeserializeOwned>(
    path: &Path,
    lines: usize,
    text: &str,
    known: RangeInclusive<u64>,
    what: &str,
) -> Result<T> {
    let bad = |error: serde_json::Error| {
        let reason = format!("no {what}: {error}");
        Error::BadRecord { path: path.to_owned(), line: lines + error.line(), reason }
    };
    let Versioned { schema } = serde_json::from_str(text).map_err(bad)?;
    check(path, schema, known)?;
    serde_json::from_str(text).map_err(bad)
}

/// Refuses a version that is not among the `known` ones.
pub(crate) fn check(path: &Path, found: u64, known: RangeInclusive<u64>) -> Result<()> {
    if known.contains(&found) { Ok(()) } else { Err(Error::UnknownSchema { path: path.to_owned(), found, known }) }
}
