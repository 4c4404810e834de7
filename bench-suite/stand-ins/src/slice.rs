//! A slice: so many iterations, in one or more windows under the clocks.

use std::hint::black_box;
use std::time::Instant;

use crate::clock;

/// What the windows of a slice cost together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slice {
    /// The CPU time of the process, ns.
    pub cpu_ns: u64,
    /// The wall time, ns.
    pub wall_ns: u64,
    /// The part of it in which this thread did not run, ns; `None` if the benchmark told its time itself.
    pub off_cpu_ns: Option<u64>,
    idle_ns: u64,
    is_warm_up: bool,
}

impl Slice {
    /// A slice before its first window, with the CPU time that an empty window seems to take.
    pub fn new(idle_ns: u64) -> Slice {
        Slice { cpu_ns: 0, wall_ns: 0, off_cpu_ns: Some(0), idle_ns, is_warm_up: false }
    }

    /// A slice that nobody measures, so that what follows finds caches and lazily made things warm.
    pub fn warm_up() -> Slice {
        Slice { is_warm_up: true, ..Slice::new(0) }
    }

    /// The CPU time that an empty window seems to take, ns: that of reading the clocks.
    pub fn idle_ns() -> u64 {
        let empty = || {
            let mut slice = Slice::new(0);
            slice.window(&mut || {});
            slice.cpu_ns
        };
        (0..100).map(|_| empty()).min().unwrap_or(0)
    }

    /// Adds the cost of some work. The time of an empty window is taken off, or a loop of one iteration a window would
    /// hide what an operation of a few ns costs. What is left is never 0, unless the clock stands still.
    pub fn window(&mut self, work: &mut dyn FnMut()) {
        if self.is_warm_up {
            // Not below the function that profilers look for.
            return work();
        }
        let thread = clock::thread_cpu_ns();
        let process = clock::process_cpu_ns();
        let wall = Instant::now();
        run_measured(work);
        let wall_ns = u64::try_from(wall.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let cpu_ns = clock::process_cpu_ns() - process;
        let on_cpu_ns = clock::thread_cpu_ns() - thread;
        self.cpu_ns += cpu_ns.saturating_sub(self.idle_ns).max(cpu_ns.min(1));
        self.wall_ns += wall_ns;
        self.off_cpu_ns = self.off_cpu_ns.map(|off_cpu_ns| off_cpu_ns + wall_ns.saturating_sub(on_cpu_ns));
    }

    /// Adds so much CPU time, ns.
    pub fn spin(&mut self, time_ns: u64) {
        if time_ns > 0 {
            let (wall, until) = (Instant::now(), clock::process_cpu_ns() + time_ns);
            while clock::process_cpu_ns() < until {
                std::hint::spin_loop();
            }
            self.cpu_ns += time_ns;
            self.wall_ns += u64::try_from(wall.elapsed().as_nanos()).unwrap_or(u64::MAX);
        }
    }

    /// Adds the CPU time that other threads took for what the slice before put off, ns. A benchmark that tells its time
    /// is believed.
    pub fn put_off(&mut self, time_ns: u64) {
        if self.off_cpu_ns.is_some() {
            self.cpu_ns += time_ns;
        }
    }

    /// Replaces the cost by the time that the benchmark says. Nobody else knows which part of its call it means.
    pub fn is_told(&mut self, time_ns: u64) {
        (self.cpu_ns, self.wall_ns, self.off_cpu_ns) = (time_ns, time_ns, None);
    }
}

/// Works with a local copy of the routine, so that what it captured stays in registers, as in criterion's loops. Behind
/// a pointer it would be loaded again in each iteration.
#[inline(always)]
pub fn as_local<R>(routine: &mut Option<R>, work: impl FnOnce(&mut R)) {
    let mut local = routine.take().expect("put back below, unless it panicked: then it is not called again");
    work(&mut local);
    *routine = Some(local);
}

/// The measured work and nothing else. Profilers find it by its name.
#[inline(never)]
fn run_measured(work: &mut dyn FnMut()) {
    work();
    // Not a tail call, so that this function is on the stack while the work runs.
    black_box(work);
}
