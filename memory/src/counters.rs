//! Engagement counters, which show that a strategy did its work.
//!
//! A counter is a line in the one table. Counters only grow, are never reset, and cost one relaxed addition. Nothing
//! inside the memory decides by them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Counts one.
    #[inline]
    pub fn increment(&self) {
        self.add(1);
    }

    /// Counts `amount`.
    #[inline]
    pub fn add(&self, amount: u64) {
        self.0.fetch_add(amount, Ordering::Relaxed);
    }

    /// The count so far.
    #[inline]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

macro_rules! counters {
    ($($name:ident: $about:literal,)+) => {
        /// All counters of one memory.
        #[derive(Debug, Default)]
        pub struct Counters {
            $(#[doc = $about] pub $name: Counter,)+
        }

        impl Counters {
            /// The names and meanings of all counters, in the order of the table.
            pub const TABLE: &'static [(&'static str, &'static str)] = &[$((stringify!($name), $about),)+];

            /// Every counter with its present value, zeros included.
            pub fn snapshot(&self) -> BTreeMap<&'static str, u64> {
                BTreeMap::from([$((stringify!($name), self.$name.get()),)+])
            }
        }
    };
}

counters! {
    connections_opened: "Connections to a database that were opened.",
    connections_reused: "Checkouts that were given a connection opened before.",
    connections_retired: "Connections that a pool closed because they were idle, old, or more than its limit.",
    permits_grown: "Connections by which an adaptive pool raised its limit.",
    permits_shrunk: "Connections by which an adaptive pool lowered its limit.",
    remote_connections: "TCP connections that were opened to a remote database.",
    remote_round_trips: "Exchanges with a remote database that were waited for: opening a connection, each one of \
        TLS, a request and its answer.",
    bytes_sent: "Bytes sent to a remote database, HTTP and TLS included.",
    bytes_received: "Bytes received from a remote database, HTTP and TLS included.",
    streams_renewed: "Statements sent again on a new stream, because the server had forgotten theirs, or the \
        connection broke before an answer.",
    statements_prepared: "Statements that were prepared (parsed and planned).",
    statements_reused: "Executions of a statement prepared before.",
    transactions: "Transactions that were committed.",
    fsyncs: "Commits that were made durable by a sync to the disk.",
    steps_appended: "Steps that were appended to a store.",
    batches: "Batches of writes that were committed.",
    batched_writes: "Starts, steps and completions that were committed in batches.",
    shared_commits: "Those whose commit was shared with others.",
    queue_waits: "Those that waited for room in the queue of writes.",
    rows_read: "Rows (or key-value pairs) that were read from a store.",
    round_trips: "Times that a store was asked or told something: statements, or, without statements, transactions \
        begun and locks taken.",
    fetched_together: "Episodes that were fetched together with others by one question.",
    fetched_in_parallel: "Episodes that were fetched side by side with others.",
    metadata_scanned: "Episodes whose metadata was read to be compared one by one.",
    metadata_extractions: "Questions about metadata for which the database looked into every episode's JSON.",
    metadata_index_searches: "Questions about metadata that an index answered; of a database that plans by itself, \
        those whose plan uses it.",
    single_index_searches: "Questions about tasks that an index of the task type alone helped with.",
    composite_index_searches: "Questions about tasks that an index of all their columns answered, in order; of a \
        database that plans by itself, those whose plan uses it.",
    indexes_built: "Secondary indexes that were made out of what a store held already.",
    tier_hits: "Reads that the local tier answered.",
    tier_misses: "Reads that the local tier could not answer, and the record did.",
    tier_rebuilds: "Times that the local tier was rebuilt from the record.",
    cache_hits: "Look-ups that the cache answered.",
    cache_misses: "Look-ups that the cache could not answer, expired entries included.",
    cache_evictions: "Entries that the cache dropped to make room.",
    cache_expirations: "Entries that the cache dropped because their time was up.",
    cache_invalidations: "Entries that a write removed from the cache.",
    ttl_extended: "Times that a cache let an episode or an answer live longer, because it was asked for.",
    predictive_evictions: "Evictions of something else than what was used longest ago.",
    query_hits: "Queries that were answered by an answer at hand.",
    query_misses: "Queries that the store had to answer although answers are kept.",
    query_evictions: "Answers that were dropped to make room for others.",
    query_expirations: "Answers that were dropped because their time was up.",
    query_invalidations: "Answers that were dropped because a write may have changed them.",
    buffers_reused: "Buffers that were handed out a second time or later.",
    json_encoded: "Values that were encoded by the codec `json`.",
    messagepack_encoded: "Values that were encoded by the codec `messagepack`.",
    postcard_encoded: "Values that were encoded by the codec `postcard`.",
    json_vectors: "Embeddings that were encoded as JSON.",
    postcard_vectors: "Embeddings that were encoded by postcard.",
    f32_vectors: "Embeddings that were encoded as plain 32-bit floats.",
    vector_searches: "Questions that an index of vectors answered.",
    values_decoded: "Values that were decoded, by whichever codec their tag names.",
    encoded_bytes: "Bytes of all encoded values before compression.",
    stored_bytes: "Bytes of all encoded values as stored: tags included, compressed where that paid.",
    values_compressed: "Values that were stored compressed.",
    dictionary_compressed: "Values that were stored compressed with a dictionary.",
    values_incompressible: "Values over the threshold that were stored plain, because compression made them no \
        smaller.",
    compressed_bytes_before: "Bytes of the compressed values before compression.",
    compressed_bytes_after: "Bytes of the compressed values after it.",
    values_decompressed: "Values that were decompressed.",
    bodies_compressed: "HTTP bodies that went over the wire compressed, in either direction.",
    wire_bytes_before: "Bytes of those bodies before compression.",
    wire_bytes_after: "Bytes of those bodies on the wire.",
    episodes_scored: "Episodes that a retrieval scored.",
    episodes_indexed: "Episodes that were put into the index of retrieval, those found at the opening included.",
    index_searches: "Retrievals that the index answered.",
    codes_read: "Codes of episodes from which the index estimated a score.",
    completions_doubted: "Completions of which the index asked the store later whether they happened.",
    episodes_shared: "Episodes that somebody got by sharing what the memory holds.",
    episodes_cloned: "Episodes that somebody got, or the cache kept, as a deep copy.",
    heads_shared: "Heads, each with its embedding, that a scan ranked where the store showed them.",
    heads_cloned: "Heads, each with its embedding, that a scan copied to rank the copies.",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_names_every_counter() {
        let counters = Counters::default();
        counters.cache_hits.increment();
        counters.rows_read.add(3);
        let snapshot = counters.snapshot();
        assert_eq!(snapshot.len(), Counters::TABLE.len());
        assert_eq!((snapshot["cache_hits"], snapshot["rows_read"], snapshot["fsyncs"]), (1, 3, 0));
        assert!(Counters::TABLE.iter().all(|(name, about)| snapshot.contains_key(name) && !about.is_empty()));
    }
}
