//! Tasks and vectors that are spread like natural ones, for retrieval: seeded, and without an end.
//!
//! - **Text**: 30 words of a vocabulary of 20,000 under Zipf's law, so that all tasks share the common words and most
//!   have one that hardly any other has. Contexts are as skewed.
//! - **Vectors**: dense, 384 dimensions, in 1,000 clusters of different sizes, as models of sentences give them. Within
//!   a cluster the cosine is about 0.5, between clusters about 0.

use memory::{Complexity, Embedder, StartEpisode, TaskContext, embedding::dot, hash::fnv1a};
use rand::SeedableRng;
use rand_distr::{Distribution, StandardNormal, Zipf};
use rand_pcg::Pcg64Mcg;

/// Words of a task, and of the vocabulary.
const WORDS: usize = 30;
const VOCABULARY: f64 = 20_000.0;

/// Clusters of vectors, and the exponent of Zipf's law for their sizes.
const CLUSTERS: f64 = 1_000.0;
const CLUSTER_SKEW: f64 = 0.5;

/// The dimensions of dense vectors.
const DIMENSIONS: usize = 384;

const DOMAINS: [&str; 12] =
    ["web", "cli", "parsing", "storage", "network", "build", "test", "docs", "auth", "ui", "data", "queue"];
const LANGUAGES: [&str; 6] = ["rust", "python", "go", "java", "c", "zig"];

const COMPLEXITIES: [Complexity; 3] = [Complexity::Simple, Complexity::Moderate, Complexity::Complex];

/// A kind of data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Data {
    /// Tasks of common and rare words.
    Text,
    /// Tasks that [`Clustered`] makes dense vectors of.
    Vectors,
}

/// The relation of a query to what is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// A stored task.
    Known,
    /// A task that is not stored, of the same distribution.
    New,
    /// A task that has nothing to do with any that is stored.
    Unlike,
}

impl Data {
    /// The task with this number, and its context.
    pub fn episode(self, seed: u64, number: usize) -> StartEpisode {
        let mut random = random(seed, number);
        let task = match self {
            Data::Text => {
                let words: Vec<String> =
                    (0..WORDS).map(|_| format!("w{}", rank(VOCABULARY, 1.0, &mut random))).collect();
                words.join(" ")
            }
            Data::Vectors => format!("cluster{} number {number}", rank(CLUSTERS, CLUSTER_SKEW, &mut random)),
        };
        let mut pick = |names: &[&str]| names[rank(names.len() as f64, 1.0, &mut random) - 1].to_owned();
        let context = TaskContext {
            domain: pick(&DOMAINS),
            language: Some(pick(&LANGUAGES)),
            complexity: COMPLEXITIES[number % COMPLEXITIES.len()],
            ..TaskContext::default()
        };
        StartEpisode { task, context, ..StartEpisode::default() }
    }

    /// A query of that kind, where the first `stored` tasks are stored; `number` is below `queries`.
    pub fn query(self, seed: u64, asked: Asked, number: usize, queries: usize, stored: usize) -> StartEpisode {
        match asked {
            Asked::Known => self.episode(seed, number * stored / queries),
            Asked::New => self.episode(seed, stored + number),
            Asked::Unlike => {
                let task = match self {
                    Data::Text => (0..WORDS).map(|word| format!("unheard{number}of{word} ")).collect(),
                    Data::Vectors => format!("elsewhere{number}"),
                };
                StartEpisode { task, ..self.episode(seed, stored + number) }
            }
        }
    }
}

/// An embedder in the place of a model: vectors of texts with the same first word are near each other.
#[derive(Debug, Clone, Copy)]
pub struct Clustered;

impl Embedder for Clustered {
    fn dimensions(&self) -> usize {
        DIMENSIONS
    }

    fn embed(&self, text: &str, out: &mut Vec<f32>) {
        let cluster = text.split_whitespace().next().unwrap_or_default();
        let [mut centre, mut own] = [cluster, text].map(|of| random(fnv1a(of.as_bytes()), 0));
        let normal = |random: &mut Pcg64Mcg| -> f32 { StandardNormal.sample(random) };
        out.clear();
        out.extend((0..DIMENSIONS).map(|_| normal(&mut centre) + normal(&mut own)));
        let length = dot(out, out).sqrt();
        out.iter_mut().for_each(|value| *value /= length);
    }
}

fn random(seed: u64, number: usize) -> Pcg64Mcg {
    Pcg64Mcg::seed_from_u64(seed ^ (number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

/// A rank from 1 to `most` under Zipf's law with that exponent.
fn rank(most: f64, exponent: f64, random: &mut Pcg64Mcg) -> usize {
    Zipf::new(most, exponent).expect("ranks and a positive exponent").sample(random) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_as_skewed_as_natural_ones() {
        let tasks = (0..1_000).map(|number| Data::Text.episode(7, number).task);
        let words: Vec<String> =
            tasks.flat_map(|task| task.split(' ').map(str::to_owned).collect::<Vec<_>>()).collect();
        let share = |word: &str| words.iter().filter(|other| *other == word).count() as f64 / words.len() as f64;
        // The harmonic number of 20,000 is 10.48.
        for (word, expected) in [("w1", 1.0 / 10.48), ("w2", 0.5 / 10.48), ("w10", 0.1 / 10.48)] {
            assert!((share(word) / expected - 1.0).abs() < 0.2, "{word}: {} instead of {expected}", share(word));
        }
    }

    #[test]
    fn vectors_of_a_cluster_are_near_and_others_are_not() {
        let embed = |text: &str| {
            let mut vector = Vec::new();
            Clustered.embed(text, &mut vector);
            vector
        };
        let [one, same, other] = ["cluster1 number 2", "cluster1 number 3", "cluster2 number 4"].map(embed);
        assert!((dot(&one, &one) - 1.0).abs() < 1e-5);
        assert!((dot(&one, &same) - 0.5).abs() < 0.15, "{}", dot(&one, &same));
        assert!(dot(&one, &other).abs() < 0.2, "{}", dot(&one, &other));
    }
}
