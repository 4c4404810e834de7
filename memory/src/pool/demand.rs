//! The number of connections that the demand asks for, from events and their times: the law of pool `adaptive`.
//!
//! Events fall into windows of [`WINDOW_RETURNS`] returned connections (but no shorter than one was held), or of
//! [`WINDOW_NS`]. The demand of a window is the number of callers that have a connection or wait for one, averaged over
//! its time. This is Little's law, arrivals per second x time from arrival to return, read from the side that can be
//! measured while some have not come back yet (J. D. C. Little, "A proof for the queuing formula L = lambda W",
//! Operations Research 9(3), 1961). Then
//!
//! - if somebody waited, the limit becomes `gradient x limit + sqrt(limit)`: the gradient limit of Netflix's
//!   concurrency-limits (Gradient2Limit). `gradient` is the time that a connection was held without a queue, by the
//!   time that it is held now, within a tolerance. While more connections bring more, it is 1 and the limit grows, at
//!   once as far as Little's law says (at most to its double). Beyond the knee of the other side, where connections
//!   only wait for each other, holding takes longer, and the limit settles or falls;
//! - if nobody waited for [`CALM_WINDOWS`] windows, the limit goes half-way down to the demand at [`UTILISATION`].

/// The first limit, within the bounds: above the demand of one caller, so that even that moves it.
pub(super) const INITIAL: usize = 4;

/// Returned connections of one window.
const WINDOW_RETURNS: u64 = 16;

/// The longest window; silence for as long is a window, too.
const WINDOW_NS: u64 = 1_000_000_000;

/// The part of the limit that is to be in use; the rest is for uneven arrivals.
const UTILISATION: f64 = 0.8;

/// Successive windows without a queue before the limit falls.
const CALM_WINDOWS: u32 = 2;

/// Holding a connection for this many times its time without a queue counts as a queue on the other side.
const TOLERANCE: f64 = 1.5;

/// The smallest gradient: the limit falls by at most half at a time.
const GRADIENT_MIN: f64 = 0.5;

/// After so many successive windows at the smallest gradient the work itself has changed, and is measured anew.
const STRAINED_WINDOWS: u32 = 8;

/// The weight of a calm window in the time that holding takes without a queue.
const BASE_WEIGHT: f64 = 0.2;

/// The limit, and the events that it follows from.
#[derive(Debug)]
pub(super) struct Demand {
    minimum: usize,
    maximum: usize,
    limit: usize,
    window: Window,
    in_use: u64,
    waiting: u64,
    base_ns: Option<f64>, // what holding takes without a queue
    calm: u32,
    strained: u32,
}

/// The events since the window began.
#[derive(Debug, Default)]
struct Window {
    since_ns: Option<u64>,
    queued: bool,
    returns: u64,
    held_ns: u64,
    wanted_ns: f64, // callers that have a connection or wait for one, times how long
    seen_ns: u64,   // when that was added to last
}

impl Demand {
    pub(super) fn new(minimum: usize, maximum: usize) -> Demand {
        let minimum = minimum.clamp(1, maximum.max(1));
        let maximum = maximum.max(minimum);
        let limit = INITIAL.clamp(minimum, maximum);
        let window = Window::default();
        Demand { minimum, maximum, limit, window, in_use: 0, waiting: 0, base_ns: None, calm: 0, strained: 0 }
    }

    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// Somebody wants a connection, and has to wait for it or not.
    pub(super) fn arrived(&mut self, now_ns: u64, queued: bool) {
        self.seen(now_ns);
        self.window.queued |= queued;
        self.waiting += u64::from(queued);
    }

    /// Somebody who waited does not wait any more, with a connection or without one.
    pub(super) fn waited(&mut self, now_ns: u64) {
        self.seen(now_ns);
        self.waiting = self.waiting.saturating_sub(1);
    }

    pub(super) fn lent(&mut self, now_ns: u64) {
        self.seen(now_ns);
        self.in_use += 1;
    }

    /// A connection came back that was lent for `held_ns`.
    pub(super) fn returned(&mut self, now_ns: u64, held_ns: u64) {
        self.seen(now_ns);
        self.in_use = self.in_use.saturating_sub(1);
        self.window.returns += 1;
        self.window.held_ns = self.window.held_ns.saturating_add(held_ns);
        let (Window { returns, held_ns, .. }, elapsed_ns) = (&self.window, self.elapsed_ns(now_ns));
        if (*returns >= WINDOW_RETURNS && elapsed_ns >= held_ns / returns) || elapsed_ns >= WINDOW_NS {
            self.close_window(now_ns);
        }
    }

