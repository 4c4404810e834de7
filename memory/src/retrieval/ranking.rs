//! The formula of a retrieval, and the ranking that computes it.

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeSet, BinaryHeap};
use std::sync::Arc;

use crate::embedding::dot;
use crate::{Episode, EpisodeId, TaskContext};

const SIMILARITY_WEIGHT: f32 = 0.6;
const CONTEXT_WEIGHT: f32 = 0.4;

const DOMAIN_WEIGHT: f32 = 0.35;
const LANGUAGE_WEIGHT: f32 = 0.25;
const FRAMEWORK_WEIGHT: f32 = 0.15;
const COMPLEXITY_WEIGHT: f32 = 0.10;
const TAGS_WEIGHT: f32 = 0.15;

/// The most tags, of two lists together, that are compared each with each.
const FEW_TAGS: usize = 128;

/// A query for completed episodes.
///
/// ```text
/// score         = similarity                                       without a context in the query
///               = 0.6 similarity + 0.4 context match               with one
/// similarity    = dot product of the embeddings of the two tasks   (unit length: the cosine)
/// context match = weighted part of the query's fields that agree   domain 0.35, language 0.25, framework 0.15,
///                                                                  complexity 0.10,
///                                                                  tags 0.15 x |shared| / |either| (Jaccard)
/// ```
///
/// Fields that the query leaves open (no language, an empty domain, no tags) do not count, and the weights of the
/// others are scaled to sum to 1. Text counts more than context, because context tells kinds of task apart and text
/// tells tasks apart. Equal scores are in the order of ids, so that every store and every strategy gives the same list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Query {
    /// The task, in words.
    pub text: String,
    /// Its context, if it shall count.
    pub context: Option<TaskContext>,
    /// The most episodes wanted.
    pub limit: usize,
}

/// A retrieved episode.
#[derive(Debug, Clone, PartialEq)]
pub struct Retrieved {
    /// Its id.
    pub id: EpisodeId,
    /// The score: the higher, the more alike.
    pub score: f32,
    /// The cosine of the two tasks' embeddings, from -1 to 1.
    pub similarity: f32,
    /// The match of the contexts, from 0 to 1; 0 if the query has none.
    pub context_match: f32,
    /// The episode.
    pub episode: Arc<Episode>,
}

/// An episode's place in a ranking, before it is loaded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ranked {
    pub id: EpisodeId,
    pub score: f32,
    pub similarity: f32,
    pub context_match: f32,
}

impl Eq for Ranked {}

impl Ord for Ranked {
    /// The better one is the greater: the higher score, then the lower id.
    fn cmp(&self, other: &Ranked) -> Ordering {
        self.score.total_cmp(&other.score).then_with(|| other.id.cmp(&self.id))
    }
}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Ranked) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Scores episodes one by one and keeps the best.
#[derive(Debug)]
pub struct Ranking<'q> {
    pub(super) embedding: &'q [f32],
    pub(super) context: Option<&'q TaskContext>,
    pub(super) limit: usize,
    best: BinaryHeap<Reverse<Ranked>>, // the worst of the best on top
    scored: u64,
}

