//! The index of completed episodes: their contexts, their vectors, and codes of these.
//!
//! A small index has no codes: scoring everything costs little. From [`CODED_FROM`] episodes on, codes lie in blocks
//! ([`super::block`]), which are sorted by context whenever the index has grown by a quarter. Adding an episode writes
//! one byte a dimension, there is nothing to train and nothing to store, and an index is made again as fast as vectors
//! are read.
//!
//! **What it finds.** The best match of its contexts bounds every score in a block, and blocks that cannot reach the
//! ranking are skipped. Short texts have exact codes, and the answer is the scan's. Codes of other vectors are
//! rounded: the answer may lack a few episodes that a scan finds, and `assay recall` measures how many.
//!
//! **Why it is no graph and has no inverted lists.** Vectors of natural texts share the common words, and otherwise lie
//! in all directions. Lists of common dimensions hold everybody. A graph (HNSW, with 16 links and 200 candidates while
//! building) of 100,000 texts of 30 words under Zipf's law must compare a query with 13,500 of them to find 94% of the
//! best 10, and as many find 57% for words that nobody used. It takes minutes to be built, so that it would have to be
//! stored and kept consistent. Reading 100,000 codes costs less than those 13,500 comparisons.
//!
//! It takes 5 bytes a dimension for each episode, and contexts once. Nothing is ever removed, as in the stores.

use std::collections::{HashMap, HashSet};

use super::block::Block;
use super::code::Code;
use crate::embedding::dot;
use crate::hash::FixedState;
use crate::{EpisodeId, Error, Result, TaskContext};

/// The size from which on an index has codes.
const CODED_FROM: usize = 256;

/// What was added to an index, each in the place of its slot.
#[derive(Debug, Default)]
pub(super) struct Episodes {
    pub ids: Vec<EpisodeId>,
    pub embeddings: Vec<Box<[f32]>>,
    /// The context of each, as a place in [`Index::contexts`].
    pub context_of: Vec<u32>,
}

/// A context, and its group.
#[derive(Debug)]
pub(super) struct Known {
    pub context: TaskContext,
    group: u32,
}

/// The episodes whose contexts differ only in their tags.
#[derive(Debug)]
pub(super) struct Group {
    /// The context without tags.
    pub context: TaskContext,
    pub slots: Vec<u32>,
}

/// Every completed episode, by context and embedding.
#[derive(Debug)]
pub(super) struct Index {
    known: HashSet<EpisodeId, FixedState>,
    pub episodes: Episodes,
    pub contexts: Vec<Known>,
    places: HashMap<TaskContext, u32, FixedState>,
    pub groups: Vec<Group>,
    group_places: HashMap<TaskContext, u32, FixedState>,
    coded_from: usize,
    /// The index has become large enough for codes.
    coded: bool,
    /// The codes; none while the index is small.
    pub blocks: Vec<Block>,
    /// Episodes whose embeddings have no code, although there are blocks.
    pub uncoded: Vec<u32>,
    /// The size when the blocks were last sorted.
    sorted_at: usize,
    /// The length of the longest embedding; NaN if one is.
    pub longest: f32,
    /// The largest error of a code.
    pub coarsest: f32,
    /// The dimensions of the embeddings, and those of a misfit, if there is one.
    dimensions: Option<usize>,
    misfit: Option<usize>,
}

impl Default for Index {
    fn default() -> Index {
        Index::coded_from(CODED_FROM)
    }
}

impl Index {
    /// An empty index that has codes from this size on.
    pub fn coded_from(coded_from: usize) -> Index {
        Index {
            known: HashSet::default(),
            episodes: Episodes::default(),
            contexts: Vec::new(),
            places: HashMap::default(),
            groups: Vec::new(),
            group_places: HashMap::default(),
            coded_from,
            coded: false,
            blocks: Vec::new(),
            uncoded: Vec::new(),
            sorted_at: 0,
            longest: 0.0,
            coarsest: 0.0,
            dimensions: None,
            misfit: None,
        }
    }

    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Adds an episode, unless it is there.
    pub fn add(&mut self, id: EpisodeId, context: &TaskContext, embedding: &[f32]) {
        if !self.known.insert(id) {
            return;
        }
        let dimensions = *self.dimensions.get_or_insert(embedding.len());
        if embedding.len() != dimensions {
            self.misfit = Some(embedding.len()); // no retrieval will do any more
            return;
        }
        let length = dot(embedding, embedding).sqrt();
        if length > self.longest || length.is_nan() {
            self.longest = length; // nothing is longer than what is no number: it stays
        }
        let slot = place_of(self.episodes.ids.len());
        let context = self.place(context);
        self.episodes.ids.push(id);
        self.episodes.embeddings.push(embedding.into());
        self.episodes.context_of.push(context);
        self.groups[self.contexts[context as usize].group as usize].slots.push(slot);
        let size = self.episodes.ids.len();
        if size == self.coded_from && !self.coded {
            self.coded = true;
            (0..slot).for_each(|slot| self.code(slot));
        }
        if self.coded {
            self.code(slot);
            if self.groups.len() > 1 && size >= self.sorted_at + self.sorted_at / 4 {
                self.sort();
            }
        }
    }

