//! The vector index of a database (embedding `f32-blob`): a table of native vectors beside the episodes, and a DiskANN
//! graph.
//!
//! Like the other secondary indexes, it is built when a variant with it opens the database, kept by completions, and
//! dropped by the next variant without it. The embeddings stay with their episodes, so that scans and exports do not
//! need the index. The table is a second copy, which the graph needs, and the graph is several times as large (a test
//! says how much). The length of vectors is part of the table's type, so the table is made for the first vector.
//!
//! A server has other clients. The first completion of any of them makes the index, and the others find it.
//!
//! A zero vector has no angle and is not in the index. The graph is approximate; its results are ordered by true
//! distance.

use std::sync::atomic::{AtomicBool, Ordering};

use ::libsql::{Connection as Database, Row as DbRow, Value};

use super::Libsql;
use super::schema::Sql;
use super::transport::Connection;
use super::values::{BackendResult, exists, first, id_of, key};
use crate::variant::EmbeddingKind;
use crate::{Counters, Encoding, EpisodeId, Result, Variant, embedding};

const REMOVE: &str = "BEGIN IMMEDIATE; DROP INDEX vectors_by_angle; DROP TABLE vectors; COMMIT";

/// The state of the index: wanted by the variant, and made.
pub(super) struct Vectors {
    wanted: bool,
    made: AtomicBool,
}

/// Builds the index from the completed episodes, or drops it.
pub(super) async fn prepare(
    anchor: &mut Connection,
    variant: &Variant,
    encoding: &Encoding,
    counters: &Counters,
) -> BackendResult<Vectors> {
    let wanted = variant.embedding == EmbeddingKind::F32Blob;
    let database = &anchor.database;
    let mut made = exists(database, "vectors").await?;
    if made && !wanted {
        database.execute_batch(REMOVE).await?;
        made = false;
    }
    if wanted && !made {
        let stored =
            |row: &DbRow| BackendResult::Ok((row.get::<i64>(0)?, encoding.decode_vector(&row.get::<Vec<u8>>(1)?)?));
        let stored = anchor.query(Sql::SelectEmbeddings, vec![], stored).await?;
        if let Some((_, first)) = stored.first() {
            anchor.execute(Sql::Begin, vec![]).await?;
            let done = fill(anchor, first.len(), &stored).await;
            match done {
                Ok(()) => anchor.execute(Sql::Commit, vec![]).await.map(drop)?,
                Err(error) => {
                    anchor.roll_back().await?;
                    return Err(error);
                }
            }
            counters.indexes_built.increment();
            made = true;
        }
    }
    Ok(Vectors { wanted, made: AtomicBool::new(made) })
}

async fn fill(anchor: &mut Connection, dimensions: usize, stored: &[(i64, Vec<f32>)]) -> BackendResult<()> {
    make(&anchor.database, dimensions).await?;
    for (episode, vector) in stored.iter().filter(|(_, vector)| has_an_angle(vector)) {
        anchor.execute(Sql::InsertVector, vec![Value::Integer(*episode), native(vector)]).await?;
    }
    Ok(())
}

/// Makes the table and its graph, for vectors of that length, unless another client of a server was quicker.
async fn make(database: &Database, dimensions: usize) -> BackendResult<()> {
    let statements = format!(
        "CREATE TABLE IF NOT EXISTS vectors (episode INTEGER PRIMARY KEY, vector F32_BLOB({dimensions}) NOT NULL);
        CREATE INDEX IF NOT EXISTS vectors_by_angle ON vectors (libsql_vector_idx(vector, 'metric=cosine'))"
    );
    Ok(database.execute_batch(&statements).await.map(drop)?)
}

fn has_an_angle(vector: &[f32]) -> bool {
    vector.iter().any(|&value| value != 0.0)
}

/// A vector in the database: 32-bit floats, little-endian.
fn native(vector: &[f32]) -> Value {
    let mut bytes = Vec::with_capacity(size_of_val(vector));
    embedding::to_le_bytes(vector, &mut bytes);
    Value::Blob(bytes)
}

impl Libsql {
    /// Adds the vector of an episode within the transaction of its completion, which may have made the index before.
    /// Returns true if the index was made for this vector.
    pub(super) async fn index_vector(
        &self,
        writer: &mut Connection,
        id: EpisodeId,
        vector: &[f32],
        made_before: bool,
    ) -> BackendResult<bool> {
        if !self.vectors.wanted || !has_an_angle(vector) {
            return Ok(false);
        }
        let missing = !made_before && !self.vectors.made.load(Ordering::Acquire);
        if missing {
            make(&writer.database, vector.len()).await?;
        }
        writer.execute(Sql::InsertVectorOf, vec![key(id), native(vector)]).await?;
        Ok(missing)
    }

    /// Removes the vector of an episode within the transaction that deletes it.
    pub(super) async fn unindex_vector(&self, writer: &mut Connection, id: EpisodeId) -> BackendResult<()> {
        if self.vectors.wanted && self.vectors_are_made().await? {
            writer.execute(Sql::DeleteVector, vec![key(id)]).await?;
        }
        Ok(())
    }

    /// Notes that the transaction that made the index is committed.
    pub(super) fn vectors_were_made(&self) {
        self.vectors.made.store(true, Ordering::Release);
    }

    /// The index is there, also if another client of the server has made it since the opening.
    async fn vectors_are_made(&self) -> Result<bool> {
        if self.remote && !self.vectors.made.load(Ordering::Acquire) {
            let count = |row: &DbRow| Ok(row.get::<i64>(0)?);
            let made = self.read_rows("looking for the index of vectors", Sql::CountVectors, vec![], count).await?;
            self.vectors.made.fetch_or(first(made) > 0, Ordering::AcqRel);
        }
        Ok(self.vectors.made.load(Ordering::Acquire))
    }

    /// The completed episodes whose vectors point most nearly in the direction of `vector`, with the cosines of their
    /// angles.
    pub(super) async fn find_nearest(&self, vector: &[f32], limit: usize) -> Result<Option<Vec<(EpisodeId, f32)>>> {
        if !self.vectors.wanted {
            return Ok(None);
        }
        if !has_an_angle(vector) || limit == 0 || !self.vectors_are_made().await? {
            return Ok(Some(Vec::new()));
        }
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let parameters = vec![native(vector), Value::Integer(limit)];
        let client = |row: &DbRow| BackendResult::Ok((id_of(row, 0)?, 1.0 - row.get::<f64>(1)? as f32));
        let found = self.waiting(self.read_rows("looking up vectors", Sql::SelectNearest, parameters, client)).await?;
        self.counters.vector_searches.increment();
        Ok(Some(found))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{Codec, Compression};

    #[tokio::test]
    async fn an_index_that_is_there_is_not_made_again() {
        let folder = tempfile::tempdir().unwrap();
        let variant: Variant = "store=libsql,embedding=f32-blob".parse().unwrap();
        let counters = Arc::new(Counters::default());
        let encoding = Encoding::new(Codec::Json, Compression::None, Arc::clone(&counters));
        let store = Libsql::open(&folder.path().join("x.db"), &variant, counters, encoding).await.unwrap();
        let writer = store.writer.checkout().await.unwrap();
        for _client in 0..2 {
            make(&writer.database, 2).await.unwrap();
        }
    }
}
