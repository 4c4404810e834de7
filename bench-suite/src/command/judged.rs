//! What a session came to: printed, published, and kept beside its run.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use baselines::exit::Exit;
use baselines::gate::Judgement;
use reports::Format;
use serde::{Deserialize, Serialize};

use super::run::Measured;
use super::runs;

/// A judged session.
pub struct Judged {
    /// The run and its file.
    pub measured: Measured,
    /// What it means.
    pub judgement: Judgement,
    /// Sentences on the controls.
    pub notes: Vec<String>,
}

/// Prints and publishes a judged session, and ends with what it means.
///
/// # Errors
/// A file can't be written.
pub fn publish(judged: Judged, against: &str, format: Option<Format>) -> Result<Exit> {
    let Judged { measured: Measured { path, run }, judgement, notes } = judged;
    let exit = judgement.outcome.exit();
    let kept = Kept { against: against.to_owned(), judgement, notes };
    let text = serde_json::to_vec_pretty(&kept).context("a judgement has string keys")?;
    baselines::atomic::write(&kept_path(&path), &text)?;
    let mut report = runs::report(&path, run)?;
    kept.tell(&mut report);
    let page = super::report::publish(&report, &path)?;
    print!("{}", reports::render(&report, format.unwrap_or(Format::Text))?);
    if format.is_none() {
        println!("\nrun:    {}\nreport: {}", path.display(), page.display());
    } else {
        eprintln!("report: {}", page.display());
    }
    Ok(exit)
}

/// What a session came to, as it is kept beside its run: the base's counts are in another file.
#[derive(Serialize, Deserialize)]
pub struct Kept {
    against: String,
    judgement: Judgement,
    notes: Vec<String>,
}

impl Kept {
    /// What was kept of a run; nothing where it was not judged when it was measured.
    ///
    /// # Errors
    /// The file is damaged.
    pub fn of(run: &Path) -> Result<Option<Kept>> {
        let path = kept_path(run);
        match std::fs::read(&path) {
            Ok(text) => {
                let kept =
                    serde_json::from_slice(&text).with_context(|| format!("{}: no judgement", path.display()))?;
                Ok(Some(kept))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("can't read {}", path.display())),
        }
    }

    /// Puts it into a report.
    pub fn tell(self, report: &mut reports::Report) {
        report.judgement = Some(self.judgement);
        report.against = Some(self.against);
        report.notes.extend(self.notes);
    }
}

fn kept_path(run: &Path) -> PathBuf {
    run.with_extension("judgement.json")
}
