//! Reports for the tests, built from the model. The numbers are a fixture: made up, fixed, and shaped like those of a
//! real run.

use baselines::compare::compare;
use baselines::delta::{Bound, Delta, Verdict};
use baselines::gate::{self, Judgement};
use baselines::history::changes::{ChangedSeries, changes};
use baselines::history::{self, CaseValues, CommitRecord, History, series};
use baselines::policy::Policy;
use baselines::{
    CallStacks, CaseKey, Durability, Environment, FunctionCost, InvalidEntry, Measurement, Run, RunHeader, Sample,
    Skipped,
};
use reports::{RawFile, Report};

const COMMIT: &str = "4bf5022d1f9c3a7be8d0c6f5a4b3c2d1e0f9a8b7";

fn environment() -> Environment {
    Environment {
        commit: COMMIT.into(),
        dirty: false,
        rustc: "rustc 1.95.0 (1a2b3c4d5 2026-04-14)".into(),
        target: "x86_64-unknown-linux-gnu".into(),
        valgrind: Some("valgrind-3.19.0".into()),
        libc: "glibc 2.36".into(),
        cpu_model: "AMD EPYC 7B13".into(),
        cpu_features: ["aes", "avx", "avx2", "bmi1", "bmi2", "fma", "sse4.2"].map(String::from).to_vec(),
        cores: 2,
        kernel: "6.1.0-18-amd64".into(),
        seed: 20_261_121,
        corpus: "generated".into(),
    }
}

fn header() -> RunHeader {
    let header = RunHeader::new("assay gate --against baseline", "quick", environment());
    RunHeader { started_at: "2026-11-21T21:50:03Z".into(), ..header }
}

fn case(benchmark: &str, changes: &[(&str, &str)]) -> CaseKey {
    let toggles = ["store", "durability", "codec", "compression", "cache", "pool"];
    let naive = ["memory", "memory", "json", "none", "none", "none"];
    let pairs = toggles.iter().zip(naive).map(|(toggle, naive)| {
        let strategy = changes.iter().find(|(name, _)| name == toggle).map_or(naive, |(_, strategy)| strategy);
        format!("{toggle}={strategy}")
    });
    CaseKey { benchmark: benchmark.into(), variant: pairs.collect::<Vec<_>>().join(",") }
}

fn measurement(case: &CaseKey, metric: &str, values: &[f64]) -> Measurement {
    let durability = match case.variant.split(',').nth(1) {
        Some("durability=committed") => Durability::Committed,
        Some("durability=fsynced") => Durability::Fsynced,
        Some("durability=buffered") => Durability::Buffered,
        _ => Durability::Memory,
    };
    Measurement::new(case.clone(), metric, Sample::new(values.to_vec()).expect("finite"), durability)
}

fn cost(function: &str, instructions: u64, calls: u64) -> FunctionCost {
    FunctionCost { function: function.into(), instructions, calls, ..FunctionCost::default() }
}

/// A case of the counts lane, with everything that callgrind and DHAT say of it.
fn counted(run: &mut Run, case: &CaseKey, instructions: f64, allocations: f64, bytes: f64) {
    let again = |value: f64| [value; 3];
    run.measurements.push(measurement(case, "instructions", &again(instructions)));
    run.measurements.push(measurement(case, "branches", &again((instructions * 0.19).round())));
    run.measurements.push(measurement(case, "l1_hits", &again((instructions * 1.42).round())));
    run.measurements.push(measurement(case, "estimated_cycles", &again((instructions * 1.61).round())));
    run.measurements.push(measurement(case, "allocations", &again(allocations)));
    run.measurements.push(measurement(case, "allocated_bytes", &again(bytes)));
    run.measurements.push(measurement(case, "peak_bytes", &again((bytes * 0.4).round())));
}

