//! Chooses and links each side's layout for every round.
//!
//! The layouts of some rounds are linked ahead, and removed once the next rounds do not need them. Cases share layouts,
//! rounds of one case do not: two rounds in one layout would count as two where the layout decides.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};

use super::order;
use super::relink::Relink;
use crate::cores;
use crate::progress::Progress;

/// One program, with another layout for each round.
#[derive(Clone, PartialEq, Eq)]
pub struct Layouts {
    relink: Relink,
    folder: PathBuf,
    seed: u64,
    differing: Arc<BTreeSet<u64>>,
}

impl Layouts {
    /// Layouts in a separate folder, drawn from a seed.
    pub fn new(relink: Relink, folder: PathBuf, seed: u64) -> Layouts {
        Layouts { relink, folder, seed, differing: Arc::default() }
    }

    /// The same beside those of another program: what the two programs share lies alike.
    pub fn beside(self, other: &Layouts) -> Layouts {
        let differing = Arc::new(order::differing(self.relink.functions(), other.relink.functions()));
        Layouts { differing, ..self }
    }

    /// The program for a round. All paths have the same length, as the length moves a program's stack.
    pub fn path(&self, round: usize) -> PathBuf {
        self.folder.join(format!("{round:04}")).join("program")
    }

    /// Links the program for a round.
    fn link(&self, round: usize) -> Result<()> {
        let path = self.path(round);
        let folder = path.parent().context("the path of a layout has a folder")?;
        fs::create_dir_all(folder).with_context(|| format!("can't create {}", folder.display()))?;
        let seed = memory::hash::fnv1a(format!("{}|{round}", self.seed).as_bytes());
        self.relink.link(&order::order(self.relink.functions(), &self.differing, seed), &path)
    }
}

impl fmt::Debug for Layouts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "layouts of {}", self.folder.display())
    }
}

/// Links the layouts of the next rounds, and removes those that they don't need.
pub fn prepare(needed: &[(&Layouts, usize)]) -> Result<()> {
    let mut wanted: Vec<(PathBuf, &Layouts, usize)> =
        needed.iter().map(|(layouts, round)| (layouts.path(*round), *layouts, *round)).collect();
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
    let link = |_, _, (_, layouts, round): &(PathBuf, &Layouts, usize)| layouts.link(*round);
    cores::for_each(&wanted, link, |_, linked| {
        progress.done("linking");
        linked
    })
}

/// Removes layouts from a folder that are not needed now.
fn drop_others(folder: &Path, wanted: &[(PathBuf, &Layouts, usize)]) -> Result<()> {
    let Ok(entries) = fs::read_dir(folder) else { return Ok(()) };
    for entry in entries {
        let path = entry.with_context(|| format!("can't read {}", folder.display()))?.path();
        if path.is_dir() && wanted.iter().all(|(needed, ..)| needed.parent() != Some(&path)) {
            fs::remove_dir_all(&path).with_context(|| format!("can't remove {}", path.display()))?;
        }
    }
    Ok(())
}
