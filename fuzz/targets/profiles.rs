//! What valgrind's tools and criterion write.

#![no_main]

use harness::tools::{callgrind, criterion, dhat};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = criterion::parse(data);
    let _ = dhat::parse(data, "run_measured");
    if let Ok(text) = std::str::from_utf8(data)
        && let Ok(profile) = callgrind::parse(text)
    {
        let _ = harness::tools::function_costs::functions(&profile, "run_measured", &[]);
    }
});
