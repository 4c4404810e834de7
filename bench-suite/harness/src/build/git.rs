//! Runs git.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result, ensure};

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
    text(arguments[0], output(folder, arguments)?)
}

fn output(folder: &Path, arguments: &[&str]) -> Result<Output> {
    let mut command = Command::new("git");
    for name in OTHER_REPOSITORY {
        command.env_remove(name);
    }
    command
        .arg("--no-replace-objects")
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .context("can't start git: a base comes from the repository; install git")
}

/// What git printed for a command, if it did not fail.
fn text(command: &str, output: Output) -> Result<String> {
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "git {command} failed: {}", said.trim());
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
    let output = output(repository, &["rev-parse", "--verify", "--quiet", "--end-of-options", &spec])?;
    let missing = format!("there is no revision `{revision}` in this repository: give a commit, a branch or a tag");
    // With `--quiet`, git says nothing of a name that it does not know.
    ensure!(output.status.success() || !output.stderr.is_empty(), "{missing}");
    Ok(text("rev-parse", output).context(missing)?.trim().to_owned())
}

/// True if one commit is an ancestor of another one, and not the same; false where the repository does not know both.
pub fn is_ancestor(repository: &Path, older: &str, newer: &str) -> bool {
    older != newer && git(repository, &["merge-base", "--is-ancestor", older, newer]).is_ok()
}

/// The first 12 letters of a commit, for messages.
pub fn short(commit: &str) -> &str {
    commit.get(..12).unwrap_or(commit)
}
