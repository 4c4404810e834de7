//! The lock file of a checkout, in line with what its manifests ask for before anything is built.
//!
//! A library may not commit its lock file. Then it is that of another revision, which may have asked for another
//! criterion: cargo would choose a new one while it builds, for which there is no stand-in yet.

use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};

use super::metadata::Metadata;
use super::{cargo, toolchain};

/// Has cargo write the lock file for a manifest in `tree`, or change one as little as it must.
pub fn bring_up_to_date(tree: &Path, manifest: &Path) -> Result<()> {
    let manifest = tree.join(manifest);
    let is_there = Metadata::read(&manifest)?.workspace_root.join("Cargo.lock").is_file();
    let mut command = cargo::cargo();
    toolchain::choose(&mut command, tree);
    command.args(if is_there { &["update", "--workspace"][..] } else { &["generate-lockfile"] });
    command.args(["--quiet", "--manifest-path"]).arg(&manifest).current_dir(tree);
    if is_there {
        command.env("CARGO_NET_RETRY", "0").stderr(Stdio::null());
    }
    let status = command.status().context("can't start cargo")?;
    // Without the network, one that is up to date is enough.
    ensure!(
        is_there || status.success(),
        "cargo can't choose the versions of what {} asks for: see above",
        manifest.display()
    );
    Ok(())
}
