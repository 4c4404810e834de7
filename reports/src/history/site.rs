//! The files of a history's site: plain pages with relative links, fit for a static host such as GitHub Pages.

use std::collections::BTreeMap;
use std::path::Path;

use baselines::CaseKey;
use baselines::history::changes::ChangedSeries;

use super::benchmark::Benchmark;
use super::{HistoryReport, page};
use crate::Result;

/// Writes the site into a folder: an index, one page per benchmark, and the mark by which GitHub Pages takes files as
/// they are. Equal histories give equal files. Returns the number of pages.
pub fn site(reports: &[HistoryReport], folder: &Path) -> Result<usize> {
    let mut by_case: BTreeMap<(&str, &CaseKey), Vec<&ChangedSeries>> = BTreeMap::new();
    for report in reports {
        for one in &report.series {
            by_case.entry((&report.environment, &one.series.case)).or_default().push(one);
        }
    }
    let benchmark =
        |((environment, case), series)| Benchmark { environment, case, file: file(environment, case), series };
    let benchmarks: Vec<Benchmark<'_>> = by_case.into_iter().map(benchmark).collect();
    let write = |name: &str, text: &str| baselines::atomic::write(&folder.join(name), text.as_bytes());
    for one in &benchmarks {
        write(&one.file, &page::benchmark(one))?;
    }
    write(".nojekyll", "")?;
    write("index.html", &page::index(reports, &benchmarks))?;
    Ok(benchmarks.len() + 1)
}

/// A file name that no other benchmark has, and that stays: the name as far as a file can have it, and a hash of all.
fn file(environment: &str, case: &CaseKey) -> String {
    let plain: String =
        case.benchmark.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).take(60).collect();
    format!("{plain}-{:08x}.html", hash(&format!("{environment}|{}|{}", case.benchmark, case.variant)))
}

/// FNV-1a, 32 bits.
fn hash(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}
