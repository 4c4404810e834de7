//! Where a worker runs and where its data lies: the same for both sides of a round, and another for the next.
//!
//! Two sides on two cores measure the cores: under a build that ran beside them, the rounds of identical programs spread by 12% on cores that the system
//! chose and by 2% on one core. And data that lies elsewhere can cost whole per cents: encoding 400 bytes spread by 11% when each side's heap began at a
//! drawn place, and by 1.6% when both began at the same one. Drawing the place for both together keeps it out of a round, and no single place decides.

use anyhow::Result;
use rand::RngExt;
use rand_pcg::Pcg64;

/// The heap is moved by a multiple of this: what an allocator aligns blocks to.
const SHIFT_BYTES: u16 = 16;

/// How many places there are: two pages of them.
const SHIFTS: u16 = 512;

/// A core, and how far the heap is moved.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Place {
    /// The core, where the system lets one choose.
    pub core: Option<usize>,
    /// Bytes of the heap that are taken before anything else.
    pub shift_bytes: u16,
}

impl Place {
    /// Draws a place on a core.
    pub fn draw(core: Option<usize>, random: &mut Pcg64) -> Place {
        Place { core, shift_bytes: SHIFT_BYTES * random.random_range(0..SHIFTS) }
    }
}

/// The cores that this process may use; one that is not named where the system does not let one choose.
pub fn cores() -> Vec<Option<usize>> {
    let allowed = allowed();
    if allowed.is_empty() { vec![None] } else { allowed.into_iter().map(Some).collect() }
}

#[cfg(target_os = "linux")]
fn allowed() -> Vec<usize> {
    use rustix::thread::{CpuSet, sched_getaffinity};
    let allowed = sched_getaffinity(None).unwrap_or_default();
    (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core)).collect()
}

#[cfg(not(target_os = "linux"))]
fn allowed() -> Vec<usize> {
    vec![]
}

/// Keeps the calling thread, and those that it starts, on one core.
///
/// # Errors
/// The process may not use that core, or the system does not let one choose.
#[cfg(target_os = "linux")]
pub fn stay(core: usize) -> Result<()> {
    use anyhow::Context;
    use rustix::thread::{CpuSet, sched_setaffinity};
    anyhow::ensure!(core < CpuSet::MAX_CPU, "core {core} is beyond what the system counts");
    let mut only = CpuSet::new();
    only.set(core);
    sched_setaffinity(None, &only).with_context(|| format!("can't stay on core {core}"))
}

/// Keeps the calling thread, and those that it starts, on one core.
///
/// # Errors
/// Always: this system does not let one choose.
#[cfg(not(target_os = "linux"))]
pub fn stay(core: usize) -> Result<()> {
    anyhow::bail!("can't stay on core {core}: this system does not let one choose")
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn places_are_drawn_from_the_seed() {
        let draw = |seed| {
            let mut random = Pcg64::seed_from_u64(seed);
            (0..50).map(|_| Place::draw(Some(1), &mut random)).collect::<Vec<_>>()
        };
        let places = draw(1);
        assert_eq!(places, draw(1));
        assert_ne!(places, draw(2));
        assert!(places.iter().all(|place| place.shift_bytes % SHIFT_BYTES == 0));
        assert!(places.iter().any(|place| place.shift_bytes != places[0].shift_bytes));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_thread_stays_where_it_is_told() {
        let core = allowed()[0];
        let seen = std::thread::spawn(move || stay(core).map(|()| cores())).join().expect("no panic");
        assert_eq!(seen.expect("allowed"), [Some(core)]);
        assert!(stay(usize::MAX).is_err());
    }
}
