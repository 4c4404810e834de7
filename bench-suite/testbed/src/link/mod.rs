//! The link: distance between a client and a server of this machine, made by a TCP proxy.
//!
//! What arrives is held back for half a round trip in either direction, and for as long as a line of that bandwidth
//! would take to carry it; a new connection also for its handshakes. Jitter is drawn from a seed, connection by
//! connection. Order is kept, as TCP keeps it. The link counts what it carries, and breaks on demand: it cuts
//! connections, refuses new ones, or stalls.
//!
//! It works on bytes and knows no protocol. Every direction of a connection has two threads, one that reads and one
//! that waits and writes: a thread sleeps to within a tenth of a millisecond, an asynchronous timer to within one. Left
//! out: packets, loss, and congestion; a kernel that has netem does those better.

mod line;
mod proxy;

pub use proxy::{Link, LinkCounts};

use std::time::Duration;

/// How far away the other side is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Distance {
    /// From a question to its answer, of a server that takes no time.
    pub round_trip: Duration,
    /// The most that is added at random to each way, evenly distributed.
    pub jitter: Duration,
    /// Bytes a second in each direction; `None` for a line that carries everything at once.
    pub bandwidth_bytes_per_s: Option<u64>,
    /// Round trips before the first byte of a connection: 1 for TCP, 2 with TLS 1.3 over it, 3 with TLS 1.2.
    pub handshakes: u32,
    /// The seed of the jitter.
    pub seed: u64,
}

impl Distance {
    /// The distances of the claims: the same machine, the same rack, the same country, and what the plan said
    /// connecting takes.
    pub const PRESETS: [(&'static str, Distance); 4] = [
        ("0ms", Distance::milliseconds(0)),
        ("1ms", Distance::milliseconds(1)),
        ("15ms", Distance::milliseconds(15)),
        ("45ms", Distance::milliseconds(45)),
    ];

    /// A round trip of so many milliseconds, with TCP's handshake, without jitter or an end to the bandwidth.
    pub const fn milliseconds(round_trip_ms: u64) -> Distance {
        Distance {
            round_trip: Duration::from_millis(round_trip_ms),
            jitter: Duration::ZERO,
            bandwidth_bytes_per_s: None,
            handshakes: 1,
            seed: 1,
        }
    }

    /// The preset of that name.
    pub fn preset(name: &str) -> Option<Distance> {
        Distance::PRESETS.iter().find(|(known, _)| *known == name).map(|(_, distance)| *distance)
    }
}