    /// Nothing happened: silence is a window without demand.
    pub(super) fn silent(&mut self, now_ns: u64) {
        self.seen(now_ns);
        if self.elapsed_ns(now_ns) >= WINDOW_NS {
            self.close_window(now_ns);
        }
    }

    fn seen(&mut self, now_ns: u64) {
        if self.window.since_ns.is_some() {
            self.window.wanted_ns +=
                (self.in_use + self.waiting) as f64 * now_ns.saturating_sub(self.window.seen_ns) as f64;
        } else {
            self.window.since_ns = Some(now_ns);
        }
        self.window.seen_ns = now_ns;
    }

    fn elapsed_ns(&self, now_ns: u64) -> u64 {
        now_ns.saturating_sub(self.window.since_ns.unwrap_or(now_ns))
    }

    fn close_window(&mut self, now_ns: u64) {
        let elapsed_ns = self.elapsed_ns(now_ns).max(1) as f64;
        let Window { queued, returns, held_ns, wanted_ns, .. } = std::mem::take(&mut self.window);
        self.seen(now_ns);
        let hold_ns = if returns == 0 { self.base_ns.unwrap_or(0.0) } else { held_ns as f64 / returns as f64 };
        let wanted = (wanted_ns / elapsed_ns / UTILISATION).ceil();
        let limit = if queued || self.waiting > 0 {
            self.calm = 0;
            self.pressed(hold_ns, wanted)
        } else {
            self.strained = 0;
            if returns > 0 {
                let base_ns = self.base_ns.get_or_insert(hold_ns);
                *base_ns += BASE_WEIGHT * (hold_ns - *base_ns);
            }
            self.calmed(wanted)
        };
        self.limit = limit.clamp(self.minimum, self.maximum);
    }

    /// The next limit, where somebody waited.
    fn pressed(&mut self, hold_ns: f64, wanted: f64) -> usize {
        let base_ns = self.base_ns.get_or_insert(hold_ns);
        *base_ns = base_ns.min(hold_ns);
        let gradient = (TOLERANCE * *base_ns / hold_ns.max(1.0)).clamp(GRADIENT_MIN, 1.0);
        self.strained = if gradient > GRADIENT_MIN { 0 } else { self.strained + 1 };
        if self.strained >= STRAINED_WINDOWS {
            self.strained = 0;
            *base_ns = hold_ns;
        }
        let limit = self.limit as f64;
        let step = gradient * limit + limit.sqrt();
        let seed = if gradient < 1.0 { 0.0 } else { wanted.min(2.0 * limit) };
        step.max(seed) as usize
    }

    /// The next limit, where nobody waited.
    fn calmed(&mut self, wanted: f64) -> usize {
        if wanted as usize >= self.limit {
            self.calm = 0;
            return self.limit;
        }
        self.calm += 1;
        if self.calm < CALM_WINDOWS {
            return self.limit;
        }
        self.calm = 0;
        self.limit - (self.limit - wanted as usize).div_ceil(2)
    }
}

#[cfg(test)]
mod tests {
    use std::cmp::Reverse;
    use std::collections::{BinaryHeap, VecDeque};

    use super::*;

    const MINIMUM: usize = 1;
    const MAXIMUM: usize = 64;

    /// Callers who always want a connection, over a server that works on `knee` requests at a time and shares itself
    /// among more.
    struct Bench {
        demand: Demand,
        now_ns: u64,
        in_use: usize,
        waiting: VecDeque<(u64, bool)>,             // who, and whether there was a queue
        done: BinaryHeap<Reverse<(u64, u64, u64)>>, // when, by whom, held since
        served: u64,
        knee: usize,
        service_ns: u64,
    }

    impl Bench {
        fn new(knee: usize) -> Bench {
            let demand = Demand::new(MINIMUM, MAXIMUM);
            let (waiting, done) = (VecDeque::new(), BinaryHeap::new());
            Bench { demand, now_ns: 0, in_use: 0, waiting, done, served: 0, knee, service_ns: 1_000_000 }
        }

        fn arrive(&mut self, caller: u64) {
            let queued = self.in_use >= self.demand.limit() || !self.waiting.is_empty();
            self.demand.arrived(self.now_ns, queued);
            self.waiting.push_back((caller, queued));
            self.lend();
        }

