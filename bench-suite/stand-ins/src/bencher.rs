//! The timing loops. Each says how so many iterations are done; [`crate::serve`] decides how many, and how often.

use std::hint::black_box;
use std::marker::PhantomData;

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

    /// Each iteration is a call of `setup`, of which only what it has the runner run counts. Criterion2 has it.
    #[doc(hidden)]
    #[inline(never)]
    pub fn iter_with_setup_wrapper<S>(&mut self, mut setup: S)
    where
        S: FnMut(&mut WrapperRunner<'a, '_, M>),
    {
        self.run(&mut |iterations, slice| {
            for _ in 0..iterations {
                let mut runner = WrapperRunner { slice: &mut *slice, has_run: false, bencher: PhantomData };
                setup(&mut runner);
                assert!(runner.has_run, "the setup did not call `WrapperRunner::run`");
            }
        });
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

/// Runs the part of an iteration that counts, in [`Bencher::iter_with_setup_wrapper`].
#[doc(hidden)]
#[derive(Debug)]
pub struct WrapperRunner<'a, 'b, M: Measurement> {
    slice: &'b mut Slice,
    has_run: bool,
    bencher: PhantomData<&'a M>,
}

impl<M: Measurement> WrapperRunner<'_, '_, M> {
    /// Runs it, once in each iteration. What it returns is the caller's to drop, and does not count.
    pub fn run<O, R: FnOnce() -> O>(&mut self, routine: R) -> O {
        assert!(!self.has_run, "the setup called `WrapperRunner::run` twice");
        self.has_run = true;
        let (mut routine, mut output) = (Some(routine), None);
        self.slice.window(&mut || output = routine.take().map(|routine| routine()));
        black_box(output.expect("a window does its work once"))
    }
}
