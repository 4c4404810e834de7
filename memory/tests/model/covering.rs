//! Covering arrays: a few variants in which every two strategies of any two toggles meet.
//!
//! All combinations of a dozen toggles are millions, and most faults need one strategy or two that meet. [`pairs`] adds
//! rows greedily until every pair of levels that a valid row can have stands in one of them.
//!
//! Source: Cohen, Dalal, Fredman and Patton, "The AETG system: an approach to testing based on combinatorial design"
//! (IEEE Transactions on Software Engineering 23:7, 1997, section 4): each new row starts with a missing pair, the
//! other factors are visited in random order, each takes the level that completes most missing pairs, and the best of
//! several such candidates is kept. The repair of rows that a constraint forbids is an addition.

use memory::{TOGGLES, Variant};
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

/// Rows that are tried for each one that is kept.
const CANDIDATES: usize = 12;

/// The most levels that are changed to make a forbidden row valid: constraints tie two or three toggles together.
const REPAIRS: usize = 3;

/// Seeds the random orders: the array is the same in every run.
const SEED: u64 = 20_260_122;

/// A few valid variants in which every two strategies of any two toggles meet, as far as a wanted variant has both.
pub fn variants(wanted: impl Fn(&Variant) -> bool) -> Vec<Variant> {
    let levels: Vec<usize> = TOGGLES.iter().map(|toggle| toggle.strategies.len()).collect();
    let rows = pairs(&levels, |row| variant(row).is_some_and(|variant| wanted(&variant)));
    rows.iter().filter_map(|row| variant(row)).collect()
}

/// The variant with the strategies in these places of the table, if it is a valid one.
fn variant(row: &[usize]) -> Option<Variant> {
    let parts = TOGGLES.iter().zip(row).map(|(toggle, &place)| format!("{}={}", toggle.name, toggle.strategies[place]));
    parts.collect::<Vec<String>>().join(",").parse().ok()
}

/// Rows in which every two levels of any two factors meet, as far as a valid row has both. `levels[f]` is the number of
/// levels of factor `f`.
///
/// A pair counts as impossible when no row that differs from a known valid one, or from the row of first levels, in the
/// pair and in up to three more factors is valid.
fn pairs(levels: &[usize], valid: impl Fn(&[usize]) -> bool) -> Vec<Vec<usize>> {
    let mut random = Pcg64::seed_from_u64(SEED);
    let mut array = Array { rows: Vec::new(), missing: Missing::all(levels), allowed: Vec::new(), valid: &valid };
    array.allowed = levels.iter().map(|count| (0..*count).collect()).collect();
    array.find_allowed();
    while let Some(pair) = array.missing.first() {
        match array.row_with(pair, &mut random) {
            Some(row) => array.add(row),
            None => array.missing.close(pair),
        }
    }
    array.rows
}

/// A level of a factor.
type Level = (usize, usize);

struct Array<'a> {
    rows: Vec<Vec<usize>>,
    missing: Missing,
    /// The levels of each factor that any valid row has.
    allowed: Vec<Vec<usize>>,
    valid: &'a dyn Fn(&[usize]) -> bool,
}

