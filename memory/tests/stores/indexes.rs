//! What the ways of finding episodes by metadata and by task do, seen in the counters, also when a store changes hands.

use super::*;

const EPISODES: u32 = 40;

/// Episodes whose metadata `shard` has 10 values, of 4 domains, each started a moment later than the one before.
async fn fill(store: &dyn Store, from: u32) {
    for number in from..from + EPISODES {
        let mut head = head(u128::from(number), &[("shard", &(number % 10).to_string())]);
        head.context.domain = format!("domain {}", number % 4);
        head.started_at_ns = u64::from(number) + 1;
        store.create(&head).await.unwrap();
    }
}

const METADATA: [&str; 3] = ["metadata_scanned", "metadata_extractions", "metadata_index_searches"];
const TASKS: [&str; 2] = ["single_index_searches", "composite_index_searches"];

/// What one question adds to the counters of `names`, and to the rows read.
async fn cost<const N: usize, T>(
    opened: &Opened,
    names: [&str; N],
    question: impl Future<Output = T>,
) -> ([u64; N], u64) {
    let before = opened.counters.snapshot();
    question.await;
    let after = opened.counters.snapshot();
    (names.map(|name| after[name] - before[name]), after["rows_read"] - before["rows_read"])
}

#[tokio::test]
async fn each_way_to_metadata_does_its_own_work() {
    let all = u64::from(EPISODES);
    for (variant, counted, rows) in [
        ("store=memory,metadata=scan", [all, 0, 0], all),
        ("store=memory,metadata=indexed", [0, 0, 1], 4),
        ("store=redb,metadata=scan", [all, 0, 0], all),
        ("store=redb,metadata=indexed", [0, 0, 1], 4),
        ("store=libsql,metadata=scan", [all, 0, 0], all),
        ("store=libsql,metadata=json-extract", [0, 1, 0], 4),
        ("store=libsql,metadata=indexed", [0, 0, 1], 4),
        ("store=tiered,metadata=scan", [all, 0, 0], all),
        ("store=tiered,metadata=json-extract", [0, 1, 0], 4),
        ("store=tiered,metadata=indexed", [0, 0, 1], 4),
    ] {
        let place = Place::new();
        let opened = place.open(variant).await;
        fill(&*opened.store, 0).await;
        let question = async { opened.store.by_metadata("shard", "3").await.unwrap() };
        assert_eq!(cost(&opened, METADATA, question).await, (counted, rows), "{variant}");
    }
}

#[tokio::test]
async fn each_index_of_tasks_does_its_own_work() {
    let all = u64::from(EPISODES);
    for (variant, counted, rows) in [
        ("store=memory,index=single", [1, 0], all),
        ("store=memory,index=composite", [0, 1], 3),
        ("store=redb,index=single", [1, 0], 2 * all), // the entry and the head
        ("store=redb,index=composite", [0, 1], 3),
        ("store=libsql,index=single", [1, 0], 3), // what SQLite reads on the way is not seen: the plan is
        ("store=libsql,index=composite", [0, 1], 3),
        ("store=tiered,index=single", [1, 0], 2 * all),
        ("store=tiered,index=composite", [0, 1], 3),
    ] {
        let place = Place::new();
        let opened = place.open(variant).await;
        fill(&*opened.store, 0).await;
        let question = async {
            let found = opened.store.by_task("bug-fix", "domain 2", 3).await.unwrap();
            assert_eq!(found, [38, 34, 30].map(EpisodeId), "{variant}");
        };
        assert_eq!(cost(&opened, TASKS, question).await, (counted, rows), "{variant}");
    }
}

/// Variants that use other indexes write in between: whoever comes back finds all of it, and makes its indexes anew.
#[tokio::test]
async fn an_index_is_made_for_who_needs_it_and_left_as_it_is_otherwise() {
    for store in ["redb", "libsql", "tiered"] {
        let place = Place::new();
        let fast = format!("store={store},metadata=indexed,index=composite");
        let naive = format!("store={store}");
        // Both tiers of a tiered store have indexes.
        let tiers = if store == "tiered" { 2 } else { 1 };
        let mut rounds = 0;
        for (variant, built) in
            [(&fast, 0), (&fast, 0), (&naive, tiers), (&naive, 0), (&fast, 2 * tiers), (&fast, 0), (&naive, tiers)]
        {
            let opened = place.open(variant).await;
            assert_eq!(opened.counters.indexes_built.get(), built, "{variant}, round {rounds}");
            fill(&*opened.store, rounds * EPISODES).await;
            rounds += 1;
            let found = opened.store.by_metadata("shard", "3").await.unwrap();
            assert_eq!(found.len() as u32, rounds * EPISODES / 10, "{variant}, round {rounds}");
            let newest = opened.store.by_task("bug-fix", "domain 2", 1).await.unwrap();
            assert_eq!(newest, [EpisodeId(u128::from(rounds * EPISODES - 2))], "{variant}, round {rounds}");
            let all = opened.store.by_task("bug-fix", "domain 1", usize::MAX).await.unwrap();
            assert_eq!(all.len() as u32, rounds * EPISODES / 4, "{variant}, round {rounds}");
            opened.store.close().await.unwrap();
        }
    }
}

#[tokio::test]
async fn an_index_from_before_there_was_deletion_is_made_again() {
    let (place, variant) = (Place::new(), "store=libsql,metadata=indexed");
    let opened = place.open(variant).await;
    for id in [1, 2] {
        opened.store.create(&head(id, &[("agent", "a")])).await.unwrap();
    }
    opened.store.close().await.unwrap();
    crate::refusals::raw_sql(&place.path(), "DROP TRIGGER metadata_unindexed").await;
    let opened = place.open(variant).await;
    assert_eq!(opened.counters.snapshot()["indexes_built"], 1);
    opened.store.delete(&head(1, &[("agent", "a")]), &[]).await.unwrap();
    assert_eq!(opened.store.by_metadata("agent", "a").await.unwrap(), [EpisodeId(2)]);
}
