//! Counts of other tools as baselines. They have no environment that could name a file, so what is kept together, and
//! replaced together, is what one bench of one package counted.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use baselines::{Measurement, Metric, Result, Run, baseline};

use super::gungraun;

/// The exact counts of a run by bench. Sampled values are in none of the parts.
#[derive(Debug)]
pub struct Parts(BTreeMap<String, Run>);

impl Parts {
    /// Divides a run. Every part has its header, and what was skipped or can't be believed in it.
    pub fn of(run: &Run) -> Parts {
        let mut parts: BTreeMap<String, Run> = BTreeMap::new();
        for measurement in run.measurements.iter().filter(|measurement| Metric::is_exact(&measurement.metric)) {
            let part = parts.entry(bench(measurement)).or_insert_with(|| Run { measurements: vec![], ..run.clone() });
            part.measurements.push(measurement.clone());
        }
        Parts(parts)
    }

    /// The benches.
    pub fn names(&self) -> Vec<&str> {
        self.0.keys().map(String::as_str).collect()
    }

    /// The parts, each with the file of its baseline in a folder.
    pub fn files(&self, folder: &Path) -> Vec<(PathBuf, &Run)> {
        self.0.iter().map(|(bench, part)| (folder.join(file_name(bench)), part)).collect()
    }
}

/// What was accepted of the benches of a run.
#[derive(Debug)]
pub struct StoredCounts {
    /// All of it, as one run.
    pub base: Run,
    /// The files.
    pub files: Vec<PathBuf>,
    /// Benches with a baseline that the run has nothing of.
    pub others: Vec<String>,
}

impl StoredCounts {
    /// Looks for the baselines of a run's benches; none where there is no baseline of any.
    pub fn find(folder: &Path, run: &Run) -> Result<Option<StoredCounts>> {
        let benches: BTreeSet<String> =
            run.measurements.iter().filter(|of| Metric::is_exact(&of.metric)).map(bench).collect();
        let (mut base, mut files, mut others) = (None::<Run>, Vec::new(), BTreeSet::new());
        for (path, mut stored) in baseline::list(folder)?.into_iter().filter(|(_, run)| run.header.is_foreign()) {
            others.extend(stored.measurements.iter().map(bench).filter(|bench| !benches.contains(bench)));
            stored.measurements.retain(|measurement| benches.contains(&bench(measurement)));
            if stored.measurements.is_empty() {
                continue;
            }
            files.push(path);
            match &mut base {
                Some(base) => base.measurements.append(&mut stored.measurements),
                None => base = Some(stored),
            }
        }
        Ok(base.map(|base| StoredCounts { base, files, others: others.into_iter().collect() }))
    }
}

fn bench(measurement: &Measurement) -> String {
    gungraun::bench(&measurement.case.benchmark, &measurement.case.variant)
}

/// A name that no other bench has, on any file system that tells cases apart.
fn file_name(bench: &str) -> String {
    let letter = |letter: char| match letter {
        '/' => "+".to_owned(),
        letter if letter.is_ascii_alphanumeric() || "._-".contains(letter) => letter.to_string(),
        other => format!("~{:x}~", u32::from(other)),
    };
    format!("gungraun+{}.jsonl", bench.chars().map(letter).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn benches_have_files_of_their_own() {
        let names = ["a", "a/b", "a+b", "a~b", "a b", "crates/a%2Cb/x"].map(file_name);
        assert_eq!(names[1], "gungraun+a+b.jsonl");
        assert_eq!(BTreeSet::from(names.clone()).len(), names.len());
    }
}
