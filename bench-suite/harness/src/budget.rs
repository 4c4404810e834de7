//! The time that a gate may take, from the end of its builds to its exit.

use std::time::{Duration, Instant};

use anyhow::Result;

/// The shortest budget, in seconds: in less, nothing is decided.
const LEAST: u64 = 30;

/// Why something was not measured when the time was up.
pub const NO_TIME: &str = "there was no time for them: give a longer `--budget`";

/// The part of the whole time that there is after its end, as a divisor: what was measured until then is of no use if
/// there is no time to judge it.
const AFTER: u32 = 2;

/// A limit of time that has begun; without one there is always time left.
#[derive(Debug, Clone, Copy, Default)]
pub struct Budget {
    until: Option<Instant>,
    /// The whole time.
    whole: Duration,
}

/// A limit as it is typed, in seconds.
pub fn seconds(text: &str) -> std::result::Result<Duration, String> {
    let given = text.parse::<u64>().ok().filter(|given| *given >= LEAST);
    given.map(Duration::from_secs).ok_or_else(|| format!("give at least {LEAST} seconds, as a whole number"))
}

impl Budget {
    /// A budget that begins now.
    pub fn start(limit: Option<Duration>) -> Budget {
        Budget { until: limit.and_then(|limit| Instant::now().checked_add(limit)), whole: limit.unwrap_or_default() }
    }

    /// True if the time is up.
    pub fn is_over(self) -> bool {
        self.until.is_some_and(|until| Instant::now() >= until)
    }

    /// A budget that ends with a part of what is left: a quarter, if there are 4 `parts`.
    pub fn part(self, parts: u32) -> Budget {
        let now = Instant::now();
        Budget { until: self.until.map(|until| now + until.saturating_duration_since(now) / parts), ..self }
    }

    /// The same with half of the whole more: for what decides if a measurement can be judged.
    pub fn extended(self) -> Budget {
        Budget { until: self.until.map(|until| until + self.whole / AFTER), ..self }
    }

    /// The time of a search for causes that begins now: half as long as the whole, and within the [`Self::extended`].
    pub fn for_causes(self) -> Budget {
        Budget { until: self.until.map(|until| until.min(Instant::now()) + self.whole / AFTER), ..self }
    }

    /// The same without a `build`, which took this long: it ends so much later.
    pub fn without(self, build: Duration) -> Budget {
        Budget { until: self.until.map(|until| until + build), ..self }
    }

    /// What `work` gives, which ends by itself when the time is up; none if that was before it began, or cut it off.
    pub fn in_time<T>(self, work: impl FnOnce() -> Result<T>) -> Result<Option<T>> {
        if self.is_over() {
            return Ok(None);
        }
        match work() {
            Err(_) if self.is_over() => Ok(None),
            done => done.map(Some),
        }
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

    #[test]
    fn causes_are_searched_for_half_as_long_again() {
        let minute = Duration::from_secs(60);
        let left = |budget: Budget| budget.for_causes().at_most(1000 * minute).as_secs_f64().round();
        let begun = Budget::start(Some(60 * minute));
        assert_eq!(left(begun), 1800.0);
        let ended = |before: Duration| Budget { until: Instant::now().checked_sub(before), ..begun };
        assert_eq!(left(ended(Duration::ZERO)), 1800.0);
        assert_eq!(left(ended(Duration::from_secs(2))), 1798.0, "all searches end together");
        assert!(Budget::start(Some(Duration::ZERO)).for_causes().is_over());
        assert_eq!(begun.extended().at_most(1000 * minute).as_secs_f64().round(), 5400.0);
        assert_eq!(Budget::default().extended().at_most(minute), minute);
        assert_eq!(left(Budget::default()), 60_000.0);
        assert_eq!(begun.without(30 * minute).at_most(1000 * minute).as_secs_f64().round(), 5400.0);
    }

    #[test]
    fn what_the_end_of_the_time_cuts_off_has_not_failed() {
        let fails = || -> Result<u8> { anyhow::bail!("it was killed") };
        assert!(Budget::default().in_time(fails).is_err());
        assert_eq!(Budget::default().in_time(|| Ok(1)).expect("done"), Some(1));
        let soon = Budget::start(Some(Duration::from_millis(5)));
        let cut_off = || {
            std::thread::sleep(Duration::from_millis(20));
            fails()
        };
        assert_eq!(soon.in_time(cut_off).expect("cut off"), None);
        assert_eq!(soon.in_time(|| -> Result<u8> { panic!("the time is up") }).expect("not begun"), None);
    }
}
