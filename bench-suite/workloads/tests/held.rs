//! The memory that is held of an episode, in bytes of the heap: exact, and the same in every run.

use std::sync::Arc;

use memory::{IdSource, ManualClock, Memory, Options, Query};
use worker::heap::CountingAllocator;
use workloads::benchmarks::{play, retrieval};
use workloads::input::Source;

#[global_allocator]
static HEAP: CountingAllocator = CountingAllocator::new();

/// As many as fill blocks of the index and are not the size of an arrangement.
const EPISODES: usize = 10_000;

/// The bytes of an episode in the memory of that variant, without steps, after a retrieval.
fn held(variant: &str) -> i64 {
    let input = Source::default().load(8).expect("generated");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let options = Options {
        clock: Arc::new(ManualClock::new(1_700_000_000_000_000_000)),
        ids: IdSource::seeded(7),
        ..Options::default()
    };
    HEAP.count(true);
    let before = HEAP.held_bytes();
    let held = runtime.block_on(async {
        let memory = Memory::open(&variant.parse().expect("a variant"), options).await.expect("opens");
        for number in 0..EPISODES {
            play(&memory, &retrieval::script(&input, number), 0).await.expect("is stored");
        }
        let text = retrieval::script(&input, EPISODES / 2).start.task;
        let found = memory.retrieve(&Query { text, context: None, limit: 1 }).await.expect("finds");
        assert_eq!(found.len(), 1);
        drop(found);
        (HEAP.held_bytes() - before) / EPISODES as i64
    });
    HEAP.count(false);
    held
}

/// With whole vectors and a map of metadata the store has 1,400 bytes more, and the index 200.
#[test]
fn vectors_of_words_are_a_small_part_of_what_is_held() {
    let [store, both] = ["store=memory", "store=memory,retrieval=indexed"].map(held);
    println!("an episode: {store} bytes in the store, {} in the index", both - store);
    assert!(both <= 1_594, "{store} bytes in the store, {} in the index", both - store);
    assert!(both - store <= 480, "{} bytes in the index", both - store);
}
