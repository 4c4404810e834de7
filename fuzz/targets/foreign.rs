//! Files of gungraun, hyperfine and goose, told apart by what is in them.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("summary.json");
    std::fs::write(&path, data).expect("written");
    let _ = harness::foreign::read(&path);
});
