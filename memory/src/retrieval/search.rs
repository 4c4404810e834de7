//! The search in one group of the index: exact, by lists and bounds.
//!
//! It walks the lists of the query's dimensions and signs, the shortest first, and sums up for every episode in them
//! its products with the query. Numbers of the other sign only lower a score, and are ignored. The rest of a score is
//! bounded by norms (Cauchy-Schwarz), apart for rare and common lists: the norm of the query's part there, times that
//! of the episode's. Therefore:
//!
//! - Once that bound is too low for the ranking, an episode that was not met yet cannot enter it: the walk ends.
//! - Common lists usually need not be walked. After the rare ones, an episode whose common part cannot make up for its
//!   deficit is out. Only if too many are left to score each, the common lists are walked as well.
//! - The sooner the ranking is good, the sooner all this ends. So the most promising episodes are scored in between.
//!
//! The ranking scores from the whole embedding, as in a scan. Bounds are compared with some slack, for sums are in
//! single precision.
//!
//! Sources: Bayardo, Ma and Srikant, "Scaling up all pairs similarity search" (WWW 2007); Anastasiu and Karypis, "L2AP:
//! fast cosine similarity search with prefix L-2 norm bounds" (ICDE 2014); Turtle and Flood, "Query evaluation:
//! strategies and optimizations" (1995), for ending a walk by bounds.

use super::Ranking;
use super::group::{Group, Posting, numbers};
use crate::embedding::dot;

/// The error of a bound, relative to the norms: far more than the roundings of a few thousand additions.
const SLACK: f32 = 1e-4;

/// The cost of scoring an episode, in list entries.
const SCORING: usize = 32;

/// Marks a scored episode: less than any sum.
const SCORED: f32 = f32::NEG_INFINITY;

/// A query's embedding as list entries.
#[derive(Debug)]
pub(super) struct QueryTerms {
    /// The list, and the query's number there, without its sign.
    numbers: Vec<(usize, f32)>,
    length: f32,
}

impl QueryTerms {
    pub fn new(embedding: &[f32]) -> QueryTerms {
        QueryTerms { numbers: numbers(embedding).collect(), length: dot(embedding, embedding).sqrt() }
    }

    /// A guess of the similarity of the group's better episodes, for the order of searches only.
    pub fn expected(&self, group: &Group) -> f32 {
        let common = self.numbers.iter().filter(|(list, _)| group.common.get(*list) == Some(&true));
        common.map(|(_, value)| value * value).sum()
    }
}

/// The norms of the query's parts in the lists that were not walked.
#[derive(Debug, Clone, Copy, Default)]
struct Remaining {
    rare: f32,
    common: f32,
}

/// A list, and the query's number there.
type List<'a> = (&'a [Posting], f32);

/// Offers every episode of the group to the ranking that may be among its best. `context_bound` is the best match of
/// its contexts. Returns the number of list entries that it read.
pub(super) fn search(group: &Group, asked: &QueryTerms, context_bound: f32, ranking: &mut Ranking<'_>) -> u64 {
    let most = asked.length * group.longest;
    let slack = SLACK * most + f32::EPSILON;
    if !ranking.admits(most, context_bound, slack) {
        return 0;
    }
    let matches = vec![f32::NAN; group.contexts.len()];
    let sums = vec![0.0; group.len()];
    let mut search = Search { group, ranking, slack, context_bound, matches, sums, met: Vec::new(), read: 0 };
    if group.lists.is_empty() {
        (0..group.len()).for_each(|slot| search.score(slot, most));
    } else {
        group.unlisted.iter().for_each(|slot| search.score(*slot as usize, most));
        search.walk(asked);
    }
    search.read
}

struct Search<'a, 'r, 'q> {
    group: &'a Group,
    ranking: &'r mut Ranking<'q>,
    slack: f32,
    /// The best match of the group's contexts.
    context_bound: f32,
    /// The match of each of the group's contexts; NaN if not computed yet.
    matches: Vec<f32>,
    /// The sum of each episode's products in the lists walked so far; [`SCORED`] once it was scored.
    sums: Vec<f32>,
    met: Vec<u32>,
    /// List entries that were read.
    read: u64,
}

