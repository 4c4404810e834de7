//! The timing loops. Each says how so many iterations are done; [`crate::serve`] decides how many, and how often.

use crate::configuration::BatchSize;
use crate::measurement::{time_ns, Measurement, WallTime};
use crate::slice::Slice;
use crate::{loops, serve};

/// What a benchmark's function gets to run its routine with. One call of a loop does all the work that is asked for, so
/// what the function set up before stays alive.
#[derive(Debug)]
pub struct Bencher<'a, M: Measurement = WallTime> {
    id: &'a str,
    measurement: &'a M,
    is_done: bool,
}

impl<'a, M: Measurement> Bencher<'a, M> {
    pub(crate) fn new(id: &'a str, measurement: &'a M) -> Bencher<'a, M> {
        Bencher { id, measurement, is_done: false }
    }

    /// True if a loop was called.
    pub(crate) fn is_done(&self) -> bool {
        self.is_done
    }

    /// The iterations one after the other. What the routine returns is dropped in between, and counts.
    #[inline(never)]
    pub fn iter<O, R>(&mut self, routine: R)
    where
        R: FnMut() -> O,
    {
        self.run(&mut loops::each(routine));
    }

    /// The routine does so many iterations itself and says what they took. That is the time of the slice, unless the
    /// measurement is the project's own; a profiler counts the whole call.
    #[inline(never)]
    pub fn iter_custom<R>(&mut self, mut routine: R)
    where
        R: FnMut(u64) -> M::Value,
    {
        let measurement = self.measurement;
        self.run(&mut |iterations, slice| {
            let mut value = None;
            slice.window(&mut || value = Some(routine(iterations)));
            if let Some(time_ns) = value.and_then(|value| time_ns(measurement, &value)) {
                slice.is_told(time_ns);
            }
        });
    }

    /// Like [`Bencher::iter`]; what the routine returns is kept, and dropped outside of what counts.
    #[inline(never)]
    pub fn iter_with_large_drop<O, R>(&mut self, mut routine: R)
    where
        R: FnMut() -> O,
    {
        self.iter_batched(|| (), |()| routine(), BatchSize::SmallInput);
    }

    /// Each iteration uses up an input. Inputs are made before, and what the routine returns is dropped after what
    /// counts.
    #[inline(never)]
    pub fn iter_batched<I, O, S, R>(&mut self, setup: S, routine: R, size: BatchSize)
    where
        S: FnMut() -> I,
        R: FnMut(I) -> O,
    {
        self.run(&mut loops::batched(|iterations| size.batches(iterations), setup, routine, drop));
    }

    /// Like [`Bencher::iter_batched`], with inputs that the routine borrows; they are dropped after what counts.
    #[inline(never)]
    pub fn iter_batched_ref<I, O, S, R>(&mut self, setup: S, routine: R, size: BatchSize)
    where
        S: FnMut() -> I,
        R: FnMut(&mut I) -> O,
    {
        self.run(&mut loops::batched_ref(|iterations| size.batches(iterations), setup, routine));
    }

    /// [`Bencher::iter_batched`], an input at a time.
    #[doc(hidden)]
    pub fn iter_with_setup<I, O, S, R>(&mut self, setup: S, routine: R)
    where
        S: FnMut() -> I,
        R: FnMut(I) -> O,
    {
        self.iter_batched(setup, routine, BatchSize::PerIteration);
    }

    /// [`Bencher::iter_batched`] with all inputs at once.
    #[doc(hidden)]
    pub fn iter_with_large_setup<I, O, S, R>(&mut self, setup: S, routine: R)
    where
        S: FnMut() -> I,
        R: FnMut(I) -> O,
    {
        self.iter_batched(setup, routine, BatchSize::NumBatches(1));
    }

    /// Does what this process was asked for by means of a loop, if it is the first of the benchmark.
    pub(crate) fn run(&mut self, repeat: &mut dyn FnMut(u64, &mut Slice)) {
        serve::run_first(self.id, &mut self.is_done, repeat);
    }

    #[cfg(feature = "async")]
    pub(crate) fn measurement(&self) -> &'a M {
        self.measurement
    }
}
