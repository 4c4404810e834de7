//! JSON by serde_json: readable, self-describing, field names in every value. The naive codec.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Source;

pub(super) fn encode<T: Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) -> Result<(), Source> {
    Ok(serde_json::to_writer(out, value)?)
}

pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Source> {
    Ok(serde_json::from_slice(bytes)?)
}
