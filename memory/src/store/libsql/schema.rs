//! The tables, statements and result codes of libSQL databases.
//!
//! This module has texts and numbers; [`super`] runs them. Statements are numbered, so that a connection finds a
//! prepared one without hashing its text.

use std::io::ErrorKind;
use std::path::Path;

use crate::store::{SCHEMA_VERSION, SCHEMA_VERSION_OLDEST};
use crate::{Error, Result};

/// The `PRAGMA application_id` of these databases: "ASSY".
const APPLICATION_ID: i64 = 0x4153_5359;

/// All tables. Ids are big-endian blobs, whose order is the order of ids.
///
/// An episode has a row number, in the order of creation. Steps lie in the order of logging, and their index has the
/// episode's row number, so that the steps of a moment go to the same few pages, whichever episodes they belong to.
/// `generation` changes at every opening and closing, so that a mirror can tell if somebody else was here.
const TABLES: &str = "
CREATE TABLE record (
    generation BLOB NOT NULL
);
INSERT INTO record (generation) VALUES (randomblob(16));
CREATE TABLE episodes (
    row INTEGER PRIMARY KEY,
    id BLOB UNIQUE NOT NULL,
    task_type TEXT NOT NULL,
    domain TEXT NOT NULL,
    started_at_ns INTEGER NOT NULL,
    completed_at_ns INTEGER,
    head BLOB NOT NULL,
    embedding BLOB,
    metadata TEXT NOT NULL
);
CREATE TABLE steps (
    episode INTEGER NOT NULL,
    number INTEGER NOT NULL,
    value BLOB NOT NULL,
    PRIMARY KEY (episode, number)
);
CREATE TABLE patterns (
    id BLOB PRIMARY KEY NOT NULL,
    value BLOB NOT NULL
) WITHOUT ROWID;
";

/// The number of these tables.
const OUR_TABLES: i64 = 4;

/// Counts these tables.
pub(super) const COUNT_OURS: &str = "SELECT count(*) FROM sqlite_schema
    WHERE type = 'table' AND name IN ('record', 'episodes', 'steps', 'patterns')";

/// True if the tables must be made, in a database with this `application_id`, this `user_version` and so many tables;
/// an error where they must not be used.
pub(super) fn must_be_made(application: i64, version: i64, tables: i64, path: &Path) -> Result<bool> {
    let path = path.to_owned();
    match (application, u32::try_from(version).unwrap_or(u32::MAX), tables) {
        (APPLICATION_ID, SCHEMA_VERSION_OLDEST..=SCHEMA_VERSION, _) => Ok(false),
        (APPLICATION_ID, found, _) => Err(Error::SchemaVersion { path, found, expected: SCHEMA_VERSION }),
        (0, 0, 0) => Ok(true),
        _ => Err(Error::NotAStore { path, store: "libsql", reason: "an SQLite database of something else".to_owned() }),
    }
}

/// The statements that make them, all or nothing.
pub(super) fn creation() -> String {
    let about = format!("PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {SCHEMA_VERSION_OLDEST};");
    format!("BEGIN IMMEDIATE; {TABLES} {about} COMMIT")
}

/// The statements that make them on a server, in a transaction of the client's. A server does not allow to set
/// `application_id`: such a database is known by its tables.
pub(super) fn creation_remote() -> String {
    format!("{TABLES} PRAGMA user_version = {SCHEMA_VERSION_OLDEST}")
}

/// The `application_id` to assume of a database on a server with so many of these tables.
pub(super) fn application_remote(ours: i64) -> i64 {
    if ours == OUR_TABLES { APPLICATION_ID } else { 0 }
}

/// An extended result code says that a primary key is in use.
pub(super) fn key_is_taken(code: i32) -> bool {
    matches!(code, 1555 | 2067) // CONSTRAINT_PRIMARYKEY, CONSTRAINT_UNIQUE
}

/// The error of a result code: a specific one, where a caller can do something about it.
pub(super) fn failure(code: i32, message: String, path: &Path, action: &'static str) -> Error {
    let path = path.to_owned();
    match code & 0xff {
        5 | 6 => Error::StoreInUse { path }, // BUSY, LOCKED
        8 => Error::Io { path, action, source: ErrorKind::ReadOnlyFilesystem.into() },
        13 => Error::Io { path, action, source: ErrorKind::StorageFull.into() },
        26 => Error::NotAStore { path, store: "libsql", reason: message }, // NOTADB
        _ => Error::store("libsql", action, format!("{message} (SQLite {code})")),
    }
}

/// The most steps that one statement inserts.
pub(super) const STEPS_TOGETHER: usize = 16;

/// The statement that inserts so many steps of episodes in known rows.
pub(super) fn insert_steps(steps: usize) -> String {
    format!("INSERT INTO steps (episode, number, value) VALUES {}", vec!["(?, ?, ?)"; steps].join(", "))
}

