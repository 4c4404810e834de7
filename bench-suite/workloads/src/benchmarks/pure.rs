//! Pure functions of the memory: pattern extraction and the embedding.

use std::collections::BTreeMap;
use std::hint::black_box;

use anyhow::{Result, ensure};
use memory::embedding::{Embedder, FeatureHashing};
use memory::trace::Trace;
use memory::{Episode, EpisodeId, Head, Outcome, Pattern, Step};

use worker::Prepared;

use crate::benchmark::Setup;

/// Steps of the episode, as in the published figure that this is compared with.
const STEPS: usize = 50;

struct Extracting {
    episode: Episode,
    outcome: Outcome,
    expected: Vec<Pattern>,
    extracted: Option<Vec<Pattern>>,
}

/// The operation of `pattern/extract`.
pub fn extract_patterns(setup: &Setup<'_>) -> Result<Box<dyn Prepared>> {
    let scripts = &setup.input.scripts;
    let steps = scripts.iter().flat_map(|script| &script.steps).cycle().take(STEPS).zip(0..);
    let episode = Episode {
        head: Head::new(EpisodeId::from_bytes([7; 16]), 1, scripts[0].start.clone()),
        steps: steps.map(|(step, number)| Step::new(number, u64::from(number), step.clone())).collect(),
    };
    let outcome = scripts[0].outcome.clone();
    let expected = extract(&episode, &outcome);
    Ok(Box::new(Extracting { episode, outcome, expected, extracted: None }))
}

impl Prepared for Extracting {
    fn run(&mut self, operations: u64) -> Result<()> {
        for _ in 0..operations {
            self.extracted = Some(extract(black_box(&self.episode), black_box(&self.outcome)));
        }
        Ok(())
    }

    fn check(&mut self) -> Result<()> {
        ensure!(!self.expected.is_empty(), "an episode of {STEPS} steps has no pattern");
        ensure!(
            self.extracted.as_ref().is_none_or(|extracted| *extracted == self.expected),
            "two extractions of one episode differ"
        );
        Ok(())
    }

    fn counters(&self) -> BTreeMap<&'static str, u64> {
        BTreeMap::new()
    }
}

/// Extracts patterns from steps, as completing an episode does.
fn extract(episode: &Episode, outcome: &Outcome) -> Vec<Pattern> {
    memory::pattern::extract(&episode.head, &Trace::of(&episode.steps), outcome)
}

struct Embedding {
    embedder: FeatureHashing,
    texts: Vec<String>,
    next: usize,
    vector: Vec<f32>,
}

/// The operation of `embedding/embed`.
pub fn embed(setup: &Setup<'_>) -> Result<Box<dyn Prepared>> {
    let texts = setup.input.scripts.iter().map(|script| script.start.task.clone()).collect();
    Ok(Box::new(Embedding { embedder: FeatureHashing::default(), texts, next: 0, vector: Vec::new() }))
}

impl Prepared for Embedding {
    fn run(&mut self, operations: u64) -> Result<()> {
        for _ in 0..operations {
            let text = &self.texts[self.next % self.texts.len()];
            self.next += 1;
            self.embedder.embed(black_box(text), &mut self.vector);
            black_box(&self.vector);
        }
        Ok(())
    }

    fn check(&mut self) -> Result<()> {
        if self.next == 0 {
            return Ok(());
        }
        let length: f32 = self.vector.iter().map(|value| value * value).sum();
        ensure!(self.vector.len() == self.embedder.dimensions(), "the vector has {} dimensions", self.vector.len());
        ensure!((length - 1.0).abs() < 1e-3, "the vector's squared length is {length}, not 1");
        Ok(())
    }

    fn counters(&self) -> BTreeMap<&'static str, u64> {
        BTreeMap::new()
    }
}
