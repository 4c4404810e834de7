//! The revision that a change is compared with: where the change began.
//!
//! A branch that is compared with the tip of `main` would be blamed for later commits of `main`, so the base is the
//! merge base of HEAD and the named revision. CI checks out the merge of a pull request, whose first parent is what it
//! would be merged into; its merge base is that parent. Where the history is cut off before the merge base, that parent
//! is taken if it is there, and everything else is refused with the remedy.

use std::path::Path;

use anyhow::{Result, bail, ensure};
use baselines::environment;

use super::git::{git, resolve, short};

/// A base, and how it was chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    /// The commit.
    pub commit: String,
    /// As in `base 1f0c8a3b4d5e (merge base of HEAD and main)`.
    pub said: String,
}

impl Base {
    /// True if the base is the commit of HEAD and the tree has no changes: nothing can be worse than itself.
    pub fn is_this_tree(&self, repository: &Path) -> Result<bool> {
        Ok(self.commit == resolve(repository, "HEAD")? && !environment::is_dirty(repository))
    }
}

/// The base of HEAD for a revision: their merge base, or with `exactly` the revision itself.
pub fn choose(repository: &Path, revision: &str, exactly: bool) -> Result<Base> {
    let base =
        |commit: &str, why: &str| Base { commit: commit.to_owned(), said: format!("base {} ({why})", short(commit)) };
    let named = resolve(repository, revision);
    if exactly {
        return Ok(base(&named?, revision));
    }
    if let Ok(named) = &named
        && let Ok(found) = git(repository, &["merge-base", "HEAD", named])
    {
        let found = found.trim();
        let why = if found == named { revision.to_owned() } else { format!("merge base of HEAD and {revision}") };
        return Ok(base(found, &why));
    }
    if let Some(merge) = pull_request_merge(repository)?
        && let Ok(parent) = resolve(repository, "HEAD^1")
    {
        return Ok(base(&parent, &format!("first parent of {merge}")));
    }
    let shallow = git(repository, &["rev-parse", "--is-shallow-repository"])?.trim() == "true";
    ensure!(
        !shallow,
        "this clone is shallow, and the merge base of HEAD and `{revision}` is not in it: `git fetch --unshallow` \
            (with actions/checkout: `fetch-depth: 0`)"
    );
    named?;
    bail!("HEAD and `{revision}` share no history: `--exact-base` compares with {revision} itself")
}

