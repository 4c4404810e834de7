//! Files that people write: policies and project files.

#![no_main]

use std::path::Path;

use baselines::policy::Policy;
use harness::subject::definition::Definition;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _ = Policy::parse(Path::new("policy.toml"), text);
    let _ = Definition::parse(Path::new("assay.toml"), text);
});
