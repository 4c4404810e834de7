//! A seeded schedule of whole episodes.
//!
//! Episodes arrive as an open process: their times do not depend on the server's answers (Schroeder, Wierman and
//! Harchol-Balter, "Open versus closed: a cautionary tale", 2006). The times between arrivals are Gamma-distributed, as
//! those of language-model services were found to be (Wang et al., "BurstGPT", 2024); shape 1 is the Poisson process.
//! Each request inside an episode has an intended start as well, a drawn gap after the one before, so that a stall is
//! charged to every request that it delays (Gil Tene on coordinated omission). The closed model finds the highest rate
//! that a server can do.
//!
//! The schedule is drawn episode by episode, so its length costs no memory.

use std::time::Duration;

use rand::{Rng, SeedableRng};
use rand_distr::{Distribution, Gamma};
use rand_pcg::Pcg64;
use serde::Serialize;

/// The arrivals of episodes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Arrivals {
    /// At drawn times, which do not depend on the server.
    Open {
        /// Episodes a second, on average.
        rate: f64,
        /// The shape of the Gamma distribution of the times between arrivals, and between the requests of an episode.
        shape: f64,
        /// The mean time between the requests of one episode.
        gap: Duration,
    },
    /// Each user starts its next episode when its last one is done.
    Closed,
}

/// A schedule's definition: the same pace over the same corpus is the same schedule.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    pub arrivals: Arrivals,
    /// The most episodes.
    pub episodes: u64,
    /// The longest time during which they arrive.
    pub duration: Option<Duration>,
    /// Retrievals after each episode, on average.
    pub retrieve_ratio: f64,
    pub seed: u64,
}

/// One episode to play.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlannedEpisode {
    /// Its place in the schedule, from 0.
    pub index: u64,
    /// The number of its script in the corpus.
    pub script: usize,
    /// For each retrieval after it, the script whose task is the query.
    pub retrievals: Vec<usize>,
    /// Intended starts of its requests, in nanoseconds since the run's start; empty in the closed model.
    pub starts_ns: Vec<u64>,
}

/// Sums of a whole schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScheduleTotals {
    /// Requests, if no episode ends early.
    pub requests: u64,
    /// Intended start of the last request; none in the closed model.
    pub end: Option<Duration>,
}

/// The requests of a script and its retrievals: start, steps, complete, and two a retrieval (ask, then read the best).
pub fn request_count(steps: usize, retrievals: usize) -> usize {
    2 + steps + 2 * retrievals
}

/// Draws planned episodes, in the order of their arrival.
#[derive(Debug)]
pub struct Schedule {
    pace: Pace,
    step_counts: Vec<usize>,
    times: Option<Times>,
    /// Separate generators, so that another retrieve ratio leaves the arrivals as they are.
    arrivals: Pcg64,
    mix: Pcg64,
    gaps: Pcg64,
    index: u64,
    arrival_ns: f64,
}

#[derive(Debug, Clone, Copy)]
struct Times {
    between_episodes_ns: Gamma<f64>,
    /// None if the mean is zero: the requests of an episode are then due at the same time.
    between_requests_ns: Option<Gamma<f64>>,
}

impl Schedule {
    /// A schedule over a corpus whose scripts have `step_counts` steps. The caller refuses an empty corpus, and a rate
    /// or a shape that is not over zero.
    pub fn new(pace: Pace, step_counts: Vec<usize>) -> Schedule {
        assert!(!step_counts.is_empty(), "an empty corpus is refused before");
        let times = match pace.arrivals {
            Arrivals::Open { rate, shape, gap } => {
                let gamma = |mean_ns: f64| Gamma::new(shape, mean_ns / shape).expect("rate and shape are over zero");
                let between_requests_ns = (!gap.is_zero()).then(|| gamma(gap.as_secs_f64() * 1e9));
                Some(Times { between_episodes_ns: gamma(1e9 / rate), between_requests_ns })
            }
            Arrivals::Closed => None,
        };
        let generator = |stream: u64| {
            let mut seed = Pcg64::seed_from_u64(pace.seed);
            seed.advance(u128::from(stream) << 96); // far apart on the generator's cycle of 2^128
            seed
        };
        Schedule {
            pace,
            step_counts,
            times,
            arrivals: generator(0),
            mix: generator(1),
            gaps: generator(2),
            index: 0,
            arrival_ns: 0.0,
        }
    }

