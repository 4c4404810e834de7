//! The choice of charts for a report.
//!
//! A chart is drawn if it has something to show: cost by size if a benchmark has several sizes, a comparison if
//! strategies differ.

use std::collections::{BTreeMap, BTreeSet};

use baselines::compare::Verdict;
use baselines::{CaseKey, Lane, Measurement, Metric, Run, Unit};

use crate::chart::{self, Across, Change, Group, Line};
use crate::names::{Names, capitalised, family, printable, toggles};
use crate::palette::{self, SERIES};
use crate::ranking::rank;
use crate::{Report, Result};

/// A chart with its title and caption.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaptionedChart {
    /// The title.
    pub title: String,
    /// An explanation of how to read it.
    pub caption: String,
    /// The picture.
    pub svg: String,
    /// It needs the whole width of a page.
    pub wide: bool,
}

/// The metrics of cost charts: the first one that the run has is shown. Counts come first because they are exact.
const COSTS: [&str; 3] = ["instructions", "cpu_time", "wall_time"];
/// The most bars of a change chart.
const CHANGES: usize = 40;
/// The most rows of a bar chart. The tables have all of them.
const ROWS: usize = 48;

/// All charts of a report's run, in the order of reading.
pub fn figures(report: &Report) -> Result<Vec<CaptionedChart>> {
    let run = &report.run;
    let names = Names::of(run.measurements.iter().map(|measurement| &measurement.case));
    let mut figures = scaling(run, &names)?;
    figures.extend(percentiles(run, &names)?);
    figures.extend(encodings(run)?);
    figures.extend(costs(run, &names)?);
    // Narrow ones stand in pairs: a wide one among them would tear a pair apart.
    figures.sort_by_key(|figure| figure.wide);
    Ok(figures)
}

/// The changes of a comparison, the largest first; none if nothing changed.
pub fn changes(report: &Report) -> Result<Option<CaptionedChart>> {
    let Some(judgement) = &report.judgement else { return Ok(None) };
    let names = Names::of(judgement.comparison.deltas.iter().map(|delta| &delta.case));
    let ranking = rank(&judgement.comparison);
    let mut moved: Vec<_> = (ranking.told.iter().chain(&ranking.equal))
        .filter_map(|delta| Some((*delta, delta.relative.filter(|relative| *relative != 0.0)?)))
        .collect();
    let total = moved.len();
    moved.sort_by(|a, b| {
        (a.0.verdict == Verdict::Equal).cmp(&(b.0.verdict == Verdict::Equal)).then(b.1.abs().total_cmp(&a.1.abs()))
    });
    moved.truncate(CHANGES);
    moved.sort_by(|a, b| b.1.total_cmp(&a.1));
    if moved.is_empty() {
        return Ok(None);
    }
    let bars: Vec<_> = moved
        .iter()
        .map(|(delta, relative)| Change {
            label: format!("{} \u{b7} {}", names.case(&delta.case), printable(&delta.metric)),
            relative: *relative,
            interval: delta.interval,
            claimed: None,
            ink: palette::verdict(delta.verdict),
        })
        .collect();
    let left_out =
        if total > bars.len() { format!(" The {} of {total} that matter most.", bars.len()) } else { String::new() };
    Ok(Some(CaptionedChart {
        title: "Change by benchmark".to_owned(),
        caption: format!(
            "Red is worse than allowed, blue better, amber not decided, grey inside the limits. The scale is logarithmic beyond 0.1%.{left_out}"
        ),
        svg: chart::changes(&bars)?,
        wide: true,
    }))
}

/// Every measurement of the first cost metric that the run has.
fn cost(run: &Run) -> Option<(&'static Metric, Vec<&Measurement>)> {
    COSTS.into_iter().find_map(|name| {
        let found: Vec<_> = run.measurements.iter().filter(|measurement| measurement.metric == name).collect();
        if found.is_empty() { None } else { Some((Metric::find(name)?, found)) }
    })
}

/// Cost by benchmark, a chart for each family, all on one scale. Cases in the chart of codecs and compressors are left
/// to it.
fn costs(run: &Run, names: &Names) -> Result<Vec<CaptionedChart>> {
    let Some((metric, mut measurements)) = cost(run) else { return Ok(vec![]) };
    let elsewhere = encoding_rows(run, metric);
    measurements.retain(|measurement| {
        let Some((_, _, rest)) = encoding(&measurement.case) else { return true };
        !elsewhere.iter().any(|row| row.benchmark == measurement.case.benchmark && row.rest == rest)
    });
    let range = range(measurements.iter().map(|measurement| measurement.sample.median()));
    let mut families: BTreeMap<&str, Vec<Group>> = BTreeMap::new();
    for measurement in measurements {
        families.entry(family(&measurement.case.benchmark)).or_default().push(Group {
            label: names.within_family(&measurement.case),
            values: vec![Some(measurement.sample.median())],
        });
    }
    let figure = |(family, mut groups): (&str, Vec<Group>)| {
        let left_out = truncate(&mut groups, ROWS, "");
        let caption = format!("{}, on one logarithmic scale for all benchmarks.{left_out}", about(metric));
        Ok(CaptionedChart {
            title: format!("{}: {}", printable(family), spoken(metric)),
            caption: with_shared(&caption, &names.shared(family)),
            wide: is_wide(groups.iter().map(|group| group.label.as_str())),
            svg: chart::bars(&groups, &[String::new()], metric.unit, range)?,
        })
    };
    families.into_iter().map(figure).collect()
}

