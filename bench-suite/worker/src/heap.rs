//! The system's allocator with counters, for measured programs.
//!
//! It sees blocks of Rust code only, and counts them as valgrind's DHAT does, which sees those of C code too.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

use crate::protocol::HeapUsage;

/// The system's allocator. It counts while switched on; when off, an allocation costs one check of a flag more.
#[derive(Debug)]
pub struct CountingAllocator {
    on: AtomicBool,
    blocks: AtomicU64,
    bytes: AtomicU64,
    /// The blocks that were resized, a part of `blocks`.
    resized: AtomicU64,
    /// The bytes that resized blocks had before, a part of `bytes`.
    kept: AtomicU64,
    alive: AtomicI64,
    peak: AtomicI64,
}

impl Default for CountingAllocator {
    fn default() -> CountingAllocator {
        CountingAllocator::new()
    }
}

impl CountingAllocator {
    /// An allocator that does not count yet.
    pub const fn new() -> CountingAllocator {
        CountingAllocator {
            on: AtomicBool::new(false),
            blocks: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            resized: AtomicU64::new(0),
            kept: AtomicU64::new(0),
            alive: AtomicI64::new(0),
            peak: AtomicI64::new(0),
        }
    }

    /// Switches counting on or off.
    pub fn count(&self, on: bool) {
        self.on.store(on, Ordering::Relaxed);
    }

    /// Blocks and bytes that were allocated while counting was on.
    pub fn counted(&self) -> (u64, u64) {
        (self.blocks.load(Ordering::Relaxed), self.bytes.load(Ordering::Relaxed))
    }

    /// Bytes that were allocated while counting was on, less those that were freed meanwhile.
    pub fn held_bytes(&self) -> i64 {
        self.alive.load(Ordering::Relaxed)
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

    // Out of line, so that the timed path stays one check and a jump.
    #[cold]
    #[inline(never)]
    fn add(&self, bytes: usize, freed: usize) {
        self.blocks.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        if freed > 0 {
            self.resized.fetch_add(1, Ordering::Relaxed);
            self.kept.fetch_add(bytes.min(freed) as u64, Ordering::Relaxed);
        }
        let grown = bytes as i64 - freed as i64;
        self.peak.fetch_max(self.alive.fetch_add(grown, Ordering::Relaxed) + grown, Ordering::Relaxed);
    }

    #[cold]
    #[inline(never)]
    fn subtract(&self, bytes: usize) {
        self.alive.fetch_sub(bytes as i64, Ordering::Relaxed);
    }

    /// The heap usage while counting was on.
    pub fn usage(&self) -> HeapUsage {
        let (blocks, bytes) = self.counted();
        HeapUsage {
            peak_bytes: u64::try_from(self.peak.load(Ordering::Relaxed)).unwrap_or(0),
            allocations: blocks - self.resized.load(Ordering::Relaxed),
            allocated_bytes: bytes - self.kept.load(Ordering::Relaxed),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resized_block_is_not_a_new_one_and_counts_by_what_it_grew() {
        let heap = CountingAllocator::new();
        let layout = |bytes| Layout::from_size_align(bytes, 8).expect("a layout");
        #[expect(unsafe_code, reason = "an allocator can be called in no other way")]
        // SAFETY: the layouts are those that the block has at that moment, and its size is never 0.
        unsafe {
            let before = heap.alloc(layout(40));
            heap.count(true);
            let block = heap.alloc(layout(100));
            let block = heap.realloc(block, layout(100), 300);
            let block = heap.realloc(block, layout(300), 50);
            heap.dealloc(before, layout(40));
            heap.count(false);
            heap.dealloc(block, layout(50));
        }
        assert_eq!(heap.usage(), HeapUsage { peak_bytes: 300, allocations: 1, allocated_bytes: 300 });
        assert_eq!(heap.counted(), (3, 450), "every request");
        assert_eq!(heap.held_bytes(), 10, "50 of the block, less the 40 from before");
    }
}
