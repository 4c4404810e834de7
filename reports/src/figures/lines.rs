//! Charts of lines: cost by size, and response times by percentile.

use std::collections::{BTreeMap, BTreeSet};

use baselines::{CaseKey, Run, Unit};

use super::{CaptionedChart, Drawing, truncate};
use crate::Result;
use crate::charts::lines::{self, Across, Line, series_ink};
use crate::charts::palette::{Ink, SERIES};
use crate::costs::cost;
use crate::names::{Names, printable, spoken};
use crate::numbers::exact;

/// The cost of one variant by size.
struct Sizes<'a> {
    case: &'a CaseKey,
    points: Vec<(f64, f64)>,
}

/// Cost against size, for benchmarks whose names end in a number: `retrieve/100`, `retrieve/1000`. Two points of one
/// line are a sentence and no chart.
pub(super) fn scaling(run: &Run, names: &Names) -> Result<Vec<CaptionedChart<'static>>> {
    let Some(metric) = cost(run) else { return Ok(vec![]) };
    // By stem, as in `retrieve`, and then by variant.
    let mut stems: BTreeMap<&str, BTreeMap<&str, Sizes<'_>>> = BTreeMap::new();
    for measurement in run.measurements.iter().filter(|measurement| measurement.metric == metric.name) {
        let case = &measurement.case;
        let Some((stem, size)) = case.benchmark.rsplit_once('/') else { continue };
        let Some(size) = size.parse::<u32>().ok().filter(|size| *size > 0) else { continue };
        let value = measurement.sample.median();
        if value > 0.0 {
            let sizes = stems.entry(stem).or_default().entry(&case.variant);
            sizes.or_insert_with(|| Sizes { case, points: vec![] }).points.push((f64::from(size), value));
        }
    }
    let mut figures = Vec::new();
    for (stem, variants) in stems {
        let mut sizes: Vec<_> = variants.into_values().filter(|sizes| sizes.points.len() > 1).collect();
        let left_out = truncate(&mut sizes, SERIES.len());
        let lines: Vec<_> = (sizes.into_iter())
            .map(|Sizes { case, mut points }| {
                points.sort_by(|a, b| a.0.total_cmp(&b.0));
                let variant = names.variant(case);
                Line { label: if variant.is_empty() { printable(stem) } else { variant }, points }
            })
            .collect();
        if lines.iter().map(|line| line.points.len()).sum::<usize>() < 3 {
            continue;
        }
        let across: BTreeSet<u64> = lines.iter().flat_map(|line| &line.points).map(|point| point.0 as u64).collect();
        let at = |line: &Line, size: u64| {
            let point = line.points.iter().find(|point| point.0 as u64 == size);
            point.map_or_else(String::new, |point| metric.show(point.1))
        };
        let svg = lines::lines(&lines, &Across::Size("size".to_owned()), metric.unit)?;
        figures.push(CaptionedChart {
            id: format!("chart-sizes-{}", printable(stem)),
            title: format!("{}: {} by size", printable(stem), spoken(metric.name)),
            caption: format!(
                "{} Dashed: in proportion to the size. Both scales are logarithmic.{left_out}",
                growth(&lines)
            ),
            notes: vec![],
            drawing: Drawing::Lines {
                svg,
                columns: across.iter().map(|size| exact(*size as f64)).collect(),
                rows: table(&lines, |line| across.iter().map(|size| at(line, *size)).collect()),
            },
        });
    }
    Ok(figures)
}

