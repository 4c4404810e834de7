//! A seeded schedule of whole sessions.
//!
//! Sessions arrive as an open process: their times do not depend on the server's answers (Schroeder, Wierman and
//! Harchol-Balter, "Open versus closed: a cautionary tale", 2006). The times between arrivals are Gamma-distributed, as
//! those of language-model services were found to be (Wang et al., "BurstGPT", 2024); shape 1 is the Poisson process.
//!
//! In the open model, each request inside a session has an intended start as well, a drawn gap after the one before,
//! so that a stall is charged to every request that it delays (Gil Tene on coordinated omission). In the partly open
//! model, which that paper finds closest to users of the web, a request is due a drawn think time after the last answer
//! of its session. The closed model finds the highest rate that a server can do.
//!
//! The schedule is drawn session by session, so its length costs no memory.

use std::time::Duration;

use rand::SeedableRng;
use rand_distr::{Distribution, Gamma};
use rand_pcg::Pcg64;
use serde::Serialize;

use super::mix::Mix;
use super::shard::LoadShard;
use super::swing::Swing;

/// The arrivals of sessions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Arrivals {
    /// At drawn times, which do not depend on the server.
    Open {
        /// Sessions per second, on average.
        rate: f64,
        /// The shape of the Gamma distribution of the times between arrivals, and between the requests of a session.
        shape: f64,
        /// The mean time between the requests of one session.
        gap: Duration,
        /// The start of a request within a session.
        within: Within,
    },
    /// Each user starts its next session when its last one is done.
    Closed,
}

/// The start of the second request of a session, and of those after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Within {
    /// A gap after the intended start of the request before: fully open.
    Scheduled,
    /// A gap after the answer to the request before, the think time: partly open.
    AfterAnswer,
}

/// A schedule's definition: the same pace over the same mix is the same schedule.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    pub arrivals: Arrivals,
    /// The most sessions.
    pub sessions: u64,
    /// The longest time during which they arrive.
    pub duration: Option<Duration>,
    pub seed: u64,
    /// The swing of an open schedule's rate; none if it is steady.
    pub swing: Option<Swing>,
}

/// One session to play.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlannedSession {
    /// Its place in the schedule, from 0.
    pub index: u64,
    /// The number of its script in the corpus, or of its session in the scenario.
    pub script: usize,
    /// For each retrieval after it, the script whose task is the query.
    pub retrievals: Vec<usize>,
    /// Intended starts of its requests, in nanoseconds since the run's start: of all in the open model, of the first
    /// in the partly open one, and empty in the closed one.
    pub starts_ns: Vec<u64>,
    /// In the partly open model, the think times before its second request and those after it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub thinks_ns: Vec<u64>,
    /// The number of its requests, if none fails.
    #[serde(skip)]
    pub requests: usize,
}

/// Sums of a whole schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScheduleTotals {
    /// Requests, if no session ends early.
    pub requests: u64,
    /// Intended start of the last request; in the partly open model, if all answers came at once. None in the closed
    /// model.
    pub end: Option<Duration>,
}

/// Draws planned sessions, in the order of their arrival.
#[derive(Debug, Clone)]
pub struct Schedule {
    pace: Pace,
    mix: Mix,
    shard: LoadShard,
    times: Option<Times>,
    /// Separate generators, so that another mix leaves the arrivals as they are.
    arrivals: Pcg64,
    drawing: Pcg64,
    gaps: Pcg64,
    index: u64,
    /// The last arrival, if the rate were steady.
    steady_ns: f64,
}

#[derive(Debug, Clone, Copy)]
struct Times {
    between_sessions_ns: Gamma<f64>,
    /// None if the mean is zero: the requests of a session are then due at the same time.
    between_requests_ns: Option<Gamma<f64>>,
    within: Within,
}

