//! What time it is: the system's clock, or one that a test or a benchmark moves by hand.
//!
//! The memory asks nobody else for the time, so that a simulated day takes no time and two runs store the same bytes.

use std::fmt::Debug;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Tells the time.
pub trait Clock: Debug + Send + Sync {
    /// Nanoseconds since 1970 (UTC).
    fn now_ns(&self) -> u64;
}

/// The system's wall clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now_ns(&self) -> u64 {
        // A clock before 1970 reads as 1970; 64 bits of nanoseconds last until 2554.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
    }
}

/// A clock that stands still until it is moved.
#[derive(Debug, Default)]
pub struct ManualClock(AtomicU64);

impl ManualClock {
    /// A clock that shows `now_ns`.
    pub fn new(now_ns: u64) -> ManualClock {
        ManualClock(AtomicU64::new(now_ns))
    }

    /// Moves it forward.
    pub fn advance(&self, by_ns: u64) {
        self.0.fetch_add(by_ns, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now_ns(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_moves_only_by_hand() {
        let clock = ManualClock::new(5);
        assert_eq!((clock.now_ns(), clock.now_ns()), (5, 5));
        clock.advance(3);
        assert_eq!(clock.now_ns(), 8);
    }

    #[test]
    fn the_system_clock_is_past_2026() {
        assert!(SystemClock.now_ns() > 1_767_225_600_000_000_000);
    }
}
