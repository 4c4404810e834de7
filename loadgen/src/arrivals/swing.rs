//! A rate that rises and falls, as over a day: `rate * (1 + share * sin(2 pi t / period))`.
//!
//! Arrivals are those of the steady rate, each moved to the time at which the swinging rate has offered as much. This
//! keeps their burstiness (inversion of the cumulative rate: Cinlar, "Introduction to Stochastic Processes", 1975).

use std::f64::consts::PI;
use std::time::Duration;

/// The swing of a rate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Swing {
    /// The part of the rate by which it rises and falls, up to 1.
    pub share: f64,
    pub period: Duration,
}

impl Swing {
    /// The time at which the swinging rate has offered what the steady one has by `steady_ns`.
    pub fn time_ns(self, steady_ns: f64) -> f64 {
        let period_ns = self.period.as_secs_f64() * 1e9;
        let most_ahead_ns = self.share * period_ns / PI;
        let ahead_ns = |time_ns: f64| most_ahead_ns / 2.0 * (1.0 - (2.0 * PI * time_ns / period_ns).cos());
        let (mut low, mut high) = ((steady_ns - most_ahead_ns).max(0.0), steady_ns);
        // What is offered never falls, so halving finds the time, to a part of 2^-53.
        for _ in 0..53 {
            let middle = (low + high) / 2.0;
            if middle + ahead_ns(middle) < steady_ns { low = middle } else { high = middle }
        }
        high
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_swings_around_its_mean() {
        let swing = Swing { share: 0.8, period: Duration::from_secs(10) };
        let times: Vec<f64> = (0..1000).map(|number| swing.time_ns(f64::from(number) * 1e8) / 1e9).collect();
        assert!(times.is_sorted());
        let within = |from: f64, to: f64| times.iter().filter(|time| (from..to).contains(*time)).count();
        // Ten per second on average: 1 + 0.8 sin over the first quarter of a period has the mean 1 + 1.6 / pi.
        for (from, expected) in [(0.0, 37.7), (2.5, 37.7), (5.0, 12.3), (7.5, 12.3), (50.0, 37.7), (57.5, 12.3)] {
            let count = within(from, from + 2.5) as f64;
            assert!((count - expected).abs() <= 1.0, "from {from} s: {count} for {expected}");
        }
        assert_eq!(within(0.0, 100.0), 1000);
        let steady = Swing { share: 0.0, ..swing };
        assert!((steady.time_ns(7e9) - 7e9).abs() < 1.0);
    }
}
