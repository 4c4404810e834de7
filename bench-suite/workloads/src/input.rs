//! The input of the benchmarks: a corpus file, or episodes generated from the seed. All processes of a run use the
//! same.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use episodes::api::Script;

use corpus::generate::{EpisodeStyle, generate};

use crate::encoding;

/// The seed of a run without `--seed`.
pub const SEED: u64 = 20_260_122;

/// Episodes to work on, and the seed of everything random.
#[derive(Debug, Clone)]
pub struct Input {
    /// The seed of everything random.
    pub seed: u64,
    /// Whole episodes: at least one, each with at least one step.
    pub scripts: Vec<Script>,
    /// The name in the environment of a run: `generated`, or the file's name and checksum.
    pub name: String,
}

impl Input {
    /// The name and a checksum of the seed and all episodes, in a stated encoding: equal checksums mean equal work.
    pub fn checksum(&self) -> String {
        let text = encoding::text(self.seed, &self.scripts);
        format!("{}#{:016x}", self.name, memory::hash::fnv1a(text.as_bytes()))
    }
}

/// The source of the input, as it is passed to a child process.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Source {
    /// The seed of everything random; the default is [`SEED`].
    pub seed: Option<u64>,
    /// A corpus file; by default, episodes are generated.
    pub corpus: Option<PathBuf>,
}

/// The variables that pass the input and the toggles to measuring processes. Under valgrind a child sees only these.
pub const VARIABLES: [&str; 3] = ["ASSAY_SEED", "ASSAY_CORPUS", "ASSAY_SET"];

impl Source {
    /// The source that this process's environment names.
    pub fn from_environment() -> Result<Source> {
        let seed = match std::env::var("ASSAY_SEED") {
            Ok(seed) => Some(seed.parse().with_context(|| format!("ASSAY_SEED is `{seed}`, not a number"))?),
            Err(_) => None,
        };
        Ok(Source { seed, corpus: std::env::var_os("ASSAY_CORPUS").map(PathBuf::from) })
    }

    /// The variables that pass this source to a child process.
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        let seed = self.seed.map(|seed| ("ASSAY_SEED", seed.to_string()));
        let corpus = self.corpus.as_ref().map(|path| ("ASSAY_CORPUS", path.display().to_string()));
        seed.into_iter().chain(corpus).collect()
    }

    /// Reads or generates `episodes` episodes, or all if the corpus has fewer.
    pub fn load(&self, episodes: usize) -> Result<Input> {
        let seed = self.seed.unwrap_or(SEED);
        let Some(path) = &self.corpus else {
            let scripts = generate(seed, episodes, EpisodeStyle::SweAgent);
            return Ok(Input { seed, scripts, name: "generated".to_owned() });
        };
        let mut scripts = episodes::corpus::read(path)?.scripts;
        scripts.retain(|script| !script.steps.is_empty());
        if scripts.is_empty() {
            bail!("{} has no episode with a step: import one that has", path.display());
        }
        scripts.truncate(episodes);
        Ok(Input { seed, scripts, name: checksum_name(path)? })
    }
}

/// The toggles that the parent process set: `ASSAY_SET=codec=postcard,pool=none`.
pub fn set_from_environment() -> Vec<String> {
    let set = std::env::var("ASSAY_SET").unwrap_or_default();
    set.split(',').filter(|pair| !pair.is_empty()).map(str::to_owned).collect()
}

fn checksum_name(path: &Path) -> Result<String> {
    let bytes = std::fs::read(path).with_context(|| format!("can't read {}", path.display()))?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    Ok(format!("{name}#{:016x}", memory::hash::fnv1a(&bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_baselines_know_the_generated_episodes() {
        let checksum = |episodes| Source::default().load(episodes).expect("generated").checksum();
        let stored = ["generated#54f6b17175d8e5e1", "generated#4c52d8ec592fd9e2", "generated#d482c2619f3a5623"];
        assert_eq!([8, 24, 64].map(checksum), stored);
    }
}
