//! The export of every row to a local tier, and the generation that it mirrors; and snapshots of all episodes.

use ::libsql::{Row as DbRow, Value};

use super::Libsql;
use super::schema::Sql;
use super::transport::Connection;
use super::values::{BackendError, BackendResult, bytes, first, id_of};
use crate::store::redb::ExportedRow;
use crate::store::{Keep, files};
use crate::{Episode, Result};

/// Rows of one call.
const EXPORT_ROWS: usize = 1024;

/// Episodes of one page of a snapshot: a server's answer is held in memory, and must not be too long for it.
const PAGE_EPISODES: i64 = 64;

impl Libsql {
    /// Passes every episode to `keep`, as of one moment.
    pub(super) async fn snapshot_pages(&self, keep: &mut Keep<'_>) -> Result<()> {
        let mut reader = self.readers.checkout().await?;
        let all = async {
            reader.execute(Sql::BeginRead, vec![]).await?;
            let mut last = Some(0);
            while let Some(after) = last {
                last = self.page(&mut reader, after, keep).await?;
            }
            BackendResult::Ok(())
        };
        let done = self.waiting(all).await;
        let ended = self.waiting(reader.roll_back()).await; // it changed nothing
        done.and(ended).map_err(|error| error.at(&self.path, "reading all episodes"))
    }

    /// Passes the episodes of the page after a row; the last row, unless there was none.
    async fn page(&self, reader: &mut Connection, after: i64, keep: &mut Keep<'_>) -> BackendResult<Option<i64>> {
        let mut page: Vec<(i64, Episode)> = Vec::new();
        let each = |row: &DbRow| {
            let number: i64 = row.get(0)?;
            if page.last().is_none_or(|(last, _)| *last != number) {
                page.push((number, Episode { head: self.decoded(row, 1)?, steps: Vec::new() }));
            }
            if let (Some(value), Some((_, episode))) = (row.get::<Option<Vec<u8>>>(2)?, page.last_mut()) {
                episode.steps.push(self.encoding.decode(&value)?);
            }
            Ok(())
        };
        let parameters = vec![Value::Integer(after), Value::Integer(PAGE_EPISODES)];
        reader.query(Sql::SelectPage, parameters, each).await?;
        for (_, episode) in &page {
            keep(episode)?;
        }
        Ok(page.last().map(|(row, _)| *row))
    }

    /// Passes every stored row to `mirror`, some at a time.
    pub(in crate::store) async fn export(
        &self,
        mirror: &mut (dyn FnMut(&[ExportedRow]) -> Result<()> + Send),
    ) -> Result<()> {
        let mut reader = self.readers.checkout().await?;
        let mut rows = Vec::with_capacity(EXPORT_ROWS);
        let mut keep = |row: ExportedRow| {
            rows.push(row);
            if rows.len() == EXPORT_ROWS {
                mirror(&rows)?;
                rows.clear();
            }
            Ok(())
        };
        let all = async {
            let head =
                |row: &DbRow| BackendResult::Ok(ExportedRow::Episode { head: row.get(0)?, embedding: row.get(1)? });
            reader.query(Sql::ExportEpisodes, vec![], |row| keep(head(row)?)).await?;
            let step = |row: &DbRow| {
                BackendResult::Ok(ExportedRow::Step { id: id_of(row, 0)?, number: row.get(1)?, value: row.get(2)? })
            };
            reader.query(Sql::ExportSteps, vec![], |row| keep(step(row)?)).await?;
            let pattern = |row: &DbRow| {
                BackendResult::Ok(ExportedRow::Pattern { id: u64::from_be_bytes(bytes(row, 0)?), value: row.get(1)? })
            };
            reader.query(Sql::SelectPatterns, vec![], |row| keep(pattern(row)?)).await?;
            Ok(())
        };
        self.waiting(all).await.map_err(|error: BackendError| error.at(&self.path, "reading the record"))?;
        mirror(&rows)
    }

    /// The generation of the database before this opening, unless this opening created it.
    pub(in crate::store) fn found_generation(&self) -> Option<&[u8]> {
        self.found.as_deref()
    }

    /// Bytes of the database and of its log.
    pub(in crate::store) fn stored_bytes(&self) -> u64 {
        files::size_bytes(&[self.path.clone(), files::beside(&self.path, "-wal")])
    }

    /// Sets a generation that no mirror knows.
    pub(in crate::store) async fn renew_generation(&self) -> Result<Vec<u8>> {
        let mut writer = self.writer.checkout().await?;
        let mut renewed = Vec::new();
        let renewal = async {
            renewed = writer.query(Sql::RenewGeneration, vec![], |row| Ok(row.get(0)?)).await?;
            Ok(())
        };
        self.committed("renewing the generation", renewal).await?;
        Ok(first(renewed))
    }
}
