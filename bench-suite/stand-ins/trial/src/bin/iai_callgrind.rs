//! Benches for iai-callgrind, gungraun's older name, with the commas that it takes, too.

use iai_callgrind::{binary_benchmark, binary_benchmark_group, library_benchmark, library_benchmark_group, main};

mod inner {
    use super::*;

    #[library_benchmark]
    #[bench::ten(10)]
    fn sum(until: u64) -> u64 {
        (0..until).map(std::hint::black_box).sum()
    }

    library_benchmark_group!(name = sums, benchmarks = [sum]);
}

use inner::sums;

#[binary_benchmark]
fn command() -> iai_callgrind::Command {
    iai_callgrind::Command::new("/bin/true").build()
}

binary_benchmark_group!(name = commands; benchmarks = command);

main!(library_benchmark_groups = [sums], binary_benchmark_groups = [commands]);
