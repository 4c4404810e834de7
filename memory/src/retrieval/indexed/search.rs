//! The search of the index: a pass over all episodes that can be among the best.
//!
//! Without codes, whole groups of episodes are left out whose contexts match too little, and the others are scored.
//! With codes, blocks are left out by their groups and cells, the others are estimated ([`super::block`]), and the best
//! estimates are scored ([`super::shortlist`]). The ranking computes all scores from whole vectors by the same formula
//! as in a scan, so that a score never depends on the strategy.
//!
//! An estimate from exact codes is only off by roundings of `f32`. From rounded codes it is off by the dot product of
//! two vectors, of which one is an error of rounding. Its length is known, and its direction has little to do with the
//! other's, so that the product is about as large as both lengths over the root of the dimensions. [`DEVIATIONS`] times
//! that is allowed for.

use super::cells::chance;
use super::code::Units;
use super::index::{Group, Index};
use super::shortlist::Shortlist;
use crate::Result;
use crate::retrieval::ranking::Ranking;

/// The error of bounds and estimates by rounding of `f32`, relative to the lengths.
const SLACK: f32 = 1e-5;

/// The standard deviations of a rounded estimate that are allowed for.
const DEVIATIONS: f32 = 2.0;

/// Where groups have fewer episodes on average, bounds of their matches cost more than they save.
const EPISODES_OF_A_GROUP: usize = 4;

/// One in so many blocks is always looked at, the most promising ones, and so many where there are few.
const SHARE: usize = 10;
const FEWEST: usize = 32;

/// Offers the ranking the episodes that may be among its best. Returns the number of codes that it read. Fails if an
/// episode was embedded otherwise than the query.
pub(super) fn search(index: &Index, ranking: &mut Ranking<'_>) -> Result<u64> {
    index.fits(ranking.embedding.len())?;
    let worth_it = index.group_count() * EPISODES_OF_A_GROUP <= index.episodes.ids.len();
    let bound = |group: &Group| if worth_it { ranking.match_bound(&group.context) } else { 1.0 };
    let bounds: Vec<f32> = index.groups.iter().map(bound).collect();
    let longest = index.longest * ranking.length();
    let mut search =
        Search { index, matches: Vec::new(), longest, slack: SLACK * longest + f32::EPSILON, space: Vec::new() };
    let units = if index.blocks.is_empty() { None } else { Units::of(ranking.embedding) };
    Ok(match units {
        Some(units) => search.blocks(&units, &bounds, ranking),
        None => search.groups(&bounds, ranking),
    })
}

struct Search<'a> {
    index: &'a Index,
    /// The match of each context; NaN if not computed yet.
    matches: Vec<f32>,
    /// The largest similarity that there can be.
    longest: f32,
    slack: f32,
    /// Room for a vector.
    space: Vec<f32>,
}

