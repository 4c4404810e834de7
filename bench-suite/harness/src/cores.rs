//! Spreads independent work over the cores of this process.

use std::collections::BTreeMap;
use std::panic::resume_unwind;

use anyhow::Result;
use parking_lot::Mutex;
use worker::pin;

/// Calls `work` with every item, one at a time for each core, and `done` with each result and the number of its item,
/// in the order in which they are ready. An error of `done` ends the work of its core.
pub fn for_each<T: Sync, R>(
    items: &[T],
    work: impl Fn(Option<usize>, usize, &T) -> R + Sync,
    done: impl FnMut(usize, R) -> Result<()> + Send,
) -> Result<()> {
    let (queue, done) = (&Mutex::new(items.iter().enumerate()), &Mutex::new(done));
    let work_on = |core| -> Result<()> {
        loop {
            // A separate statement: as a loop condition it would hold the lock during the work.
            let next = queue.lock().next();
            let Some((number, item)) = next else { return Ok(()) };
            let result = work(core, number, item);
            (done.lock())(number, result)?;
        }
    };
    std::thread::scope(|scope| {
        let work_on = &work_on;
        let threads: Vec<_> = pin::cores().into_iter().map(|core| scope.spawn(move || work_on(core))).collect();
        threads.into_iter().try_for_each(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic)))
    })
}

/// The results of `work` with every item, one at a time for each core, in the order of the items.
pub fn on_each<T: Sync, R: Send>(items: &[T], work: impl Fn(Option<usize>, &T) -> R + Sync) -> Vec<R> {
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
    #[test]
    fn every_item_is_worked_on_and_results_keep_their_order() {
        let items: Vec<u64> = (0..100).collect();
        let squares = super::on_each(&items, |_, item| item * item);
        assert_eq!(squares, items.iter().map(|item| item * item).collect::<Vec<_>>());
        assert!(super::on_each(&[] as &[u64], |_, item| *item).is_empty());
    }
}
