//! Buffers `pooled`: a few are kept, as large as their values made them, and handed out again.
//!
//! The pool is bounded in number and size, so that one huge value or one burst does not stay in memory for ever.

use std::sync::Arc;

use parking_lot::Mutex;

use super::{Buffers, ROOM_BYTES};
use crate::Counters;

/// The most buffers that are kept.
const KEPT: usize = 32;

/// The most bytes of a buffer that is kept: steps beyond that are rare.
const LARGEST_BYTES: usize = 64 << 10;

/// Kept ones. The one that came back last goes out first: its bytes are still in the CPU's cache.
#[derive(Debug)]
pub(super) struct Pooled {
    kept: Mutex<Vec<Vec<u8>>>,
    counters: Arc<Counters>,
}

impl Pooled {
    pub(super) fn new(counters: Arc<Counters>) -> Pooled {
        Pooled { kept: Mutex::new(Vec::with_capacity(KEPT)), counters }
    }
}

impl Buffers for Pooled {
    fn take(&self) -> Vec<u8> {
        let kept = self.kept.lock().pop();
        match kept {
            Some(buffer) => {
                self.counters.buffers_reused.increment();
                buffer
            }
            None => Vec::with_capacity(ROOM_BYTES),
        }
    }

    fn give(&self, mut buffer: Vec<u8>) {
        if buffer.capacity() > LARGEST_BYTES {
            return;
        }
        buffer.clear();
        let mut kept = self.kept.lock();
        if kept.len() < KEPT {
            kept.push(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Buffer, open};
    use super::*;
    use crate::BufferKind;

    #[test]
    fn a_buffer_comes_back_empty_and_as_large_as_it_became() {
        let counters = Arc::new(Counters::default());
        let buffers = open(BufferKind::Pooled, &counters);
        let mut first = Buffer::from(&buffers);
        first.extend_from_slice(&[7; 5_000]);
        let grown = first.capacity();
        drop(first);
        let again = Buffer::from(&buffers);
        assert_eq!((again.len(), again.capacity(), counters.buffers_reused.get()), (0, grown, 1));
        let second = Buffer::from(&buffers);
        assert_eq!((second.capacity(), counters.buffers_reused.get()), (ROOM_BYTES, 1), "the first is in use");
    }

    #[test]
    fn neither_many_nor_huge_ones_are_kept() {
        let pool = Pooled::new(Arc::default());
        pool.give(Vec::with_capacity(LARGEST_BYTES + 1));
        assert_eq!(pool.kept.lock().len(), 0);
        (0..2 * KEPT).for_each(|_| pool.give(Vec::with_capacity(8)));
        assert_eq!(pool.kept.lock().len(), KEPT);
    }

    #[test]
    fn fresh_ones_are_new_each_time() {
        let counters = Arc::new(Counters::default());
        let buffers = open(BufferKind::Fresh, &counters);
        Buffer::from(&buffers).extend_from_slice(&[7; 5_000]);
        assert_eq!((Buffer::from(&buffers).capacity(), counters.buffers_reused.get()), (ROOM_BYTES, 0));
    }
}
