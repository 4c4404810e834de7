//! Operations at times that do not depend on the answers: an open Poisson process, seeded.
//!
//! Latency counts from the intended start, so that a memory that stalls is charged for all that it made wait (Gil Tene
//! on coordinated omission). The load generator is a program and drives HTTP; this is the same idea for any call.

use std::future::Future;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rand::SeedableRng;
use rand_distr::{Distribution, Exp};
use rand_pcg::Pcg64Mcg;
use tokio::task::JoinSet;

/// Answers to operations that arrived at a rate.
#[derive(Debug)]
pub struct OpenRun<T> {
    /// In the order of arrival.
    pub answers: Vec<T>,
    /// The time from each intended start to the answer, ns.
    pub times_ns: Vec<f64>,
    /// Operations per second, from the first start to the last.
    pub offered: f64,
    /// Operations per second, from the first start to the last answer.
    pub answered: f64,
}

/// Starts `count` operations, `rate` per second on average, each at its time. `start` gives the operation with this
/// number. The first that fails is the error, and ends the others: none runs on beside what is measured next.
pub async fn open<T, F>(rate: f64, seed: u64, count: usize, start: impl Fn(usize) -> F) -> Result<OpenRun<T>>
where
    T: Send + 'static,
    F: Future<Output = Result<T>> + Send + 'static,
{
    let gaps = Exp::new(rate).with_context(|| format!("a rate of {rate} per second: give one over 0"))?;
    let mut random = Pcg64Mcg::seed_from_u64(seed);
    let begun = Instant::now();
    let (mut due, mut running) = (begun, JoinSet::new());
    for number in 0..count {
        due += Duration::from_secs_f64(gaps.sample(&mut random));
        let operation = start(number);
        // The runtime's own timer has whole milliseconds.
        tokio::task::block_in_place(|| std::thread::sleep(due.saturating_duration_since(Instant::now())));
        running.spawn(async move {
            let answer = operation.await?;
            Ok::<_, anyhow::Error>((number, answer, due.elapsed()))
        });
    }
    let mut answered = Vec::with_capacity(count);
    while let Some(operation) = running.join_next().await {
        match operation.context("an operation panicked").flatten() {
            Ok(answer) => answered.push(answer),
            Err(error) => {
                running.shutdown().await;
                return Err(error);
            }
        }
    }
    let per_second = |until: Instant| count as f64 / until.duration_since(begun).as_secs_f64();
    let rates = [due, Instant::now()].map(per_second);
    answered.sort_unstable_by_key(|(number, ..)| *number);
    let times = answered.into_iter().map(|(_, answer, time)| (answer, time.as_nanos() as f64));
    let (answers, times_ns) = times.unzip();
    Ok(OpenRun { answers, times_ns, offered: rates[0], answered: rates[1] })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use anyhow::bail;
    use tokio::sync::Semaphore;

    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn a_stall_holds_back_no_arrival_and_is_charged_to_all_that_it_made_wait() {
        let (started, stall) = (Arc::new(AtomicUsize::new(0)), Arc::new(Semaphore::new(0)));
        let run = open(100_000.0, 7, 50, |number| {
            let (started, stall) = (Arc::clone(&started), Arc::clone(&stall));
            async move {
                // The last to arrive ends the stall: they would wait for ever if each waited for the answer before.
                if started.fetch_add(1, Ordering::SeqCst) == 49 {
                    stall.add_permits(50);
                }
                stall.acquire().await?.forget();
                Ok(number)
            }
        });
        let run = run.await.unwrap();
        assert_eq!(run.answers, (0..50).collect::<Vec<_>>());
        // The first was answered after the last had arrived: 49 gaps later.
        let mut random = Pcg64Mcg::seed_from_u64(7);
        let gaps: Vec<f64> = Exp::new(100_000.0).unwrap().sample_iter(&mut random).take(50).collect();
        let waited_ns = gaps[1..].iter().sum::<f64>() * 1e9;
        assert!(run.times_ns[0] > waited_ns - 50.0, "{} ns of {waited_ns}", run.times_ns[0]);
        assert!(run.answered <= run.offered, "{} of {}", run.answered, run.offered);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn what_fails_is_the_error() {
        let failed = open(100_000.0, 7, 3, |number| async move { if number == 1 { bail!("no") } else { Ok(()) } });
        assert_eq!(failed.await.unwrap_err().to_string(), "no");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn what_fails_ends_the_operations_that_still_run() {
        let memory = Arc::new(());
        let failed = open(100_000.0, 7, 3, |number| {
            let memory = Arc::clone(&memory);
            async move {
                if number == 1 {
                    bail!("no")
                }
                std::future::pending::<()>().await;
                drop(memory);
                Ok(())
            }
        });
        assert_eq!(failed.await.unwrap_err().to_string(), "no");
        assert_eq!(Arc::strong_count(&memory), 1);
    }
}
