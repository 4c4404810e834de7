//! Adds the interval logs of several generators, exactly: the sum has the histograms that one generator would have
//! written for all requests.
//!
//! A sum is only to be believed if every shard of one plan was there from the start to the end, and healthy.

use anyhow::{Result, ensure};

use super::interval_log::{IntervalLog, LogEnd, LogHeader};
use crate::arrivals::shard::LoadShard;

/// Shards may start this much apart, in nanoseconds.
pub const LATE_NS: u64 = 1_000_000_000;

/// The logs of one run as one.
#[derive(Debug)]
pub struct MergedLoad {
    pub log: IntervalLog,
    /// The reasons not to believe it, each with its shard.
    pub invalid: Vec<String>,
}

/// Adds logs, each with the name of its file.
pub fn merge(logs: Vec<(String, IntervalLog)>) -> Result<MergedLoad> {
    ensure!(!logs.is_empty(), "no logs were given: give those of all shards");
    let of = logs[0].1.header.shard.of;
    let plan = logs[0].1.header.plan.clone();
    let first_ns = logs.iter().map(|(_, log)| log.header.started_at_ns).min().unwrap_or(0);
    let mut invalid = Vec::new();
    for (file, log) in &logs {
        let (shard, late_ns) = (log.header.shard, log.header.started_at_ns - first_ns);
        if log.header.plan != plan || shard.of != of {
            invalid.push(format!("shard {shard} ({file}) is of another plan than {}: run all with one", logs[0].0));
        }
        if late_ns > LATE_NS {
            let seconds = late_ns as f64 / 1e9;
            invalid.push(format!("shard {shard} ({file}) was late: it started {seconds:.1} s after the first"));
        }
        match &log.end {
            None => invalid.push(format!("shard {shard} ({file}) died: its log has no end line")),
            Some(end) => {
                invalid.extend(end.unhealthy.iter().map(|why| format!("shard {shard} ({file}) was unhealthy: {why}")));
            }
        }
    }
    for number in 1..=of {
        let files: Vec<&str> =
            logs.iter().filter(|(_, log)| log.header.shard.number == number).map(|(file, _)| file.as_str()).collect();
        match files.len() {
            0 => invalid.push(format!("shard {number}/{of} is missing: it died before it started, or was not given")),
            1 => {}
            _ => invalid.push(format!("shard {number}/{of} is there more than once: {}", files.join(", "))),
        }
    }
    Ok(MergedLoad { log: sum(logs.into_iter().map(|(_, log)| log).collect(), first_ns), invalid })
}

