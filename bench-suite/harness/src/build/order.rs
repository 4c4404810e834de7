//! The order of a program's functions in a layout: drawn from a hash of each function's name and a seed.
//!
//! A function that two programs share lies in the same place in both, whatever else the two have, so that a round's
//! difference is not one between two orders. (LLD's own `--shuffle-sections` shuffles by position: one function more,
//! and no other lies where it did.) A function that is only in one program, or has another size there, would move all
//! that follow by its size; such functions are drawn to places among the last ones.
//!
//! Names are compared without the hashes of their crates, which change with flags and versions. Functions of one name
//! are told apart by their size.

use std::collections::{BTreeMap, BTreeSet};

use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;

use crate::tools::symbols::bare;

/// Functions that differ lie among the last ones: in one part of so many.
const LAST_PART_BITS: u32 = 8;

/// A function, or whatever else has a section of its own in the program's code; with all its copies, as the linker
/// keeps sections of one symbol together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// The symbol at the begin of the section.
    symbol: String,
    /// A hash of the name without its hash, the same in every build.
    name: u64,
    /// The size, padded to where the next function may begin.
    bytes: u64,
}

/// Functions begin at multiples of it.
const ALIGNMENT: u64 = 16;

/// The functions in a map of LLD (`-Map`, with `--no-demangle`), in the order of the program.
pub fn functions(map: &str) -> Vec<Function> {
    let (mut in_text, mut section) = (false, None);
    let (mut symbols, mut sizes) = (Vec::new(), BTreeMap::<&str, u64>::new());
    for line in map.lines() {
        let Some((bytes, depth, what)) = entry(line) else { continue };
        match depth {
            Depth::Output => in_text = what.starts_with(".text"),
            Depth::Input => section = Some(bytes).filter(|bytes| in_text && *bytes > 0),
            // The first symbol of a section names it; the linker moves sections.
            Depth::Symbol => {
                let Some(bytes) = section.take() else { continue };
                let size = sizes.entry(what).or_insert_with(|| {
                    symbols.push(what);
                    0
                });
                *size += bytes.next_multiple_of(ALIGNMENT);
            }
        }
    }
    let mut alike: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for symbol in &symbols {
        alike.entry(bare(symbol)).or_default().push(symbol);
    }
    let mut names = BTreeMap::new();
    for (bare, mut symbols) in alike {
        symbols.sort_by_key(|symbol| sizes[symbol]);
        for (ordinal, symbol) in symbols.into_iter().enumerate() {
            names.insert(symbol, memory::hash::fnv1a(format!("{bare} {ordinal}").as_bytes()));
        }
    }
    let function = |symbol: &str| Function { symbol: symbol.to_owned(), name: names[symbol], bytes: sizes[symbol] };
    symbols.into_iter().map(function).collect()
}

/// The names of functions that another program does not have in the same size.
pub fn differing(functions: &[Function], other: &[Function]) -> BTreeSet<u64> {
    let there: BTreeSet<(u64, u64)> = other.iter().map(|function| (function.name, function.bytes)).collect();
    let differs = |function: &&Function| !there.contains(&(function.name, function.bytes));
    functions.iter().filter(differs).map(|function| function.name).collect()
}

/// The symbols in an order drawn from a seed, one per line; what is `differing` lies among the last ones.
pub fn order(functions: &[Function], differing: &BTreeSet<u64>, seed: u64) -> String {
    let place = |function: &&Function| {
        let drawn = Pcg64::seed_from_u64(seed ^ function.name).next_u64();
        if differing.contains(&function.name) { u64::MAX - (drawn >> LAST_PART_BITS) } else { drawn }
    };
    let mut ordered: Vec<&Function> = functions.iter().collect();
    ordered.sort_by_cached_key(place);
    ordered.into_iter().map(|function| format!("{}\n", function.symbol)).collect()
}

/// What a line of a map is about, by its indentation.
pub(super) enum Depth {
    Output,
    Input,
    Symbol,
}

