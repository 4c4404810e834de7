//! The worker of the memory's benchmarks.

use std::process::ExitCode;

use worker::heap::CountingAllocator;
use workloads::suite::MemorySuite;

#[global_allocator]
static HEAP: CountingAllocator = CountingAllocator::new();

fn main() -> ExitCode {
    worker::program::main(&MemorySuite, &HEAP)
}
