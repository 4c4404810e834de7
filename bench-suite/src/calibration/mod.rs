//! The measuring side of a calibration: the rules by which suites are judged, and criterion's verdicts on the same cases.

mod criterion;
mod rules;

pub use criterion::Criterion;
pub use rules::rules;
