//! Scratch buffers in which values are encoded, compressed and decompressed: the `buffers` toggle.
//!
//! Codecs serialise straight into a buffer, stores copy out of it, and then it goes back. The contexts of compressors
//! are always kept, one per thread: making one costs more than compressing a step, and comparing with that would
//! flatter the pool.

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
    /// An empty buffer; a new one has room for so many bytes.
    fn take(&self, room_bytes: usize) -> Vec<u8>;

    /// Takes back a buffer that is not needed any more.
    fn give(&self, buffer: Vec<u8>);

    /// The contents of a buffer, for an owner who keeps them.
    fn part_with(&self, buffer: Vec<u8>) -> Vec<u8>;
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
    fn take(&self, room_bytes: usize) -> Vec<u8> {
        Vec::with_capacity(room_bytes)
    }

    fn give(&self, buffer: Vec<u8>) {
        drop(buffer);
    }

    fn part_with(&self, buffer: Vec<u8>) -> Vec<u8> {
        buffer
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
    fn take(&self, room_bytes: usize) -> Vec<u8> {
        let kept = self.kept.lock().pop();
        match kept {
            Some(buffer) => {
                self.counters.buffers_reused.increment();
                buffer
            }
            None => Vec::with_capacity(room_bytes),
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

    fn part_with(&self, buffer: Vec<u8>) -> Vec<u8> {
        let contents = buffer.clone();
        self.give(buffer);
        contents
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
        Buffer::with_room(home, ROOM_BYTES)
    }

    /// An empty one, in which about so many bytes will be written.
    pub fn with_room(home: &Arc<dyn Buffers>, room_bytes: usize) -> Buffer {
        Buffer { bytes: home.take(room_bytes), home: Arc::clone(home) }
    }

    /// The bytes, without a copy where the source does not want the buffer back.
    pub fn into_bytes(mut self) -> Vec<u8> {
        self.home.part_with(std::mem::take(&mut self.bytes))
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
        if self.bytes.capacity() > 0 {
            self.home.give(std::mem::take(&mut self.bytes)); // unless its bytes were parted with
        }
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
    fn bytes_that_somebody_keeps_leave_a_pooled_buffer_in_the_pool() {
        for (kind, kept, reused) in [(BufferKind::Fresh, 1_000, 0), (BufferKind::Pooled, 3, 1)] {
            let counters = Arc::new(Counters::default());
            let buffers = open(kind, &counters);
            let mut buffer = Buffer::with_room(&buffers, 1_000);
            buffer.extend_from_slice(&[7; 3]);
            let bytes = buffer.into_bytes();
            assert_eq!((&bytes[..], bytes.capacity()), (&[7; 3][..], kept), "{kind}");
            assert!(Buffer::from(&buffers).is_empty());
            assert_eq!(counters.buffers_reused.get(), reused, "{kind}");
        }
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
