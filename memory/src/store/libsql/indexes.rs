//! The secondary indexes of a database, and the planner's use of them.
//!
//! An index exists while a variant that uses it has the database open: an opening builds the missing indexes of its
//! variant from the data, and drops the others. So nobody searches a stale index, and nobody pays for an unused one.
//! Metadata has arbitrary keys, and an expression or a generated column would index one key each. So its index is a
//! table of all keys and values, kept by triggers for every program that writes to the file.
//!
//! The planner decides whether a question uses its index. It is asked once, when the database is opened, and the
//! counters of searches count only questions that do.

use std::collections::BTreeMap;

use ::libsql::{Connection as Database, Value};

use super::Libsql;
use super::schema::Sql;
use super::values::{BackendResult, exists, id_of, number};
use crate::variant::{IndexKind, MetadataKind};
use crate::{Counters, EpisodeId, Error, Result, Variant};

/// A secondary index: the name in the database that says it is there, and the statements that make and remove it.
struct Index {
    name: &'static str,
    make: &'static str,
    remove: &'static str,
}

const METADATA: Index = Index {
    name: "metadata_unindexed", // the newest part: an index from before episodes could be deleted is made again
    make: "DROP TRIGGER IF EXISTS metadata_indexed; DROP TABLE IF EXISTS metadata_index;
        CREATE TABLE metadata_index (key TEXT NOT NULL, value TEXT NOT NULL, id BLOB NOT NULL, \
        PRIMARY KEY (key, value, id)) WITHOUT ROWID;
        INSERT INTO metadata_index SELECT entry.key, entry.value, episodes.id \
        FROM episodes, json_each(episodes.metadata) AS entry;
        CREATE TRIGGER metadata_indexed AFTER INSERT ON episodes BEGIN
            INSERT INTO metadata_index SELECT entry.key, entry.value, new.id FROM json_each(new.metadata) AS entry;
        END;
        CREATE TRIGGER metadata_unindexed AFTER DELETE ON episodes BEGIN
            DELETE FROM metadata_index WHERE (key, value, id) IN \
            (SELECT entry.key, entry.value, old.id FROM json_each(old.metadata) AS entry);
        END;",
    remove: "DROP TRIGGER metadata_unindexed; DROP TRIGGER metadata_indexed; DROP TABLE metadata_index;",
};

const TASK_TYPES: Index = Index {
    name: "episodes_by_task_type",
    make: "CREATE INDEX episodes_by_task_type ON episodes (task_type);",
    remove: "DROP INDEX episodes_by_task_type;",
};

const TASKS: Index = Index {
    name: "episodes_by_task",
    make: "CREATE INDEX episodes_by_task ON episodes (task_type, domain, started_at_ns, id);",
    remove: "DROP INDEX episodes_by_task;",
};

/// The strategies of the variant, and the planner's verdicts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Indexes {
    metadata: MetadataKind,
    tasks: IndexKind,
    /// Questions about metadata use their index.
    metadata_planned: bool,
    /// Questions about tasks use the index of the variant: the composite one in order, without sorting.
    tasks_planned: bool,
}

/// Builds the indexes of the variant, drops the others, and asks the planner.
pub(super) async fn prepare(database: &Database, variant: &Variant, counters: &Counters) -> BackendResult<Indexes> {
    let wanted = [
        (METADATA, variant.metadata == MetadataKind::Indexed),
        (TASK_TYPES, variant.index == IndexKind::Single),
        (TASKS, variant.index == IndexKind::Composite),
    ];
    let mut changes = String::new();
    let mut made = 0;
    for (index, wanted) in wanted {
        match (wanted, exists(database, index.name).await?) {
            (true, false) => {
                changes.push_str(index.make);
                made += 1;
            }
            (false, true) => changes.push_str(index.remove),
            _ => {}
        }
    }
    if !changes.is_empty() {
        database.execute_batch(&format!("BEGIN IMMEDIATE; {changes} COMMIT")).await?;
        let held = number(database, "SELECT count(*) FROM (SELECT 1 FROM episodes LIMIT 1)", ()).await?;
        counters.indexes_built.add(if held > 0 { made } else { 0 });
    }
    let metadata_planned = variant.metadata == MetadataKind::Indexed && {
        let plan = plan(database, Sql::SearchMetadata.text()).await?;
        plan.iter().any(|step| step.starts_with("SEARCH metadata_index USING PRIMARY KEY (key=? AND value=?"))
    };
    let plan = plan(database, Sql::SelectByTask.text()).await?;
    let tasks_planned = match variant.index {
        IndexKind::Single => plan.iter().any(|step| step.contains("USING INDEX episodes_by_task_type (task_type=?)")),
        IndexKind::Composite => {
            plan.len() == 1 && plan[0].contains("USING COVERING INDEX episodes_by_task (task_type=? AND domain=?)")
        }
    };
    Ok(Indexes { metadata: variant.metadata, tasks: variant.index, metadata_planned, tasks_planned })
}

/// SQLite's plan of a statement, step by step.
pub(super) async fn plan(database: &Database, sql: &str) -> BackendResult<Vec<String>> {
    let statement = database.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).await?;
    let mut rows = statement.query(()).await?;
    let mut steps = Vec::new();
    while let Some(row) = rows.next().await? {
        steps.push(row.get::<String>(3)?);
    }
    Ok(steps)
}

