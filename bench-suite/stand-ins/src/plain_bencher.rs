//! The bencher of libtest, and of the crates that copy its interface.

use crate::{loops, serve};

/// What a benchmark's function gets to run its routine with.
#[derive(Debug)]
pub struct Bencher {
    id: String,
    is_done: bool,
    /// The bytes that an iteration works on. Libtest prints a throughput; here they have no effect.
    pub bytes: u64,
}

impl Bencher {
    /// For the benchmark of this identifier.
    pub(crate) fn new(id: &str) -> Bencher {
        Bencher { id: id.to_owned(), is_done: false, bytes: 0 }
    }

    /// True if a loop was called.
    pub(crate) fn is_done(&self) -> bool {
        self.is_done
    }

    /// The iterations one after the other. What the routine returns is dropped in between, and counts.
    #[inline(never)]
    pub fn iter<T, F>(&mut self, inner: F)
    where
        F: FnMut() -> T,
    {
        serve::run_first(&self.id, &mut self.is_done, &mut loops::each(inner));
    }
}