macro_rules! statements {
    ($($(#[doc = $about:literal])* $Name:ident = $text:literal,)+) => {
        /// A statement that connections keep prepared.
        #[derive(Debug, Clone, Copy)]
        pub(super) enum Sql {
            $($(#[doc = $about])* $Name,)+
        }

        impl Sql {
            /// The texts, in the order of the names.
            pub(super) const TEXTS: [&'static str; [$(Sql::$Name),+].len()] = [$($text),+];

            pub(super) fn text(self) -> &'static str {
                Self::TEXTS[self as usize]
            }

            /// It changes nothing, so that it may be run twice.
            pub(super) fn only_reads(self) -> bool {
                self.text().starts_with("SELECT")
            }
        }
    };
}

statements! {
    /// Starts a transaction as the writer, so that it cannot fail half-way because another became it.
    Begin = "BEGIN IMMEDIATE",
    Commit = "COMMIT",
    Rollback = "ROLLBACK",
    /// One value, from a page that every connection has at hand.
    Ping = "SELECT 1",
    InsertEpisode = "INSERT INTO episodes (id, task_type, domain, started_at_ns, head, metadata) \
        VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    /// A step, if the episode exists: no row otherwise.
    InsertStep = "INSERT INTO steps (episode, number, value) SELECT row, ?2, ?3 FROM episodes WHERE id = ?1",
    SelectRow = "SELECT row FROM episodes WHERE id = ?1",
    /// A step of the episode in a row.
    InsertStepOf = "INSERT INTO steps (episode, number, value) VALUES (?1, ?2, ?3)",
    /// A completed head over an uncompleted one: no row otherwise.
    CompleteEpisode = "UPDATE episodes SET completed_at_ns = ?2, head = ?3, embedding = ?4 \
        WHERE id = ?1 AND completed_at_ns IS NULL",
    SelectPattern = "SELECT value FROM patterns WHERE id = ?1",
    UpsertPattern = "INSERT INTO patterns (id, value) VALUES (?1, ?2) ON CONFLICT (id) DO UPDATE SET value = ?2",
    SelectHead = "SELECT head FROM episodes WHERE id = ?1",
    /// A head (as number -1) and its steps in order, from one snapshot in one round trip.
    SelectEpisode = "SELECT -1 AS number, head AS value FROM episodes WHERE id = ?1
        UNION ALL SELECT number, value FROM steps WHERE episode = (SELECT row FROM episodes WHERE id = ?1) \
        ORDER BY number",
    /// Heads (as number -1) and steps of all episodes in an array of hexadecimal ids, each with the place of its id,
    /// from one snapshot in one round trip. `CROSS JOIN` keeps the order of the loops: the array outside, the table
    /// searched inside.
    SelectEpisodes = "SELECT wanted.key, -1, head FROM json_each(?1) AS wanted \
        CROSS JOIN episodes ON episodes.id = unhex(wanted.value)
        UNION ALL SELECT wanted.key, number, steps.value FROM json_each(?1) AS wanted \
        CROSS JOIN episodes ON episodes.id = unhex(wanted.value)
        CROSS JOIN steps ON steps.episode = episodes.row",
    SelectCompleted = "SELECT head, embedding FROM episodes WHERE completed_at_ns IS NOT NULL ORDER BY id",
    SelectEmbeddings = "SELECT row, embedding FROM episodes WHERE completed_at_ns IS NOT NULL",
    /// A vector of an episode by its row, where the index of vectors is there.
    InsertVector = "INSERT INTO vectors (episode, vector) VALUES (?1, ?2)",
    InsertVectorOf = "INSERT INTO vectors (episode, vector) SELECT row, ?2 FROM episodes WHERE id = ?1",
    /// 1 if the index of vectors is there, or else 0.
    CountVectors = "SELECT count(*) FROM sqlite_schema WHERE name = 'vectors_by_angle'",
    /// Vectors near a vector by the index, the nearest first.
    SelectNearest = "SELECT episodes.id, vector_distance_cos(vectors.vector, ?1) AS distance
        FROM vector_top_k('vectors_by_angle', ?1, ?2) AS near
        CROSS JOIN vectors ON vectors.episode = near.id CROSS JOIN episodes ON episodes.row = near.id
        ORDER BY distance, episodes.id",
    SelectPatterns = "SELECT id, value FROM patterns ORDER BY id",
    SelectMetadata = "SELECT id, metadata FROM episodes ORDER BY id",
    /// Episodes by one metadata entry, from the JSON of each. `json_each` rather than a path, because a key may hold
    /// any character.
    ExtractMetadata = "SELECT episodes.id FROM episodes, json_each(episodes.metadata) AS entry
        WHERE entry.key = ?1 AND entry.value = ?2 ORDER BY episodes.id",
    /// Episodes by one metadata entry, where the index of metadata is there.
    SearchMetadata = "SELECT id FROM metadata_index WHERE key = ?1 AND value = ?2 ORDER BY id",
    SelectByTask = "SELECT id FROM episodes WHERE task_type = ?1 AND domain = ?2 \
        ORDER BY started_at_ns DESC, id DESC LIMIT ?3",
    Count = "SELECT (SELECT count(*) FROM episodes), (SELECT count(*) FROM steps), (SELECT count(*) FROM patterns)",
    /// Bytes of the database, without its log.
    Size = "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()",
    /// Copies the log into the database, syncing both; beside a reader of an older state perhaps neither. The row says
    /// if another checkpoint was in the way, and how many pages the log has, and how many of them are copied.
    Checkpoint = "PRAGMA wal_checkpoint(PASSIVE)",
    /// A new generation, for an opening or closing.
    RenewGeneration = "UPDATE record SET generation = randomblob(16) RETURNING generation",
    SelectGeneration = "SELECT generation FROM record",
    DeleteSteps = "DELETE FROM steps WHERE episode = (SELECT row FROM episodes WHERE id = ?1)",
    /// A vector, where the index of vectors is there.
    DeleteVector = "DELETE FROM vectors WHERE episode = (SELECT row FROM episodes WHERE id = ?1)",
    /// An episode that is completed or not, as expected: no row otherwise.
    DeleteEpisode = "DELETE FROM episodes WHERE id = ?1 AND (completed_at_ns IS NOT NULL) = ?2",
    DeletePattern = "DELETE FROM patterns WHERE id = ?1",
    /// Starts a transaction that only reads: its first statement takes the snapshot.
    BeginRead = "BEGIN",
    /// Some episodes after a row, in the order of rows, and beside each step its episode; a null for no step.
    SelectPage = "SELECT page.row, page.head, steps.value \
        FROM (SELECT row, head FROM episodes WHERE row > ?1 ORDER BY row LIMIT ?2) AS page \
        LEFT JOIN steps ON steps.episode = page.row ORDER BY page.row, steps.number",
    SelectSample = "SELECT head, embedding FROM episodes WHERE completed_at_ns IS NOT NULL LIMIT 1",
    ExportEpisodes = "SELECT head, embedding FROM episodes",
    ExportSteps = "SELECT id, number, value FROM steps CROSS JOIN episodes ON episodes.row = steps.episode",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_empty_database_or_ours_is_used() {
        let made = |application, version, tables| must_be_made(application, version, tables, Path::new("x.db"));
        let known = i64::from(SCHEMA_VERSION);
        assert!(made(0, 0, 0).unwrap());
        assert!(!made(APPLICATION_ID, known, 4).unwrap());
        assert!(
            matches!(made(APPLICATION_ID, known + 1, 4), Err(Error::SchemaVersion { found, .. }) if found == SCHEMA_VERSION + 1)
        );
        assert!(matches!(made(APPLICATION_ID, -1, 4), Err(Error::SchemaVersion { found: u32::MAX, .. })));
        for foreign in [(0, 0, 1), (0, known, 0), (7, known, 4)] {
            assert!(matches!(made(foreign.0, foreign.1, foreign.2), Err(Error::NotAStore { .. })), "{foreign:?}");
        }
    }

    #[test]
    fn failures_say_what_to_do_where_something_can_be_done() {
        let text = |code| {
            let error = failure(code, "what SQLite says".to_owned(), Path::new("x.db"), "storing a step");
            let source = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
            format!("{error} / {source}")
        };
        assert_eq!(text(13), "x.db: storing a step failed / no storage space");
        assert_eq!(text(8 | 5 << 8), "x.db: storing a step failed / read-only filesystem or storage medium");
        assert!(text(5 | 1 << 8).starts_with("x.db is in use: close the memory that has it open"));
        assert_eq!(text(10 | 3 << 8), "store libsql: storing a step failed / what SQLite says (SQLite 778)");
    }

    #[test]
    fn a_database_on_a_server_is_known_by_its_tables() {
        let made = |ours, version, tables| {
            must_be_made(application_remote(ours), version, tables, Path::new("http://127.0.0.1:1"))
        };
        let known = i64::from(SCHEMA_VERSION);
        assert!(made(0, 0, 0).unwrap());
        assert!(!made(OUR_TABLES, known, 4).unwrap());
        assert!(matches!(made(OUR_TABLES, known + 1, 4), Err(Error::SchemaVersion { .. })));
        assert!(matches!(made(3, known, 3), Err(Error::NotAStore { .. })), "one of ours is missing");
        assert_eq!(TABLES.matches("CREATE TABLE").count() as i64, OUR_TABLES);
    }

    #[test]
    fn each_statement_is_at_its_place() {
        assert_eq!(Sql::Begin.text(), "BEGIN IMMEDIATE");
        assert!(insert_steps(2).ends_with("VALUES (?, ?, ?), (?, ?, ?)"));
        assert_eq!(Sql::TEXTS[Sql::ExportEpisodes as usize], "SELECT head, embedding FROM episodes");
        assert_eq!(Sql::TEXTS.len(), Sql::ExportSteps as usize + 1);
    }
}
