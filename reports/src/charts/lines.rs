//! Line charts as SVG: the only file that names plotters. It knows shapes, scales and colours, and nothing of
//! benchmarks.
//!
//! The same data gives the same picture, byte for byte. The reader's browser chooses the font, so the room for labels
//! is estimated.

use baselines::Unit;
use plotters::coord::Shift;
use plotters::coord::combinators::{BindKeyPoints, IntoLogRange};
use plotters::coord::ranged1d::{Ranged, ValueFormatter};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::palette::{AXIS, GRID, Ink, MUTED, REFERENCE, SERIES, TEXT};
use super::scale::{distinct, log_ticks, padded, step, tick};
use crate::{Error, Result};

/// A line of a line chart.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// The label of the line.
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

/// The width of a chart in a page, which a phone shows almost as it is.
const WIDTH_PX: u32 = 380;
/// The width of a chart in a file by itself.
const ALONE_PX: u32 = 540;

/// The factor by which the scale begins below the lowest line, to leave room for the guide.
const GUIDE: f64 = 3.0;
const ROW_PX: i32 = 18;
const FONT_PX: f64 = 12.0;
/// The average advance of a sans-serif letter at [`FONT_PX`].
const LETTER_PX: f64 = 7.2;

/// Lines with points, `y` on a logarithmic scale, without their labels: the page has these in a table beside it. With
/// sizes across, a dashed line shows growth in proportion to the size.
pub fn lines(lines: &[Line], across: &Across, unit: Unit) -> Result<String> {
    lines_below((WIDTH_PX, 0), lines, across, unit)
}

/// The same with the labels above: for a file by itself.
pub fn lines_with_key(lines: &[Line], across: &Across, unit: Unit) -> Result<String> {
    lines_below((ALONE_PX, ROW_PX * lines.len() as i32), lines, across, unit)
}

/// Lines below a key of this height; without one there is no key.
fn lines_below((width, key_px): (u32, i32), lines: &[Line], across: &Across, unit: Unit) -> Result<String> {
    let ys = || lines.iter().flat_map(|line| &line.points).map(|point| point.1);
    let (least, high) = padded(ys().filter(|y| *y > 0.0).fold(f64::INFINITY, f64::min), ys().fold(0.0, f64::max));
    let low = if matches!(across, Across::Size(_)) { least / GUIDE } else { least };
    let xs = || lines.iter().flat_map(|line| &line.points).map(|point| point.0);
    let (first, last) = (xs().fold(f64::INFINITY, f64::min), xs().fold(f64::NEG_INFINITY, f64::max));
    picture((width, 240 + key_px as u32), |root| {
        if key_px > 0 {
            key(root, lines)?;
        }
        let mut builder = ChartBuilder::on(root);
        builder.margin_top(10 + key_px).margin_right(16).y_label_area_size(58).x_label_area_size(40);
        let y = || (low..high).log_scale().with_key_points(log_ticks(low, high, step(unit), 6));
        match across {
            Across::Size(of) => {
                let x = (first / 1.25..last * 1.1).log_scale().with_key_points(distinct(xs().collect()));
                let mut chart = builder.build_cartesian_2d(x, y())?;
                mesh(&mut chart, unit, 10, of, &|x| crate::numbers::exact(*x))?;
                let (start, end) = (least / GUIDE.sqrt(), last.min(high / least * GUIDE.sqrt() * first));
                let path = [(first, start), (end, start * end / first)];
                chart.draw_series(DashedLineSeries::new(path, 5, 4, REFERENCE.rgb().into()))?;
                draw_lines(&mut chart, lines)?;
            }
            Across::Steps(names) => {
                let mut chart = builder.build_cartesian_2d(-0.2..names.len() as f64 - 0.9, y())?;
                mesh(&mut chart, unit, 0, "", &|_| String::new())?;
                for (step, name) in names.iter().enumerate() {
                    let (x, y) = chart.backend_coord(&(step as f64, low));
                    label(root, (x, y + 16), Side::Under, name, MUTED)?;
                }
                draw_lines(&mut chart, lines)?;
            }
        }
        Ok(())
    })
}

/// Lines of shares over named steps: `y` from 0% to 100%, on a linear scale.
pub fn shares(lines: &[Line], steps: &[String]) -> Result<String> {
    let top = 10 + ROW_PX * lines.len() as i32;
    picture((ALONE_PX, 310 + top as u32), |root| {
        key(root, lines)?;
        let mut builder = ChartBuilder::on(root);
        builder.margin_top(top + 8).margin_right(24).y_label_area_size(70).x_label_area_size(44);
        let mut chart = builder.build_cartesian_2d(-0.2..steps.len() as f64 - 0.9, 0.0..1.0)?;
        mesh(&mut chart, Unit::Ratio, 0, "", &|_| String::new())?;
        for (step, name) in steps.iter().enumerate() {
            let (x, y) = chart.backend_coord(&(step as f64, 0.0));
            label(root, (x, y + 16), Side::Under, name, MUTED)?;
        }
        draw_lines(&mut chart, lines)
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

/// Draws the lines with their points.
fn draw_lines<X, Y>(chart: &mut Chart<'_, '_, X, Y>, lines: &[Line]) -> Drawn<()>
where
    X: Ranged<ValueType = f64>,
    Y: Ranged<ValueType = f64>,
{
    for (index, line) in lines.iter().enumerate() {
        let colour = series_ink(index).rgb();
        chart.draw_series(LineSeries::new(line.points.iter().copied(), colour.stroke_width(2)))?;
        chart.draw_series(line.points.iter().map(|point| Circle::new(*point, 4, colour.filled())))?;
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
        label(root, (82, y), Side::After, &fitted(&lines[index].label, ALONE_PX as i32 - 100), TEXT)?;
    }
    Ok(())
}

#[derive(Debug, Clone, Copy)]
enum Side {
    After,
    Under,
}

fn label(root: &Canvas<'_>, (x, y): (i32, i32), side: Side, text: &str, ink: Ink) -> Drawn<()> {
    let (x, anchor) = match side {
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

/// The colour of a line.
pub fn series_ink(index: usize) -> Ink {
    SERIES[index % SERIES.len()]
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
        let line = Line { label: "<script>&\"".into(), points: vec![(0.0, 0.5), (1.0, 1.0)] };
        let svg = shares(&[line], &["a<b".into(), "c".into()]).expect("draws");
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
