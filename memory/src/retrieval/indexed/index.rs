//! The index of completed episodes: their contexts, their vectors, and codes of these.
//!
//! A small index has no codes: scoring everything costs little. From [`CODED_FROM`] episodes on, codes lie in blocks
//! ([`super::block`]), which are sorted whenever the index has grown by a quarter or half of their room is empty: by
//! cell ([`super::cells`]) where codes are rounded, then by context. Adding an episode writes one byte per dimension,
//! nothing is stored, and opening a store makes the index again.
//!
//! **What it finds.** The best match of its contexts and the bound of its cells bound every score in a block, and
//! blocks that cannot reach the ranking are skipped. Short texts have exact codes and no cells, and the answer is the
//! scan's. Of other vectors the answer may lack a few episodes that a scan finds, and `assay recall` measures how many.
//!
//! **Why it is no graph and has no inverted lists.** Vectors of natural texts share the common words, and otherwise lie
//! in all directions. Lists of common dimensions hold everybody, and cells tell little. A graph (HNSW, with 16 links
//! and 200 candidates while building) of 100,000 texts of 30 words under Zipf's law must compare a query with 13,500 of
//! them to find 94% of the best 10, and as many find 57% for words that nobody used. It takes minutes to be built, so
//! that it would have to be stored and kept consistent. Reading 100,000 codes costs less than those 13,500 comparisons.
//!
//! An episode takes one byte per dimension and two per feature where codes are exact, and elsewhere five bytes per
//! dimension ([`crate::vector`]). Contexts are there once, and leave with their last episode.

use std::collections::{HashMap, HashSet};

use super::block::{Block, LANES};
use super::cells::Cells;
use super::code::Code;
use crate::embedding::dot;
use crate::hash::FixedState;
use crate::vector::Vector;
use crate::{EpisodeId, Error, Result, TaskContext};

/// The size from which on an index has codes.
const CODED_FROM: usize = 512;

/// The size from which on rounded codes are in cells.
const CELLS_FROM: usize = 16_384;

/// What was added to an index, each in the place of its slot.
#[derive(Debug, Default)]
pub(super) struct Episodes {
    pub ids: Vec<EpisodeId>,
    pub embeddings: Vec<Vector>,
    /// The context of each, as a place in [`Index::contexts`].
    pub context_of: Vec<u32>,
    /// The cell of each; 0 where there are none.
    pub cell_of: Vec<u32>,
}

/// A context, its group, and the number of its episodes. The place of one without episodes is free.
#[derive(Debug)]
pub(super) struct Known {
    pub context: TaskContext,
    group: u32,
    episodes: u32,
}

/// The episodes whose contexts differ only in their tags. The place of one without episodes is free.
#[derive(Debug, Default)]
pub(super) struct Group {
    /// The context without tags.
    pub context: TaskContext,
    pub slots: Vec<u32>,
}

/// A code on its way into a block.
#[derive(Debug)]
struct SlotCode {
    slot: u32,
    numbers: Vec<i8>,
    step: f32,
}

