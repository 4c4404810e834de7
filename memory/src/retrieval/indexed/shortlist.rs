//! The episodes that a pass over codes leaves to be scored from their whole vectors.
//!
//! It keeps the best by their estimates, at most [`Shortlist::most`]. Now and then the best of them are scored, so that
//! the ranking tells which estimates are too low to be worth keeping.

use std::cmp::Ordering;

use super::index::Episodes;
use crate::retrieval::ranking::Ranking;

/// The fewest episodes that are kept, and how many for each one wanted.
const LEAST: usize = 2_000;
const FOR_EACH: usize = 20;

/// The size at which it is first cut.
const FIRST_CUT: usize = 128;

#[derive(Debug, Clone, Copy)]
struct Candidate {
    /// The score by the estimate.
    score: f32,
    slot: u32,
    context_match: f32,
}

pub(super) struct Shortlist<'a, 'r, 'q> {
    episodes: &'a Episodes,
    pub ranking: &'r mut Ranking<'q>,
    /// The error of an estimated score that is allowed for.
    margin: f32,
    most: usize,
    cut_at: usize,
    /// Candidates with a lower score are not kept.
    pub floor: f32,
    kept: Vec<Candidate>,
    /// Room for a vector.
    space: Vec<f32>,
}

impl<'a, 'r, 'q> Shortlist<'a, 'r, 'q> {
    pub fn new(episodes: &'a Episodes, ranking: &'r mut Ranking<'q>, margin: f32) -> Shortlist<'a, 'r, 'q> {
        let most = ranking.limit.saturating_mul(FOR_EACH).max(LEAST);
        let (floor, kept, space) = (f32::NEG_INFINITY, Vec::new(), Vec::new());
        Shortlist { episodes, ranking, margin, most, cut_at: FIRST_CUT, floor, kept, space }
    }

    /// Keeps an episode if its estimate is good enough.
    pub fn add(&mut self, slot: u32, similarity: f32, context_match: f32) {
        let score = self.ranking.score(similarity, context_match);
        if score >= self.floor {
            self.kept.push(Candidate { score, slot, context_match });
            if self.kept.len() >= self.cut_at {
                self.cut();
            }
        }
    }

    /// Scores the best, and drops those that are too low.
    pub fn cut(&mut self) {
        if self.kept.len() > self.most {
            self.lead(self.most);
            self.kept.truncate(self.most);
            self.floor = self.kept.iter().fold(f32::INFINITY, |lowest, kept| lowest.min(kept.score));
        }
        let wanted = self.ranking.limit.min(self.kept.len());
        self.lead(wanted);
        for place in 0..wanted {
            self.score(self.kept[place]);
        }
        self.kept.drain(..wanted);
        self.raise();
        let floor = self.floor;
        self.kept.retain(|kept| kept.score >= floor);
        self.cut_at = self.most.saturating_mul(2).min(2 * self.kept.len() + FIRST_CUT).max(self.kept.len() + 1);
    }

    /// Scores all that may be among the best.
    pub fn finish(mut self) {
        self.cut();
        let mut kept = std::mem::take(&mut self.kept);
        kept.sort_unstable_by(|one, two| self.order(one, two));
        for candidate in kept {
            self.raise();
            if candidate.score < self.floor {
                return;
            }
            self.score(candidate);
        }
    }

    fn score(&mut self, candidate: Candidate) {
        let slot = candidate.slot as usize;
        let (id, embedding) = (self.episodes.ids[slot], self.episodes.embeddings[slot].read(&mut self.space));
        self.ranking.offer_matched(id, candidate.context_match, embedding);
    }

    /// Raises the floor to what the ranking admits.
    fn raise(&mut self) {
        if let Some(worst) = self.ranking.worst() {
            self.floor = self.floor.max(worst - self.margin);
        }
    }

    /// Brings the best `count` to the front.
    fn lead(&mut self, count: usize) {
        let mut kept = std::mem::take(&mut self.kept);
        if 0 < count && count < kept.len() {
            kept.select_nth_unstable_by(count - 1, |one, two| self.order(one, two));
        }
        self.kept = kept;
    }

    /// The better one first; of equal ones, which are the same text, the lower id.
    fn order(&self, one: &Candidate, two: &Candidate) -> Ordering {
        let id = |candidate: &Candidate| self.episodes.ids[candidate.slot as usize];
        two.score.total_cmp(&one.score).then_with(|| id(one).cmp(&id(two)))
    }
}