impl<'q> Ranking<'q> {
    /// The best `limit` episodes for a text with that embedding, in that context.
    pub fn new(embedding: &'q [f32], context: Option<&'q TaskContext>, limit: usize) -> Ranking<'q> {
        Ranking { embedding, context, limit, best: BinaryHeap::new(), scored: 0 }
    }

    /// Scores an episode, and keeps it if it is among the best so far.
    pub fn offer(&mut self, id: EpisodeId, context: &TaskContext, embedding: &[f32]) {
        self.offer_matched(id, self.match_of(context), embedding);
    }

    /// [`Ranking::offer`], where the match of the contexts is known.
    #[inline(never)]
    pub fn offer_matched(&mut self, id: EpisodeId, context_match: f32, embedding: &[f32]) {
        self.scored += 1;
        let candidate = Reverse(self.place(id, context_match, embedding));
        if self.best.len() < self.limit {
            self.best.push(candidate);
        } else if let Some(mut worst) = self.best.peek_mut()
            && candidate < *worst
        {
            *worst = candidate;
        }
    }

    /// The place of an episode, among the best or not. Its embedding is as long as the query's.
    #[inline]
    pub fn place(&self, id: EpisodeId, context_match: f32, embedding: &[f32]) -> Ranked {
        let similarity = dot(self.embedding, embedding);
        Ranked { id, score: self.score(similarity, context_match), similarity, context_match }
    }

    /// The match of a context with the query's; 0 if the query has none.
    pub fn match_of(&self, context: &TaskContext) -> f32 {
        self.context.map_or(0.0, |asked| context_match(asked, context))
    }

    /// The largest [`Ranking::match_of`] of the contexts that differ from this one only in their tags.
    pub(super) fn match_bound(&self, context: &TaskContext) -> f32 {
        self.context.map_or(0.0, |asked| agreement(asked, context, || 1.0))
    }

    pub(super) fn score(&self, similarity: f32, context_match: f32) -> f32 {
        match self.context {
            Some(_) => SIMILARITY_WEIGHT * similarity + CONTEXT_WEIGHT * context_match,
            None => similarity,
        }
    }

    /// An episode with at most this similarity and match may be among the best. `slack` is the error of the bound
    /// against [`dot`]. NaN is admitted.
    pub(crate) fn admits(&self, similarity: f32, context_match: f32, slack: f32) -> bool {
        match self.best.peek() {
            Some(Reverse(worst)) if self.best.len() >= self.limit => {
                let surely_worse = self.score(similarity, context_match) + slack < worst.score;
                !surely_worse
            }
            _ => true,
        }
    }

    /// The length of the query's embedding.
    pub(super) fn length(&self) -> f32 {
        dot(self.embedding, self.embedding).sqrt()
    }

    /// The lowest score among the best, once there are as many as wanted.
    pub(super) fn worst(&self) -> Option<f32> {
        self.best.peek().filter(|_| self.best.len() >= self.limit).map(|Reverse(worst)| worst.score)
    }

    /// The similarity with which an episode of that match has this score.
    pub(super) fn similarity_for(&self, score: f32, context_match: f32) -> f32 {
        match self.context {
            Some(_) => (score - CONTEXT_WEIGHT * context_match) / SIMILARITY_WEIGHT,
            None => score,
        }
    }

    pub fn scored(&self) -> u64 {
        self.scored
    }

    /// The best ones, the best first.
    pub fn into_best(self) -> Vec<Ranked> {
        self.best.into_sorted_vec().into_iter().map(|Reverse(ranked)| ranked).collect()
    }
}

/// The match of a context with that of a query, from 0 to 1: the formula of [`Query`].
#[inline(never)]
pub fn context_match(query: &TaskContext, context: &TaskContext) -> f32 {
    agreement(query, context, || jaccard(&query.tags, &context.tags))
}

/// [`context_match`], with the agreement of the tags given by `tags`.
#[inline]
fn agreement(query: &TaskContext, context: &TaskContext, tags: impl FnOnce() -> f32) -> f32 {
    let mut agreed = 0.0;
    let mut asked = 0.0;
    let mut field = |weight: f32, part: f32| {
        asked += weight;
        agreed += weight * part;
    };
    let same = |same: bool| f32::from(u8::from(same));
    if !query.domain.is_empty() {
        field(DOMAIN_WEIGHT, same(query.domain == context.domain));
    }
    if query.language.is_some() {
        field(LANGUAGE_WEIGHT, same(query.language == context.language));
    }
    if query.framework.is_some() {
        field(FRAMEWORK_WEIGHT, same(query.framework == context.framework));
    }
    field(COMPLEXITY_WEIGHT, same(query.complexity == context.complexity));
    if !query.tags.is_empty() {
        field(TAGS_WEIGHT, tags());
    }
    agreed / asked
}

