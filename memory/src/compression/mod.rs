//! Compression of encoded values, block by block: a stored value is compressed whole or not at all.
//!
//! The `compression` toggle chooses the compressor at run time; each lives in its own file. Which values are worth it is decided by the envelope
//! ([`crate::encoding`]).

mod lz4;
mod zstd;
mod zstd_dictionary;

use crate::variant::Compression;
use crate::{Error, Result};

impl Compression {
    /// Appends `raw`, compressed, to `out`; as it is under `none`.
    ///
    /// # Errors
    /// [`Error::Compress`].
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

    /// The bytes that were compressed to `compressed`. They are exactly `raw_len` long, or it is an error; no more than a payload of that length can
    /// hold is ever allocated.
    ///
    /// # Errors
    /// [`Error::Envelope`], when the payload is damaged or its length is not the claimed one.
    pub fn decompress(self, compressed: &[u8], raw_len: usize) -> Result<Vec<u8>> {
        let done = match self {
            Compression::None if compressed.len() == raw_len => Ok(compressed.to_vec()),
            Compression::None => Err(format!("{} bytes where {raw_len} were promised", compressed.len()).into()),
            Compression::Lz4 => lz4::decompress(compressed, raw_len),
            Compression::Zstd => zstd::decompress(compressed, raw_len),
            Compression::ZstdDictionary => zstd_dictionary::decompress(compressed, raw_len),
        };
        done.map_err(|source| Error::Envelope { reason: format!("its {self} payload cannot be read: {source}") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
                assert_eq!(compression.decompress(&out[6..], len).unwrap(), text(len), "{compression}, {len} bytes");
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
                assert!(compression.decompress(&out, claimed).is_err(), "{compression} claims {claimed}");
            }
            assert!(compression.decompress(&out[..out.len() - 1], 5_000).is_err(), "{compression} truncated");
            assert!(compression.decompress(&[], 5_000).is_err(), "{compression} empty");
        }
    }
}
