//! Zstandard, level 3, with a trained dictionary: for values of a few hundred bytes, which repeat little in themselves and much of each other.
//!
//! The dictionary is shipped with the code, so that every variant and every later version reads what was written with it. Each frame names the
//! dictionary it needs (its id, RFC 8878, section 3.1.1.1.3): a new one is added under a new id beside the old ones, none is ever changed or taken away.
//! Left out on purpose: training on what a store holds. It would fit the store better, and make the dictionary a part of the store that
//! cannot be lost.
//!
//! `steps.zdict` was trained by `zstd --train` on steps of the seeded generator, in all three codecs: see `bench-suite/tests/dictionary.rs`, which makes it
//! anew and states how much smaller it makes steps of another seed.

use std::cell::RefCell;
use std::sync::LazyLock;

use zstd::bulk::{Compressor, Decompressor};
use zstd::dict::{DecoderDictionary, EncoderDictionary};
use zstd::zstd_safe::{compress_bound, get_dict_id_from_dict, get_dict_id_from_frame, get_frame_content_size};

use crate::Source;

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

pub(super) fn compress(raw: &[u8], out: &mut Vec<u8>) -> Result<(), Source> {
    COMPRESSOR.with_borrow_mut(|kept| {
        let compressor = match kept {
            Some(compressor) => compressor,
            None => kept.insert(Compressor::with_prepared_dictionary(&ENCODER)?),
        };
        let start = out.len();
        out.resize(start + compress_bound(raw.len()), 0);
        let written = compressor.compress_to_buffer(raw, &mut out[start..])?;
        out.truncate(start + written);
        Ok(())
    })
}

pub(super) fn decompress(compressed: &[u8], raw_len: usize) -> Result<Vec<u8>, Source> {
    // The frame says how long its content is: a false promise is found before anything is allocated for it.
    let content = get_frame_content_size(compressed).map_err(|_| "no zstd frame")?;
    if content != Some(raw_len as u64) {
        return Err(format!("{} bytes where {raw_len} were promised", content.unwrap_or(0)).into());
    }
    let (named, known) = (get_dict_id_from_frame(compressed), get_dict_id_from_dict(STEPS));
    if named != known {
        let number = |id: Option<std::num::NonZeroU32>| id.map_or(0, std::num::NonZeroU32::get);
        return Err(format!("it needs the dictionary {}, {} is known", number(named), number(known)).into());
    }
    DECOMPRESSOR.with_borrow_mut(|kept| {
        let decompressor = match kept {
            Some(decompressor) => decompressor,
            None => kept.insert(Decompressor::with_prepared_dictionary(&DECODER)?),
        };
        let mut raw = vec![0; raw_len];
        let written = decompressor.decompress_to_buffer(compressed, raw.as_mut_slice())?;
        if written == raw_len { Ok(raw) } else { Err(format!("{written} bytes where {raw_len} were promised").into()) }
    })
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
        let error = decompress(&another, 55).unwrap_err().to_string();
        assert!(error.starts_with("it needs the dictionary "), "{error}");
    }

    #[test]
    fn a_frame_without_a_dictionary_is_another_strategy() {
        let mut plain = Vec::new();
        super::super::zstd::compress(&[7; 100], &mut plain).unwrap();
        let error = decompress(&plain, 100).unwrap_err().to_string();
        assert!(error.starts_with("it needs the dictionary 0, "), "{error}");
    }
}
