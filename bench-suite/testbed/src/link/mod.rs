//! The link: a TCP proxy that adds distance between a client and a server on this machine.
//!
//! It delays bytes by half a round trip in either direction and by the time that a line of that bandwidth takes, and a
//! new connection by its handshakes. Jitter is seeded for each connection. Order is kept, as in TCP. The link counts
//! bytes and connections, and breaks on demand: it cuts connections, refuses new ones, or stalls.
//!
//! It forwards bytes and knows no protocol. Each direction of a connection has two threads: one reads, one waits and
//! writes, as a thread sleeps to within a tenth of a millisecond and an asynchronous timer to within one. It does not
//! simulate packets, loss or congestion: a kernel with netem does that better.

mod line;
mod proxy;

pub use proxy::{Link, LinkCounts};

use std::time::Duration;

/// The distance of the other side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Distance {
    /// The time from a request to its response, without the server's time.
    pub round_trip: Duration,
    /// The most random delay added in each direction, uniformly distributed.
    pub jitter: Duration,
    /// Bytes per second in each direction; `None` for unlimited.
    pub bandwidth_bytes_per_s: Option<u64>,
    /// Round trips before the first byte of a connection: 1 for TCP, 2 with TLS 1.3 over it, 3 with TLS 1.2.
    pub handshakes: u32,
    /// The seed of the jitter.
    pub seed: u64,
}

impl Distance {
    /// The distances of the claims: the same machine, the same rack, the same country, and the connection time that the
    /// plan states.
    pub const PRESETS: [(&'static str, Distance); 4] = [
        ("0ms", Distance::milliseconds(0)),
        ("1ms", Distance::milliseconds(1)),
        ("15ms", Distance::milliseconds(15)),
        ("45ms", Distance::milliseconds(45)),
    ];

    /// A round trip in milliseconds, with TCP's handshake, without jitter or a bandwidth limit.
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
        Distance::PRESETS.iter().find(|(preset, _)| *preset == name).map(|(_, distance)| *distance)
    }
}
