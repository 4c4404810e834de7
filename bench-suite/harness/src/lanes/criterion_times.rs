//! Wall times by criterion, one process for each case. They are stored and shown, never judged: times of two sessions
//! can't compare two programs.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use baselines::{Measurement, RunWriter};
use workloads::cases::Case;

use super::Plan;
use crate::build::cargo::OwnProgram;
use crate::progress::Progress;
use crate::recorded::Recorded;
use crate::tools::criterion::{CriterionBench, Effort, briefly, exactly, parse};
use crate::workspace;

/// Far longer than any case takes: a bench that exceeds it hangs.
const DEADLINE: Duration = Duration::from_secs(600);

/// Measures the lane. A case that fails becomes an invalid entry.
pub fn measure(plan: &Plan<'_>, writer: &mut RunWriter) -> Result<()> {
    let effort = match plan.full {
        false => Effort { warm_up_s: 0.05, measurement_s: 0.2, samples: 10 },
        true => Effort { warm_up_s: 1.0, measurement_s: 3.0, samples: 50 },
    };
    let home = workspace::temporary("times-")?;
    let progress = Progress::start("time", plan.cases.len());
    for case in plan.cases {
        match time(plan, case, home.path(), effort) {
            Ok(measurement) => writer.measurement(measurement)?,
            Err(error) => super::invalid(&case.label(), &error, writer, &progress)?,
        }
        progress.done(&case.label());
    }
    Ok(())
}

fn time(plan: &Plan<'_>, case: &Case, home: &Path, effort: Effort) -> Result<Measurement> {
    let bench = bench(plan.program(OwnProgram::Times)?, plan.source.variables(), plan.set);
    bench.run(home, briefly(effort, Some(&exactly([case.id].into_iter()))))?;
    let path = home.join(case.id).join("new/sample.json");
    let text = std::fs::read(&path).with_context(|| format!("criterion wrote no sample to {}", path.display()))?;
    let sample = parse(&text).with_context(|| format!("{}", path.display()))?;
    Ok(Measurement::new(case.key(), "wall_time", sample, case.durability()))
}

/// This tree's bench of wall times.
pub fn bench<'a>(program: &'a Path, source: Vec<(&'static str, String)>, set: &[String]) -> CriterionBench<'a> {
    let mut variables: Vec<(String, String)> =
        source.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    variables.push(("ASSAY_SET".to_owned(), set.join(",")));
    CriterionBench { program, package: workspace::root(), variables, deadline: DEADLINE }
}
