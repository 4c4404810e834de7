//! Spreads independent work over the cores of this process.

use std::collections::BTreeMap;

use parking_lot::Mutex;
use worker::pin;

/// Calls `work` with every item, one at a time for each core; returns the results in the order of the items.
pub fn on_each<T: Sync, R: Send>(items: &[T], work: impl Fn(Option<usize>, &T) -> R + Sync) -> Vec<R> {
    let (queue, done) = (Mutex::new(items.iter().enumerate()), Mutex::new(BTreeMap::new()));
    std::thread::scope(|scope| {
        for core in pin::cores() {
            let (queue, done, work) = (&queue, &done, &work);
            scope.spawn(move || {
                loop {
                    // A separate statement: as a loop condition it would hold the lock during the work.
                    let next = queue.lock().next();
                    let Some((number, item)) = next else { return };
                    let result = work(core, item);
                    done.lock().insert(number, result);
                }
            });
        }
    });
    done.into_inner().into_values().collect()
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
