//! A group of the index: episodes whose contexts differ only in their tags, with inverted lists over their embeddings.
//!
//! For every dimension and sign there is a list of the episodes with such a number. Lists with a good part of the group
//! are *common*, the others *rare*: rare lists tell episodes of a kind apart. This is decided again whenever the group
//! has doubled, and the norms of both parts of every embedding are kept for the search ([`super::search`]). Small
//! groups have no lists, and dense embeddings are in none: scoring them costs less than walking.

use std::collections::HashMap;

use crate::embedding::dot;
use crate::hash::FixedState;
use crate::{EpisodeId, TaskContext};

/// The size from which on a group has lists.
const LISTED_FROM: usize = 64;

/// An embedding with more non-zero numbers than one in so many dimensions is in no list.
const SPARSE: usize = 3;

/// A list with more than one in so many of the group's episodes is common.
const COMMON: usize = 4;

/// The number of steps by which episodes are ordered by the share of their common part.
const STEPS: usize = 128;

/// The non-zero numbers of a vector: the place of the list of dimension and sign, and the number without its sign.
pub(super) fn numbers(vector: &[f32]) -> impl Iterator<Item = (usize, f32)> {
    let places = vector.iter().enumerate().filter(|(_, value)| **value != 0.0);
    places.map(|(dimension, value)| (2 * dimension + usize::from(*value < 0.0), value.abs()))
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Posting {
    /// The episode's place in the group.
    pub slot: u32,
    /// The episode's number in this dimension, without the sign.
    pub value: f32,
}

/// The norms of an embedding's parts in rare and in common lists.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct NormParts {
    pub rare: f32,
    pub common: f32,
}

/// Episodes of one kind of context.
#[derive(Debug, Default)]
pub(super) struct Group {
    context: TaskContext,
    dimensions: usize,
    pub ids: Vec<EpisodeId>,
    pub embeddings: Vec<Box<[f32]>>,
    /// The context of each episode, as a place in `contexts`.
    pub context_of: Vec<u32>,
    pub contexts: Vec<TaskContext>,
    by_tags: HashMap<Vec<String>, u32, FixedState>,
    /// The lists, two for each dimension; none while the group is small.
    pub lists: Vec<Vec<Posting>>,
    pub common: Vec<bool>,
    /// The norms of each episode in lists; zero for the others.
    pub parts: Vec<NormParts>,
    /// The episodes in lists, by the share of the common part in their squared norm.
    by_share: Vec<Vec<u32>>,
    /// Episodes in no list, although there are lists.
    pub unlisted: Vec<u32>,
    /// The size when the common lists were last decided.
    parted_at: usize,
    /// The norm of the longest embedding; NaN if one is.
    pub longest: f32,
}

impl Group {
    pub fn new(context: TaskContext, dimensions: usize) -> Group {
        Group { context, dimensions, ..Group::default() }
    }

    /// The context that all have, without tags.
    pub fn context(&self) -> &TaskContext {
        &self.context
    }

    pub fn len(&self) -> usize {
        self.ids.len()
    }

    pub fn add(&mut self, id: EpisodeId, context: &TaskContext, embedding: &[f32]) {
        let place = *self.by_tags.entry(context.tags.clone()).or_insert_with(|| {
            self.contexts.push(context.clone());
            place_of(self.contexts.len() - 1)
        });
        let length = dot(embedding, embedding).sqrt();
        if length > self.longest || length.is_nan() {
            self.longest = length; // nothing is longer than what is no number: it stays
        }
        self.ids.push(id);
        self.embeddings.push(embedding.into());
        self.context_of.push(place);
        if !self.lists.is_empty() {
            self.list(self.len() - 1);
        } else if self.len() == LISTED_FROM {
            self.lists.resize_with(2 * self.dimensions, Vec::new);
            (0..LISTED_FROM).for_each(|slot| self.list(slot));
        }
        if !self.lists.is_empty() && self.len() >= 2 * self.parted_at {
            self.part();
        }
    }

    fn list(&mut self, slot: usize) {
        self.parts.push(NormParts::default());
        let embedding = &self.embeddings[slot];
        if numbers(embedding).count() > self.dimensions / SPARSE || !embedding.iter().all(|value| value.is_finite()) {
            self.unlisted.push(place_of(slot));
            return;
        }
        for (list, value) in numbers(embedding) {
            self.lists[list].push(Posting { slot: place_of(slot), value });
        }
        if self.parted_at > 0 {
            self.measure(slot);
        }
    }

