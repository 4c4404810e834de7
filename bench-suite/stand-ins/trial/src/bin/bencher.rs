//! Benches for bencher.

#[macro_use]
extern crate bencher;

use bencher::Bencher;

fn sum(bench: &mut Bencher) {
    bench.bytes = 800;
    bench.iter(|| (0..bencher::black_box(100_u64)).map(std::hint::black_box).sum::<u64>());
}

mod others {
    pub fn nothing(bench: &mut bencher::Bencher) {
        bench.iter(|| ());
    }
}

fn no_loop(_bench: &mut Bencher) {}

benchmark_group!(benches, sum, others::nothing);
benchmark_group!(more, no_loop,);
benchmark_main!(benches, more);
