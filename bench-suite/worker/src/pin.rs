//! Lists the cores that a process may use, and pins it to one.

use anyhow::Result;

/// The cores that this process may use, or `[None]` if the system does not let it choose.
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

/// Pins the calling thread, and the threads that it starts, to one core.
///
/// # Errors
/// The process may not use that core, or the system does not let it choose.
#[cfg(target_os = "linux")]
pub fn pin_to_core(core: usize) -> Result<()> {
    use anyhow::Context;
    use rustix::thread::{CpuSet, sched_setaffinity};
    anyhow::ensure!(core < CpuSet::MAX_CPU, "there is no core {core}: take a number below {}", CpuSet::MAX_CPU);
    let mut only = CpuSet::new();
    only.set(core);
    sched_setaffinity(None, &only).with_context(|| format!("can't pin to core {core}: this process may not use it"))
}

/// Pins the calling thread, and the threads that it starts, to one core.
///
/// # Errors
/// Always: this system does not let a process choose.
#[cfg(not(target_os = "linux"))]
pub fn pin_to_core(core: usize) -> Result<()> {
    anyhow::bail!("can't pin to core {core}: this system has no such call; leave --core out")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn a_thread_stays_where_it_is_told() {
        let core = allowed()[0];
        let seen = std::thread::spawn(move || pin_to_core(core).map(|()| cores())).join().expect("no panic");
        assert_eq!(seen.expect("allowed"), [Some(core)]);
        assert!(pin_to_core(usize::MAX).is_err());
    }
}