/// The cost of one variant by size.
struct Sizes<'a> {
    case: &'a CaseKey,
    points: Vec<(f64, f64)>,
}

/// Cost against size, for benchmarks whose names end in a number: `retrieve/100`, `retrieve/1000`.
fn scaling(run: &Run, names: &Names) -> Result<Vec<CaptionedChart>> {
    let Some((metric, measurements)) = cost(run) else { return Ok(vec![]) };
    // By stem, as in `retrieve`, and then by variant.
    let mut stems: BTreeMap<&str, BTreeMap<&str, Sizes<'_>>> = BTreeMap::new();
    for measurement in measurements {
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
        let sizes = variants.into_values().filter(|sizes| sizes.points.len() > 1).take(SERIES.len());
        let mut lines: Vec<_> = sizes
            .map(|Sizes { case, mut points }| {
                points.sort_by(|a, b| a.0.total_cmp(&b.0));
                Line { label: names.variant(case), points }
            })
            .collect();
        if let [alone] = &mut lines[..] {
            alone.label.clear();
        }
        if lines.is_empty() {
            continue;
        }
        figures.push(CaptionedChart {
            title: format!("{}: {} by size", printable(stem), spoken(metric)),
            caption: with_shared(
                &format!("{} Dashed: the slope of growing in proportion to the size.", growth(&lines)),
                &names.shared(family(stem)),
            ),
            wide: false,
            svg: chart::lines(&lines, &Across::Size("size".to_owned()), metric.unit)?,
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
    let Some((size, _)) = spans.first() else { return String::new() };
    let low = spans.iter().map(|span| span.1).fold(f64::INFINITY, f64::min);
    let high = spans.iter().map(|span| span.1).fold(0.0, f64::max);
    let times = |value: f64| if value < 10.0 { format!("{value:.2}") } else { format!("{value:.0}") };
    let (low, high) = (times(low), times(high));
    let range = if low == high { low } else { format!("{low} to {high}") };
    format!("{size:.0} times the size costs {range} times as much.")
}

/// Codecs and compressors side by side, for benchmarks measured under several of them with everything else equal.
fn encodings(run: &Run) -> Result<Vec<CaptionedChart>> {
    let cost = cost(run).map(|(metric, _)| metric);
    let mut figures = Vec::new();
    for metric in cost.into_iter().chain(Metric::find("stored_bytes")) {
        let rows = encoding_rows(run, metric);
        // `none` first, then by name.
        let compressions: BTreeSet<(bool, &String)> = (rows.iter().flat_map(|row| row.values.keys()))
            .map(|(_, compression)| (compression != "none", compression))
            .collect();
        let compressions: Vec<&String> = compressions.into_iter().map(|(_, compression)| compression).collect();
        let benchmarks: BTreeSet<&str> = rows.iter().map(|row| row.benchmark).collect();
        let mut groups = Vec::new();
        for row in &rows {
            // Several rows of one benchmark differ in another toggle.
            let rest = if benchmarks.len() < rows.len() { format!(" [{}]", row.rest) } else { String::new() };
            let codecs: BTreeSet<&String> = row.values.keys().map(|(codec, _)| codec).collect();
            for codec in codecs {
                let value = |compression: &&String| row.values.get(&(codec.clone(), (*compression).clone())).copied();
                groups.push(Group {
                    label: printable(&format!("{}{rest} \u{b7} {codec}", row.benchmark)),
                    values: compressions.iter().map(value).collect(),
                });
            }
        }
        if groups.is_empty() {
            continue;
        }
        let left_out = truncate(&mut groups, ROWS, "");
        let series: Vec<String> = compressions.iter().map(|compression| printable(compression)).collect();
        let range = range(groups.iter().flat_map(|group| group.values.iter().flatten().copied()));
        figures.push(CaptionedChart {
            title: format!("Codecs and compressors: {}", spoken(metric)),
            caption: format!("{}, on a logarithmic scale. A row a codec, a bar a compressor.{left_out}", about(metric)),
            wide: is_wide(groups.iter().map(|group| group.label.as_str())),
            svg: chart::bars(&groups, &series, metric.unit, range)?,
        });
    }
    Ok(figures)
}

/// A benchmark under several encodings, everything else equal.
struct EncodingRow<'a> {
    benchmark: &'a str,
    /// All other toggles.
    rest: String,
    /// The median by codec and compressor.
    values: BTreeMap<(String, String), f64>,
}

fn encoding_rows<'a>(run: &'a Run, metric: &Metric) -> Vec<EncodingRow<'a>> {
    let mut rows: Vec<EncodingRow<'a>> = Vec::new();
    for measurement in run.measurements.iter().filter(|measurement| measurement.metric == metric.name) {
        let Some((codec, compression, rest)) = encoding(&measurement.case) else { continue };
        let (benchmark, value) = (measurement.case.benchmark.as_str(), measurement.sample.median());
        match rows.iter_mut().find(|row| row.benchmark == benchmark && row.rest == rest) {
            Some(row) => _ = row.values.insert((codec, compression), value),
            None => rows.push(EncodingRow { benchmark, rest, values: BTreeMap::from([((codec, compression), value)]) }),
        }
    }
    rows.retain(|row| row.values.len() > 1);
    rows
}

