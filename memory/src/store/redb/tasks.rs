//! Episodes by task type and domain, the newest first: by an index of one column, or of all columns of the question and
//! its order.

use ::redb::{ReadTransaction, TableDefinition, WriteTransaction};

use super::error::BackendResult;
use super::{HEADS, Redb};
use crate::store::{Newest, newest};
use crate::variant::IndexKind;
use crate::{EpisodeId, Error, Head};

/// Strategy `single`: task type, episode.
pub(super) const TASK_TYPES: TableDefinition<'_, (&str, u128), ()> = TableDefinition::new("task_types");

/// Strategy `composite`: task type, domain, when it started, episode.
pub(super) const TASKS: TableDefinition<'_, (&str, &str, u64, u128), ()> = TableDefinition::new("tasks");

pub(super) fn insert(transaction: &WriteTransaction, kind: IndexKind, head: &Head) -> BackendResult<()> {
    let (task_type, domain) = (head.task_type.as_str(), head.context.domain.as_str());
    match kind {
        IndexKind::Single => drop(transaction.open_table(TASK_TYPES)?.insert((task_type, head.id.0), ())?),
        IndexKind::Composite => {
            let (started, id) = newest(head);
            transaction.open_table(TASKS)?.insert((task_type, domain, started, id.0), ())?;
        }
    }
    Ok(())
}

impl Redb {
    /// Strategy `single`: reads every head of that task type, and orders those of the domain.
    pub(super) fn search_task_type(
        &self,
        read: &ReadTransaction,
        task_type: &str,
        domain: &str,
        limit: usize,
    ) -> BackendResult<Vec<EpisodeId>> {
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
    pub(super) fn search_task(
        &self,
        read: &ReadTransaction,
        task_type: &str,
        domain: &str,
        limit: usize,
    ) -> BackendResult<Vec<EpisodeId>> {
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
