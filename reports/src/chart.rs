//! Charts as SVG: the only file that names plotters. It knows shapes, scales and colours, and nothing of benchmarks.
//!
//! The same data gives the same picture, byte for byte. The reader's browser chooses the font, so the room for labels
//! is estimated.

use baselines::Unit;
use plotters::coord::Shift;
use plotters::coord::combinators::{BindKeyPoints, IntoLogRange};
use plotters::coord::ranged1d::{Ranged, ValueFormatter};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::palette::{AXIS, GRID, Ink, MUTED, REFERENCE, SERIES, TEXT};
use crate::scale::{bar_range, distinct, log_ticks, padded, spread_out, step, tick, tick_percent};
use crate::{Error, Result};

/// A row of a bar chart: a bar for each series.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    pub label: String,
    /// In the order of the series.
    pub values: Vec<Option<f64>>,
}

/// A line of a line chart.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// The label of the line; empty if it is the only one.
    pub label: String,
    /// `x` and `y`, by ascending `x`.
    pub points: Vec<(f64, f64)>,
}

/// The meaning of `x` in a line chart.
#[derive(Debug, Clone, PartialEq)]
pub enum Across {
    /// A size on a logarithmic scale, with its name.
    Size(String),
    /// The steps 0, 1, 2.., each with its name.
    Steps(Vec<String>),
}

/// A bar of a change chart.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    pub label: String,
    /// The change as a share of the base.
    pub relative: f64,
    /// The interval of `relative`.
    pub interval: Option<[f64; 2]>,
    pub claimed: Option<f64>,
    pub ink: Ink,
}

/// Charts this wide stand two in a row on a page.
pub const NARROW_PX: u32 = 540;
/// Charts this wide have the row to themselves.
pub const WIDE_PX: u32 = 1100;

const BAR_PX: i32 = 14;
const GAP_PX: i32 = 10;
/// The factor by which the scale begins below the lowest line, to leave room for the guide.
const GUIDE: f64 = 3.0;
const ROW_PX: i32 = 18;
/// Labels up to this wide stand beside their lines.
const SIDE_LABEL_PX: i32 = 150;
const FONT_PX: f64 = 12.0;
/// The average advance of a sans-serif letter at [`FONT_PX`].
const LETTER_PX: f64 = 7.2;

/// The width that leaves room for these labels.
pub fn width_px<'a>(labels: impl IntoIterator<Item = &'a str>) -> u32 {
    if longest(labels) <= 30 { NARROW_PX } else { WIDE_PX }
}

/// Horizontal bars on a logarithmic scale, each with its value. The scale covers `range`, so that several charts can
/// share one.
pub fn bars(groups: &[Group], series: &[String], unit: Unit, range: (f64, f64)) -> Result<String> {
    let (low, high) = bar_range(range, step(unit));
    let width = width_px(groups.iter().map(|group| group.label.as_str()));
    let labels = label_area(groups.iter().map(|group| group.label.as_str()), width);
    let many = series.len() > 1;
    let bar = if many { BAR_PX - 2 } else { BAR_PX };
    let row = bar * i32::try_from(series.len().max(1)).unwrap_or(1) + GAP_PX;
    let rows = i32::try_from(groups.len()).unwrap_or(i32::MAX / 64) * row;
    let top = if many { 28 } else { 4 };
    picture((width, (rows + top + 34) as u32), |root| {
        if many {
            legend(root, series, labels)?;
        }
        let y = f64::from(rows)..0.0;
        let ticks = log_ticks(low, high, step(unit), 6);
        let mut chart = ChartBuilder::on(root)
            .margin_top(top)
            .margin_right(76)
            .y_label_area_size(labels)
            .x_label_area_size(26)
            .build_cartesian_2d((low..high).log_scale().with_key_points(ticks), y)?;
        chart
            .configure_mesh()
            .disable_y_mesh()
            .disable_y_axis()
            .axis_style(GRID.rgb())
            .bold_line_style(GRID.rgb())
            .light_line_style(TRANSPARENT)
            .label_style(font(FONT_PX - 1.0, MUTED))
            .x_label_formatter(&|value| tick(unit, *value))
            .draw()?;
        for (place, group) in groups.iter().enumerate() {
            let start = f64::from(i32::try_from(place).unwrap_or(0) * row) + f64::from(GAP_PX) / 2.0;
            let middle = start + f64::from(row - GAP_PX) / 2.0;
            label(root, chart.backend_coord(&(low, middle)), Side::Before, &fitted(&group.label, labels), TEXT)?;
            for (index, value) in group.values.iter().enumerate() {
                let Some(value) = *value else { continue };
                let from = start + f64::from(bar) * index as f64;
                let to = from + f64::from(bar) - 2.0;
                let end = value.clamp(low, high);
                chart.draw_series([Rectangle::new([(low, from), (end, to)], series_ink(index).rgb().filled())])?;
                let at = chart.backend_coord(&(end, (from + to) / 2.0));
                label(root, at, Side::After, &unit.show(value), MUTED)?;
            }
        }
        let base = [(low, 0.0), (low, f64::from(rows))];
        chart.draw_series([PathElement::new(base, AXIS.rgb())])?;
        Ok(())
    })
}

