//! An objective for response times: a percentile and its limit.

use std::str::FromStr;

use serde::Serialize;

/// So many of a hundred requests are faster than the limit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Objective {
    /// From 1 to 100: 99.9 for p99.9.
    pub percentile: f64,
    /// From the intended start to the answer, in nanoseconds.
    pub limit_ns: u64,
}

impl Objective {
    /// The share of requests that may be slower, or wrong.
    pub fn allowed(&self) -> f64 {
        (100.0 - self.percentile) / 100.0
    }
}

impl FromStr for Objective {
    type Err = String;

    fn from_str(text: &str) -> Result<Objective, String> {
        let wrong = || "write a percentile and its limit, as in 'p99 < 50 ms'".to_owned();
        let (percentile, limit) = text.split_once('<').ok_or_else(wrong)?;
        let percent: f64 = percentile.trim().strip_prefix('p').ok_or_else(wrong)?.parse().map_err(|_| wrong())?;
        let limit = limit.trim();
        let end = limit.find(|c: char| !(c.is_ascii_digit() || c == '.')).ok_or_else(wrong)?;
        let number: f64 = limit[..end].parse().map_err(|_| wrong())?;
        let unit_ns = match limit[end..].trim() {
            "us" => 1e3,
            "ms" => 1e6,
            "s" => 1e9,
            _ => return Err(wrong()),
        };
        if !(1.0..100.0).contains(&percent) || number <= 0.0 {
            return Err(wrong());
        }
        Ok(Objective { percentile: percent, limit_ns: (number * unit_ns) as u64 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_objective_has_a_percentile_and_a_limit() {
        assert_eq!("p99 < 50 ms".parse(), Ok(Objective { percentile: 99.0, limit_ns: 50_000_000 }));
        assert_eq!("p99.9<1.5s".parse(), Ok(Objective { percentile: 99.9, limit_ns: 1_500_000_000 }));
        for wrong in ["", "p99", "p99 < 50", "99 < 5 ms", "p99 > 5 ms", "p100 < 1 s", "p99 < 0 ms", "p99 < 1 m"] {
            let error = wrong.parse::<Objective>();
            assert!(error.is_err_and(|why| why.contains("'p99 < 50 ms'")), "{wrong}");
        }
    }
}
