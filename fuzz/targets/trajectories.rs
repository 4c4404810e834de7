//! Trajectories of agents, as JSON and as Python prints them, and corpus files.

#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = corpus::import::parse(Path::new("a.traj"), data);
    let _ = episodes::corpus::parse(data, Path::new("corpus.jsonl"));
});
