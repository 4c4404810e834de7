//! The colours of charts and pages, each for a light and a dark background.
//!
//! Charts are drawn in the light colours; the page's style sheet, made here, replaces them by the dark ones. Neighbours
//! among the series colours can be told apart by colour-blind readers. Green always means passed.

use baselines::claim::ClaimVerdict;
use baselines::delta::Verdict;

/// A colour in both modes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ink {
    /// The name of its CSS variable, without the dashes.
    pub name: &'static str,
    /// Red, green and blue on a light background.
    pub light: [u8; 3],
    pub dark: [u8; 3],
}

const fn ink(name: &'static str, light: u32, dark: u32) -> Ink {
    Ink { name, light: split(light), dark: split(dark) }
}

const fn split(hex: u32) -> [u8; 3] {
    let [_, red, green, blue] = hex.to_be_bytes();
    [red, green, blue]
}

/// Text that must be read.
pub const TEXT: Ink = ink("text", 0x17181c, 0xf1f1ee);
/// Secondary text: labels of axes, captions.
pub const MUTED: Ink = ink("muted", 0x5c5e66, 0xa9aab0);
/// Lines of a grid.
pub const GRID: Ink = ink("grid", 0xe6e6e3, 0x2d2f36);
/// The axes.
pub const AXIS: Ink = ink("axis", 0xb9bab8, 0x50535d);
/// Guides for comparison.
pub const REFERENCE: Ink = ink("reference", 0x8f9199, 0x7d808a);

/// Colours of series, in the order of use.
pub const SERIES: [Ink; 8] = [
    ink("series-1", 0x2a6fd6, 0x5b97f0),
    ink("series-2", 0xe07b1a, 0xf09a45),
    ink("series-3", 0x129c8c, 0x35bdab),
    ink("series-4", 0x8a4fc9, 0xb486ea),
    ink("series-5", 0xc23f80, 0xe372a6),
    ink("series-6", 0x8d7b16, 0xc4b03f),
    ink("series-7", 0x3c5a73, 0x8faec8),
    ink("series-8", 0xa35a3c, 0xcf8a6c),
];

/// Passed, and nothing else.
pub const GOOD: Ink = ink("good", 0x1a7f37, 0x4ac26b);
/// Passed in part, or not decided.
pub const PARTIAL: Ink = ink("partial", 0x8a5500, 0xe3a83a);
/// Worse than allowed.
pub const BAD: Ink = ink("bad", 0xc9252d, 0xff726b);
/// Can't be believed.
pub const DISTRUST: Ink = ink("distrust", 0xb33d8f, 0xf086cb);
/// No verdict.
pub const UNDECIDED: Ink = ink("undecided", 0x62656e, 0xa0a3ad);
/// Better by more than the limit.
pub const IMPROVED: Ink = ink("improved", 0x1f63c4, 0x6ca6f5);

const ALL: [Ink; 11] = [TEXT, MUTED, GRID, AXIS, REFERENCE, GOOD, PARTIAL, BAD, DISTRUST, UNDECIDED, IMPROVED];

/// The colour of a verdict on one delta.
pub fn verdict(verdict: Verdict) -> Ink {
    match verdict {
        Verdict::Regressed => BAD,
        Verdict::Improved => IMPROVED,
        Verdict::Inconclusive => PARTIAL,
        Verdict::Invalid | Verdict::Missing => DISTRUST,
        Verdict::Equal | Verdict::Incomparable | Verdict::Added => UNDECIDED,
    }
}

/// The colour of a verdict on a claim.
pub fn claim_verdict(verdict: ClaimVerdict) -> Ink {
    match verdict {
        ClaimVerdict::Confirmed => GOOD,
        ClaimVerdict::Partly | ClaimVerdict::Inconclusive => PARTIAL,
        ClaimVerdict::Refuted => BAD,
        ClaimVerdict::Skipped => UNDECIDED,
        ClaimVerdict::Invalid => DISTRUST,
    }
}

/// A colour as SVG writes it: `#2A6FD6`.
fn hex([red, green, blue]: [u8; 3]) -> String {
    format!("#{red:02X}{green:02X}{blue:02X}")
}

/// The style sheet of all colours: a variable for each, light and dark, and the rules that give charts their dark
/// colours.
pub fn css() -> String {
    let inks = || ALL.iter().chain(&SERIES);
    let variables = |rgb: fn(&Ink) -> [u8; 3]| -> String {
        inks().map(|ink| format!("--{}:{};", ink.name, hex(rgb(ink)))).collect()
    };
    let rule = |ink: &Ink| {
        let (name, hex) = (ink.name, hex(ink.light));
        format!(
            ".chart [fill=\"{hex}\"]{{fill:var(--{name})}}.chart [stroke=\"{hex}\"]{{stroke:var(--{name})}}
"
        )
    };
    let (light, dark, rules) = (variables(|ink| ink.light), variables(|ink| ink.dark), inks().map(rule));
    let head = format!(
        ":root{{{light}}}
@media(prefers-color-scheme:dark){{:root{{{dark}}}}}
"
    );
    head + &rules.collect::<String>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_colour_of_a_chart_has_one_dark_twin() {
        let inks: Vec<_> = ALL.iter().chain(&SERIES).collect();
        let colours: BTreeSet<_> = inks.iter().map(|ink| ink.light).collect();
        let names: BTreeSet<_> = inks.iter().map(|ink| ink.name).collect();
        assert_eq!((colours.len(), names.len()), (inks.len(), inks.len()));
    }

    #[test]
    fn text_can_be_read_on_both_backgrounds() {
        let luminance = |rgb: [u8; 3]| {
            let [red, green, blue] = rgb.map(|channel| {
                let part = f64::from(channel) / 255.0;
                if part <= 0.03928 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
            });
            0.2126 * red + 0.7152 * green + 0.0722 * blue
        };
        let contrast = |a, b| {
            let (a, b) = (luminance(a), luminance(b));
            (f64::max(a, b) + 0.05) / (f64::min(a, b) + 0.05)
        };
        // WCAG 2.1: 4.5 for text, 3 for graphics.
        for ink in [TEXT, MUTED, GOOD, PARTIAL, BAD, DISTRUST, UNDECIDED, IMPROVED] {
            assert!(contrast(ink.light, [0xff; 3]) >= 4.5, "{} on white", ink.name);
            assert!(contrast(ink.dark, split(0x1b1d22)) >= 4.5, "{} on dark", ink.name);
        }
        for ink in SERIES {
            assert!(contrast(ink.light, [0xff; 3]) >= 2.7, "{} on white", ink.name);
            assert!(contrast(ink.dark, split(0x1b1d22)) >= 3.0, "{} on dark", ink.name);
        }
    }

    #[test]
    fn only_a_pass_is_green() {
        let all = [
            Verdict::Regressed,
            Verdict::Improved,
            Verdict::Equal,
            Verdict::Inconclusive,
            Verdict::Incomparable,
            Verdict::Missing,
            Verdict::Added,
            Verdict::Invalid,
        ];
        assert!(all.into_iter().all(|one| verdict(one) != GOOD));
    }
}
