//! Brings what a partial clone (`git clone --filter=blob:none`) has left at its remote.
//!
//! Git fetches what is missing when it is read, but only in the clone itself, which knows the remote and may use it.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::git::git;

/// Makes sure that a repository has all files of a commit, and that `tree`, a clone of it, finds them there. Does
/// nothing in a complete clone.
pub fn complete(repository: &Path, tree: &Path, commit: &str) -> Result<()> {
    if git(repository, &["config", "--get-regexp", r"^remote\..*\.promisor$"]).is_err() {
        return Ok(());
    }
    let objects = git(repository, &["rev-parse", "--git-path", "objects"])?;
    let objects = repository.join(objects.trim_end_matches('\n'));
    let shared = tree.join(".git/objects/info/alternates");
    fs::write(&shared, format!("{}\n", objects.display()))
        .with_context(|| format!("can't write {}", shared.display()))?;
    // Git asks for all files that this counts the lines of at once.
    let nothing = git(repository, &["hash-object", "-t", "tree", "/dev/null"])?;
    git(repository, &["diff", "--shortstat", "--no-renames", nothing.trim(), commit])
        .context("this is a partial clone, and its remote did not give the files that it lacks")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clone_of_a_partial_clone_has_the_files_of_each_commit() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        let run = |at: &Path, arguments: &[&str]| git(at, arguments).expect("git works");
        let name = |path: &Path| path.to_str().expect("UTF-8").to_owned();
        let (origin, partial, tree) = (path("origin"), path("partial"), path("tree"));
        run(folder.path(), &["init", "--quiet", &name(&origin)]);
        for (key, value) in [
            ("user.name", "a"),
            ("user.email", "a@b"),
            ("uploadpack.allowFilter", "1"),
            ("uploadpack.allowAnySHA1InWant", "1"),
        ] {
            run(&origin, &["config", key, value]);
        }
        for text in ["old", "new"] {
            fs::write(origin.join("file"), text).expect("written");
            run(&origin, &["add", "."]);
            run(&origin, &["commit", "--quiet", "-m", text]);
        }
        let url = format!("file://{}", name(&origin));
        run(folder.path(), &["clone", "--quiet", "--filter=blob:none", &url, &name(&partial)]);
        run(folder.path(), &["clone", "--quiet", "--no-checkout", "--local", &name(&partial), &name(&tree)]);
        for (revision, text) in [("HEAD", "new"), ("HEAD~1", "old")] {
            let commit = run(&partial, &["rev-parse", revision]).trim().to_owned();
            complete(&partial, &tree, &commit).expect("complete");
            run(&tree, &["checkout", "--quiet", "--force", "--detach", &commit]);
            assert_eq!(fs::read_to_string(tree.join("file")).expect("there"), text);
        }
        // A complete clone shares nothing.
        let own = path("own");
        run(folder.path(), &["clone", "--quiet", &name(&origin), &name(&own)]);
        complete(&origin, &own, "HEAD").expect("complete");
        assert!(!own.join(".git/objects/info/alternates").exists());
    }
}
