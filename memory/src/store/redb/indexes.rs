//! The secondary indexes of a store: tables that exist while a variant that uses them has the store open.
//!
//! An opening builds the missing indexes of its variant from the heads, and drops the others. So nobody searches a
//! stale index, and nobody pays for an unused one. Opening again with the same variant builds nothing. A build reads
//! every head once, in one transaction, so that a kill leaves the index whole or missing.

use std::collections::BTreeSet;

use ::redb::{Database, ReadableDatabase, ReadableTable, TableHandle, WriteTransaction};

use super::HEADS;
use super::error::BackendResult;
use super::metadata::{self, METADATA};
use super::tasks::{self, TASK_TYPES, TASKS};
use crate::variant::{IndexKind, MetadataKind};
use crate::{Counters, Encoding, Head, Variant};

/// The indexes of a variant.
#[derive(Debug, Clone, Copy)]
pub(super) struct Indexes {
    pub(super) metadata: MetadataKind,
    pub(super) tasks: IndexKind,
}

impl Indexes {
    pub(super) fn of(variant: &Variant) -> Indexes {
        Indexes { metadata: variant.metadata, tasks: variant.index }
    }

    /// Builds the missing indexes and drops the unused ones.
    pub(super) fn prepare(self, database: &Database, encoding: &Encoding, counters: &Counters) -> BackendResult<()> {
        let read = database.begin_read()?;
        let there: BTreeSet<String> = read.list_tables()?.map(|table| table.name().to_owned()).collect();
        read.close()?;
        let wanted = [
            (METADATA.name(), self.metadata == MetadataKind::Indexed),
            (TASK_TYPES.name(), self.tasks == IndexKind::Single),
            (TASKS.name(), self.tasks == IndexKind::Composite),
        ];
        if wanted.iter().all(|&(table, wanted)| there.contains(table) == wanted) {
            return Ok(());
        }
        let transaction = database.begin_write()?;
        let missing = |table: &str| !there.contains(table);
        let make_metadata = self.metadata == MetadataKind::Indexed && missing(METADATA.name());
        let make_tasks = match self.tasks {
            IndexKind::Single => missing(TASK_TYPES.name()),
            IndexKind::Composite => missing(TASKS.name()),
        };
        let mut rows = 0u64;
        if make_metadata || make_tasks {
            for entry in transaction.open_table(HEADS)?.iter()? {
                let head: Head = encoding.decode(entry?.1.value())?;
                if make_metadata {
                    metadata::insert(&transaction, &head)?;
                }
                if make_tasks {
                    tasks::insert(&transaction, self.tasks, &head)?;
                }
                rows += 1;
            }
        }
        match self.metadata {
            MetadataKind::Indexed => drop(transaction.open_table(METADATA)?), // no reader ever meets a missing one
            MetadataKind::Scan | MetadataKind::JsonExtract => drop(transaction.delete_table(METADATA)?),
        }
        match self.tasks {
            IndexKind::Single => {
                transaction.open_table(TASK_TYPES)?;
                transaction.delete_table(TASKS)?;
            }
            IndexKind::Composite => {
                transaction.open_table(TASKS)?;
                transaction.delete_table(TASK_TYPES)?;
            }
        }
        transaction.commit()?;
        if rows > 0 {
            counters.indexes_built.add(u64::from(make_metadata) + u64::from(make_tasks));
        }
        Ok(())
    }

    /// Adds a new episode to every index that the variant has.
    pub(super) fn insert(self, transaction: &WriteTransaction, head: &Head) -> BackendResult<()> {
        if self.metadata == MetadataKind::Indexed {
            metadata::insert(transaction, head)?;
        }
        tasks::insert(transaction, self.tasks, head)
    }
}
