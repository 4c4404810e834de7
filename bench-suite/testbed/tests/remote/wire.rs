//! `wire=compressed` to a database server: the same answers in fewer bytes, by the client's counters and the link's.

use memory::{EpisodeId, Memory, NewStep, Outcome};
use testbed::link::{Distance, LinkCounts};

use crate::{Bed, Place, answers, counted, open, start};

const WIRE: [&str; 3] = ["bodies_compressed", "wire_bytes_before", "wire_bytes_after"];

/// An episode whose steps compress as well as the output of tools.
async fn play(memory: &Memory, number: usize) -> EpisodeId {
    let id = memory.start_episode(start(number)).await.expect("starts");
    for at in 0..4 {
        let observation = format!("error[E0308]: mismatched types in module {at}, expected `u32`\n").repeat(30);
        let step = NewStep { tool: "cargo".to_owned(), observation, ..NewStep::default() };
        memory.log_step(id, step).await.expect("logs");
    }
    memory.complete_episode(id, Outcome::Success { verdict: "tests pass".to_owned() }).await.expect("completes");
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_come_compressed_and_say_the_same() {
    let mut results = Vec::new();
    for wire in ["identity", "compressed"] {
        let Some(bed) = Bed::new(Distance::milliseconds(0)) else { return };
        let variant = format!("store=libsql,pool=keepalive,wire={wire}");
        let memory = open(Place::Server(&bed.link.url()), &variant).await.unwrap();
        let mut ids = Vec::new();
        for number in 0..3 {
            ids.push(play(&memory, number).await);
        }
        let [received] = counted(&memory, ["bytes_received"]);
        let LinkCounts { bytes_down, .. } = bed.link.counts();
        let answered = answers(&memory, &ids).await;
        let [received_after] = counted(&memory, ["bytes_received"]);
        let [bodies, before, after] = counted(&memory, WIRE);
        let carried = bed.link.counts().bytes_down - bytes_down;
        println!(
            "{wire}: {} bytes received ({carried} over the link); {bodies} bodies, {before} to {after} bytes",
            received_after - received
        );
        results.push((answered, received_after - received, carried, bodies, before, after));
    }
    let [identity, compressed] = &results[..] else { panic!("two strategies") };
    assert_eq!(identity.0, compressed.0, "the same answers");
    assert_eq!((identity.3, identity.4, identity.5), (0, 0, 0));
    assert!(compressed.3 > 0 && compressed.5 * 2 < compressed.4, "fewer bytes of bodies");
    assert!(compressed.1 * 2 < identity.1, "fewer bytes received: {} of {}", compressed.1, identity.1);
    assert!(compressed.2 * 2 < identity.2, "and the link has carried fewer: {} of {}", compressed.2, identity.2);
}
