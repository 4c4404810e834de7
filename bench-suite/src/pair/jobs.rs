//! What is paired: the cases of both sides, and the controls whose outcome is known.

use std::path::Path;

use anyhow::{Context, Result};
use baselines::paired::{Control, Pair};

use super::layouts::Layouts;
use super::worker::Program;
use crate::cases::{self, Case};
use crate::input::Source;

/// The cases whose times a gate judges where no filter is given: every path once, and none whose setup takes longer than the measuring.
pub const GATED: [&str; 20] = [
    "lifecycle_memory",
    "lifecycle_redb_buffered",
    "episode_start_memory",
    "step_log_memory",
    "step_log_redb_buffered",
    "step_log_libsql_committed",
    "episode_complete_memory",
    "episode_get_memory",
    "episode_get_redb",
    "episode_get_libsql",
    "metadata_query_memory",
    "retrieve_100",
    "pattern_extract",
    "embedding_embed",
    "codec_encode_median_json",
    "codec_encode_median_postcard",
    "codec_decode_median_json",
    "codec_decode_median_messagepack",
    "compress_median_zstd",
    "decompress_median_lz4",
];

/// The case on which the controls run: its work is pure, and its times as steady as the machine lets them be.
const CONTROL: &str = "codec_encode_median_postcard";

/// How much more work the slower control does, in per cent.
const SLOWER_PERCENT: f64 = 5.0;

/// A pair that is to be measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// What is paired; the operations of a slice are set when they are known.
    pub pair: Pair,
    /// The base's worker.
    pub base: Program,
    /// The new side's.
    pub new: Program,
}

/// One side of a comparison.
#[derive(Debug, Clone, Copy)]
pub struct Side<'a> {
    /// What it is, for records and reports.
    pub name: &'a str,
    /// The worker's file.
    pub worker: &'a Path,
    /// Its layouts, where every round has one of its own.
    pub layouts: Option<&'a Layouts>,
    /// Toggles that are set otherwise than in the list of cases.
    pub set: &'a [String],
}

impl Side<'_> {
    fn program(&self, case: &str, source: &Source, extra_percent: f64) -> Program {
        Program {
            path: self.worker.to_owned(),
            layouts: self.layouts.cloned(),
            case: case.to_owned(),
            set: self.set.to_vec(),
            extra_percent,
            source: source.clone(),
        }
    }
}

/// A job of one case; the new side does `extra_percent` more work than it is asked for.
pub fn job(case: &Case, base: Side<'_>, new: Side<'_>, source: &Source, extra_percent: f64) -> Job {
    Job {
        pair: Pair {
            case: case.record(),
            base: base.name.to_owned(),
            metric: case.deciding_metric().to_owned(),
            operations: 0,
            noise: 0.0,
            randomized_layout: base.layouts.is_some(),
            durability: case.durability(),
            control: None,
        },
        base: base.program(case.id, source, 0.0),
        new: new.program(case.id, source, extra_percent),
    }
}

/// The controls: the new side's worker against itself, and against itself with more work.
///
/// # Errors
/// The control's case is not in the list.
pub fn controls(new: Side<'_>, source: &Source) -> Result<Vec<Job>> {
    let new = Side { set: &[], ..new };
    let case = cases::find(CONTROL, &[]).context("the controls' case")?;
    let control = |control, extra| {
        let mut job = job(&case, new, new, source, extra);
        job.pair.control = Some(control);
        job
    };
    Ok(vec![control(Control::Same, 0.0), control(Control::Slower { percent: SLOWER_PERCENT }, SLOWER_PERCENT)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_gated_is_listed_and_none_twice() {
        let mut labels: Vec<String> = GATED.iter().map(|id| cases::find(id, &[]).expect("listed").label()).collect();
        labels.sort_unstable();
        labels.dedup();
        assert_eq!(labels.len(), GATED.len());
    }

    #[test]
    fn the_slower_control_differs_in_its_work_alone() {
        let side = Side { name: "here", worker: Path::new("worker"), layouts: None, set: &[] };
        let jobs = controls(side, &Source::default()).expect("listed");
        assert_eq!(jobs[0].base, jobs[0].new, "the same on both sides");
        assert_eq!(jobs[1].base, jobs[0].base);
        assert_eq!(jobs[1].new, Program { extra_percent: SLOWER_PERCENT, ..jobs[1].base.clone() });
    }
}