    /// Decides which lists are common.
    fn part(&mut self) {
        self.parted_at = self.len();
        self.common = self.lists.iter().map(|postings| postings.len() * COMMON > self.parted_at).collect();
        self.by_share = vec![Vec::new(); STEPS + 1];
        let mut unlisted = self.unlisted.iter().map(|slot| *slot as usize).peekable();
        let listed = |slot: &usize| unlisted.next_if_eq(slot).is_none();
        let listed: Vec<usize> = (0..self.len()).filter(listed).collect();
        listed.into_iter().for_each(|slot| self.measure(slot));
    }

    /// Computes the norms of the parts of an embedding that is in lists.
    fn measure(&mut self, slot: usize) {
        let (mut rare, mut common) = (0.0, 0.0);
        for (list, value) in numbers(&self.embeddings[slot]) {
            *(if self.common[list] { &mut common } else { &mut rare }) += value * value;
        }
        let all = rare + common;
        let share = if all > 0.0 { common / all } else { 0.0 };
        self.parts[slot] = NormParts { rare: f32::sqrt(rare), common: f32::sqrt(common) };
        self.by_share[(share * STEPS as f32) as usize].push(place_of(slot));
    }

    /// The episodes in lists, by falling share of their common part: in steps, each with the largest norm of a common
    /// part, relative to the longest embedding.
    pub fn by_share(&self) -> impl Iterator<Item = (f32, &[u32])> {
        let most = |step: usize| f32::sqrt((step + 1) as f32 / STEPS as f32).min(1.0);
        self.by_share.iter().enumerate().rev().map(move |(step, slots)| (most(step), slots.as_slice()))
    }
}

/// Places are 32 bits, to keep lists short: 4 billion episodes would not fit the memory.
fn place_of(place: usize) -> u32 {
    u32::try_from(place).expect("fewer than 4 billion episodes in memory")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Episodes with a number in the first dimension, and one that nobody else has.
    fn group(episodes: usize) -> Group {
        let mut group = Group::new(TaskContext::default(), 2_000);
        for slot in 0..episodes {
            let mut embedding = vec![0.0; 2_000];
            embedding[0] = -0.6;
            embedding[slot + 1] = 0.8;
            group.add(EpisodeId(slot as u128), &TaskContext::default(), &embedding);
        }
        group
    }

    #[test]
    fn small_groups_have_no_lists_and_larger_ones_all() {
        assert!(group(LISTED_FROM - 1).lists.is_empty());
        for episodes in [LISTED_FROM, LISTED_FROM + 1, 3 * LISTED_FROM] {
            let group = group(episodes);
            assert_eq!(group.lists[1].len(), episodes, "all have the first dimension, below zero");
            let entries: usize = group.lists.iter().map(Vec::len).sum();
            assert_eq!(entries, 2 * episodes);
        }
    }

    #[test]
    fn parts_are_measured_by_what_is_common_and_steps_hold_all() {
        let group = group(1_000);
        let common: Vec<usize> = (0..group.common.len()).filter(|list| group.common[*list]).collect();
        assert_eq!(common, [1]);
        for NormParts { rare, common } in &group.parts {
            assert!((rare - 0.8).abs() < 1e-6 && (common - 0.6).abs() < 1e-6, "{rare} {common}");
        }
        let held: Vec<(f32, usize)> =
            group.by_share().map(|(most, slots)| (most, slots.len())).filter(|(_, slots)| *slots > 0).collect();
        assert!(matches!(held[..], [(most, 1_000)] if (0.6..0.62).contains(&most)), "{held:?}");
    }

    #[test]
    fn what_is_dense_or_no_number_is_in_no_list() {
        let mut group = group(100);
        group.add(EpisodeId(100), &TaskContext::default(), &[0.1; 2_000]);
        let mut infinite = vec![0.0; 2_000];
        infinite[7] = f32::INFINITY;
        group.add(EpisodeId(101), &TaskContext::default(), &infinite);
        assert_eq!((&group.unlisted[..], group.longest), (&[100, 101][..], f32::INFINITY));
        for slot in 102..300 {
            group.add(EpisodeId(slot), &TaskContext::default(), &infinite);
        }
        assert_eq!(group.by_share().map(|(_, slots)| slots.len()).sum::<usize>(), 100);
    }
}
