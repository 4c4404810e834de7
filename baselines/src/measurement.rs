//! One number, with everything that must stand beside it.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Error, Metric, Result};
use stats::descriptive::median_in_place;

/// A benchmark and a variant, as records name a case. Runs are compared case by case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CaseKey {
    /// The benchmark's name in the registry, as in `retrieve/1000`.
    pub benchmark: String,
    /// The variant, with all toggles: `store=redb,durability=committed,..`.
    pub variant: String,
}

impl fmt::Display for CaseKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.variant.as_str() {
            "" => f.write_str(&self.benchmark),
            variant => write!(f, "{} [{variant}]", self.benchmark),
        }
    }
}

/// The failures that an acknowledged write survives. Stands beside every storage number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, strum::Display)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum Durability {
    /// None: a value in memory that nothing stores.
    Struct,
    /// None: the store ends with the process.
    Memory,
    /// None yet: the write is in a buffer of the process, and lost when it is killed.
    Buffered,
    /// `kill -9`, but no power cut: the operating system has the write.
    Committed,
    /// A power cut: the write is on the disk, as far as the operating system can tell.
    Fsynced,
    /// Not stated by the tool that measured.
    Unstated,
}

/// The values of one metric of one case, in the order of measuring: at least one, all finite.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Vec<f64>")]
pub struct Sample(Vec<f64>);

impl Sample {
    /// A sample of these values, in the metric's unit: at least one, none of them NaN or infinite.
    pub fn new(values: Vec<f64>) -> Result<Sample> {
        if values.is_empty() {
            return Err(Error::EmptySample);
        }
        match values.iter().find(|value| !value.is_finite()) {
            Some(value) => Err(Error::NotFinite(*value)),
            None => Ok(Sample(values)),
        }
    }

    /// The sample of something that did not occur.
    pub(crate) fn zero() -> Sample {
        Sample(vec![0.0])
    }

    /// The values, in the order of measuring.
    pub fn values(&self) -> &[f64] {
        &self.0
    }

    /// The middle value, or the mean of the two middle ones.
    pub fn median(&self) -> f64 {
        median_in_place(&mut self.0.clone())
    }

    /// The smallest and the largest value.
    pub fn extremes(&self) -> (f64, f64) {
        let low = self.0.iter().copied().fold(f64::INFINITY, f64::min);
        (low, self.0.iter().copied().fold(f64::NEG_INFINITY, f64::max))
    }

    /// The distance between the extremes as a share of the median; 0 if all values are equal.
    pub fn relative_range(&self) -> f64 {
        let (low, high) = self.extremes();
        if high == low { 0.0 } else { (high - low) / self.median().abs().max(f64::MIN_POSITIVE) }
    }
}

impl TryFrom<Vec<f64>> for Sample {
    type Error = Error;

    fn try_from(values: Vec<f64>) -> Result<Sample> {
        Sample::new(values)
    }
}

/// The cost of one function without the functions that it called.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FunctionCost {
    /// The demangled name; `(other)` sums the functions that are too small to list.
    pub function: String,
    /// Instructions.
    pub instructions: u64,
    /// The number of calls by the measured work.
    pub calls: u64,
    /// Instructions of library functions that it called, directly or through other library functions. Set for every
    /// function of the measured project and for no other, so that each instruction of a library belongs to one of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub library: Option<u64>,
    /// Heap blocks that library functions allocated for it, likewise; none if they allocated none, or in older runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allocations: Option<u64>,
    /// The number of calls by each function of the project. Only for functions of the project.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub callers: BTreeMap<String, u64>,
}

/// A case, a metric and a sample, with everything that must stand beside the number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    /// The case.
    pub case: CaseKey,
    /// The metric's name in [`crate::metric::METRICS`].
    pub metric: String,
    /// The values, each for one operation.
    pub sample: Sample,
    /// The number of operations behind each value. Numbers over different ones can't be compared.
    #[serde(default = "one")]
    pub operations: u64,
    /// The durability of the case's writes.
    pub durability: Durability,
    /// The strategies' counters, as far as they moved during the measurement.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub counters: BTreeMap<String, u64>,
    /// The name and the checksum of what was worked on, if the measured process says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<String>,
    /// The target whose program has the case. On instructions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Instructions by function, the dearest first, for all operations together: they sum to the sample's first value
    /// times `operations`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub functions: Vec<FunctionCost>,
}

fn one() -> u64 {
    1
}

impl Measurement {
    /// A measurement of single operations, without counters and costs by function.
    ///
    /// ```
    /// use baselines::{CaseKey, Durability, Measurement, Sample};
    ///
    /// let case = CaseKey { benchmark: "step/log".into(), variant: "store=memory".into() };
    /// let measurement = Measurement::new(case, "instructions", Sample::new(vec![12_000.0])?, Durability::Memory);
    /// assert_eq!(measurement.over(100).operations, 100);
    /// # Ok::<(), baselines::Error>(())
    /// ```
    pub fn new(case: CaseKey, metric: impl Into<String>, sample: Sample, durability: Durability) -> Measurement {
        Measurement {
            case,
            metric: metric.into(),
            sample,
            operations: 1,
            durability,
            counters: BTreeMap::new(),
            input: None,
            target: None,
            functions: vec![],
        }
    }

    /// The same, with each value taken over so many operations.
    pub fn over(self, operations: u64) -> Measurement {
        Measurement { operations, ..self }
    }

    /// The same, with these counters.
    pub fn with_counters(self, counters: BTreeMap<String, u64>) -> Measurement {
        Measurement { counters, ..self }
    }

    /// The same, with these costs by function.
    pub fn with_functions(self, functions: Vec<FunctionCost>) -> Measurement {
        Measurement { functions, ..self }
    }

    /// The metric of this measurement; an error if the name is not in the table.
    pub fn metric(&self) -> Result<&'static Metric> {
        Metric::named(&self.metric)
    }
}

/// An entry for something that was not measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// The lane, benchmark or case.
    pub what: String,
    /// The reason and the remedy.
    pub why: String,
}

/// An entry for something that was measured and can't be believed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InvalidEntry {
    /// The case or control.
    pub what: String,
    /// The reason.
    pub why: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_has_values_and_they_are_finite() {
        assert!(matches!(Sample::new(vec![]), Err(Error::EmptySample)));
        assert!(matches!(Sample::new(vec![1.0, f64::NAN]), Err(Error::NotFinite(_))));
        assert!(serde_json::from_str::<Sample>("[]").is_err());
        assert!(serde_json::from_str::<Sample>("[null]").is_err());
    }

    #[test]
    fn the_median_does_not_depend_on_order() {
        let sample = Sample::new(vec![3.0, 1.0, 2.0, 4.0]).expect("finite");
        assert_eq!(sample.median(), 2.5);
        assert_eq!(sample.relative_range(), 3.0 / 2.5);
    }
}