/// A run over all lanes.
pub fn run() -> Run {
    let mut run = Run { complete: true, ..Run::new(header()) };
    for (benchmark, instructions, allocations) in [
        ("episode/start", 8_412.0, 31.0),
        ("episode/complete", 214_930.0, 612.0),
        ("episode/lifecycle", 1_934_210.0, 4_120.0),
    ] {
        counted(&mut run, &case(benchmark, &[]), instructions, allocations, allocations * 214.0);
    }
    for (store, durability, instructions) in [
        ("memory", "memory", 4_120.0),
        ("redb", "buffered", 96_300.0),
        ("redb", "fsynced", 131_870.0),
        ("libsql", "committed", 402_118.0),
    ] {
        let case = case("step/log", &[("store", store), ("durability", durability)]);
        counted(&mut run, &case, instructions, (instructions / 900.0f64).round(), (instructions / 3.0f64).round());
        let cpu = instructions * 0.31;
        run.measurements.push(measurement(
            &case,
            "cpu_time",
            &[cpu, cpu * 1.013, cpu * 0.991, cpu * 1.004, cpu * 1.02],
        ));
        run.measurements.push(measurement(
            &case,
            "wall_time",
            &[cpu * 1.2, cpu * 1.31, cpu * 1.18, cpu * 1.22, cpu * 1.9],
        ));
    }
    for (store, base) in [("memory", 71.0), ("redb", 1_630.0)] {
        for (episodes, factor) in [(100, 1.0), (1_000, 9.6), (10_000, 98.1)] {
            let case = case(&format!("retrieve/{episodes}"), &[("store", store)]);
            counted(&mut run, &case, f64::round(base * 1_000.0 * factor), 90.0 * factor, 18_000.0 * factor);
        }
    }
    for (payload, size) in [("small", 287.0), ("median", 2_210.0), ("large", 61_440.0)] {
        for (codec, speed, part) in [("json", 11.2, 1.0), ("messagepack", 6.4, 0.81), ("postcard", 4.1, 0.74)] {
            for (compression, price, ratio) in [("none", 0.0, 1.0), ("lz4", 7.9, 0.52), ("zstd", 31.0, 0.34)] {
                let case = case(&format!("codec/{payload}"), &[("codec", codec), ("compression", compression)]);
                counted(&mut run, &case, (size * (speed + price) + 900.0f64).round(), 12.0, size * 2.0);
                let stored = if size < 1_024.0 { size * part } else { size * part * ratio };
                run.measurements.push(measurement(&case, "stored_bytes", &[stored.round()]));
                let written = run.measurements.last_mut().expect("just pushed");
                written.counters.insert("values_encoded".into(), 1);
                written.counters.insert("encoded_bytes_before".into(), size as u64);
                written
                    .counters
                    .insert("values_compressed".into(), u64::from(compression != "none" && size >= 1_024.0));
            }
        }
    }
    for (store, durability, slow) in [("memory", "memory", 1.0), ("redb", "fsynced", 6.2), ("libsql", "committed", 4.4)]
    {
        let case = case("load/mix", &[("store", store), ("durability", durability)]);
        run.measurements.push(measurement(&case, "throughput", &[4_812.0 / slow]));
        for (metric, time) in [
            ("response_p50", 0.41),
            ("response_p90", 0.77),
            ("response_p95", 1.12),
            ("response_p99", 3.9),
            ("response_p999", 14.2),
        ] {
            run.measurements.push(measurement(&case, metric, &[(time * slow * 1e6f64).round()]));
        }
        run.measurements.push(measurement(&case, "errors", &[0.0]));
        run.measurements.push(measurement(&case, "peak_memory", &[(41.0 * slow * 1_048_576.0f64).round()]));
    }
    // Two samples that did not come out the same again.
    for (benchmark, metric) in [("episode/lifecycle", "instructions"), ("retrieve/10000", "estimated_cycles")] {
        let found =
            run.measurements.iter_mut().find(|found| found.case.benchmark == benchmark && found.metric == metric);
        let found = found.expect("the fixture has it");
        let value = found.sample.values()[0];
        found.sample = Sample::new(vec![value, value + (value * 0.00004).round(), value]).expect("finite");
    }
    let log = case("step/log", &[("store", "redb"), ("durability", "buffered")]);
    functions(
        &mut run,
        &log,
        &[
            cost("memory::codec::json::encode", 41_300, 120),
            cost("<memory::store::redb::Redb as memory::store::Store>::append", 22_100, 10),
            cost("__memcpy_avx_unaligned_erms", 15_820, 940),
            cost("redb::tree_store::btree_mutator::MutateHelper<K,V>::insert_helper", 9_040, 10),
            cost("(other)", 8_040, 3_114),
        ],
    );
    run
}

fn functions(run: &mut Run, case: &CaseKey, functions: &[FunctionCost]) {
    let found = run.measurements.iter_mut().find(|found| found.case == *case && found.metric == "instructions");
    let found = found.expect("the fixture has it");
    let total: u64 = functions.iter().map(|cost| cost.instructions).sum();
    found.operations = 10;
    found.sample = Sample::new(vec![total as f64 / 10.0; 3]).expect("finite");
    found.functions = functions.to_vec();
}

