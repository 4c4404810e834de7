//! FNV-1a, 64 bits: the one hash of the crate, the same on every machine and in every run.
//!
//! It is tiny, portable and fixed, so that feature hashing, pattern ids and hash tables never differ between runs. It
//! does not withstand keys that were chosen to collide.
//!
//! Source: Fowler, Noll and Vo, the FNV hash (RFC 9923).

use std::hash::Hasher;

pub use fnv::{FnvBuildHasher as FixedState, FnvHasher as Fnv1a};

/// FNV-1a of `bytes`.
#[inline]
pub fn fnv1a(bytes: &[u8]) -> u64 {
    let mut hasher = Fnv1a::default();
    hasher.write(bytes);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_the_published_values() {
        assert_eq!(fnv1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a(b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fnv1a(b"foobar"), 0x8594_4171_f739_67e8);
    }
}
