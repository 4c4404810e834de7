//! Zstandard, level 1: better ratios at several times the cost of LZ4.
//!
//! Contexts are kept, one per thread: making one costs more than compressing a step.

use std::cell::RefCell;
use std::io;

use zstd::bulk::{Compressor, Decompressor};
use zstd::zstd_safe::{compress_bound, get_frame_content_size};

use super::{append, append_exactly, different_length};
use crate::BoxError;

const LEVEL: i32 = 1;

thread_local! {
    static COMPRESSOR: RefCell<Option<Compressor<'static>>> = const { RefCell::new(None) };
    static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
}

pub(super) fn compress(raw: &[u8], out: &mut Vec<u8>) -> Result<(), BoxError> {
    COMPRESSOR.with_borrow_mut(|kept| compress_by(kept_or_made(kept, || Compressor::new(LEVEL))?, raw, out))
}

pub(super) fn decompress(compressed: &[u8], raw_len: usize, out: &mut Vec<u8>) -> Result<(), BoxError> {
    check_promise(compressed, raw_len)?;
    DECOMPRESSOR.with_borrow_mut(|kept| decompress_by(kept_or_made(kept, Decompressor::new)?, compressed, raw_len, out))
}

/// The context that is there, or the one that is made now.
pub(super) fn kept_or_made<C>(kept: &mut Option<C>, make: impl FnOnce() -> io::Result<C>) -> io::Result<&mut C> {
    match kept {
        Some(context) => Ok(context),
        None => Ok(kept.insert(make()?)),
    }
}

pub(super) fn compress_by(compressor: &mut Compressor<'_>, raw: &[u8], out: &mut Vec<u8>) -> Result<(), BoxError> {
    append(out, compress_bound(raw.len()), |room| Ok(compressor.compress_to_buffer(raw, room)?)).map(drop)
}

/// The frame says how long its content is: a false promise is found before anything is allocated for it.
pub(super) fn check_promise(frame: &[u8], raw_len: usize) -> Result<(), BoxError> {
    let content = get_frame_content_size(frame).map_err(|_| "no zstd frame")?;
    if content == Some(raw_len as u64) { Ok(()) } else { Err(different_length(content.unwrap_or(0), raw_len)) }
}

/// Appends the content of a frame whose promise was checked.
pub(super) fn decompress_by(
    decompressor: &mut Decompressor<'_>,
    frame: &[u8],
    raw_len: usize,
    out: &mut Vec<u8>,
) -> Result<(), BoxError> {
    append_exactly(out, raw_len, |room| Ok(decompressor.decompress_to_buffer(frame, room)?))
}
