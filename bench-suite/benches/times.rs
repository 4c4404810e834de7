//! Wall times, through criterion: `cargo bench --bench times`, with criterion's own options and filter after `--`.
//!
//! Criterion's change detection is not used: on a shared machine it reports changes in most identical code. Assay
//! stores and shows these times, and never judges them.

use std::time::{Duration, Instant};

use anyhow::Result;
use criterion::Criterion;
use worker::Prepared;
use workloads::benchmark::Setup;
use workloads::cases::{self, Case};
use workloads::engagement;
use workloads::input::{Source, set_from_environment};

fn main() -> Result<()> {
    let source = Source::from_environment()?;
    let mut criterion = Criterion::default().configure_from_args();
    for case in &cases::select(None, &set_from_environment())?.cases {
        time(&mut criterion, case, &source)?;
    }
    criterion.final_summary();
    Ok(())
}

fn time(criterion: &mut Criterion, case: &Case, source: &Source) -> Result<()> {
    let mut prepared: Option<Box<dyn Prepared>> = None;
    let mut failure = None;
    criterion.bench_function(case.id, |bencher| {
        bencher.iter_custom(|operations| {
            let timed = match &mut prepared {
                Some(prepared) => timed(prepared.as_mut(), operations),
                // Built once criterion has chosen the case, so not for cases that the filter excludes.
                none => build(case, source).and_then(|built| timed(none.insert(built).as_mut(), operations)),
            };
            timed.unwrap_or_else(|error| {
                failure.get_or_insert(error);
                Duration::from_nanos(operations)
            })
        });
    });
    if let Some(error) = failure {
        return Err(error.context(case.label()));
    }
    if let Some(mut prepared) = prepared {
        prepared.check().map_err(|error| error.context(format!("{} gives a wrong answer", case.label())))?;
        engagement::check(case, &prepared.counters()).map_err(|error| error.context(case.label()))?;
    }
    Ok(())
}

fn build(case: &Case, source: &Source) -> Result<Box<dyn Prepared>> {
    let input = source.load(case.benchmark.episodes)?;
    (case.benchmark.setup)(&Setup { variant: case.variant, input: &input, remote: None })
}

fn timed(prepared: &mut dyn Prepared, operations: u64) -> Result<Duration> {
    prepared.prepare_inputs(operations)?;
    let start = Instant::now();
    prepared.run(operations)?;
    Ok(start.elapsed())
}