    /// Removes an episode, if it is there: the last one takes its slot. Looks through all slots, which is little beside
    /// the deletion in a store.
    pub fn remove(&mut self, id: EpisodeId) {
        if !self.known.remove(&id) {
            return;
        }
        let Some(place) = self.episodes.ids.iter().position(|known| *known == id) else { return }; // a misfit
        let (slot, last) = (place_of(place), place_of(self.episodes.ids.len() - 1));
        let groups = [slot, last].map(|slot| self.group_of(slot) as usize);
        self.groups[groups[0]].slots.retain(|member| *member != slot);
        self.uncoded.retain(|uncoded| *uncoded != slot);
        self.remove_code(slot);
        self.episodes.ids.swap_remove(place);
        self.episodes.embeddings.swap_remove(place);
        self.episodes.context_of.swap_remove(place);
        let coded = self.blocks.iter_mut().flat_map(|block| &mut block.slots);
        let moved = self.groups[groups[1]].slots.iter_mut().chain(&mut self.uncoded).chain(coded);
        moved.filter(|moved| **moved == last).for_each(|moved| *moved = slot);
    }

    /// Removes the code of a slot, if it has one: the last code takes its lane.
    fn remove_code(&mut self, slot: u32) {
        let lane_in = |block: &Block| block.slots.iter().position(|coded| *coded == slot);
        let found = (0..self.blocks.len()).find_map(|block| Some((block, lane_in(&self.blocks[block])?)));
        let Some((block, lane)) = found else { return };
        let last = self.blocks.last_mut().expect("the code is in a block");
        let (moved, numbers, step) = last.pop();
        if last.slots.is_empty() {
            self.blocks.pop();
        }
        if moved != slot {
            let group = self.group_of(moved);
            self.blocks[block].replace(lane, moved, group, numbers.into_iter(), step);
        }
    }

    /// The place of a context, which is remembered if it is new.
    fn place(&mut self, context: &TaskContext) -> u32 {
        if let Some(place) = self.places.get(context) {
            return *place;
        }
        let alike = TaskContext { tags: Vec::new(), ..context.clone() };
        let group = *self.group_places.entry(alike).or_insert_with_key(|alike| {
            self.groups.push(Group { context: alike.clone(), slots: Vec::new() });
            place_of(self.groups.len() - 1)
        });
        let place = place_of(self.contexts.len());
        self.contexts.push(Known { context: context.clone(), group });
        self.places.insert(context.clone(), place);
        place
    }

    /// Codes an episode.
    fn code(&mut self, slot: u32) {
        let Some(code) = Code::of(&self.episodes.embeddings[slot as usize]) else { return self.uncoded.push(slot) };
        self.coarsest = self.coarsest.max(code.error);
        self.put(slot, code.numbers.into_iter(), code.step);
    }

    /// Puts a code into the last block.
    fn put(&mut self, slot: u32, numbers: impl ExactSizeIterator<Item = i8>, step: f32) {
        if self.blocks.last().is_none_or(Block::is_full) {
            self.blocks.push(Block::new(numbers.len()));
        }
        let group = self.group_of(slot);
        let last = self.blocks.last_mut().expect("a block was made if there was none");
        last.add(slot, group, numbers, step);
    }

    /// Sorts the codes by group.
    fn sort(&mut self) {
        self.sorted_at = self.episodes.ids.len();
        let blocks = std::mem::take(&mut self.blocks);
        let lanes = |block: usize| (0..blocks[block].slots.len()).map(move |lane| (block, lane));
        let mut places: Vec<(usize, usize)> = (0..blocks.len()).flat_map(lanes).collect();
        places.sort_by_key(|(block, lane)| self.group_of(blocks[*block].slots[*lane]));
        for (block, lane) in places {
            let (numbers, step) = blocks[block].code(lane);
            self.put(blocks[block].slots[lane], numbers, step);
        }
    }

    fn group_of(&self, slot: u32) -> u32 {
        self.contexts[self.episodes.context_of[slot as usize] as usize].group
    }

    /// Fails if an episode was embedded otherwise than a query of so many dimensions.
    pub fn fits(&self, expected: usize) -> Result<()> {
        match self.misfit.or(self.dimensions).filter(|stored| *stored != expected) {
            Some(stored) => Err(Error::EmbeddingDimensions { stored, expected }),
            None => Ok(()),
        }
    }
}

/// Places are 32 bits, to keep blocks small: 4 billion episodes would not fit the memory.
fn place_of(place: usize) -> u32 {
    u32::try_from(place).expect("fewer than 4 billion episodes in memory")
}
