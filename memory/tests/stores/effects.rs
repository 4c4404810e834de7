//! What the strategies do, seen in the counters.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use super::*;

/// Starts one episode and appends `steps` steps of one size.
async fn log(opened: &Opened, steps: u32) {
    opened.store.create(&head(7, &[])).await.unwrap();
    for number in 0..steps {
        opened.store.append(EpisodeId(7), &step(1_000_000 + number, &"x".repeat(100))).await.unwrap();
    }
}

#[tokio::test]
async fn appending_costs_the_step_however_long_the_episode_is() {
    for variant in in_files() {
        let place = Place::new();
        let opened = place.open(variant).await;
        log(&opened, 10).await;
        let early = cost_of_one(&opened, 2_100_000).await;
        for number in 0..290 {
            opened.store.append(EpisodeId(7), &step(3_000_000 + number, "more")).await.unwrap();
        }
        let late = cost_of_one(&opened, 4_000_002).await;
        assert_eq!(early, late, "{variant}");
        assert_eq!((early["values_decoded"], early["rows_read"]), (0, 0), "{variant}: nothing is read");
        assert!(early["encoded_bytes"] < 300, "{variant}: the step and no more");
    }
}

/// What appending one step adds to each counter; numbers of seven digits over 2^21, alike modulo 6, make steps of one
/// size.
async fn cost_of_one(opened: &Opened, number: u32) -> BTreeMap<&'static str, u64> {
    let before = opened.counters.snapshot();
    opened.store.append(EpisodeId(7), &step(number, "one")).await.unwrap();
    let after = opened.counters.snapshot();
    after.into_iter().map(|(name, value)| (name, value - before[name])).filter(|(name, _)| *name != "fsyncs").collect()
}

#[tokio::test]
async fn keepalive_connects_and_prepares_once_and_none_every_time() {
    const STEPS: u64 = 50;
    for (pool, connections, reused, prepared) in [
        // The anchor; create, each step, the read. The first step looks its episode up, by a statement more.
        ("none", 1 + 1 + STEPS + 1, 0, 1 + 1 + STEPS + 1),
        // The anchor, the writer, a reader; a statement for each kind of operation, and the one that looks up.
        ("keepalive", 1 + 1 + 1, STEPS, 1 + 1 + 1 + 1),
    ] {
        let place = Place::new();
        let opened = place.open(&format!("store=libsql,pool={pool}")).await;
        let before = opened.counters.statements_prepared.get(); // those of the anchor
        log(&opened, STEPS as u32).await;
        assert_eq!(opened.store.episode(EpisodeId(7)).await.unwrap().unwrap().steps.len() as u64, STEPS);
        assert_eq!(opened.counters.connections_opened.get(), connections, "{pool}");
        assert_eq!(opened.counters.connections_reused.get(), reused, "{pool}");
        assert_eq!(opened.counters.statements_prepared.get() - before, prepared, "{pool}");
        assert_eq!(opened.counters.statements_reused.get(), if pool == "none" { 0 } else { STEPS - 1 }, "{pool}");
    }
}

#[tokio::test]
async fn durability_classes_sync_as_often_as_they_say() {
    let many = 3 * store::SYNC_EVERY;
    for (variant, steps, syncs) in [
        ("store=redb,durability=buffered", many, 3),
        ("store=redb,durability=fsynced", 20, 21),
        ("store=libsql,durability=committed", many, 0),
        ("store=libsql,durability=fsynced", 20, 21),
        ("store=tiered,durability=committed", many, 3), // those of the tier
    ] {
        let place = Place::new();
        let opened = place.open(variant).await;
        let before = opened.counters.fsyncs.get();
        log(&opened, steps).await;
        assert_eq!(opened.counters.fsyncs.get() - before, syncs, "{variant}");
        opened.store.flush().await.unwrap();
        assert_eq!(opened.counters.fsyncs.get() - before, syncs + 1, "{variant}: a flush syncs");
    }
}

/// A statement that meets another program's lock waits for it, on every connection.
#[tokio::test]
async fn other_programs_that_write_to_the_file_are_waited_for() {
    const STEPS: u32 = 300;
    for pool in ["none", "keepalive"] {
        let place = Place::new();
        let opened = place.open(&format!("store=libsql,pool={pool}")).await;
        let path = place.path();
        let (begun, wait_until_begun) = mpsc::channel();
        let enough = Arc::new(AtomicBool::new(false));
        let told_enough = Arc::clone(&enough);
        let other = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(async {
                let database = libsql::Builder::new_local(path).build().await.unwrap().connect().unwrap();
                database.busy_timeout(Duration::from_secs(30)).unwrap();
                database.execute_batch("PRAGMA synchronous = OFF; CREATE TABLE theirs (x)").await.unwrap();
                while !told_enough.load(Ordering::Relaxed) {
                    database.execute_batch("BEGIN IMMEDIATE; INSERT INTO theirs VALUES (1); COMMIT").await.unwrap();
                    begun.send(()).unwrap();
                }
            });
        });
        wait_until_begun.recv().unwrap();
        // On a busy machine the other one may not get a turn for a while: it is waited for, within bounds.
        let (mut rounds, mut theirs) = (0, 0);
        opened.store.create(&head(7, &[])).await.unwrap();
        while theirs < 2 && rounds < 200 {
            for number in rounds * STEPS..(rounds + 1) * STEPS {
                opened.store.append(EpisodeId(7), &step(number, "x")).await.unwrap();
            }
            rounds += 1;
            theirs += wait_until_begun.try_iter().count();
        }
        enough.store(true, Ordering::Relaxed);
        other.join().unwrap();
        assert!(theirs > 1, "{pool}: both wrote at the same time");
        assert_eq!(opened.store.stats().await.unwrap().steps, u64::from(rounds * STEPS), "{pool}");
    }
}

#[tokio::test]
async fn the_file_is_counted_in_bytes() {
    for variant in in_files() {
        let place = Place::new();
        let opened = place.open(variant).await;
        log(&opened, 20).await;
        opened.store.flush().await.unwrap();
        let stored = opened.store.stats().await.unwrap().stored_bytes;
        let on_disk: u64 = ["", "-wal", "-tier"]
            .iter()
            .filter_map(|suffix| place.beside(suffix).metadata().ok())
            .map(|about| about.len())
            .sum();
        assert_eq!(stored, on_disk, "{variant}");
        assert!(stored > 20 * 100, "{variant}");
    }
}
