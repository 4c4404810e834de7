//! The index of completed episodes: groups of like contexts, each with inverted lists of its embeddings
//! ([`super::group`]).
//!
//! It is exact. Graphs of neighbours (HNSW, DiskANN) are approximate, ignore contexts, and would answer otherwise than
//! a scan. Embeddings by feature hashing are sparse, and for sparse vectors lists with bounds find the very same
//! episodes at a fraction of the cost.
//!
//! The best match of a group's contexts with the query's bounds every score in the group: groups are searched the most
//! promising first, and those that cannot reach the ranking are skipped. The ranking itself computes the scores, by the
//! same formula over the same vectors in the same order of additions as in a scan.
//!
//! It takes 4 bytes a dimension and 8 bytes a non-zero number for each episode, and contexts once. Nothing is ever
//! removed, as in the stores.

use std::collections::{HashMap, HashSet};

use super::Ranking;
use super::group::Group;
use super::search::{QueryTerms, search};
use crate::hash::FixedState;
use crate::{EpisodeId, Error, Result, TaskContext};

/// Every completed episode, by context and embedding.
#[derive(Debug, Default)]
pub(super) struct Index {
    ids: HashSet<EpisodeId, FixedState>,
    /// The group of a context without its tags.
    places: HashMap<TaskContext, usize, FixedState>,
    groups: Vec<Group>,
    /// The length of the embeddings, and that of a misfit, if there is one.
    dimensions: Option<usize>,
    misfit: Option<usize>,
}

impl Index {
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Adds an episode, unless it is there.
    pub fn add(&mut self, id: EpisodeId, context: &TaskContext, embedding: &[f32]) {
        if !self.ids.insert(id) {
            return;
        }
        let dimensions = *self.dimensions.get_or_insert(embedding.len());
        if embedding.len() != dimensions {
            self.misfit = Some(embedding.len()); // no retrieval will do any more
            return;
        }
        let alike = TaskContext { tags: Vec::new(), ..context.clone() };
        let place = *self.places.entry(alike).or_insert_with_key(|alike| {
            self.groups.push(Group::new(alike.clone(), dimensions));
            self.groups.len() - 1
        });
        self.groups[place].add(id, context, embedding);
    }

    /// Offers every episode to the ranking that may be among its best. Returns the number of list entries that it read.
    /// Fails if one was embedded otherwise than the query.
    pub fn search(&self, ranking: &mut Ranking<'_>) -> Result<u64> {
        let expected = ranking.embedding.len();
        if let Some(stored) = self.misfit.or(self.dimensions).filter(|stored| *stored != expected) {
            return Err(Error::EmbeddingDimensions { stored, expected });
        }
        let asked = QueryTerms::new(ranking.embedding);
        let mut promising: Vec<(f32, f32, &Group)> = Vec::with_capacity(self.groups.len());
        for group in &self.groups {
            let context_bound = ranking.match_bound(group.context());
            promising.push((ranking.score(asked.expected(group), context_bound), context_bound, group));
        }
        promising.sort_by(|(one, ..), (two, ..)| two.total_cmp(one));
        Ok(promising.into_iter().map(|(_, bound, group)| search(group, &asked, bound, ranking)).sum())
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::super::Ranked;
    use super::*;
    use crate::{Complexity, Embedder, FeatureHashing};

    fn both(
        episodes: &[(EpisodeId, TaskContext, Vec<f32>)],
        ask: (&[f32], Option<&TaskContext>, usize),
    ) -> [Vec<Ranked>; 2] {
        let (embedding, context, limit) = ask;
        let mut scanned = Ranking::new(embedding, context, limit);
        let mut index = Index::default();
        for (id, context, embedding) in episodes {
            scanned.offer(*id, context, embedding);
            index.add(*id, context, embedding);
        }
        let mut searched = Ranking::new(embedding, context, limit);
        index.search(&mut searched).expect("embeddings of one length");
        assert!(searched.scored() <= scanned.scored(), "nothing is scored twice");
        [scanned.into_best(), searched.into_best()]
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

    /// Few words, so that tasks share some, and enough episodes of few contexts that groups have lists.
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
            let [scanned, searched] = both(&episodes, (&embed(dimensions, text), context.as_ref(), *limit));
            prop_assert_eq!(scanned, searched);
        }

        /// Dense vectors, of any length, with numbers that are none.
        #[test]
        fn any_vectors_will_do(
            vectors in vec(vec(prop_oneof![6 => -2.0f32..2.0, 3 => Just(0.0), 1 => select(&[1e-30f32, 1e20, -1e20, f32::INFINITY])], 8), 1..300),
            query in vec(prop_oneof![4 => -2.0f32..2.0, 4 => Just(0.0f32)], 8),
            limit in 1..12usize,
        ) {
            let episodes: Vec<_> = (0u128..).map(EpisodeId).zip(vectors).map(|(id, vector)| (id, TaskContext::default(), vector)).collect();
            let [scanned, searched] = both(&episodes, (&query, None, limit));
            let bits = |found: &[Ranked]| found.iter().map(|ranked| (ranked.id, ranked.score.to_bits())).collect::<Vec<_>>();
            prop_assert_eq!(bits(&scanned), bits(&searched));
        }
    }

    #[test]
    fn a_query_that_is_like_nothing_and_ties_are_answered_alike() {
        let embed = |text: &str| embed(256, text);
        let context = TaskContext::default();
        let episodes: Vec<_> =
            (0..500u128).map(|id| (EpisodeId(499 - id), context.clone(), embed("the same task"))).collect();
        for text in ["", "entirely otherwise", "the same task"] {
            for context in [None, Some(&context)] {
                let [scanned, searched] = both(&episodes, (&embed(text), context, 10));
                assert_eq!(scanned, searched, "{text:?}");
                assert_eq!(searched.iter().map(|ranked| ranked.id.0).collect::<Vec<_>>(), (0..10).collect::<Vec<_>>());
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
        let postings = index.search(&mut ranking).expect("embeddings of one length");
        let scored = ranking.scored();
        assert_eq!(ranking.into_best()[0].id, EpisodeId(1200));
        assert!(scored < 1_000 && postings < 5_000, "{scored} scored, {postings} entries read");
    }

    #[test]
    fn embeddings_of_another_length_are_an_error() {
        let mut index = Index::default();
        index.add(EpisodeId(1), &TaskContext::default(), &[1.0, 0.0]);
        let stored = |index: &Index, query: &[f32]| match index.search(&mut Ranking::new(query, None, 1)) {
            Err(Error::EmbeddingDimensions { stored, .. }) => Some(stored),
            other => other.ok().and(None),
        };
        assert_eq!((stored(&index, &[1.0]), stored(&index, &[1.0, 0.0])), (Some(2), None));
        index.add(EpisodeId(2), &TaskContext::default(), &[1.0]);
        assert_eq!(stored(&index, &[1.0, 0.0]), Some(1));
    }
}
