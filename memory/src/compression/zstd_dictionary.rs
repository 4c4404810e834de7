//! Zstandard, level 3, with a trained dictionary, for values of a few hundred bytes, which repeat each other more than
//! themselves.
//!
//! The dictionary is part of the code, so that every variant and every later version reads what was written with it. A
//! frame names the id of its dictionary (RFC 8878, section 3.1.1.1.3). A new dictionary gets a new id beside the old
//! ones; none is ever changed or removed. A dictionary trained on the contents of a store would fit better, and be a
//! part of the store that must not be lost.
//!
//! `zstd --train` made `steps.zdict` of steps of the seeded generator in all three codecs:
//! `bench-suite/tests/dictionary.rs` makes it anew, and states how much smaller it makes steps of another seed.

use std::cell::RefCell;
use std::sync::LazyLock;

use zstd::bulk::{Compressor, Decompressor};
use zstd::dict::{DecoderDictionary, EncoderDictionary};
use zstd::zstd_safe::{get_dict_id_from_dict, get_dict_id_from_frame};

use super::zstd::{check_promise, compress_by, decompress_by, kept_or_made};
use crate::BoxError;

const LEVEL: i32 = 3;

/// The dictionary of new values. Frames written with it name its id.
static STEPS: &[u8] = include_bytes!("steps.zdict");

// Digested once for all threads: digesting takes longer than compressing a step.
static ENCODER: LazyLock<EncoderDictionary<'static>> = LazyLock::new(|| EncoderDictionary::copy(STEPS, LEVEL));
static DECODER: LazyLock<DecoderDictionary<'static>> = LazyLock::new(|| DecoderDictionary::copy(STEPS));

thread_local! {
    static COMPRESSOR: RefCell<Option<Compressor<'static>>> = const { RefCell::new(None) };
    static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
}

pub(super) fn compress(raw: &[u8], out: &mut Vec<u8>) -> Result<(), BoxError> {
    let make = || Compressor::with_prepared_dictionary(&ENCODER);
    COMPRESSOR.with_borrow_mut(|kept| compress_by(kept_or_made(kept, make)?, raw, out))
}

pub(super) fn decompress(compressed: &[u8], raw_len: usize, out: &mut Vec<u8>) -> Result<(), BoxError> {
    check_promise(compressed, raw_len)?;
    let (named, known) = (get_dict_id_from_frame(compressed), get_dict_id_from_dict(STEPS));
    if named != known {
        let number = |id: Option<std::num::NonZeroU32>| id.map_or(0, std::num::NonZeroU32::get);
        return Err(format!("it needs the dictionary {}, {} is known", number(named), number(known)).into());
    }
    let make = || Decompressor::with_prepared_dictionary(&DECODER);
    DECOMPRESSOR.with_borrow_mut(|kept| decompress_by(kept_or_made(kept, make)?, compressed, raw_len, out))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_frame_names_its_dictionary() {
        let id = get_dict_id_from_dict(STEPS);
        assert!(id.is_some(), "a trained dictionary has an id");
        let mut frame = Vec::new();
        compress(b"{\"number\":3,\"at_ns\":1700000000000000000,\"tool\":\"shell\"}", &mut frame).unwrap();
        assert_eq!(get_dict_id_from_frame(&frame), id);
        let mut another = frame.clone();
        another[5] ^= 1; // magic number, frame header, then the id
        let error = decompress(&another, 55, &mut Vec::new()).unwrap_err().to_string();
        assert!(error.starts_with("it needs the dictionary "), "{error}");
    }

    #[test]
    fn a_frame_without_a_dictionary_is_another_strategy() {
        let mut plain = Vec::new();
        super::super::zstd::compress(&[7; 100], &mut plain).unwrap();
        let error = decompress(&plain, 100, &mut Vec::new()).unwrap_err().to_string();
        assert!(error.starts_with("it needs the dictionary 0, "), "{error}");
    }
}
