//! The scales of charts: ranges, ticks and their labels.

use baselines::Unit;

/// The factor between the ticks of a logarithmic scale: bytes go by powers of two, everything else by ten.
pub fn step(unit: Unit) -> f64 {
    if unit == Unit::Bytes { 8.0 } else { 10.0 }
}

/// A range with some padding, at least a factor of three.
pub fn padded(low: f64, high: f64) -> (f64, f64) {
    let (low, high) = if low.is_finite() && high > 0.0 { (low, high) } else { (1.0, 10.0) };
    let air = if high / low < 3.0 { (3.0 / (high / low)).sqrt() } else { 1.25 };
    (low / air, high * air)
}

/// Round values on a logarithmic scale, about `limit` at most: powers of `step`, or finer ones if the range is short.
pub fn log_ticks(low: f64, high: f64, step: f64, limit: usize) -> Vec<f64> {
    let (first, last) = (low.log(step).floor() as i32, high.log(step).ceil() as i32);
    let powers = (last - first).unsigned_abs() as usize;
    let inside = |value: &f64| *value >= low * 0.999 && *value <= high * 1.001;
    if powers <= 2 {
        let finer = if step == 10.0 { [1.0, 2.0, 5.0] } else { [1.0, 2.0, 4.0] };
        return (first..=last).flat_map(|power| finer.map(|part| part * step.powi(power))).filter(inside).collect();
    }
    (first..=last).step_by(powers.div_ceil(limit).max(1)).map(|power| step.powi(power)).filter(inside).collect()
}

/// The values in order, each once.
pub fn distinct(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_by(f64::total_cmp);
    values.dedup();
    values
}

/// Round values on a linear scale, at most `limit` on either side of 0, and 0 if it is inside.
pub fn linear_ticks(low: f64, high: f64, limit: u32) -> Vec<f64> {
    let rough = (high - low) / f64::from(limit);
    let power = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|part| part * power).find(|step| *step >= rough);
    let step = step.unwrap_or(power * 10.0);
    let (first, last) = ((low / step).ceil() as i64, (high / step).floor() as i64);
    (first..=last).map(|place| place as f64 * step).collect()
}

/// The label of a change: `+10%`.
pub fn tick_percent(value: f64) -> String {
    let text = format!("{:+.3}", value * 100.0);
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if value == 0.0 { "0".to_owned() } else { format!("{text}%") }
}

/// A round value without trailing zeros: `1M`, not `1.000M`.
pub fn tick(unit: Unit, value: f64) -> String {
    let shown = unit.show(value);
    let end = shown.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(shown.len());
    let (number, suffix) = shown.split_at(end);
    let number = if number.contains('.') { number.trim_end_matches('0').trim_end_matches('.') } else { number };
    format!("{number}{suffix}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_hold_their_values() {
        assert_eq!(linear_ticks(-0.03, 0.17, 4), [0.0, 0.05, 0.1, 0.15000000000000002]);
        assert_eq!(linear_ticks(-1.04, 0.3, 4), [-1.0, -0.5, 0.0]);
        assert_eq!(log_ticks(10.0, 1e5, 10.0, 6), [10.0, 100.0, 1e3, 1e4, 1e5]);
        assert_eq!(log_ticks(8.0, 60.0, 10.0, 6), [10.0, 20.0, 50.0]);
        assert_eq!(log_ticks(64.0, 40_000.0, 8.0, 6), [64.0, 512.0, 4096.0, 32_768.0]);
        assert!(log_ticks(1.0, 1e12, 10.0, 6).len() <= 7);
        let (low, high) = padded(100.0, 110.0);
        assert!(low < 100.0 && high > 110.0 && high / low >= 2.99);
    }

    #[test]
    fn ticks_are_round() {
        let shown =
            [tick(Unit::Count, 1e6), tick(Unit::Nanoseconds, 2e4), tick(Unit::Bytes, 1024.0), tick(Unit::Count, 100.0)];
        assert_eq!(shown, ["1M", "20 us", "1 KiB", "100"]);
        let percents: Vec<_> = [-1.0, -0.001, 0.0, 0.15000000000000002].into_iter().map(tick_percent).collect();
        assert_eq!(percents, ["-100%", "-0.1%", "0", "+15%"]);
    }
}
