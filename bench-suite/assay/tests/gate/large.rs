//! Compares two runs of 10,000 measurements, to see the time of a comparison of large stored runs.
//!
//! No time is asserted, as machines differ; the time is printed:
//!
//! ```text
//! cargo nextest run --release --workspace --run-ignored all --no-capture -E 'test(two_large_runs)'
//! ```

use std::time::Instant;

use baselines::FunctionCost;

use crate::support::{assay, parts, run};

/// Measurements of each run.
const MEASUREMENTS: usize = 10_000;

/// Functions of each measurement: about as many as in a real one.
const FUNCTIONS: u64 = 90;

#[test]
#[ignore = "prints a time, and writes runs of many megabytes"]
fn two_large_runs_are_compared() {
    let folder = tempfile::tempdir().expect("a folder");
    let names: Vec<String> = (0..MEASUREMENTS).map(|place| format!("made/{place}")).collect();
    for (side, percent) in [("base", 0), ("new", 1)] {
        // Every tenth is slower by one per cent.
        let slower = |place: usize| if place.is_multiple_of(10) { 1_000 * percent } else { 0 };
        let counts: Vec<(&str, f64)> =
            names.iter().enumerate().map(|(place, name)| (name.as_str(), (100_000 + slower(place)) as f64)).collect();
        let mut made = run(&counts);
        for measurement in &mut made.measurements {
            let whole = measurement.sample.median() as u64;
            let part = whole / FUNCTIONS;
            measurement.functions = (0..FUNCTIONS)
                .map(|function| FunctionCost {
                    function: format!("memory::work::part_{function}"),
                    instructions: if function == 0 { whole - part * (FUNCTIONS - 1) } else { part },
                    calls: 7,
                    ..FunctionCost::default()
                })
                .collect();
        }
        made.write(&folder.path().join(format!("{side}.jsonl"))).expect("writes");
    }
    let began = Instant::now();
    let (code, stdout, stderr) = parts(&assay(folder.path(), &["compare", "base.jsonl", "new.jsonl"]));
    println!("two runs of {MEASUREMENTS} measurements: {:.2} s", began.elapsed().as_secs_f64());
    assert_eq!(code, 100, "{stderr}");
    assert!(stdout.contains("and 999 more"), "{}", stdout.lines().last().unwrap_or_default());
}
