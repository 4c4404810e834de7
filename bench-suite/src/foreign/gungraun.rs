//! Gungraun's `summary.json` (`--save-summary=json`, schema v7): exact counts of one benchmark function.
//!
//! The file has no machine, no commit and no toolchain. Its counts are of a whole call of the benchmark function. Comparisons with older runs that
//! it may hold as well are gungraun's own affair.

use anyhow::{Context, Result};
use baselines::Measurement;
use serde::Deserialize;

use crate::runner::counts;

#[derive(Deserialize)]
struct Named {
    module_path: String,
    id: Option<String>,
}

/// One measurement a metric.
///
/// # Errors
/// Not a summary, or one without callgrind's events.
pub(super) fn parse(text: &[u8]) -> Result<Vec<Measurement>> {
    let Named { module_path, id } = serde_json::from_slice(text).context("not a gungraun summary of schema v7")?;
    let name = id.map_or_else(|| module_path.clone(), |id| format!("{module_path}/{id}"));
    let values = counts::parse(text)?;
    values.into_iter().map(|(metric, value)| super::measurement(super::case(&name, ""), metric, vec![value])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUMMARY: &[u8] =
        include_bytes!("../../tests/fixtures/foreign/gungraun/count.decompress_median_lz4/summary.json");

    #[test]
    fn a_summary_has_its_name_and_its_counts() {
        let measurements = parse(SUMMARY).expect("real output");
        let find = |metric: &str| measurements.iter().find(|found| found.metric == metric).expect("there");
        assert_eq!(find("instructions").case.benchmark, "counts::harness::cases_group::count/decompress_median_lz4");
        assert_eq!(find("instructions").sample.values(), [67_588.0]);
        assert_eq!(find("branches").sample.values(), [f64::from(14_956 + 401)]);
        assert_eq!(measurements.len(), 8, "six of callgrind, two of DHAT");
    }

    #[test]
    fn what_is_damaged_is_said() {
        assert!(parse(b"{}").is_err());
        assert!(parse(br#"{"module_path":"a","id":null,"profiles":[]}"#).is_err(), "no instructions");
    }
}
