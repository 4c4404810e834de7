//! The curve of latency against load, as one picture.

use baselines::Unit;

use super::lines::{Across, Line, lines_with_key};
use crate::Result;

/// Response times in nanoseconds by the rate in sessions per second, and the limit of the objective.
pub fn svg(p50: &[(f64, f64)], p99: &[(f64, f64)], limit_ns: f64) -> Result<String> {
    let line = |label: &str, points: Vec<(f64, f64)>| Line { label: label.to_owned(), points };
    let limit = p99.iter().map(|(rate, _)| (*rate, limit_ns)).collect();
    let all = [line("p50", p50.to_vec()), line("p99", p99.to_vec()), line("objective", limit)];
    lines_with_key(&all, &Across::Size("sessions per second".to_owned()), Unit::Nanoseconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_curve_has_its_lines_and_is_the_same_each_time() {
        let picture = || svg(&[(10.0, 1e6), (20.0, 2e6)], &[(10.0, 5e6), (20.0, 4e7)], 2e7).expect("a picture");
        let text = picture();
        assert!(text.starts_with("<svg") && text == picture());
        for label in ["p50", "p99", "objective", "sessions per second"] {
            assert!(text.contains(label), "{label}");
        }
    }
}
