//! A program whose work is known, called as a worker is: each operation makes three system calls and two heap blocks.
//! It frees the last of them, which lies deeper than callgrind keeps stacks apart, and leaks the other. What is around
//! the operations does the same.

use std::fs::File;
use std::hint::black_box;
use std::io::Write;

#[path = "../../../worker/src/valgrind.rs"]
mod valgrind;

mod slice {
    use std::fs::File;

    #[inline(never)]
    pub fn run_measured(file: &File, operations: u64) {
        for _ in 0..std::hint::black_box(operations) {
            super::operation(file);
        }
    }
}

#[inline(never)]
fn operation(mut file: &File) {
    file.write_all(black_box(b"one")).expect("writes");
    file.write_all(black_box(b"two")).expect("writes");
    std::mem::forget(black_box(Box::new(1_u64)));
    deep(file, black_box(60));
}

#[inline(never)]
fn deep(mut file: &File, frames: u32) {
    if frames > 0 {
        deep(file, frames - 1);
    } else {
        file.write_all(black_box(b"three")).expect("writes");
        drop(black_box(Box::new(2_u64)));
    }
    black_box(frames);
}

fn main() {
    let file = File::options().write(true).open("/dev/null").expect("opens");
    (0..100).for_each(|_| operation(&file));
    valgrind::start_instrumentation();
    (0..10).for_each(|_| operation(&file));
    slice::run_measured(&file, 5);
    (0..10).for_each(|_| operation(&file));
    println!(r#"{{"peak_bytes":8,"allocations":10,"allocated_bytes":80,"input":"known#1","threads":1}}"#);
}
