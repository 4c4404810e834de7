//! Whether valgrind is there, and what to type if not.

use std::process::{Command, Stdio};

/// Why the counts lane can't run, with the remedy; nothing if it can.
pub fn missing() -> Option<String> {
    let found = Command::new("valgrind").arg("--version").stdin(Stdio::null()).output();
    match found {
        Ok(output) if output.status.success() => None,
        _ => Some("valgrind is not installed: type `sudo apt-get install valgrind` (or your system's equivalent), or run scripts/setup".to_owned()),
    }
}
