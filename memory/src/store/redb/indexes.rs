//! The secondary indexes of a store, and the look-ups by them.
//!
//! Indexes are tables that exist while a variant that uses them has the store open. An opening builds the missing
//! indexes of its variant from the heads, and drops the others. So nobody searches a stale index, and nobody pays for
//! an unused one. Opening again with the same variant builds nothing. A build reads every head once, in one
//! transaction, so that a kill leaves the index whole or missing.
//!
//! redb has no JSON to look into: metadata under `json-extract` is for stores with SQL.

use ::redb::{
    Database, ReadTransaction, ReadableDatabase, ReadableTable, TableDefinition, TableHandle, UntypedTableHandle,
    WriteTransaction,
};

use super::error::BackendResult;
use super::{HEADS, Redb};
use crate::store::{Newest, blocking, newest};
use crate::variant::{IndexKind, MetadataKind};
use crate::{Counters, Encoding, EpisodeId, Error, Head, Result, Variant};

/// Key, value, episode.
const METADATA: TableDefinition<'_, (&str, &str, u128), ()> = TableDefinition::new("metadata");

/// Strategy `single`: task type, episode.
const TASK_TYPES: TableDefinition<'_, (&str, u128), ()> = TableDefinition::new("task_types");

/// Strategy `composite`: task type, domain, when it started, episode.
const TASKS: TableDefinition<'_, (&str, &str, u64, u128), ()> = TableDefinition::new("tasks");

/// The indexes of a variant.
#[derive(Debug, Clone, Copy)]
pub(super) struct Indexes {
    metadata: MetadataKind,
    tasks: IndexKind,
}

impl Indexes {
    pub(super) fn of(variant: &Variant) -> Indexes {
        Indexes { metadata: variant.metadata, tasks: variant.index }
    }

    /// Builds the missing indexes and drops the unused ones.
    pub(super) fn prepare(self, database: &Database, encoding: &Encoding, counters: &Counters) -> BackendResult<()> {
        let read = database.begin_read()?;
        let tables: Vec<UntypedTableHandle> = read.list_tables()?.collect();
        read.close()?;
        let wanted = [
            (METADATA.name(), self.metadata == MetadataKind::Indexed),
            (TASK_TYPES.name(), self.tasks == IndexKind::Single),
            (TASKS.name(), self.tasks == IndexKind::Composite),
        ];
        let missing = |(name, wanted)| wanted && !tables.iter().any(|table| table.name() == name);
        let [make_metadata, make_types, make_tasks] = wanted.map(missing);
        let make_tasks = make_types || make_tasks; // the variant has one of both
        let unused: Vec<_> = tables.iter().filter(|table| wanted.contains(&(table.name(), false))).collect();
        if !make_metadata && !make_tasks && unused.is_empty() {
            return Ok(());
        }
        let transaction = database.begin_write()?;
        for table in unused {
            transaction.delete_table(table.clone())?;
        }
        // Made without an episode as well, so that no reader ever meets a missing one.
        if self.metadata == MetadataKind::Indexed {
            transaction.open_table(METADATA)?;
        }
        match self.tasks {
            IndexKind::Single => drop(transaction.open_table(TASK_TYPES)?),
            IndexKind::Composite => drop(transaction.open_table(TASKS)?),
        }
        let mut rows = 0u64;
        if make_metadata || make_tasks {
            for entry in transaction.open_table(HEADS)?.iter()? {
                let head: Head = encoding.decode(entry?.1.value())?;
                if make_metadata {
                    insert_metadata(&transaction, &head)?;
                }
                if make_tasks {
                    self.insert_task(&transaction, &head)?;
                }
                rows += 1;
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
            insert_metadata(transaction, head)?;
        }
        self.insert_task(transaction, head)
    }

    /// Removes an episode from every index that the variant has.
    pub(super) fn remove(self, transaction: &WriteTransaction, head: &Head) -> BackendResult<()> {
        if self.metadata == MetadataKind::Indexed {
            let mut table = transaction.open_table(METADATA)?;
            for (key, value) in head.metadata.iter() {
                table.remove((key, value, head.id.0))?;
            }
        }
        let (task_type, domain) = (head.task_type.as_str(), head.context.domain.as_str());
        let (started, id) = newest(head);
        match self.tasks {
            IndexKind::Single => drop(transaction.open_table(TASK_TYPES)?.remove((task_type, id.0))?),
            IndexKind::Composite => drop(transaction.open_table(TASKS)?.remove((task_type, domain, started, id.0))?),
        }
        Ok(())
    }

    fn insert_task(self, transaction: &WriteTransaction, head: &Head) -> BackendResult<()> {
        let (task_type, domain) = (head.task_type.as_str(), head.context.domain.as_str());
        let (started, id) = newest(head);
        match self.tasks {
            IndexKind::Single => drop(transaction.open_table(TASK_TYPES)?.insert((task_type, id.0), ())?),
            IndexKind::Composite => {
                drop(transaction.open_table(TASKS)?.insert((task_type, domain, started, id.0), ())?)
            }
        }
        Ok(())
    }
}

fn insert_metadata(transaction: &WriteTransaction, head: &Head) -> BackendResult<()> {
    if !head.metadata.is_empty() {
        let mut table = transaction.open_table(METADATA)?;
        for (key, value) in head.metadata.iter() {
            table.insert((key, value, head.id.0), ())?;
        }
    }
    Ok(())
}

type Found = BackendResult<Vec<EpisodeId>>;

impl Redb {
    /// The episodes with that metadata, by the strategy of the variant.
    pub(super) fn find_by_metadata(&self, key: &str, value: &str) -> Result<Vec<EpisodeId>> {
        const ACTION: &str = "looking up metadata";
        match self.indexes.metadata {
            MetadataKind::Indexed => self.read(ACTION, |read| self.search_metadata(read, key, value)),
            MetadataKind::Scan | MetadataKind::JsonExtract => {
                blocking(|| self.read(ACTION, |read| self.scan_metadata(read, key, value)))
            }
        }
    }