impl Schedule {
    /// The schedule of a shard. The caller refuses an empty mix, and a rate or a shape that is not over zero.
    pub fn new(pace: Pace, mix: Mix, shard: LoadShard) -> Schedule {
        assert!(!mix.is_empty(), "an empty mix is refused before");
        let times = match pace.arrivals {
            Arrivals::Open { rate, shape, gap, within } => {
                let gamma = |mean_ns: f64| Gamma::new(shape, mean_ns / shape).expect("rate and shape are over zero");
                let between_requests_ns = (!gap.is_zero()).then(|| gamma(gap.as_secs_f64() * 1e9));
                Some(Times { between_sessions_ns: gamma(1e9 / rate), between_requests_ns, within })
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
            mix,
            shard,
            times,
            arrivals: generator(0),
            drawing: generator(1),
            gaps: generator(2),
            index: 0,
            steady_ns: 0.0,
        }
    }

    /// Sessions have intended starts.
    pub fn is_open(&self) -> bool {
        self.times.is_some()
    }

    /// The duration of a closed schedule, if it has one.
    pub fn closes_after(&self) -> Option<Duration> {
        self.pace.duration.filter(|_| !self.is_open())
    }

    /// The sums of this schedule; none for a closed one with a duration, where they depend on the server's speed.
    pub fn totals(&self) -> Option<ScheduleTotals> {
        if !self.is_open() && self.pace.duration.is_some() {
            return None;
        }
        let nothing = ScheduleTotals { requests: 0, end: None };
        Some(self.clone().fold(nothing, |totals, session| {
            let last = session.starts_ns.last().map(|start| start + session.thinks_ns.iter().sum::<u64>());
            ScheduleTotals {
                requests: totals.requests + session.requests as u64,
                end: totals.end.max(last.map(Duration::from_nanos)),
            }
        }))
    }

    /// Draws the next session of all shards.
    fn draw(&mut self) -> Option<PlannedSession> {
        if self.index >= self.pace.sessions {
            return None;
        }
        let mut arrival_ns = 0.0;
        if let Some(times) = self.times {
            self.steady_ns += times.between_sessions_ns.sample(&mut self.arrivals);
            arrival_ns = self.pace.swing.map_or(self.steady_ns, |swing| swing.time_ns(self.steady_ns));
            if self.pace.duration.is_some_and(|duration| arrival_ns > duration.as_secs_f64() * 1e9) {
                self.index = self.pace.sessions;
                return None;
            }
        }
        let drawn = self.mix.draw(&mut self.drawing);
        let (mut starts_ns, mut thinks_ns) = (Vec::new(), Vec::new());
        if let Some(times) = self.times {
            let mut start_ns = arrival_ns;
            for request in 0..drawn.requests {
                let gap = times.between_requests_ns.filter(|_| request > 0);
                let gap_ns = gap.map_or(0.0, |gap| gap.sample(&mut self.gaps));
                if request > 0 && times.within == Within::AfterAnswer {
                    thinks_ns.push(gap_ns as u64);
                } else {
                    start_ns += gap_ns;
                    starts_ns.push(start_ns as u64);
                }
            }
        }
        let (index, requests) = (self.index, drawn.requests);
        self.index += 1;
        let (script, retrievals) = (drawn.script, drawn.retrievals);
        Some(PlannedSession { index, script, retrievals, starts_ns, thinks_ns, requests })
    }
}

impl Iterator for Schedule {
    type Item = PlannedSession;