/// The Jaccard index of two lists of tags. Most lists are short: comparing each with each costs less than a set.
/// Repeated tags count once.
fn jaccard(a: &[String], b: &[String]) -> f32 {
    if a.len() + b.len() > FEW_TAGS {
        let [one, other] = [a, b].map(|tags| tags.iter().collect::<BTreeSet<_>>());
        let shared = one.intersection(&other).count();
        return shared as f32 / (one.len() + other.len() - shared) as f32;
    }
    let first = |tags: &[String], place: usize| !tags[..place].contains(&tags[place]);
    let distinct = |tags: &[String]| (0..tags.len()).filter(|&place| first(tags, place)).count();
    let shared = (0..a.len()).filter(|&place| first(a, place) && b.contains(&a[place])).count();
    let either = distinct(a) + distinct(b) - shared;
    if either == 0 { 0.0 } else { shared as f32 / either as f32 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Complexity;

    fn context(domain: &str, language: Option<&str>, tags: &[&str]) -> TaskContext {
        TaskContext {
            domain: domain.to_owned(),
            language: language.map(str::to_owned),
            tags: tags.iter().map(ToString::to_string).collect(),
            ..TaskContext::default()
        }
    }

    fn offer(ranking: &mut Ranking<'_>, id: u128, context: &TaskContext, embedding: &[f32]) {
        ranking.offer(EpisodeId(id), context, embedding);
    }

    fn ids(ranking: Ranking<'_>) -> Vec<u128> {
        ranking.into_best().into_iter().map(|ranked| ranked.id.0).collect()
    }

    #[test]
    fn the_best_come_first_and_ties_by_id() {
        let mut ranking = Ranking::new(&[1.0, 0.0], None, 3);
        for (id, x) in [(5, 0.1), (4, 0.9), (3, 0.5), (2, 0.5), (1, 0.5), (6, -1.0)] {
            offer(&mut ranking, id, &TaskContext::default(), &[x, 0.0]);
        }
        assert_eq!(ranking.scored(), 6);
        assert_eq!(ids(ranking), [4, 1, 2]);
    }

    #[test]
    fn the_order_of_offers_does_not_matter() {
        let scores: Vec<f32> = (0..100).map(|place| ((place * 37) % 10) as f32).collect();
        let rank = |order: &mut dyn Iterator<Item = usize>| {
            let mut ranking = Ranking::new(&[1.0], None, 7);
            order.for_each(|place| offer(&mut ranking, place as u128, &TaskContext::default(), &[scores[place]]));
            ids(ranking)
        };
        assert_eq!(rank(&mut (0..100)), rank(&mut (0..100).rev()));
    }

    #[test]
    fn a_limit_of_zero_keeps_nothing() {
        let mut ranking = Ranking::new(&[1.0], None, 0);
        offer(&mut ranking, 1, &TaskContext::default(), &[1.0]);
        assert!(ranking.into_best().is_empty());
    }

    #[test]
    fn context_decides_between_equal_texts() {
        let query = context("web", Some("rust"), &[]);
        let mut ranking = Ranking::new(&[1.0], Some(&query), 2);
        offer(&mut ranking, 1, &context("cli", Some("rust"), &[]), &[1.0]);
        offer(&mut ranking, 2, &context("web", Some("rust"), &[]), &[1.0]);
        let best = ranking.into_best();
        assert_eq!((best[0].id.0, best[0].context_match, best[0].score), (2, 1.0, 1.0));
        // domain missed: (0.25 + 0.10) of (0.35 + 0.25 + 0.10)
        assert!((best[1].context_match - 0.5).abs() < 1e-6, "{}", best[1].context_match);
        assert!((best[1].score - 0.8).abs() < 1e-6, "{}", best[1].score);
    }

    #[test]
    fn what_the_query_leaves_open_does_not_count() {
        let open = TaskContext::default();
        assert_eq!(context_match(&open, &context("web", Some("rust"), &["http"])), 1.0);
        let hard = TaskContext { complexity: Complexity::Complex, ..TaskContext::default() };
        assert_eq!(context_match(&hard, &open), 0.0);
        assert_eq!(context_match(&context("web", None, &[]), &context("web", Some("rust"), &["http"])), 1.0);
    }

    #[test]
    fn tags_count_by_their_shared_part() {
        let list = |tags: &[&str]| context("", None, tags).tags;
        assert_eq!(jaccard(&list(&["a", "b"]), &list(&["b", "c"])), 1.0 / 3.0);
        assert_eq!(jaccard(&list(&["a", "a"]), &list(&["a", "b", "b"])), 0.5);
        assert_eq!(jaccard(&list(&["a"]), &[]), 0.0);
    }

    #[test]
    fn many_tags_count_as_few_do() {
        // So many, and the first of them a second time.
        let tags = |first: usize, many: usize| -> Vec<String> {
            (first..first + many).chain([first]).map(|number| format!("t{number}")).collect()
        };
        for many in [10, FEW_TAGS / 2 - 1, FEW_TAGS / 2, 3_000] {
            let (shared, either) = (many - many / 2, many + many / 2);
            assert_eq!(jaccard(&tags(0, many), &tags(many / 2, many)), shared as f32 / either as f32, "{many}");
        }
        assert_eq!(jaccard(&tags(0, 3_000), &[]), 0.0);
        assert_eq!(jaccard(&[], &tags(0, 3_000)), 0.0);
    }
}
