//! One number and all that must stand beside it.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Error, Metric, Result};

/// A benchmark under a variant: what two runs must share to be compared.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Case {
    /// The benchmark's name in the registry, as in `retrieve/1000`.
    pub benchmark: String,
    /// The variant, all toggles written: `store=redb,durability=committed,..`.
    pub variant: String,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} [{}]", self.benchmark, self.variant)
    }
}

/// What survives after a write was acknowledged: it stands beside every storage number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Durability {
    /// A value in memory that nothing stores.
    Struct,
    /// In a store that ends with the process.
    Memory,
    /// In a buffer of the process: lost when it is killed.
    Buffered,
    /// With the operating system: survives `kill -9`, not a power cut.
    Committed,
    /// On the disk, as far as the operating system can tell.
    Fsynced,
    /// Not stated: another tool measured it, and says nothing about that.
    Unstated,
}

impl fmt::Display for Durability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Durability::Struct => "struct",
            Durability::Memory => "memory",
            Durability::Buffered => "buffered",
            Durability::Committed => "committed",
            Durability::Fsynced => "fsynced",
            Durability::Unstated => "unstated",
        })
    }
}

/// The values of one metric of one case, in the order of measuring: never empty, all finite.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Vec<f64>", into = "Vec<f64>")]
pub struct Sample(Vec<f64>);

impl Sample {
    /// A sample of these values, in the metric's unit.
    ///
    /// # Errors
    /// No values, or one that is NaN or infinite.
    pub fn new(values: Vec<f64>) -> Result<Sample> {
        if values.is_empty() {
            return Err(Error::EmptySample);
        }
        match values.iter().find(|value| !value.is_finite()) {
            Some(value) => Err(Error::NotFinite { value: *value }),
            None => Ok(Sample(values)),
        }
    }

    /// The values, in the order of measuring.
    pub fn values(&self) -> &[f64] {
        &self.0
    }

    /// The middle value; the mean of the two middle ones for an even number.
    pub fn median(&self) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        if sorted.len() % 2 == 1 { sorted[middle] } else { (sorted[middle - 1] + sorted[middle]) / 2.0 }
    }

    /// The distance between the extremes as a part of the median; 0 where all values are equal.
    pub fn relative_range(&self) -> f64 {
        let low = self.0.iter().copied().fold(f64::INFINITY, f64::min);
        let high = self.0.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        if high == low { 0.0 } else { (high - low) / self.median().abs().max(f64::MIN_POSITIVE) }
    }
}

impl TryFrom<Vec<f64>> for Sample {
    type Error = Error;

    fn try_from(values: Vec<f64>) -> Result<Sample> {
        Sample::new(values)
    }
}

impl From<Sample> for Vec<f64> {
    fn from(sample: Sample) -> Vec<f64> {
        sample.0
    }
}

/// What one function cost by itself, without the functions that it called.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FunctionCost {
    /// The demangled name; `(other)` sums what is too small to list.
    pub function: String,
    /// Instructions.
    pub instructions: u64,
    /// How often it was called, by the measured work alone.
    pub calls: u64,
    /// Instructions that libraries spent for it: functions of other rows that it called, themselves or through one another, without a function of
    /// the measured project between. Set on every function of the project, and on no other: so each instruction of a library belongs to one of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub library: Option<u64>,
    /// How often each function of the project called it. Only of functions of the project.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub callers: BTreeMap<String, u64>,
}

/// A case, a metric and a sample, and what must stand beside the number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    /// What was measured.
    pub case: Case,
    /// The metric's name in [`crate::metric::METRICS`].
    pub metric: String,
    /// The values, each for one operation.
    pub sample: Sample,
    /// How many operations a value was taken over: two numbers over different ones can't be compared.
    #[serde(default = "one")]
    pub operations: u64,
    /// What a write of this case survives.
    pub durability: Durability,
    /// What the strategies did during the measurement.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub counters: BTreeMap<String, u64>,
    /// Where the cost lies, dearest first, for all operations together: sums to the sample's first value times `operations`. Instructions only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub functions: Vec<FunctionCost>,
}

fn one() -> u64 {
    1
}

impl Measurement {
    /// The metric of this measurement.
    ///
    /// # Errors
    /// The name is not in the table.
    pub fn metric(&self) -> Result<&'static Metric> {
        Metric::find(&self.metric).ok_or_else(|| Error::UnknownMetric { name: self.metric.clone() })
    }
}

/// What was not measured, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// The lane, benchmark or case.
    pub what: String,
    /// Why, and what to type.
    pub why: String,
}

/// What was measured but can't be believed, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Distrusted {
    /// The case or control.
    pub what: String,
    /// Why.
    pub why: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_has_values_and_they_are_finite() {
        assert!(matches!(Sample::new(vec![]), Err(Error::EmptySample)));
        assert!(matches!(Sample::new(vec![1.0, f64::NAN]), Err(Error::NotFinite { .. })));
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
