//! A timer that is exact to the tenth of a millisecond. The runtime's timer has whole milliseconds, which would be
//! added to every response time.
//!
//! One thread sleeps until the next due time and wakes the task that waits for it. It does not spin, which would take
//! CPU time from the server on the same machine.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Instant;

use parking_lot::{Condvar, Mutex};
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
    /// The tasks that wait, by time. The number tells apart those that wait for the same time.
    waiting: BTreeMap<(Instant, u64), oneshot::Sender<()>>,
    number: u64,
    stopped: bool,
}

impl Timer {
    /// Starts the thread.
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
            let mut state = self.shared.state.lock();
            let alarm = (at, state.number);
            state.number += 1;
            state.waiting.insert(alarm, wake);
            state.waiting.first_key_value().is_some_and(|(next, _)| *next == alarm)
        };
        if is_next {
            self.shared.changed.notify_one();
        }
        // The thread drops alarms only when the timer itself is dropped: then nobody waits here.
        let _ = woken.await;
    }
}

impl Shared {
    fn run(&self) {
        let mut state = self.state.lock();
        while !state.stopped {
            match state.waiting.first_entry() {
                None => self.changed.wait(&mut state),
                Some(next) if next.key().0 > Instant::now() => {
                    let (at, _) = *next.key();
                    self.changed.wait_until(&mut state, at);
                }
                Some(due) => {
                    // A task that was dropped no longer waits.
                    let _ = due.remove().send(());
                }
            }
        }
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.shared.state.lock().stopped = true;
        self.shared.changed.notify_one();
        if let Some(thread) = self.thread.take() {
            // A panic in the thread was printed by it; there is nothing to add while dropping.
            let _ = thread.join();
        }
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
                    woken.lock().push(ms);
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(*woken.lock(), [0, 1, 3, 5, 7]);
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
