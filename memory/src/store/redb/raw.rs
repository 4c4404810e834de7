//! redb without a store: one table, one transaction a batch ([`crate::store::raw`]).

use std::path::{Path, PathBuf};

use ::redb::{Database, ReadableDatabase, ReadableTableMetadata, TableDefinition};
use async_trait::async_trait;

use super::error::{BackendError, BackendResult, opening_error};
use crate::store::blocking;
use crate::store::raw::{RawEngine, RawRow};
use crate::{Durability, Result};

const STEPS: TableDefinition<'_, (u128, u32), &[u8]> = TableDefinition::new("steps");

/// A redb file with one table.
pub struct RawRedb {
    database: Database,
    path: PathBuf,
    durability: ::redb::Durability,
}

impl RawRedb {
    pub(in crate::store) fn open(path: &Path, durability: Durability) -> Result<RawRedb> {
        let database = Database::create(path).map_err(|error| opening_error(path, "creating", error))?;
        let durability = match durability {
            Durability::Fsynced => ::redb::Durability::Immediate,
            _ => ::redb::Durability::None,
        };
        Ok(RawRedb { database, path: path.to_owned(), durability })
    }

    fn insert(&self, rows: &[RawRow]) -> BackendResult<()> {
        let mut transaction = self.database.begin_write()?;
        transaction.set_durability(self.durability)?;
        {
            let mut table = transaction.open_table(STEPS)?;
            for RawRow { id, number, value } in rows {
                table.insert((id.0, *number), value.as_slice())?;
            }
        }
        Ok(transaction.commit()?)
    }

    fn at(&self, action: &'static str) -> impl FnOnce(BackendError) -> crate::Error + '_ {
        move |error| error.at(&self.path, action)
    }
}

#[async_trait]
impl RawEngine for RawRedb {
    async fn commit(&mut self, rows: &[RawRow]) -> Result<()> {
        blocking(|| self.insert(rows)).map_err(self.at("committing"))
    }

    async fn count(&mut self) -> Result<u64> {
        let counted = || -> BackendResult<u64> { Ok(self.database.begin_read()?.open_table(STEPS)?.len()?) };
        counted().map_err(self.at("counting"))
    }
}
