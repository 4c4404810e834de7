//! Charts in a page: a caption, the picture, and its numbers in the same table or beside it.
//!
//! Dot plots and heat tables are tables with marks in their cells, so they take the width of the screen, and a reader
//! who can't see the marks has the numbers.

use maud::{Markup, PreEscaped, html};

use crate::charts::dots::{DotPlot, DotRow, DotScale};
use crate::charts::heat::{HeatCell, HeatTable};
use crate::charts::palette::Ink;
use crate::figures::{CaptionedChart, Drawing};
use crate::names::anchor;

/// A chart with its title and caption.
pub(crate) fn figure(figure: &CaptionedChart<'_>) -> Markup {
    html! {
        figure id=(figure.id) {
            h3 { a.self href=(format!("#{}", figure.id)) { (figure.title) } }
            @if !figure.caption.is_empty() { figcaption { (figure.caption) } }
            @match &figure.drawing {
                Drawing::Dots(plot) => (dots(plot)),
                Drawing::Heat(table) => (heat(table)),
                Drawing::Lines { svg, columns, rows } => div.lines {
                    div.chart role="img" aria-label=(figure.title) { (PreEscaped(svg)) }
                    (points(columns, rows))
                },
            }
            @if !figure.notes.is_empty() { ul.notes { @for note in &figure.notes { li { (note) } } } }
        }
    }
}

/// All charts of a section: tables of variants in columns, as narrow as they are, the others one below the other.
pub(crate) fn figures(all: &[CaptionedChart<'_>]) -> Markup {
    let (heats, others): (Vec<_>, Vec<_>) = all.iter().partition(|one| matches!(one.drawing, Drawing::Heat(_)));
    html! {
        div.figures {
            @for one in others { (figure(one)) }
            @if !heats.is_empty() { div.heats { @for one in heats { (figure(one)) } } }
        }
    }
}

/// A phone has room for the numbers of a row this long, below the row's name.
const FEW: usize = 6;

fn columns(number: usize) -> String {
    format!("--columns:{number}")
}

/// A table whose second column is the plot.
fn dots(plot: &DotPlot) -> Markup {
    let scale = plot.scale();
    html! {
        table.dots {
            thead { tr {
                th scope="col" { span.unseen { "name" } }
                th.track scope="col" { span.unseen { "place" } (axis(&scale)) }
                th.number scope="col" { span.unseen { "value" } }
            } }
            tbody { @for row in &plot.rows { tr {
                th scope="row" { @match &row.link { Some(link) => a href=(format!("#{link}")) { (row.label) }, None => (row.label) } }
                td.track { (track(row, &scale)) }
                td.number { (row.shown) }
            } } }
        }
    }
}

fn axis(scale: &DotScale) -> Markup {
    html! {
        svg width="100%" height="18" aria-hidden="true" {
            @for (value, label) in &scale.ticks {
                @let place = scale.place(*value);
                text x=(at(place)) y="13" text-anchor=(if place < 8.0 { "start" } else if place > 92.0 { "end" } else { "middle" }) { (label) }
            }
        }
    }
}

fn track(row: &DotRow, scale: &DotScale) -> Markup {
    let colour = format!("--ink:var(--{})", row.ink.name);
    html! {
        svg width="100%" height="20" aria-hidden="true" style=(colour) {
            @for (value, _) in &scale.ticks {
                @let place = at(scale.place(*value));
                line.grid.zero[*value == 0.0] x1=(place) x2=(place) y1="0" y2="20" {}
            }
            @if let Some([low, high]) = row.interval {
                line.interval x1=(at(scale.place(low))) x2=(at(scale.place(high))) y1="10" y2="10" {}
            }
            @if let Some(mark) = row.mark {
                @let place = at(scale.place(mark));
                line.mark x1=(place) x2=(place) y1="2" y2="18" {}
            }
            circle cx=(at(scale.place(row.at))) cy="10" r="4.5" {}
        }
    }
}

fn at(place: f64) -> String {
    // Some room at both ends, or dots there would be cut.
    format!("{:.2}%", 2.0 + place * 0.96)
}

fn heat(table: &HeatTable<'_>) -> Markup {
    let several = table.rows.iter().any(|row| row.store != table.rows[0].store);
    html! {
        div.scroll tabindex="0" { table.heat.few[table.columns.len() <= FEW] style=(columns(table.columns.len())) {
            thead { tr { th scope="col" { "variant" } @for column in &table.columns { th.number scope="col" { (column) } } } }
            tbody { @for (place, row) in table.rows.iter().enumerate() {
                @if several && (place == 0 || table.rows[place - 1].store != row.store) {
                    tr.store { th scope="rowgroup" colspan=(table.columns.len() + 1) { (row.store) } }
                }
                tr {
                    th scope="row" { @if row.label.is_empty() { "naive" } @else { (row.label) } }
                    @for cell in &row.cells { (heat_cell(cell.as_ref(), table)) }
                }
            } }
        } }
    }
}

fn heat_cell(cell: Option<&HeatCell<'_>>, table: &HeatTable<'_>) -> Markup {
    let Some(cell) = cell else { return html! { td.number.quiet { "\u{b7}" } } };
    let link = format!("#{}", anchor(table.metric.lane.name(), cell.case, ""));
    let shown = table.metric.show(cell.value);
    let Some(ratio) = cell.ratio else { return html! { td.number { a href=(link) { (shown) } small { "naive" } } } };
    // A factor of 8 has the full colour.
    let strength = (ratio.max(1e-9).ln().abs() / 8f64.ln()).min(1.0) * 45.0;
    html! {
        td.number.less[ratio < 1.0].more[ratio > 1.0] style=(format!("--heat:{strength:.0}%")) {
            a href=(link) { (shown) }
            small { (times(ratio)) }
        }
    }
}

/// `0.26x`.
fn times(ratio: f64) -> String {
    match ratio {
        ratio if !ratio.is_finite() => "from 0".to_owned(),
        ratio if ratio >= 10.0 => format!("{ratio:.0}x"),
        ratio if ratio >= 0.095 => format!("{ratio:.2}x"),
        ratio => format!("{ratio:.3}x"),
    }
}

/// The table beside a chart of lines, which is its legend, too.
fn points(headings: &[String], rows: &[(Ink, String, Vec<String>)]) -> Markup {
    html! {
        div.scroll tabindex="0" { table.points.few[headings.len() <= FEW] style=(columns(headings.len())) {
            thead { tr { th scope="col" { span.unseen { "line" } } @for column in headings { th.number scope="col" { (column) } } } }
            tbody { @for (ink, label, points) in rows { tr {
                th scope="row" { span.key style=(format!("--ink:var(--{})", ink.name)) {} (label) }
                @for point in points { td.number { (point) } }
            } } }
        } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_keeps_its_digits() {
        assert_eq!([times(0.012), times(0.8), times(12.4), times(f64::INFINITY)], ["0.012x", "0.80x", "12x", "from 0"]);
    }
}
