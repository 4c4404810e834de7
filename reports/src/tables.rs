//! A run as tables: one for each lane, a row for each case, a column for each metric.

use std::collections::BTreeMap;

use baselines::metric::METRICS;
use baselines::{CaseKey, Durability, Lane, Measurement, Metric, Run};

/// All measurements of a lane.
#[derive(Debug, Clone, PartialEq)]
pub struct Table<'a> {
    pub lane: Lane,
    /// The columns: the metrics that were measured, in the order of the metric table.
    pub metrics: Vec<&'static Metric>,
    /// The rows, in the order of measuring.
    pub rows: Vec<TableRow<'a>>,
}

/// One case of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct TableRow<'a> {
    pub case: &'a CaseKey,
    pub durability: Durability,
    /// A cell for each metric; none if the case does not have it.
    pub cells: Vec<Option<&'a Measurement>>,
}

/// A table for each lane of the run, in the order of lanes. A metric that is not in the metric table has no lane:
/// `Run::read` refuses it.
pub fn tables(run: &Run) -> Vec<Table<'_>> {
    Lane::ALL.iter().filter_map(|lane| table(run, *lane)).collect()
}

fn table(run: &Run, lane: Lane) -> Option<Table<'_>> {
    let known = || run.measurements.iter().filter_map(|measurement| Some((measurement, measurement.metric().ok()?)));
    let of_lane = || known().filter(|(_, metric)| metric.lane == lane);
    let metrics: Vec<&Metric> =
        METRICS.iter().filter(|metric| of_lane().any(|(_, found)| found.name == metric.name)).collect();
    let mut rows: Vec<TableRow<'_>> = Vec::new();
    let mut places: BTreeMap<&CaseKey, usize> = BTreeMap::new();
    for (measurement, metric) in of_lane() {
        let place = *places.entry(&measurement.case).or_insert_with(|| {
            let Measurement { case, durability, .. } = measurement;
            rows.push(TableRow { case, durability: *durability, cells: vec![None; metrics.len()] });
            rows.len() - 1
        });
        if let Some(column) = metrics.iter().position(|known| known.name == metric.name) {
            rows[place].cells[column] = Some(measurement);
        }
    }
    (!rows.is_empty()).then_some(Table { lane, metrics, rows })
}

/// A description of a lane's numbers, for its heading.
pub fn about(lane: Lane) -> &'static str {
    match lane {
        Lane::Counts => "exact, under valgrind: the same again on the same toolchain",
        Lane::Time => "sampled: shown and stored, judged only when both sides run in one session",
        Lane::Load => "sampled under load, from the intended start of each request",
        Lane::Effect => "what the strategies did",
        Lane::Source => "the source itself",
    }
}

impl TableRow<'_> {
    /// A cell as people read it: the median in the metric's unit.
    pub fn shown(&self, column: usize, metric: &Metric) -> String {
        match self.cells.get(column) {
            Some(Some(measurement)) => metric.show(measurement.sample.median()),
            _ => String::new(),
        }
    }
}
