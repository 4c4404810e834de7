//! A large report stays one page that a browser opens: 200 benchmarks under three phases, and 12 flamegraphs.

use baselines::{CallStacks, CaseKey, Durability, FunctionCost, Measurement, Run, Sample};
use reports::{Format, RawFile, Report, render};

use crate::fixture;

/// As many stacks as a real profile has, with names as long.
fn folded(seed: u64) -> String {
    let frame =
        |number: u64| format!("<workloads::part{}::Kind<T> as worker::suite::Prepared>::step_{number}", number % 7);
    (0..400u64)
        .map(|stack| {
            let frames: Vec<String> = (0..14).map(|depth| frame((stack >> (14 - depth).min(9)) * 3 + depth)).collect();
            format!("{} {}\n", frames.join(";"), 50 + (stack * 37 + seed) % 900)
        })
        .collect()
}

fn run(extra: f64) -> Run {
    let mut run = Run { complete: true, ..fixture::run() };
    run.measurements.clear();
    for benchmark in 0..200 {
        for phase in 0..3 {
            let case = CaseKey {
                benchmark: format!("family{}/operation_{benchmark}", benchmark / 10),
                variant: format!("store=redb,durability=buffered,codec=json,cache=none,pool=none,phase={phase}"),
            };
            for metric in ["instructions", "branches", "allocations", "allocated_bytes", "peak_bytes", "cpu_time"] {
                let value = (f64::from(1000 + benchmark * 31 + phase * 7) * extra).round();
                let sample = Sample::new(vec![value; 5]).expect("finite");
                run.measurements.push(Measurement::new(case.clone(), metric, sample, Durability::Buffered));
            }
            let place = run.measurements.len() - 6;
            run.measurements[place].functions = (0..40)
                .map(|function| FunctionCost {
                    function: format!("<memory::store::redb::Redb as memory::store::Store>::function_{function}"),
                    instructions: function * 100 + (extra * 10.0) as u64,
                    calls: function,
                    ..FunctionCost::default()
                })
                .collect();
        }
    }
    run
}

#[test]
fn a_large_page_is_less_than_8_mb() {
    let (base, new) = (run(1.0), run(1.1));
    let profiles =
        (new.measurements.iter().step_by(300).take(12).enumerate()).map(|(number, measurement)| CallStacks {
            case: measurement.case.clone(),
            unit: "instructions".into(),
            folded: folded(number as u64 + 5),
            base_folded: Some(folded(number as u64)),
        });
    let profiles: Vec<CallStacks> = profiles.collect();
    assert_eq!(profiles.len(), 12);
    let raw = vec![RawFile { name: "run.jsonl".into(), bytes: serde_json::to_vec(&new.measurements).expect("JSON") }];
    let judgement = Some(fixture::judged(&base, &new));
    let report = Report { judgement, profiles, raw, ..Report::new(new) };
    let page = render(&report, Format::Html).expect("renders");
    assert_eq!(page.matches("<iframe").count(), 24, "base and new of each");
    assert!(page.contains("base64,"), "the raw data is in it");
    assert!(page.len() < 8_000_000, "{} bytes", page.len());
}
