//! Criterion's measurements. The stand-in measures the same for all benchmarks, also for those with a measurement of
//! the project's own, which is never called.

use std::any::type_name;
use std::time::{Duration, Instant};

use crate::configuration::Throughput;

/// Words for a value. Nothing here prints one.
pub trait ValueFormatter {
    /// The value with its unit.
    fn format_value(&self, value: f64) -> String {
        let mut values = [value];
        let unit = self.scale_values(value, &mut values);
        format!("{} {}", values[0], unit)
    }

    /// The throughput with its unit.
    fn format_throughput(&self, throughput: &Throughput, value: f64) -> String {
        let mut values = [value];
        let unit = self.scale_throughputs(value, throughput, &mut values);
        format!("{} {}", values[0], unit)
    }

    /// Scales values to a unit that suits the typical one, and returns it.
    fn scale_values(&self, typical_value: f64, values: &mut [f64]) -> &'static str;

    /// Turns values into throughputs, scaled to a unit, and returns it.
    fn scale_throughputs(&self, typical_value: f64, throughput: &Throughput, values: &mut [f64]) -> &'static str;

    /// Scales values to the unit for machines, and returns it.
    fn scale_for_machines(&self, values: &mut [f64]) -> &'static str;
}

/// A way to measure.
pub trait Measurement {
    /// What is known at the start.
    type Intermediate;
    /// What is measured.
    type Value;

    /// Begins.
    fn start(&self) -> Self::Intermediate;

    /// Ends what was begun.
    fn end(&self, intermediate: Self::Intermediate) -> Self::Value;

    /// The sum of two values.
    fn add(&self, first: &Self::Value, second: &Self::Value) -> Self::Value;

    /// Nothing.
    fn zero(&self) -> Self::Value;

    /// The value as a number.
    fn to_f64(&self, value: &Self::Value) -> f64;

    /// Words for values.
    fn formatter(&self) -> &dyn ValueFormatter;
}

/// The time that passes: criterion's default.
#[derive(Debug, Clone, Copy, Default)]
pub struct WallTime;

impl Measurement for WallTime {
    type Intermediate = Instant;
    type Value = Duration;

    fn start(&self) -> Instant {
        Instant::now()
    }

    fn end(&self, start: Instant) -> Duration {
        start.elapsed()
    }

    fn add(&self, first: &Duration, second: &Duration) -> Duration {
        *first + *second
    }

    fn zero(&self) -> Duration {
        Duration::ZERO
    }

    /// Nanoseconds.
    fn to_f64(&self, value: &Duration) -> f64 {
        value.as_nanos() as f64
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        &Nanoseconds
    }
}

/// The time that a value says, ns. Only criterion's default says one: the unit of another measurement is not known.
pub(crate) fn time_ns<M: Measurement>(measurement: &M, value: &M::Value) -> Option<u64> {
    (type_name::<M>() == type_name::<WallTime>()).then(|| measurement.to_f64(value) as u64)
}

/// Leaves times as they are, ns.
struct Nanoseconds;

impl ValueFormatter for Nanoseconds {
    fn scale_values(&self, _typical_value: f64, _values: &mut [f64]) -> &'static str {
        "ns"
    }

    fn scale_throughputs(&self, _typical_value: f64, throughput: &Throughput, values: &mut [f64]) -> &'static str {
        let (number, unit) = match *throughput {
            #[cfg(not(feature = "before_0_7"))]
            Throughput::Bits(bits) => (bits, "bits/s"),
            Throughput::Bytes(bytes) => (bytes, "B/s"),
            #[cfg(not(feature = "before_0_4"))]
            Throughput::BytesDecimal(bytes) => (bytes, "B/s"),
            Throughput::Elements(elements) => (elements, "elem/s"),
            #[cfg(not(feature = "before_0_8"))]
            Throughput::ElementsAndBytes { elements, .. } => (elements, "elem/s"),
        };
        for value in values {
            *value = number as f64 * 1e9 / *value;
        }
        unit
    }

    fn scale_for_machines(&self, _values: &mut [f64]) -> &'static str {
        "ns"
    }
}
