//! The memory's cases as they appear in records.

use baselines::{CaseKey, Durability};
use workloads::cases::Case;

/// A case's properties in records.
pub trait Recorded {
    /// The benchmark and the variant.
    fn key(&self) -> CaseKey;

    /// The failure that a write survives.
    fn durability(&self) -> Durability;
}

impl Recorded for Case {
    fn key(&self) -> CaseKey {
        CaseKey { benchmark: self.benchmark.name.to_owned(), variant: self.variant.to_string() }
    }

    fn durability(&self) -> Durability {
        if !self.stores() {
            return Durability::Struct;
        }
        match self.variant.durability {
            memory::Durability::Memory => Durability::Memory,
            memory::Durability::Buffered => Durability::Buffered,
            memory::Durability::Committed => Durability::Committed,
            memory::Durability::Fsynced => Durability::Fsynced,
        }
    }
}
