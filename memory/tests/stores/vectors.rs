//! Embeddings as bytes and as native vectors: what each strategy writes, and what the index of vectors finds.

use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;

use super::*;

const DIMENSIONS: usize = 64;
const STORED: u32 = 600;
const QUERIES: u32 = 50;
const NEAREST: usize = 10;

/// Directions around a few centres, as texts about a few subjects have them.
struct Directions {
    generator: Pcg64,
    centres: Vec<Vec<f32>>,
}

impl Directions {
    fn new(seed: u64) -> Directions {
        let mut directions = Directions { generator: Pcg64::seed_from_u64(seed), centres: Vec::new() };
        directions.centres = (0..20).map(|_| directions.any()).collect();
        directions
    }

    fn any(&mut self) -> Vec<f32> {
        let number = |generator: &mut Pcg64| (generator.next_u64() >> 40) as f32 / (1 << 23) as f32 - 1.0;
        unit((0..DIMENSIONS).map(|_| number(&mut self.generator)).collect())
    }

    fn next(&mut self) -> Vec<f32> {
        let (centre, noise) = (self.generator.next_u64() as usize % self.centres.len(), self.any());
        unit(self.centres[centre].iter().zip(noise).map(|(centre, noise)| centre + 0.8 * noise).collect())
    }
}

fn unit(vector: Vec<f32>) -> Vec<f32> {
    let length = memory::embedding::dot(&vector, &vector).sqrt();
    vector.into_iter().map(|value| value / length).collect()
}

async fn complete(store: &dyn Store, id: u32, vector: &[f32]) {
    let head = head(u128::from(id), &[]);
    store.create(&head).await.unwrap();
    store.complete(&completed(head), vector, &[]).await.unwrap();
}

#[tokio::test]
async fn each_strategy_writes_embeddings_in_its_own_way() {
    for store in ["redb", "libsql", "tiered"] {
        let mut sizes = Vec::new();
        for (embedding, seen) in [("json", [3, 0, 0]), ("postcard", [0, 3, 0]), ("f32-blob", [0, 0, 3])] {
            let place = Place::new();
            let opened = place.open(&format!("store={store},codec=messagepack,embedding={embedding}")).await;
            let mut directions = Directions::new(1);
            for id in 0..3 {
                complete(&*opened.store, id, &directions.next()).await;
            }
            let counters = opened.counters.snapshot();
            let vectors = ["json_vectors", "postcard_vectors", "f32_vectors"].map(|name| counters[name]);
            assert_eq!(vectors, seen, "{store}, {embedding}");
            sizes.push(counters["stored_bytes"]);
        }
        assert!(sizes[0] > sizes[1] && sizes[1] > sizes[2], "{store}: {sizes:?}");
    }
}

/// The recall of the index, and how much larger it makes the file: printed, and held to what a retrieval needs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_index_of_vectors_finds_what_a_scan_finds() {
    let mut sizes = Vec::new();
    let place = Place::new();
    for embedding in ["postcard", "f32-blob"] {
        let opened = place.open(&format!("store=libsql,embedding={embedding},pool=keepalive")).await;
        if embedding == "postcard" {
            let mut directions = Directions::new(7);
            for id in 0..STORED / 2 {
                complete(&*opened.store, id, &directions.next()).await;
            }
            assert_eq!(opened.store.nearest(&directions.next(), NEAREST).await.unwrap(), None, "it has no index");
            opened.store.close().await.unwrap();
            sizes.push(place.path().metadata().unwrap().len());
            continue;
        }
        // What is there is indexed at the opening, what comes by its completion.
        assert_eq!(opened.counters.indexes_built.get(), 1);
        let mut directions = Directions::new(8);
        for id in STORED / 2..STORED {
            complete(&*opened.store, id, &directions.next()).await;
        }
        let mut all: Vec<(EpisodeId, Vec<f32>)> = Vec::new();
        opened.store.scan(&mut |head, vector| all.push((head.id, vector.to_vec()))).await.unwrap();
        assert_eq!(all.len() as u32, STORED);
        let mut hits = 0;
        for _ in 0..QUERIES {
            let query = directions.next();
            let found = opened.store.nearest(&query, NEAREST).await.unwrap().unwrap();
            assert_eq!(found.len(), NEAREST);
            assert!(found.is_sorted_by(|one, two| one.1 >= two.1), "{found:?}");
            let cosine = |vector: &[f32]| memory::embedding::dot(&query, vector); // all are of unit length
            for (id, similarity) in &found {
                let stored = &all.iter().find(|(other, _)| other == id).unwrap().1;
                assert!((cosine(stored) - similarity).abs() < 1e-4, "{id}: {similarity}");
            }
            let mut scored: Vec<(f32, EpisodeId)> = all.iter().map(|(id, vector)| (cosine(vector), *id)).collect();
            scored.sort_by(|one, two| two.0.total_cmp(&one.0));
            let right: Vec<EpisodeId> = scored[..NEAREST].iter().map(|(_, id)| *id).collect();
            hits += found.iter().filter(|(id, _)| right.contains(id)).count();
        }
        assert_eq!(opened.counters.vector_searches.get(), u64::from(QUERIES));
        let recall = hits as f64 / (QUERIES as usize * NEAREST) as f64;
        opened.store.close().await.unwrap();
        sizes.push(place.path().metadata().unwrap().len());
        let raw = u64::from(STORED) * DIMENSIONS as u64 * 4;
        let (without, with) = (2 * sizes[0], sizes[1]);
        println!(
            "recall at {NEAREST} of {STORED} vectors of {DIMENSIONS} dimensions: {recall:.3}; the file without the index: about {without} bytes, \
             with it {with}; the vectors themselves: {raw}"
        );
        assert!(recall >= 0.9, "{recall}");
        assert!(with > without + 2 * raw, "the index is there, and no small one: {with} against {without}");
    }
}

#[tokio::test]
async fn the_index_comes_and_goes_with_its_variant() {
    let place = Place::new();
    let mut directions = Directions::new(3);
    let all: Vec<Vec<f32>> = (0..30).map(|_| directions.next()).collect();
    let fast = "store=libsql,embedding=f32-blob";
    for (round, (variant, built)) in
        [(fast, 0), (fast, 0), ("store=libsql", 0), (fast, 1), ("store=tiered,embedding=f32-blob", 0)]
            .into_iter()
            .enumerate()
    {
        let opened = place.open(variant).await;
        assert_eq!(opened.counters.indexes_built.get(), built, "{variant}, round {round}");
        if round == 0 {
            assert_eq!(opened.store.nearest(&all[0], 3).await.unwrap().unwrap(), [], "nothing is completed yet");
            complete(&*opened.store, 1_000, &[0.0; DIMENSIONS]).await; // has no direction
        }
        for (id, vector) in (0..).zip(&all).skip(round * 5).take(5) {
            complete(&*opened.store, id, vector).await;
        }
        let nearest = opened.store.nearest(&all[2], 100).await.unwrap();
        if variant == "store=libsql" {
            assert_eq!(nearest, None);
        } else {
            let found = nearest.unwrap();
            assert_eq!((found.len(), found[0].0), (round * 5 + 5, EpisodeId(2)), "{variant}, round {round}");
        }
        opened.store.close().await.unwrap();
    }
}
