//! A bench whose work depends on the randomness that the system gives, by each of the ways that libraries ask for it.

use std::collections::hash_map::RandomState;
use std::collections::{HashMap, HashSet};
use std::fs::OpenOptions;
use std::hash::{BuildHasher, Hasher};
use std::hint::black_box;
use std::io::Write;
use std::os::raw::{c_char, c_int, c_long, c_uint, c_void};

use criterion::Criterion;

extern "C" {
    fn dlsym(library: *mut c_void, name: *const c_char) -> *mut c_void;
    fn getentropy(to: *mut c_void, size: usize) -> c_int;
    fn getrandom(to: *mut c_void, size: usize, flags: c_uint) -> isize;
    fn syscall(number: c_long, ...) -> c_long;
}

#[cfg(target_arch = "x86_64")]
const SYS_GETRANDOM: c_long = 318;
#[cfg(not(target_arch = "x86_64"))]
const SYS_GETRANDOM: c_long = 278;

/// Notes something in the file that ASSAY_TRIAL_LOG names.
fn note(what: &str) {
    if let Some(path) = std::env::var_os("ASSAY_TRIAL_LOG") {
        let mut file = OpenOptions::new().append(true).create(true).open(path).expect("the log opens");
        writeln!(file, "{what}").expect("the log takes a line");
    }
}

/// What a way of asking fills 12 bytes with, once it said that it did.
fn filled(ask: impl FnOnce(*mut c_void, usize) -> bool) -> String {
    let mut bytes = [0_u8; 12];
    assert!(ask(bytes.as_mut_ptr().cast(), bytes.len()), "it fills all bytes");
    format!("{bytes:?}")
}

fn hash() -> String {
    RandomState::new().build_hasher().finish().to_string()
}

fn main() {
    // Before anything of criterion was called.
    println!("this is printed where answers are");
    note(&format!("early {}", hash()));
    let mut c = Criterion::default();
    c.bench_function("sources", |b| {
        let (mut is_first, own) = (true, std::process::id().into());
        b.iter(|| {
            if !std::mem::take(&mut is_first) {
                return;
            }
            note(&format!("hasher {}", hash()));
            note(&format!("another thread {}", std::thread::spawn(hash).join().expect("it ends")));
            // SAFETY: each call writes at most the given bytes to memory that lives until it returns, and the function
            // that `dlsym` finds has the type of the one that is declared above.
            unsafe {
                note(&format!("getrandom {}", filled(|to, size| getrandom(to, size, 0) == size as isize)));
                note(&format!("getentropy {}", filled(|to, size| getentropy(to, size) == 0)));
                note(&format!("syscall {}", filled(|to, size| syscall(SYS_GETRANDOM, to, size, 0) == size as c_long)));
                let found = dlsym(std::ptr::null_mut(), b"getrandom\0".as_ptr().cast());
                let found: extern "C" fn(*mut c_void, usize, c_uint) -> isize = std::mem::transmute(found);
                note(&format!("dlsym {}", filled(|to, size| found(to, size, 0) == size as isize)));
            }
            note(&format!("order {:?}", HashSet::from([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])));
            #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
            other_calls(own);
        });
    });
    let words: Vec<String> = (0..200).map(|number| format!("word {number}")).collect();
    c.bench_function("words", |b| {
        b.iter(|| {
            // What it costs depends on the order: each word is compared with the one before.
            let counts: HashMap<&str, usize> = words.iter().map(|word| (&**word, word.len())).collect();
            let mut keys: Vec<_> = counts.keys().copied().collect();
            keys.sort_unstable();
            black_box(keys.len())
        });
    });
    c.final_summary();
}

/// Every other system call still does what it says, and sets the error.
fn other_calls(process: c_long) {
    #[cfg(target_arch = "x86_64")]
    const GETPID_AND_CLOSE: [c_long; 2] = [39, 3];
    #[cfg(not(target_arch = "x86_64"))]
    const GETPID_AND_CLOSE: [c_long; 2] = [172, 57];
    let [getpid, close] = GETPID_AND_CLOSE;
    // SAFETY: neither call touches memory, and no file is open under this number.
    unsafe {
        assert_eq!(syscall(getpid), process);
        assert_eq!(syscall(close, 1_000_000), -1);
        assert_eq!(std::io::Error::last_os_error().raw_os_error(), Some(9), "EBADF");
    }
}
