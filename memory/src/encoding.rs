//! The envelope: every stored value says which codec and which compressor wrote it, so that any variant reads what any other wrote.
//!
//! ```text
//! byte 0      format version (high half: 1) and codec tag (low half)
//! byte 1      compression tag
//! varint      length before compression (LEB128), only if compressed
//! the rest    the payload
//! ```
//!
//! Reading trusts the tags, never the variant, and never allocates more than [`MAX_RAW_BYTES`] on a value's word. There is no checksum: stores have
//! their own.

use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::counters::Counters;
use crate::variant::{Codec, Compression};
use crate::{Error, Result};

/// The format version that is written: the high half of the first byte.
const VERSION: u8 = 1;

/// The most that a value may hold before compression, in bytes. Larger values are stored plain.
pub const MAX_RAW_BYTES: usize = 64 << 20;

/// Values shorter than this are stored plain unless told otherwise, in bytes.
pub const DEFAULT_THRESHOLD_BYTES: usize = 1024;

/// The bytes in front of a plain payload.
const TAGS: usize = 2;

/// How values are written, and what counts it.
#[derive(Debug, Clone)]
pub struct Encoding {
    /// The codec of new values.
    pub codec: Codec,
    /// The compressor of new values.
    pub compression: Compression,
    /// Encoded values of at least this many bytes are compressed.
    pub threshold_bytes: usize,
    /// Where it is counted.
    pub counters: Arc<Counters>,
}

impl Encoding {
    /// Values are written by `codec`, and compressed by `compression` from [`DEFAULT_THRESHOLD_BYTES`] on.
    pub fn new(codec: Codec, compression: Compression, counters: Arc<Counters>) -> Encoding {
        Encoding { codec, compression, threshold_bytes: DEFAULT_THRESHOLD_BYTES, counters }
    }

    /// The stored form of `value`.
    ///
    /// # Errors
    /// [`Error::Encode`] and [`Error::Compress`].
    pub fn encode<T: Serialize + ?Sized>(&self, value: &T) -> Result<Vec<u8>> {
        let mut stored = Vec::with_capacity(256); // most heads and steps, without growing
        stored.extend_from_slice(&[VERSION << 4 | codec_tag(self.codec), compression_tag(Compression::None)]);
        self.codec.encode(value, &mut stored)?;
        let raw_len = stored.len() - TAGS;
        let encoded = match self.codec {
            Codec::Json => &self.counters.json_encoded,
            Codec::Messagepack => &self.counters.messagepack_encoded,
            Codec::Postcard => &self.counters.postcard_encoded,
        };
        encoded.increment();
        self.counters.encoded_bytes.add(raw_len as u64);
        if self.compression != Compression::None && (self.threshold_bytes..=MAX_RAW_BYTES).contains(&raw_len) {
            stored = self.compress(stored)?;
        }
        self.counters.stored_bytes.add(stored.len() as u64);
        Ok(stored)
    }

    /// The compressed form of a plain stored value, or the value itself if that is no longer.
    #[inline(never)]
    fn compress(&self, plain: Vec<u8>) -> Result<Vec<u8>> {
        let raw = &plain[TAGS..];
        let mut stored = Vec::with_capacity(plain.len());
        stored.extend_from_slice(&[plain[0], compression_tag(self.compression)]);
        write_varint(raw.len(), &mut stored);
        self.compression.compress(raw, &mut stored)?;
        if stored.len() >= plain.len() {
            self.counters.values_incompressible.increment();
            return Ok(plain);
        }
        self.counters.values_compressed.increment();
        self.counters.compressed_bytes_before.add(plain.len() as u64);
        self.counters.compressed_bytes_after.add(stored.len() as u64);
        stored.shrink_to_fit(); // the compressor asked for its worst case; the in-flight value should not
        Ok(stored)
    }

    /// The value of this stored form, whichever variant wrote it.
    ///
    /// # Errors
    /// [`Error::Envelope`] when the tags or lengths are damaged, [`Error::Decode`] when the payload is.
    pub fn decode<T: DeserializeOwned>(&self, stored: &[u8]) -> Result<T> {
        let [first, second, payload @ ..] = stored else {
            return Err(damaged(format!("{} bytes are too few for its tags", stored.len())));
        };
        if first >> 4 != VERSION {
            return Err(damaged(format!("format version {} is unknown, {VERSION} is known", first >> 4)));
        }
        let codec = tagged(Codec::ALL, codec_tag, first & 15, "codec")?;
        let compression = tagged(Compression::ALL, compression_tag, *second, "compression")?;
        self.counters.values_decoded.increment();
        if compression == Compression::None {
            return codec.decode(payload);
        }
        let (raw_len, compressed) = read_varint(payload)?;
        if raw_len > MAX_RAW_BYTES {
            return Err(damaged(format!("it claims {raw_len} bytes, {MAX_RAW_BYTES} are allowed")));
        }
        self.counters.values_decompressed.increment();
        codec.decode(&compression.decompress(compressed, raw_len)?)
    }
}

/// The codec's tag in stored values: never changed, never given to another.
const fn codec_tag(codec: Codec) -> u8 {
    match codec {
        Codec::Json => 1,
        Codec::Messagepack => 2,
        Codec::Postcard => 3,
    }
}

/// The compressor's tag in stored values: never changed, never given to another.
const fn compression_tag(compression: Compression) -> u8 {
    match compression {
        Compression::None => 0,
        Compression::Lz4 => 1,
        Compression::Zstd => 2,
    }
}

/// The strategy that has this tag.
fn tagged<S: Copy>(strategies: &[S], tag_of: impl Fn(S) -> u8, tag: u8, what: &str) -> Result<S> {
    let known = strategies.iter().copied().find(|&strategy| tag_of(strategy) == tag);
    known.ok_or_else(|| damaged(format!("{what} tag {tag} is unknown: a newer version may have written it")))
}

/// Writes a length seven bits at a time, the lowest first (LEB128).
fn write_varint(mut value: usize, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Reads a length of at most five bytes, and gives what follows it.
fn read_varint(bytes: &[u8]) -> Result<(usize, &[u8])> {
    let mut value = 0usize;
    for (place, &byte) in bytes.iter().take(5).enumerate() {
        value |= usize::from(byte & 0x7f) << (7 * place);
        if byte < 0x80 {
            return Ok((value, &bytes[place + 1..]));
        }
    }
    Err(damaged("its length is cut off or too long".to_owned()))
}

fn damaged(reason: String) -> Error {
    Error::Envelope { reason }
}
