//! The pools at a distance, by their counters and by the link's.

use std::sync::Arc;
use std::time::Duration;

use testbed::link::{Distance, LinkCounts};

use crate::{Bed, counted, play};

const COUNTED: [&str; 6] = [
    "connections_opened",
    "connections_reused",
    "remote_connections",
    "remote_round_trips",
    "bytes_sent",
    "bytes_received",
];

#[tokio::test(flavor = "multi_thread")]
async fn keeping_connections_saves_round_trips_and_bytes() {
    const GETS: u64 = 12;
    let mut cost = Vec::new();
    for pool in ["none", "keepalive", "adaptive"] {
        let Some(bed) = Bed::new(Distance::preset("15ms").unwrap()) else { return };
        let memory = bed.open(pool).await;
        let id = play(&memory, 0, 1).await.unwrap();
        assert!(memory.get_episode(id).await.unwrap().is_some()); // a new connection prepares its statements
        let before = counted(&memory, COUNTED);
        for _ in 0..GETS {
            assert!(memory.get_episode(id).await.unwrap().is_some());
        }
        let after = counted(&memory, COUNTED);
        let [opened, reused, connections, round_trips, sent, received] =
            std::array::from_fn(|at| after[at] - before[at]);
        println!(
            "{pool}: {GETS} gets: {opened} opened, {reused} reused, {connections} TCP connections, {round_trips} round \
                trips, {sent} + {received} bytes"
        );
        cost.push((pool, opened, reused, connections, round_trips, sent + received));
    }
    let [none, keepalive, adaptive] = cost[..] else { panic!("three pools") };
    assert_eq!((none.1, none.2), (GETS, 0), "one each time");
    assert_eq!(none.3, GETS, "a TCP connection each: {none:?}");
    assert!(none.4 >= 3 * GETS, "its handshake, the question for the columns, the query, a goodbye: {none:?}");
    for kept in [keepalive, adaptive] {
        assert_eq!((kept.1, kept.2), (0, GETS), "{kept:?}");
        assert_eq!((kept.3, kept.4), (0, GETS), "the query and nothing else: {kept:?}");
        assert!(kept.5 < none.5, "{kept:?} {none:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn adaptive_follows_the_callers() {
    let Some(bed) = Bed::new(Distance::preset("15ms").unwrap()) else { return };
    let memory = Arc::new(bed.open("adaptive").await);
    let id = play(&memory, 0, 1).await.unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..24 {
        let memory = Arc::clone(&memory);
        tasks.spawn(async move {
            for _ in 0..20 {
                assert!(memory.get_episode(id).await.unwrap().is_some());
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    let [opened, grown] = counted(&memory, ["connections_opened", "permits_grown"]);
    println!("24 callers: {opened} connections, {grown} permits grown");
    assert!(grown >= 4, "24 callers want more than it began with");
    assert!(opened <= 34);
    let grown_since = || {
        let [grown, shrunk] = counted(&memory, ["permits_grown", "permits_shrunk"]);
        grown.saturating_sub(shrunk)
    };
    let mut asked = 0;
    while grown_since() > 0 {
        assert!(asked < 500, "one caller wants no more than it began with");
        assert!(memory.get_episode(id).await.unwrap().is_some());
        asked += 1;
    }
    println!("then one caller: as few as at first after {asked} requests");
}

/// The client's meter and the link agree on every byte.
#[tokio::test(flavor = "multi_thread")]
async fn every_byte_is_counted() {
    let Some(bed) = Bed::new(Distance::milliseconds(0)) else { return };
    let memory = bed.open("keepalive").await;
    let id = play(&memory, 0, 5).await.unwrap();
    assert!(memory.get_episode(id).await.unwrap().is_some());
    // The goodbye of the stream that opened the store is sent in the background: in the end both have counted it.
    let agreeing = async {
        loop {
            let [sent, received] = counted(&memory, ["bytes_sent", "bytes_received"]);
            let LinkCounts { bytes_up, bytes_down, .. } = bed.link.counts();
            assert!(sent > 1_000 && received > 1_000 && received <= bytes_down);
            if sent == bytes_up {
                break;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), agreeing).await.expect("the meters agree in the end");
}