impl Array<'_> {
    /// Finds the levels that no valid row has, and closes their pairs.
    fn find_allowed(&mut self) {
        let mut allowed = self.allowed.clone();
        for (factor, levels) in allowed.iter_mut().enumerate() {
            levels.retain(|&level| self.complete(&[(factor, level)]).is_some());
        }
        for (factor, levels) in self.allowed.iter().enumerate() {
            for &level in levels.iter().filter(|level| !allowed[factor].contains(level)) {
                self.missing.close_all((factor, level));
            }
        }
        self.allowed = allowed;
    }

    fn add(&mut self, row: Vec<usize>) {
        self.missing.cover(&row);
        self.rows.push(row);
    }

    /// The candidate with the pair that covers most of what is missing; nothing if no valid row has the pair.
    fn row_with(&self, pair: [Level; 2], random: &mut Pcg64) -> Option<Vec<usize>> {
        let mut best = self.complete(&pair)?;
        for _ in 0..CANDIDATES {
            if let Some(candidate) = self.repair(self.greedy(pair, random), &pair, REPAIRS - 1)
                && self.missing.gain(&candidate) > self.missing.gain(&best)
            {
                best = candidate;
            }
        }
        Some(best)
    }

    /// The factors in a drawn order, each with the level that completes most missing pairs; ties are drawn.
    fn greedy(&self, pair: [Level; 2], random: &mut Pcg64) -> Vec<usize> {
        let mut taken: Vec<Level> = pair.to_vec();
        let mut order: Vec<usize> =
            (0..self.allowed.len()).filter(|factor| pair.iter().all(|(of, _)| of != factor)).collect();
        order.shuffle(random);
        for factor in order {
            let gain =
                |level: &usize| taken.iter().filter(|other| self.missing.is_missing(**other, (factor, *level))).count();
            let most = self.allowed[factor].iter().map(gain).max().unwrap_or(0);
            let best: Vec<usize> = self.allowed[factor].iter().copied().filter(|level| gain(level) == most).collect();
            if !best.is_empty() {
                taken.push((factor, best[random.random_range(0..best.len())]));
            }
        }
        let mut row = vec![0; self.allowed.len()];
        taken.into_iter().for_each(|(factor, level)| row[factor] = level);
        row
    }

    /// A valid row with these levels, near the row of first levels or near a row that is there already.
    fn complete(&self, fixed: &[Level]) -> Option<Vec<usize>> {
        let first = vec![0; self.allowed.len()];
        [&first].into_iter().chain(self.rows.iter().rev()).find_map(|near| {
            let mut row = near.clone();
            fixed.iter().for_each(|&(factor, level)| row[factor] = level);
            self.repair(row, fixed, REPAIRS)
        })
    }

    /// The row itself if it is valid, else the first valid one that differs in as few factors as possible, the fixed
    /// ones left alone.
    fn repair(&self, mut row: Vec<usize>, fixed: &[Level], most: usize) -> Option<Vec<usize>> {
        let free: Vec<usize> = (0..row.len()).filter(|factor| fixed.iter().all(|(of, _)| of != factor)).collect();
        (0..=most).find_map(|changes| self.change(&mut row, &free, changes).then(|| row.clone()))
    }

    /// Whether the row is valid after exactly that many changes among the free factors; if so, they are made.
    fn change(&self, row: &mut Vec<usize>, free: &[usize], changes: usize) -> bool {
        if changes == 0 {
            return (self.valid)(row);
        }
        for (place, &factor) in free.iter().enumerate() {
            let before = row[factor];
            for &level in self.allowed[factor].iter().filter(|level| **level != before) {
                row[factor] = level;
                if self.change(row, &free[place + 1..], changes - 1) {
                    return true;
                }
            }
            row[factor] = before;
        }
        false
    }
}

/// The pairs that no row has yet.
struct Missing {
    offsets: Vec<usize>, // where each factor's levels begin in one numbering of all levels
    total: usize,
    open: Vec<bool>, // by both numbers, the smaller first
}

impl Missing {
    fn all(levels: &[usize]) -> Missing {
        let mut offsets = Vec::with_capacity(levels.len());
        let mut total = 0;
        for count in levels {
            offsets.push(total);
            total += count;
        }
        let mut missing = Missing { offsets, total, open: vec![false; total * total] };
        for a in 0..levels.len() {
            for b in a + 1..levels.len() {
                for level in 0..levels[a] {
                    for other in 0..levels[b] {
                        let place = missing.place((a, level), (b, other));
                        missing.open[place] = true;
                    }
                }
            }
        }
        missing
    }

    fn place(&self, a: Level, b: Level) -> usize {
        let (a, b) = (self.offsets[a.0] + a.1, self.offsets[b.0] + b.1);
        a.min(b) * self.total + a.max(b)
    }

    fn is_missing(&self, a: Level, b: Level) -> bool {
        self.open[self.place(a, b)]
    }

    fn level(&self, number: usize) -> Level {
        let factor = self.offsets.partition_point(|offset| *offset <= number) - 1;
        (factor, number - self.offsets[factor])
    }

    fn first(&self) -> Option<[Level; 2]> {
        let place = self.open.iter().position(|open| *open)?;
        Some([self.level(place / self.total), self.level(place % self.total)])
    }

    fn close(&mut self, [a, b]: [Level; 2]) {
        let place = self.place(a, b);
        self.open[place] = false;
    }

    fn close_all(&mut self, level: Level) {
        for number in 0..self.total {
            let place = self.place(level, self.level(number));
            self.open[place] = false;
        }
    }

    fn gain(&self, row: &[usize]) -> usize {
        row_pairs(row).filter(|&[a, b]| self.is_missing(a, b)).count()
    }

    fn cover(&mut self, row: &[usize]) {
        row_pairs(row).for_each(|pair| self.close(pair));
    }
}

