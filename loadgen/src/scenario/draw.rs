//! The choice of one among many: the row of a data set, or a value of a pool.
//!
//! `zipf` and `latest` are those of YCSB (Cooper et al., "Benchmarking Cloud Serving Systems with YCSB", 2010): few are
//! asked for often, the first ones or the newest. YCSB's skew is 0.99.

use std::hash::Hasher;

use fnv::FnvHasher;
use rand::{Rng, SeedableRng};
use rand_distr::{Distribution, Zipf};
use rand_pcg::Pcg64;
use serde::Deserialize;

/// YCSB's skew.
const SKEW: f64 = 0.99;

/// The names of the choices in a scenario.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DrawKind {
    /// One after the other, by the place of the session in the schedule.
    #[default]
    Turn,
    /// Each as likely as the others.
    Uniform,
    /// The first is the likeliest.
    Zipf,
    /// The last is the likeliest.
    Latest,
}

/// A choice.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Draw {
    pub kind: DrawKind,
    /// The exponent of Zipf's law: the n-th is as likely as `n^-skew`.
    pub skew: Option<f64>,
}

impl Draw {
    /// The position of the chosen one among `count`, which is over 0. `turn` is the place of the session.
    pub fn position(self, count: usize, turn: u64, generator: &mut Pcg64) -> usize {
        let count_wide = count as u64;
        let below = |number: u64| usize::try_from(number % count_wide).expect("below a length");
        let rank = |generator: &mut Pcg64| {
            let zipf = Zipf::new(count as f64, self.skew.unwrap_or(SKEW));
            let rank = zipf.expect("the skew and the count are over 0").sample(generator);
            below(rank as u64 - 1)
        };
        match self.kind {
            DrawKind::Turn => below(turn),
            // The modulo's bias is below 2^-32 for whatever fits in memory.
            DrawKind::Uniform => below(generator.next_u64()),
            DrawKind::Zipf => rank(generator),
            DrawKind::Latest => count - 1 - rank(generator),
        }
    }
}

/// The generator of one choice: the same for the same seed, session and name.
pub fn generator(seed: u64, session: u64, name: &str) -> Pcg64 {
    let mut hasher = FnvHasher::default();
    hasher.write_u64(seed);
    hasher.write_u64(session);
    hasher.write(name.as_bytes());
    Pcg64::seed_from_u64(hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How often each of 100 is chosen in 100,000 sessions.
    fn counts(kind: DrawKind) -> Vec<f64> {
        let mut counts = vec![0.0; 100];
        for session in 0..100_000 {
            let draw = Draw { kind, skew: None };
            counts[draw.position(100, session, &mut generator(7, session, "users"))] += 1.0;
        }
        counts
    }

    #[test]
    fn the_choices_have_their_shares() {
        assert!(counts(DrawKind::Turn).iter().all(|count| *count == 1000.0));
        let uniform = counts(DrawKind::Uniform);
        assert!(uniform.iter().all(|count| (850.0..1150.0).contains(count)), "{uniform:?}");
        let weights: Vec<f64> = (1..=100).map(|rank| f64::from(rank).powf(-0.99)).collect();
        let total: f64 = weights.iter().sum();
        let zipf = counts(DrawKind::Zipf);
        for rank in [0, 1, 9] {
            let expected = 100_000.0 * weights[rank] / total;
            assert!((zipf[rank] / expected - 1.0).abs() < 0.1, "rank {rank}: {} for {expected}", zipf[rank]);
        }
        let mut latest = counts(DrawKind::Latest);
        latest.reverse();
        assert_eq!(latest, zipf);
    }

    #[test]
    fn a_seed_is_a_choice() {
        let first = |seed, session, name| generator(seed, session, name).next_u64();
        assert_eq!(first(1, 2, "users"), first(1, 2, "users"));
        assert_ne!(first(1, 2, "users"), first(2, 2, "users"));
        assert_ne!(first(1, 2, "users"), first(1, 3, "users"));
        assert_ne!(first(1, 2, "users"), first(1, 2, "items"));
    }
}
