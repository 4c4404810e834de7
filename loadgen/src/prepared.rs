//! A load that is ready to be played: its workload, its mix, and the hash that says if two runs sent the same.

use std::hash::Hasher;

use fnv::FnvHasher;

use crate::arrivals::mix::Mix;
use crate::arrivals::schedule::Pace;
use crate::send::http::HttpClient;

/// A workload that was read, with its name.
pub struct PreparedLoad<W> {
    pub name: String,
    /// A hash of everything that decides what is sent when.
    pub plan: String,
    pub workload: W,
    pub mix: Mix,
    /// A memory-server, which tells its own numbers.
    pub memory: Option<HttpClient>,
}

/// A hash of the pace and of the bytes of the workload. The shard is no part of it.
pub fn plan(pace: &Pace, bytes: &[u8], more: &str) -> String {
    let mut hasher = FnvHasher::default();
    hasher.write(format!("{pace:?} {more}\n").as_bytes());
    hasher.write(bytes);
    format!("{:016x}", hasher.finish())
}
