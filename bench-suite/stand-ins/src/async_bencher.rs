//! The timing loops for routines that return futures.
//!
//! What counts is a whole call of the runtime, with the tasks that it runs meanwhile on this thread. Inputs are made,
//! and outputs dropped, within the runtime too: they may need it.

use std::future::Future;
use std::hint::black_box;

use crate::async_executor::AsyncExecutor;
use crate::bencher::Bencher;
use crate::configuration::BatchSize;
use crate::measurement::{time_ns, Measurement, WallTime};

/// A [`Bencher`] with a runtime.
#[derive(Debug)]
pub struct AsyncBencher<'a, 'b, A: AsyncExecutor, M: Measurement = WallTime> {
    bencher: &'b mut Bencher<'a, M>,
    runtime: A,
}

impl<'a, M: Measurement> Bencher<'a, M> {
    /// The same loops for routines that return futures, which the runtime runs.
    pub fn to_async<'b, A: AsyncExecutor>(&'b mut self, runner: A) -> AsyncBencher<'a, 'b, A, M> {
        AsyncBencher { bencher: self, runtime: runner }
    }
}

impl<A: AsyncExecutor, M: Measurement> AsyncBencher<'_, '_, A, M> {
    /// As [`Bencher::iter`].
    #[inline(never)]
    pub fn iter<O, R, F>(&mut self, mut routine: R)
    where
        R: FnMut() -> F,
        F: Future<Output = O>,
    {
        let runtime = &self.runtime;
        self.bencher.run(&mut |iterations, slice| {
            slice.window(&mut || {
                runtime.block_on(async {
                    for _ in 0..iterations {
                        black_box(routine().await);
                    }
                });
            });
        });
    }

    /// As [`Bencher::iter_custom`].
    #[inline(never)]
    pub fn iter_custom<R, F>(&mut self, mut routine: R)
    where
        R: FnMut(u64) -> F,
        F: Future<Output = M::Value>,
    {
        let (runtime, measurement) = (&self.runtime, self.bencher.measurement());
        self.bencher.run(&mut |iterations, slice| {
            let mut value = None;
            // The routine itself may need the runtime, so it is called within.
            slice.window(&mut || value = Some(runtime.block_on(async { routine(iterations).await })));
            if let Some(time_ns) = value.and_then(|value| time_ns(measurement, &value)) {
                slice.is_told(time_ns);
            }
        });
    }

    /// As [`Bencher::iter_with_large_drop`].
    #[inline(never)]
    pub fn iter_with_large_drop<O, R, F>(&mut self, mut routine: R)
    where
        R: FnMut() -> F,
        F: Future<Output = O>,
    {
        self.iter_batched(|| (), |()| routine(), BatchSize::SmallInput);
    }

    /// As [`Bencher::iter_batched`].
    #[inline(never)]
    pub fn iter_batched<I, O, S, R, F>(&mut self, mut setup: S, mut routine: R, size: BatchSize)
    where
        S: FnMut() -> I,
        R: FnMut(I) -> F,
        F: Future<Output = O>,
    {
        let runtime = &self.runtime;
        self.bencher.run(&mut |iterations, slice| {
            for batch in size.batches(iterations) {
                let mut inputs: Vec<I> = runtime.block_on(async { (0..batch).map(|_| setup()).collect() });
                let mut outputs = Vec::with_capacity(batch);
                slice.window(&mut || {
                    runtime.block_on(async {
                        for input in inputs.drain(..) {
                            outputs.push(routine(input).await);
                        }
                    });
                });
                runtime.block_on(async { drop(black_box(outputs)) });
            }
        });
    }

    /// As [`Bencher::iter_batched_ref`].
    #[inline(never)]
    pub fn iter_batched_ref<I, O, S, R, F>(&mut self, mut setup: S, mut routine: R, size: BatchSize)
    where
        S: FnMut() -> I,
        R: FnMut(&mut I) -> F,
        F: Future<Output = O>,
    {
        let runtime = &self.runtime;
        self.bencher.run(&mut |iterations, slice| {
            for batch in size.batches(iterations) {
                let mut inputs: Vec<I> = runtime.block_on(async { (0..batch).map(|_| setup()).collect() });
                let mut outputs = Vec::with_capacity(batch);
                slice.window(&mut || {
                    runtime.block_on(async {
                        for input in &mut inputs {
                            outputs.push(routine(input).await);
                        }
                    });
                });
                runtime.block_on(async { drop(black_box((outputs, inputs))) });
            }
        });
    }

    /// As [`Bencher::iter_with_setup`].
    #[doc(hidden)]
    pub fn iter_with_setup<I, O, S, R, F>(&mut self, setup: S, routine: R)
    where
        S: FnMut() -> I,
        R: FnMut(I) -> F,
        F: Future<Output = O>,
    {
        self.iter_batched(setup, routine, BatchSize::PerIteration);
    }

    /// As [`Bencher::iter_with_large_setup`].
    #[doc(hidden)]
    pub fn iter_with_large_setup<I, O, S, R, F>(&mut self, setup: S, routine: R)
    where
        S: FnMut() -> I,
        R: FnMut(I) -> F,
        F: Future<Output = O>,
    {
        self.iter_batched(setup, routine, BatchSize::NumBatches(1));
    }
}
