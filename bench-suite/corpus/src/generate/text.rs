//! Chance and words: a portable seeded source, a vocabulary under Zipf's law, templates.
//!
//! Nothing uses floating point, whose logarithms differ between C libraries.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use rand::{Rng as _, SeedableRng as _};
use rand_pcg::Pcg64Mcg;

/// A seeded source of choices. The reductions are written here because a corpus must not change with a library's
/// version.
#[derive(Debug)]
pub(super) struct Dice(Pcg64Mcg);

/// Knots of an inverse distribution function: parts in a thousand and the value there, straight lines between them.
pub(super) type Quantiles = [(u64, u64)];

impl Dice {
    /// The source of one thing among others of the same seed.
    pub(super) fn new(seed: u64, thing: u64) -> Dice {
        // The finaliser of SplitMix64 (Steele et al. 2014) keeps neighbouring things apart.
        let mut mixed = seed.wrapping_add(thing.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Dice(Pcg64Mcg::seed_from_u64(mixed ^ (mixed >> 31)))
    }

    /// A number from 0 to `below`, exclusive.
    pub(super) fn below(&mut self, below: u64) -> u64 {
        ((u128::from(self.0.next_u64()) * u128::from(below)) >> 64) as u64
    }

    /// True in so many cases of a thousand.
    pub(super) fn chance(&mut self, in_thousand: u64) -> bool {
        self.below(1000) < in_thousand
    }

    /// One of these, each as likely.
    pub(super) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len() as u64) as usize]
    }

    /// A rank below this one, the first ones more likely: the smaller of two.
    pub(super) fn early(&mut self, below: u64) -> u64 {
        self.below(below).min(self.below(below))
    }

    /// One of these, the first ones more likely.
    pub(super) fn pick_early<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.early(from.len() as u64) as usize]
    }

    /// One of these by weight.
    pub(super) fn weighted<T: Copy>(&mut self, from: &[(u64, T)]) -> T {
        let mut at = self.below(from.iter().map(|(weight, _)| weight).sum());
        for &(weight, value) in from {
            if at < weight {
                return value;
            }
            at -= weight;
        }
        unreachable!("the weights add up to the sum")
    }

    /// A value of a distribution.
    pub(super) fn draw(&mut self, quantiles: &Quantiles) -> u64 {
        let at = self.below(1_000_000);
        let upper = quantiles.iter().position(|(part, _)| part * 1000 > at).unwrap_or(quantiles.len() - 1).max(1);
        let ((from, low), (to, high)) = (quantiles[upper - 1], quantiles[upper]);
        let width = (to - from) * 1000;
        low + ((high - low) * (at - from * 1000) + width / 2) / width
    }
}

/// Made-up words; the n-th is used about half as often as the n/2-th.
#[derive(Debug)]
pub(super) struct Vocabulary {
    words: Vec<String>,
    /// Ranks, each as often as its word is used: a draw is one look-up.
    slots: Vec<u16>,
}

impl Vocabulary {
    const WORDS: usize = 4096;
    const SLOTS: u64 = 1 << 15;
    /// Mandelbrot's shift: without it the first few words would be every other word.
    const SHIFT: u64 = 6;

    pub(super) fn new(seed: u64) -> Vocabulary {
        let mut dice = Dice::new(seed, u64::MAX);
        let mut known = BTreeSet::new();
        let mut words = Vec::with_capacity(Vocabulary::WORDS);
        while words.len() < Vocabulary::WORDS {
            // Frequent words are short, in every language.
            let syllables = match words.len() {
                0..64 => 1,
                64..512 => 1 + dice.below(2),
                _ => 2 + dice.below(2),
            };
            let word = word(&mut dice, syllables);
            if known.insert(packed(&word)) {
                words.push(word);
            }
        }
        let weight = |rank: u64| (1 << 40) / (rank + Vocabulary::SHIFT);
        let total: u64 = (0..Vocabulary::WORDS as u64).map(weight).sum();
        let mut slots = Vec::with_capacity(Vocabulary::SLOTS as usize);
        let mut reached = 0;
        for rank in 0..Vocabulary::WORDS as u64 {
            reached += weight(rank);
            let until = (u128::from(reached) * u128::from(Vocabulary::SLOTS) / u128::from(total)) as usize;
            slots.resize(until.max(slots.len()), rank as u16);
        }
        Vocabulary { words, slots }
    }