/// Lines with points, `y` on a logarithmic scale, each with its label at its end. With sizes across, a dashed line
/// shows growth in proportion to the size.
pub fn lines(lines: &[Line], across: &Across, unit: Unit) -> Result<String> {
    let ys = || lines.iter().flat_map(|line| &line.points).map(|point| point.1);
    let (least, high) = padded(ys().filter(|y| *y > 0.0).fold(f64::INFINITY, f64::min), ys().fold(0.0, f64::max));
    let low = if matches!(across, Across::Size(_)) { least / GUIDE } else { least };
    let xs = || lines.iter().flat_map(|line| &line.points).map(|point| point.0);
    let (first, last) = (xs().fold(f64::INFINITY, f64::min), xs().fold(f64::NEG_INFINITY, f64::max));
    // Short labels stand where their lines end; long ones would leave no room for the lines and stand above.
    let labels = label_area(lines.iter().map(|line| line.label.as_str()), NARROW_PX);
    let above = labels > SIDE_LABEL_PX;
    let (top, right) = if above { (10 + ROW_PX * lines.len() as i32, 24) } else { (10, labels.max(24)) };
    picture((NARROW_PX, 310 + top as u32), |root| {
        if above {
            key(root, lines)?;
        }
        let mut builder = ChartBuilder::on(root);
        builder.margin_top(top).margin_right(right).y_label_area_size(70).x_label_area_size(44);
        let room = if above { None } else { Some(right) };
        let y = || (low..high).log_scale().with_key_points(log_ticks(low, high, step(unit), 6));
        match across {
            Across::Size(of) => {
                let x = (first / 1.25..last * 1.1).log_scale().with_key_points(distinct(xs().collect()));
                let mut chart = builder.build_cartesian_2d(x, y())?;
                mesh(&mut chart, unit, 10, of, &|x| crate::numbers::exact(*x))?;
                let (start, end) = (least / GUIDE.sqrt(), last.min(high / least * GUIDE.sqrt() * first));
                let path = [(first, start), (end, start * end / first)];
                chart.draw_series(DashedLineSeries::new(path, 5, 4, REFERENCE.rgb().into()))?;
                draw_lines(root, &mut chart, lines, room)?;
            }
            Across::Steps(names) => {
                let mut chart = builder.build_cartesian_2d(-0.2..names.len() as f64 - 0.9, y())?;
                mesh(&mut chart, unit, 0, "", &|_| String::new())?;
                for (step, name) in names.iter().enumerate() {
                    let (x, y) = chart.backend_coord(&(step as f64, low));
                    label(root, (x, y + 16), Side::Under, name, MUTED)?;
                }
                draw_lines(root, &mut chart, lines, room)?;
            }
        }
        Ok(())
    })
}

/// Lines of shares over named steps: `y` from 0% to 100%, on a linear scale.
pub fn shares(lines: &[Line], steps: &[String]) -> Result<String> {
    let top = 10 + ROW_PX * lines.len() as i32;
    picture((NARROW_PX, 310 + top as u32), |root| {
        key(root, lines)?;
        let mut builder = ChartBuilder::on(root);
        builder.margin_top(top + 8).margin_right(24).y_label_area_size(70).x_label_area_size(44);
        let mut chart = builder.build_cartesian_2d(-0.2..steps.len() as f64 - 0.9, 0.0..1.0)?;
        mesh(&mut chart, Unit::Ratio, 0, "", &|_| String::new())?;
        for (step, name) in steps.iter().enumerate() {
            let (x, y) = chart.backend_coord(&(step as f64, 0.0));
            label(root, (x, y + 16), Side::Under, name, MUTED)?;
        }
        draw_lines(root, &mut chart, lines, None)
    })
}

