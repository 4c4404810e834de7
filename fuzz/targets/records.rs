//! Runs, histories and records of calibrations.

#![no_main]

use std::path::Path;

use baselines::history::{History, series};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("record.jsonl");
    std::fs::write(&path, data).expect("written");
    // A run that was read can be written, and is then the same.
    if let Ok(run) = baselines::Run::read(&path, true) {
        run.write(&path).expect("written");
        assert_eq!(baselines::Run::read(&path, true).expect("read again"), run);
    }
    if let Ok(history) = History::read(&path) {
        let _ = series::series(&history, |_| true);
    }
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = baselines::calibration::parse(Path::new("calibration.jsonl"), text);
    }
});
