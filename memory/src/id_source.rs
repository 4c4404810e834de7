//! New ids of episodes: UUIDs of version 7 (RFC 9562, section 5.7).
//!
//! They begin with the time, so that a store adds rows at the end of its tables, where random ids would touch another
//! page each: its file is half as large, and an episode costs the same however many there are. After 48 bits of
//! milliseconds and the version come a counter of 41 bits (RFC 9562, section 6.2, method 1) and 32 random ones.

use parking_lot::Mutex;
use rand::rngs::SysRng;
use rand::{Rng, SeedableRng, TryRng};
use rand_pcg::Pcg64;

use crate::{EpisodeId, Error, Result};

/// Bits of the counter. The field has one more, which is 0 at first, so that counting never overflows into it.
const COUNTER: u32 = 41;

/// Bits of the random end.
const RANDOM: u32 = 32;

/// A source of episode ids: the counter starts at random, and each id has a random end. A PCG generator (O'Neill 2014)
/// draws both, seeded by the caller, so that a run can be repeated, or by the system.
#[derive(Debug)]
pub struct IdSource {
    state: Mutex<Option<State>>, // none until the system's seed is wanted
}

#[derive(Debug)]
struct State {
    generator: Pcg64,
    counter: u64,
}

impl State {
    fn new(mut generator: Pcg64) -> State {
        let counter = generator.next_u64() >> (64 - COUNTER);
        State { generator, counter }
    }
}

impl IdSource {
    /// The same ids in the same order on every machine, where the clock is the same. Two memories of one store must not
    /// share a seed.
    pub fn seeded(seed: u64) -> IdSource {
        IdSource { state: Mutex::new(Some(State::new(Pcg64::seed_from_u64(seed)))) }
    }

    /// Unique ids, seeded by the system's random numbers when the first one is wanted.
    pub fn from_os() -> IdSource {
        IdSource { state: Mutex::new(None) }
    }

    /// Skips the next `ids` ids, which a reopened store has given out before, at a constant cost. Ids of the system
    /// need no such care.
    pub fn skip(&self, ids: u64) {
        if let Some(state) = &mut *self.state.lock() {
            state.generator.advance(u128::from(ids)); // an id is one draw
            state.counter += ids;
        }
    }

    /// A new id at this time, in nanoseconds since 1970. Fails only when the system has no random numbers to begin
    /// with.
    pub fn next_id(&self, now_ns: u64) -> Result<EpisodeId> {
        let mut kept = self.state.lock();
        let state = match &mut *kept {
            Some(state) => state,
            none => none.insert(State::new(seed_from_system()?)),
        };
        let random = state.generator.next_u64() >> (64 - RANDOM);
        state.counter += 1;
        Ok(uuid(now_ns / 1_000_000, state.counter, random))
    }
}

/// A UUID of version 7: milliseconds, version, 12 bits of the counter, variant, the other 30, and the random end.
fn uuid(milliseconds: u64, counter: u64, random: u64) -> EpisodeId {
    let counter = counter & ((1 << (COUNTER + 1)) - 1);
    let high = milliseconds << 16 | 0x7 << 12 | counter >> 30;
    let low = 0b10 << 62 | (counter & ((1 << 30) - 1)) << RANDOM | random;
    EpisodeId(u128::from(high) << 64 | u128::from(low))
}

fn seed_from_system() -> Result<Pcg64> {
    let mut seed = <Pcg64 as SeedableRng>::Seed::default();
    let filled = SysRng.try_fill_bytes(&mut seed).map_err(std::io::Error::other);
    filled.map_err(Error::io("the system's random numbers".as_ref(), "reading"))?;
    Ok(Pcg64::from_seed(seed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_and_skips() {
        let (one, two) = (IdSource::seeded(7), IdSource::seeded(7));
        let ids: Vec<EpisodeId> = (0..5).map(|_| one.next_id(0).unwrap()).collect();
        two.skip(3);
        assert_eq!(two.next_id(0).unwrap(), ids[3]);
        assert_ne!(IdSource::seeded(8).next_id(0).unwrap(), ids[0]);
        assert_ne!(IdSource::from_os().next_id(0).unwrap(), IdSource::from_os().next_id(0).unwrap());
    }

    #[test]
    fn ids_grow_with_the_time_and_within_a_millisecond() {
        for source in [IdSource::seeded(1), IdSource::from_os()] {
            let times = [5_000_000, 5_000_000, 5_999_999, 6_000_000, 1_700_000_000_000_000_000];
            let ids: Vec<EpisodeId> = times.map(|time| source.next_id(time).unwrap()).into();
            assert!(ids.is_sorted() && ids.windows(2).all(|pair| pair[0] != pair[1]), "{ids:?}");
        }
    }

    #[test]
    fn fields_are_where_the_rfc_has_them() {
        // The example of RFC 9562, appendix A.6: its rand_a is 0xCC3 and its rand_b 0x18C4DC0C0C07398F.
        let counter = 0xCC3 << 30 | (0x18C4_DC0C_0C07_398F_u64 & !(0b11 << 62)) >> 32;
        assert_eq!(uuid(0x017F_22E2_79B0, counter, 0x0C07_398F).to_string(), "017f22e279b07cc398c4dc0c0c07398f");
    }
}
