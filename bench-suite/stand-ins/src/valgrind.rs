//! The one request to valgrind.

/// Tells callgrind to start simulating, if it runs with `--instr-atstart=no`. Without valgrind it has no effect: the
/// rotations leave every register as it was.
///
/// Source: Valgrind 3.19, `valgrind.h` and `callgrind.h` (`CALLGRIND_START_INSTRUMENTATION`).
#[cfg(target_arch = "x86_64")]
pub fn start_instrumentation() {
    // The tool's letters with the number of the request, then its five unused arguments.
    let request: [u64; 6] = [(u64::from(b'C') << 24 | u64::from(b'T') << 16) + 4, 0, 0, 0, 0, 0];
    // SAFETY: the rotations add up to 128 bits and rbx is exchanged with itself, so a processor changes only the flags.
    // Valgrind reads the six words that rax points to, and writes its answer to rdx.
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

/// On other processors callgrind simulates from the start.
#[cfg(not(target_arch = "x86_64"))]
pub fn start_instrumentation() {}
