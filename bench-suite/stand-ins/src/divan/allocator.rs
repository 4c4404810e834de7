//! Divan's allocator, without its counters: valgrind counts allocations, and what counts itself costs time.

use std::alloc::{GlobalAlloc, Layout, System};

/// Hands everything on to another allocator.
#[derive(Debug, Default)]
pub struct AllocProfiler<Alloc = System> {
    alloc: Alloc,
}

impl AllocProfiler {
    /// The system's allocator.
    pub const fn system() -> AllocProfiler {
        AllocProfiler { alloc: System }
    }
}

impl<A> AllocProfiler<A> {
    /// Any other.
    pub const fn new(alloc: A) -> AllocProfiler<A> {
        AllocProfiler { alloc }
    }
}

// SAFETY: all that the other allocator promises is handed on, and so is all that it asks for.
unsafe impl<A: GlobalAlloc> GlobalAlloc for AllocProfiler<A> {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.alloc.alloc(layout)
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        self.alloc.alloc_zeroed(layout)
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        self.alloc.realloc(block, layout, size)
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        self.alloc.dealloc(block, layout);
    }
}
