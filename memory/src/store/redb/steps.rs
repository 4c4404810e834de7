//! Steps, in the order of logging, with an index by episode and number.
//!
//! The index has an episode's row, in the order of creation, instead of its id. So the steps of a moment, and their
//! index entries, go to the same few pages, whichever episodes they belong to: otherwise a batch of 64 steps of 64
//! episodes would rewrite 64 pages, and those above them. Rows and places are counts, because nothing is ever deleted.

use ::redb::{ReadTransaction, ReadableTable, ReadableTableMetadata, Table, TableDefinition, WriteTransaction};

use super::error::BackendResult;
use crate::{EpisodeId, Error};

/// An episode's row.
const ROWS: TableDefinition<'_, u128, u64> = TableDefinition::new("rows");
/// A step's place, by its episode's row and its number.
const PLACES: TableDefinition<'_, (u64, u32), u64> = TableDefinition::new("places");
/// The step in a place.
const STEPS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("steps");

/// The three tables, open for writing.
pub(super) struct Steps<'t> {
    rows: Table<'t, u128, u64>,
    places: Table<'t, (u64, u32), u64>,
    steps: Table<'t, u64, &'static [u8]>,
}

impl<'t> Steps<'t> {
    pub(super) fn open(transaction: &'t WriteTransaction) -> BackendResult<Steps<'t>> {
        Ok(Steps {
            rows: transaction.open_table(ROWS)?,
            places: transaction.open_table(PLACES)?,
            steps: transaction.open_table(STEPS)?,
        })
    }

    /// Gives a new episode its row.
    pub(super) fn start(&mut self, id: EpisodeId) -> BackendResult<()> {
        let row = self.rows.len()?;
        self.rows.insert(id.0, row)?;
        Ok(())
    }

    /// Adds a step of an episode that has its row.
    pub(super) fn insert(&mut self, id: EpisodeId, number: u32, value: &[u8]) -> BackendResult<()> {
        let Some(row) = self.rows.get(id.0)?.map(|row| row.value()) else {
            return Err(Error::UnknownEpisode { id }.into());
        };
        if self.places.get((row, number))?.is_some() {
            return Err(Error::StepExists { id, number }.into());
        }
        let place = self.steps.len()?;
        self.steps.insert(place, value)?;
        self.places.insert((row, number), place)?;
        Ok(())
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
