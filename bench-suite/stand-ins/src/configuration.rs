//! What a bench can configure. Only the size of batches and the filter change what runs.

use crate::loops;

/// How many inputs are made at once, before the clock starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum BatchSize {
    /// A tenth of the iterations.
    SmallInput,
    /// A thousandth of the iterations.
    LargeInput,
    /// One. Then the clocks are read around each iteration.
    PerIteration,
    /// The iterations in so many batches.
    NumBatches(u64),
    /// So many iterations.
    NumIterations(u64),
}

impl BatchSize {
    /// The sizes of the batches that make up this number of iterations.
    pub(crate) fn batches(self, iterations: u64) -> impl Iterator<Item = usize> {
        let size = match self {
            BatchSize::SmallInput => loops::part(iterations, 10),
            BatchSize::LargeInput => loops::part(iterations, 1000),
            BatchSize::PerIteration => 1,
            BatchSize::NumBatches(number) => loops::part(iterations, number),
            BatchSize::NumIterations(size) => size,
        };
        loops::batches(iterations, size)
    }
}

/// How much one iteration works on. Without effect. What matches on it names all of its variants: older versions of
/// criterion have fewer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Throughput {
    /// Bits.
    #[cfg(not(feature = "before_0_7"))]
    Bits(u64),
    /// Bytes, to be shown with the prefixes of 1024.
    Bytes(u64),
    /// Bytes, to be shown with the prefixes of 1000.
    #[cfg(not(feature = "before_0_4"))]
    BytesDecimal(u64),
    /// Things of any kind.
    Elements(u64),
    /// Things, and their bytes.
    #[cfg(not(feature = "before_0_8"))]
    ElementsAndBytes {
        /// The number of things.
        elements: u64,
        /// Their bytes.
        bytes: u64,
    },
}

/// How criterion spreads iterations over samples. Without effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SamplingMode {
    /// Criterion's choice.
    Auto,
    /// More iterations in each sample.
    Linear,
    /// As many in each.
    Flat,
}

/// The axis of a plot. Without effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AxisScale {
    /// Even steps.
    Linear,
    /// Even factors.
    Logarithmic,
}

/// How a group is plotted. Without effect.
#[derive(Debug, Clone, Default)]
pub struct PlotConfiguration {
    _private: (),
}

impl PlotConfiguration {
    /// Accepted, without effect.
    #[must_use]
    pub fn summary_scale(self, _scale: AxisScale) -> PlotConfiguration {
        self
    }
}

/// What draws plots. Without effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlottingBackend {
    /// The program gnuplot.
    Gnuplot,
    /// The library plotters.
    Plotters,
    /// Nothing.
    None,
}

/// What criterion does with its stored baselines. Without effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Baseline {
    /// Compares with it, and skips what it does not have.
    CompareLenient,
    /// Compares with it.
    CompareStrict,
    /// Replaces it.
    Save,
    /// Neither.
    Discard,
}

/// Which benchmarks there are. Criterion's regular expressions are not among the variants: they need a library.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum BenchmarkFilter {
    /// All.
    AcceptAll,
    /// The one of this identifier.
    Exact(String),
    /// None.
    RejectAll,
    /// Those whose identifier contains this.
    #[doc(hidden)]
    Containing(String),
}

impl BenchmarkFilter {
    pub(crate) fn accepts(&self, id: &str) -> bool {
        match self {
            BenchmarkFilter::AcceptAll => true,
            BenchmarkFilter::Exact(wanted) => wanted == id,
            BenchmarkFilter::RejectAll => false,
            BenchmarkFilter::Containing(part) => id.contains(part.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_add_up_to_the_iterations() {
        let sizes = |size: BatchSize, iterations| size.batches(iterations).collect::<Vec<_>>();
        assert_eq!(sizes(BatchSize::SmallInput, 20), [2; 10]);
        assert_eq!(sizes(BatchSize::SmallInput, 25), [3, 3, 3, 3, 3, 3, 3, 3, 1]);
        assert_eq!(sizes(BatchSize::LargeInput, 3), [1; 3]);
        assert_eq!(sizes(BatchSize::PerIteration, 3), [1; 3]);
        assert_eq!(sizes(BatchSize::NumBatches(2), 5), [3, 2]);
        assert_eq!(sizes(BatchSize::NumIterations(4), 10), [4, 4, 2]);
        assert_eq!(sizes(BatchSize::NumIterations(0), 2), [1; 2]);
    }
}
