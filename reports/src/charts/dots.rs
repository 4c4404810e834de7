//! Dot plots: a dot for each value, a line for its interval, on one scale for all rows. They know places and scales,
//! and nothing of benchmarks.
//!
//! A dot says nothing by its distance from the axis, so its scale may begin anywhere and be logarithmic. A bar's may
//! not.

use baselines::Unit;

use super::palette::Ink;
use super::scale::{linear_ticks, log_ticks, padded, step, tick, tick_percent};

/// Rows on one scale.
#[derive(Debug, Clone, PartialEq)]
pub struct DotPlot {
    /// The meaning of the values.
    pub axis: DotAxis,
    /// The rows, from top to bottom.
    pub rows: Vec<DotRow>,
}

/// The meaning of the values of a plot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DotAxis {
    /// Changes as shares of the base: linear, with 0 on it.
    Change,
    /// Costs in a unit: logarithmic. What costs nothing stands at the left end.
    Cost(Unit),
}

/// A row of a plot.
#[derive(Debug, Clone, PartialEq)]
pub struct DotRow {
    /// The name of the row.
    pub label: String,
    /// The place of the page that the name links to.
    pub link: Option<String>,
    /// The value.
    pub at: f64,
    /// Its interval.
    pub interval: Option<[f64; 2]>,
    /// A value that was claimed.
    pub mark: Option<f64>,
    /// The value as people read it.
    pub shown: String,
    /// The colour of the dot.
    pub ink: Ink,
}

/// The scale of a plot.
#[derive(Debug, Clone, PartialEq)]
pub struct DotScale {
    low: f64,
    high: f64,
    is_log: bool,
    /// Values with their labels.
    pub ticks: Vec<(f64, String)>,
}

impl DotPlot {
    /// The scale that has room for all rows.
    pub fn scale(&self) -> DotScale {
        let values = self.rows.iter().flat_map(|row| {
            [row.at]
                .into_iter()
                .chain(row.interval.into_iter().flatten())
                .chain(row.mark)
                .filter(|value| value.is_finite() && (self.axis == DotAxis::Change || *value > 0.0))
        });
        let (low, high) =
            values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
        match self.axis {
            DotAxis::Change => {
                let (low, high) = (low.min(0.0), high.max(0.0));
                let air = (high - low).max(0.001) * 0.04;
                let (low, high) = (low - air, high + air);
                let ticks = linear_ticks(low, high, 4).into_iter().map(|value| (value, tick_percent(value))).collect();
                DotScale { low, high, is_log: false, ticks }
            }
            DotAxis::Cost(unit) => {
                let (low, high) = padded(low, high);
                let ticks = log_ticks(low, high, step(unit), 6).into_iter();
                DotScale { low, high, is_log: true, ticks: ticks.map(|value| (value, tick(unit, value))).collect() }
            }
        }
    }
}

impl DotScale {
    /// The place of a value in per cent of the width.
    pub fn place(&self, value: f64) -> f64 {
        let value = value.clamp(self.low, self.high);
        let share = match self.is_log {
            true => (value / self.low).ln() / (self.high / self.low).ln(),
            false => (value - self.low) / (self.high - self.low),
        };
        share * 100.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::charts::palette::BAD;

    fn row(at: f64, interval: Option<[f64; 2]>) -> DotRow {
        DotRow { label: String::new(), link: None, at, interval, mark: None, shown: String::new(), ink: BAD }
    }

    #[test]
    fn every_value_has_a_place_and_zero_is_among_the_ticks() {
        let plot = DotPlot { axis: DotAxis::Change, rows: vec![row(0.149, Some([0.131, 0.168])), row(0.02, None)] };
        let scale = plot.scale();
        assert!(scale.ticks.iter().any(|(value, label)| *value == 0.0 && label == "0"), "{scale:?}");
        assert!(scale.place(0.0) < scale.place(0.02) && scale.place(0.149) < scale.place(0.168));
        assert!(scale.place(0.168) < 100.0 && scale.place(0.0) > 0.0);
        let half = scale.place(0.05) + scale.place(0.1);
        assert!((half - scale.place(0.0) - scale.place(0.15)).abs() < 1e-9, "changes are linear");
    }

    #[test]
    fn costs_of_all_sizes_have_room() {
        let plot =
            DotPlot { axis: DotAxis::Cost(Unit::Count), rows: vec![row(0.0, None), row(120.0, None), row(8e6, None)] };
        let scale = plot.scale();
        assert!(plot.rows.iter().all(|row| (0.0..=100.0).contains(&scale.place(row.at))), "{scale:?}");
    }
}
