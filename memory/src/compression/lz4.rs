//! LZ4 blocks by lz4_flex: fast, modest ratios. Blocks carry no length of their own: the envelope does.

use lz4_flex::block::{compress_into, decompress_into, get_maximum_output_size};

use super::{append, append_exactly};
use crate::BoxError;

/// A block cannot grow by more than this factor: a sequence of one byte more holds 255 more bytes.
const LARGEST_RATIO: usize = 255;

pub(super) fn compress(raw: &[u8], out: &mut Vec<u8>) -> Result<(), BoxError> {
    append(out, get_maximum_output_size(raw.len()), |room| Ok(compress_into(raw, room)?)).map(drop)
}

pub(super) fn decompress(compressed: &[u8], raw_len: usize, out: &mut Vec<u8>) -> Result<(), BoxError> {
    if raw_len > compressed.len().saturating_mul(LARGEST_RATIO) {
        return Err(format!("{} bytes cannot hold the {raw_len} that were promised", compressed.len()).into());
    }
    append_exactly(out, raw_len, |room| Ok(decompress_into(compressed, room)?))
}
