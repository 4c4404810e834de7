//! The patterns that a transaction changes: each read once, merged in memory, and written once, however many completions saw it.

use std::collections::BTreeMap;

use crate::buffers::Buffer;
use crate::{Encoding, Pattern, PatternId, Result};

/// Patterns as they will be, by their ids.
#[derive(Default)]
pub(super) struct Merging {
    patterns: BTreeMap<PatternId, Kept>,
}

struct Kept {
    pattern: Option<Pattern>, // None: not stored, and not seen either
    changed: bool,
}

impl Merging {
    /// Those that must be read before they can be merged, each once if they are in the order of their ids.
    pub(super) fn missing(&self, seen: &[Pattern]) -> Vec<PatternId> {
        seen.iter().map(|pattern| pattern.id).filter(|id| !self.patterns.contains_key(id)).collect()
    }

    /// What the store has under this id.
    pub(super) fn read(&mut self, id: PatternId, stored: Option<Pattern>) {
        self.patterns.insert(id, Kept { pattern: stored, changed: false });
    }

    /// Merges what a completion saw. All of it was read before.
    pub(super) fn merge(&mut self, seen: &[Pattern]) {
        for pattern in seen {
            let kept = self.patterns.get_mut(&pattern.id).expect("read before");
            kept.changed = true;
            match &mut kept.pattern {
                Some(merged) => merged.merge(pattern),
                none @ None => *none = Some(pattern.clone()),
            }
        }
    }

    /// What is to be written, in the order of ids.
    ///
    /// # Errors
    /// As [`Encoding::encode`].
    pub(super) fn changed(&self, encoding: &Encoding) -> Result<Vec<(PatternId, Buffer)>> {
        let changed = self.patterns.values().filter(|kept| kept.changed).filter_map(|kept| kept.pattern.as_ref());
        changed.map(|pattern| Ok((pattern.id, encoding.encode(pattern)?))).collect()
    }
}
