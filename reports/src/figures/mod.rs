//! The choice of charts for a report.
//!
//! A chart answers one question, and is drawn where it can: changes if something moved, variants if a benchmark has
//! several, growth if it has several sizes. A chart of one value would be a sentence.

mod each_toggle;
mod lines;

use baselines::delta::{Delta, Verdict};
use baselines::{Lane, Measurement, Metric};

use crate::charts::dots::{DotAxis, DotPlot, DotRow};
use crate::charts::heat::{self, HeatTable};
use crate::charts::palette::{self, Ink, SERIES};
use crate::costs::cost;
use crate::names::{Names, anchor, capitalised, printable, spoken};
use crate::numbers::percent;
use crate::ranking::rank;
use crate::toggles;
use crate::{Report, Result};

/// A chart with its title and caption.
#[derive(Debug, Clone, PartialEq)]
pub struct CaptionedChart<'a> {
    /// Its place in the page.
    pub id: String,
    /// The title.
    pub title: String,
    /// An explanation of how to read it.
    pub caption: String,
    /// What it shows in words, a sentence each.
    pub notes: Vec<String>,
    /// The picture.
    pub drawing: Drawing<'a>,
}

/// A picture, with its numbers.
#[derive(Debug, Clone, PartialEq)]
pub enum Drawing<'a> {
    /// A dot and a number in each row.
    Dots(DotPlot),
    /// Variants by benchmark, coloured by their ratio.
    Heat(HeatTable<'a>),
    /// Lines as SVG, and the table of their points.
    Lines {
        /// The picture.
        svg: String,
        /// The names of the columns of points.
        columns: Vec<String>,
        /// A row for each line: its colour, its name, its points.
        rows: Vec<(Ink, String, Vec<String>)>,
    },
}

/// The most rows of a dot plot. The tables have all of them.
const ROWS: usize = 40;

/// How tables of variants are read, to be said once above them.
pub const OF_VARIANTS: &str =
    "In the tables of variants, blue is less than the naive variant on the same store, red more.";

/// All charts of a report's run, in the order of reading.
pub fn figures(report: &Report) -> Result<Vec<CaptionedChart<'_>>> {
    let run = &report.run;
    let names = Names::of(run.measurements.iter().map(|measurement| &measurement.case));
    let mut figures: Vec<CaptionedChart<'_>> = lines::percentiles(run)?.into_iter().collect();
    figures.extend(lines::scaling(run, &names)?);
    let effects = toggles::of(report);
    figures.extend(effects.iter().flat_map(each_toggle::figures).collect::<Vec<_>>());
    // The variants that show a toggle's effect would fill a table by themselves, and say less.
    if effects.is_empty() {
        figures.extend(variants(report, &names));
    }
    figures.extend(dearest(report, &names));
    Ok(figures)
}

/// Counts that moved, and times with their intervals: two questions, two charts.
pub fn changes(report: &Report) -> Vec<CaptionedChart<'static>> {
    let Some(judgement) = &report.judgement else { return vec![] };
    let names = Names::of(judgement.comparison.deltas.iter().map(|delta| &delta.case));
    let ranking = rank(&judgement.comparison);
    let known = || ranking.told.iter().chain(&ranking.equal).copied().filter(|delta| delta.relative.is_some());
    let counts = known().filter(|delta| delta.interval.is_none() && delta.verdict != Verdict::Equal);
    // Most operations never wait, and then there is nothing to see.
    let times = known().filter(|delta| delta.interval.is_some_and(|ends| ends != [0.0; 2]));
    let counts =
        plot("chart-counts", "Counts that moved", "Exact: each dot is the whole change.", counts.collect(), &names);
    let times = plot(
        "chart-times",
        "Times of both sides, measured in turn",
        "A dot is the estimate of the change, its line the 99% interval. A line across 0 is no change that was shown.",
        times.collect(),
        &names,
    );
    counts.into_iter().chain(times).collect()
}

