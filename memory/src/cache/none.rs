//! Cache `none`: nothing is at hand, nothing is counted.

use super::{Cache, Found, Wanted};

/// Keeps nothing.
#[derive(Debug)]
pub(super) struct NoCache;

impl<K, V> Cache<K, V> for NoCache {
    fn get(&self, _: &dyn Fn() -> K, _: &dyn Fn(&V) -> bool) -> Found<K, V> {
        Found::Missing(Wanted(None))
    }

    fn put(&self, _: Wanted<K>, _: V) {}

    fn invalidate(&self, _: &dyn Fn() -> K) {}

    fn invalidate_where(&self, _: &dyn Fn(&K, &V) -> bool) {}
}