impl Search<'_> {
    /// Scores all episodes, group by group, but for those whose contexts rule them out.
    fn groups(&mut self, bounds: &[f32], ranking: &mut Ranking<'_>) -> u64 {
        let mut promising: Vec<usize> = (0..bounds.len()).collect();
        promising.sort_by(|one, two| bounds[*two].total_cmp(&bounds[*one]));
        for group in promising {
            if ranking.admits(self.longest, bounds[group], self.slack) {
                self.index.groups[group].slots.iter().for_each(|slot| self.score(*slot, ranking));
            }
        }
        0
    }

    fn score(&mut self, slot: u32, ranking: &mut Ranking<'_>) {
        let context_match = self.match_of(slot, ranking);
        if ranking.admits(self.longest, context_match, self.slack) {
            let episodes = &self.index.episodes;
            let embedding = episodes.embeddings[slot as usize].read(&mut self.space);
            ranking.offer_matched(episodes.ids[slot as usize], context_match, embedding);
        }
    }

    fn match_of(&mut self, slot: u32, ranking: &Ranking<'_>) -> f32 {
        if ranking.context.is_none() {
            return 0.0;
        }
        self.matches.resize(self.index.contexts.len(), f32::NAN);
        let context = self.index.episodes.context_of[slot as usize] as usize;
        if self.matches[context].is_nan() {
            self.matches[context] = ranking.match_of(&self.index.contexts[context].context);
        }
        self.matches[context]
    }

    /// Estimates block by block, the most promising one first, and scores the best estimates.
    fn blocks(&mut self, units: &Units, bounds: &[f32], ranking: &mut Ranking<'_>) -> u64 {
        let index = self.index;
        index.uncoded.iter().for_each(|slot| self.score(*slot, ranking));
        let nearest = if index.cells.is_empty() { Vec::new() } else { index.cells.bounds(ranking.embedding) };
        let best_match = most(bounds.iter().copied());
        let mut promising = Vec::with_capacity(index.blocks.len());
        for (block, number) in index.blocks.iter().zip(0u32..) {
            let (nearness, matching) = match nearest.is_empty() {
                true => (self.longest, most(block.groups.iter().map(|group| bounds[*group as usize]))),
                false => (most(block.cells.iter().map(|cell| nearest[*cell as usize])).min(self.longest), best_match),
            };
            promising.push((ranking.score(nearness, matching), matching, number));
        }
        promising.sort_unstable_by(|one, two| two.0.total_cmp(&one.0).then(one.2.cmp(&two.2)));

        let (of_query, of_codes) = (units.error * index.longest, units.length * index.coarsest);
        let both = (of_query * of_query + of_codes * of_codes).sqrt();
        let likely = chance(DEVIATIONS, ranking.embedding.len()) * both;
        let margin = self.slack + likely.min(of_query + of_codes);
        let surely = if nearest.is_empty() { 0 } else { (index.blocks.len() / SHARE).max(FEWEST) };
        let mut shortlist = Shortlist::new(&index.episodes, ranking, margin);
        let (mut read, mut next_cut) = (0, 1);
        for (place, (bound, matching, number)) in promising.iter().enumerate() {
            if place == next_cut || place == surely {
                shortlist.cut();
                next_cut = 4 * place.max(1);
            }
            if place >= surely && shortlist.ranking.worst().is_some_and(|worst| bound + self.slack < worst) {
                break;
            }
            let block = &index.blocks[*number as usize];
            let needed = shortlist.ranking.similarity_for(shortlist.floor, *matching) - self.slack;
            read += block.slots.len() as u64;
            block.candidates(units, needed, |slot, estimate| {
                let context_match = self.match_of(slot, shortlist.ranking);
                shortlist.add(slot, estimate, context_match);
            });
        }
        shortlist.finish();
        read
    }
}

