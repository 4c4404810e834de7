//! The sessions of a workload, among which a schedule draws.

use std::ops::Range;

use rand::Rng;
use rand_pcg::Pcg64;

/// The sessions that a schedule draws.
#[derive(Debug, Clone, PartialEq)]
pub enum Mix {
    /// A script with these numbers of steps, each as likely as the others, and that many retrievals after it, on
    /// average.
    Episodes { step_counts: Vec<usize>, retrieve_ratio: f64 },
    /// A session of the scenario, by its weight.
    Scenario { sessions: Vec<SessionShape> },
}

/// The weight of a session and the number of its requests.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SessionShape {
    pub weight: f64,
    pub requests: usize,
}

/// A session as it was drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DrawnSession {
    pub script: usize,
    pub retrievals: Vec<usize>,
    pub requests: usize,
}

/// The requests of a script and its retrievals: start, steps, complete, and two per retrieval (ask, read the best).
pub fn request_count(steps: usize, retrievals: usize) -> usize {
    2 + steps + 2 * retrievals
}

impl Mix {
    /// True if there is nothing to draw.
    pub fn is_empty(&self) -> bool {
        match self {
            Mix::Episodes { step_counts, .. } => step_counts.is_empty(),
            Mix::Scenario { sessions } => sessions.is_empty(),
        }
    }

    /// Draws the next session.
    pub fn draw(&self, generator: &mut Pcg64) -> DrawnSession {
        match self {
            Mix::Episodes { step_counts, retrieve_ratio } => {
                let script = one_of(0..step_counts.len(), generator);
                let retrieval_count = retrieval_count(*retrieve_ratio, generator);
                let retrievals = (0..retrieval_count).map(|_| one_of(0..step_counts.len(), generator)).collect();
                let requests = request_count(step_counts[script], retrieval_count);
                DrawnSession { script, retrievals, requests }
            }
            Mix::Scenario { sessions } => {
                let mut left = uniform(generator) * sessions.iter().map(|session| session.weight).sum::<f64>();
                let last = sessions.len() - 1;
                let taken = sessions.iter().position(|session| {
                    left -= session.weight;
                    left < 0.0
                });
                let script = taken.unwrap_or(last);
                DrawnSession { script, retrievals: Vec::new(), requests: sessions[script].requests }
            }
        }
    }
}

fn one_of(range: Range<usize>, generator: &mut Pcg64) -> usize {
    // The modulo's bias is below 2^-32 for any corpus that fits in memory.
    let draw = generator.next_u64() % range.len() as u64;
    usize::try_from(draw).expect("below a length")
}

/// Retrievals after one episode: the ratio's whole part, and one more with the probability of its fraction.
fn retrieval_count(ratio: f64, generator: &mut Pcg64) -> usize {
    ratio.trunc() as usize + usize::from(uniform(generator) < ratio.fract())
}

/// From 0 up to 1, without 1.
fn uniform(generator: &mut Pcg64) -> f64 {
    (generator.next_u64() >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn sessions_come_by_their_weights() {
        let sessions = [3.0, 0.0, 1.0].map(|weight| SessionShape { weight, requests: 2 }).to_vec();
        let mix = Mix::Scenario { sessions };
        let mut generator = Pcg64::seed_from_u64(1);
        let mut counts = [0; 3];
        for _ in 0..4000 {
            counts[mix.draw(&mut generator).script] += 1;
        }
        assert_eq!(counts[1], 0);
        assert!((2900..3100).contains(&counts[0]), "{counts:?}");
    }
}
