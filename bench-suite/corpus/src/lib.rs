//! Episodes that benchmarks and load tests run on: imported from real agents, or generated from a seed.
//!
//! - [`mod@import`] reads SWE-agent trajectories.
//! - [`mod@generate`] makes episodes that are shaped like the imported ones, for a machine that has none.
//! - [`mod@shape`] measures a corpus, and shows how near two of them are.
//!
//! The file format is `episodes::corpus`: this crate reads and writes no corpus files.

pub mod generate;
pub mod import;
pub mod shape;

/// The complexity of a task, judged by its number of steps.
fn complexity(steps: usize) -> episodes::Complexity {
    match steps {
        0..=5 => episodes::Complexity::Simple,
        6..=20 => episodes::Complexity::Moderate,
        _ => episodes::Complexity::Complex,
    }
}

/// Parameters or metadata.
fn named(pairs: impl IntoIterator<Item = (&'static str, String)>) -> std::collections::BTreeMap<String, String> {
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}