    /// Requests have intended starts.
    pub fn is_open(&self) -> bool {
        self.times.is_some()
    }

    /// The duration of a closed schedule, if it has one.
    pub fn closes_after(&self) -> Option<Duration> {
        self.pace.duration.filter(|_| !self.is_open())
    }

    /// The sums of a schedule; none for a closed one with a duration, where they depend on the server's speed.
    pub fn totals(pace: Pace, step_counts: &[usize]) -> Option<ScheduleTotals> {
        let schedule = Schedule::new(pace, step_counts.to_vec());
        if !schedule.is_open() && pace.duration.is_some() {
            return None;
        }
        let nothing = ScheduleTotals { requests: 0, end: None };
        Some(schedule.fold(nothing, |totals, episode| {
            let requests = request_count(step_counts[episode.script], episode.retrievals.len());
            let last = episode.starts_ns.last().copied().map(Duration::from_nanos);
            ScheduleTotals { requests: totals.requests + requests as u64, end: totals.end.max(last) }
        }))
    }

    fn script(&mut self) -> usize {
        // The modulo's bias is below 2^-32 for any corpus that fits in memory.
        let draw = self.mix.next_u64() % self.step_counts.len() as u64;
        usize::try_from(draw).expect("below a length")
    }

    /// Retrievals after one episode: the ratio's whole part, and one more with the probability of its fraction.
    fn retrieval_count(&mut self) -> usize {
        let (whole, fraction) = (self.pace.retrieve_ratio.trunc(), self.pace.retrieve_ratio.fract());
        let draw = (self.mix.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
        whole as usize + usize::from(draw < fraction)
    }
}

impl Iterator for Schedule {
    type Item = PlannedEpisode;