/// Every completed episode, by context and embedding.
#[derive(Debug)]
pub(super) struct Index {
    known: HashSet<EpisodeId, FixedState>,
    pub episodes: Episodes,
    pub contexts: Vec<Known>,
    places: HashMap<TaskContext, u32, FixedState>,
    free_places: Vec<u32>,
    pub groups: Vec<Group>,
    group_places: HashMap<TaskContext, u32, FixedState>,
    free_groups: Vec<u32>,
    coded_from: usize,
    /// The index has become large enough for codes.
    coded: bool,
    /// More episodes are about to be added: their codes wait to be arranged.
    loading: bool,
    waiting: Vec<SlotCode>,
    /// The codes; none while the index is small.
    pub blocks: Vec<Block>,
    /// The cells of rounded codes.
    pub cells: Cells,
    /// Episodes whose embeddings have no code, although there are blocks.
    pub uncoded: Vec<u32>,
    /// The size when the blocks were last arranged, and when cells were last made.
    arranged_at: usize,
    celled_at: usize,
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
            free_places: Vec::new(),
            groups: Vec::new(),
            group_places: HashMap::default(),
            free_groups: Vec::new(),
            coded_from,
            coded: false,
            loading: false,
            waiting: Vec::new(),
            blocks: Vec::new(),
            cells: Cells::default(),
            celled_at: 0,
            uncoded: Vec::new(),
            arranged_at: 0,
            longest: 0.0,
            coarsest: 0.0,
            dimensions: None,
            misfit: None,
        }
    }

    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// The groups that have episodes.
    pub fn group_count(&self) -> usize {
        self.group_places.len()
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
        self.contexts[context as usize].episodes += 1;
        push(&mut self.episodes.ids, id);
        push(&mut self.episodes.embeddings, Vector::of(embedding));
        push(&mut self.episodes.context_of, context);
        push(&mut self.episodes.cell_of, 0);
        push(&mut self.groups[self.contexts[context as usize].group as usize].slots, slot);
        if !self.coded {
            self.code_all();
            return;
        }
        let code = self.code(slot, embedding);
        if self.loading {
            self.waiting.extend(code);
            return;
        }
        if let Some(code) = code {
            self.put(&code);
        }
        let size = self.episodes.ids.len();
        // Deletions leave room in all blocks, and additions fill the last one only.
        let half_empty = self.blocks.len() > 2 * size.div_ceil(LANES) + 1;
        if half_empty || size >= self.arranged_at + self.arranged_at / 4 {
            self.arrange_again();
        }
    }

    /// An empty index to which [`Index::loaded`] gives its codes.
    pub fn to_load() -> Index {
        Index { loading: true, ..Index::default() }
    }

    /// All that was stored has been added.
    pub fn loaded(&mut self) {
        self.loading = false;
        if self.coded {
            let codes = std::mem::take(&mut self.waiting);
            self.arrange(codes);
        }
    }

    /// Makes the first codes, if the index has become large enough.
    fn code_all(&mut self) {
        let size = self.episodes.ids.len();
        if size >= self.coded_from {
            self.coded = true;
            let embeddings = std::mem::take(&mut self.episodes.embeddings);
            let mut space = Vec::new();
            let slots = (0..place_of(size)).zip(&embeddings);
            let codes = slots.filter_map(|(slot, vector)| self.code(slot, vector.read(&mut space))).collect();
            self.episodes.embeddings = embeddings;
            if self.loading { self.waiting = codes } else { self.arrange(codes) }
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
        let context = self.episodes.context_of.swap_remove(place);
        self.episodes.cell_of.swap_remove(place);
        let coded = self.blocks.iter_mut().flat_map(|block| &mut block.slots);
        let moved = self.groups[groups[1]].slots.iter_mut().chain(&mut self.uncoded).chain(coded);
        moved.filter(|moved| **moved == last).for_each(|moved| *moved = slot);
        self.leave(context);
        if self.episodes.ids.len() < self.arranged_at / 2 {
            self.arrange_again();
        }
    }

    /// Removes the code of a slot, if it has one.
    fn remove_code(&mut self, slot: u32) {
        let lane_in = |block: &Block| block.slots.iter().position(|coded| *coded == slot);
        if let Some((block, lane)) = self.blocks.iter_mut().find_map(|block| lane_in(block).map(|lane| (block, lane))) {
            block.remove(lane);
        }
    }

    /// The place of a context, which is remembered if it is new.
    fn place(&mut self, context: &TaskContext) -> u32 {
        if let Some(place) = self.places.get(context) {
            return *place;
        }
        let alike = TaskContext { tags: Vec::new(), ..context.clone() };
        let group = *self.group_places.entry(alike).or_insert_with_key(|alike| {
            let group = Group { context: alike.clone(), slots: Vec::new() };
            insert(&mut self.groups, &mut self.free_groups, group)
        });
        let known = Known { context: context.clone(), group, episodes: 0 };
        let place = insert(&mut self.contexts, &mut self.free_places, known);
        self.places.insert(context.clone(), place);
        place
    }

    /// An episode with this context has left its group. Forgets what has none any more. A block may go on naming a
    /// group's place, and whoever gets that: it bounds too much then, never too little.
    fn leave(&mut self, place: u32) {
        let known = &mut self.contexts[place as usize];
        known.episodes -= 1;
        if known.episodes > 0 {
            return;
        }
        self.places.remove(&std::mem::take(&mut known.context));
        self.free_places.push(place);
        let group = &mut self.groups[known.group as usize];
        if group.slots.is_empty() {
            self.group_places.remove(&std::mem::take(group).context);
            self.free_groups.push(known.group);
        }
    }

    /// Codes the embedding of an episode, if it can have a code, and finds its cell.
    fn code(&mut self, slot: u32, embedding: &[f32]) -> Option<SlotCode> {
        let Some(code) = Code::of(embedding) else {
            self.uncoded.push(slot);
            return None;
        };
        self.coarsest = self.coarsest.max(code.error);
        if !self.cells.is_empty() {
            self.episodes.cell_of[slot as usize] = self.cells.place(embedding);
        }
        Some(SlotCode { slot, numbers: code.numbers, step: code.step })
    }

    /// Puts a code into the last block.
    fn put(&mut self, code: &SlotCode) {
        if self.blocks.last().is_none_or(Block::is_full) {
            self.blocks.push(Block::new(code.numbers.len()));
        }
        let (group, cell) = (self.group_of(code.slot), self.episodes.cell_of[code.slot as usize]);
        let last = self.blocks.last_mut().expect("a block was made if there was none");
        last.add(code.slot, group, cell, code.numbers.iter().copied(), code.step);
    }

    /// Puts all codes into new blocks: by cell, by group and by step. Makes new cells first, if the index has doubled.
    fn arrange(&mut self, mut codes: Vec<SlotCode>) {
        self.arranged_at = self.episodes.ids.len();
        if self.coarsest > 0.0 && codes.len() >= CELLS_FROM.max(2 * self.celled_at) {
            self.celled_at = codes.len();
            self.make_cells(&codes.iter().map(|code| code.slot as usize).collect::<Vec<_>>());
        }
        let cell_and_group = |code: &SlotCode| (self.episodes.cell_of[code.slot as usize], self.group_of(code.slot));
        codes.sort_by(|one, two| {
            cell_and_group(one).cmp(&cell_and_group(two)).then_with(|| one.step.total_cmp(&two.step))
        });
        codes.iter().for_each(|code| self.put(code));
    }

    fn arrange_again(&mut self) {
        let mut codes = Vec::with_capacity(self.episodes.ids.len());
        for block in std::mem::take(&mut self.blocks) {
            for (lane, slot) in block.slots.iter().enumerate() {
                let (numbers, step) = block.code(lane);
                codes.push(SlotCode { slot: *slot, numbers: numbers.collect(), step });
            }
        }
        self.arrange(codes);
    }

    /// Makes cells of the vectors in these slots.
    fn make_cells(&mut self, slots: &[usize]) {
        let Episodes { embeddings, cell_of, .. } = &mut self.episodes;
        let whole = |slot: &usize| match &embeddings[*slot] {
            Vector::Floats(values) => Some(&**values),
            Vector::Whole { .. } => None,
        };
        self.cells = Cells::of(&slots.iter().filter_map(whole).collect::<Vec<_>>());
        let mut space = Vec::new();
        for slot in slots {
            cell_of[*slot] = self.cells.place(embeddings[*slot].read(&mut space));
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

/// Puts a value into a free place, or at the end.
fn insert<T>(list: &mut Vec<T>, free: &mut Vec<u32>, value: T) -> u32 {
    match free.pop() {
        Some(place) => {
            list[place as usize] = value;
            place
        }
        None => {
            list.push(value);
            place_of(list.len() - 1)
        }
    }
}

/// Adds to a list that may become long: it grows by an eighth, not by as much as it has.
fn push<T>(list: &mut Vec<T>, value: T) {
    if list.len() == list.capacity() {
        list.reserve_exact(list.len() / 8 + 8);
    }
    list.push(value);
}

/// Places are 32 bits, to keep blocks small: 4 billion episodes would not fit the memory.
fn place_of(place: usize) -> u32 {
    u32::try_from(place).expect("fewer than 4 billion episodes in memory")
}