/// Changes in both directions, on a scale that shows 0.1% beside 100%: linear near 0, logarithmic beyond.
pub fn changes(changes: &[Change]) -> Result<String> {
    const STEPS: [f64; 5] = [0.001, 0.01, 0.1, 1.0, 10.0];
    let reach = changes.iter().flat_map(|change| {
        [change.relative].into_iter().chain(change.interval.into_iter().flatten()).chain(change.claimed)
    });
    let reach = reach.map(f64::abs).fold(0.01, f64::max);
    let ticks = STEPS.into_iter().filter(|step| *step <= reach).flat_map(|step| [-step, step]).chain([0.0]);
    let ticks: Vec<f64> = ticks.map(spread_out).collect();
    let rows = i32::try_from(changes.len()).unwrap_or(i32::MAX / 64) * (BAR_PX + GAP_PX);
    let labels = label_area(changes.iter().map(|change| change.label.as_str()), WIDE_PX);
    picture((WIDE_PX, (rows + 42) as u32), |root| {
        let edge = spread_out(reach) * 1.18;
        let mut chart = ChartBuilder::on(root)
            .margin_top(4)
            .margin_right(16)
            .y_label_area_size(labels)
            .x_label_area_size(26)
            .build_cartesian_2d(-edge..edge, f64::from(rows)..0.0)?;
        for tick in ticks {
            chart.draw_series([PathElement::new([(tick, 0.0), (tick, f64::from(rows))], GRID.rgb())])?;
            let (x, y) = chart.backend_coord(&(tick, f64::from(rows)));
            label(root, (x, y + 12), Side::Under, &tick_percent(tick), MUTED)?;
        }
        for (place, change) in changes.iter().enumerate() {
            let start = f64::from(i32::try_from(place).unwrap_or(0) * (BAR_PX + GAP_PX)) + f64::from(GAP_PX) / 2.0;
            let (end, middle, to) =
                (spread_out(change.relative), start + f64::from(BAR_PX) / 2.0, start + f64::from(BAR_PX));
            label(root, chart.backend_coord(&(-edge, middle)), Side::Before, &fitted(&change.label, labels), TEXT)?;
            chart.draw_series([Rectangle::new([(0.0, start), (end, to)], change.ink.rgb().filled())])?;
            if let Some(claimed) = change.claimed {
                let path = [(spread_out(claimed), start - 3.0), (spread_out(claimed), to + 3.0)];
                chart.draw_series([PathElement::new(path, TEXT.rgb().stroke_width(3))])?;
            }
            let mut label_at = end;
            if let Some([low, high]) = change.interval {
                let path = [(spread_out(low), middle), (spread_out(high), middle)];
                chart.draw_series([PathElement::new(path, TEXT.rgb().stroke_width(2))])?;
                label_at = if change.relative < 0.0 { spread_out(low).min(end) } else { spread_out(high).max(end) };
            }
            let side = if change.relative < 0.0 { Side::Before } else { Side::After };
            let at = chart.backend_coord(&(label_at, middle));
            label(root, at, side, &crate::numbers::percent(change.relative), MUTED)?;
        }
        chart.draw_series([PathElement::new([(0.0, 0.0), (0.0, f64::from(rows))], AXIS.rgb())])?;
        Ok(())
    })
}

type Drawn<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;
type Canvas<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Chart<'a, 'b, X, Y> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<X, Y>>;

