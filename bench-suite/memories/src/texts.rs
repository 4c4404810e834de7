//! The episodes that every memory stores, and the queries for them: tasks of the memory's corpus.
//!
//! An episode has a key, by which it is known again in an answer, and a task. A query is the task itself (*known*), or
//! the same reworded: four words of ten are those of other tasks, and the order is another. The words of the corpus are
//! made up, so no query says the same with synonyms: what an embedder knows of meaning is not asked.

use std::collections::BTreeSet;

use corpus::generate::{EpisodeStyle, Generator};
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

/// What every key begins with.
const KEY: &str = "episode-";
/// The digits of a key, so that none is the beginning of another.
const DIGITS: usize = 6;

/// The share of words that a reworded query takes from other tasks.
const REPLACED: f64 = 0.4;

/// A kind of query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueryKind {
    /// The task as it was stored.
    Known,
    /// With other words, in another order.
    Reworded,
}

/// Tasks, each of which is there once.
#[derive(Debug)]
pub struct MemoryTexts {
    seed: u64,
    tasks: Vec<String>,
}

impl MemoryTexts {
    /// The first tasks of a seed.
    pub fn new(seed: u64, count: usize) -> MemoryTexts {
        let mut known = BTreeSet::new();
        let tasks = Generator::new(seed, EpisodeStyle::SweAgent).map(|script| script.start.task);
        MemoryTexts { seed, tasks: tasks.filter(|task| known.insert(task.clone())).take(count).collect() }
    }

    /// The task with this number.
    pub fn task(&self, number: usize) -> &str {
        &self.tasks[number]
    }

    /// A query for it.
    pub fn query(&self, kind: QueryKind, number: usize) -> String {
        match kind {
            QueryKind::Known => self.tasks[number].clone(),
            QueryKind::Reworded => self.reworded(number),
        }
    }

    fn reworded(&self, number: usize) -> String {
        let mut random = Pcg64Mcg::seed_from_u64(self.seed ^ (number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let words = |number: usize| self.tasks[number].split_whitespace().collect::<Vec<_>>();
        let mut reworded = words(number);
        for word in &mut reworded {
            if random.random_bool(REPLACED) {
                let other = words(random.random_range(0..self.tasks.len()));
                *word = other[random.random_range(0..other.len())];
            }
        }
        reworded.shuffle(&mut random);
        reworded.join(" ")
    }
}

/// The key of the episode with this number.
pub fn key(number: usize) -> String {
    format!("{KEY}{number:0DIGITS$}")
}

/// The numbers of the episodes whose keys are in a text, in the order in which they first come.
pub fn keys_in(text: &str) -> Vec<usize> {
    let digits = text.split(KEY).skip(1).filter_map(|rest| rest.get(..DIGITS));
    let mut known = BTreeSet::new();
    digits.filter_map(|digits| digits.parse().ok()).filter(|number| known.insert(*number)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_in_their_order_and_once() {
        let text = format!("{{\"a\":\"{}\",\"b\":[\"{}.md\",\"{}\"]}} episode-12", key(7), key(123_456), key(7));
        assert_eq!(keys_in(&text), [7, 123_456]);
        assert_eq!(keys_in("episode-"), [0usize; 0]);
    }

    #[test]
    fn a_reworded_query_has_about_six_of_ten_words_and_is_always_the_same() {
        let (texts, again) = (MemoryTexts::new(7, 200), MemoryTexts::new(7, 200));
        let mut kept = Vec::new();
        for number in 0..200 {
            let reworded = texts.query(QueryKind::Reworded, number);
            assert_eq!(reworded, again.query(QueryKind::Reworded, number));
            assert_ne!(reworded, texts.task(number));
            let mut left: Vec<&str> = texts.task(number).split_whitespace().collect();
            let all = left.len();
            for word in reworded.split_whitespace() {
                if let Some(place) = left.iter().position(|other| *other == word) {
                    left.remove(place);
                }
            }
            kept.push(1.0 - left.len() as f64 / all as f64);
        }
        let mean = kept.iter().sum::<f64>() / kept.len() as f64;
        // Common words come from other tasks, too.
        assert!((0.55..0.85).contains(&mean), "{mean}");
    }

    #[test]
    fn no_task_is_there_twice() {
        let texts = MemoryTexts::new(3, 500);
        assert_eq!(texts.tasks.iter().collect::<BTreeSet<_>>().len(), 500);
    }
}
