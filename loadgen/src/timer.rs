//! A timer that is exact to the tenth of a millisecond. The runtime's timer has whole milliseconds, which would be
//! added to every response time.
//!
//! One thread sleeps until the next due time and wakes the task that waits for it. It does not spin, which would take
//! CPU time from the server on the same machine.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use tokio::sync::oneshot;

/// A thread that wakes tasks at their times.
#[derive(Debug)]
pub struct Timer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: BinaryHeap<Reverse<Alarm>>,
    stopped: bool,
}

#[derive(Debug)]
struct Alarm {
    at: Instant,
    wake: oneshot::Sender<()>,
}

impl Timer {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start() -> std::io::Result<Timer> {
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        let thread = thread::Builder::new().name("timer".to_owned()).spawn(move || theirs.run())?;
        Ok(Timer { shared, thread: Some(thread) })
    }

    /// Waits until `at`; not at all if that has passed.
    pub async fn until(&self, at: Instant) {
        if at <= Instant::now() {
            return;
        }
        let (wake, woken) = oneshot::channel();
        let is_next = {
            let mut state = self.shared.lock();
            let is_next = state.waiting.peek().is_none_or(|Reverse(next)| at < next.at);
            state.waiting.push(Reverse(Alarm { at, wake }));
            is_next
        };
        if is_next {
            self.shared.changed.notify_one();
        }
        // The thread drops alarms only when the timer itself is dropped: then nobody waits here.
        let _ = woken.await;
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while the lock is held, and the heap is valid at every moment.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        let mut state = self.lock();
        while !state.stopped {
            let now = Instant::now();
            match state.waiting.peek() {
                None => state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(Reverse(next)) if next.at > now => {
                    let sleep = next.at - now;
                    state = self.changed.wait_timeout(state, sleep).unwrap_or_else(PoisonError::into_inner).0;
                }
                Some(_) => {
                    if let Some(Reverse(due)) = state.waiting.pop() {
                        // A task that was dropped no longer waits.
                        let _ = due.wake.send(());
                    }
                }
            }
        }
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.shared.lock().stopped = true;
        self.shared.changed.notify_one();
        if let Some(thread) = self.thread.take() {
            // A panic in the thread was printed by it; there is nothing to add while dropping.
            let _ = thread.join();
        }
    }
}

impl PartialEq for Alarm {
    fn eq(&self, other: &Alarm) -> bool {
        self.at == other.at
    }
}

impl Eq for Alarm {}

impl PartialOrd for Alarm {
    fn partial_cmp(&self, other: &Alarm) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Alarm {
    fn cmp(&self, other: &Alarm) -> std::cmp::Ordering {
        self.at.cmp(&other.at)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn nobody_wakes_early_and_all_wake_in_order() {
        let timer = Arc::new(Timer::start().unwrap());
        let start = Instant::now();
        let woken = Arc::new(Mutex::new(Vec::new()));
        let tasks: Vec<_> = [7u64, 0, 3, 5, 1]
            .into_iter()
            .map(|ms| {
                let (timer, woken) = (Arc::clone(&timer), Arc::clone(&woken));
                tokio::spawn(async move {
                    let at = start + Duration::from_millis(ms * 20);
                    timer.until(at).await;
                    assert!(Instant::now() >= at);
                    woken.lock().unwrap().push(ms);
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(*woken.lock().unwrap(), [0, 1, 3, 5, 7]);
    }

    #[tokio::test]
    async fn a_timer_stops_while_somebody_would_wait_for_long() {
        let timer = Timer::start().unwrap();
        let long = Instant::now() + Duration::from_secs(3600);
        tokio::select! {
            biased;
            () = timer.until(long) => panic!("an hour has not passed"),
            () = std::future::ready(()) => {}
        }
        drop(timer);
    }
}