        fn lend(&mut self) {
            while self.in_use < self.demand.limit()
                && let Some((caller, queued)) = self.waiting.pop_front()
            {
                self.in_use += 1;
                if queued {
                    self.demand.waited(self.now_ns);
                }
                self.demand.lent(self.now_ns);
                let crowd = self.in_use.max(self.knee) as u64;
                let hold_ns = self.service_ns * crowd / self.knee as u64;
                self.done.push(Reverse((self.now_ns + hold_ns, caller, self.now_ns)));
            }
        }

        /// Lets `callers` callers work until `served` more requests were served; how long that took.
        fn run(&mut self, callers: u64, served: u64) -> u64 {
            let (began_ns, until) = (self.now_ns, self.served + served);
            let busy = (self.waiting.len() + self.in_use) as u64;
            (busy..callers).for_each(|caller| self.arrive(caller));
            while self.served < until {
                let Reverse((when_ns, caller, since_ns)) = self.done.pop().expect("somebody works");
                self.now_ns = when_ns;
                self.in_use -= 1;
                self.served += 1;
                self.demand.returned(when_ns, when_ns - since_ns);
                assert!((MINIMUM..=MAXIMUM).contains(&self.demand.limit()), "{:?}", self.demand);
                self.lend();
                if (self.waiting.len() + self.in_use) < callers as usize {
                    self.now_ns += 1;
                    self.arrive(caller);
                }
            }
            self.now_ns - began_ns
        }
    }

    #[test]
    fn grows_until_nobody_waits_and_shrinks_when_the_load_is_gone() {
        let mut bench = Bench::new(MAXIMUM);
        bench.run(1, 200);
        assert_eq!(bench.demand.limit(), 2, "one caller has 1 in use of 1.25 that utilisation asks for");
        bench.run(24, 2_000);
        let limit = bench.demand.limit();
        assert!((24..=32).contains(&limit), "24 callers, at 75% of the limit or more: {limit}");
        assert!(bench.waiting.is_empty());
        bench.run(1, 400);
        assert_eq!(bench.demand.limit(), 2);
        let Reverse((when_ns, _, since_ns)) = bench.done.pop().unwrap();
        bench.demand.returned(when_ns, when_ns - since_ns);
        bench.now_ns = when_ns;
        for _ in 0..4 {
            bench.now_ns += WINDOW_NS;
            bench.demand.silent(bench.now_ns);
        }
        assert_eq!(bench.demand.limit(), MINIMUM, "silence is no demand");
    }

    #[test]
    fn every_step_of_the_load_is_followed() {
        let mut bench = Bench::new(MAXIMUM);
        let mut limits = Vec::new();
        for callers in [4, 40, 8, 60, 2, 16] {
            bench.run(callers, 4_000);
            limits.push((callers, bench.demand.limit()));
        }
        for (callers, limit) in limits {
            let enough = callers as usize..=(callers as f64 / UTILISATION).ceil() as usize + 1;
            assert!(enough.contains(&limit), "{callers} callers: {limit} connections, not {enough:?}");
        }
    }

    #[test]
    fn stays_near_the_knee_of_the_other_side() {
        let mut bench = Bench::new(8);
        bench.run(60, 20_000);
        let limit = bench.demand.limit();
        assert!((8..=20).contains(&limit), "8 are served at a time: {limit} connections for 60 callers");
        let took_ns = bench.run(60, 8_000);
        assert!(took_ns <= 1_010_000_000, "8,000 requests of 1 ms, 8 at a time, take a second: {took_ns} ns");
    }

    #[test]
    fn work_that_takes_ten_times_as_long_is_no_queue() {
        let mut bench = Bench::new(MAXIMUM);
        bench.run(32, 4_000);
        bench.service_ns *= 10;
        bench.run(48, 8_000);
        let limit = bench.demand.limit();
        assert!(limit >= 48, "{limit} connections for 48 callers");
    }

    #[test]
    fn what_is_held_for_long_is_in_use() {
        let mut demand = Demand::new(MINIMUM, MAXIMUM);
        demand.limit = 16;
        (0..8).for_each(|_| demand.lent(0));
        for second in 1..20 {
            demand.silent(second * WINDOW_NS);
        }
        assert_eq!(demand.limit(), 10, "8 in use at 80%");
    }

    #[test]
    fn one_connection_is_one_connection() {
        let mut demand = Demand::new(1, 1);
        for now_ns in 0..1_000 {
            demand.arrived(now_ns, true);
            demand.waited(now_ns);
            demand.lent(now_ns);
            demand.returned(now_ns, 5);
            assert_eq!(demand.limit(), 1);
        }
    }
}
