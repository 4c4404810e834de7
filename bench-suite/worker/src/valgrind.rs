//! The one request that a measured program makes of valgrind.

/// Tells callgrind to begin simulating, where it was started with `--instr-atstart=no`: a setup of thousands of
/// episodes then runs several times faster. Nothing at all happens elsewhere: the request is a sequence of rotations
/// that leaves every register as it was.
///
/// Source: Valgrind 3.19, `valgrind.h` and `callgrind.h` (`CALLGRIND_START_INSTRUMENTATION`). The crates that wrap them
/// need libclang.
#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "valgrind is asked by instructions, and the crates that wrap them need libclang")]
pub fn start_instrumentation() {
    // The tool's letters and the number of the request; then its five arguments, all unused.
    let request: [u64; 6] = [(u64::from(b'C') << 24 | u64::from(b'T') << 16) + 4, 0, 0, 0, 0, 0];
    // SAFETY: the rotations add up to 128 bits and rbx is exchanged with itself, so that a processor changes nothing
    // but the flags. Valgrind reads the six words that rax points to, and writes its answer to rdx.
    unsafe {
        std::arch::asm!(
            "rol rdi, 3",
            "rol rdi, 13",
            "rol rdi, 61",
            "rol rdi, 51",
            "xchg rbx, rbx",
            in("rax") request.as_ptr(),
            inout("rdx") 0_u64 => _,
        );
    }
}

/// On other processors everything is simulated from the start: see [`INSTRUMENTATION`].
#[cfg(not(target_arch = "x86_64"))]
pub fn start_instrumentation() {}

/// The argument of callgrind that goes with [`start_instrumentation`].
pub const INSTRUMENTATION: &str =
    if cfg!(target_arch = "x86_64") { "--instr-atstart=no" } else { "--instr-atstart=yes" };