/// All pairs of levels that a row has.
fn row_pairs(row: &[usize]) -> impl Iterator<Item = [Level; 2]> {
    (0..row.len()).flat_map(move |a| (a + 1..row.len()).map(move |b| [(a, row[a]), (b, row[b])]))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use memory::StoreKind;

    use super::*;

    /// Every row there can be, for models that are small enough.
    fn everything(levels: &[usize]) -> Vec<Vec<usize>> {
        levels.iter().fold(vec![vec![]], |rows, count| {
            rows.iter().flat_map(|row| (0..*count).map(move |level| [row.as_slice(), &[level]].concat())).collect()
        })
    }

    fn met<'r>(rows: impl IntoIterator<Item = &'r Vec<usize>>) -> BTreeSet<[Level; 2]> {
        rows.into_iter().flat_map(|row| row_pairs(row)).collect()
    }

    #[test]
    fn without_constraints_all_pairs_meet_in_few_rows() {
        for (levels, most) in
            [(vec![2; 4], 6), (vec![3; 4], 13), (vec![3; 13], 24), (vec![4, 4, 3, 3, 3, 2, 2, 2, 2, 2], 22)]
        {
            let rows = pairs(&levels, |_| true);
            let wanted: usize = (0..levels.len())
                .flat_map(|a| (a + 1..levels.len()).map(move |b| (a, b)))
                .map(|(a, b)| levels[a] * levels[b])
                .sum();
            assert_eq!(met(&rows).len(), wanted, "{levels:?}");
            assert!(rows.len() <= most, "{levels:?} takes {} rows", rows.len());
        }
    }

    #[test]
    fn with_constraints_exactly_the_possible_pairs_meet() {
        let mut random = Pcg64::seed_from_u64(1);
        for _ in 0..40 {
            let levels: Vec<usize> = (0..6).map(|_| random.random_range(2..5)).collect();
            // Some pairs and some triples of levels that exclude each other; the first levels are the naive ones and
            // always go together.
            let forbidden: Vec<Vec<Level>> = (0..6)
                .map(|place| {
                    let mut factors: Vec<usize> = (0..levels.len()).collect();
                    factors.shuffle(&mut random);
                    let some = factors.into_iter().take(2 + place % 2);
                    some.map(|factor| (factor, random.random_range(1..levels[factor]))).collect()
                })
                .collect();
            let valid = |row: &[usize]| {
                forbidden.iter().all(|together| together.iter().any(|&(factor, level)| row[factor] != level))
            };
            let possible = everything(&levels).into_iter().filter(|row| valid(row)).collect::<Vec<_>>();
            let rows = pairs(&levels, valid);
            assert!(rows.iter().all(|row| valid(row)));
            assert_eq!(met(&rows), met(&possible), "{levels:?} {forbidden:?}");
            assert!(rows.len() < possible.len() / 4, "{} of {}", rows.len(), possible.len());
        }
    }

    #[test]
    fn two_runs_give_the_same_rows() {
        let valid = |row: &[usize]| row[0] != 1 || row[3] == 2;
        assert_eq!(pairs(&[3, 3, 3, 3, 2], valid), pairs(&[3, 3, 3, 3, 2], valid));
    }

    #[test]
    fn nothing_valid_gives_nothing() {
        assert_eq!(pairs(&[2, 2], |_| false), Vec::<Vec<usize>>::new());
        assert_eq!(pairs(&[], |_| true), Vec::<Vec<usize>>::new());
    }

    /// The strategies of every two toggles that meet in a variant, as text.
    fn meetings(variant: &Variant) -> Vec<String> {
        let text = variant.to_string();
        let parts: Vec<&str> = text.split(',').collect();
        (0..parts.len())
            .flat_map(|a| (a + 1..parts.len()).map(move |b| (a, b)))
            .map(|(a, b)| format!("{} {}", parts[a], parts[b]))
            .collect()
    }

    #[test]
    fn any_two_strategies_meet_in_few_valid_variants() {
        let array = variants(|_| true);
        assert!(array.iter().all(|variant| variant.validate().is_ok()));
        let covered: BTreeSet<String> = array.iter().flat_map(meetings).collect();
        // Whatever meets in a valid variant meets in the array, too: shown on variants that are drawn, so that no rule
        // of `validate` is repeated here.
        let mut random = Pcg64::seed_from_u64(1);
        let mut met = BTreeSet::new();
        for _ in 0..20_000 {
            let places: Vec<usize> =
                TOGGLES.iter().map(|toggle| random.random_range(0..toggle.strategies.len())).collect();
            met.extend(variant(&places).iter().flat_map(meetings));
        }
        assert_eq!(met.difference(&covered).collect::<Vec<_>>(), Vec::<&String>::new());
        assert!(covered.len() > 100 && met.len() > covered.len() * 9 / 10, "{} {}", met.len(), covered.len());
        // No array is smaller than the two largest toggles multiplied; three times that is small.
        let mut sizes: Vec<usize> = TOGGLES.iter().map(|toggle| toggle.strategies.len()).collect();
        sizes.sort_unstable_by(|a, b| b.cmp(a));
        assert!(array.len() <= 3 * sizes[0] * sizes[1], "{} variants", array.len());
    }

    #[test]
    fn covering_variants_are_different_and_come_back_from_text() {
        for &store in StoreKind::ALL {
            let array = variants(|variant| variant.store == store);
            let texts: BTreeSet<String> = array.iter().map(Variant::to_string).collect();
            assert_eq!(texts.len(), array.len(), "{store}");
            for (text, variant) in texts.iter().map(|text| (text, text.parse::<Variant>().unwrap())) {
                assert!(variant.store == store && variant.to_string() == *text, "{store}");
            }
            for toggle in TOGGLES.iter().filter(|toggle| toggle.name == "codec" || toggle.name == "cache") {
                for strategy in toggle.strategies {
                    assert!(texts.iter().any(|text| text.contains(&format!("{}={strategy}", toggle.name))), "{store}");
                }
            }
        }
    }
}
