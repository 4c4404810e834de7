//! Traces of caches, in both formats.

#![no_main]

use cache_sim::trace::{TraceFormat, read};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("trace");
    std::fs::write(&path, data).expect("written");
    for format in [TraceFormat::Arc, TraceFormat::LibCacheSim] {
        let _ = read(&path, format, None);
    }
});
