//! Spreads independent work over the cores of this process.
//!
//! Work that fails beside other work is done once more alone: two benchmarks may bind one port, or lock one file.

use std::collections::BTreeMap;
use std::panic::resume_unwind;

use anyhow::Result;
use parking_lot::Mutex;
use worker::pin;

/// Calls `work` with every item, one at a time for each core, and `done` with each result and the number of its item,
/// in the order in which they are ready. An error of `done` ends the work of its core.
pub fn for_each<T: Sync, R>(
    items: &[T],
    work: impl Fn(Option<usize>, usize, &T) -> Result<R> + Sync,
    done: impl FnMut(usize, Result<R>) -> Result<()> + Send,
) -> Result<()> {
    let cores = pin::cores();
    let is_alone = cores.len().min(items.len()) < 2;
    let (queue, done, again) = (Mutex::new(items.iter().enumerate()), Mutex::new(done), Mutex::new(Vec::new()));
    let work_on = |core| -> Result<()> {
        loop {
            // A separate statement: as a loop condition it would hold the lock during the work.
            let next = queue.lock().next();
            let Some((number, item)) = next else { return Ok(()) };
            match work(core, number, item) {
                Err(_) if !is_alone => again.lock().push((number, item)),
                result => (done.lock())(number, result)?,
            }
        }
    };
    std::thread::scope(|scope| {
        let work_on = &work_on;
        let threads: Vec<_> = cores.iter().map(|core| scope.spawn(move || work_on(*core))).collect();
        threads.into_iter().try_for_each(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic)))
    })?;
    let mut done = done.into_inner();
    again.into_inner().into_iter().try_for_each(|(number, item)| done(number, work(cores[0], number, item)))
}

/// The results of `work` with every item, one at a time for each core, in the order of the items.
pub fn on_each<T: Sync, R: Send>(items: &[T], work: impl Fn(Option<usize>, &T) -> Result<R> + Sync) -> Vec<Result<R>> {
    let mut results = BTreeMap::new();
    for_each(
        items,
        |core, _, item| work(core, item),
        |number, result| {
            results.insert(number, result);
            Ok(())
        },
    )
    .expect("to keep a result does not fail");
    results.into_values().collect()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use anyhow::ensure;

    use super::*;

    #[test]
    fn every_item_is_worked_on_and_results_keep_their_order() {
        let items: Vec<u64> = (0..100).collect();
        let squares: Vec<u64> = on_each(&items, |_, item| Ok(item * item)).into_iter().flatten().collect();
        assert_eq!(squares, items.iter().map(|item| item * item).collect::<Vec<_>>());
        assert!(on_each(&[] as &[u64], |_, item| Ok(*item)).is_empty());
    }

    #[test]
    fn what_fails_beside_others_is_done_once_more_alone() {
        let items: Vec<usize> = (0..20).collect();
        let tries: Vec<AtomicUsize> = items.iter().map(|_| AtomicUsize::new(0)).collect();
        let (running, together) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let results = on_each(&items, |_, item| {
            let beside = running.fetch_add(1, Ordering::SeqCst);
            let tried = tries[*item].fetch_add(1, Ordering::SeqCst);
            if tried > 0 {
                together.fetch_max(beside, Ordering::SeqCst);
            }
            running.fetch_sub(1, Ordering::SeqCst);
            ensure!(item % 2 == 0 && tried > 0, "it is odd, or runs for the first time");
            Ok(*item)
        });
        let is_alone = pin::cores().len() < 2;
        assert!(tries.iter().all(|tries| tries.load(Ordering::SeqCst) == if is_alone { 1 } else { 2 }));
        assert_eq!(together.load(Ordering::SeqCst), 0);
        let right: Vec<bool> = results.iter().map(Result::is_ok).collect();
        assert_eq!(right, items.iter().map(|item| item % 2 == 0 && !is_alone).collect::<Vec<_>>());
    }
}
