//! The patterns that a transaction changes: each is read once, merged in memory, and written once, however many
//! completions saw it.

use std::collections::BTreeMap;

use crate::buffers::Buffer;
use crate::{Encoding, Pattern, PatternId, Result};

/// The patterns of a transaction, by their ids.
#[derive(Default)]
pub(super) struct PatternMerger {
    patterns: BTreeMap<PatternId, Merged>,
}

struct Merged {
    pattern: Option<Pattern>, // None: not stored, and not seen either
    changed: bool,
}

impl PatternMerger {
    /// The ids that must be read before merging, each once if they are in order.
    pub(super) fn missing(&self, seen: &[Pattern]) -> Vec<PatternId> {
        seen.iter().map(|pattern| pattern.id).filter(|id| !self.patterns.contains_key(id)).collect()
    }

    /// Takes the stored pattern of this id.
    pub(super) fn read(&mut self, id: PatternId, stored: Option<Pattern>) {
        self.patterns.insert(id, Merged { pattern: stored, changed: false });
    }

    /// Merges the patterns of a completion. All of them were read before.
    pub(super) fn merge(&mut self, seen: &[Pattern]) {
        for pattern in seen {
            let merged = self.patterns.get_mut(&pattern.id).expect("read before");
            merged.changed = true;
            match &mut merged.pattern {
                Some(merged) => merged.merge(pattern),
                none @ None => *none = Some(pattern.clone()),
            }
        }
    }

    /// Takes the patterns of a deleted episode away. All of them were read before.
    pub(super) fn unmerge(&mut self, seen: &[Pattern]) {
        for pattern in seen {
            let merged = self.patterns.get_mut(&pattern.id).expect("read before");
            if let Some(stored) = &mut merged.pattern {
                merged.changed = true;
                if !stored.unmerge(pattern) {
                    merged.pattern = None;
                }
            }
        }
    }

    /// The patterns to be written, in the order of ids.
    pub(super) fn changed(&self, encoding: &Encoding) -> Result<Vec<(PatternId, Buffer)>> {
        let changed =
            self.patterns.values().filter(|merged| merged.changed).filter_map(|merged| merged.pattern.as_ref());
        changed.map(|pattern| Ok((pattern.id, encoding.encode(pattern)?))).collect()
    }

    /// The stored patterns of which nothing is left, in the order of ids.
    pub(super) fn gone(&self) -> impl Iterator<Item = PatternId> {
        self.patterns.iter().filter(|(_, merged)| merged.changed && merged.pattern.is_none()).map(|(id, _)| *id)
    }
}
