//! The traps of a remote libSQL: every known failure is provoked.

use std::sync::Arc;
use std::time::Duration;

use memory::Error;
use testbed::link::Distance;

use crate::{Bed, counted, play, start, step};

/// A stream that was idle for over 10 seconds answers STREAM_EXPIRED to everything until it is reset. The test waits on
/// the server's clock.
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_expired_is_begun_anew() {
    let Some(bed) = Bed::new(Distance::milliseconds(0)) else { return };
    let memory = Arc::new(bed.open("keepalive").await);
    let id = play(&memory, 0, 1).await.unwrap();
    assert!(memory.get_episode(id).await.unwrap().is_some());
    let before = counted(&memory, ["connections_opened", "streams_renewed"]);

    // A connection used within 8 seconds is not checked. The request is held on its way until the stream is 12 seconds
    // old.
    tokio::time::sleep(Duration::from_secs(5)).await;
    bed.link.stall(true);
    let asking = tokio::spawn({
        let memory = Arc::clone(&memory);
        async move { memory.get_episode(id).await }
    });
    tokio::time::sleep(Duration::from_secs(7)).await;
    bed.link.stall(false);
    assert!(asking.await.unwrap().unwrap().is_some(), "the answer comes, from a new stream");
    let after = counted(&memory, ["connections_opened", "streams_renewed"]);
    assert_eq!(after, [before[0], before[1] + 1], "on the same connection");

    // After 8 seconds the connection is checked on a new stream first, so that nothing is sent twice.
    tokio::time::sleep(Duration::from_secs(11)).await;
    assert!(memory.get_episode(id).await.unwrap().is_some());
    memory.log_step(memory.start_episode(start(1)).await.unwrap(), step(0)).await.unwrap();
    assert_eq!(counted(&memory, ["connections_opened", "streams_renewed"]), after);
}

/// On one thread, so that the end of a connection is seen before the next request is sent: otherwise a write may go
/// into a connection that is already closed, which is an error (below).
#[tokio::test]
async fn a_connection_that_was_cut_is_replaced() {
    for pool in ["none", "keepalive", "adaptive"] {
        let Some(bed) = Bed::new(Distance::milliseconds(0)) else { return };
        let memory = Arc::new(bed.open(pool).await);
        let id = memory.start_episode(start(0)).await.unwrap();
        for number in 0..6 {
            memory.log_step(id, step(number)).await.unwrap();
            bed.link.cut();
            assert_eq!(memory.get_episode(id).await.unwrap().unwrap().steps.len(), number + 1, "{pool}");
        }
        assert_eq!(memory.log_step(id, step(6)).await.unwrap(), 6, "{pool}: no step is lost, none is there twice");
    }
}

/// Nobody knows if a write whose answer was lost was done: it is an error, and what follows works.
#[tokio::test(flavor = "multi_thread")]
async fn a_write_whose_answer_was_lost_is_an_error() {
    let Some(bed) = Bed::new(Distance::milliseconds(0)) else { return };
    let memory = Arc::new(bed.open("keepalive").await);
    let id = memory.start_episode(start(0)).await.unwrap();
    memory.log_step(id, step(0)).await.unwrap();
    let sent = bed.link.counts().bytes_up;
    bed.link.stall(true);
    let writing = tokio::spawn({
        let memory = Arc::clone(&memory);
        async move { memory.log_step(id, step(1)).await }
    });
    while bed.link.counts().bytes_up == sent && !writing.is_finished() {
        tokio::task::yield_now().await; // until it is on its way
    }
    assert!(bed.link.cut() > 0);
    bed.link.stall(false);
    assert!(matches!(writing.await.unwrap(), Err(Error::Store { store: "libsql", .. })));
    let logged = memory.get_episode(id).await.unwrap().unwrap().steps.len() as u32;
    assert_eq!(memory.log_step(id, step(2)).await.unwrap(), logged, "the next number is the store's");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_was_restarted_is_found_again() {
    let Some(mut bed) = Bed::new(Distance::milliseconds(0)) else { return };
    let memory = bed.open("keepalive").await;
    let id = play(&memory, 0, 2).await.unwrap();
    let episode = memory.get_episode(id).await.unwrap().unwrap();
    bed.sqld.restart().unwrap();
    assert_eq!(memory.get_episode(id).await.unwrap().unwrap(), episode, "the new server does not know the stream");
    let renewed = counted(&memory, ["streams_renewed"]);
    assert_eq!(renewed, [1]);
    bed.sqld.kill();
    assert!(matches!(memory.get_episode(id).await, Err(Error::Store { .. })), "an error, and no waiting for ever");
    assert!(matches!(memory.start_episode(start(1)).await, Err(Error::Store { .. })));
    bed.sqld.restart().unwrap();
    assert_eq!(memory.get_episode(id).await.unwrap().unwrap(), episode, "what was acknowledged is there");
    play(&memory, 2, 2).await.unwrap();
    assert!(counted(&memory, ["streams_renewed"]) > renewed);
    assert_eq!(memory.stats().await.unwrap().episodes, 2, "what failed while it was away was not done");
}

/// Clones of one remote connection in several tasks hang the server, so a checkout belongs to one caller.
#[tokio::test(flavor = "multi_thread")]
async fn many_callers_share_connections_one_at_a_time() {
    for pool in ["keepalive", "adaptive"] {
        let Some(bed) = Bed::new(Distance::milliseconds(1)) else { return };
        let memory = Arc::new(bed.open(pool).await);
        let id = play(&memory, 0, 2).await.unwrap();
        let mut tasks = tokio::task::JoinSet::new();
        for number in 0..64 {
            let memory = Arc::clone(&memory);
            tasks.spawn(async move {
                if number % 8 == 0 {
                    play(&memory, number, 1).await.unwrap();
                }
                for _ in 0..4 {
                    assert_eq!(memory.get_episode(id).await.unwrap().unwrap().steps.len(), 2);
                }
            });
        }
        while let Some(done) = tasks.join_next().await {
            done.unwrap();
        }
        let [opened, retired, lost] =
            counted(&memory, ["connections_opened", "connections_retired", "streams_renewed"]);
        let open = opened - retired; // an adaptive pool closes some in between
        assert!(open <= 34, "{pool}: 32 readers, the writer and the one that opened it, not {open}");
        assert_eq!(lost, 0, "{pool}");
    }
}
