//! Two variants of a case on servers behind a link: wall time, round trips, connections, and their utilisation.
//!
//! Each side has a separate server and stays set up; slices of both alternate in one process, in random order. At a
//! distance an operation mostly waits, so its time is steady; round trips and connections are exact.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use baselines::claim::{MeasuredEffect, Target};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

use super::effect::{self, CounterChange};
use super::{Part, time};
use testbed::link::Distance;
use testbed::site::Site;
use worker::Prepared;
use worker::slice;
use workloads::benchmarks::bursts;
use workloads::cases::Case;
use workloads::input::Source;

/// The overhead, ns, that replaces one too small for the clock: a ratio needs a positive number.
const LEAST_OVERHEAD_NS: f64 = 1_000.0;

/// The slices of both sides, by round.
pub struct Rounds {
    base: Vec<Slice>,
    new: Vec<Slice>,
    round_trip_ns: f64,
}

/// One side's slice in one round.
struct Slice {
    wall_ns: f64, // of one operation
    counted: CounterChange,
}

/// The key of a measurement: parts with the same key share it.
pub fn key(part: &Part) -> String {
    let distance = part.distance.map_or("", |(name, _)| name);
    format!("{}|{}|{}|{}|{distance}", part.base.id, part.base.variant, part.new.id, part.new.variant)
}

/// Sets up both sides, each on a separate server, and alternates their slices.
pub fn rounds(part: &Part, rounds: usize, seed: u64, source: &Source) -> Result<Rounds> {
    let (_, distance) = part.distance.context("a part of the remote lane has a distance")?;
    let mut base = Side::new(&part.base, distance, source).context("the base")?;
    let mut new = Side::new(&part.new, distance, source).context("the candidate")?;
    let mut random = Pcg64::seed_from_u64(seed);
    let mut done = Rounds { base: vec![], new: vec![], round_trip_ns: nanoseconds(distance.round_trip) };
    for _ in 0..rounds {
        if random.random::<bool>() {
            done.base.push(base.slice().context("the base")?);
            done.new.push(new.slice().context("the candidate")?);
        } else {
            done.new.push(new.slice().context("the candidate")?);
            done.base.push(base.slice().context("the base")?);
        }
    }
    base.end().context("the base")?;
    new.end().context("the candidate")?;
    Ok(done)
}

/// A case on a remote server.
struct Side {
    prepared: Box<dyn Prepared>, // dropped before its server
    operations: u64,
    _site: Site,
}

impl Side {
    fn new(case: &Case, distance: Distance, source: &Source) -> Result<Side> {
        let input = source.load(case.benchmark.episodes)?;
        let site = Site::own()?; // LIBSQL_URL names one database, and two sides need two
        let prepared = site.prepare(case, &input)?;
        site.move_to(distance);
        // An operation takes milliseconds here, so fewer suffice than for a count.
        let mut side = Side { prepared, operations: case.benchmark.operations.div_ceil(4), _site: site };
        side.slice()?; // connections opened without distance get it from here on
        Ok(side)
    }

    fn slice(&mut self) -> Result<Slice> {
        let before = self.prepared.counters();
        let slice = slice::measure(self.prepared.as_mut(), self.operations)?;
        let counted = effect::between(&before, self.prepared.counters(), self.operations);
        Ok(Slice { wall_ns: slice.wall_ns as f64 / self.operations as f64, counted })
    }

    fn end(&mut self) -> Result<()> {
        self.prepared.check()
    }
}

impl Rounds {
    /// The measurement of a metric, for a claim's figure.
    pub fn measured(&self, metric: &str, figure: Target) -> Result<MeasuredEffect> {
        let per_round = |value: &dyn Fn(&Slice) -> Result<f64>| -> Result<MeasuredEffect> {
            let side = |slices: &[Slice]| slices.iter().map(value).collect::<Result<Vec<f64>>>();
            let (base, new) = (side(&self.base)?, side(&self.new)?);
            let shifts: Vec<f64> = base.iter().zip(&new).map(|(base, new)| (new / base).ln()).collect();
            time::measured(figure, &base, &new, &shifts)
        };
        match metric {
            "wall_time" => per_round(&|slice| Ok(slice.wall_ns)),
            "connection_overhead" => {
                per_round(&|slice| Ok((slice.wall_ns - self.round_trip_ns).max(LEAST_OVERHEAD_NS)))
            }
            "utilisation" => per_round(&utilisation),
            counted => {
                let side = |slices: &[Slice]| all(slices).value(counted);
                Ok(MeasuredEffect::exact(figure, Some(side(&self.base)?), side(&self.new)?))
            }
        }
    }

    /// The change of the candidate's counter, setup included.
    pub fn counter(&self, name: &str) -> u64 {
        self.new.last().and_then(|slice| slice.counted.total.get(name).copied()).unwrap_or(0)
    }
}

fn all(slices: &[Slice]) -> CounterChange {
    slices.iter().fold(CounterChange::default(), |mut sum, slice| {
        sum.add(slice.counted.clone());
        sum
    })
}

fn utilisation(slice: &Slice) -> Result<f64> {
    let moved: &BTreeMap<_, u64> = &slice.counted.moved;
    let of = |name| moved.get(name).copied().unwrap_or(0) as f64;
    ensure!(of(bursts::OPEN) > 0.0, "the benchmark has no counter of the time that connections were open");
    Ok(of(bursts::BUSY) / of(bursts::OPEN))
}

fn nanoseconds(duration: Duration) -> f64 {
    duration.as_nanos() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slice(wall_ns: f64, trips: u64, busy: u64) -> Slice {
        let moved = BTreeMap::from([("remote_round_trips", trips), (bursts::BUSY, busy), (bursts::OPEN, 100)]);
        Slice { wall_ns, counted: CounterChange { operations: 4, total: moved.clone(), moved } }
    }

    #[test]
    fn overhead_is_what_lies_beyond_one_round_trip() {
        let rounds = Rounds {
            base: (0..8).map(|_| slice(46e6, 12, 30)).collect(),
            new: (0..8).map(|_| slice(16e6, 4, 90)).collect(),
            round_trip_ns: 15e6,
        };
        let figure = Target::AtMostOfBase(0.11);
        let overhead = rounds.measured("connection_overhead", figure).expect("enough rounds");
        assert_eq!((overhead.base, overhead.new), (Some(31e6), 1e6));
        assert!((overhead.estimate - 1.0 / 31.0).abs() < 1e-9, "{overhead:?}");
        let trips = rounds.measured("round_trips", figure).expect("counted");
        assert_eq!((trips.base, trips.new, trips.rounds), (Some(3.0), 1.0, 0));
        let utilisation = rounds.measured("utilisation", Target::AtLeast(0.8)).expect("gauged");
        assert_eq!((utilisation.base, utilisation.low), (Some(0.3), 0.9));
        assert_eq!(rounds.counter("remote_round_trips"), 4);
    }
}
