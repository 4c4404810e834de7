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
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};

use crate::variant::Codec;
use crate::{BoxError, EpisodeId, Error, Head, Result, TaskContext};

/// A part of a [`Head`]: its field names are those of the head.
#[derive(Deserialize)]
struct Located {
    id: EpisodeId,
    context: TaskContext,
}

/// A head in which most is not looked at.
type LocatedInOrder = (EpisodeId, IgnoredAny, IgnoredAny, TaskContext, IgnoredAny, IgnoredAny, IgnoredAny);

/// The first fields of a head.
type LocatedFirst<'a> = (EpisodeId, &'a str, &'a str, TaskContext);

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

    /// The id and the context of an encoded [`Head`]. The rest is skipped, and may be damaged.
    pub fn decode_located(self, bytes: &[u8]) -> Result<(EpisodeId, TaskContext)> {
        let read = match self {
            Codec::Json => {
                serde_json::from_slice(bytes).map(|Located { id, context }| (id, context)).map_err(BoxError::from)
            }
            Codec::Messagepack => {
                decode_messagepack(bytes).map(|(id, _, _, context, ..): LocatedInOrder| (id, context))
            }
            Codec::Postcard => postcard::take_from_bytes(bytes)
                .map(|((id, _, _, context), _): (LocatedFirst<'_>, _)| (id, context))
                .map_err(BoxError::from),
        };
        read.map_err(|source| Error::Decode { what: noun::<Head>(), codec: self.name(), source })
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
    use crate::{Labels, PatternId, StartEpisode, Step, StepStatus};

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
    fn a_head_is_located_without_the_rest() {
        let context = TaskContext { domain: "web".to_owned(), tags: vec!["a".to_owned()], ..TaskContext::default() };
        let start = StartEpisode {
            task: "say \"context\"".to_owned(),
            task_type: "fix".to_owned(),
            context: context.clone(),
            metadata: BTreeMap::from([("context".to_owned(), "id".to_owned())]),
        };
        let mut head = Head::new(EpisodeId(7), 3, start);
        for _ in ["running", "completed"] {
            for codec in Codec::ALL {
                let mut bytes = Vec::new();
                codec.encode(&head, &mut bytes).unwrap();
                assert_eq!(codec.decode_located(&bytes).unwrap(), (EpisodeId(7), context.clone()), "{codec}");
                for length in 0..bytes.len() / 4 {
                    let error = codec.decode_located(&bytes[..length]).unwrap_err().to_string();
                    assert!(error.starts_with("a stored Head is not valid"), "{codec}: {error}");
                }
            }
            let outcome = crate::Outcome::Failure { reason: "context".to_owned() };
            let (reflection, patterns) = (crate::Reflection::default(), Vec::new());
            let reward = crate::Reward { total: 0.0, outcome: 0.0, efficiency: 0.0, precision: 0.0, recovery: 0.0 };
            head.completion = Some(crate::Completion { completed_at_ns: 1, outcome, reward, reflection, patterns });
        }
    }

    #[test]
    fn ids_come_back_and_labels_are_stored_as_a_map() {
        let ids = (EpisodeId(u128::MAX - 1), PatternId(u64::MAX));
        for (codec, count) in Codec::ALL.iter().flat_map(|codec| (0..14).map(move |count| (codec, count))) {
            let mut bytes = Vec::new();
            codec.encode(&ids, &mut bytes).unwrap();
            assert_eq!(codec.decode::<(EpisodeId, PatternId)>(&bytes).unwrap(), ids, "{codec}");

            let map: BTreeMap<String, String> =
                (0..count).map(|number| (format!("key {}", number * 7 % 14), format!("value {number}"))).collect();
            let labels = Labels::from(map.clone());
            let (mut ours, mut theirs) = (Vec::new(), Vec::new());
            codec.encode(&labels, &mut ours).unwrap();
            codec.encode(&map, &mut theirs).unwrap();
            assert_eq!((&ours, codec.decode::<Labels>(&theirs).unwrap()), (&theirs, labels), "{codec}");
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
