//! Flamegraphs of folded stacks: the only file that names inferno.
//!
//! The pictures hold inferno's script (zoom, search), so each needs a separate document: [`document`] makes one for an
//! `iframe`, without a network.

use std::collections::BTreeMap;

use inferno::collapse::{Collapse, perf};
use inferno::flamegraph::color::{BackgroundColor, MultiPalette, Palette};
use inferno::flamegraph::{Options, TextTruncateDirection};

use crate::numbers::signed;
use crate::stacks::{self, FrameChange};
use crate::{Error, Result};

/// The height of a row of frames.
const FRAME_PX: usize = 18;

/// The flamegraph of folded stacks (`outer;inner 42` a line), as SVG. Width is cost, in `unit`; the same stacks give
/// the same picture. Stacks without any cost are an error.
pub fn flamegraph(folded: &str, unit: &str) -> Result<String> {
    let mut lines = stacks::parse(folded)?;
    lines.sort_unstable();
    draw(lines.iter().map(|(stack, cost)| format!("{stack} {cost}")).collect(), unit)
}

/// The folded stacks of samples, as `perf script` prints them. The outermost frame is the name of the thread; the cost
/// is the period of the samples, ns for perf's `cpu-clock`.
pub fn folded_samples(script: &str) -> Result<String> {
    let mut options = perf::Options::default();
    options.nthreads = 1;
    let mut folded = Vec::new();
    perf::Folder::from(options).collapse(script.as_bytes(), &mut folded).map_err(wrong)?;
    text(folded)
}

/// The flamegraph of `new`, each function coloured by the change of its own cost since `base`: red costs more, blue
/// less. Stacks of the base alone are not shown.
pub fn differential(base: &str, new: &str, unit: &str) -> Result<String> {
    let mut sides: BTreeMap<String, [u64; 2]> = BTreeMap::new();
    for (side, folded) in [base, new].into_iter().enumerate() {
        for (stack, cost) in stacks::parse(folded)? {
            sides.entry(stack).or_default()[side] += cost;
        }
    }
    draw(sides.iter().map(|(stack, [before, now])| format!("{stack} {before} {now}")).collect(), unit)
}

/// The flamegraph of `new` whose frames say what changed since `base`, by themselves and with all that they call, and
/// have a colour for either: `--self` and `--total`, between which [`document`] lets its reader choose.
pub fn compared(base: &str, new: &str, unit: &str) -> Result<String> {
    let (before, now) = (stacks::parse(base)?, stacks::parse(new)?);
    Ok(marked(&flamegraph(new, unit)?, &stacks::changes(&now, &before), unit))
}

/// A picture whose frames have the words and colours of their changes, found by their depth and what is left of them.
fn marked(svg: &str, changes: &BTreeMap<(usize, u64), FrameChange>, unit: &str) -> String {
    let most = |of: fn(&FrameChange) -> i64| {
        changes.values().map(|change| of(change).unsigned_abs()).max().unwrap_or(0).max(1)
    };
    let (of_self, of_total) = (most(|change| change.itself), most(|change| change.total));
    let value = |text: &str, name: &str| {
        let rest = text.split_once(&format!(" {name}=\""))?.1;
        rest.split_once('"')?.0.parse::<f64>().ok()
    };
    // A frame is `<g><title>name (cost)</title><rect .. y fill fg:x/>..</g>`, the lowest at the largest y.
    let mut frames = svg.split("<g><title>");
    let mut text = frames.next().unwrap_or_default().to_owned();
    let frames: Vec<&str> = frames.collect();
    let bottom = frames.iter().filter_map(|frame| value(frame, "y")).fold(0.0, f64::max);
    for frame in frames {
        let place = value(frame, "y").zip(value(frame, "fg:x"));
        let depth = |y: f64| ((bottom - y) / FRAME_PX as f64).round() as usize;
        let change = place.and_then(|(y, left)| changes.get(&(depth(y), left as u64)));
        match (change, frame.split_once(")</title><rect ")) {
            (Some(FrameChange { itself, total }), Some((title, rest))) => text.push_str(&format!(
                "<g><title>{title}; {} {unit} by itself, {} with all it calls)</title><rect style=\"--self:{};--total:{}\" {rest}",
                signed(*itself),
                signed(*total),
                shade(*itself, of_self),
                shade(*total, of_total)
            )),
            _ => text.push_str(&format!("<g><title>{frame}")),
        }
    }
    text
}