    /// Strategy `scan`: decodes every head.
    fn scan_metadata(&self, read: &ReadTransaction, key: &str, value: &str) -> Found {
        let (mut ids, mut rows) = (Vec::new(), 0);
        for entry in read.open_table(HEADS)?.iter()? {
            let head: Head = self.encoding.decode(entry?.1.value())?;
            rows += 1;
            if head.metadata.get(key).is_some_and(|stored| stored == value) {
                ids.push(head.id);
            }
        }
        self.counters.metadata_scanned.add(rows);
        self.counters.rows_read.add(rows);
        Ok(ids)
    }

    /// Strategy `indexed`: reads only what it finds.
    fn search_metadata(&self, read: &ReadTransaction, key: &str, value: &str) -> Found {
        let mut ids = Vec::new();
        for entry in read.open_table(METADATA)?.range((key, value, 0)..=(key, value, u128::MAX))? {
            ids.push(EpisodeId(entry?.0.value().2));
        }
        self.counters.metadata_index_searches.increment();
        self.counters.rows_read.add(ids.len() as u64);
        Ok(ids)
    }

    /// The newest episodes of that task type and domain, by the index of the variant.
    pub(super) fn find_by_task(&self, task_type: &str, domain: &str, limit: usize) -> Result<Vec<EpisodeId>> {
        self.read("looking up tasks", |read| match self.indexes.tasks {
            IndexKind::Single => self.search_task_type(read, task_type, domain, limit),
            IndexKind::Composite => self.search_task(read, task_type, domain, limit),
        })
    }

    /// Strategy `single`: reads every head of that task type, and orders those of the domain.
    fn search_task_type(&self, read: &ReadTransaction, task_type: &str, domain: &str, limit: usize) -> Found {
        let heads = read.open_table(HEADS)?;
        let (mut found, mut rows) = (Newest::new(limit), 0);
        for entry in read.open_table(TASK_TYPES)?.range((task_type, 0)..=(task_type, u128::MAX))? {
            let id = entry?.0.value().1;
            let head = heads.get(id)?.ok_or(Error::UnknownEpisode { id: EpisodeId(id) })?;
            let head: Head = self.encoding.decode(head.value())?;
            rows += 2;
            if head.context.domain == domain {
                found.offer(&head);
            }
        }
        self.counters.single_index_searches.increment();
        self.counters.rows_read.add(rows);
        Ok(found.into_ids())
    }

    /// Strategy `composite`: reads the newest matches in order, and stops.
    fn search_task(&self, read: &ReadTransaction, task_type: &str, domain: &str, limit: usize) -> Found {
        let range = (task_type, domain, 0, 0)..=(task_type, domain, u64::MAX, u128::MAX);
        let mut ids = Vec::new();
        for entry in read.open_table(TASKS)?.range(range)?.rev().take(limit) {
            ids.push(EpisodeId(entry?.0.value().3));
        }
        self.counters.composite_index_searches.increment();
        self.counters.rows_read.add(ids.len() as u64);
        Ok(ids)
    }
}
