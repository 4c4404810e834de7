//! A large report stays one page that a browser opens: 200 benchmarks under three phases, and 12 flamegraphs. So does a
//! history of 500 commits.

use baselines::history::CommitRecord;
use baselines::history::changes::ChangedSeries;
use baselines::history::series::{Point, Series};
use baselines::{CallStacks, CaseKey, Durability, FunctionCost, Measurement, Run, Sample};
use reports::history::{HistoryReport, site};
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

/// The large report: 600 cases of six metrics, judged against a base, with base and new of 12 flamegraphs.
pub fn large() -> Report {
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
    Report { judgement, profiles, raw, ..Report::new(new) }
}

#[test]
fn a_large_page_is_less_than_8_mb() {
    let page = render(&large(), Format::Html).expect("renders");
    assert_eq!(page.matches("<iframe").count(), 24, "base and new of each");
    assert!(page.contains("base64,"), "the raw data is in it");
    println!("{} bytes", page.len());
    assert!(page.len() < 8_000_000, "{} bytes", page.len());
}

/// 500 commits of 200 benchmarks, six metrics each: what a reader opens is an index, and a page a benchmark.
#[test]
fn the_pages_of_a_long_history_are_less_than_8_mb() {
    let commit = |number: usize| format!("{number:040x}");
    let date = |number: usize| format!("2026-{:02}-{:02}T10:00:00Z", number / 28 % 12 + 1, number % 28 + 1);
    let measured = run(1.0).measurements;
    let of_first_phase = measured.iter().filter(|measurement| measurement.case.variant.ends_with("phase=0"));
    let series = of_first_phase.map(|measurement| {
        let value = |number: usize| measurement.sample.median() + (number * 37 % 11) as f64;
        let point = |number: usize| Point { commit: commit(number), date: date(number), value: value(number) };
        let series = Series {
            environment: "x86_64-rustc1.95.0".into(),
            case: measurement.case.clone(),
            metric: measurement.metric.clone(),
            operations: 1,
            points: (0..500).map(point).collect(),
        };
        ChangedSeries { series, changes: vec![] }
    });
    let empty = |number: usize| CommitRecord::new(commit(number), date(number), vec![]);
    let report = HistoryReport {
        environment: "x86_64-rustc1.95.0".into(),
        commits: (0..500).map(empty).collect(),
        odd: vec![],
        series: series.collect(),
    };
    assert_eq!(report.series.len(), 1200);
    let folder = tempfile::tempdir().expect("a folder");
    assert_eq!(site(&[report], folder.path()).expect("written"), 201);
    let sizes = std::fs::read_dir(folder.path()).expect("listed");
    let sizes: Vec<u64> = sizes.map(|entry| entry.expect("one").metadata().expect("a size").len()).collect();
    let (largest, all) = (sizes.iter().max().expect("some"), sizes.iter().sum::<u64>());
    println!("the largest page: {largest} bytes, all: {all}");
    assert!(*largest > 100_000 && *largest < 8_000_000, "{largest} bytes");
}
