//! Runs git.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// The variables that name another repository than that of the folder. Git sets some of them for its hooks.
const OTHER_REPOSITORY: [&str; 8] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_COMMON_DIR",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_NAMESPACE",
    "GIT_PREFIX",
];

/// The output of git with these arguments in a folder: of the repository there, whatever the variables say, and of its
/// objects as they were committed, whatever `git replace` says.
pub fn git(folder: &Path, arguments: &[&str]) -> Result<String> {
    let mut command = Command::new("git");
    for name in OTHER_REPOSITORY {
        command.env_remove(name);
    }
    let output = command
        .arg("--no-replace-objects")
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .context("can't start git: a base comes from the repository; install git")?;
    if !output.status.success() {
        bail!("git {} failed: {}", arguments[0], String::from_utf8_lossy(&output.stderr).trim());
    }
    String::from_utf8(output.stdout).context("git's output is not UTF-8")
}

/// The root of the repository around a folder.
pub fn repository_of(folder: &Path) -> Result<PathBuf> {
    let root = git(folder, &["rev-parse", "--show-toplevel"])
        .with_context(|| format!("{} is in no git repository: a base comes from one", folder.display()))?;
    Ok(PathBuf::from(root.trim_end_matches('\n')).canonicalize()?)
}

/// The full commit of a revision.
pub fn resolve(repository: &Path, revision: &str) -> Result<String> {
    let spec = format!("{revision}^{{commit}}");
    let commit = git(repository, &["rev-parse", "--verify", "--quiet", "--end-of-options", &spec])
        .with_context(|| format!("there is no revision `{revision}`: give a commit, a branch or a tag"))?;
    Ok(commit.trim().to_owned())
}

/// True if one commit is an ancestor of another one, and not the same; false where the repository does not know both.
pub fn is_ancestor(repository: &Path, older: &str, newer: &str) -> bool {
    older != newer && git(repository, &["merge-base", "--is-ancestor", older, newer]).is_ok()
}

/// The first 12 letters of a commit, for messages.
pub fn short(commit: &str) -> &str {
    commit.get(..12).unwrap_or(commit)
}