/// A plot of changes, the largest first; none of a single one.
fn plot(id: &str, title: &str, about: &str, mut deltas: Vec<&Delta>, names: &Names) -> Option<CaptionedChart<'static>> {
    if deltas.len() < 2 {
        return None;
    }
    let size = |delta: &Delta| delta.relative.unwrap_or(0.0);
    let is_equal = |delta: &Delta| delta.verdict == Verdict::Equal;
    deltas.sort_by(|a, b| is_equal(a).cmp(&is_equal(b)).then(size(b).abs().total_cmp(&size(a).abs())));
    let left_out = truncate(&mut deltas, ROWS);
    deltas.sort_by(|a, b| size(b).total_cmp(&size(a)));
    let several = deltas.iter().any(|delta| delta.metric != deltas[0].metric);
    let row = |delta: &&Delta| DotRow {
        label: match several {
            true => format!("{} \u{b7} {}", names.case(&delta.case), spoken(&delta.metric)),
            false => names.case(&delta.case),
        },
        link: (!is_equal(delta)).then(|| anchor("change", &delta.case, &delta.metric)),
        at: size(delta),
        interval: delta.interval,
        mark: None,
        shown: match delta.interval {
            Some([low, high]) => format!("{} [{}, {}]", percent(size(delta)), percent(low), percent(high)),
            None => percent(size(delta)),
        },
        ink: palette::verdict(delta.verdict),
    };
    let of = if several { String::new() } else { format!(": {}", spoken(&deltas[0].metric)) };
    Some(CaptionedChart {
        id: id.to_owned(),
        title: format!("{title}{of}"),
        caption: format!(
            "{about} Red is worse than allowed, blue better, amber not decided, grey within the limits.{left_out}"
        ),
        notes: vec![],
        drawing: Drawing::Dots(DotPlot { axis: DotAxis::Change, rows: deltas.iter().map(row).collect() }),
    })
}

/// A table for each family with several variants: their cost, and what they store.
fn variants<'a>(report: &'a Report, names: &Names) -> Vec<CaptionedChart<'a>> {
    let metrics = cost(&report.run).into_iter().chain(Metric::find("stored_bytes"));
    let tables = metrics.flat_map(|metric| heat::tables(report, metric, names));
    let chart = |table: HeatTable<'a>| CaptionedChart {
        id: format!("variants-{}-{}", printable(table.family), table.metric.name),
        title: format!("{}: {} by variant", printable(table.family), spoken(table.metric.name)),
        caption: String::new(),
        notes: vec![],
        drawing: Drawing::Heat(table),
    };
    tables.map(chart).collect()
}

/// What each benchmark costs, the dearest first, each on its first variant.
fn dearest(report: &Report, names: &Names) -> Option<CaptionedChart<'static>> {
    let run = &report.run;
    let metric = cost(run)?;
    let naive = heat::naive(report, metric);
    let mut found: Vec<&Measurement> = (run.measurements.iter())
        .filter(|measurement| measurement.metric == metric.name && naive.contains(&&measurement.case))
        .collect();
    if found.len() < 3 {
        return None;
    }
    let variants =
        run.measurements.iter().filter(|measurement| measurement.metric == metric.name).count() > found.len();
    found.sort_by(|a, b| b.sample.median().total_cmp(&a.sample.median()));
    let left_out = truncate(&mut found, ROWS);
    let row = |measurement: &&Measurement| {
        let (low, high) = measurement.sample.extremes();
        DotRow {
            label: names.case(&measurement.case),
            link: Some(anchor(metric.lane.name(), &measurement.case, "")),
            at: measurement.sample.median(),
            interval: (high > low).then_some([low, high]),
            mark: None,
            shown: metric.show(measurement.sample.median()),
            ink: SERIES[0],
        }
    };
    let of_which = if variants { " Of each benchmark, the naive variant on each store." } else { "" };
    let line = if found.iter().any(|found| found.sample.relative_range() > 0.0) {
        " A line reaches from the least to the most."
    } else {
        ""
    };
    Some(CaptionedChart {
        id: "chart-cost".to_owned(),
        title: format!("Which benchmarks cost most: {}", spoken(metric.name)),
        caption: format!("{}, on a logarithmic scale.{line}{of_which}{left_out}", about(metric)),
        notes: vec![],
        drawing: Drawing::Dots(DotPlot { axis: DotAxis::Cost(metric.unit), rows: found.iter().map(row).collect() }),
    })
}

/// Keeps as many items as a chart has room for, and returns a sentence about the others.
fn truncate<T>(items: &mut Vec<T>, room: usize) -> String {
    let all = items.len();
    items.truncate(room);
    if all > room { format!(" The first {room} of {all}.") } else { String::new() }
}

/// The metric's explanation as the beginning of a sentence.
fn about(metric: &Metric) -> String {
    let about = capitalised(metric.about);
    if metric.lane == Lane::Time { format!("{about}, median") } else { about }
}
