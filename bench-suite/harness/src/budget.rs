//! The time that a gate may take, from the end of its builds to its exit.

use std::time::{Duration, Instant};

/// The shortest budget, in seconds: in less, nothing is decided.
const LEAST: u64 = 30;

/// Why something was not measured when the time was up.
pub const NO_TIME: &str = "there was no time for them: give a longer `--budget`";

/// A limit of time that has begun; without one there is always time left.
#[derive(Debug, Clone, Copy, Default)]
pub struct Budget {
    until: Option<Instant>,
}

/// A limit as it is typed, in seconds.
pub fn seconds(text: &str) -> Result<Duration, String> {
    let given = text.parse::<u64>().ok().filter(|given| *given >= LEAST);
    given.map(Duration::from_secs).ok_or_else(|| format!("give at least {LEAST} seconds, as a whole number"))
}

impl Budget {
    /// A budget that begins now.
    pub fn start(limit: Option<Duration>) -> Budget {
        Budget { until: limit.and_then(|limit| Instant::now().checked_add(limit)) }
    }

    /// True if the time is up.
    pub fn is_over(self) -> bool {
        self.until.is_some_and(|until| Instant::now() >= until)
    }

    /// A budget that ends with a part of what is left: a quarter, if there are 4 `parts`.
    pub fn part(self, parts: u32) -> Budget {
        let now = Instant::now();
        Budget { until: self.until.map(|until| now + until.saturating_duration_since(now) / parts) }
    }

    /// A duration, or what is left if that is less.
    pub fn at_most(self, duration: Duration) -> Duration {
        let left = self.until.map(|until| until.saturating_duration_since(Instant::now()));
        left.map_or(duration, |left| left.min(duration))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_typed_in_seconds() {
        assert_eq!(seconds("30"), Ok(Duration::from_secs(30)));
        for wrong in ["29", "-30", "1.5", "soon"] {
            assert_eq!(seconds(wrong), Err("give at least 30 seconds, as a whole number".to_owned()), "{wrong}");
        }
    }

    #[test]
    fn a_budget_ends_and_no_budget_does_not() {
        let minute = Duration::from_secs(60);
        assert!(!Budget::default().is_over() && Budget::default().at_most(minute) == minute);
        let over = Budget::start(Some(Duration::ZERO));
        assert!(over.is_over() && over.at_most(minute) == Duration::ZERO);
        let begun = Budget::start(Some(Duration::from_secs(3600)));
        assert!(!begun.is_over() && begun.at_most(minute) == minute && begun.at_most(2 * 60 * minute) <= 60 * minute);
        let quarter = begun.part(4);
        assert!(!quarter.is_over() && quarter.at_most(60 * minute) <= 15 * minute && over.part(4).is_over());
        assert!(Budget::default().part(4).at_most(minute) == minute);
    }
}
