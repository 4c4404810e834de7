//! What a local tier needs beside a store: rows taken over as they stand, and the generation of the record that it mirrors.

use super::steps::Steps;
use super::{ABOUT, EMBEDDINGS, GENERATION_KEY, HEADS, PATTERNS, Redb};
use crate::store::files;
use crate::{EpisodeId, Head, Result};

/// A row of another store, as it stands there: what a local tier is rebuilt from.
pub(in crate::store) enum ExportedRow {
    Episode { head: Vec<u8>, embedding: Option<Vec<u8>> },
    Step { id: EpisodeId, number: u32, value: Vec<u8> },
    Pattern { id: u64, value: Vec<u8> },
}

impl Redb {
    /// Takes over rows of another store, before anybody else writes to this one.
    pub(in crate::store) fn import(&self, rows: &[ExportedRow]) -> Result<()> {
        self.commit_paced("rebuilding the local tier", |transaction| {
            let mut heads = transaction.open_table(HEADS)?;
            let mut embeddings = transaction.open_table(EMBEDDINGS)?;
            let mut steps = Steps::open(transaction)?;
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

    /// The generation of the record that this local tier was closed with, if it was closed.
    pub(in crate::store) fn generation(&self) -> Result<Option<Vec<u8>>> {
        self.read("reading the tier's generation", |transaction| {
            Ok(transaction.open_table(ABOUT)?.get(GENERATION_KEY)?.map(|generation| generation.value().to_vec()))
        })
    }

    /// Says which generation of the record this is the mirror of, or that it is none until further notice. Synced, with all before.
    pub(in crate::store) async fn set_generation(&self, generation: Option<&[u8]>) -> Result<()> {
        let _turn = self.turn.lock().await;
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
