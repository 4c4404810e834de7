//! Clocks: the system's, and one that a test or a benchmark moves by hand.
//!
//! The memory takes the time from nowhere else, so that a simulated day takes no time and two runs store the same
//! bytes.

use std::fmt::Debug;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::Notify;

/// Tells the time.
pub trait Clock: Debug + Send + Sync {
    /// Nanoseconds since 1970 (UTC).
    fn now_ns(&self) -> u64;

    /// Waits until it shows `at_ns`. A clock that runs by itself needs a tokio runtime with timers.
    fn sleep_until(&self, at_ns: u64) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(tokio::time::sleep(Duration::from_nanos(at_ns.saturating_sub(self.now_ns()))))
    }
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

/// A clock that never goes back: the system's time when it was made, plus what has passed since. It times the span
/// between two moments, such as the idle time of a connection; [`SystemClock`] is for times that are stored.
#[derive(Debug)]
pub struct SteadyClock {
    made: Instant,
    made_ns: u64,
}

impl Default for SteadyClock {
    fn default() -> SteadyClock {
        SteadyClock { made: Instant::now(), made_ns: SystemClock.now_ns() }
    }
}

impl Clock for SteadyClock {
    fn now_ns(&self) -> u64 {
        self.made_ns.saturating_add(u64::try_from(self.made.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }
}

/// A clock that stands still until it is moved.
#[derive(Debug, Default)]
pub struct ManualClock {
    now_ns: AtomicU64,
    moved: Notify,
}

impl ManualClock {
    /// A clock that shows `now_ns`.
    pub fn new(now_ns: u64) -> ManualClock {
        ManualClock { now_ns: AtomicU64::new(now_ns), moved: Notify::new() }
    }

    /// Moves it forward, and wakes whoever slept until then.
    pub fn advance(&self, by_ns: u64) {
        self.now_ns.fetch_add(by_ns, Ordering::SeqCst);
        self.moved.notify_waiters();
    }
}

impl Clock for ManualClock {
    fn now_ns(&self) -> u64 {
        self.now_ns.load(Ordering::SeqCst)
    }

    fn sleep_until(&self, at_ns: u64) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async move {
            loop {
                let mut moved = pin!(self.moved.notified());
                moved.as_mut().enable(); // before the look, so that no move falls in between
                if self.now_ns() >= at_ns {
                    return;
                }
                moved.await;
            }
        })
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

    #[tokio::test]
    async fn who_sleeps_on_a_manual_clock_wakes_when_it_is_moved_there() {
        let clock = std::sync::Arc::new(ManualClock::new(5));
        clock.sleep_until(5).await;
        let sleeper = {
            let clock = std::sync::Arc::clone(&clock);
            tokio::spawn(async move { clock.sleep_until(8).await })
        };
        for _ in 0..2 {
            tokio::task::yield_now().await;
            assert!(!sleeper.is_finished());
            clock.advance(1);
        }
        tokio::task::yield_now().await;
        assert!(!sleeper.is_finished());
        clock.advance(1);
        sleeper.await.unwrap();
    }

    #[test]
    fn the_system_clock_is_past_2026() {
        assert!(SystemClock.now_ns() > 1_767_225_600_000_000_000);
    }

    #[test]
    fn the_steady_clock_never_goes_back() {
        let clock = SteadyClock::default();
        let mut last = clock.made_ns;
        for _ in 0..1_000 {
            let now = clock.now_ns();
            assert!(now >= last);
            last = now;
        }
    }
}
