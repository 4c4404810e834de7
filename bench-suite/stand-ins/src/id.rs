//! Identifiers of benchmarks: `group/function/parameter`, of which any part but one may be absent.

use std::fmt::Display;

/// The name of a benchmark within its group: a function, a parameter, or both.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct BenchmarkId {
    pub(crate) function: Option<String>,
    pub(crate) parameter: Option<String>,
}

impl BenchmarkId {
    /// A function with the parameter that it is measured with.
    pub fn new<S: Into<String>, P: Display>(function_name: S, parameter: P) -> BenchmarkId {
        BenchmarkId { function: Some(function_name.into()), parameter: Some(parameter.to_string()) }
    }

    /// The parameter alone, in a group of one function.
    pub fn from_parameter<P: Display>(parameter: P) -> BenchmarkId {
        BenchmarkId { function: None, parameter: Some(parameter.to_string()) }
    }

    /// The benchmark that a group consists of.
    pub(crate) const UNNAMED: BenchmarkId = BenchmarkId { function: None, parameter: None };

    /// The whole identifier in a group.
    pub(crate) fn within(&self, group: &str) -> String {
        let parts = [Some(group), self.function.as_deref(), self.parameter.as_deref()];
        parts.into_iter().flatten().collect::<Vec<_>>().join("/")
    }
}

/// What names a benchmark in a group: a string, or a [`BenchmarkId`].
pub trait IntoBenchmarkId {
    /// The identifier.
    fn into_benchmark_id(self) -> BenchmarkId;
}

impl IntoBenchmarkId for BenchmarkId {
    fn into_benchmark_id(self) -> BenchmarkId {
        self
    }
}

impl<S: Into<String>> IntoBenchmarkId for S {
    fn into_benchmark_id(self) -> BenchmarkId {
        BenchmarkId { function: Some(self.into()), parameter: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absent_parts_leave_no_slash() {
        assert_eq!(BenchmarkId::UNNAMED.within("fib"), "fib");
        assert_eq!("fast".into_benchmark_id().within("fib"), "fib/fast");
        assert_eq!(BenchmarkId::from_parameter(20).within("fib"), "fib/20");
        assert_eq!(BenchmarkId::new("fast", 20).within("fib"), "fib/fast/20");
    }
}