/// The reference of a pull request's merge that is checked out, as in `pull/12/merge`.
fn pull_request_merge(repository: &Path) -> Result<Option<String>> {
    let format = "--format=%(refname)";
    let listed = git(repository, &["for-each-ref", "--points-at=HEAD", format, "refs/remotes/pull", "refs/pull"])?;
    let merge = |name: &str| {
        let name = name.strip_prefix("refs/remotes/").or_else(|| name.strip_prefix("refs/"))?;
        name.ends_with("/merge").then(|| name.to_owned())
    };
    Ok(listed.lines().find_map(merge))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use tempfile::TempDir;

    use super::*;

    fn run(folder: &Path, arguments: &[&str]) -> String {
        let who = ["-c", "user.name=test", "-c", "user.email=test@localhost", "-c", "protocol.file.allow=always"];
        git(folder, &[&who[..], arguments].concat()).expect("git works").trim().to_owned()
    }

    fn commit(folder: &Path, file: &str) -> String {
        std::fs::write(folder.join(file), file).expect("written");
        run(folder, &["add", "."]);
        run(folder, &["commit", "--quiet", "-m", file]);
        run(folder, &["rev-parse", "HEAD"])
    }

    /// A repository with a branch `topic` of two commits, which is checked out, and a `main` that went on; with the
    /// commits where they parted and at the tip of `main`.
    fn forked() -> (TempDir, String, String) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path();
        run(path, &["init", "--quiet", "--initial-branch=main"]);
        commit(path, "first");
        let parted = commit(path, "second");
        run(path, &["checkout", "--quiet", "-b", "topic"]);
        commit(path, "a change");
        commit(path, "another");
        run(path, &["checkout", "--quiet", "main"]);
        let tip = commit(path, "main went on");
        run(path, &["checkout", "--quiet", "topic"]);
        (folder, parted, tip)
    }

    /// A clone of so many commits of a repository, as CI makes it of the merge of a pull request.
    fn ci_clone(from: &Path, depth: &str) -> (TempDir, PathBuf) {
        let folder = tempfile::tempdir().expect("a folder");
        let clone = folder.path().join("clone");
        std::fs::create_dir(&clone).expect("made");
        run(&clone, &["init", "--quiet"]);
        let url = format!("file://{}", from.display());
        let fetched = "+refs/pull/7/merge:refs/remotes/pull/7/merge";
        run(&clone, &["fetch", "--quiet", "--depth", depth, &url, fetched]);
        run(&clone, &["checkout", "--quiet", "--detach", "refs/remotes/pull/7/merge"]);
        (folder, clone)
    }

    /// Merges `topic` into `main` as a forge does to try a pull request.
    fn merge_reference(path: &Path) {
        run(path, &["checkout", "--quiet", "--detach", "main"]);
        run(path, &["merge", "--quiet", "--no-ff", "-m", "merge", "topic"]);
        run(path, &["update-ref", "refs/pull/7/merge", "HEAD"]);
    }

    #[test]
    fn what_main_became_since_is_not_the_changes_doing() {
        let (folder, parted, tip) = forked();
        let base = |revision, exactly| choose(folder.path(), revision, exactly).expect("chosen");
        let said = format!("base {} (merge base of HEAD and main)", short(&parted));
        assert_eq!(base("main", false), Base { commit: parted.clone(), said });
        assert_eq!(base("main", true), Base { commit: tip.clone(), said: format!("base {} (main)", short(&tip)) });
        let before = base("HEAD~1", false);
        assert_eq!(before.said, format!("base {} (HEAD~1)", short(&before.commit)), "an ancestor is its own base");
        let refused = choose(folder.path(), "nowhere", false).expect_err("no such branch");
        let said = "there is no revision `nowhere` in this repository: give a commit, a branch or a tag";
        assert_eq!(format!("{refused:#}"), said);
    }

    #[test]
    fn the_merge_of_a_pull_request_is_compared_with_what_it_is_merged_into() {
        let (folder, _, tip) = forked();
        merge_reference(folder.path());
        assert_eq!(choose(folder.path(), "main", false).expect("chosen").commit, tip);
        // CI has no branches, and of the history this commit and its parents.
        let (_kept, clone) = ci_clone(folder.path(), "2");
        let said = format!("base {} (first parent of pull/7/merge)", short(&tip));
        assert_eq!(choose(&clone, "main", false).expect("chosen"), Base { commit: tip, said });
    }

    #[test]
    fn a_history_that_is_cut_off_is_refused_with_the_remedy() {
        let (folder, ..) = forked();
        merge_reference(folder.path());
        let (_kept, clone) = ci_clone(folder.path(), "1");
        run(&clone, &["fetch", "--quiet", "--depth=1", &format!("file://{}", folder.path().display()), "+main:main"]);
        for revision in ["main", "elsewhere"] {
            let refused = choose(&clone, revision, false).expect_err("cut off").to_string();
            assert!(refused.contains("git fetch --unshallow") && refused.contains("fetch-depth: 0"), "{refused}");
        }
        assert!(choose(&clone, "main", true).is_ok(), "asked for exactly that");
    }

    #[test]
    fn two_histories_have_no_base() {
        let (folder, ..) = forked();
        run(folder.path(), &["checkout", "--quiet", "--orphan", "other"]);
        commit(folder.path(), "alone");
        let refused = choose(folder.path(), "main", false).expect_err("nothing shared").to_string();
        assert!(refused.contains("share no history") && refused.contains("--exact-base"), "{refused}");
    }
}
