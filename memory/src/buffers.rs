//! Scratch buffers in which values are encoded, compressed and decompressed: the `buffers` toggle.
//!
//! Codecs serialise straight into a buffer, stores copy out of it, and then it goes back. The contexts of compressors
//! are always kept, one a thread: making one costs more than compressing a step, and comparing with that would flatter
//! the pool.

use std::fmt::Debug;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use parking_lot::Mutex;

use crate::{BufferKind, Counters};

/// The capacity of a new buffer, in bytes: enough for most heads and steps.
const ROOM_BYTES: usize = 256;

/// The most buffers that a pool keeps.
const KEPT: usize = 32;

/// The most bytes of a buffer that a pool keeps: steps beyond that are rare.
const LARGEST_BYTES: usize = 64 << 10;

/// A source of buffers.
pub trait Buffers: Debug + Send + Sync {
    /// An empty buffer.
    fn take(&self) -> Vec<u8>;

    /// Takes back a buffer that is not needed any more.
    fn give(&self, buffer: Vec<u8>);
}

/// The buffers of that kind.
pub fn open(kind: BufferKind, counters: &Arc<Counters>) -> Arc<dyn Buffers> {
    match kind {
        BufferKind::Fresh => Arc::new(Fresh),
        BufferKind::Pooled => Arc::new(Pooled::new(Arc::clone(counters))),
    }
}

/// Buffers `fresh`: each is allocated for its value and freed after it. The naive strategy.
#[derive(Debug)]
struct Fresh;

impl Buffers for Fresh {
    fn take(&self) -> Vec<u8> {
        Vec::with_capacity(ROOM_BYTES)
    }

    fn give(&self, buffer: Vec<u8>) {
        drop(buffer);
    }
}

/// Buffers `pooled`: a few are kept, as large as their values made them, and handed out again. The one that came back
/// last goes out first: its bytes are still in the CPU's cache. The pool is bounded in number and size, so that one
/// huge value or one burst does not stay in memory for ever.
#[derive(Debug)]
struct Pooled {
    kept: Mutex<Vec<Vec<u8>>>,
    counters: Arc<Counters>,
}

impl Pooled {
    fn new(counters: Arc<Counters>) -> Pooled {
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

/// A buffer that goes back to its source when it is dropped.
#[derive(Debug)]
pub struct Buffer {
    bytes: Vec<u8>,
    home: Arc<dyn Buffers>,
}

impl Buffer {
    /// An empty one.
    pub fn from(home: &Arc<dyn Buffers>) -> Buffer {
        Buffer { bytes: home.take(), home: Arc::clone(home) }
    }
}

impl Deref for Buffer {
    type Target = Vec<u8>;

    fn deref(&self) -> &Vec<u8> {
        &self.bytes
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.home.give(std::mem::take(&mut self.bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