    fn next(&mut self) -> Option<PlannedEpisode> {
        if self.index >= self.pace.episodes {
            return None;
        }
        if let Some(times) = self.times {
            self.arrival_ns += times.between_episodes_ns.sample(&mut self.arrivals);
            if self.pace.duration.is_some_and(|duration| self.arrival_ns > duration.as_secs_f64() * 1e9) {
                self.index = self.pace.episodes;
                return None;
            }
        }
        let script = self.script();
        let retrieval_count = self.retrieval_count();
        let retrievals: Vec<usize> = (0..retrieval_count).map(|_| self.script()).collect();
        let mut starts_ns = Vec::new();
        if let Some(times) = self.times {
            let mut start_ns = self.arrival_ns;
            for request in 0..request_count(self.step_counts[script], retrieval_count) {
                if let Some(gap) = times.between_requests_ns.filter(|_| request > 0) {
                    start_ns += gap.sample(&mut self.gaps);
                }
                starts_ns.push(start_ns as u64);
            }
        }
        let planned = PlannedEpisode { index: self.index, script, retrievals, starts_ns };
        self.index += 1;
        Some(planned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace(arrivals: Arrivals) -> Pace {
        Pace { arrivals, episodes: 4000, duration: None, retrieve_ratio: 1.5, seed: 7 }
    }

    const OPEN: Arrivals = Arrivals::Open { rate: 100.0, shape: 0.5, gap: Duration::from_millis(3) };

    fn draw(pace: Pace) -> Vec<PlannedEpisode> {
        Schedule::new(pace, vec![3, 40, 1]).collect()
    }

    #[test]
    fn a_seed_is_a_schedule() {
        assert_eq!(draw(pace(OPEN)), draw(pace(OPEN)));
        assert_ne!(draw(pace(OPEN)), draw(Pace { seed: 8, ..pace(OPEN) }));
        assert_eq!(draw(pace(Arrivals::Closed)), draw(pace(Arrivals::Closed)));
    }

    #[test]
    fn arrivals_do_not_depend_on_the_mix() {
        let first = |episodes: Vec<PlannedEpisode>| episodes.iter().map(|e| e.starts_ns[0]).collect::<Vec<_>>();
        assert_eq!(first(draw(pace(OPEN))), first(draw(Pace { retrieve_ratio: 0.0, ..pace(OPEN) })));
    }

    #[test]
    fn every_request_has_its_start_after_the_one_before() {
        for episode in draw(pace(OPEN)) {
            let steps = [3, 40, 1][episode.script];
            assert_eq!(episode.starts_ns.len(), request_count(steps, episode.retrievals.len()));
            assert!(episode.starts_ns.is_sorted());
        }
        assert!(draw(pace(Arrivals::Closed)).iter().all(|episode| episode.starts_ns.is_empty()));
    }

    #[test]
    fn rate_gaps_and_ratio_are_those_asked_for() {
        let episodes = draw(pace(OPEN));
        let count = episodes.len() as f64;
        let rate = count * 1e9 / *episodes.last().unwrap().starts_ns.first().unwrap() as f64;
        assert!((90.0..110.0).contains(&rate), "{rate} episodes a second");
        let ratio = episodes.iter().map(|e| e.retrievals.len()).sum::<usize>() as f64 / count;
        assert!((1.45..1.55).contains(&ratio), "{ratio} retrievals an episode");
        let gaps: Vec<u64> =
            episodes.iter().flat_map(|e| e.starts_ns.windows(2).map(|pair| pair[1] - pair[0])).collect();
        let mean = gaps.iter().sum::<u64>() as f64 / gaps.len() as f64;
        assert!((2.9e6..3.1e6).contains(&mean), "{mean} ns between requests");
    }

    #[test]
    fn burstiness_is_the_shape_s() {
        let variation = |shape: f64| {
            let open = Arrivals::Open { rate: 100.0, shape, gap: Duration::ZERO };
            let starts: Vec<f64> = draw(pace(open)).iter().map(|e| e.starts_ns[0] as f64).collect();
            let gaps: Vec<f64> = starts.windows(2).map(|pair| pair[1] - pair[0]).collect();
            let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
            let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
            variance.sqrt() / mean
        };
        // The coefficient of variation of a Gamma distribution is 1 / sqrt(shape).
        assert!((0.93..1.07).contains(&variation(1.0)), "{}", variation(1.0));
        assert!((1.9..2.1).contains(&variation(0.25)), "{}", variation(0.25));
    }

    #[test]
    fn a_duration_ends_the_schedule() {
        let bounded = Pace { duration: Some(Duration::from_secs(1)), ..pace(OPEN) };
        let episodes = draw(bounded);
        assert!(!episodes.is_empty() && episodes.len() < 4000);
        assert!(episodes.iter().all(|e| e.starts_ns[0] <= 1_000_000_000));
    }

    #[test]
    fn the_totals_are_the_schedule_s() {
        let totals = Schedule::totals(pace(OPEN), &[3, 40, 1]).expect("open");
        let starts: Vec<u64> = draw(pace(OPEN)).into_iter().flat_map(|episode| episode.starts_ns).collect();
        assert_eq!(totals.requests, starts.len() as u64);
        assert_eq!(totals.end, starts.into_iter().max().map(Duration::from_nanos));
        let closed = pace(Arrivals::Closed);
        assert_eq!(
            Schedule::totals(Pace { retrieve_ratio: 2.0, ..closed }, &[5]),
            Some(ScheduleTotals { requests: 4000 * 11, end: None })
        );
        assert_eq!(Schedule::totals(Pace { duration: Some(Duration::from_secs(1)), ..closed }, &[5]), None);
    }
}