    /// A word, by frequency.
    pub(super) fn word(&self, dice: &mut Dice) -> &str {
        &self.words[usize::from(*dice.pick(&self.slots))]
    }

    /// Any word, rare ones as likely as frequent ones: for names.
    pub(super) fn name(&self, dice: &mut Dice) -> &str {
        dice.pick(self.words.as_slice()).as_str()
    }

    /// Appends so many words.
    pub(super) fn phrase(&self, dice: &mut Dice, words: u64, out: &mut String) {
        for index in 0..words {
            if index > 0 {
                out.push(' ');
            }
            out.push_str(self.word(dice));
        }
    }
}

/// Bytes of three syllables of five letters, and one to spare.
const LONGEST_WORD: usize = 16;

/// A word as a number, which compares faster: every process under valgrind makes the whole vocabulary.
fn packed(word: &str) -> u128 {
    let mut bytes = [0; LONGEST_WORD];
    bytes[..word.len()].copy_from_slice(word.as_bytes());
    u128::from_le_bytes(bytes)
}

fn word(dice: &mut Dice, syllables: u64) -> String {
    const ONSETS: [&str; 20] =
        ["b", "c", "d", "f", "g", "h", "l", "m", "n", "p", "r", "s", "t", "v", "w", "st", "tr", "pl", "ch", "gr"];
    const NUCLEI: [&str; 8] = ["a", "e", "i", "o", "u", "ea", "io", "e"];
    const CODAS: [&str; 8] = ["", "", "", "n", "r", "s", "t", "l"];
    let mut word = String::with_capacity(LONGEST_WORD);
    for _ in 0..syllables {
        for part in [dice.pick(&ONSETS), dice.pick(&NUCLEI), dice.pick(&CODAS)] {
            word.push_str(part);
        }
    }
    word
}

/// The same name as a type: every part with a capital, without the underscores between them.
pub(super) fn capitalised(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for part in name.split('_') {
        let mut letters = part.chars();
        out.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        out.push_str(letters.as_str());
    }
    out
}

/// The values of a template's marks.
pub(super) struct Names<'a> {
    pub(super) vocabulary: &'a Vocabulary,
    /// `$i`, and `$a` and `$b`, which stay the same within one template.
    pub(super) identifiers: &'a [String],
    /// `$c`.
    pub(super) types: &'a [String],
}

/// Appends a template with its marks filled in: `$i` an identifier, `$a` and `$b` two that stay the same, `$c` a type,
/// `$w` some words, `$n` a number.
pub(super) fn fill(template: &str, names: &Names<'_>, dice: &mut Dice, out: &mut String) {
    let a = dice.pick_early(names.identifiers);
    let b = dice.pick_early(names.identifiers);
    let mut parts = template.split('$');
    out.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let (mark, rest) = part.split_at(1);
        match mark {
            "a" => out.push_str(a),
            "b" => out.push_str(b),
            "i" => out.push_str(dice.pick_early(names.identifiers).as_str()),
            "c" => out.push_str(dice.pick_early(names.types).as_str()),
            "w" => {
                let words = 3 + dice.below(6);
                names.vocabulary.phrase(dice, words, out);
            }
            "n" => number(dice.below(100), out),
            _ => unreachable!("templates have no mark `${mark}`"),
        }
        out.push_str(rest);
    }
}

/// Appends a number.
pub(super) fn number(number: u64, out: &mut String) {
    write!(out, "{number}").expect("writing to a string cannot fail");
}