/// The run, slower in one place, faster in another, with one case less and one more.
pub fn changed() -> Run {
    let mut run = run();
    run.header.environment.commit = "c5c709651f7e8d9a0b1c2d3e4f5a6b7c8d9e0f1a".into();
    let log = case("step/log", &[("store", "redb"), ("durability", "buffered")]);
    let costs = [
        cost("memory::codec::json::encode", 56_930, 160),
        cost("<memory::store::redb::Redb as memory::store::Store>::append", 22_100, 10),
        cost("__memcpy_avx_unaligned_erms", 16_010, 952),
        cost("redb::tree_store::btree_mutator::MutateHelper<K,V>::insert_helper", 8_720, 10),
        cost("memory::encoding::checksum", 1_240, 10),
        cost("(other)", 8_041, 3_114),
    ];
    functions(&mut run, &log, &costs);
    let median = case("codec/median", &[("codec", "postcard"), ("compression", "none")]);
    set(&mut run, &median, "instructions", 6_020.0);
    let peak = case("episode/complete", &[]);
    set(&mut run, &peak, "peak_bytes", 90_000.0);
    let small = case("episode/start", &[]);
    set(&mut run, &small, "instructions", 8_420.0);
    run
}

fn set(run: &mut Run, case: &CaseKey, metric: &str, value: f64) {
    let found = run.measurements.iter_mut().find(|found| found.case == *case && found.metric == metric);
    found.expect("the fixture has it").sample = Sample::new(vec![value; 3]).expect("finite");
}

pub fn judged(base: &Run, new: &Run) -> Judgement {
    let day = jiff::civil::date(2026, 11, 21);
    gate::judge(compare(base, new, &Policy::standard(), day), &new.invalid, &[])
}

/// Everything at once: a regression with its cause, an interleaved time that is not decided, skipped lanes, profiles.
pub fn regressed() -> Report {
    let (base, mut new) = (run(), changed());
    new.skipped.push(Skipped {
        what: "remote".into(),
        why: "sqld is not installed: `scripts/setup` installs it, or name a server with `LIBSQL_URL=http://..`".into(),
    });
    let mut comparison = judged(&base, &new).comparison;
    comparison.deltas.retain(|delta| delta.metric != "cpu_time");
    comparison.deltas.push(interleaved("memory", "memory", 0.031, [0.004, 0.057], Verdict::Inconclusive));
    comparison.deltas.push(interleaved("redb", "buffered", 0.149, [0.131, 0.168], Verdict::Regressed));
    let profiled = case("step/log", &[("store", "redb"), ("durability", "buffered")]);
    Report {
        judgement: Some(gate::judge(comparison, &[], &[])),
        run: new,
        against: Some("baseline baselines/stored/x86_64-rustc1.95.0-valgrind3.19.0-glibc2.36-1f0c8a3b.jsonl".into()),
        profiles: vec![
            CallStacks {
                case: profiled,
                folded: include_str!("../fixtures/new.folded").into(),
                unit: "instructions".into(),
                base_folded: Some(include_str!("../fixtures/base.folded").into()),
            },
            CallStacks {
                case: case("retrieve/1000", &[]),
                folded: include_str!("../fixtures/retrieve.folded").into(),
                unit: "instructions".into(),
                base_folded: None,
            },
        ],
        notes: vec![
            "Criterion's times are shown and stored, and never judged: `assay gate --against REV` judges times.".into(),
        ],
        naive: [("codec", "json"), ("compression", "none"), ("cache", "none"), ("pool", "none")]
            .map(|(toggle, naive)| (toggle.to_owned(), naive.to_owned()))
            .to_vec(),
        phases: vec![],
        raw: vec![RawFile {
            name: "20261121T215003Z-4bf5022d.jsonl".into(),
            bytes: b"{\"record\":\"end\"}\n".to_vec(),
        }],
        trends: trends(&base),
        shows_all_deltas: false,
    }
}

/// Thirty commits in which one benchmark got 4% quicker, up to the values of a run.
fn trends(base: &Run) -> Vec<ChangedSeries> {
    let stored = case("step/log", &[("store", "redb"), ("durability", "buffered")]);
    let mut history = History::new("x86_64-rustc1.95.0");
    for number in 0..30_u32 {
        let mut cases = history::exact(&base.measurements);
        cases.retain(|values| values.case == stored || values.case == case("retrieve/1000", &[]));
        let before = |values: &&mut CaseValues| values.case == stored && number < 20;
        for value in cases.iter_mut().filter(before).flat_map(|values| values.values.get_mut("instructions")) {
            *value = (*value * 1.04).round() + f64::from(number % 3);
        }
        let (commit, date) = (format!("{number:03}cafecafecafe"), format!("2026-09-{:02}T10:00:00Z", number + 1));
        history.add(CommitRecord::new(commit, date, cases));
    }
    let mut all = series::series(&history, |_| true);
    all.retain(|one| one.metric == "instructions");
    changes(all, &Policy::standard(), jiff::civil::date(2026, 11, 21)).expect("judged")
}

