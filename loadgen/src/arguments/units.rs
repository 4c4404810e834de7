//! Values with units on the command line and in scenarios.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;

/// A time with its unit: `10s`, `500ms`, `2.5s`, `2m`, `100us`.
pub fn duration(text: &str) -> Result<Duration, String> {
    const REMEDY: &str = "write a number and a unit, as in 10s, 500ms or 2m";
    let digits = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).ok_or(REMEDY)?;
    let (number, unit) = text.split_at(digits);
    let number: f64 = number.parse().map_err(|_| REMEDY)?;
    let seconds = match unit {
        "us" => number / 1e6,
        "ms" => number / 1e3,
        "s" => number,
        "m" => number * 60.0,
        "h" => number * 3600.0,
        _ => return Err(REMEDY.to_owned()),
    };
    if seconds > 24.0 * 3600.0 {
        return Err("a day is the most".to_owned());
    }
    Ok(Duration::from_secs_f64(seconds))
}

/// A number within bounds.
pub fn number(text: &str, low: f64, high: f64) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if (low..=high).contains(&value) => Ok(value),
        _ => Err(format!("must be a number from {low} to {high}")),
    }
}

/// A point in time: seconds since 1970, or RFC 3339 as in 2026-11-26T12:00:00Z.
pub fn time(text: &str) -> Result<SystemTime, String> {
    const REMEDY: &str = "write seconds since 1970, or a time as in 2026-11-26T12:00:00Z";
    if let Ok(seconds) = text.parse::<f64>() {
        let since = Duration::try_from_secs_f64(seconds).map_err(|_| REMEDY)?;
        return Ok(UNIX_EPOCH + since);
    }
    text.parse::<Timestamp>().map(SystemTime::from).map_err(|_| REMEDY.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        assert_eq!(duration("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(duration("250us"), Ok(Duration::from_micros(250)));
        assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
        for wrong in ["", "10", "s", "-1s", "1 s", "10d", "1e9h", "99999h"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn times_are_absolute() {
        let expected = UNIX_EPOCH + Duration::from_millis(1_800_000_000_500);
        assert_eq!(time("1800000000.5"), Ok(expected));
        assert_eq!(time("2027-01-15T08:00:00.5Z"), Ok(expected));
        for wrong in ["", "soon", "-1", "10s", "2027-01-15"] {
            assert!(time(wrong).is_err_and(|error| error.contains("seconds since 1970")), "{wrong}");
        }
    }
}