/// The codec, the compressor and all other toggles of a case that names both.
fn encoding(case: &CaseKey) -> Option<(String, String, String)> {
    let mut rest = toggles(&case.variant);
    let mut take = |name: &str| {
        let place = rest.iter().position(|(toggle, _)| *toggle == name)?;
        Some(rest.remove(place).1.to_owned())
    };
    let (codec, compression) = (take("codec")?, take("compression")?);
    let rest: Vec<_> = rest.into_iter().map(|(toggle, strategy)| format!("{toggle}={strategy}")).collect();
    Some((codec, compression, rest.join(", ")))
}

/// Response times of the load lane by percentile.
fn percentiles(run: &Run, names: &Names) -> Result<Option<CaptionedChart>> {
    const STEPS: [(&str, &str); 5] = [
        ("response_p50", "p50"),
        ("response_p90", "p90"),
        ("response_p95", "p95"),
        ("response_p99", "p99"),
        ("response_p999", "p99.9"),
    ];
    let mut lines: BTreeMap<&CaseKey, Vec<(f64, f64)>> = BTreeMap::new();
    for (step, (name, _)) in STEPS.iter().enumerate() {
        for measurement in run.measurements.iter().filter(|measurement| measurement.metric == *name) {
            let value = measurement.sample.median();
            if value > 0.0 {
                lines.entry(&measurement.case).or_default().push((step as f64, value));
            }
        }
    }
    lines.retain(|_, points| points.len() > 1);
    let alone = lines.len() == 1;
    let one_benchmark = lines.keys().map(|case| &case.benchmark).collect::<BTreeSet<_>>().len() == 1;
    let label = |case: &CaseKey| match (alone, one_benchmark) {
        (true, _) => String::new(),
        (false, true) => names.variant(case),
        (false, false) => names.case(case),
    };
    let mut lines: Vec<_> = lines.into_iter().map(|(case, points)| Line { label: label(case), points }).collect();
    if lines.is_empty() {
        return Ok(None);
    }
    let left_out = truncate(&mut lines, SERIES.len(), " cases");
    let names = STEPS.iter().map(|(_, name)| (*name).to_owned()).collect();
    Ok(Some(CaptionedChart {
        title: "Response times under load".to_owned(),
        caption: format!(
            "From the intended start of a request, so that waiting counts; logarithmic. Shown, not judged.{left_out}"
        ),
        wide: false,
        svg: chart::lines(&lines, &Across::Steps(names), Unit::Nanoseconds)?,
    }))
}

/// Keeps as many items as a chart has room for, and returns a sentence about the others.
fn truncate<T>(items: &mut Vec<T>, room: usize, noun: &str) -> String {
    let all = items.len();
    items.truncate(room);
    if all > room { format!(" The first {room} of {all}{noun}.") } else { String::new() }
}

fn range(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.fold((f64::INFINITY, 0.0), |(low, high), value| {
        (if value > 0.0 { low.min(value) } else { low }, high.max(value))
    })
}

fn is_wide<'a>(labels: impl IntoIterator<Item = &'a str>) -> bool {
    chart::width_px(labels) == chart::WIDE_PX
}

/// A metric's name in running text.
pub fn spoken(metric: &Metric) -> String {
    metric.name.replace('_', " ")
}

/// The metric's explanation as the beginning of a sentence.
fn about(metric: &Metric) -> String {
    let about = capitalised(metric.about);
    if metric.lane == Lane::Time { format!("{about}, median") } else { about }
}

fn with_shared(caption: &str, shared: &str) -> String {
    if shared.is_empty() { caption.to_owned() } else { format!("{caption} {shared}") }
}
