//! The timing loops of divan. What a routine returns, and inputs that it borrows, are dropped outside of what counts.

use std::fmt;
use std::mem::needs_drop;

use crate::counter::{AsCountUInt, Counter, IntoCounter};
use crate::few::few;
use crate::slice::Slice;
use crate::{black_box, loops, serve};

/// What a benchmark's function gets to run its routine with.
#[must_use = "a bencher measures nothing until one of its loops is called"]
pub struct Bencher<'a, 'b, C = BencherConfig> {
    context: &'a mut Context<'b>,
    config: C,
}

/// A benchmark that runs.
pub struct Context<'a> {
    /// Its identifier.
    pub id: &'a str,
    /// A loop was called.
    pub is_done: bool,
}

/// The source of inputs.
pub struct BencherConfig<GenI = NoInput> {
    gen_input: GenI,
}

/// There are no inputs.
pub struct NoInput;

impl<C> fmt::Debug for Bencher<'_, '_, C> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Bencher").finish_non_exhaustive()
    }
}

impl<'a, 'b> Bencher<'a, 'b> {
    /// For a benchmark.
    pub fn new(context: &'a mut Context<'b>) -> Bencher<'a, 'b> {
        Bencher { context, config: BencherConfig { gen_input: NoInput } }
    }

    /// The iterations one after the other.
    pub fn bench<O, B>(self, benched: B)
    where
        B: Fn() -> O + Sync,
    {
        self.bench_local(benched);
    }

    /// Like [`Bencher::bench`], for a routine that must stay on its thread.
    #[inline(never)]
    pub fn bench_local<O, B>(self, mut benched: B)
    where
        B: FnMut() -> O,
    {
        match needs_drop::<O>() {
            true => self.with_inputs(|| ()).bench_local_values(move |()| benched()),
            false => self.context.run(&mut loops::each(benched)),
        }
    }

    /// Each iteration gets an input.
    pub fn with_inputs<G>(self, gen_input: G) -> Bencher<'a, 'b, BencherConfig<G>> {
        Bencher { context: self.context, config: BencherConfig { gen_input } }
    }
}

impl<GenI> Bencher<'_, '_, BencherConfig<GenI>> {
    /// How much an iteration works on. Without effect.
    pub fn counter<C: IntoCounter>(self, _counter: C) -> Self {
        self
    }
}

impl<I, GenI> Bencher<'_, '_, BencherConfig<GenI>>
where
    GenI: FnMut() -> I,
{
    /// How much an iteration works on, by its input. Without effect.
    pub fn input_counter<C, F>(self, _make_counter: F) -> Self
    where
        F: Fn(&I) -> C + Sync + 'static,
        C: IntoCounter,
    {
        self
    }

    /// The inputs are numbers of what an iteration works on. Without effect.
    pub fn count_inputs_as<C>(self) -> Self
    where
        C: Counter,
        I: AsCountUInt,
    {
        self
    }

    /// Each iteration uses up an input.
    pub fn bench_values<O, B>(self, benched: B)
    where
        B: Fn(I) -> O + Sync,
        GenI: Fn() -> I + Sync,
    {
        self.bench_local_values(benched);
    }

    /// Like [`Bencher::bench_values`], for a routine that must stay on its thread.
    #[inline(never)]
    pub fn bench_local_values<O, B>(self, mut benched: B)
    where
        B: FnMut(I) -> O,
    {
        let gen_input = self.config.gen_input;
        match needs_drop::<O>() {
            true => self.context.run(&mut loops::batched(few, gen_input, benched, drop)),
            false => {
                let routine = |input| {
                    black_box(benched(input));
                };
                self.context.run(&mut loops::batched(few, gen_input, routine, drop));
            }
        }
    }

    /// Each iteration borrows an input.
    pub fn bench_refs<O, B>(self, benched: B)
    where
        B: Fn(&mut I) -> O + Sync,
        GenI: Fn() -> I + Sync,
    {
        self.bench_local_refs(benched);
    }

    /// Like [`Bencher::bench_refs`], for a routine that must stay on its thread.
    #[inline(never)]
    pub fn bench_local_refs<O, B>(self, mut benched: B)
    where
        B: FnMut(&mut I) -> O,
    {
        let gen_input = self.config.gen_input;
        match needs_drop::<O>() {
            true => self.context.run(&mut loops::batched_ref(few, gen_input, benched)),
            false => {
                let routine = |input: &mut I| {
                    black_box(benched(input));
                };
                self.context.run(&mut loops::batched_ref(few, gen_input, routine));
            }
        }
    }
}

impl Context<'_> {
    fn run(&mut self, repeat: &mut dyn FnMut(u64, &mut Slice)) {
        serve::run_first(self.id, &mut self.is_done, repeat);
    }
}
