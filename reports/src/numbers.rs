//! Changes and counts as people read them. Values with a unit are shown by the metric table of `baselines`.

use baselines::ruled_out::rounded_up;

/// A share in per cent with its sign. Small changes get more digits, so none is rounded to 0.
pub fn percent(part: f64) -> String {
    let sign = if part < 0.0 { '-' } else { '+' };
    match part.abs() * 100.0 {
        0.0 => "0%".to_owned(),
        size if size < 0.0005 => format!("{sign}<0.001%"),
        size if size < 0.1 => format!("{sign}{size:.3}%"),
        size if size < 10.0 => format!("{sign}{size:.2}%"),
        size if size < 100.0 => format!("{sign}{size:.1}%"),
        size => format!("{sign}{size:.0}%"),
    }
}

/// A bound in per cent with its sign: rounded up, or it would claim more than is known.
pub fn percent_at_most(part: f64) -> String {
    let steps = match part.abs() * 100.0 {
        size if size < 0.1 => 1e5,
        size if size < 10.0 => 1e4,
        size if size < 100.0 => 1e3,
        _ => 1e2,
    };
    percent(rounded_up(part, steps))
}

/// A share in per cent without a sign: `0.004%`.
pub fn spread(part: f64) -> String {
    percent(part.abs()).trim_start_matches('+').to_owned()
}

/// A count with separators: `1,234,567`.
pub fn count(value: u64) -> String {
    let digits = value.to_string();
    let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect();
    groups.join(",")
}

/// A change of a count, with its sign: `+15,600`.
pub fn signed(value: i64) -> String {
    let sign = match value {
        0 => "",
        1.. => "+",
        _ => "-",
    };
    format!("{sign}{}", count(value.unsigned_abs()))
}

/// `1 case`, `2 cases`.
pub fn plural(number: usize, one: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{} {one}s", count(number as u64)) }
}

/// A value with all digits.
pub fn exact(value: f64) -> String {
    if value.fract() == 0.0 && (0.0..9e15).contains(&value) { count(value as u64) } else { format!("{value}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_changes_keep_their_digits() {
        let shown: Vec<_> = [1e-7, -0.00004, 0.003, 0.0999, 0.5, 12.0].into_iter().map(percent).collect();
        assert_eq!(shown, ["+<0.001%", "-0.004%", "+0.30%", "+9.99%", "+50.0%", "+1200%"]);
        assert_eq!([percent(0.013), percent(-0.6), percent(0.0)], ["+1.30%", "-60.0%", "0%"]);
        assert_eq!(spread(0.00004), "0.004%");
    }

    #[test]
    fn a_bound_is_rounded_up() {
        let shown: Vec<_> = [0.02941, 0.0294, -0.0121, 0.0, 0.12345, 2.001].into_iter().map(percent_at_most).collect();
        assert_eq!(shown, ["+2.95%", "+2.94%", "-1.21%", "0%", "+12.4%", "+201%"]);
    }

    #[test]
    fn counts_are_separated_in_threes() {
        let shown: Vec<_> = [0, 999, 1000, 12_345_678].into_iter().map(count).collect();
        assert_eq!(shown, ["0", "999", "1,000", "12,345,678"]);
        assert_eq!([signed(0), signed(-1234), signed(5)], ["0", "-1,234", "+5"]);
        assert_eq!([plural(1, "case"), plural(0, "case")], ["1 case", "0 cases"]);
        assert_eq!([exact(2.5), exact(-3.0)], ["2.5", "-3"]);
    }
}
