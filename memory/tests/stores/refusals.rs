//! What cannot be opened, and what is said about it.

use std::fs;

use memory::Error;
use redb::{Database, TableDefinition};

use super::*;

const EACH: &[&str] = &["store=redb", "store=libsql", "store=tiered"];

/// What opening says, with the system's or the database's own words behind it.
async fn refusal(variant: &str, path: &Path) -> String {
    let error = open_at(variant, path).await.err().unwrap_or_else(|| panic!("{variant} opened {}", path.display()));
    let source = std::error::Error::source(&error).map(|source| format!(": {source}")).unwrap_or_default();
    format!("{error}{source}")
}

#[tokio::test]
async fn a_folder_is_no_store() {
    let place = Place::new();
    let path = place.folder.path();
    for variant in EACH {
        assert_eq!(
            refusal(variant, path).await,
            format!("{}: opening a store failed: is a directory", path.display()),
            "{variant}"
        );
    }
}

#[tokio::test]
async fn a_missing_folder_is_named() {
    let place = Place::new();
    let path = place.folder.path().join("missing").join("episodes");
    for variant in EACH {
        assert_eq!(
            refusal(variant, &path).await,
            format!("{}: opening a store failed: entity not found", path.display()),
            "{variant}"
        );
    }
}

#[tokio::test]
async fn without_a_path_the_store_is_named() {
    let counters = Arc::new(Counters::default());
    for text in EACH {
        let variant: Variant = text.parse().unwrap();
        let encoding = Encoding::new(variant.codec, variant.compression, Arc::clone(&counters));
        let error = store::open(&variant, None, Arc::clone(&counters), encoding).await.err().unwrap();
        assert_eq!(error.to_string(), format!("{text} lives in a file: give Options a path"));
    }
}

#[tokio::test]
async fn a_file_of_something_else_is_left_as_it_is() {
    let place = Place::new();
    let text = "These are notes, long enough to be taken for a database's header.\n".repeat(40);
    fs::write(place.path(), &text).unwrap();
    for variant in EACH {
        let said = refusal(variant, &place.path()).await;
        assert!(said.starts_with(&format!("{} is no ", place.path().display())), "{variant}: {said}");
        assert!(said.ends_with("name another file, or remove this one"), "{variant}: {said}");
        assert_eq!(fs::read_to_string(place.path()).unwrap(), text, "{variant}");
    }
}

#[tokio::test]
async fn each_refuses_the_others_file() {
    let place = Place::new();
    for (made, opened) in [("store=redb", "store=libsql"), ("store=libsql", "store=redb")] {
        let path = place.beside(&made.replace('=', "-"));
        open_at(made, &path).await.unwrap().store.close().await.unwrap();
        let before = fs::read(&path).unwrap();
        assert!(matches!(open_at(opened, &path).await, Err(Error::NotAStore { .. })), "{opened} of what {made} made");
        assert_eq!(fs::read(&path).unwrap(), before, "{opened} left it alone");
    }
}

#[tokio::test]
async fn databases_of_other_programs_are_left_as_they_are() {
    let place = Place::new();
    let (redb_path, libsql_path) = (place.beside("-redb"), place.beside("-libsql"));
    {
        let database = Database::create(&redb_path).unwrap();
        let transaction = database.begin_write().unwrap();
        transaction.open_table(TableDefinition::<u64, u64>::new("theirs")).unwrap().insert(1, 2).unwrap();
        transaction.commit().unwrap();
    }
    raw_sql(&libsql_path, "CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1)").await;
    let said = refusal("store=redb", &redb_path).await;
    assert_eq!(
        said,
        format!(
            "{} is no redb store (a redb database of something else): name another file, or remove this one",
            redb_path.display()
        )
    );
    for variant in ["store=libsql", "store=tiered"] {
        let said = refusal(variant, &libsql_path).await;
        assert_eq!(
            said,
            format!(
                "{} is no libsql store (an SQLite database of something else): name another file, or remove this one",
                libsql_path.display()
            )
        );
    }
    assert!(!place.beside("-libsql-tier").exists(), "no tier for what is no record");
}