/// Red for more, blue for less.
fn shade(change: i64, most: u64) -> String {
    let rest = 6 + (8.0 * (1.0 - change.unsigned_abs() as f64 / most as f64)) as u64;
    match change {
        0 => "#eee".to_owned(),
        1.. => format!("#f{rest:x}{rest:x}"),
        _ => format!("#{rest:x}{rest:x}f"),
    }
}

/// Draws lines that are sorted by their stacks.
fn draw(lines: Vec<String>, unit: &str) -> Result<String> {
    let mut options = Options::default();
    options.title = String::new();
    options.count_name = unit.to_owned();
    options.colors = Palette::Multi(MultiPalette::Rust);
    options.bgcolors = Some(BackgroundColor::Flat([0xff, 0xff, 0xff].into()));
    options.deterministic = true;
    options.no_sort = true;
    options.font_type = "monospace".to_owned();
    options.frame_height = FRAME_PX;
    options.min_width = 0.1;
    options.text_truncate_direction = TextTruncateDirection::Right;
    let mut svg = Vec::new();
    inferno::flamegraph::from_lines(&mut options, lines.iter().map(String::as_str), &mut svg).map_err(wrong)?;
    text(svg)
}

/// The height of a picture's document, in CSS pixels.
pub fn height_px(svg: &str) -> u32 {
    let height = svg
        .split_once("<svg")
        .and_then(|(_, rest)| rest.split_once(" height=\""))
        .and_then(|(_, rest)| rest.split_once('"'));
    let height = height.and_then(|(height, _)| height.parse().ok()).unwrap_or(400);
    if svg.contains(CHOICE) { height + 34 } else { height }
}

/// What only [`compared`] pictures have.
const CHOICE: &str = "--total:";

/// A picture of this module as an HTML document, for the `srcdoc` of an `iframe`, in the page's light or dark colours.
///
/// Such a document has no address, so the part of inferno's script that writes its state there is switched off. The
/// script measures the picture, so it starts when there is something to measure: not in a folded part of a page.
pub fn document(svg: &str) -> String {
    let svg = svg.find("<svg").map_or(svg, |start| &svg[start..]);
    let modes = [("total", "with callees"), ("self", "by itself"), ("plain", "off")];
    let mode = |(number, (id, words)): (usize, (&str, &str))| {
        let checked = if number == 0 { " checked" } else { "" };
        format!("<label><input type='radio' name='by' id='by-{id}'{checked}> {words}</label> ")
    };
    let choice: String = match svg.contains(CHOICE) {
        true => format!("<form>Changes: {}</form>", modes.into_iter().enumerate().map(mode).collect::<String>()),
        false => String::new(),
    };
    let (head, frames) = svg.split_once("id=\"frames\"").unwrap_or((svg, ""));
    let head = head.replacen(" onload=\"init(evt)\"", "", 1);
    // In text and names, both quotes are escaped; within `srcdoc`, double ones cost six bytes each.
    let frames = if frames.is_empty() { String::new() } else { format!("id='frames'{}", frames.replace('"', "'")) };
    format!(
        "<!doctype html><html lang='en'><meta charset='utf-8'><meta name='color-scheme' content='light dark'><title>flamegraph</title>\
         <style>html,body{{margin:0;background:#fff;font:13px system-ui,sans-serif}}body>svg{{display:block;width:100%}}#search{{opacity:.7!important}}\
         form{{height:34px;padding:7px 10px;white-space:nowrap;box-sizing:border-box}}label{{margin-left:8px}}\
         body:has(#by-total:checked) rect[style]:not([fill='rgb(230,0,230)']){{fill:var(--total)}}\
         body:has(#by-self:checked) rect[style]:not([fill='rgb(230,0,230)']){{fill:var(--self)}}\
         @media(prefers-color-scheme:dark){{html,body{{background:#1b1d22;color:#f1f1ee}}body>svg>rect{{fill:#1b1d22}}\
         #details,#matched,#search,#unzoom{{fill:#f1f1ee}}}}</style>\
         <script>history.replaceState=function(){{}}</script><body>{choice}{head}{frames}\
         <script>(function(){{function go(){{if(!innerWidth)return;removeEventListener('resize',go);init();\
         setTimeout(function(){{document.documentElement.dataset.ready=''}},0)}}addEventListener('resize',go);go()}})()</script></body></html>"
    )
}

