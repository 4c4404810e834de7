//! Forecasts the next values of a series by exponential smoothing.
//!
//! The model is the one of the ETS family without season (error additive or multiplicative; trend none, additive or
//! damped) with the least corrected AIC. Source: Hyndman, Koehler, Snyder and Grose, "A state space framework for
//! automatic forecasting using exponential smoothing methods" (International Journal of Forecasting, 2002).
//!
//! Values stand in the order of their episodes' starts, as if these came in equal steps: the time between them does
//! not count.

use augurs::ets::AutoETS;
use augurs::prelude::*;
use serde::Serialize;

/// The fewest values that a model is fitted to.
pub const VALUES_MIN: usize = 8;

/// The next values of a series.
#[derive(Debug, PartialEq, Serialize)]
pub struct SeriesForecast {
    /// The model: error, trend and season, each `A` (additive), `M` (multiplicative) or `N` (none), as in `AAN`;
    /// `constant` if all values are the same.
    pub model: String,
    /// The share of next values that the intervals shall hold.
    pub level: f64,
    /// The next values, in order.
    pub next: Vec<Predicted>,
}

/// A value to come, in the unit of the series.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Predicted {
    /// The forecast.
    pub value: f64,
    /// The lower end of the interval.
    pub low: f64,
    /// The upper end of the interval.
    pub high: f64,
}

/// Forecasts `horizon` values. Values and intervals are cut off at what is possible: `least` and `most`.
///
/// # Errors
/// A sentence: too few values, or no model fits.
pub fn forecast(values: &[f64], horizon: usize, level: f64, [least, most]: [f64; 2]) -> Result<SeriesForecast, String> {
    if values.len() < VALUES_MIN {
        return Err(format!("a forecast needs {VALUES_MIN} values, and there are {}: log more episodes", values.len()));
    }
    let first = values[0];
    // Without any error the likelihood has no maximum.
    if values.iter().all(|value| *value == first) {
        let next = vec![Predicted { value: first, low: first, high: first }; horizon];
        return Ok(SeriesForecast { model: "constant".to_owned(), level, next });
    }
    let no_model = |reason: String| format!("no model fits the {} values: {reason}", values.len());
    let search = AutoETS::non_seasonal();
    let fitted = search.fit(values).map_err(|error| no_model(error.to_string()))?;
    let forecast = fitted.predict(horizon, level).map_err(|error| no_model(error.to_string()))?;
    let intervals = forecast.intervals.ok_or_else(|| no_model("it has no intervals".to_owned()))?;
    let possible = |value: f64| value.clamp(least, most);
    let next: Vec<Predicted> = (forecast.point.iter().zip(intervals.lower.iter().zip(&intervals.upper)))
        .map(|(value, (low, high))| Predicted { value: possible(*value), low: possible(*low), high: possible(*high) })
        .collect();
    if next.iter().any(|next| !(next.value.is_finite() && next.low.is_finite() && next.high.is_finite())) {
        return Err(no_model("its values are not finite".to_owned()));
    }
    Ok(SeriesForecast { model: fitted.model().model_type().to_string(), level, next })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANY: [f64; 2] = [f64::MIN, f64::MAX];

    /// Seeded noise around zero with a deviation of 1: twelve uniform numbers.
    fn noise(state: &mut u64) -> f64 {
        let mut uniform = || {
            *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (*state >> 11) as f64 / (1_u64 << 53) as f64
        };
        (0..12).map(|_| uniform()).sum::<f64>() - 6.0
    }

    #[test]
    fn a_trend_goes_on() {
        let values: Vec<f64> = (0..20).map(|step| 100.0 + 5.0 * f64::from(step)).collect();
        let forecast = forecast(&values, 3, 0.9, ANY).expect("a model");
        for (next, expected) in forecast.next.iter().zip([200.0, 205.0, 210.0]) {
            assert!((next.value - expected).abs() < 0.5, "{next:?} is not {expected}");
        }
    }

    #[test]
    fn intervals_hold_about_the_share_that_they_name() {
        let mut state = 7;
        for length in [VALUES_MIN, 40] {
            let mut is_held = || {
                let values: Vec<f64> = (0..length).map(|_| 50.0 + noise(&mut state)).collect();
                let forecast = forecast(&values, 1, 0.9, ANY).expect("a model");
                let (next, seen) = (&forecast.next[0], 50.0 + noise(&mut state));
                next.low <= seen && seen <= next.high
            };
            let held = (0..400).filter(|_| is_held()).count();
            // 90% of 400 is 360, with a deviation of 6.
            assert!((336..=384).contains(&held), "{held} of 400 series of {length} values");
        }
    }

    #[test]
    fn what_is_impossible_is_cut_off() {
        let values: Vec<f64> = (0..12).map(|step| 1.0 - 0.08 * f64::from(step)).collect();
        let forecast = forecast(&values, 5, 0.9, [0.0, 1.0]).expect("a model");
        assert!(forecast.next.iter().all(|next| next.low >= 0.0 && next.high <= 1.0), "{forecast:?}");
        assert_eq!(forecast.next[4].value, 0.0);
    }

    #[test]
    fn equal_values_go_on() {
        let forecast = forecast(&[3.0; VALUES_MIN], 2, 0.9, ANY).expect("a model");
        assert_eq!(forecast.model, "constant");
        assert_eq!(forecast.next, vec![Predicted { value: 3.0, low: 3.0, high: 3.0 }; 2]);
    }

    #[test]
    fn few_values_are_refused() {
        let said = forecast(&[1.0, 2.0, 3.0], 2, 0.9, ANY).expect_err("too few");
        assert_eq!(said, "a forecast needs 8 values, and there are 3: log more episodes");
    }

    #[test]
    fn the_fewest_values_are_enough_for_every_horizon() {
        let mut state = 1;
        for _ in 0..200 {
            let values: Vec<f64> = (0..VALUES_MIN).map(|_| noise(&mut state).round()).collect();
            if let Err(said) = forecast(&values, 50, 0.99, ANY) {
                panic!("{values:?}: {said}");
            }
        }
    }
}
