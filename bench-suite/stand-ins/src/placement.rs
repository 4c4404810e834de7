//! Where heap and stack begin while a profiler counts, so that the length of a path or of the environment does not
//! change a count.

use std::hint::black_box;

const PAGE_BYTES: usize = 4096;

/// Larger than anything that a program allocates before its main function.
const PROBE_BYTES: usize = 1 << 20;

/// Allocates the rest of the last heap page for good, so that the next block starts at a page boundary.
pub fn begin_heap_page() {
    let probe = Vec::<u8>::with_capacity(PROBE_BYTES);
    let end = probe.as_ptr() as usize + PROBE_BYTES;
    let rest = (PAGE_BYTES - end % PAGE_BYTES) % PAGE_BYTES;
    // Half of the probe and a page, so that no block freed earlier is large enough.
    std::mem::forget(Vec::<u8>::with_capacity(PROBE_BYTES / 2 + rest));
    std::mem::forget(probe);
}

/// Allocates this much and never frees it, which moves all later blocks.
pub fn shift_heap(bytes: u16) {
    std::mem::forget(black_box(Vec::<u8>::with_capacity(usize::from(bytes))));
}

/// A local variable at a page boundary: the stack below it starts there too.
#[repr(align(4096))]
struct Page([u8; 1]);

/// Calls `work` with a stack that starts at a page boundary.
#[inline(never)]
pub fn on_stack_page<T>(work: impl FnOnce() -> T) -> T {
    let page = Page([0]);
    black_box(&page.0);
    let done = work();
    black_box(&page.0);
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stack_of_the_work_begins_at_one_place_of_its_page() {
        #[inline(never)]
        fn below(frames: usize) -> usize {
            let frame = black_box([0_u8; 100]);
            let place = || &black_box(0_u8) as *const u8 as usize % PAGE_BYTES;
            let found = if frames > 0 { below(frames - 1) } else { on_stack_page(place) };
            black_box(&frame);
            found
        }
        assert_eq!(below(0), below(3));
    }
}
