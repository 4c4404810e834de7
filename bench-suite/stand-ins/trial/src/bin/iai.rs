//! Benches for iai.

fn sum() -> u64 {
    (0..iai::black_box(100)).map(std::hint::black_box).sum()
}

fn nothing() {}

iai::main!(sum, nothing);
