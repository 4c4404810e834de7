//! The schema version of a file: read and checked before anything else of it.

use std::ops::RangeInclusive;
use std::path::Path;

use serde::Deserialize;

use crate::{Error, Result};

/// The one field that every version of a format has.
#[derive(Deserialize)]
pub(crate) struct Versioned {
    pub(crate) schema: u64,
}

/// Refuses a version that is not among the `known` ones.
pub(crate) fn check(path: &Path, found: u64, known: RangeInclusive<u64>) -> Result<()> {
    if known.contains(&found) { Ok(()) } else { Err(Error::UnknownSchema { path: path.to_owned(), found, known }) }
}
