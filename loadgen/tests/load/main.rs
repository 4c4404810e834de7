//! The load generator as whoever starts it sees it: exit codes, messages, and measurements that add up.

#![expect(clippy::unwrap_used, reason = "a test that panics has failed, and says where")]

mod connection;
mod episodes;
mod kubernetes;
mod mcp;
mod nested;
mod presets;
mod scenario;
mod shards;
mod slices;
mod support;
