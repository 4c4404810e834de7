//! The list of all benchmarks. [`crate::cases`] lists the variants under which each is measured.

use crate::benchmark::{Benchmark, SetUp};
use crate::benchmarks::{bursts, engine, payload, pure, reading, retrieval, searching, together, writing};

const RETRIEVED: &[&str] = &["store", "durability", "embedding", "retrieval", "sharing", "cache"];

/// The toggles on the path of every benchmark that uses a store, plus those of one kind of benchmark.
macro_rules! stored {
    ($($toggle:literal),*) => {
        &["store", "durability", "codec", "compression", "buffers", "pool", $($toggle),*]
    };
}

/// A benchmark on the bytes of one step.
const fn payload(
    name: &'static str,
    about: &'static str,
    exercises: &'static [&'static str],
    operations: u64,
    setup: SetUp,
) -> Benchmark {
    Benchmark { name, about, exercises, episodes: 24, operations, setup }
}

/// All benchmarks, grouped by family.
pub const BENCHMARKS: &[Benchmark] = &[
    Benchmark {
        name: "lifecycle",
        about: "a whole episode: start, 10 steps, complete with reward, reflection and patterns",
        exercises: stored![],
        episodes: 8,
        operations: 2,
        setup: writing::whole_episode,
    },
    Benchmark {
        name: "episode/start",
        about: "start an episode",
        exercises: stored![],
        episodes: 8,
        operations: 16,
        setup: writing::start,
    },
    Benchmark {
        name: "step/log",
        about: "log one step to a running episode",
        exercises: stored![],
        episodes: 8,
        operations: 16,
        setup: writing::log_step,
    },
    Benchmark {
        name: "step/together",
        about: "log one step to each of 8 running episodes at the same moment",
        exercises: stored!["writes"],
        episodes: 8,
        operations: 4,
        setup: together::log_steps,
    },
    Benchmark {
        name: "lifecycle/together",
        about: "64 agents at the same time, each with a whole episode: start, 10 steps, complete",
        exercises: stored!["writes", "embedding"],
        episodes: 64,
        operations: 1,
        setup: together::whole_episodes,
    },
    Benchmark {
        name: "episode/complete",
        about: "complete an episode of 10 steps: reward, reflection, patterns, embedding",
        exercises: stored!["embedding"],
        episodes: 8,
        operations: 4,
        setup: writing::complete,
    },
    Benchmark {
        name: "episode/get",
        about: "fetch one of 32 completed episodes by its id",
        exercises: stored!["cache", "sharing"],
        episodes: 8,
        operations: 16,
        setup: reading::get,
    },
    Benchmark {
        name: "episode/get_many",
        about: "fetch 10 of 32 completed episodes by their ids",
        exercises: stored!["cache", "sharing", "batch"],
        episodes: 8,
        operations: 4,
        setup: reading::get_many,
    },
    Benchmark {
        name: reading::CROWDED,
        about: "fetch one of 128 completed episodes by its id, some far more often than others, of which a cache holds \
            16",
        exercises: stored!["cache", "sharing"],
        episodes: 8,
        operations: 32,
        setup: reading::get_crowded,
    },
    Benchmark {
        name: "episode/burst",
        about: "a load that changes: 2 to 40 callers at a time, each of whom fetches 6 episodes",
        exercises: stored!["cache", "sharing"],
        episodes: 8,
        operations: 1,
        setup: bursts::gets,
    },
    Benchmark {
        name: "metadata/query",
        about: "the ids of the 4 of 64 episodes that have a metadata value",
        exercises: stored!["metadata", "cache"],
        episodes: 8,
        operations: 8,
        setup: searching::by_metadata,
    },
    Benchmark {
        name: "task/query",
        about: "the ids of the 2 newest of the 4 of 64 episodes that are of a task type in a domain",
        exercises: stored!["index", "cache"],
        episodes: 8,
        operations: 8,
        setup: searching::by_task,
    },
    Benchmark {
        name: "retrieve/100",
        about: "the 10 episodes of 100 that fit a task best",
        exercises: RETRIEVED,
        episodes: 8,
        operations: 4,
        setup: retrieval::among_100,
    },
    Benchmark {
        name: "retrieve/1000",
        about: "the 10 episodes of 1,000 that fit a task best",
        exercises: RETRIEVED,
        episodes: 8,
        operations: 2,
        setup: retrieval::among_1000,
    },
    Benchmark {
        name: "retrieve/10000",
        about: "the 10 episodes of 10,000 that fit a task best",
        exercises: RETRIEVED,
        episodes: 8,
        operations: 1,
        setup: retrieval::among_10000,
    },
    Benchmark {
        name: "engine/step",
        about: "commit the step of `step/log` straight into the database beneath the store",
        exercises: &["store", "durability", "codec", "compression"],
        episodes: 8,
        operations: 16,
        setup: engine::step,
    },
    Benchmark {
        name: "engine/steps",
        about: "commit the 8 steps of `step/together` straight into the database beneath the store",
        exercises: &["store", "durability", "codec", "compression"],
        episodes: 8,
        operations: 4,
        setup: engine::steps,
    },
    Benchmark {
        name: "pattern/extract",
        about: "extract the patterns of one completed episode of 50 steps",
        exercises: &[],
        episodes: 8,
        operations: 4,
        setup: pure::extract_patterns,
    },
    Benchmark {
        name: "embedding/embed",
        about: "embed the text of one task",
        exercises: &[],
        episodes: 8,
        operations: 16,
        setup: pure::embed,
    },
    payload(
        "codec/encode/small",
        "encode a step at the 10th percentile of sizes",
        &["codec", "buffers"],
        32,
        payload::encode_small,
    ),
    payload("codec/encode/median", "encode a step of median size", &["codec", "buffers"], 32, payload::encode_median),
    payload(
        "codec/encode/large",
        "encode a step at the 99th percentile of sizes",
        &["codec", "buffers"],
        16,
        payload::encode_large,
    ),
    payload(
        "codec/decode/small",
        "decode a step at the 10th percentile of sizes",
        &["codec"],
        32,
        payload::decode_small,
    ),
    payload("codec/decode/median", "decode a step of median size", &["codec"], 32, payload::decode_median),
    payload(
        "codec/decode/large",
        "decode a step at the 99th percentile of sizes",
        &["codec"],
        16,
        payload::decode_large,
    ),
    payload(
        "compression/compress/small",
        "compress an encoded step at the 10th percentile of sizes",
        &["compression"],
        16,
        payload::compress_small,
    ),
    payload(
        "compression/compress/median",
        "compress an encoded step of median size",
        &["compression"],
        16,
        payload::compress_median,
    ),
    payload(
        "compression/compress/large",
        "compress an encoded step at the 99th percentile of sizes",
        &["compression"],
        8,
        payload::compress_large,
    ),
    payload(
        "compression/decompress/small",
        "decompress an encoded step at the 10th percentile of sizes",
        &["compression"],
        16,
        payload::decompress_small,
    ),
    payload(
        "compression/decompress/median",
        "decompress an encoded step of median size",
        &["compression"],
        16,
        payload::decompress_median,
    ),
    payload(
        "compression/decompress/large",
        "decompress an encoded step at the 99th percentile of sizes",
        &["compression"],
        8,
        payload::decompress_large,
    ),
];

/// The benchmark of that name.
pub fn find(name: &str) -> Option<&'static Benchmark> {
    BENCHMARKS.iter().find(|benchmark| benchmark.name == name)
}
