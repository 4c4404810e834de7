//! Flamegraphs of folded stacks: the only file that names inferno.
//!
//! The pictures hold inferno's script (zoom, search), so each needs a separate document: [`document`] makes one for an
//! `iframe`, without a network.

use inferno::flamegraph::color::{BackgroundColor, MultiPalette, Palette};
use inferno::flamegraph::{Options, TextTruncateDirection};

use crate::{Error, Result};

/// The flamegraph of folded stacks (`outer;inner 42` a line), as SVG. Width is cost, in `unit`; the same stacks give
/// the same picture. Stacks without any cost are an error.
pub fn flamegraph(folded: &str, unit: &str) -> Result<String> {
    let lines = parse(folded)?;
    draw(lines.iter().map(|(stack, cost)| format!("{stack} {cost}")).collect(), unit)
}

/// The flamegraph of `new`, coloured by the change since `base`: red costs more, blue less. Stacks of the base alone
/// are not shown.
pub fn differential(base: &str, new: &str, unit: &str) -> Result<String> {
    let joined = |side: &str| -> Result<String> {
        Ok(parse(side)?.iter().map(|(stack, cost)| format!("{stack} {cost}\n")).collect())
    };
    let mut both = Vec::new();
    let options = inferno::differential::Options::default();
    inferno::differential::from_readers(options, joined(base)?.as_bytes(), joined(new)?.as_bytes(), &mut both)
        .map_err(wrong)?;
    draw(text(both)?.lines().map(str::to_owned).collect(), unit)
}

/// Parses folded stacks. Refuses bad lines, which inferno would drop, and sums that the picture's script can't count.
fn parse(folded: &str) -> Result<Vec<(String, u64)>> {
    let mut lines = Vec::new();
    let mut total: u64 = 0;
    for (number, line) in folded.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let (stack, cost) = line
            .trim()
            .rsplit_once(' ')
            .and_then(|(stack, cost)| Some((stack.trim(), cost.parse::<u64>().ok()?)))
            .filter(|(stack, _)| !stack.is_empty())
            .ok_or_else(|| {
                wrong(format!("line {} of the folded stacks is not `outer;inner cost`: {line:?}", number + 1))
            })?;
        total = total
            .checked_add(cost)
            .filter(|total| *total < 1 << 53)
            .ok_or_else(|| wrong("the costs sum to more than 2^53"))?;
        // A `;` ends a frame, also the one of `[u8; 8]`; frames never begin with a space.
        lines.push((stack.replace("; ", ", "), cost));
    }
    if total == 0 { Err(wrong("the folded stacks have no cost")) } else { Ok(lines) }
}

fn draw(mut lines: Vec<String>, unit: &str) -> Result<String> {
    lines.sort_unstable();
    let mut options = Options::default();
    options.title = String::new();
    options.count_name = unit.to_owned();
    options.colors = Palette::Multi(MultiPalette::Rust);
    options.bgcolors = Some(BackgroundColor::Flat([0xff, 0xff, 0xff].into()));
    options.deterministic = true;
    options.no_sort = true;
    options.font_type = "monospace".to_owned();
    options.frame_height = 18;
    options.min_width = 0.1;
    options.text_truncate_direction = TextTruncateDirection::Right;
    let mut svg = Vec::new();
    inferno::flamegraph::from_lines(&mut options, lines.iter().map(String::as_str), &mut svg).map_err(wrong)?;
    text(svg)
}

/// The height of a picture of this module, in CSS pixels.
pub fn height_px(svg: &str) -> u32 {
    let height = svg
        .split_once("<svg")
        .and_then(|(_, rest)| rest.split_once(" height=\""))
        .and_then(|(_, rest)| rest.split_once('"'));
    height.and_then(|(height, _)| height.parse().ok()).unwrap_or(400)
}

/// A picture of this module as an HTML document, for the `srcdoc` of an `iframe`, in the page's light or dark colours.
///
/// Such a document has no address, so the part of inferno's script that writes its state there is switched off.
pub fn document(svg: &str) -> String {
    let svg = svg.find("<svg").map_or(svg, |start| &svg[start..]);
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"color-scheme\" content=\"light dark\"><title>flamegraph</title>\
         <style>html,body{{margin:0;background:#fff}}body>svg{{display:block;width:100%}}#search{{opacity:.7!important}}\
         @media(prefers-color-scheme:dark){{html,body{{background:#1b1d22}}body>svg>rect{{fill:#1b1d22}}\
         #details,#matched,#search,#unzoom{{fill:#f1f1ee}}}}</style>\
         <script>history.replaceState=function(){{}}</script><body>{svg}</body></html>"
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
