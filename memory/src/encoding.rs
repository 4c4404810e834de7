//! The envelope: every stored value says which codec and which compressor wrote it, so that any variant reads any
//! other's.
//!
//! ```text
//! byte 0      format version (high half: 1) and codec tag (low half)
//! byte 1      compression tag
//! varint      length before compression (LEB128), only if compressed
//! the rest    the payload
//! ```
//!
//! Reading trusts the tags, never the variant, and never allocates more than [`MAX_RAW_BYTES`] because a value says so.
//! There is no checksum: stores have theirs.

use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::buffers::{self, Buffer, Buffers};
use crate::counters::Counters;
use crate::embedding;
use crate::variant::{BufferKind, Codec, Compression, EmbeddingKind};
use crate::{EpisodeId, Error, Result, Step, TaskContext};

/// The format version that is written: the high half of the first byte.
const VERSION: u8 = 1;

/// The longest value that is compressed, in bytes. Longer ones are stored plain.
pub const MAX_RAW_BYTES: usize = 64 << 20;

/// The default threshold of compression, in bytes: shorter values are stored plain.
pub const DEFAULT_THRESHOLD_BYTES: usize = 1024;

/// The threshold of compression with a dictionary, in bytes.
pub const DICTIONARY_THRESHOLD_BYTES: usize = 48;

/// The first byte of an embedding in plain 32-bit floats: a codec for nothing else.
const F32_LE: u8 = VERSION << 4 | 4;

/// The bytes in front of a plain payload.
const TAGS: usize = 2;

/// The room for an encoded step beside its texts, in bytes: JSON has names and quotes.
const ROOM_BESIDE_TEXTS_BYTES: usize = 256;

/// The form of new values.
#[derive(Debug, Clone)]
pub struct Encoding {
    /// The codec of new values.
    pub codec: Codec,
    /// The compressor of new values.
    pub compression: Compression,
    /// The form of new embeddings.
    pub embedding: EmbeddingKind,
    /// Encoded values of at least this many bytes are compressed.
    pub threshold_bytes: usize,
    /// The source of the buffers.
    pub buffers: Arc<dyn Buffers>,
    /// The counters.
    pub counters: Arc<Counters>,
}

impl Encoding {
    /// `codec`, and `compression` from 1 KiB on; embeddings are JSON, buffers fresh.
    pub fn new(codec: Codec, compression: Compression, counters: Arc<Counters>) -> Encoding {
        Encoding {
            codec,
            compression,
            embedding: EmbeddingKind::Json,
            threshold_bytes: DEFAULT_THRESHOLD_BYTES,
            buffers: buffers::open(BufferKind::Fresh, &counters),
            counters,
        }
    }

    /// The stored form of `value`.
    pub fn encode<T: Serialize + ?Sized>(&self, value: &T) -> Result<Buffer> {
        self.encode_into(Buffer::from(&self.buffers), value)
    }

    /// The stored form of a step, in a buffer that has room for its texts.
    pub fn encode_step(&self, step: &Step) -> Result<Buffer> {
        self.encode_into(Buffer::with_room(&self.buffers, ROOM_BESIDE_TEXTS_BYTES + step.text_bytes()), step)
    }

    fn encode_into<T: Serialize + ?Sized>(&self, empty: Buffer, value: &T) -> Result<Buffer> {
        let stored = self.encode_by(self.codec, empty, value)?;
        let encoded = match self.codec {
            Codec::Json => &self.counters.json_encoded,
            Codec::Messagepack => &self.counters.messagepack_encoded,
            Codec::Postcard => &self.counters.postcard_encoded,
        };
        encoded.increment();
        Ok(stored)
    }

    /// The stored form of an embedding.
    pub fn encode_vector(&self, vector: &[f32]) -> Result<Buffer> {
        let by = |codec| self.encode_by(codec, Buffer::from(&self.buffers), vector);
        let (stored, counter) = match self.embedding {
            EmbeddingKind::Json => (by(Codec::Json)?, &self.counters.json_vectors),
            EmbeddingKind::Postcard => (by(Codec::Postcard)?, &self.counters.postcard_vectors),
            EmbeddingKind::F32Blob => {
                // Plain always: the bits of such numbers look like noise to a compressor.
                let mut stored = Buffer::from(&self.buffers);
                stored.extend_from_slice(&[F32_LE, compression_tag(Compression::None)]);
                embedding::to_le_bytes(vector, &mut stored);
                self.counters.encoded_bytes.add((stored.len() - TAGS) as u64);
                self.counters.stored_bytes.add(stored.len() as u64);
                (stored, &self.counters.f32_vectors)
            }
        };
        counter.increment();
        Ok(stored)
    }

