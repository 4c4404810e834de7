//! What only the operating system can do: keep a process on a core, and keep its stdout for the answers.

use std::io::Write;
#[cfg(unix)]
use std::sync::atomic::{AtomicI32, Ordering};

/// Keeps this thread, and the threads that it starts, on one core.
#[cfg(target_os = "linux")]
pub fn pin_to_core(core: usize) -> Result<(), String> {
    use std::os::raw::{c_int, c_ulong};
    extern "C" {
        fn sched_setaffinity(thread: c_int, size: usize, mask: *const c_ulong) -> c_int;
    }
    const BITS: usize = c_ulong::BITS as usize;
    let mut mask: [c_ulong; 1024 / BITS] = [0; 1024 / BITS];
    let word = mask.get_mut(core / BITS).ok_or(format!("there is no core {core}: take a number below 1024"))?;
    *word = 1 << (core % BITS);
    // SAFETY: the function reads as many bytes from the pointer as the size says, and `mask` lives until it returns.
    let failed = unsafe { sched_setaffinity(0, std::mem::size_of_val(&mask), mask.as_ptr()) } != 0;
    if failed {
        return Err(format!("can't pin to core {core}: this process may not use it"));
    }
    Ok(())
}

/// Always refuses: this system does not let a process choose.
#[cfg(not(target_os = "linux"))]
pub fn pin_to_core(core: usize) -> Result<(), String> {
    Err(format!("can't pin to core {core}: this system has no such call; leave --core out"))
}

/// The threads of this process, if the system says so. One that has just ended may be listed for a moment.
pub fn threads() -> Option<usize> {
    const MOMENTS: u32 = 20;
    let count = || Some(std::fs::read_dir("/proc/self/task").ok()?.count());
    for _ in 0..MOMENTS {
        if count()? == 1 {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    count()
}

/// The descriptor of what was stdout, once that was put aside.
#[cfg(unix)]
static ASIDE: AtomicI32 = AtomicI32::new(-1);

/// Puts stdout aside for the answers: what the benches print goes nowhere from now on, or it would stand between them.
/// Allocates nothing, as it may run before the main function.
#[cfg(unix)]
pub fn put_stdout_aside() -> std::io::Result<()> {
    use std::os::fd::{AsRawFd, BorrowedFd, IntoRawFd};
    use std::os::raw::c_int;
    extern "C" {
        fn dup2(from: c_int, to: c_int) -> c_int;
    }
    const STDOUT: c_int = 1;
    // SAFETY: nobody closes stdout.
    let answers = unsafe { BorrowedFd::borrow_raw(STDOUT) }.try_clone_to_owned()?;
    let nowhere = std::fs::OpenOptions::new().write(true).open("/dev/null")?;
    // SAFETY: both descriptors are open, and nobody but the standard library owns the one that is replaced.
    if unsafe { dup2(nowhere.as_raw_fd(), STDOUT) } < 0 {
        return Err(std::io::Error::last_os_error());
    }
    ASIDE.store(answers.into_raw_fd(), Ordering::Relaxed);
    Ok(())
}

/// Takes stdout for the answers alone.
#[cfg(unix)]
pub fn take_stdout() -> std::io::Result<Box<dyn Write + Send>> {
    use std::os::fd::FromRawFd;
    if ASIDE.load(Ordering::Relaxed) < 0 {
        std::io::stdout().flush()?;
        put_stdout_aside()?;
    }
    // SAFETY: the descriptor is open, and taken once: by the process, which is made once.
    Ok(Box::new(unsafe { std::fs::File::from_raw_fd(ASIDE.load(Ordering::Relaxed)) }))
}

/// Elsewhere benches must not print.
#[cfg(not(unix))]
pub fn take_stdout() -> std::io::Result<Box<dyn Write + Send>> {
    Ok(Box::new(std::io::stdout()))
}

/// The features by which libraries choose their code, sorted by name. Under valgrind they are those of its own CPU.
#[cfg(target_arch = "x86_64")]
pub fn cpu_features() -> Vec<&'static str> {
    macro_rules! detected {
        ($($name:tt)*) => {
            [$(($name, std::arch::is_x86_feature_detected!($name))),*]
        };
    }
    let features = detected!(
        "adx" "aes" "avx" "avx2" "avx512bw" "avx512cd" "avx512dq" "avx512f" "avx512vl" "bmi1" "bmi2" "f16c" "fma"
        "gfni" "lzcnt" "movbe" "pclmulqdq" "popcnt" "rdrand" "rdseed" "sha" "sse3" "sse4.1" "sse4.2" "ssse3" "vaes"
        "vpclmulqdq"
    );
    features.into_iter().filter(|(_, is_there)| *is_there).map(|(name, _)| name).collect()
}

/// Other processors are told apart by their target alone.
#[cfg(not(target_arch = "x86_64"))]
pub fn cpu_features() -> Vec<&'static str> {
    Vec::new()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_core_that_is_not_there_is_refused() {
        assert!(pin_to_core(5000).is_err());
    }
}