fn sum(logs: Vec<IntervalLog>, started_at_ns: u64) -> IntervalLog {
    let header = LogHeader { shard: LoadShard::WHOLE, started_at_ns, ..logs[0].header.clone() };
    let mut all = IntervalLog { header, intervals: Default::default(), end: None };
    let mut ends: Vec<LogEnd> = Vec::new();
    for log in logs {
        for (key, times) in log.intervals {
            all.intervals.entry(key).or_default().add_all(&times);
        }
        ends.extend(log.end);
    }
    all.end = ends.into_iter().reduce(|mut one, other| {
        one.sessions += other.sessions;
        for (message, count) in other.errors {
            *one.errors.entry(message).or_insert(0) += count;
        }
        one.health = one.health.and(&other.health);
        one.unhealthy.extend(other.unhealthy);
        one
    });
    all
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::interval_log::SCHEMA;
    use super::super::log_writer::{RequestTimes, by_interval};
    use super::*;

    fn header(shard: LoadShard) -> LogHeader {
        LogHeader {
            schema: SCHEMA,
            name: "load/shop".to_owned(),
            plan: "0123456789abcdef".to_owned(),
            shard,
            started_at_ns: 1_800_000_000_000_000_000,
            operations: vec!["search".to_owned(), "buy".to_owned()],
        }
    }

    fn end() -> LogEnd {
        LogEnd { sessions: 0, errors: Default::default(), health: Default::default(), unhealthy: Vec::new() }
    }

    fn log(shard: LoadShard, requests: &[RequestTimes]) -> IntervalLog {
        let header = header(shard);
        let intervals = by_interval(&header.operations, requests);
        IntervalLog { header, intervals, end: Some(end()) }
    }

    fn requests() -> impl Strategy<Value = Vec<RequestTimes>> {
        let times = (0usize..2, 0u64..4, [0u64..5_000_000_000, 1u64..1_000_000, 0u64..90_000_000_000_000]);
        let request = times.prop_map(|(operation, second, times_ns)| RequestTimes { operation, second, times_ns });
        proptest::collection::vec(request, 0..30)
    }

    proptest! {
        // A histogram has 300 KB.
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn the_sum_of_the_parts_is_the_whole(requests in requests(), of in 1u64..4) {
            let whole = log(LoadShard::WHOLE, &requests);
            let parts = (1..=of).map(|number| {
                let shard = LoadShard { number, of };
                let own: Vec<_> = (0u64..).zip(&requests).filter(|(index, _)| shard.plays(*index)).map(|it| *it.1).collect();
                // Through a file, as they arrive.
                let text = log(shard, &own).to_text().unwrap();
                (shard.to_string(), IntervalLog::parse(text.as_bytes()).unwrap())
            });
            let merged = merge(parts.collect()).unwrap();
            prop_assert_eq!(merged.invalid, Vec::<String>::new());
            prop_assert_eq!(merged.log.to_text().unwrap(), whole.to_text().unwrap());
        }
    }

    fn two() -> Vec<(String, IntervalLog)> {
        [1, 2].map(|number| (format!("{number}.hlog"), log(LoadShard { number, of: 2 }, &[]))).to_vec()
    }

    #[test]
    fn only_whole_healthy_runs_of_one_plan_are_believed() {
        assert_eq!(merge(two()).unwrap().invalid, Vec::<String>::new());
        let told = |change: fn(&mut Vec<(String, IntervalLog)>)| {
            let mut logs = two();
            change(&mut logs);
            merge(logs).unwrap().invalid.join("\n")
        };
        assert_eq!(told(|logs| logs[1].1.end = None), "shard 2/2 (2.hlog) died: its log has no end line");
        assert_eq!(
            told(|logs| logs[1].1.header.started_at_ns += 1_500_000_000),
            "shard 2/2 (2.hlog) was late: it started 1.5 s after the first"
        );
        assert_eq!(
            told(|logs| logs[1].1.header.plan = "other".to_owned()),
            "shard 2/2 (2.hlog) is of another plan than 1.hlog: run all with one"
        );
        assert_eq!(
            told(|logs| logs[0].1.end.as_mut().unwrap().unhealthy.push("too busy".to_owned())),
            "shard 1/2 (1.hlog) was unhealthy: too busy"
        );
        assert_eq!(told(|logs| logs.truncate(1)), "shard 2/2 is missing: it died before it started, or was not given");
        assert_eq!(
            told(|logs| logs.push(("copy.hlog".to_owned(), logs[0].1.clone()))),
            "shard 1/2 is there more than once: 1.hlog, copy.hlog"
        );
        assert!(merge(Vec::new()).is_err());
    }

    #[test]
    fn a_log_that_was_cut_off_has_no_end() {
        let request = RequestTimes { operation: 0, second: 1, times_ns: [5, 4, 1] };
        let text = log(LoadShard::WHOLE, &[request]).to_text().unwrap();
        let cut = IntervalLog::parse(&text.as_bytes()[..text.len() - 2]).unwrap();
        assert_eq!((cut.end, cut.intervals.len()), (None, 3));
        let mixed = format!("loadgen: 3 sessions\n{text}load/shop\n  p50 1 ms\n");
        assert_eq!(IntervalLog::parse(mixed.as_bytes()).unwrap().to_text().unwrap(), text);
        let damaged = text.replace("Tag=search.response,", "Tag=search.response;");
        assert!(IntervalLog::parse(damaged.as_bytes()).is_err());
        let no_log = IntervalLog::parse(b"Tag=a,0,1,2,xyz\n").unwrap_err();
        assert!(no_log.to_string().contains("its header is missing"), "{no_log}");
    }
}