fn interleaved(store: &str, durability: &str, relative: f64, interval: [f64; 2], verdict: Verdict) -> Delta {
    let base = 29_853.0;
    let case = case("step/log", &[("store", store), ("durability", durability)]);
    let why = "limit 2.0%, tolerance 4.0%, blocks: 160 rounds; all rounds are spent: measure on a quieter machine";
    Delta {
        base: Some(base),
        new: Some((base * (1.0 + relative)).round()),
        relative: Some(relative),
        interval: Some(interval),
        bound: Some(Bound { at_most: interval[1] + 0.004, confidence: 0.99 }),
        ..Delta::new(case, "cpu_time", (verdict, why), true)
    }
}

/// A pass without a shadow: the only green one.
pub fn passed() -> Report {
    timed(&[
        interleaved("memory", "memory", 0.002, [-0.006, 0.011], Verdict::Equal),
        interleaved("redb", "buffered", 0.011, [0.003, 0.0241], Verdict::Equal),
    ])
}

/// A time that can't be told from a regression, beside others that can.
pub fn undecided() -> Report {
    timed(&[
        interleaved("memory", "memory", 0.031, [0.004, 0.057], Verdict::Inconclusive),
        interleaved("redb", "buffered", 0.011, [0.003, 0.0241], Verdict::Equal),
    ])
}

/// Equal counts, and these times.
fn timed(times: &[Delta]) -> Report {
    let mut new = run();
    new.measurements.retain(|found| found.case.benchmark.starts_with("episode/"));
    let mut comparison = judged(&new, &new).comparison;
    comparison.deltas.extend(times.iter().cloned());
    let judgement = gate::judge(comparison, &[], &[]);
    Report { judgement: Some(judgement), against: Some("baseline x".into()), ..Report::new(new) }
}

/// Names that try to be markup, commands and control characters.
pub fn hostile() -> Report {
    const NAMES: [&str; 6] = [
        "</td><script>alert(1)</script>",
        "a|b`c``d|",
        "\"quoted' & <b>bold</b>",
        "line\nbreak\r\n::error::owned",
        "\u{1b}[31mred\u{1b}[0m\u{0}\u{202e}",
        "]]> --> */ @everyone [x](javascript:1)",
    ];
    let mut base = Run { complete: true, ..Run::new(header()) };
    base.header.command = NAMES[0].into();
    base.header.environment.cpu_model = NAMES[2].into();
    for (place, name) in NAMES.iter().enumerate() {
        let case = CaseKey {
            benchmark: format!("{name}/{}", 10 * (place + 1)),
            variant: format!("codec={name},compression={name}"),
        };
        let mut found = measurement(&case, "instructions", &[10_000.0, 10_001.0]);
        found.functions = vec![cost(name, 9_000, 3), cost("(other)", 1_000, 1)];
        found.counters.insert((*name).into(), 1);
        base.measurements.push(found);
    }
    let mut new = base.clone();
    for found in &mut new.measurements {
        found.sample = Sample::new(vec![20_000.0, 20_001.0]).expect("finite");
        found.functions[0].instructions = 19_000;
    }
    for name in NAMES {
        new.skipped.push(Skipped { what: name.into(), why: name.into() });
    }
    let mut report =
        Report { judgement: Some(judged(&base, &new)), against: Some(NAMES[1].into()), ..Report::new(new) };
    report.run.invalid.push(InvalidEntry { what: NAMES[0].into(), why: NAMES[3].into() });
    report.notes = NAMES.map(String::from).to_vec();
    report.profiles.push(CallStacks {
        case: report.run.measurements[0].case.clone(),
        folded: "main;</script><script>alert(1)</script> 5\nmain;\"quoted' & <b> 7\n".into(),
        unit: "</title>".into(),
        base_folded: None,
    });
    report
}

/// Nothing measured, everything skipped.
pub fn empty() -> Report {
    let skipped =
        Skipped { what: "counts".into(), why: "valgrind is not installed: type `apt-get install valgrind`".into() };
    Report::new(Run { skipped: vec![skipped], ..Run::new(header()) })
}
