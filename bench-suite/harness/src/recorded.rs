//! The memory's cases as they appear in records.

use baselines::{CaseKey, Durability};
use workloads::cases::Case;

/// True if a filter selects a case by its identifier, or by its label as a record has it.
pub fn selects(filter: Option<&str>, id: &str, key: &CaseKey) -> bool {
    filter.is_none_or(|filter| id.contains(filter) || label(key).contains(filter))
}

/// As [`Case::label`]: the benchmark and the strategies that are not the naive ones. Without a variant, the benchmark.
pub fn label(key: &CaseKey) -> String {
    if key.variant.is_empty() {
        return key.benchmark.clone();
    }
    let naive = memory::Variant::naive().to_string();
    let own = key.variant.split(',').filter(|pair| naive.split(',').all(|other| other != *pair));
    format!("{} [{}]", key.benchmark, own.collect::<Vec<_>>().join(","))
}

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

#[cfg(test)]
mod tests {
    use workloads::cases::LISTED;

    use super::*;

    #[test]
    fn a_record_has_the_label_of_its_case() {
        for listed in LISTED {
            let case = listed.resolve(&[]).expect("resolves");
            assert_eq!(label(&case.key()), case.label());
        }
    }
}