fn text(bytes: Vec<u8>) -> Result<String> {
    String::from_utf8(bytes).map_err(wrong)
}

fn wrong(reason: impl ToString) -> Error {
    Error::Flamegraph(reason.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &str = "main;run;hash 100\nmain;run;gone 10\nmain;run 50\n";
    const NEW: &str = "main;run 50\nmain;run;hash 180\nmain;run;<T as Encode>::encode::<[u8; 8]> 20\n";

    #[test]
    fn the_order_of_the_stacks_does_not_matter() {
        let reversed: Vec<_> = NEW.lines().rev().collect();
        let svg = flamegraph(NEW, "instructions").expect("draws");
        assert_eq!(svg, flamegraph(&reversed.join("\n"), "instructions").expect("draws"));
        assert!(svg.contains("hash (180 instructions, 72.00%)"), "{svg}");
        assert!(
            svg.contains("&lt;T as Encode&gt;::encode::&lt;[u8, 8]&gt;"),
            "a name with a semicolon stays one frame"
        );
        assert!(height_px(&svg) > 100);
    }

    #[test]
    fn a_differential_says_what_changed() {
        let svg = differential(BASE, NEW, "instructions").expect("draws");
        assert!(svg.contains("hash (180 instructions, 72.00%; +32.00%)"), "{svg}");
        assert!(!svg.contains("gone ("));
        assert_eq!(svg, differential(BASE, NEW, "instructions").expect("draws"), "the same picture each time");
        let svg = compared(BASE, NEW, "instructions").expect("draws");
        let hash = "hash (180 instructions, 72.00%; +80 instructions by itself, +80 with all it calls)</title><rect style=\"--self:#f66;";
        assert!(svg.contains(hash), "the largest change has the full colour: {svg}");
        assert!(
            svg.contains("run (250 instructions, 100.00%; 0 instructions by itself, +90 with all it calls)"),
            "{svg}"
        );
        assert!(
            document(&svg).contains("id='by-self'")
                && !document(&flamegraph(NEW, "x").expect("draws")).contains("<form")
        );
    }

    #[test]
    fn samples_of_perf_are_summed_by_their_stacks() {
        let sample = |function: &str| {
            format!(
                "tokio-rt-worker 4711/4712   92.131:   10101010 cpu-clock:ppp: \n\t    55d0c0ffee00 {function} (/x/server)\n\t    \
                 55d0c0ffef00 serve+0x20 (/x/server)\n\n"
            )
        };
        let script = [sample("hash+0x1"), sample("parse+0x7"), sample("hash+0x9")].concat();
        let folded = folded_samples(&script).expect("folded");
        let expected = "tokio-rt-worker;serve;hash 20202020\ntokio-rt-worker;serve;parse 10101010\n";
        assert_eq!(folded, expected);
        assert!(flamegraph(&folded, "ns").expect("draws").contains("hash (20,202,020 ns, 66.67%)"));
        assert_eq!(folded_samples("").expect("nothing"), "");
    }

    #[test]
    fn stacks_that_are_none_are_refused() {
        let wrong = |folded: &str| flamegraph(folded, "instructions").expect_err("refused").to_string();
        assert!(wrong("").contains("no cost"));
        assert!(wrong("main 0").contains("no cost"));
        assert!(wrong("main;run 1\nmain;run").contains("line 2"));
        assert!(wrong("main 1.5").contains("line 1"));
        assert!(wrong(" 7").contains("line 1"));
        assert!(wrong(&format!("main {}\nrun {}", u64::MAX, u64::MAX)).contains("2^53"));
    }
}