/// The size, the depth and the name in a line of a map: address, load address, size and alignment come first.
pub(super) fn entry(line: &str) -> Option<(u64, Depth, &str)> {
    let (mut rest, mut bytes) = (line, None);
    for column in 0..4 {
        let (field, after) = rest.trim_start().split_once(' ')?;
        if column == 2 {
            bytes = u64::from_str_radix(field, 16).ok();
        }
        rest = after;
    }
    let what = rest.trim_start();
    let depth = match rest.len() - what.len() {
        0 => Depth::Output,
        8 => Depth::Input,
        16 => Depth::Symbol,
        _ => return None,
    };
    Some((bytes?, depth, what))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAP: &str = "\
             VMA              LMA     Size Align Out     In      Symbol
             2e0              2e0       1c     1 .interp
             2e0              2e0       1c     1         <internal>:(.interp)
           13e90            13e90    3d6d3    16 .text
           13e90            13e90       22    16         /usr/lib/Scrt1.o:(.text)
           13e90            13e90       22     1                 _start
           13fb0            13fb0       36    16         a.rcgu.o:(.text._ZN1a3foo17h32a15e3e4621a3c9E)
           13fb0            13fb0       36     1                 _ZN1a3foo17h32a15e3e4621a3c9E
           13ff0            13ff0       16    16         a.rcgu.o:(.text._ZN1a3foo17hb56d6f95d1cccb0bE)
           13ff0            13ff0       16     1                 _ZN1a3foo17hb56d6f95d1cccb0bE
           14010            14010        2    16         c.rcgu.o:(.text._ZN1a3foo17hb56d6f95d1cccb0bE)
           14010            14010        2     1                 _ZN1a3foo17hb56d6f95d1cccb0bE
           14000            14000        0    16         b.o:(.text)
           14000            14000       20    16         b.o:(.text.two)
           14000            14000       10     1                 two
           14010            14010       10     1                 inside
           52000            52000        8     8 .data
           52000            52000        8     8         b.o:(.data.x)
           52000            52000        8     1                 x
";

    fn symbols(functions: &[Function]) -> Vec<&str> {
        functions.iter().map(|function| function.symbol.as_str()).collect()
    }

    /// A program of these functions, with crate hashes of its own.
    fn program(functions: &[(&str, u64)], hash: &str) -> Vec<Function> {
        let mut map = "  0  0  1  16 .text\n".to_owned();
        for (name, bytes) in functions {
            let symbol = format!("_ZN1a{}{name}17h{hash}E", name.len());
            map.push_str(&format!(
                "0 0 {bytes:x} 16         a.o:(.text.{symbol})\n0 0 {bytes:x} 1                 {symbol}\n"
            ));
        }
        super::functions(&map)
    }

    fn names(count: usize) -> Vec<(String, u64)> {
        (0..count).map(|number| (format!("f{number}"), 16 + number as u64)).collect()
    }

    /// The names of a layout, in order.
    fn layout(program: &[Function], other: &[Function], seed: u64) -> Vec<String> {
        let order = order(program, &differing(program, other), seed);
        order.lines().map(bare).collect()
    }

    #[test]
    fn a_map_gives_the_sections_of_code_by_their_first_symbol() {
        let read = functions(MAP);
        let legacy = ["_ZN1a3foo17h32a15e3e4621a3c9E", "_ZN1a3foo17hb56d6f95d1cccb0bE"];
        assert_eq!(symbols(&read), ["_start", legacy[0], legacy[1], "two"]);
        assert_eq!(read.iter().map(|function| function.bytes).collect::<Vec<_>>(), [0x30, 0x40, 0x30, 0x20]);
        let distinct: BTreeSet<u64> = read.iter().map(|function| function.name).collect();
        assert_eq!(distinct.len(), 4, "two of one name are told apart");
        assert_eq!(functions("nothing\n"), []);
    }

    #[test]
    fn hashes_of_both_manglings_are_left_out() {
        assert_eq!(bare("_ZN1a3foo17h32a15e3e4621a3c9E"), "_ZN1a3foo");
        assert_eq!(bare("_ZN1a3foo17h32a15e3e4621a3c9E.llvm.123"), "_ZN1a3foo");
        let v0 = |alloc: &str, own: &str| bare(&format!("_RNvMs3_NtC{alloc}5alloc7raw_vec6RawVecNtB5_C{own}3std"));
        assert_eq!(v0("slNYArtu3iFV_", "sjrHSEGnQ3l9_"), v0("s0_", "s7EGnQ3l9_"));
        assert!(v0("s0_", "s1_").contains("raw_vec6RawVec"));
        assert_eq!(bare("memcpy"), "memcpy");
        assert_eq!(bare("_ZN1a17hungryE"), "_ZN1a17hungryE", "no hash");
    }

    #[test]
    fn one_function_more_and_the_others_stay_where_they_are() {
        let shared = names(200);
        let mut shared: Vec<(&str, u64)> = shared.iter().map(|(name, bytes)| (name.as_str(), *bytes)).collect();
        let base = program(&shared, "0123456789abcdef");
        shared.insert(3, ("one_more", 64));
        shared[100].1 += 400;
        let new = program(&shared, "fedcba9876543210");
        for seed in 0..8 {
            let (before, after) = (layout(&base, &new, seed), layout(&new, &base, seed));
            let at = after.iter().position(|name| name.contains("one_more")).expect("it is there");
            let same = before.iter().zip(&after).take_while(|(before, after)| before == after).count();
            assert!(at > 190 && same > 190, "seed {seed}: {same} of 200 in place, the new one at {at}");
        }
        assert_ne!(layout(&base, &new, 1), layout(&base, &new, 2), "another seed, another order");
    }

    #[test]
    fn what_differs_moves_about_with_the_seed() {
        let shared = names(4000);
        let shared: Vec<(&str, u64)> = shared.iter().map(|(name, bytes)| (name.as_str(), *bytes)).collect();
        let (base, new) = (program(&shared, "0123456789abcdef"), program(&shared[1..], "0123456789abcdef"));
        let at = |seed| layout(&base, &new, seed).iter().position(|name| name.ends_with("2f0")).expect("there");
        let places: BTreeSet<usize> = (0..8).map(at).collect();
        assert!(places.len() > 4 && places.iter().all(|place| *place > 3900), "{places:?}");
    }
}