fn picture(size: (u32, u32), draw: impl FnOnce(&Canvas<'_>) -> Drawn<()>) -> Result<String> {
    let mut svg = String::new();
    let drawn = {
        let root = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        draw(&root).and_then(|()| Ok(root.present()?))
    };
    drawn.map_err(|error| Error::Chart(error.to_string()))?;
    Ok(svg)
}

fn mesh<X, Y>(
    chart: &mut Chart<'_, '_, X, Y>,
    unit: Unit,
    x_labels: usize,
    x_title: &str,
    x_label: &dyn Fn(&f64) -> String,
) -> Drawn<()>
where
    X: Ranged<ValueType = f64> + ValueFormatter<f64>,
    Y: Ranged<ValueType = f64> + ValueFormatter<f64>,
{
    chart
        .configure_mesh()
        .disable_x_mesh()
        .axis_style(AXIS.rgb())
        .bold_line_style(GRID.rgb())
        .light_line_style(TRANSPARENT)
        .label_style(font(FONT_PX - 1.0, MUTED))
        .axis_desc_style(font(FONT_PX - 1.0, MUTED))
        .x_labels(x_labels)
        .x_desc(x_title)
        .x_label_formatter(x_label)
        .y_label_formatter(&|value| tick(unit, *value))
        .draw()?;
    Ok(())
}

/// Draws the lines with their points, and their labels if there is `room` at the right.
fn draw_lines<X, Y>(root: &Canvas<'_>, chart: &mut Chart<'_, '_, X, Y>, lines: &[Line], room: Option<i32>) -> Drawn<()>
where
    X: Ranged<ValueType = f64>,
    Y: Ranged<ValueType = f64>,
{
    for (index, line) in lines.iter().enumerate() {
        let colour = series_ink(index).rgb();
        chart.draw_series(LineSeries::new(line.points.iter().copied(), colour.stroke_width(2)))?;
        chart.draw_series(line.points.iter().map(|point| Circle::new(*point, 4, colour.filled())))?;
    }
    // Labels of lines that end close together move down until they no longer overlap.
    let mut free = i32::MIN;
    for index in by_last(lines) {
        if let (Some(room), Some(end)) = (room, lines[index].points.last()) {
            let (x, y) = chart.backend_coord(end);
            let y = y.max(free);
            free = y + FONT_PX as i32 + 3;
            label(root, (x + 4, y), Side::After, &fitted(&lines[index].label, room), TEXT)?;
        }
    }
    Ok(())
}

/// The places of the lines, the one that ends highest first.
fn by_last(lines: &[Line]) -> Vec<usize> {
    let mut places: Vec<usize> = (0..lines.len()).collect();
    let last = |place: &usize| lines[*place].points.last().map_or(0.0, |point| point.1);
    places.sort_by(|a, b| last(b).total_cmp(&last(a)));
    places
}

/// The labels of lines, one below the other, the line that ends highest first.
fn key(root: &Canvas<'_>, lines: &[Line]) -> Drawn<()> {
    for (row, index) in by_last(lines).into_iter().enumerate() {
        let y = 12 + ROW_PX * row as i32;
        root.draw(&Rectangle::new([(70, y - 6), (82, y + 6)], series_ink(index).rgb().filled()))?;
        label(root, (82, y), Side::After, &fitted(&lines[index].label, NARROW_PX as i32 - 100), TEXT)?;
    }
    Ok(())
}

fn legend(root: &Canvas<'_>, series: &[String], left: i32) -> Drawn<()> {
    let mut x = left;
    for (index, name) in series.iter().enumerate() {
        root.draw(&Rectangle::new([(x, 6), (x + 12, 18)], series_ink(index).rgb().filled()))?;
        label(root, (x + 12, 12), Side::After, name, TEXT)?;
        x += 34 + (name.chars().count() as f64 * LETTER_PX) as i32;
    }
    Ok(())
}

#[derive(Debug, Clone, Copy)]
enum Side {
    Before,
    After,
    Under,
}

fn label(root: &Canvas<'_>, (x, y): (i32, i32), side: Side, text: &str, ink: Ink) -> Drawn<()> {
    let (x, anchor) = match side {
        Side::Before => (x - 7, HPos::Right),
        Side::After => (x + 6, HPos::Left),
        Side::Under => (x, HPos::Center),
    };
    root.draw(&Text::new(text.to_owned(), (x, y), font(FONT_PX, ink).pos(Pos::new(anchor, VPos::Center))))?;
    Ok(())
}

/// A text style whose size in the picture is `size_px`: the SVG backend divides by 1.24.
fn font(size_px: f64, ink: Ink) -> TextStyle<'static> {
    ("sans-serif", size_px * 1.24).into_font().color(&ink.rgb())
}

impl Ink {
    fn rgb(self) -> RGBColor {
        let [red, green, blue] = self.light;
        RGBColor(red, green, blue)
    }
}

fn series_ink(index: usize) -> Ink {
    SERIES[index % SERIES.len()]
}

fn label_area<'a>(labels: impl Iterator<Item = &'a str>, width: u32) -> i32 {
    let limit = if width == NARROW_PX { 220 } else { 460 };
    ((longest(labels) as f64 * LETTER_PX) as i32 + 14).min(limit)
}

fn longest<'a>(labels: impl IntoIterator<Item = &'a str>) -> usize {
    labels.into_iter().map(|label| label.chars().count()).max().unwrap_or(0)
}

/// Cuts the middle out of a label that is too long: both ends tell cases apart.
fn fitted(label: &str, room: i32) -> String {
    let letters: Vec<char> = label.chars().collect();
    let limit = (f64::from(room - 12) / LETTER_PX).max(4.0) as usize;
    if letters.len() <= limit {
        return label.to_owned();
    }
    let half = (limit - 1) / 2;
    letters[..half].iter().chain(['\u{2026}'].iter()).chain(&letters[letters.len() - half..]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_can_not_break_the_picture() {
        let groups = [Group { label: "<script>&\"".into(), values: vec![Some(5.0), None] }];
        let svg = bars(&groups, &["a<b".into(), "c".into()], Unit::Count, (5.0, 5.0)).expect("draws");
        assert!(
            svg.contains("&lt;script&gt;&amp;&quot;") && svg.contains("a&lt;b") && !svg.contains("<script"),
            "{svg}"
        );
    }

    #[test]
    fn long_labels_keep_both_ends() {
        assert_eq!(fitted("short", 200), "short");
        let text = fitted(&format!("begin{}end", "x".repeat(100)), 100);
        assert!(text.starts_with("begin") && text.ends_with("end") && text.chars().count() <= 14, "{text}");
    }
}
