//! Computes when the bytes of one direction of a connection arrive. It reads no clock, so its tests need no waiting.

use std::time::Duration;

use rand::Rng;
use rand_pcg::Pcg64;

use super::Distance;

/// One direction of one connection. Times count from the start of the connection.
#[derive(Debug)]
pub(super) struct Line {
    way: Duration,
    jitter: Duration,
    bandwidth_bytes_per_s: Option<u64>,
    random: Pcg64,
    free_at: Duration, // when it has sent everything so far
    last_due: Duration,
}

impl Line {
    /// The line with that number, which seeds its jitter.
    pub(super) fn new(distance: &Distance, number: u64) -> Line {
        Line {
            way: distance.round_trip / 2,
            jitter: distance.jitter,
            bandwidth_bytes_per_s: distance.bandwidth_bytes_per_s,
            random: Pcg64::new(u128::from(distance.seed), u128::from(number)),
            free_at: distance.round_trip * distance.handshakes,
            last_due: Duration::ZERO,
        }
    }

    /// Sets the distance for the bytes from now on. Order is kept: they do not overtake what is on its way.
    pub(super) fn move_to(&mut self, distance: &Distance) {
        self.way = distance.round_trip / 2;
        self.jitter = distance.jitter;
        self.bandwidth_bytes_per_s = distance.bandwidth_bytes_per_s;
    }

    /// The time at which all of these bytes, given to the line at `now`, have arrived.
    pub(super) fn due(&mut self, now: Duration, bytes: usize) -> Duration {
        let carrying = self.bandwidth_bytes_per_s.map_or(Duration::ZERO, |bandwidth| {
            Duration::from_nanos((bytes as u128 * 1_000_000_000 / u128::from(bandwidth.max(1))) as u64)
        });
        self.free_at = self.free_at.max(now) + carrying;
        let jitter_ns = u64::try_from(self.jitter.as_nanos()).unwrap_or(u64::MAX);
        let delay_ns = if jitter_ns == 0 { 0 } else { self.random.next_u64() % jitter_ns };
        self.last_due = (self.free_at + self.way + Duration::from_nanos(delay_ns)).max(self.last_due);
        self.last_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn the_first_byte_waits_for_the_handshake_and_the_next_ones_for_half_a_round_trip() {
        let mut line = Line::new(&Distance { handshakes: 2, ..Distance::milliseconds(10) }, 0);
        assert_eq!(line.due(Duration::ZERO, 100), 25 * MS);
        assert_eq!(line.due(40 * MS, 100), 45 * MS);
        assert_eq!(Line::new(&Distance::milliseconds(0), 0).due(7 * MS, 1 << 30), 7 * MS, "no distance, no delay");
    }

    #[test]
    fn a_line_that_is_moved_keeps_the_order() {
        let mut line = Line::new(&Distance { handshakes: 0, ..Distance::milliseconds(10) }, 0);
        assert_eq!(line.due(Duration::ZERO, 100), 5 * MS);
        line.move_to(&Distance::milliseconds(2));
        assert_eq!(line.due(MS, 100), 5 * MS, "what was sent before is not overtaken");
        assert_eq!(line.due(7 * MS, 100), 8 * MS);
    }

    #[test]
    fn a_narrow_line_carries_one_after_the_other() {
        let distance = Distance { bandwidth_bytes_per_s: Some(1_000_000), ..Distance::milliseconds(0) };
        let mut line = Line::new(&distance, 0);
        assert_eq!(line.due(Duration::ZERO, 5_000), 5 * MS);
        assert_eq!(line.due(MS, 5_000), 10 * MS, "it was busy");
        assert_eq!(line.due(20 * MS, 5_000), 25 * MS, "it was free");
    }

    #[test]
    fn jitter_is_seeded_bounded_and_keeps_the_order() {
        let distance = Distance { jitter: 4 * MS, ..Distance::milliseconds(10) };
        let dues = |number: u64| {
            let mut line = Line::new(&Distance { handshakes: 0, ..distance }, number);
            (0..200u32).map(|at| line.due(at * MS, 1)).collect::<Vec<_>>()
        };
        assert_eq!(dues(3), dues(3));
        assert_ne!(dues(3), dues(4), "each line has its own");
        let all = dues(3);
        assert!(all.windows(2).all(|pair| pair[0] <= pair[1]));
        let late: Vec<Duration> = all.iter().zip(0u32..).map(|(due, at)| *due - (at * MS)).collect();
        assert!(late.iter().all(|late| (5 * MS..9 * MS).contains(late)), "{late:?}");
        assert!(late.iter().any(|late| *late > 7 * MS));
    }
}