#[tokio::test]
async fn a_store_of_another_schema_is_refused_and_kept() {
    let place = Place::new();
    let (redb_path, libsql_path) = (place.beside("-redb"), place.beside("-libsql"));
    for (variant, path) in [("store=redb", &redb_path), ("store=libsql", &libsql_path)] {
        let opened = open_at(variant, path).await.unwrap();
        opened.store.create(&head(7, &[])).await.unwrap();
        opened.store.close().await.unwrap();
    }
    let newer = store::SCHEMA_VERSION + 1;
    set_redb_schema(&redb_path, newer);
    raw_sql(&libsql_path, &format!("PRAGMA user_version = {newer}")).await;
    for (variant, path) in [("store=redb", &redb_path), ("store=libsql", &libsql_path), ("store=tiered", &libsql_path)]
    {
        let expected = format!(
            "{} has schema {newer}, this version knows schema {}: open it with the version that wrote it, or start a new store",
            path.display(),
            store::SCHEMA_VERSION
        );
        assert_eq!(refusal(variant, path).await, expected, "{variant}");
    }
    // The version that wrote it can still open it.
    set_redb_schema(&redb_path, store::SCHEMA_VERSION);
    raw_sql(&libsql_path, &format!("PRAGMA user_version = {}", store::SCHEMA_VERSION)).await;
    for (variant, path) in [("store=redb", &redb_path), ("store=libsql", &libsql_path)] {
        let opened = open_at(variant, path).await.unwrap();
        assert!(opened.store.head(EpisodeId(7)).await.unwrap().is_some(), "{variant}");
    }
}

#[tokio::test]
async fn an_open_store_is_in_use_until_it_is_closed() {
    for variant in EACH {
        let place = Place::new();
        let first = place.open(variant).await.store;
        assert!(matches!(open_at(variant, &place.path()).await, Err(Error::StoreInUse { .. })), "{variant}");
        let said = refusal(variant, &place.path()).await;
        assert!(
            said.starts_with(&format!("{} is in use: close the memory", place.path().display())),
            "{variant}: {said}"
        );
        first.create(&head(7, &[])).await.unwrap();
        first.close().await.unwrap();
        drop(place.open(variant).await); // closed by dropping
        assert!(place.open(variant).await.store.head(EpisodeId(7)).await.unwrap().is_some(), "{variant}");
    }
}

#[tokio::test]
async fn an_empty_file_becomes_a_store() {
    for variant in EACH {
        let place = Place::new();
        fs::write(place.path(), "").unwrap();
        let opened = place.open(variant).await;
        opened.store.create(&head(7, &[])).await.unwrap();
        opened.store.close().await.unwrap();
        assert!(place.open(variant).await.store.head(EpisodeId(7)).await.unwrap().is_some(), "{variant}");
    }
}

/// Damage from outside is found when the value is read, and says what was found.
#[tokio::test]
async fn a_damaged_value_is_named_and_hurts_nobody_else() {
    let place = Place::new();
    let opened = place.open("store=libsql,codec=json").await;
    for id in [7, 8] {
        opened.store.create(&head(id, &[])).await.unwrap();
    }
    opened.store.close().await.unwrap();
    raw_sql(&place.path(), "UPDATE episodes SET head = x'1100ff' WHERE id = x'00000000000000000000000000000007'").await;
    let store = place.open("store=libsql").await.store;
    let said = store.head(EpisodeId(7)).await.unwrap_err().to_string();
    assert!(said.contains("is not valid json: the value is damaged"), "{said}");
    assert!(store.head(EpisodeId(8)).await.unwrap().is_some());
}

fn set_redb_schema(path: &Path, version: u32) {
    let database = Database::open(path).unwrap();
    let transaction = database.begin_write().unwrap();
    let about = TableDefinition::<&str, &[u8]>::new("about");
    transaction.open_table(about).unwrap().insert("schema", version.to_be_bytes().as_slice()).unwrap();
    transaction.commit().unwrap();
}

/// Runs statements on a database as another program would.
pub(crate) async fn raw_sql(path: &Path, sql: &str) {
    let database = libsql::Builder::new_local(path).build().await.unwrap();
    database.connect().unwrap().execute_batch(sql).await.unwrap();
}

#[tokio::test]
async fn an_index_in_this_process_is_refused_where_others_may_write() {
    let variant: Variant = "store=libsql,retrieval=indexed".parse().unwrap();
    let counters = Arc::new(Counters::default());
    let encoding = Encoding::new(variant.codec, variant.compression, Arc::clone(&counters));
    let remote = memory::Remote { url: "http://127.0.0.1:1".to_owned(), token: String::new() };
    let error = store::open_remote(&variant, &remote, counters, encoding).await.err().unwrap();
    assert_eq!(
        error.to_string(),
        "retrieval=indexed does not go with a URL: others may write there: take retrieval=scan"
    );
}
