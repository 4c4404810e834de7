//! Scratch buffers in which values are encoded, compressed and decompressed: the `buffers` toggle.
//!
//! Codecs serialise straight into a buffer, stores copy out of it, and then it goes back. The contexts of compressors
//! are always kept, one a thread: making one costs more than compressing a step, and comparing with that would flatter
//! the pool.

mod pooled;

use std::fmt::Debug;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use crate::{BufferKind, Counters};

/// The capacity of a new buffer, in bytes: enough for most heads and steps.
const ROOM_BYTES: usize = 256;

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
        BufferKind::Pooled => Arc::new(pooled::Pooled::new(Arc::clone(counters))),
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
