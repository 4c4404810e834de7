//! The randomness that the system gives: the same for every worker of one seed.
//!
//! The keys of a hasher decide how often keys collide and in which order a map is walked, so they change counts.
//! Libraries ask for randomness by a function of the C library, each in its own way, and the linker takes a program's
//! own functions before those of the C library. So those below answer the standard library (a weak `getrandom`), the
//! crate getrandom from 0.3 on (`dlsym`) and before (`syscall`), and C code (`getentropy`).
//!
//! Every thread has numbers of its own, in the order of their first question.
//!
//! What does not come from the C library stays as it is: the `rdrand` of a CPU, the file `/dev/urandom`, a system call
//! that a program makes by itself; and what libraries take for randomness instead, as fastrand does with the time, and
//! foldhash with addresses.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

static IS_PINNED: AtomicBool = AtomicBool::new(false);
static SEED: AtomicU64 = AtomicU64::new(0);

/// From now on, the system's randomness follows from the seed. Without effect where the functions are not replaced.
pub fn pin(seed: u64) {
    SEED.store(seed, Ordering::Relaxed);
    IS_PINNED.store(true, Ordering::Relaxed);
    #[cfg(all(
        target_os = "linux",
        target_pointer_width = "64",
        any(target_arch = "x86_64", target_arch = "aarch64")
    ))]
    linux::keep();
}

#[cfg(all(target_os = "linux", target_pointer_width = "64", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod linux {
    use std::cell::Cell;
    #[cfg(target_env = "gnu")]
    use std::ffi::CStr;
    use std::hint::black_box;
    #[cfg(target_env = "gnu")]
    use std::os::raw::c_char;
    use std::os::raw::{c_int, c_long, c_uint};
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::{IS_PINNED, SEED};
    #[cfg(target_env = "gnu")]
    use crate::arguments::SEED_BY_DEFAULT;

    #[cfg(target_arch = "x86_64")]
    const SYS_GETRANDOM: c_long = 318;
    #[cfg(target_arch = "aarch64")]
    const SYS_GETRANDOM: c_long = 278;

    /// Names a function as the C library does, weakly: a project that has one keeps its own.
    macro_rules! named {
        ($($name:literal: $function:path),+) => {
            $(std::arch::global_asm!(
                ".pushsection .text.assay, \"ax\", @progbits",
                concat!(".weak ", $name),
                concat!(".type ", $name, ", @function"),
                concat!($name, ":"),
                jump!(),
                ".popsection",
                sym $function,
            );)+
        };
    }

    #[cfg(target_arch = "x86_64")]
    macro_rules! jump {
        () => {
            "jmp {}"
        };
    }
    #[cfg(target_arch = "aarch64")]
    macro_rules! jump {
        () => {
            "b {}"
        };
    }

    named!("getrandom": random, "getentropy": entropy, "syscall": call);

    extern "C" {
        fn getrandom(to: *mut u8, size: usize, flags: c_uint) -> isize;
        #[cfg(target_env = "gnu")]
        fn getenv(name: *const c_char) -> *const c_char;
        fn __errno_location() -> *mut c_int;
    }

    /// Runs before the main function, which may ask for randomness, or print, before it asks for anything of criterion.
    #[cfg(target_env = "gnu")]
    #[used]
    #[link_section = ".init_array"]
    static AT_START: unsafe extern "C" fn(c_int, *const *const c_char) = at_start;

    /// Allocates nothing: the project's allocator may not be ready.
    #[cfg(target_env = "gnu")]
    unsafe extern "C" fn at_start(count: c_int, arguments: *const *const c_char) {
        let argument = |number| CStr::from_ptr(*arguments.add(number)).to_bytes();
        const WORKERS: [&[u8]; 4] = [b"--list", b"--serve", b"--count", b"--cpu"];
        if (1..count as usize).any(|number| WORKERS.contains(&argument(number))) {
            let text = getenv(b"ASSAY_SEED\0".as_ptr().cast());
            let text = if text.is_null() { b"" } else { CStr::from_ptr(text).to_bytes() };
            // One that is no number is refused later.
            super::pin(std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).unwrap_or(SEED_BY_DEFAULT));
            // What fails here is tried again, and said, when the process begins to answer.
            let _ = crate::system::put_stdout_aside();
        }
    }

    /// Has the linker take this module in.
    pub fn keep() {
        black_box(getrandom as unsafe extern "C" fn(*mut u8, usize, c_uint) -> isize);
    }

    unsafe extern "C" fn random(to: *mut u8, size: usize, flags: c_uint) -> isize {
        if !IS_PINNED.load(Ordering::Relaxed) {
            return call(SYS_GETRANDOM, to as usize, size, flags as usize, 0, 0, 0) as isize;
        }
        for start in (0..size).step_by(8) {
            let number = next().to_ne_bytes();
            to.add(start).copy_from_nonoverlapping(number.as_ptr(), number.len().min(size - start));
        }
        size as isize
    }

    unsafe extern "C" fn entropy(to: *mut u8, size: usize) -> c_int {
        match random(to, size, 0) == size as isize {
            true => 0,
            false => -1,
        }
    }

    /// The number after the last one of this thread: SplitMix64.
    fn next() -> u64 {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        static THREADS: AtomicU64 = AtomicU64::new(0);
        thread_local! {
            static STATE: Cell<Option<u64>> = const { Cell::new(None) };
        }
        let mixed = |number: u64| {
            let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            number ^ (number >> 31)
        };
        let first = || mixed(SEED.load(Ordering::Relaxed).wrapping_add(THREADS.fetch_add(1, Ordering::Relaxed)));
        STATE.with(|state| {
            let number = state.get().unwrap_or_else(first).wrapping_add(STEP);
            state.set(Some(number));
            mixed(number)
        })
    }

    /// `syscall` of the C library, but for one call. Whoever passes less leaves the rest undefined, and the kernel
    /// does not look at it.
    unsafe extern "C" fn call(number: c_long, a: usize, b: usize, c: usize, d: usize, e: usize, f: usize) -> c_long {
        if number == SYS_GETRANDOM && IS_PINNED.load(Ordering::Relaxed) {
            return random(a as *mut u8, b, c as c_uint) as c_long;
        }
        let result: c_long;
        #[cfg(target_arch = "x86_64")]
        std::arch::asm!(
            "syscall",
            inout("rax") number => result,
            in("rdi") a,
            in("rsi") b,
            in("rdx") c,
            in("r10") d,
            in("r8") e,
            in("r9") f,
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack),
        );
        #[cfg(target_arch = "aarch64")]
        std::arch::asm!(
            "svc 0",
            in("x8") number,
            inout("x0") a as c_long => result,
            in("x1") b,
            in("x2") c,
            in("x3") d,
            in("x4") e,
            in("x5") f,
            options(nostack),
        );
        if (-4095..0).contains(&result) {
            *__errno_location() = -result as c_int;
            return -1;
        }
        result
    }
}
