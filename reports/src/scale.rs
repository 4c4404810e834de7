//! The scales of charts: ranges, ticks and their labels.

use baselines::Unit;

/// The factor between the ticks of a logarithmic scale: bytes go by powers of two, everything else by ten.
pub fn step(unit: Unit) -> f64 {
    if unit == Unit::Bytes { 8.0 } else { 10.0 }
}

/// The range of a bar chart. It begins at a power of `step` at which the shortest bar can still be seen.
pub fn bar_range((low, high): (f64, f64), step: f64) -> (f64, f64) {
    let high = if high > 0.0 { high } else { step };
    let low = if low > 0.0 && low.is_finite() { low.min(high) } else { high / step };
    let first = step.powf(low.log(step).floor());
    (if low < first * 1.5 { first / step } else { first }, high)
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

/// The symmetric logarithm of a change: linear below 0.1%, logarithmic beyond.
pub fn spread_out(relative: f64) -> f64 {
    relative.signum() * (relative.abs() / 0.001).ln_1p()
}

/// The label of a place on the scale of [`spread_out`]: `+10%`.
pub fn tick_percent(value: f64) -> String {
    let relative = value.signum() * value.abs().exp_m1() * 0.001;
    let text = format!("{:+.1}", relative * 100.0);
    if value == 0.0 { "0".to_owned() } else { format!("{}%", text.trim_end_matches(".0")) }
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
        assert_eq!(bar_range((120.0, 88_000.0), 10.0), (10.0, 88_000.0));
        assert_eq!(bar_range((500.0, 88_000.0), 10.0), (100.0, 88_000.0));
        assert_eq!(bar_range((f64::INFINITY, 0.0), 10.0), (0.1, 10.0));
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
        let percents: Vec<_> =
            [-1.0, -0.001, 0.0, 0.1].into_iter().map(|part| tick_percent(spread_out(part))).collect();
        assert_eq!(percents, ["-100%", "-0.1%", "0", "+10%"]);
    }
}
