//! Compression of encoded values, each whole: the `compression` toggle, one compressor per file.
//!
//! The envelope ([`crate::encoding`]) decides which values are worth it.

mod lz4;
mod zstd;
mod zstd_dictionary;

use crate::variant::Compression;
use crate::{BoxError, Error, Result};

impl Compression {
    /// Appends `raw` to `out`, compressed, or as it is under `none`.
    pub fn compress(self, raw: &[u8], out: &mut Vec<u8>) -> Result<()> {
        let done = match self {
            Compression::None => {
                out.extend_from_slice(raw);
                Ok(())
            }
            Compression::Lz4 => lz4::compress(raw, out),
            Compression::Zstd => zstd::compress(raw, out),
            Compression::ZstdDictionary => zstd_dictionary::compress(raw, out),
        };
        done.map_err(|source| Error::Compress { compression: self.name(), source })
    }

    /// Appends the decompressed bytes, exactly `raw_len`, or nothing where the payload is damaged or has another length
    /// ([`Error::Envelope`]). Never allocates more than a payload of this length can hold.
    pub fn decompress(self, compressed: &[u8], raw_len: usize, out: &mut Vec<u8>) -> Result<()> {
        let done = match self {
            Compression::None if compressed.len() == raw_len => {
                out.extend_from_slice(compressed);
                Ok(())
            }
            Compression::None => Err(different_length(compressed.len() as u64, raw_len)),
            Compression::Lz4 => lz4::decompress(compressed, raw_len, out),
            Compression::Zstd => zstd::decompress(compressed, raw_len, out),
            Compression::ZstdDictionary => zstd_dictionary::decompress(compressed, raw_len, out),
        };
        done.map_err(|source| Error::Envelope { reason: format!("its {self} payload cannot be read: {source}") })
    }
}

/// Appends the bytes that `write` puts into `room` bytes and counts. After an error nothing is appended.
fn append(
    out: &mut Vec<u8>,
    room: usize,
    write: impl FnOnce(&mut [u8]) -> std::result::Result<usize, BoxError>,
) -> std::result::Result<usize, BoxError> {
    let start = out.len();
    out.resize(start + room, 0);
    let written = write(&mut out[start..]);
    out.truncate(start + written.as_ref().map_or(0, |written| *written));
    written
}

/// Appends exactly `raw_len` bytes; anything else is an error, and appends nothing.
fn append_exactly(
    out: &mut Vec<u8>,
    raw_len: usize,
    write: impl FnOnce(&mut [u8]) -> std::result::Result<usize, BoxError>,
) -> std::result::Result<(), BoxError> {
    let start = out.len();
    match append(out, raw_len, write)? {
        written if written == raw_len => Ok(()),
        written => {
            out.truncate(start);
            Err(different_length(written as u64, raw_len))
        }
    }
}

fn different_length(found: u64, promised: usize) -> BoxError {
    format!("{found} bytes where {promised} were promised").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decompress(compression: Compression, compressed: &[u8], raw_len: usize) -> Result<Vec<u8>> {
        let mut out = b"before".to_vec();
        let done = compression.decompress(compressed, raw_len, &mut out);
        let raw = out.split_off(6);
        assert_eq!(out, b"before");
        assert!(done.is_ok() || raw.is_empty(), "an error appends nothing");
        done.map(|()| raw)
    }

    fn text(len: usize) -> Vec<u8> {
        b"the quick brown fox jumps over the lazy dog; ".iter().copied().cycle().take(len).collect()
    }

    #[test]
    fn bytes_come_back() {
        for &compression in Compression::ALL {
            for len in [0, 1, 100, 70_000] {
                let mut out = b"before".to_vec();
                compression.compress(&text(len), &mut out).unwrap();
                assert!(out.starts_with(b"before"));
                assert_eq!(decompress(compression, &out[6..], len).unwrap(), text(len), "{compression}, {len} bytes");
            }
        }
    }

    #[test]
    fn repetitive_text_gets_smaller() {
        for compression in [Compression::Lz4, Compression::Zstd, Compression::ZstdDictionary] {
            let mut out = Vec::new();
            compression.compress(&text(10_000), &mut out).unwrap();
            assert!(out.len() < 1_000, "{compression}: {} bytes", out.len());
        }
    }

    #[test]
    fn lying_lengths_and_damage_are_errors() {
        for &compression in Compression::ALL {
            let mut out = Vec::new();
            compression.compress(&text(5_000), &mut out).unwrap();
            for claimed in [0, 4_999, 5_001, usize::MAX] {
                assert!(decompress(compression, &out, claimed).is_err(), "{compression} claims {claimed}");
            }
            assert!(decompress(compression, &out[..out.len() - 1], 5_000).is_err(), "{compression} truncated");
            assert!(decompress(compression, &[], 5_000).is_err(), "{compression} empty");
        }
    }
}
