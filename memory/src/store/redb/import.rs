//! The import of rows into a local tier, and the generation of the record that it mirrors.

use super::{ABOUT, EMBEDDINGS, GENERATION_KEY, HEADS, PATTERNS, Redb};
use crate::store::files;
use crate::{EpisodeId, Head, Result};

/// A stored row of the record, from which a local tier is rebuilt.
pub(in crate::store) enum ExportedRow {
    Episode { head: Vec<u8>, embedding: Option<Vec<u8>> },
    Step { id: EpisodeId, number: u32, value: Vec<u8> },
    Pattern { id: u64, value: Vec<u8> },
}

impl Redb {
    /// Imports rows, before anybody else writes to this store.
    pub(in crate::store) fn import(&self, rows: &[ExportedRow]) -> Result<()> {
        self.commit_paced("rebuilding the local tier", |transaction| {
            let mut heads = transaction.open_table(HEADS)?;
            let mut embeddings = transaction.open_table(EMBEDDINGS)?;
            let mut steps = self.steps(transaction);
            let mut patterns = transaction.open_table(PATTERNS)?;
            for row in rows {
                match row {
                    ExportedRow::Episode { head, embedding } => {
                        let decoded: Head = self.encoding.decode(head)?;
                        heads.insert(decoded.id.0, head.as_slice())?;
                        steps.start(decoded.id)?;
                        if let Some(embedding) = embedding {
                            embeddings.insert(decoded.id.0, embedding.as_slice())?;
                        }
                        self.indexes.insert(transaction, &decoded)?;
                    }
                    ExportedRow::Step { id, number, value } => steps.insert(*id, *number, value)?,
                    ExportedRow::Pattern { id, value } => drop(patterns.insert(*id, value.as_slice())?),
                }
            }
            Ok(())
        })
    }

    /// Bytes of the file.
    pub(in crate::store) fn stored_bytes(&self) -> u64 {
        files::size_bytes(std::slice::from_ref(&self.path))
    }

    /// The generation of the record with which this tier was closed, if it was closed.
    pub(in crate::store) fn generation(&self) -> Result<Option<Vec<u8>>> {
        self.read("reading the tier's generation", |transaction| {
            Ok(transaction.open_table(ABOUT)?.get(GENERATION_KEY)?.map(|generation| generation.value().to_vec()))
        })
    }

    /// Sets the mirrored generation, or none. Synced, with all before.
    pub(in crate::store) async fn set_generation(&self, generation: Option<&[u8]>) -> Result<()> {
        let _writing = self.write_lock.lock().await;
        self.commit("writing the tier's generation", true, |transaction| {
            let mut about = transaction.open_table(ABOUT)?;
            match generation {
                Some(generation) => drop(about.insert(GENERATION_KEY, generation)?),
                None => drop(about.remove(GENERATION_KEY)?),
            }
            Ok(())
        })
    }
}