impl<'a> Search<'a, '_, '_> {
    fn walk(&mut self, asked: &QueryTerms) {
        let group = self.group;
        let (mut rare, mut common): (Vec<List<'a>>, Vec<List<'a>>) = (Vec::new(), Vec::new());
        for (list, value) in &asked.numbers {
            let postings = group.lists[*list].as_slice();
            if !postings.is_empty() {
                if group.common[*list] { &mut common } else { &mut rare }.push((postings, *value));
            }
        }
        rare.sort_by_key(|(postings, _)| postings.len());
        let lengths = rests(&rare);
        let mut rest = Remaining { rare: lengths[0], common: rests(&common)[0] };
        let mut since_scored = 0;
        for (place, (postings, value)) in rare.iter().enumerate() {
            rest.rare = lengths[place];
            // Reading on costs as much as looking at all that were met.
            if since_scored + postings.len() >= self.met.len() {
                self.score_best(rest);
                since_scored = 0;
            }
            if !self.admits(f32::hypot(rest.rare, rest.common) * group.longest) {
                return self.score_all(self.promising(rest));
            }
            self.add(postings, *value);
            since_scored += postings.len();
        }
        rest.rare = 0.0;
        self.score_best(rest);
        let mut left = self.promising(rest);
        self.add_unmet(rest, &mut left);
        if left.len() * SCORING <= common.iter().map(|(postings, _)| postings.len()).sum() {
            return self.score_all(left);
        }
        common.iter().for_each(|(postings, value)| self.add(postings, *value));
        self.score_all(self.promising(Remaining::default()));
        if self.admits(0.0) {
            (0..group.len()).for_each(|slot| self.score(slot, 0.0)); // those that have nothing in common with the query
        }
    }

    /// An episode of at most this similarity may be among the best.
    fn admits(&self, similarity: f32) -> bool {
        self.ranking.admits(similarity, self.context_bound, self.slack)
    }

    #[inline(never)]
    fn add(&mut self, postings: &[Posting], value: f32) {
        for posting in postings {
            let sum = &mut self.sums[posting.slot as usize];
            if *sum == 0.0 {
                self.met.push(posting.slot);
            }
            *sum += value * posting.value;
        }
        self.read += postings.len() as u64;
    }

    /// The upper bound of an episode's similarity.
    fn bound(&self, slot: u32, rest: Remaining) -> f32 {
        let parts = self.group.parts[slot as usize];
        self.sums[slot as usize] + rest.rare * parts.rare + rest.common * parts.common
    }

    /// The episodes met and not scored that may be among the best, with their bounds.
    fn promising(&self, rest: Remaining) -> Vec<(f32, u32)> {
        let unscored = self.met.iter().filter(|slot| self.sums[**slot as usize] != SCORED);
        unscored.map(|slot| (self.bound(*slot, rest), *slot)).filter(|(bound, _)| self.admits(*bound)).collect()
    }

    /// Adds the episodes that were not met and may be among the best for their common parts.
    fn add_unmet(&self, rest: Remaining, promising: &mut Vec<(f32, u32)>) {
        for (most, slots) in self.group.by_share() {
            if !self.admits(rest.common * most * self.group.longest) {
                return;
            }
            let unmet = slots.iter().filter(|slot| self.sums[**slot as usize] == 0.0);
            let bounded = unmet.map(|slot| (self.bound(*slot, rest), *slot));
            promising.extend(bounded.filter(|(bound, _)| self.admits(*bound)));
        }
    }

    /// Scores the most promising of those met, as many as the ranking wants.
    fn score_best(&mut self, rest: Remaining) {
        let mut best = self.promising(rest);
        let wanted = self.ranking.limit.max(1);
        if best.len() > wanted {
            best.select_nth_unstable_by(wanted - 1, |(one, _), (two, _)| two.total_cmp(one));
            best.truncate(wanted);
        }
        best.into_iter().for_each(|(bound, slot)| self.score(slot as usize, bound));
    }

    /// Scores them, the most promising first, while they may be among the best.
    fn score_all(&mut self, mut promising: Vec<(f32, u32)>) {
        promising.sort_unstable_by(|(one, _), (two, _)| two.total_cmp(one));
        promising.into_iter().for_each(|(bound, slot)| self.score(slot as usize, bound));
    }

    /// Scores an episode, unless it was scored, or its context and the bound of its similarity rule it out.
    fn score(&mut self, slot: usize, similarity: f32) {
        if std::mem::replace(&mut self.sums[slot], SCORED) == SCORED {
            return;
        }
        let group = self.group;
        let place = group.context_of[slot] as usize;
        if self.matches[place].is_nan() {
            self.matches[place] = self.ranking.match_of(&group.contexts[place]);
        }
        if self.ranking.admits(similarity, self.matches[place], self.slack) {
            self.ranking.offer_matched(group.ids[slot], self.matches[place], &group.embeddings[slot]);
        }
    }
}

/// The norms of the query's parts in the lists from each place on.
fn rests(lists: &[List<'_>]) -> Vec<f32> {
    let mut rests = vec![0.0; lists.len() + 1];
    let mut squares = 0.0;
    for (place, (_, value)) in lists.iter().enumerate().rev() {
        squares += value * value;
        rests[place] = f32::sqrt(squares);
    }
    rests
}