    /// The embedding of this stored form, whichever variant wrote it.
    pub fn decode_vector(&self, stored: &[u8]) -> Result<Vec<f32>> {
        match stored {
            [F32_LE, 0, values @ ..] => {
                self.counters.values_decoded.increment();
                embedding::from_le_bytes(values)
                    .ok_or_else(|| damaged(format!("{} bytes are no 32-bit numbers", values.len())))
            }
            _ => self.decode(stored),
        }
    }

    fn encode_by<T: Serialize + ?Sized>(&self, codec: Codec, mut stored: Buffer, value: &T) -> Result<Buffer> {
        stored.extend_from_slice(&[VERSION << 4 | codec_tag(codec), compression_tag(Compression::None)]);
        codec.encode(value, &mut stored)?;
        let raw_len = stored.len() - TAGS;
        self.counters.encoded_bytes.add(raw_len as u64);
        let threshold_bytes = match self.compression {
            Compression::None => usize::MAX,
            Compression::Lz4 | Compression::Zstd => self.threshold_bytes,
            Compression::ZstdDictionary => self.threshold_bytes.min(DICTIONARY_THRESHOLD_BYTES),
        };
        if (threshold_bytes..=MAX_RAW_BYTES).contains(&raw_len) {
            stored = self.compress(stored)?;
        }
        self.counters.stored_bytes.add(stored.len() as u64);
        Ok(stored)
    }

    /// The compressed form of a plain stored value, or the value itself if that is not shorter.
    #[inline(never)]
    fn compress(&self, plain: Buffer) -> Result<Buffer> {
        let raw = &plain[TAGS..];
        let mut stored = Buffer::from(&self.buffers);
        stored.extend_from_slice(&[plain[0], compression_tag(self.compression)]);
        write_varint(raw.len(), &mut stored);
        self.compression.compress(raw, &mut stored)?;
        if stored.len() >= plain.len() {
            self.counters.values_incompressible.increment();
            return Ok(plain);
        }
        self.counters.values_compressed.increment();
        self.counters.dictionary_compressed.add(u64::from(self.compression == Compression::ZstdDictionary));
        self.counters.compressed_bytes_before.add(plain.len() as u64);
        self.counters.compressed_bytes_after.add(stored.len() as u64);
        Ok(stored)
    }

    /// The value of this stored form, whichever variant wrote it. Fails with [`Error::Envelope`] when the tags or
    /// lengths are damaged, with [`Error::Decode`] when the payload is.
    pub fn decode<T: DeserializeOwned>(&self, stored: &[u8]) -> Result<T> {
        self.decode_by(stored, |codec, payload| codec.decode(payload))
    }

    /// The id and the context of a stored head. The rest of it is skipped, and may be damaged.
    pub fn decode_located(&self, stored: &[u8]) -> Result<(EpisodeId, TaskContext)> {
        self.decode_by(stored, Codec::decode_located)
    }

    #[inline]
    fn decode_by<T>(&self, stored: &[u8], read: impl FnOnce(Codec, &[u8]) -> Result<T>) -> Result<T> {
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
            return read(codec, payload);
        }
        let (raw_len, compressed) = read_varint(payload)?;
        if raw_len > MAX_RAW_BYTES {
            return Err(damaged(format!("it claims {raw_len} bytes, {MAX_RAW_BYTES} are allowed")));
        }
        self.counters.values_decompressed.increment();
        let mut raw = Buffer::from(&self.buffers);
        compression.decompress(compressed, raw_len, &mut raw)?;
        read(codec, &raw)
    }
}

/// The codec's tag in stored values: never changed, never reused.
const fn codec_tag(codec: Codec) -> u8 {
    match codec {
        Codec::Json => 1,
        Codec::Messagepack => 2,
        Codec::Postcard => 3,
    }
}

