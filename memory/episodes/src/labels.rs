//! Keys and values of an episode, in as little memory as they need.
//!
//! A map in a tree has room for 11 entries, also where it has one: half a kilobyte. These are a sorted list instead,
//! which does not change any more.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Values by their keys, in the order of the keys. Encoded as a map.
///
/// ```
/// use std::collections::BTreeMap;
///
/// use episodes::Labels;
///
/// let labels = Labels::from(BTreeMap::from([("team".to_owned(), "core".to_owned())]));
/// assert_eq!((labels.get("team"), labels.get("agent")), (Some("core"), None));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Labels(Box<[(Box<str>, Box<str>)]>);

impl Labels {
    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&str> {
        let place = self.0.binary_search_by(|(known, _)| (**known).cmp(key)).ok()?;
        Some(&self.0[place].1)
    }

    /// All keys with their values.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (&**key, &**value))
    }

    /// There are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<BTreeMap<String, String>> for Labels {
    fn from(map: BTreeMap<String, String>) -> Labels {
        Labels(map.into_iter().map(|(key, value)| (key.into(), value.into())).collect())
    }
}

impl Serialize for Labels {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for Labels {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Labels, D::Error> {
        BTreeMap::deserialize(deserializer).map(|map: BTreeMap<String, String>| map.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_found_as_those_of_a_map() {
        for count in 0..14 {
            let map: BTreeMap<String, String> =
                (0..count).map(|number| (format!("key {}", number * 7 % 14), format!("value {number}"))).collect();
            let labels = Labels::from(map.clone());
            assert!(labels.iter().eq(map.iter().map(|(key, value)| (key.as_str(), value.as_str()))));
            assert_eq!(labels.is_empty(), map.is_empty());
            for key in (0..20).map(|number| format!("key {number}")) {
                assert_eq!(labels.get(&key), map.get(&key).map(String::as_str), "{key} of {count}");
            }
        }
    }
}
