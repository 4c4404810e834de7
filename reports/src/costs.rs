//! The metric in which a run's costs are shown.

use baselines::{Metric, Run};

/// The metrics of cost charts: the first one that the run has is shown. Counts come first because they are exact.
const COSTS: [&str; 3] = ["instructions", "cpu_time", "wall_time"];

/// The first cost metric that the run has.
pub fn cost(run: &Run) -> Option<&'static Metric> {
    COSTS.into_iter().find(|name| run.measurements.iter().any(|found| found.metric == *name)).and_then(Metric::find)
}