/// The compressor's tag in stored values: never changed, never reused.
const fn compression_tag(compression: Compression) -> u8 {
    match compression {
        Compression::None => 0,
        Compression::Lz4 => 1,
        Compression::Zstd => 2,
        Compression::ZstdDictionary => 3,
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

/// Reads a length of at most five bytes, and returns the rest.
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::NewStep;

    fn step(observation: String) -> Step {
        Step::new(1, 2, NewStep { tool: "shell".to_owned(), observation, ..NewStep::default() })
    }

    fn large() -> Step {
        step("the same line again\n".repeat(500))
    }

    fn pairs() -> impl Iterator<Item = (Codec, Compression)> {
        Codec::ALL.iter().flat_map(|&codec| Compression::ALL.iter().map(move |&compression| (codec, compression)))
    }

    fn encoding(codec: Codec, compression: Compression) -> Encoding {
        Encoding::new(codec, compression, Arc::new(Counters::default()))
    }

    fn reason(stored: &[u8]) -> String {
        encoding(Codec::Json, Compression::None).decode::<Step>(stored).unwrap_err().to_string()
    }

    #[test]
    fn whatever_wrote_a_value_anything_reads_it() {
        for (codec, compression) in pairs() {
            for value in [step("short".to_owned()), large()] {
                let stored = encoding(codec, compression).encode(&value).unwrap();
                for (codec, compression) in pairs() {
                    assert_eq!(encoding(codec, compression).decode::<Step>(&stored).unwrap(), value);
                }
            }
        }
    }

    #[test]
    fn the_first_bytes_are_the_format() {
        let tags = |codec, compression| encoding(codec, compression).encode(&large()).unwrap()[..2].to_vec();
        assert_eq!(tags(Codec::Json, Compression::None), [0x11, 0]);
        assert_eq!(tags(Codec::Messagepack, Compression::Lz4), [0x12, 1]);
        assert_eq!(tags(Codec::Postcard, Compression::Zstd), [0x13, 2]);
        assert_eq!(tags(Codec::Postcard, Compression::ZstdDictionary), [0x13, 3]);
    }

    #[test]
    fn an_embedding_is_read_whatever_wrote_it() {
        let vector: Vec<f32> = (0..300).map(|place| (place as f32).sin()).collect();
        let mut sizes = Vec::new();
        for &embedding in EmbeddingKind::ALL {
            for (codec, compression) in pairs() {
                let writing = Encoding { embedding, ..encoding(codec, compression) };
                let stored = writing.encode_vector(&vector).unwrap();
                assert_eq!(encoding(Codec::Json, Compression::None).decode_vector(&stored).unwrap(), vector);
                let counters = writing.counters.snapshot();
                let seen = ["json_vectors", "postcard_vectors", "f32_vectors"].map(|name| counters[name]);
                assert_eq!(
                    seen,
                    EmbeddingKind::ALL.iter().map(|&kind| u64::from(kind == embedding)).collect::<Vec<_>>()[..]
                );
                if compression == Compression::None {
                    sizes.push(stored.len());
                }
            }
        }
        let each = Codec::ALL.len();
        assert!(sizes[..each].iter().all(|&bytes| bytes > 2 * sizes[each]), "JSON spells its digits: {sizes:?}");
        assert_eq!(sizes[each..], [vec![2 + 2 + 4 * 300; each], vec![2 + 4 * 300; each]].concat());
        let cut = encoding(Codec::Json, Compression::None).decode_vector(&[0x14, 0, 1, 2, 3]).unwrap_err();
        assert_eq!(cut.to_string(), "a stored value is damaged: 3 bytes are no 32-bit numbers");
    }

    #[test]
    fn the_threshold_counts_encoded_bytes() {
        let text = "x".repeat(98); // 100 bytes as JSON
        for (threshold_bytes, compressed) in [(100, 1), (101, 0)] {
            let encoding = Encoding { threshold_bytes, ..encoding(Codec::Json, Compression::Lz4) };
            let stored = encoding.encode(text.as_str()).unwrap();
            assert_eq!(encoding.counters.values_compressed.get(), compressed);
            assert_eq!(stored[1], compressed as u8);
        }
    }

    #[test]
    fn a_dictionary_is_worth_it_for_small_values() {
        let small = step("error: 3 of 20 tests failed".to_owned());
        for (compression, compressed) in [(Compression::Zstd, 0), (Compression::ZstdDictionary, 1)] {
            let encoding = encoding(Codec::Json, compression);
            let stored = encoding.encode(&small).unwrap();
            assert_eq!(encoding.counters.values_compressed.get(), compressed, "{compression}");
            assert_eq!(encoding.counters.dictionary_compressed.get(), compressed, "{compression}");
            assert_eq!(encoding.decode::<Step>(&stored).unwrap(), small);
        }
    }

    #[test]
    fn what_does_not_get_smaller_is_stored_plain() {
        let noise: Vec<u8> =
            (0..1_000u64).flat_map(|number| crate::hash::fnv1a(&number.to_le_bytes()).to_le_bytes()).collect();
        for compression in [Compression::Lz4, Compression::Zstd, Compression::ZstdDictionary] {
            let encoding = encoding(Codec::Postcard, compression);
            let stored = encoding.encode(&noise).unwrap();
            assert_eq!((stored[1], encoding.counters.values_incompressible.get()), (0, 1), "{compression}");
            assert_eq!(encoding.decode::<Vec<u8>>(&stored).unwrap(), noise);
        }
    }

    #[test]
    fn every_truncation_is_an_error() {
        for (codec, compression) in pairs() {
            let encoding = encoding(codec, compression);
            let stored = encoding.encode(&large()).unwrap();
            for len in (0..stored.len().min(300)).chain(stored.len() - 20..stored.len()) {
                assert!(encoding.decode::<Step>(&stored[..len]).is_err(), "{codec}, {compression}: {len} bytes");
            }
        }
    }

    #[test]
    fn unknown_tags_are_named() {
        assert_eq!(reason(&[]), "a stored value is damaged: 0 bytes are too few for its tags");
        assert_eq!(reason(&[0x11]), "a stored value is damaged: 1 bytes are too few for its tags");
        assert_eq!(reason(&[0x21, 0, b'1']), "a stored value is damaged: format version 2 is unknown, 1 is known");
        let newer = "is unknown: a newer version may have written it";
        assert_eq!(reason(&[0x1f, 0, b'1']), format!("a stored value is damaged: codec tag 15 {newer}"));
        assert_eq!(reason(&[0x11, 9, b'1']), format!("a stored value is damaged: compression tag 9 {newer}"));
    }

    #[test]
    fn lying_lengths_are_found_before_memory_is_taken() {
        assert!(reason(&[0x11, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]).contains("cut off or too long"));
        assert!(reason(&[0x11, 1, 0x80]).contains("cut off or too long"));
        assert!(
            reason(&[0x11, 2, 0xff, 0xff, 0xff, 0x7f, 0]).contains("it claims 268435455 bytes, 67108864 are allowed")
        );
        for (compression, message) in [(Compression::Lz4, "cannot hold"), (Compression::Zstd, "promised")] {
            let encoding = encoding(Codec::Json, compression);
            let stored = encoding.encode(&large()).unwrap();
            let (_, payload) = read_varint(&stored[2..]).unwrap();
            let mut lie = stored[..2].to_vec();
            write_varint(MAX_RAW_BYTES, &mut lie);
            lie.extend_from_slice(payload);
            let error = encoding.decode::<Step>(&lie).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        }
    }

    #[test]
    fn counters_say_what_was_done() {
        let plain = encoding(Codec::Json, Compression::None);
        let stored = plain.encode(&large()).unwrap();
        let (before, after) = (plain.counters.encoded_bytes.get(), plain.counters.stored_bytes.get());
        assert_eq!((before + 2, after), (stored.len() as u64, stored.len() as u64));
        assert_eq!((plain.counters.json_encoded.get(), plain.counters.values_compressed.get()), (1, 0));

        let small = encoding(Codec::Postcard, Compression::Zstd);
        let stored = small.encode(&large()).unwrap();
        small.decode::<Step>(&stored).unwrap();
        let counters = small.counters.snapshot();
        let seen = ["postcard_encoded", "values_compressed", "values_decompressed", "values_decoded"]
            .map(|name| counters[name]);
        assert_eq!(seen, [1; 4]);
        assert_eq!(counters["compressed_bytes_after"], stored.len() as u64);
        assert!(counters["compressed_bytes_before"] > 10 * counters["compressed_bytes_after"]);
    }

    proptest! {
        #[test]
        fn lengths_come_back(value in 0usize..=MAX_RAW_BYTES, rest: Vec<u8>) {
            let mut bytes = Vec::new();
            write_varint(value, &mut bytes);
            bytes.extend_from_slice(&rest);
            prop_assert_eq!(read_varint(&bytes).unwrap(), (value, rest.as_slice()));
        }

        #[test]
        fn damaged_values_never_panic(codec in 0usize..3, compression in 0usize..4, place: prop::sample::Index, bits in 1u8..=255) {
            let encoding = encoding(Codec::ALL[codec], Compression::ALL[compression]);
            let mut stored = encoding.encode(&large()).unwrap();
            let place = place.index(stored.len());
            stored[place] ^= bits;
            let _ = encoding.decode::<Step>(&stored); // may still be a value, another one
        }
    }
}