impl Libsql {
    /// The episodes with that metadata, by the strategy of the variant.
    pub(super) async fn find_by_metadata(&self, key: &str, value: &str) -> Result<Vec<EpisodeId>> {
        const ACTION: &str = "looking up metadata";
        let parameters = vec![Value::Text(key.to_owned()), Value::Text(value.to_owned())];
        match self.indexes.metadata {
            MetadataKind::Scan => self.scan_metadata(ACTION, key, value).await,
            MetadataKind::JsonExtract => {
                self.counters.metadata_extractions.increment();
                self.waiting(self.read_rows(ACTION, Sql::ExtractMetadata, parameters, |row| id_of(row, 0))).await
            }
            MetadataKind::Indexed => {
                self.counters.metadata_index_searches.add(u64::from(self.indexes.metadata_planned));
                self.read_rows(ACTION, Sql::SearchMetadata, parameters, |row| id_of(row, 0)).await
            }
        }
    }

    /// Strategy `scan`: reads and compares every episode's metadata.
    async fn scan_metadata(&self, action: &'static str, key: &str, value: &str) -> Result<Vec<EpisodeId>> {
        let mut found = Vec::new();
        let scan = self.read_rows(action, Sql::SelectMetadata, vec![], |row| {
            let metadata: String = row.get(1)?;
            let metadata: BTreeMap<String, String> =
                serde_json::from_str(&metadata).map_err(|error| Error::store("libsql", action, error))?;
            if metadata.get(key).is_some_and(|stored| stored == value) {
                found.push(id_of(row, 0)?);
            }
            Ok(())
        });
        let rows = self.waiting(scan).await?.len();
        self.counters.metadata_scanned.add(rows as u64);
        Ok(found)
    }

    /// The newest episodes of that task type and domain. Both strategies share one statement: the planner uses the
    /// index that exists.
    pub(super) async fn find_by_task(&self, task_type: &str, domain: &str, limit: usize) -> Result<Vec<EpisodeId>> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX); // a negative one would be none
        let parameters = vec![Value::Text(task_type.to_owned()), Value::Text(domain.to_owned()), Value::Integer(limit)];
        let searches = match self.indexes.tasks {
            IndexKind::Single => &self.counters.single_index_searches,
            IndexKind::Composite => &self.counters.composite_index_searches,
        };
        searches.add(u64::from(self.indexes.tasks_planned));
        self.read_rows("looking up tasks", Sql::SelectByTask, parameters, |row| id_of(row, 0)).await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::store::libsql::Anchor;
    use crate::{Codec, Compression, Encoding};

    /// The plans of both questions in a database that the variant opened, after all the others in turn.
    async fn plans(variants: &[&str]) -> Vec<[Vec<String>; 2]> {
        let folder = tempfile::tempdir().unwrap();
        let mut plans = Vec::new();
        for variant in variants {
            let variant: Variant = variant.parse().unwrap();
            let counters = Arc::new(Counters::default());
            let encoding = Encoding::new(Codec::Json, Compression::None, Arc::clone(&counters));
            let store = Libsql::open(&folder.path().join("x.db"), &variant, counters, encoding).await.unwrap();
            let anchor = store.anchor.lock().await;
            let Some(Anchor::File { _connection, .. }) = &*anchor else { panic!("a file has its anchor") };
            let database = &_connection.database;
            let sql = match variant.metadata {
                MetadataKind::Scan => Sql::SelectMetadata,
                MetadataKind::JsonExtract => Sql::ExtractMetadata,
                MetadataKind::Indexed => Sql::SearchMetadata,
            };
            let metadata = plan(database, sql.text()).await.ok().unwrap();
            plans.push([metadata, plan(database, Sql::SelectByTask.text()).await.ok().unwrap()]);
        }
        plans
    }

    #[tokio::test]
    async fn the_planner_uses_the_indexes_of_the_variant_and_no_others() {
        let [naive, fast] = ["store=libsql", "store=libsql,metadata=indexed,index=composite"];
        let extract = "store=libsql,metadata=json-extract";
        let single = [
            "SEARCH episodes USING INDEX episodes_by_task_type (task_type=?)".to_owned(),
            "USE TEMP B-TREE FOR ORDER BY".to_owned(),
        ];
        let composite = ["SEARCH episodes USING COVERING INDEX episodes_by_task (task_type=? AND domain=?)".to_owned()];
        for [metadata, tasks] in plans(&[naive, fast, naive, fast]).await.chunks(2).map(|pair| &pair[0]) {
            assert!(metadata[0].starts_with("SCAN episodes"), "{metadata:?}");
            assert_eq!(tasks[..], single);
        }
        for [metadata, tasks] in plans(&[naive, fast, extract, fast]).await.chunks(2).map(|pair| &pair[1]) {
            assert_eq!(metadata[..], ["SEARCH metadata_index USING PRIMARY KEY (key=? AND value=?)".to_owned()]);
            assert_eq!(tasks[..], composite);
        }
        let [metadata, _] = &plans(&[extract]).await[0];
        assert!(metadata.iter().any(|step| step.starts_with("SCAN entry VIRTUAL TABLE")), "{metadata:?}");
    }
}
