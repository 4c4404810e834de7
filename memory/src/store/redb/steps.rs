//! Steps, in the order of logging, with an index by episode and number.
//!
//! The index has an episode's row, in the order of creation, instead of its id. So the steps of a moment, and their
//! index entries, go to the same few pages, whichever episodes they belong to: otherwise a batch of 64 steps of 64
//! episodes would rewrite 64 pages, and those above them. Rows and places are counts: of what is there, and of what was
//! deleted.

use std::sync::atomic::{AtomicU64, Ordering};

use ::redb::{
    Database, ReadTransaction, ReadableDatabase, ReadableTable, ReadableTableMetadata, Table, TableDefinition,
    WriteTransaction,
};

use super::ABOUT;
use super::error::BackendResult;
use super::lazy_table::LazyTable;
use crate::store::rows::Rows;
use crate::{EpisodeId, Error};

/// An episode's row.
const ROWS: TableDefinition<'_, u128, u64> = TableDefinition::new("rows");
/// A step's place, by its episode's row and its number.
const PLACES: TableDefinition<'_, (u64, u32), u64> = TableDefinition::new("places");
/// The step in a place.
const STEPS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("steps");

/// Where the counts stand: two numbers of 8 bytes, big-endian.
const REMOVED_KEY: &str = "removed";

/// The rows and steps that were deleted from the file. Changes under the write lock, after the commit.
#[derive(Debug, Default)]
pub(super) struct Removed {
    rows: AtomicU64,
    steps: AtomicU64,
}

impl Removed {
    pub(super) fn read(database: &Database) -> BackendResult<Removed> {
        let about = database.begin_read()?.open_table(ABOUT)?;
        let stored = about.get(REMOVED_KEY)?.and_then(|stored| <[u8; 16]>::try_from(stored.value()).ok());
        let stored = u128::from_be_bytes(stored.unwrap_or_default());
        Ok(Removed { rows: ((stored >> 64) as u64).into(), steps: (stored as u64).into() })
    }

    /// Writes the counts with one row more and so many steps.
    pub(super) fn write(&self, about: &mut Table<'_, &str, &'static [u8]>, steps: u64) -> BackendResult<()> {
        let [rows, steps] = [self.rows() + 1, self.steps() + steps].map(u128::from);
        about.insert(REMOVED_KEY, (rows << 64 | steps).to_be_bytes().as_slice())?;
        Ok(())
    }

    /// What was written is committed.
    pub(super) fn committed(&self, steps: u64) {
        self.rows.fetch_add(1, Ordering::Relaxed);
        self.steps.fetch_add(steps, Ordering::Relaxed);
    }

    fn rows(&self) -> u64 {
        self.rows.load(Ordering::Relaxed)
    }

    fn steps(&self) -> u64 {
        self.steps.load(Ordering::Relaxed)
    }
}

/// Makes the three tables.
pub(super) fn create(transaction: &WriteTransaction) -> BackendResult<()> {
    transaction.open_table(ROWS)?;
    transaction.open_table(PLACES)?;
    transaction.open_table(STEPS)?;
    Ok(())
}

/// The three tables, for writing.
pub(super) struct Steps<'t> {
    removed: &'t Removed,
    known: &'t Rows,
    rows: LazyTable<'t, u128, u64>,
    places: LazyTable<'t, (u64, u32), u64>,
    steps: LazyTable<'t, u64, &'static [u8]>,
}

impl<'t> Steps<'t> {
    pub(super) fn of(transaction: &'t WriteTransaction, removed: &'t Removed, known: &'t Rows) -> Steps<'t> {
        Steps {
            removed,
            known,
            rows: LazyTable::new(transaction, ROWS),
            places: LazyTable::new(transaction, PLACES),
            steps: LazyTable::new(transaction, STEPS),
        }
    }

    /// Gives a new episode its row.
    pub(super) fn start(&mut self, id: EpisodeId) -> BackendResult<()> {
        let rows = self.rows.get()?;
        let row = rows.len()? + self.removed.rows();
        rows.insert(id.0, row)?;
        Ok(())
    }

    /// Adds a step of an episode that has its row.
    pub(super) fn insert(&mut self, id: EpisodeId, number: u32, value: &[u8]) -> BackendResult<()> {
        let row = self.row(id)?;
        let steps = self.steps.get()?;
        let place = steps.len()? + self.removed.steps();
        let places = self.places.get()?;
        let taken = places.insert((row, number), place)?.map(|taken| taken.value());
        if let Some(taken) = taken {
            places.insert((row, number), taken)?; // as it was
            return Err(Error::StepExists { id, number }.into());
        }
        steps.insert(place, value)?;
        Ok(())
    }

    /// The row of an episode.
    fn row(&mut self, id: EpisodeId) -> BackendResult<u64> {
        if let Some(row) = self.known.get(id) {
            return Ok(row);
        }
        let stored = self.rows.get()?.get(id.0)?.map(|row| row.value());
        let row = stored.ok_or(Error::UnknownEpisode { id })?;
        self.known.remember(id, row);
        Ok(row)
    }

    /// Removes an episode's row and steps; the number of steps.
    pub(super) fn remove(&mut self, id: EpisodeId) -> BackendResult<u64> {
        self.known.forget(id);
        let Some(row) = self.rows.get()?.remove(id.0)?.map(|row| row.value()) else { return Ok(0) };
        let range = (row, 0)..=(row, u32::MAX);
        let steps = self.steps.get()?;
        let mut removed = 0;
        for entry in self.places.get()?.extract_from_if(range, |_, _| true)? {
            steps.remove(entry?.1.value())?;
            removed += 1;
        }
        Ok(removed)
    }
}

/// Shows the steps of an episode in the order of their numbers.
pub(super) fn read(
    transaction: &ReadTransaction,
    id: EpisodeId,
    mut each: impl FnMut(&[u8]) -> BackendResult<()>,
) -> BackendResult<()> {
    let Some(row) = transaction.open_table(ROWS)?.get(id.0)?.map(|row| row.value()) else { return Ok(()) };
    let steps = transaction.open_table(STEPS)?;
    for entry in transaction.open_table(PLACES)?.range((row, 0)..=(row, u32::MAX))? {
        let place = entry?.1.value();
        let step = steps
            .get(place)?
            .ok_or_else(|| Error::Envelope { reason: format!("there is no step in place {place}") })?;
        each(step.value())?;
    }
    Ok(())
}

pub(super) fn count(transaction: &ReadTransaction) -> BackendResult<u64> {
    Ok(transaction.open_table(STEPS)?.len()?)
}
