//! MessagePack by rmp-serde: typed bytes, structs as arrays without field names.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Source;

pub(super) fn encode<T: Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) -> Result<(), Source> {
    Ok(rmp_serde::encode::write(out, value)?)
}

pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Source> {
    let mut rest = bytes;
    let value = T::deserialize(&mut rmp_serde::Deserializer::new(&mut rest))?;
    if rest.is_empty() { Ok(value) } else { Err(format!("{} bytes left over", rest.len()).into()) }
}
