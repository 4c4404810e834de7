//! LZ4 blocks by lz4_flex: fast, modest ratios. A block does not carry its length; the envelope does.

use lz4_flex::block::{compress_into, decompress_into, get_maximum_output_size};

use super::{append, append_exactly};
use crate::BoxError;

/// The largest ratio: one byte more of a sequence holds 255 bytes more.
const LARGEST_RATIO: usize = 255;

pub(super) fn compress(raw: &[u8], out: &mut Vec<u8>) -> Result<(), BoxError> {
    append(out, get_maximum_output_size(raw.len()), |room| Ok(compress_into(raw, room)?)).map(drop)
}

pub(super) fn decompress(compressed: &[u8], raw_len: usize, out: &mut Vec<u8>) -> Result<(), BoxError> {
    if raw_len > compressed.len().saturating_mul(LARGEST_RATIO) {
        return Err(format!("{} bytes cannot hold the {raw_len} that were promised", compressed.len()).into());
    }
    append_exactly(out, raw_len, |room| decode(compressed, room))
}

/// Never inlined: within its caller, the loop takes a quarter more instructions.
#[inline(never)]
fn decode(compressed: &[u8], room: &mut [u8]) -> Result<usize, BoxError> {
    Ok(decompress_into(compressed, room)?)
}