/// The largest number.
fn most(numbers: impl Iterator<Item = f32>) -> f32 {
    numbers.fold(f32::NEG_INFINITY, f32::max)
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;
    use crate::retrieval::ranking::Ranked;
    use crate::{Complexity, Embedder, EpisodeId, Error, FeatureHashing, TaskContext};

    /// The answers of a scan, of an index without codes, and of one with codes.
    fn all(
        episodes: &[(EpisodeId, TaskContext, Vec<f32>)],
        ask: (&[f32], Option<&TaskContext>, usize),
    ) -> [Vec<Ranked>; 3] {
        let (embedding, context, limit) = ask;
        let mut scanned = Ranking::new(embedding, context, limit);
        episodes.iter().for_each(|(id, context, embedding)| scanned.offer(*id, context, embedding));
        let scored = scanned.scored();
        let [plain, coded] = [usize::MAX, 50].map(|coded_from| {
            let mut index = Index::coded_from(coded_from);
            // Others come and go in between: whatever they leave behind shows in the answers.
            for (place, (id, context, embedding)) in episodes.iter().enumerate() {
                let others = [id.0 + 10_000, id.0 + 20_000].map(EpisodeId);
                index.add(others[0], context, embedding);
                index.add(*id, context, embedding);
                index.add(others[1], &episodes[place / 2].1, &episodes[place / 2].2);
                index.remove(others[1]);
                if place % 3 == 0 {
                    index.remove(others[0]);
                }
            }
            episodes.iter().for_each(|(id, ..)| index.remove(EpisodeId(id.0 + 10_000)));
            assert_eq!(index.len(), episodes.len());
            let mut searched = Ranking::new(embedding, context, limit);
            search(&index, &mut searched).expect("embeddings of one length");
            assert!(searched.scored() <= scored, "nothing is scored twice");
            searched.into_best()
        });
        [scanned.into_best(), plain, coded]
    }

    fn context() -> impl Strategy<Value = TaskContext> {
        let word = || select(&["web", "cli", "rust"][..]).prop_map(str::to_owned);
        let complexity = select(&[Complexity::Simple, Complexity::Complex][..]);
        (proptest::option::of(word()), word(), complexity, vec(word(), 0..3)).prop_map(
            |(language, domain, complexity, tags)| TaskContext {
                language,
                domain,
                complexity,
                tags,
                ..TaskContext::default()
            },
        )
    }

    /// Few words, so that tasks share some, and enough episodes of few contexts that they fill blocks.
    fn task() -> impl Strategy<Value = String> {
        let common = select(&["fix", "the", "parser", "web", "server", "test"][..]);
        (vec(common, 0..5), 0..40u32).prop_map(|(words, rare)| format!("{} t{rare} u{}", words.join(" "), rare % 7))
    }

    fn embed(dimensions: usize, task: &str) -> Vec<f32> {
        let mut vector = Vec::new();
        FeatureHashing::new(dimensions).embed(task, &mut vector);
        vector
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, rng_seed: proptest::test_runner::RngSeed::Fixed(7), ..ProptestConfig::default() })]

        #[test]
        fn it_answers_as_a_scan_does_to_the_bit(
            episodes in vec((context(), task()), 1..600),
            query in (task(), proptest::option::of(context()), 1..20usize),
            dimensions in select(&[16usize, 100, 256][..]),
        ) {
            let numbered = (0u128..).zip(&episodes);
            let episodes: Vec<_> = numbered
                .map(|(number, (context, task))| (EpisodeId(number * 7919 % 601), context.clone(), embed(dimensions, task)))
                .collect();
            let (text, context, limit) = &query;
            let [scanned, plain, coded] = all(&episodes, (&embed(dimensions, text), context.as_ref(), *limit));
            prop_assert_eq!(&scanned, &plain);
            prop_assert_eq!(scanned, coded);
        }

        /// Dense vectors, of any length, with numbers that are none. The error allowed for in so few dimensions is the
        /// largest possible.
        #[test]
        fn any_vectors_will_do(
            vectors in vec(vec(prop_oneof![6 => -2.0f32..2.0, 3 => Just(0.0), 1 => select(&[1e-30f32, 1e20, -1e20, f32::INFINITY])], 8), 1..300),
            query in vec(prop_oneof![4 => -2.0f32..2.0, 4 => Just(0.0f32)], 8),
            limit in 1..12usize,
        ) {
            let episodes: Vec<_> = (0u128..).map(EpisodeId).zip(vectors).map(|(id, vector)| (id, TaskContext::default(), vector)).collect();
            let [scanned, plain, coded] = all(&episodes, (&query, None, limit));
            let bits = |found: &[Ranked]| found.iter().map(|ranked| (ranked.id, ranked.score.to_bits())).collect::<Vec<_>>();
            prop_assert_eq!(bits(&scanned), bits(&plain));
            prop_assert_eq!(bits(&scanned), bits(&coded));
        }
    }

    #[test]
    fn a_query_that_is_like_nothing_and_ties_are_answered_alike() {
        let embed = |text: &str| embed(256, text);
        let context = TaskContext::default();
        let episodes: Vec<_> =
            (0..5_000u128).map(|id| (EpisodeId(4_999 - id), context.clone(), embed("the same task"))).collect();
        for text in ["", "entirely otherwise", "the same task"] {
            for context in [None, Some(&context)] {
                let [scanned, plain, coded] = all(&episodes, (&embed(text), context, 10));
                assert_eq!((&scanned, &scanned), (&plain, &coded), "{text:?}");
                assert_eq!(scanned.iter().map(|ranked| ranked.id.0).collect::<Vec<_>>(), (0..10).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn most_is_left_out() {
        let context = |domain: &str| TaskContext { domain: domain.to_owned(), ..TaskContext::default() };
        let mut index = Index::default();
        for number in 0..10_000u128 {
            let domain = ["web", "cli", "parsing", "drawing"][number as usize % 4];
            let task = format!("ticket {number} of module m{}: the words that all of them have", number % 97);
            index.add(EpisodeId(number), &context(domain), &embed(256, &task));
        }
        assert_eq!(index.len(), 10_000);
        let (query, web) = (embed(256, "ticket 1200 of module m36: the words that all of them have"), context("web"));
        let mut ranking = Ranking::new(&query, Some(&web), 10);
        let codes = search(&index, &mut ranking).expect("embeddings of one length");
        let scored = ranking.scored();
        assert_eq!(ranking.into_best()[0].id, EpisodeId(1200));
        assert!(scored < 100 && codes < 4_000, "{scored} scored, {codes} codes read");
    }

    #[test]
    fn an_index_of_constant_size_takes_constant_room() {
        let (mut index, mut kept) = (Index::coded_from(50), std::collections::VecDeque::new());
        for number in 0..6_000u128 {
            let ticket = format!("ticket {number}");
            let context = TaskContext { domain: ticket.clone(), tags: vec![ticket], ..TaskContext::default() };
            let (id, embedding) = (EpisodeId(number), embed(16, &format!("t{} u{}", number % 97, number % 7)));
            index.add(id, &context, &embedding);
            index.add(EpisodeId(number + 10_000), &context, &embedding);
            index.remove(EpisodeId(number + 10_000)); // leaves the last block
            kept.push_back((id, context, embedding));
            if kept.len() > 600 {
                index.remove(kept[0].0);
                kept.pop_front();
            }
        }
        assert_eq!((index.len(), index.group_count()), (600, 600));
        assert!(index.blocks.len() <= 8, "{} blocks", index.blocks.len());
        let (contexts, groups) = (index.contexts.len(), index.groups.len());
        assert!(contexts <= 602 && groups <= 602, "{contexts} contexts, {groups} groups");
        let (query, context) = (embed(16, "t5 u5"), kept[300].1.clone());
        for context in [None, Some(&context)] {
            let [mut scanned, mut searched] = [(); 2].map(|()| Ranking::new(&query, context, 10));
            kept.iter().for_each(|(id, context, embedding)| scanned.offer(*id, context, embedding));
            search(&index, &mut searched).expect("embeddings of one length");
            assert_eq!(scanned.into_best(), searched.into_best());
        }
    }

    #[test]
    fn embeddings_of_another_length_are_an_error() {
        let mut index = Index::default();
        index.add(EpisodeId(1), &TaskContext::default(), &[1.0, 0.0]);
        let stored = |index: &Index, query: &[f32]| match search(index, &mut Ranking::new(query, None, 1)) {
            Err(Error::EmbeddingDimensions { stored, .. }) => Some(stored),
            other => other.ok().and(None),
        };
        assert_eq!((stored(&index, &[1.0]), stored(&index, &[1.0, 0.0])), (Some(2), None));
        index.add(EpisodeId(2), &TaskContext::default(), &[1.0]);
        assert_eq!(stored(&index, &[1.0, 0.0]), Some(1));
    }
}
