//! The tiered store: fast answers from the tier, right answers whatever happened to it.

use std::fs;

use super::*;

const TIERED: &str = "store=tiered,codec=postcard,pool=keepalive";
const RECORD: &str = "store=libsql,codec=json,pool=keepalive";

/// What the store says about episode 7 and the whole.
async fn contents(store: &dyn Store) -> (Vec<u32>, Vec<EpisodeId>, u64, Vec<EpisodeId>) {
    let episode = store.episode(EpisodeId(7)).await.unwrap().unwrap();
    let mut scanned = Vec::new();
    store.scan(&mut |head, _| scanned.push(head.id)).await.unwrap();
    let found = store.by_metadata("agent", "a1").await.unwrap();
    (
        episode.steps.iter().map(|step| step.number).collect(),
        scanned,
        store.patterns().await.unwrap()[0].occurrences,
        found,
    )
}

/// One step and one completed episode more than before.
async fn add(store: &dyn Store, round: u32) {
    if round == 0 {
        store.create(&head(7, &[("agent", "a1")])).await.unwrap();
    }
    store.append(EpisodeId(7), &step(round, "more")).await.unwrap();
    let other = head(100 + u128::from(round), &[("agent", "a1")]);
    store.create(&other).await.unwrap();
    store.complete(&completed(other), &embedding(round), &[pattern("shell", 1, &success())]).await.unwrap();
}

fn expected(rounds: u32) -> (Vec<u32>, Vec<EpisodeId>, u64, Vec<EpisodeId>) {
    let others: Vec<EpisodeId> = (0..rounds).map(|round| EpisodeId(100 + u128::from(round))).collect();
    let found = std::iter::once(EpisodeId(7)).chain(others.iter().copied()).collect();
    ((0..rounds).collect(), others, u64::from(rounds), found)
}

/// A store with `rounds` rounds in it, closed as it should be.
async fn closed_with(place: &Place, rounds: u32) {
    let opened = place.open(TIERED).await;
    for round in 0..rounds {
        add(&*opened.store, round).await;
    }
    opened.store.close().await.unwrap();
}

/// Opens it, checks the answers and whether the tier was rebuilt for them.
async fn reopened(place: &Place, rounds: u32, rebuilds: u64) -> Opened {
    let opened = place.open(TIERED).await;
    assert_eq!(opened.counters.tier_rebuilds.get(), rebuilds);
    assert_eq!(contents(&*opened.store).await, expected(rounds));
    assert_eq!(opened.counters.tier_misses.get(), 0, "rebuilt or not, the tier answers");
    assert!(opened.counters.tier_hits.get() > 0);
    opened
}

#[tokio::test]
async fn a_tier_that_was_closed_is_used_as_it_is() {
    let place = Place::new();
    closed_with(&place, 2).await;
    for _ in 0..2 {
        reopened(&place, 2, 0).await.store.close().await.unwrap();
    }
}

#[tokio::test]
async fn a_tier_that_was_not_closed_is_rebuilt() {
    let place = Place::new();
    let opened = place.open(TIERED).await;
    add(&*opened.store, 0).await;
    drop(opened);
    reopened(&place, 1, 1).await;
}

#[tokio::test]
async fn a_lost_or_damaged_tier_is_rebuilt() {
    let place = Place::new();
    closed_with(&place, 3).await;
    let tier = place.beside("-tier");
    fs::remove_file(&tier).unwrap();
    reopened(&place, 3, 1).await.store.close().await.unwrap();
    for damage in [&b""[..], b"no database at all"] {
        fs::write(&tier, damage).unwrap();
        reopened(&place, 3, 1).await.store.close().await.unwrap();
    }
}

#[tokio::test]
async fn a_tier_behind_its_record_is_rebuilt() {
    let place = Place::new();
    closed_with(&place, 1).await;
    let (tier, kept) = (place.beside("-tier"), place.beside("-kept"));
    fs::copy(&tier, &kept).unwrap();
    let opened = reopened(&place, 1, 0).await;
    add(&*opened.store, 1).await;
    opened.store.close().await.unwrap();
    fs::copy(&kept, &tier).unwrap(); // a consistent tier, closed in order, of the day before
    reopened(&place, 2, 1).await;
}

#[tokio::test]
async fn a_tier_ahead_of_its_record_is_not_trusted_over_it() {
    let place = Place::new();
    closed_with(&place, 1).await;
    fs::copy(place.path(), place.beside("-kept")).unwrap();
    let opened = reopened(&place, 1, 0).await;
    add(&*opened.store, 1).await;
    opened.store.close().await.unwrap();
    fs::copy(place.beside("-kept"), place.path()).unwrap(); // the record restored from a backup
    reopened(&place, 1, 1).await;
}

#[tokio::test]
async fn what_another_store_wrote_to_the_record_is_there() {
    let place = Place::new();
    closed_with(&place, 1).await;
    let record = place.open(RECORD).await.store;
    assert_eq!(contents(&*record).await, expected(1), "the record is a libSQL store like any other");
    add(&*record, 1).await;
    record.close().await.unwrap();
    reopened(&place, 2, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_rows_than_one_batch_are_rebuilt() {
    let place = Place::new();
    let record = place.open(RECORD).await.store;
    add(&*record, 0).await;
    for number in 1..3_000 {
        record.append(EpisodeId(7), &step(number, "more")).await.unwrap();
    }
    record.close().await.unwrap();
    let opened = place.open(TIERED).await;
    assert_eq!(opened.counters.tier_rebuilds.get(), 1);
    let episode = opened.store.episode(EpisodeId(7)).await.unwrap().unwrap();
    assert!(episode.steps.iter().map(|step| step.number).eq(0..3_000));
    assert_eq!((opened.counters.tier_hits.get(), opened.counters.tier_misses.get()), (1, 0));
}

#[tokio::test]
async fn a_refused_write_leaves_the_tier_in_use() {
    let place = Place::new();
    let opened = place.open(TIERED).await;
    add(&*opened.store, 0).await;
    opened.store.append(EpisodeId(7), &step(0, "again")).await.unwrap_err();
    opened.store.append(EpisodeId(9), &step(0, "of nobody")).await.unwrap_err();
    opened.store.create(&head(7, &[])).await.unwrap_err();
    assert_eq!(contents(&*opened.store).await, expected(1));
    assert_eq!(opened.counters.tier_misses.get(), 0);
}

/// A tier that fails while it is open costs speed only: the record has everything.
#[tokio::test]
async fn a_tier_that_refuses_what_the_record_took_is_asked_no_more() {
    let place = Place::new();
    closed_with(&place, 1).await;
    {
        // Into the tier alone: what the record takes next, the tier has already.
        let tier = open_at("store=redb,codec=postcard", &place.beside("-tier")).await.unwrap().store;
        tier.append(EpisodeId(7), &step(1, "only here")).await.unwrap();
        tier.close().await.unwrap();
    }
    let opened = place.open(TIERED).await;
    assert_eq!(opened.counters.tier_rebuilds.get(), 0, "its note still says the right generation");
    add(&*opened.store, 1).await;
    assert_eq!(contents(&*opened.store).await, expected(2));
    assert_eq!(opened.store.episode(EpisodeId(7)).await.unwrap().unwrap().steps[1], step(1, "more"), "the record's");
    assert_eq!(opened.counters.tier_hits.get(), 0);
    opened.store.close().await.unwrap();
    reopened(&place, 2, 1).await;
}
