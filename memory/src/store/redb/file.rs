//! The file of a store. A new one is made under another name and renamed when it is complete, so that a kill leaves no
//! half-made store.

use std::path::Path;

use ::redb::{Builder, Database, ReadableDatabase};

use super::error::{BackendResult, opening_error};
use super::{ABOUT, EMBEDDINGS, HEADS, PATTERNS, SCHEMA_KEY, steps};
use crate::store::{SCHEMA_VERSION, SCHEMA_VERSION_OLDEST, files};
use crate::{Error, Result};

/// The most memory for pages, in bytes.
const PAGE_CACHE_BYTES: usize = 256 << 20;

pub(super) fn open_or_create(path: &Path) -> Result<Database> {
    let exists = path.metadata().is_ok_and(|about| about.len() > 0);
    let (file, action) = if exists { (path.to_owned(), "opening") } else { (files::beside(path, "-new"), "creating") };
    if !exists {
        files::remove(&file)?; // what an earlier kill left
    }
    let opened = Builder::new().set_cache_size(PAGE_CACHE_BYTES).create(&file);
    let database = opened.map_err(|error| opening_error(path, action, error))?;
    if exists {
        check_schema(&database, path).map_err(|error| error.at(path, action))?;
    } else {
        write_schema(&database).map_err(|error| error.at(path, action))?;
        files::rename_durably(&file, path)?;
    }
    Ok(database)
}

/// Makes every table but those of the indexes, so that no reader ever misses one.
fn write_schema(database: &Database) -> BackendResult<()> {
    let transaction = database.begin_write()?;
    transaction.open_table(ABOUT)?.insert(SCHEMA_KEY, SCHEMA_VERSION_OLDEST.to_be_bytes().as_slice())?;
    transaction.open_table(HEADS)?;
    transaction.open_table(EMBEDDINGS)?;
    steps::create(&transaction)?;
    transaction.open_table(PATTERNS)?;
    Ok(transaction.commit()?)
}

fn check_schema(database: &Database, path: &Path) -> BackendResult<()> {
    let foreign = |reason: &str| Error::NotAStore { path: path.to_owned(), store: "redb", reason: reason.to_owned() };
    let about = match database.begin_read()?.open_table(ABOUT) {
        Ok(about) => about,
        Err(::redb::TableError::Storage(error)) => return Err(error.into()),
        Err(_) => return Err(foreign("a redb database of something else").into()),
    };
    let version = about.get(SCHEMA_KEY)?.and_then(|version| version.value().try_into().ok().map(u32::from_be_bytes));
    match version {
        Some(SCHEMA_VERSION_OLDEST..=SCHEMA_VERSION) => Ok(()),
        Some(found) => Err(Error::SchemaVersion { path: path.to_owned(), found, expected: SCHEMA_VERSION }.into()),
        None => Err(foreign("a redb database of something else").into()),
    }
}
