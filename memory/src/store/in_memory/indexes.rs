//! The secondary indexes of the store in memory: by metadata, if the variant has that one, and by task, of one column
//! or of several.

use std::collections::{BTreeMap, BTreeSet};

use crate::store::{Newest, newest};
use crate::variant::{IndexKind, MetadataKind};
use crate::{Counters, EpisodeId, Head, Variant};

/// Texts in two levels, so that a look-up borrows its texts.
type ByTwo<T> = BTreeMap<String, BTreeMap<String, BTreeSet<T>>>;

/// What is stored beside the episodes, to find them by.
pub(super) struct Indexes {
    /// Key, value, episode; `None` where every episode is looked at instead.
    metadata: Option<ByTwo<EpisodeId>>,
    tasks: Tasks,
}

enum Tasks {
    /// Task type, episode.
    Single(BTreeMap<String, BTreeSet<EpisodeId>>),
    /// Task type, domain, when it started and episode.
    Composite(ByTwo<(u64, EpisodeId)>),
}

impl Indexes {
    pub(super) fn of(variant: &Variant) -> Indexes {
        Indexes {
            metadata: (variant.metadata == MetadataKind::Indexed).then(BTreeMap::new),
            tasks: match variant.index {
                IndexKind::Single => Tasks::Single(BTreeMap::new()),
                IndexKind::Composite => Tasks::Composite(BTreeMap::new()),
            },
        }
    }

    pub(super) fn insert(&mut self, head: &Head) {
        if let Some(metadata) = &mut self.metadata {
            for (key, value) in head.metadata.iter() {
                metadata.entry(key.to_owned()).or_default().entry(value.to_owned()).or_default().insert(head.id);
            }
        }
        match &mut self.tasks {
            Tasks::Single(types) => drop(types.entry(head.task_type.clone()).or_default().insert(head.id)),
            Tasks::Composite(types) => {
                let domains = types.entry(head.task_type.clone()).or_default();
                domains.entry(head.context.domain.clone()).or_default().insert(newest(head));
            }
        }
    }

    pub(super) fn remove(&mut self, head: &Head) {
        if let Some(metadata) = &mut self.metadata {
            for (key, value) in head.metadata.iter() {
                remove_two(metadata, key, value, &head.id);
            }
        }
        match &mut self.tasks {
            Tasks::Single(types) => {
                if types.get_mut(&head.task_type).is_some_and(|ids| ids.remove(&head.id) && ids.is_empty()) {
                    types.remove(&head.task_type);
                }
            }
            Tasks::Composite(types) => remove_two(types, &head.task_type, &head.context.domain, &newest(head)),
        }
    }

    /// The episodes with that metadata; `None` without an index of it.
    pub(super) fn by_metadata(&self, key: &str, value: &str) -> Option<Vec<EpisodeId>> {
        let found = self.metadata.as_ref()?.get(key).and_then(|values| values.get(value));
        Some(found.into_iter().flatten().copied().collect())
    }

    /// The newest episodes of that task type and domain. `head_of` knows every episode.
    pub(super) fn by_task<'a>(
        &self,
        task_type: &str,
        domain: &str,
        limit: usize,
        head_of: impl Fn(EpisodeId) -> Option<&'a Head>,
        counters: &Counters,
    ) -> Vec<EpisodeId> {
        match &self.tasks {
            Tasks::Single(types) => {
                let (mut newest, mut rows) = (Newest::new(limit), 0);
                for head in types.get(task_type).into_iter().flatten().filter_map(|&id| head_of(id)) {
                    rows += 1;
                    if head.context.domain == domain {
                        newest.offer(head);
                    }
                }
                counters.single_index_searches.increment();
                counters.rows_read.add(rows);
                newest.into_ids()
            }
            Tasks::Composite(types) => {
                let found = types.get(task_type).and_then(|domains| domains.get(domain));
                let newest = found.into_iter().flat_map(|episodes| episodes.iter().rev());
                let ids: Vec<EpisodeId> = newest.take(limit).map(|&(_, id)| id).collect();
                counters.composite_index_searches.increment();
                counters.rows_read.add(ids.len() as u64);
                ids
            }
        }
    }
}

/// Removes an entry, and the texts that nothing else stands under.
fn remove_two<T: Ord>(index: &mut ByTwo<T>, first: &str, second: &str, entry: &T) {
    let Some(seconds) = index.get_mut(first) else { return };
    if seconds.get_mut(second).is_some_and(|entries| entries.remove(entry) && entries.is_empty()) {
        seconds.remove(second);
    }
    if seconds.is_empty() {
        index.remove(first);
    }
}
