//! The times of rounds as measurements of a run.

use anyhow::Result;
use baselines::{Measurement, RunWriter, Sample};

/// Records the new side's times as measurements, for tables and charts.
pub fn record(writer: &mut RunWriter) -> Result<()> {
    let mut times: Vec<Measurement> = Vec::new();
    for paired in &writer.so_far().pairs {
        if paired.pair.control.is_some() || paired.abandoned || paired.rounds.is_empty() {
            continue;
        }
        for metric in ["cpu_time", "wall_time", "waiting_time", "voluntary_switches"] {
            let recorded = |time: &Measurement| time.case == paired.pair.case && time.metric == metric;
            let values = match metric {
                "voluntary_switches" => paired.voluntary_switches(|round| &round.new),
                _ => paired.operation_ns(metric, |round| &round.new),
            };
            // A bench of another project has only wall times.
            if values.is_empty() || times.iter().any(recorded) {
                continue;
            }
            let (case, sample) = (paired.pair.case.clone(), Sample::new(values)?);
            times.push(Measurement::new(case, metric, sample, paired.pair.durability));
        }
    }
    times.into_iter().try_for_each(|time| Ok(writer.measurement(time)?))
}
