//! LZ4 blocks by lz4_flex: fast, modest ratios. Blocks carry no length of their own: the envelope does.

use crate::Source;

/// A block cannot grow by more than this factor: a sequence of one byte more holds 255 more bytes.
const LARGEST_RATIO: usize = 255;

pub(super) fn compress(raw: &[u8], out: &mut Vec<u8>) -> Result<(), Source> {
    let start = out.len();
    out.resize(start + lz4_flex::block::get_maximum_output_size(raw.len()), 0);
    let written = lz4_flex::block::compress_into(raw, &mut out[start..])?;
    out.truncate(start + written);
    Ok(())
}

pub(super) fn decompress(compressed: &[u8], raw_len: usize) -> Result<Vec<u8>, Source> {
    if raw_len > compressed.len().saturating_mul(LARGEST_RATIO) {
        return Err(format!("{} bytes cannot hold the {raw_len} that were promised", compressed.len()).into());
    }
    let mut raw = vec![0; raw_len];
    let written = lz4_flex::block::decompress_into(compressed, &mut raw)?;
    if written == raw_len { Ok(raw) } else { Err(format!("{written} bytes where {raw_len} were promised").into()) }
}
