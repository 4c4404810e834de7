//! Codecs, from values to bytes in a buffer and back: the `codec` toggle.
//!
//! - `json` (serde_json): readable, self-describing, field names in every value. The naive codec.
//! - `messagepack` (rmp-serde): typed bytes, structs as arrays without field names.
//! - `postcard`: no field names and no types, integers of variable length. The smallest codec and the least forgiving:
//!   the order of fields is the format.
//!
//! The envelope ([`crate::encoding`]) says which codec wrote a value.

use std::any::type_name;

use postcard::ser_flavors::Flavor;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::variant::Codec;
use crate::{BoxError, Error, Result};

impl Codec {
    /// Appends the encoded value to `out`. After an [`Error::Encode`] `out` may hold a part of it.
    pub fn encode<T: Serialize + ?Sized>(self, value: &T, out: &mut Vec<u8>) -> Result<()> {
        let written = match self {
            Codec::Json => serde_json::to_writer(out, value).map_err(BoxError::from),
            Codec::Messagepack => rmp_serde::encode::write(out, value).map_err(BoxError::from),
            Codec::Postcard => postcard::serialize_with_flavor(value, Append(out)).map_err(BoxError::from),
        };
        written.map_err(|source| Error::Encode { what: noun::<T>(), codec: self.name(), source })
    }

    /// Decodes a value. Bytes left over are an [`Error::Decode`], too.
    pub fn decode<T: DeserializeOwned>(self, bytes: &[u8]) -> Result<T> {
        let read = match self {
            Codec::Json => serde_json::from_slice(bytes).map_err(BoxError::from),
            Codec::Messagepack => decode_messagepack(bytes),
            Codec::Postcard => decode_postcard(bytes),
        };
        read.map_err(|source| Error::Decode { what: noun::<T>(), codec: self.name(), source })
    }
}

fn decode_messagepack<T: DeserializeOwned>(bytes: &[u8]) -> std::result::Result<T, BoxError> {
    let mut rest = bytes;
    let value = T::deserialize(&mut rmp_serde::Deserializer::new(&mut rest))?;
    all_read(value, rest)
}

fn decode_postcard<T: DeserializeOwned>(bytes: &[u8]) -> std::result::Result<T, BoxError> {
    let (value, rest) = postcard::take_from_bytes(bytes)?;
    all_read(value, rest)
}

/// The value, if nothing follows it.
fn all_read<T>(value: T, rest: &[u8]) -> std::result::Result<T, BoxError> {
    if rest.is_empty() { Ok(value) } else { Err(format!("{} bytes left over", rest.len()).into()) }
}

/// Appends what postcard writes to the caller's vector; its own flavours make a new one or push byte by byte.
struct Append<'a>(&'a mut Vec<u8>);

impl Flavor for Append<'_> {
    type Output = ();

    #[inline]
    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.0.push(byte);
        Ok(())
    }

    #[inline]
    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}

/// The last part of a type's path, as error messages name it.
fn noun<T: ?Sized>() -> &'static str {
    let path = type_name::<T>();
    path.rsplit("::").next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{Head, Step, StepStatus};

    fn step() -> Step {
        Step {
            number: 3,
            at_ns: u64::MAX,
            tool: "shell".to_owned(),
            action: "run \"tests\"\n\u{1f980}".to_owned(),
            parameters: BTreeMap::from([("command".to_owned(), String::new()), ("cwd".to_owned(), "/tmp".to_owned())]),
            observation: "ok\0\u{7f}".to_owned(),
            status: StepStatus::Error,
            latency_ns: 0,
            tokens: Some(17),
        }
    }

    #[test]
    fn values_come_back_and_follow_what_is_there() {
        for codec in Codec::ALL {
            let mut bytes = b"before".to_vec();
            codec.encode(&step(), &mut bytes).unwrap();
            assert!(bytes.starts_with(b"before"));
            assert_eq!(codec.decode::<Step>(&bytes[6..]).unwrap(), step(), "{codec}");
        }
    }

    #[test]
    fn truncated_values_and_bytes_left_over_are_errors() {
        for codec in Codec::ALL {
            let mut bytes = Vec::new();
            codec.encode(&step(), &mut bytes).unwrap();
            for length in 0..bytes.len() {
                assert!(codec.decode::<Step>(&bytes[..length]).is_err(), "{codec}: {length} bytes");
            }
            bytes.push(0);
            let error = codec.decode::<Step>(&bytes).unwrap_err();
            assert!(error.to_string().starts_with(&format!("a stored Step is not valid {codec}")), "{error}");
        }
    }

    #[test]
    fn another_type_is_an_error() {
        for codec in Codec::ALL {
            let mut bytes = Vec::new();
            codec.encode(&step(), &mut bytes).unwrap();
            assert!(codec.decode::<Head>(&bytes).is_err(), "{codec}");
        }
    }
}