    fn next(&mut self) -> Option<PlannedSession> {
        loop {
            let session = self.draw()?;
            if self.shard.plays(session.index) {
                return Some(session);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::mix::request_count;
    use super::*;

    fn mix(retrieve_ratio: f64) -> Mix {
        Mix::Episodes { step_counts: vec![3, 40, 1], retrieve_ratio }
    }

    fn pace(arrivals: Arrivals) -> Pace {
        Pace { arrivals, sessions: 4000, duration: None, seed: 7, swing: None }
    }

    fn open(within: Within) -> Arrivals {
        Arrivals::Open { rate: 100.0, shape: 0.5, gap: Duration::from_millis(3), within }
    }

    const OPEN: Arrivals =
        Arrivals::Open { rate: 100.0, shape: 0.5, gap: Duration::from_millis(3), within: Within::Scheduled };

    fn draw(pace: Pace) -> Vec<PlannedSession> {
        Schedule::new(pace, mix(1.5), LoadShard::WHOLE).collect()
    }

    #[test]
    fn a_seed_is_a_schedule() {
        assert_eq!(draw(pace(OPEN)), draw(pace(OPEN)));
        assert_ne!(draw(pace(OPEN)), draw(Pace { seed: 8, ..pace(OPEN) }));
        assert_eq!(draw(pace(Arrivals::Closed)), draw(pace(Arrivals::Closed)));
    }

    #[test]
    fn arrivals_do_not_depend_on_the_mix() {
        let first = |sessions: Vec<PlannedSession>| sessions.iter().map(|e| e.starts_ns[0]).collect::<Vec<_>>();
        let other = Schedule::new(pace(OPEN), mix(0.0), LoadShard::WHOLE).collect();
        assert_eq!(first(draw(pace(OPEN))), first(other));
        assert_eq!(first(draw(pace(OPEN))), first(draw(pace(open(Within::AfterAnswer)))));
    }

    #[test]
    fn every_request_has_its_start_after_the_one_before() {
        for session in draw(pace(OPEN)) {
            let steps = [3, 40, 1][session.script];
            assert_eq!(session.requests, request_count(steps, session.retrievals.len()));
            assert_eq!(session.starts_ns.len(), session.requests);
            assert!(session.starts_ns.is_sorted() && session.thinks_ns.is_empty());
        }
        assert!(draw(pace(Arrivals::Closed)).iter().all(|session| session.starts_ns.is_empty()));
    }

    #[test]
    fn partly_open_sessions_have_their_arrival_and_think_times() {
        let sessions = draw(pace(open(Within::AfterAnswer)));
        for session in &sessions {
            assert_eq!((session.starts_ns.len(), session.thinks_ns.len()), (1, session.requests - 1));
        }
        let thinks: Vec<u64> = sessions.into_iter().flat_map(|session| session.thinks_ns).collect();
        let mean = thinks.iter().sum::<u64>() as f64 / thinks.len() as f64;
        assert!((2.9e6..3.1e6).contains(&mean), "{mean} ns of thinking");
    }

    #[test]
    fn rate_gaps_and_ratio_are_those_asked_for() {
        let sessions = draw(pace(OPEN));
        let count = sessions.len() as f64;
        let rate = count * 1e9 / *sessions.last().unwrap().starts_ns.first().unwrap() as f64;
        assert!((90.0..110.0).contains(&rate), "{rate} sessions per second");
        let ratio = sessions.iter().map(|e| e.retrievals.len()).sum::<usize>() as f64 / count;
        assert!((1.45..1.55).contains(&ratio), "{ratio} retrievals a session");
        let gaps: Vec<u64> =
            sessions.iter().flat_map(|e| e.starts_ns.windows(2).map(|pair| pair[1] - pair[0])).collect();
        let mean = gaps.iter().sum::<u64>() as f64 / gaps.len() as f64;
        assert!((2.9e6..3.1e6).contains(&mean), "{mean} ns between requests");
    }

    #[test]
    fn burstiness_is_the_shape_s() {
        let variation = |shape: f64| {
            let open = Arrivals::Open { rate: 100.0, shape, gap: Duration::ZERO, within: Within::Scheduled };
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
    fn a_swing_moves_the_arrivals_and_nothing_else() {
        let swing = Swing { share: 0.9, period: Duration::from_secs(10) };
        let swinging = draw(Pace { swing: Some(swing), ..pace(OPEN) });
        for (steady, moved) in draw(pace(OPEN)).iter().zip(&swinging) {
            let expected = swing.time_ns(steady.starts_ns[0] as f64);
            assert!((moved.starts_ns[0] as f64 - expected).abs() < 10.0, "{moved:?}");
            assert_eq!((moved.script, moved.requests), (steady.script, steady.requests));
        }
    }

    #[test]
    fn a_duration_ends_the_schedule() {
        let bounded = Pace { duration: Some(Duration::from_secs(1)), ..pace(OPEN) };
        let sessions = draw(bounded);
        assert!(!sessions.is_empty() && sessions.len() < 4000);
        assert!(sessions.iter().all(|e| e.starts_ns[0] <= 1_000_000_000));
    }

    #[test]
    fn the_totals_are_the_schedule_s() {
        let totals = |pace: Pace, mix: Mix| Schedule::new(pace, mix, LoadShard::WHOLE).totals();
        let open = totals(pace(OPEN), mix(1.5)).expect("open");
        let starts: Vec<u64> = draw(pace(OPEN)).into_iter().flat_map(|session| session.starts_ns).collect();
        assert_eq!(open.requests, starts.len() as u64);
        assert_eq!(open.end, starts.into_iter().max().map(Duration::from_nanos));
        let closed = pace(Arrivals::Closed);
        let short = Mix::Episodes { step_counts: vec![5], retrieve_ratio: 2.0 };
        assert_eq!(totals(closed, short.clone()), Some(ScheduleTotals { requests: 4000 * 11, end: None }));
        assert_eq!(totals(Pace { duration: Some(Duration::from_secs(1)), ..closed }, short), None);
    }

    proptest! {
        #[test]
        fn all_shards_together_are_exactly_the_schedule(
            seed in 0u64..1000, of in 1u64..6, model in 0usize..3, sessions in 1u64..200,
        ) {
            let arrivals = [OPEN, open(Within::AfterAnswer), Arrivals::Closed][model];
            let swing = Some(Swing { share: 0.5, period: Duration::from_secs(1) }).filter(|_| seed % 2 == 0);
            let pace = Pace { arrivals, sessions, duration: None, seed, swing };
            let mut parts: Vec<PlannedSession> = Vec::new();
            for number in 1..=of {
                let part: Vec<_> = Schedule::new(pace, mix(1.5), LoadShard { number, of }).collect();
                prop_assert!(part.iter().all(|session| session.index % of == number - 1));
                parts.extend(part);
            }
            parts.sort_by_key(|session| session.index);
            prop_assert_eq!(parts, draw(pace));
        }
    }
}
