//! The allocator of a measured program: the system's, with counters.
//!
//! Only blocks of Rust code pass through it. What C code allocates is counted by DHAT, under valgrind.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

use crate::protocol::HeapUsage;

/// The system's allocator. It counts while it is told to; what is timed pays for one look at a flag.
#[derive(Debug)]
pub struct CountingAllocator {
    on: AtomicBool,
    blocks: AtomicU64,
    bytes: AtomicU64,
    /// Of the blocks, those that were there before and grew or shrank.
    resized: AtomicU64,
    alive: AtomicI64,
    peak: AtomicI64,
}

impl Default for CountingAllocator {
    fn default() -> CountingAllocator {
        CountingAllocator::new()
    }
}

impl CountingAllocator {
    /// An allocator that counts nothing yet.
    pub const fn new() -> CountingAllocator {
        CountingAllocator {
            on: AtomicBool::new(false),
            blocks: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            resized: AtomicU64::new(0),
            alive: AtomicI64::new(0),
            peak: AtomicI64::new(0),
        }
    }

    /// Counts from now on, or no longer.
    pub fn count(&self, on: bool) {
        self.on.store(on, Ordering::Relaxed);
    }

    /// Blocks and bytes that were allocated while it counted.
    pub fn counted(&self) -> (u64, u64) {
        (self.blocks.load(Ordering::Relaxed), self.bytes.load(Ordering::Relaxed))
    }

    #[inline]
    fn note(&self, bytes: usize, freed: usize) {
        if self.on.load(Ordering::Relaxed) {
            self.add(bytes, freed);
        }
    }

    #[inline]
    fn free(&self, bytes: usize) {
        if self.on.load(Ordering::Relaxed) {
            self.subtract(bytes);
        }
    }

    // Out of line, so that the path that is timed stays a look and a jump.
    #[cold]
    #[inline(never)]
    fn add(&self, bytes: usize, freed: usize) {
        self.blocks.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        if freed > 0 {
            self.resized.fetch_add(1, Ordering::Relaxed);
        }
        let grown = bytes as i64 - freed as i64;
        self.peak.fetch_max(self.alive.fetch_add(grown, Ordering::Relaxed) + grown, Ordering::Relaxed);
    }

    #[cold]
    #[inline(never)]
    fn subtract(&self, bytes: usize) {
        self.alive.fetch_sub(bytes as i64, Ordering::Relaxed);
    }

    /// What was taken of the heap while it counted.
    pub fn usage(&self) -> HeapUsage {
        let resized = self.resized.load(Ordering::Relaxed);
        HeapUsage {
            peak_bytes: u64::try_from(self.peak.load(Ordering::Relaxed)).unwrap_or(0),
            allocations: self.blocks.load(Ordering::Relaxed) - resized,
        }
    }
}

#[expect(
    unsafe_code,
    reason = "an allocator can be written in no other way; every call goes to the system's unchanged"
)]
// SAFETY: every method passes its arguments unchanged to the system's allocator, and counting allocates nothing.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.note(layout.size(), 0);
        // SAFETY: the caller's promises are those that `System` asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        self.note(layout.size(), 0);
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        self.note(size, layout.size());
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        self.free(layout.size());
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}