/// `100 times the size costs 83 times as much.`
fn growth(lines: &[Line]) -> String {
    let span = |line: &Line| {
        let ((first, cheap), (last, dear)) = (line.points.first()?, line.points.last()?);
        Some((last / first, dear / cheap))
    };
    let spans: Vec<_> = lines.iter().filter_map(span).collect();
    // Of the lines that reach as far as the longest: the costs of the others are of another factor.
    let Some(size) = spans.iter().map(|span| span.0).reduce(f64::max) else { return String::new() };
    let costs = || spans.iter().filter(move |span| span.0 == size).map(|span| span.1);
    let (low, high) = (costs().fold(f64::INFINITY, f64::min), costs().fold(0.0, f64::max));
    let times = |value: f64| if value < 10.0 { format!("{value:.2}") } else { format!("{value:.0}") };
    let (low, high) = (times(low), times(high));
    let range = if low == high { low } else { format!("{low} to {high}") };
    let size = format!("{size:.2}");
    let size = size.trim_end_matches('0').trim_end_matches('.');
    format!("{size} times the size costs {range} times as much.")
}

/// Response times of the load lane by percentile, further apart the rarer they are.
pub(super) fn percentiles(run: &Run) -> Result<Option<CaptionedChart<'static>>> {
    const STEPS: [(&str, &str); 5] = [
        ("response_p50", "p50"),
        ("response_p90", "p90"),
        ("response_p95", "p95"),
        ("response_p99", "p99"),
        ("response_p999", "p99.9"),
    ];
    let mut found: BTreeMap<&CaseKey, Vec<(f64, f64)>> = BTreeMap::new();
    for (step, (name, _)) in STEPS.iter().enumerate() {
        for measurement in run.measurements.iter().filter(|measurement| measurement.metric == *name) {
            let value = measurement.sample.median();
            if value > 0.0 {
                found.entry(&measurement.case).or_default().push((step as f64, value));
            }
        }
    }
    found.retain(|_, points| points.len() > 1);
    if found.is_empty() {
        return Ok(None);
    }
    let left_out = match found.len().checked_sub(SERIES.len()) {
        Some(left) if left > 0 => format!(" The first {} of {} cases.", SERIES.len(), found.len()),
        _ => String::new(),
    };
    // Only these are told apart, so that what all of them share is not repeated.
    let names = Names::of(found.keys().copied());
    // Of one benchmark, the variant is name enough.
    let alone = found.len() > 1 && found.keys().map(|case| &case.benchmark).collect::<BTreeSet<_>>().len() == 1;
    let throughput: BTreeMap<_, _> = (run.measurements.iter())
        .filter(|measurement| measurement.metric == "throughput")
        .map(|measurement| (&measurement.case, Unit::PerSecond.show(measurement.sample.median())))
        .collect();
    let rates: Vec<String> = found.keys().map(|case| throughput.get(case).cloned().unwrap_or_default()).collect();
    let lines: Vec<_> = (found.into_iter().take(SERIES.len()))
        .map(|(case, points)| Line { label: if alone { names.variant(case) } else { names.case(case) }, points })
        .collect();
    let svg = lines::lines(
        &lines,
        &Across::Steps(STEPS.iter().map(|(_, name)| (*name).to_owned()).collect()),
        Unit::Nanoseconds,
    )?;
    let mut rows = table(&lines, |line| {
        let at = |step: usize| line.points.iter().find(|point| point.0 == step as f64);
        (0..STEPS.len())
            .map(|step| at(step).map_or_else(String::new, |point| Unit::Nanoseconds.show(point.1)))
            .collect()
    });
    rows.iter_mut().zip(rates).for_each(|((_, _, points), rate)| points.insert(0, rate));
    Ok(Some(CaptionedChart {
        id: "chart-latency".to_owned(),
        title: "Response times under load, by percentile".to_owned(),
        caption: format!(
            "From the intended start of a request, so that waiting counts. The scale is logarithmic. Shown, not judged.{left_out}"
        ),
        notes: vec![],
        drawing: Drawing::Lines {
            svg,
            columns: ["rate"].into_iter().chain(STEPS.iter().map(|(_, name)| *name)).map(str::to_owned).collect(),
            rows,
        },
    }))
}

fn table(lines: &[Line], points: impl Fn(&Line) -> Vec<String>) -> Vec<(Ink, String, Vec<String>)> {
    lines.iter().enumerate().map(|(place, line)| (series_ink(place), line.label.clone(), points(line))).collect()
}
