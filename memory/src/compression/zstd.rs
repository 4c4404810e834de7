//! Zstandard, level 1: better ratios at several times the cost of LZ4.
//!
//! Contexts are kept, one a thread: making one costs more than compressing a step.

use std::cell::RefCell;

use zstd::bulk::{Compressor, Decompressor};
use zstd::zstd_safe::{compress_bound, get_frame_content_size};

use crate::Source;

const LEVEL: i32 = 1;

thread_local! {
    static COMPRESSOR: RefCell<Option<Compressor<'static>>> = const { RefCell::new(None) };
    static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
}

pub(super) fn compress(raw: &[u8], out: &mut Vec<u8>) -> Result<(), Source> {
    COMPRESSOR.with_borrow_mut(|kept| {
        let compressor = match kept {
            Some(compressor) => compressor,
            None => kept.insert(Compressor::new(LEVEL)?),
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
    DECOMPRESSOR.with_borrow_mut(|kept| {
        let decompressor = match kept {
            Some(decompressor) => decompressor,
            None => kept.insert(Decompressor::new()?),
        };
        let mut raw = vec![0; raw_len];
        let written = decompressor.decompress_to_buffer(compressed, raw.as_mut_slice())?;
        if written == raw_len { Ok(raw) } else { Err(format!("{written} bytes where {raw_len} were promised").into()) }
    })
}
