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
    ($($(#[doc = $about:literal])+ $name:ident,)+) => {
        /// All counters of one memory.
        #[derive(Debug, Default)]
        pub struct Counters {
            $($(#[doc = $about])+ pub $name: Counter,)+
        }

        impl Counters {
            /// The names and meanings of all counters, in the order of the table.
            pub const TABLE: &'static [(&'static str, &'static str)] =
                &[$((stringify!($name), concat!($($about),+).trim_ascii()),)+];

            /// Every counter with its present value, zeros included.
            pub fn snapshot(&self) -> BTreeMap<&'static str, u64> {
                BTreeMap::from([$((stringify!($name), self.$name.get()),)+])
            }
        }
    };
}

counters! {
    /// Connections to a database that were opened.
    connections_opened,
    /// Checkouts that were given a connection opened before.
    connections_reused,
    /// Connections that a pool closed because they were idle, old, or more than its limit.
    connections_retired,
    /// Connections by which an adaptive pool raised its limit.
    permits_grown,
    /// Connections by which an adaptive pool lowered its limit.
    permits_shrunk,
    /// TCP connections that were opened to a remote database.
    remote_connections,
    /// Exchanges with a remote database that were waited for: opening a connection, each one of TLS, a request and its
    /// answer.
    remote_round_trips,
    /// Bytes sent to a remote database, HTTP and TLS included.
    bytes_sent,
    /// Bytes received from a remote database, HTTP and TLS included.
    bytes_received,
    /// Statements sent again on a new stream, because the server had forgotten theirs, or the connection broke before
    /// an answer.
    streams_renewed,
    /// Statements that were prepared (parsed and planned).
    statements_prepared,
    /// Executions of a statement prepared before.
    statements_reused,
    /// Transactions that were committed.
    transactions,
    /// Commits that were made durable by a sync to the disk.
    fsyncs,
    /// Steps that were appended to a store.
    steps_appended,
    /// Batches of writes that were committed.
    batches,
    /// Starts, steps and completions that were committed in batches.
    batched_writes,
    /// Those whose commit was shared with others.
    shared_commits,
    /// Those that waited for room in the queue of writes.
    queue_waits,
    /// Rows (or key-value pairs) that were read from a store.
    rows_read,
    /// Times that a store was asked or told something: statements, or, without statements, transactions begun and locks
    /// taken.
    round_trips,
    /// Episodes that were fetched together with others by one question.
    fetched_together,
    /// Episodes that were fetched side by side with others.
    fetched_in_parallel,
    /// Episodes whose metadata was read to be compared one by one.
    metadata_scanned,
    /// Questions about metadata for which the database looked into every episode's JSON.
    metadata_extractions,
    /// Questions about metadata that an index answered; of a database that plans by itself, those whose plan uses it.
    metadata_index_searches,
    /// Questions about tasks that an index of the task type alone helped with.
    single_index_searches,
    /// Questions about tasks that an index of all their columns answered, in order; of a database that plans by itself,
    /// those whose plan uses it.
    composite_index_searches,
    /// Secondary indexes that were made out of what a store held already.
    indexes_built,
    /// Reads that the local tier answered.
    tier_hits,
    /// Reads that the local tier could not answer, and the record did.
    tier_misses,
    /// Times that the local tier was rebuilt from the record.
    tier_rebuilds,
    /// Look-ups that the cache answered.
    cache_hits,
    /// Look-ups that the cache could not answer, expired entries included.
    cache_misses,
    /// Entries that the cache dropped to make room.
    cache_evictions,
    /// Entries that the cache dropped because their time was up.
    cache_expirations,
    /// Entries that a write removed from the cache.
    cache_invalidations,
    /// Times that a cache let an episode or an answer live longer, because it was asked for.
    ttl_extended,
    /// Evictions of something else than what was used longest ago.
    predictive_evictions,
    /// Queries that were answered by an answer at hand.
    query_hits,
    /// Queries that the store had to answer although answers are kept.
    query_misses,
    /// Answers that were dropped to make room for others.
    query_evictions,
    /// Answers that were dropped because their time was up.
    query_expirations,
    /// Answers that were dropped because a write may have changed them.
    query_invalidations,
    /// Buffers that were handed out a second time or later.
    buffers_reused,
    /// Values that were encoded by the codec `json`.
    json_encoded,
    /// Values that were encoded by the codec `messagepack`.
    messagepack_encoded,
    /// Values that were encoded by the codec `postcard`.
    postcard_encoded,
    /// Embeddings that were encoded as JSON.
    json_vectors,
    /// Embeddings that were encoded by postcard.
    postcard_vectors,
    /// Embeddings that were encoded as plain 32-bit floats.
    f32_vectors,
    /// Questions that an index of vectors answered.
    vector_searches,
    /// Values that were decoded, by whichever codec their tag names.
    values_decoded,
    /// Bytes of all encoded values before compression.
    encoded_bytes,
    /// Bytes of all encoded values as stored: tags included, compressed where that paid.
    stored_bytes,
    /// Values that were stored compressed.
    values_compressed,
    /// Values that were stored compressed with a dictionary.
    dictionary_compressed,
    /// Values over the threshold that were stored plain, because compression made them no smaller.
    values_incompressible,
    /// Bytes of the compressed values before compression.
    compressed_bytes_before,
    /// Bytes of the compressed values after it.
    compressed_bytes_after,
    /// Values that were decompressed.
    values_decompressed,
    /// HTTP bodies that went over the wire compressed, in either direction.
    bodies_compressed,
    /// Bytes of those bodies before compression.
    wire_bytes_before,
    /// Bytes of those bodies on the wire.
    wire_bytes_after,
    /// Episodes that a retrieval scored.
    episodes_scored,
    /// Episodes that were put into the index of retrieval, those found at the opening included.
    episodes_indexed,
    /// Retrievals that the index answered.
    index_searches,
    /// Entries of the index's lists that were read.
    postings_read,
    /// Completions of which the index asked the store later whether they happened.
    completions_doubted,
    /// Episodes that somebody got by sharing what the memory holds.
    episodes_shared,
    /// Episodes that somebody got, or the cache kept, as a deep copy.
    episodes_cloned,
    /// Heads, each with its embedding, that a scan ranked where the store showed them.
    heads_shared,
    /// Heads, each with its embedding, that a scan copied to rank the copies.
    heads_cloned,
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
