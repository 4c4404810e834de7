//! Pools: values that the requests of some sessions put in, and that others draw, such as the ids of what was written.
//!
//! Nothing is taken out, so a session that deletes what it wrote does not put it in.

use parking_lot::Mutex;
use rand_pcg::Pcg64;

use super::draw::Draw;

/// Values in the order in which they came.
#[derive(Debug)]
pub struct ValuePool {
    draw: Draw,
    values: Mutex<Vec<String>>,
}

impl ValuePool {
    /// An empty pool, from which values are drawn so.
    pub fn new(draw: Draw) -> ValuePool {
        ValuePool { draw, values: Mutex::new(Vec::new()) }
    }

    /// Adds a value, the newest.
    pub fn put(&self, value: String) {
        self.values.lock().push(value);
    }

    /// A value for a session; none of an empty pool.
    pub fn draw(&self, session: u64, generator: &mut Pcg64) -> Option<String> {
        let values = self.values.lock();
        if values.is_empty() {
            None
        } else {
            Some(values[self.draw.position(values.len(), session, generator)].clone())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::draw::{self, DrawKind};
    use super::*;

    #[test]
    fn the_newest_is_the_likeliest_of_the_latest() {
        let pool = ValuePool::new(Draw { kind: DrawKind::Latest, skew: Some(2.0) });
        assert_eq!(pool.draw(0, &mut draw::generator(1, 0, "ids")), None);
        let drawn = |pool: &ValuePool, value: &str| {
            let is_it =
                |session: &u64| pool.draw(*session, &mut draw::generator(1, *session, "ids")).as_deref() == Some(value);
            (0..1000).filter(is_it).count()
        };
        for value in ["a", "b", "c"] {
            pool.put(value.to_owned());
            assert!(drawn(&pool, value) > 600, "{value}: {}", drawn(&pool, value));
        }
        assert!(drawn(&pool, "a") > 0, "the oldest is drawn too");
    }
}
