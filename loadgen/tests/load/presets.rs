//! The presets of the memory's workload, each against the memory.

use std::path::Path;

use super::support::{Real, fails, measurements, run, stderr, stdout, value};

fn memory() -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("presets/memory.toml").to_str().unwrap().to_owned()
}

const PRESETS: [&str; 8] =
    ["canonical", "read-heavy", "write-heavy", "latest", "burst", "soak", "cold-start", "variable"];

/// The requests that a run counted, by operation.
fn count(said: &str, operation: &str) -> u64 {
    let row = said.lines().find_map(|line| line.trim_start().strip_prefix(&format!("- {operation} ")));
    row.map_or(0, |row| row.split_whitespace().next().unwrap().parse().unwrap())
}

#[test]
fn every_preset_is_answered_rightly() {
    for preset in PRESETS {
        let server = Real::start();
        let more = ["--preset", preset, "--sessions", "60", "--rate", "600", "--quiet", "--max-start-lag", "1h"];
        let output = run(&[&["--scenario", &memory(), "--server", &server.url][..], &more].concat());
        assert!(output.status.success(), "{preset}: {}", stderr(&output));
        let measured = measurements(stdout(&output));
        assert_eq!(value(&measured, "errors"), 0.0, "{preset}: {}", stderr(&output));
        assert_eq!(measured[0].case.benchmark, format!("load/memory-{preset}"));
        let said = stderr(&output);
        let written = ["start", "step", "complete", "complete-passing", "delete"].map(|name| count(said, name));
        let before = if preset == "cold-start" { 0 } else { 50 };
        assert_eq!(server.stats().episodes, before + written[0] - written[4], "{preset}: {said}");
    }
}

#[test]
fn the_command_line_goes_before_a_preset_s_pace() {
    let plan = |more: &[&str]| {
        let output = run(&[&["--scenario", &memory(), "--plan"][..], more].concat());
        assert!(output.status.success(), "{}", stderr(&output));
        stdout(&output).lines().count()
    };
    // 50 per second for a minute.
    let steady = plan(&[]);
    assert!((2800..3200).contains(&steady), "{steady}");
    assert_eq!(plan(&["--preset", "canonical"]), steady);
    assert!((5600..6400).contains(&plan(&["--rate", "100"])));
    assert_eq!(plan(&["--preset", "soak", "--sessions", "7"]), 7);
    let unknown = run(&["--scenario", &memory(), "--preset", "heavy"]);
    fails(&unknown, 1, "there is no preset `heavy`: use burst, canonical, cold-start");
}
