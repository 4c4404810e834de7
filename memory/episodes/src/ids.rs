//! Ids of episodes and patterns.
//!
//! An id is text (hexadecimal digits) where people read it, and as few bytes as possible in binary codecs. New ids of
//! episodes begin with the time, but nothing relies on it: any 128 bits are an id.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The id of an episode: 128 bits, shown as 32 hexadecimal digits.
///
/// ```
/// use episodes::EpisodeId;
///
/// let id: EpisodeId = "000000000000000000000000000000ff".parse()?;
/// assert_eq!(id, EpisodeId(255));
/// assert_eq!(id.to_string(), "000000000000000000000000000000ff");
/// # Ok::<(), episodes::MalformedId>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EpisodeId(pub u128);

/// The id of a pattern: a hash of its contents, shown as 16 hexadecimal digits. Equal patterns of two episodes have
/// equal ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PatternId(pub u64);

/// Text that is not an id.
#[derive(Debug, thiserror::Error)]
#[error("`{text}` is no id: {digits} hexadecimal digits are")]
pub struct MalformedId {
    /// The text.
    pub text: String,
    /// The number of digits of such an id.
    pub digits: usize,
}

impl EpisodeId {
    const DIGITS: usize = 32;

    /// The big-endian bytes: their order is the order of ids, as keys of a store need it.
    pub fn to_bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }

    /// The id of these big-endian bytes.
    pub fn from_bytes(bytes: [u8; 16]) -> EpisodeId {
        EpisodeId(u128::from_be_bytes(bytes))
    }
}

impl PatternId {
    const DIGITS: usize = 16;
}

impl fmt::Display for EpisodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(digits(&self.to_bytes(), &mut [0; Self::DIGITS]))
    }
}

impl fmt::Display for PatternId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(digits(&self.0.to_be_bytes(), &mut [0; Self::DIGITS]))
    }
}

impl FromStr for EpisodeId {
    type Err = MalformedId;

    fn from_str(text: &str) -> Result<EpisodeId, MalformedId> {
        parse_digits(text, Self::DIGITS).map(EpisodeId)
    }
}

impl FromStr for PatternId {
    type Err = MalformedId;

    fn from_str(text: &str) -> Result<PatternId, MalformedId> {
        let value = parse_digits(text, Self::DIGITS)?;
        Ok(PatternId(u64::try_from(value).expect("16 hexadecimal digits fit 64 bits")))
    }
}

/// Parses exactly `digits` hexadecimal digits. Signs and blanks, which the standard parser partly accepts, are refused.
fn parse_digits(text: &str, digits: usize) -> Result<u128, MalformedId> {
    let malformed = || MalformedId { text: text.to_owned(), digits };
    if text.len() != digits || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(malformed());
    }
    u128::from_str_radix(text, 16).map_err(|_| malformed())
}

/// Writes `bytes` as lower-case hexadecimal digits into `buffer`, which holds two for each, without an allocation.
fn digits<'a>(bytes: &[u8], buffer: &'a mut [u8]) -> &'a str {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (pair, byte) in buffer.chunks_exact_mut(2).zip(bytes) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
    std::str::from_utf8(buffer).expect("hexadecimal digits are ASCII")
}

impl Serialize for EpisodeId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.serialize_str(digits(&self.to_bytes(), &mut [0; Self::DIGITS]))
        } else {
            serializer.serialize_bytes(&self.to_bytes())
        }
    }
}

impl Serialize for PatternId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.serialize_str(digits(&self.0.to_be_bytes(), &mut [0; Self::DIGITS]))
        } else {
            serializer.serialize_u64(self.0)
        }
    }
}

/// Takes the text of an id without an allocation; its field says what was expected.
struct TextVisitor<I>(&'static str, PhantomData<I>);

impl<I: FromStr<Err = MalformedId>> Visitor<'_> for TextVisitor<I> {
    type Value = I;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<I, E> {
        text.parse().map_err(E::custom)
    }
}

impl<'de> Deserialize<'de> for EpisodeId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<EpisodeId, D::Error> {
        const EPISODE_ID: &str = "an episode id: 32 hexadecimal digits, or 16 bytes";
        if deserializer.is_human_readable() {
            return deserializer.deserialize_str(TextVisitor(EPISODE_ID, PhantomData));
        }
        struct BytesVisitor;

        impl Visitor<'_> for BytesVisitor {
            type Value = EpisodeId;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(EPISODE_ID)
            }

            fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<EpisodeId, E> {
                let bytes = bytes.try_into().map_err(|_| E::invalid_length(bytes.len(), &self))?;
                Ok(EpisodeId::from_bytes(bytes))
            }
        }
        deserializer.deserialize_bytes(BytesVisitor)
    }
}

impl<'de> Deserialize<'de> for PatternId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<PatternId, D::Error> {
        if deserializer.is_human_readable() {
            deserializer.deserialize_str(TextVisitor("a pattern id: 16 hexadecimal digits", PhantomData))
        } else {
            u64::deserialize(deserializer).map(PatternId)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_back() {
        let id = EpisodeId(0x0123_4567_89ab_cdef_0011_2233_4455_6677);
        assert_eq!(id.to_string(), "0123456789abcdef0011223344556677");
        assert_eq!(id.to_string().parse::<EpisodeId>().unwrap(), id);
        assert_eq!(PatternId(0xbeef).to_string(), "000000000000beef");
        assert_eq!("000000000000beef".parse::<PatternId>().unwrap(), PatternId(0xbeef));
    }

    #[test]
    fn refuses_what_is_no_id() {
        for text in [
            "",
            "12",
            "+123456789abcdef0011223344556677",
            "0123456789abcdef00112233445566778",
            "g123456789abcdef0011223344556677",
        ] {
            assert!(text.parse::<EpisodeId>().is_err(), "{text}");
        }
        assert_eq!("x".parse::<PatternId>().unwrap_err().to_string(), "`x` is no id: 16 hexadecimal digits are");
    }

    #[test]
    fn byte_order_is_id_order() {
        assert!(EpisodeId(255).to_bytes() < EpisodeId(256).to_bytes());
        assert_eq!(EpisodeId::from_bytes(EpisodeId(7).to_bytes()), EpisodeId(7));
    }
}
