//! Chooses and links each side's layout for every round.
//!
//! The layouts of some rounds are linked ahead, and removed once the next rounds do not need them. Cases share layouts,
//! rounds of one case do not: two rounds in one layout would count as two where the layout decides.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use parking_lot::Mutex;

use super::relink::Relink;
use crate::progress::Progress;

/// One program, with another layout for each round.
#[derive(Clone, PartialEq, Eq)]
pub struct Layouts {
    relink: Relink,
    folder: PathBuf,
    seed: u64,
}

impl Layouts {
    /// Layouts in a separate folder, drawn from a seed.
    pub fn new(relink: Relink, folder: PathBuf, seed: u64) -> Layouts {
        Layouts { relink, folder, seed }
    }

    /// The program for a round. All paths have the same length, as the length moves a program's stack.
    pub fn path(&self, round: usize) -> PathBuf {
        self.folder.join(format!("{round:04}")).join("program")
    }

    /// The seed of a round's layout.
    fn shuffle_seed(&self, round: usize) -> u32 {
        let text = format!("{}|{round}", self.seed);
        // LLD reverses the order for a seed of -1, and has no other negative seeds.
        (memory::hash::fnv1a(text.as_bytes()) >> 33) as u32
    }
}

impl fmt::Debug for Layouts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "layouts of {}", self.folder.display())
    }
}

/// Links the layouts of the next rounds, and removes those that they don't need.
pub fn prepare(needed: &[(&Layouts, usize)]) -> Result<()> {
    let mut wanted: Vec<(PathBuf, &Layouts, u32)> =
        needed.iter().map(|(layouts, round)| (layouts.path(*round), *layouts, layouts.shuffle_seed(*round))).collect();
    wanted.sort_by(|one, other| one.0.cmp(&other.0));
    wanted.dedup_by(|one, other| one.0 == other.0);
    let mut folders: Vec<&Path> = needed.iter().map(|(layouts, _)| layouts.folder.as_path()).collect();
    folders.sort_unstable();
    folders.dedup();
    folders.into_iter().try_for_each(|folder| drop_others(folder, &wanted))?;
    wanted.retain(|(path, ..)| !path.is_file());
    if wanted.is_empty() {
        return Ok(());
    }
    let progress = Progress::start("layouts", wanted.len());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let queue = Mutex::new(wanted.into_iter());
    std::thread::scope(|scope| {
        let link = || -> Result<()> {
            loop {
                let next = queue.lock().next();
                let Some((path, layouts, seed)) = next else { return Ok(()) };
                let folder = path.parent().context("the path of a layout has a folder")?;
                fs::create_dir_all(folder).with_context(|| format!("can't create {}", folder.display()))?;
                layouts.relink.link(seed, &path)?;
                progress.done("linking");
            }
        };
        let threads: Vec<_> = (0..cores).map(|_| scope.spawn(link)).collect();
        threads.into_iter().try_for_each(|thread| thread.join().map_err(|_| anyhow!("a linking thread panicked"))?)
    })
}

/// Removes layouts from a folder that are not needed now.
fn drop_others(folder: &Path, wanted: &[(PathBuf, &Layouts, u32)]) -> Result<()> {
    let Ok(entries) = fs::read_dir(folder) else { return Ok(()) };
    for entry in entries {
        let path = entry.with_context(|| format!("can't read {}", folder.display()))?.path();
        if path.is_dir() && wanted.iter().all(|(needed, ..)| needed.parent() != Some(&path)) {
            fs::remove_dir_all(&path).with_context(|| format!("can't remove {}", path.display()))?;
        }
    }
    Ok(())
}
