//! New ids of episodes.

use parking_lot::Mutex;
use rand::rngs::SysRng;
use rand::{Rng, SeedableRng, TryRng};
use rand_pcg::Pcg64;

use crate::{EpisodeId, Error, Result};

/// A PCG generator (O'Neill 2014) of episode ids, seeded by the caller, so that a run can be repeated, or by the
/// system.
#[derive(Debug)]
pub struct IdSource {
    generator: Mutex<Option<Pcg64>>, // none until the system's seed is wanted
}

impl IdSource {
    /// The same ids in the same order on every machine. Two memories of one store must not share a seed.
    pub fn seeded(seed: u64) -> IdSource {
        IdSource { generator: Mutex::new(Some(Pcg64::seed_from_u64(seed))) }
    }

    /// Unique ids, seeded by the system's random numbers when the first one is wanted.
    pub fn from_os() -> IdSource {
        IdSource { generator: Mutex::new(None) }
    }

    /// Skips the next `ids` ids, which a reopened store has given out before, at a constant cost. Ids of the system
    /// need no such care.
    pub fn skip(&self, ids: u64) {
        if let Some(generator) = &mut *self.generator.lock() {
            generator.advance(u128::from(ids) * 2); // an id is two draws of 64 bits
        }
    }

    /// A new id. Fails only when the system has no random numbers to begin with.
    pub fn next_id(&self) -> Result<EpisodeId> {
        let mut kept = self.generator.lock();
        let generator = match &mut *kept {
            Some(generator) => generator,
            none => none.insert(seed_from_system()?),
        };
        let (high, low) = (generator.next_u64(), generator.next_u64());
        Ok(EpisodeId(u128::from(high) << 64 | u128::from(low)))
    }
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
        let ids: Vec<EpisodeId> = (0..5).map(|_| one.next_id().unwrap()).collect();
        two.skip(3);
        assert_eq!(two.next_id().unwrap(), ids[3]);
        assert_ne!(IdSource::seeded(8).next_id().unwrap(), ids[0]);
        assert_ne!(IdSource::from_os().next_id().unwrap(), IdSource::from_os().next_id().unwrap());
    }
}
