//! What judges a change, and where it comes from: the policy and the stored baselines of the base. A change that brings
//! its own would be its own judge, so what differs in it is reported and not used.
//!
//! The statistics are those of the running program: CI that wants the base's builds that program from the base.

use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use baselines::policy::{self, Policy};
use baselines::{CaseKey, JudgedBy};
use tempfile::TempDir;

use super::runs;
use crate::build::base;
use crate::build::git::{git, repository_of, resolve, short};
use crate::hash::hash;
use crate::subject::SubjectCase;
use crate::subject::definition::Definition;
use crate::workspace;

/// The variables by which CI names the branch that a pull request shall go to: of GitHub, Gitea and Forgejo, GitLab,
/// Azure, Bitbucket, Buildkite, Jenkins, Woodpecker.
pub const TARGET_BRANCH: [&str; 7] = [
    "GITHUB_BASE_REF",
    "CI_MERGE_REQUEST_TARGET_BRANCH_NAME",
    "SYSTEM_PULLREQUEST_TARGETBRANCH",
    "BITBUCKET_PR_DESTINATION_BRANCH",
    "BUILDKITE_PULL_REQUEST_BASE_BRANCH",
    "CHANGE_TARGET",
    "CI_COMMIT_TARGET_BRANCH",
];

/// A commit of a repository, whose files judge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseCommit {
    repository: PathBuf,
    commit: String,
}

/// The policy, and the other things that judge.
#[derive(Debug, Clone)]
pub struct Rulebook {
    /// The limits.
    pub policy: Policy,
    /// The policy as text.
    pub text: String,
    /// The hashes of all that judges.
    pub judged_by: JudgedBy,
    /// The differences of the change from the base, one sentence each.
    pub notes: Vec<String>,
    base: Option<BaseCommit>,
    /// The change's own policy, if it is another one: it may mend what is wrong with the base's.
    own: Option<Policy>,
}

/// The folder of stored baselines as the base has it.
#[derive(Debug)]
pub struct StoredBaselines {
    folder: PathBuf,
    exported: Option<(TempDir, String)>,
}

/// The hash of a file that judges.
pub fn hash_file(path: &Path) -> Result<String> {
    Ok(hash(&std::fs::read_to_string(path).with_context(|| format!("can't read {}", path.display()))?))
}

/// A path without `..`, as its text has it.
fn without_parents(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        if part == Component::ParentDir {
            plain.pop();
        } else {
            plain.push(part);
        }
    }
    plain
}

impl BaseCommit {
    /// A revision of a repository.
    pub fn new(repository: &Path, revision: &str) -> Result<BaseCommit> {
        Ok(BaseCommit { repository: repository.to_owned(), commit: resolve(repository, revision)? })
    }

    /// The commit that judges a tree without a named base: in CI, where the tree leaves the branch that it shall go to;
    /// elsewhere the commit that it is based on. None where the tree is no repository of its own.
    pub fn of_tree(root: &Path) -> Result<Option<BaseCommit>> {
        let named = TARGET_BRANCH.map(|name| std::env::var(name).ok());
        let named = named.into_iter().flatten().find(|name| !name.is_empty());
        BaseCommit::leaving(root, named.as_deref().map(|name| name.strip_prefix("refs/heads/").unwrap_or(name)))
    }

    fn leaving(root: &Path, branch: Option<&str>) -> Result<Option<BaseCommit>> {
        if repository_of(root).ok() != root.canonicalize().ok() {
            return Ok(None);
        }
        let Some(branch) = branch else { return Ok(BaseCommit::new(root, "HEAD").ok()) };
        let base = base::choose(root, &format!("origin/{branch}"), false).with_context(|| {
            format!(
                "can't find the merge base of HEAD and origin/{branch}, whose policy judges it: fetch their history"
            )
        })?;
        Ok(Some(BaseCommit { repository: root.to_owned(), commit: base.commit }))
    }

    /// The commit that judges a project file of another repository than its own: the base of that other one, or its
    /// HEAD where it does not know the revision. None where the file lies in no repository, or in its project's.
    fn around(file: &Path, revision: &str, project: &Path) -> Option<BaseCommit> {
        let file = file.canonicalize().ok()?;
        let top = repository_of(file.parent()?).ok()?;
        if top == project {
            return None;
        }
        let base = base::choose(&top, revision, false).map(|base| base.commit);
        BaseCommit::new(&top, &base.unwrap_or_else(|_| "HEAD".to_owned())).ok()
    }

    /// A file of the commit; none if it has no such file, or the path leads out of the repository.
    fn text(&self, path: &Path) -> Result<Option<String>> {
        let Some(file) = self.within(path) else { return Ok(None) };
        if self.files(&file)?.is_empty() {
            return Ok(None);
        }
        git(&self.repository, &["show", &format!("{}:{file}", self.commit)]).map(Some)
    }

    /// The names of the commit's files at or below a path within the repository.
    fn files(&self, path: &str) -> Result<Vec<String>> {
        let listed = git(&self.repository, &["ls-tree", "-r", "-z", "--name-only", &self.commit, path])?;
        Ok(listed.split('\0').filter(|file| !file.is_empty()).map(str::to_owned).collect())
    }

    /// A path within the repository. Links in it are not followed, as the change may have made them.
    fn within(&self, path: &Path) -> Option<String> {
        let absolute = without_parents(&std::path::absolute(path).ok()?);
        let root = without_parents(&std::path::absolute(&self.repository).ok()?);
        let real = || root.canonicalize().ok();
        let inside = absolute.strip_prefix(&root).ok().map(Path::to_owned);
        let inside = inside.or_else(|| absolute.strip_prefix(real()?).ok().map(Path::to_owned))?;
        inside.to_str().map(str::to_owned)
    }
}

impl Rulebook {
    /// What judges without a base: a policy file, or the built-in policy.
    pub fn of_this_tree(file: Option<&Path>) -> Result<Rulebook> {
        let text = match file {
            Some(file) => std::fs::read_to_string(file).with_context(|| format!("can't read {}", file.display()))?,
            None => policy::DEFAULT.to_owned(),
        };
        let policy = Policy::parse(file.unwrap_or(Path::new("(built in)")), &text)?;
        let judged_by = JudgedBy { policy: hash(&text), ..JudgedBy::default() };
        Ok(Rulebook { policy, text, judged_by, notes: vec![], base: None, own: None })
    }

    /// What judges a change of a base: the base's version of a policy file. A file outside of the repository is not the
    /// change's, and is used as it is. `file` is what the user names; without it, the policy of the workspace judges,
    /// or if the base has none there, the one at the root of the repository.
    ///
    /// # Errors
    /// Neither the base nor the working tree has the file that the user names.
    pub fn of_base(base: BaseCommit, file: Option<&Path>) -> Result<Rulebook> {
        let (workspace, root) = (workspace::policy(), base.repository.join("baselines/policy.toml"));
        let has = |path: &Path| base.text(path).is_ok_and(|text| text.is_some());
        let usual = if !has(&workspace) && has(&root) { &root } else { &workspace };
        let Some(path) = Some(file.unwrap_or(usual)).filter(|path| base.within(path).is_some()) else {
            let mut rulebook = Rulebook::of_this_tree(file)?;
            rulebook.judged_by.commit = Some(base.commit.clone());
            return Ok(Rulebook { base: Some(base), ..rulebook });
        };
        let (own, before) = (std::fs::read_to_string(path), base.text(path)?);
        if let (Some(named), None, Err(error)) = (file, &before, &own) {
            let (named, at) = (named.display(), short(&base.commit));
            bail!("can't read the policy {named}, which {at} does not have either: correct `--policy` ({error})");
        }
        let own = own.ok();
        let differs = own != before;
        let (text, source) = match before {
            Some(text) => (text, format!("{} of {}", path.display(), short(&base.commit))),
            None => (policy::DEFAULT.to_owned(), "(built in)".to_owned()),
        };
        let policy = Policy::parse(Path::new(&source), &text)?;
        let judged_by = JudgedBy { commit: Some(base.commit.clone()), policy: hash(&text), ..JudgedBy::default() };
        let mut rulebook = Rulebook { policy, text, judged_by, notes: vec![], base: Some(base), own: None };
        if differs {
            rulebook.own = own.map(|own| Policy::parse(path, &own)).transpose()?;
            rulebook.differs("policy", &source);
        }
        Ok(rulebook)
    }

    fn differs(&mut self, what: &str, source: &str) {
        self.notes.push(format!("the {what} of this change differs from the base's: judged by the base's, {source}"));
    }

    /// Reports which of these files and folders the change edits. They define the benchmarks, of which one may then ask
    /// for less under the same name.
    pub fn benchmarks(&mut self, places: &[&str]) -> Result<()> {
        let Some(base) = &self.base else { return Ok(()) };
        let diff = ["diff", "--name-only", "--no-renames", "-z", &base.commit, "--"];
        let changed = git(&base.repository, &[&diff[..], places].concat())?;
        let files: Vec<&str> = changed.split_terminator('\0').collect();
        if !files.is_empty() {
            self.notes.push(format!("this change also changes what is measured: {}", files.join(", ")));
        }
        Ok(())
    }

    /// True if the base has a file.
    pub fn has(&self, file: &Path) -> Result<bool> {
        Ok(match &self.base {
            Some(base) => base.text(file)?.is_some(),
            None => false,
        })
    }

    /// A project's file as the base has it, so that a change can't name other benchmarks than the base; `own` is the
    /// change's.
    pub fn definition(&mut self, file: &Path, own: Definition) -> Result<Definition> {
        let text = self.base.as_ref().map(|base| base.text(file)).transpose()?.flatten();
        let Some(text) = text else { return Ok(own) };
        let mut before = Definition::parse(file, &text)?;
        before.repository.clone_from(&own.repository);
        if before != own {
            self.differs("project file", &file.display().to_string());
        }
        Ok(before)
    }

    /// Refuses a project file that lies in another repository than it names, if the base has it name another one: a
    /// change would be measured where nothing changed.
    pub fn same_repository(file: &Path, revision: &str, own: &Definition) -> Result<()> {
        let Some(around) = BaseCommit::around(file, revision, &own.repository) else { return Ok(()) };
        let Some(text) = around.text(&file.canonicalize()?)? else { return Ok(()) };
        let before = Definition::parse(file, &text)?;
        ensure!(
            before.repository == own.repository,
            "{} names the repository {}, and {} before this change: a change can't move what is gated",
            file.display(),
            own.repository.display(),
            before.repository.display()
        );
        Ok(())
    }

    /// Keeps the hash of the base's list of cases, and reports how the change's differs.
    pub fn cases(&mut self, base: &[SubjectCase], new: &[SubjectCase]) {
        if base.is_empty() {
            return;
        }
        let told = |case: &SubjectCase| format!("{} {} {} {}", case.id, case.key, case.operations, case.gated);
        let (before, now): (Vec<String>, Vec<String>) =
            (base.iter().map(told).collect(), new.iter().map(told).collect());
        if before != now {
            self.differs("list of cases", "and what is gone or redefined in it is not green");
        }
        self.judged_by.cases = Some(hash(before.join("\n")));
    }

    /// The folder of stored baselines, as the base has it. Where the base has none of them, those that are there judge.
    pub fn baselines(&mut self, folder: &Path) -> Result<StoredBaselines> {
        let as_it_is = StoredBaselines { folder: folder.to_owned(), exported: None };
        let Some(base) = self.base.clone() else { return Ok(as_it_is) };
        let Some(within) = base.within(folder) else { return Ok(as_it_is) };
        let files = base.files(&within)?;
        if files.is_empty() {
            if folder.is_dir() {
                let at = short(&base.commit);
                self.notes.push(format!(
                    "{} is not in {at}: judged by this tree's own files, which are not merged yet",
                    folder.display()
                ));
            }
            return Ok(as_it_is);
        }
        let exported = workspace::temporary("baselines-")?;
        let mut same = std::fs::read_dir(folder).is_ok_and(|entries| entries.count() == files.len());
        for file in files {
            let text = git(&base.repository, &["show", &format!("{}:{file}", base.commit)])?;
            let name = Path::new(&file).file_name().unwrap_or_default();
            same &= std::fs::read_to_string(folder.join(name)).is_ok_and(|own| own == text);
            let to = exported.path().join(name);
            std::fs::write(&to, text).with_context(|| format!("can't write {}", to.display()))?;
        }
        if same {
            return Ok(as_it_is);
        }
        self.differs("stored baseline", &format!("{} of {}", folder.display(), short(&base.commit)));
        Ok(StoredBaselines { folder: folder.to_owned(), exported: Some((exported, base.commit)) })
    }

    /// What is wrong with the policy: with the base's, as far as the change does not mend it. If `cases` are given,
    /// each rule must match one of them.
    pub fn complaints<'a>(&self, cases: Option<impl Iterator<Item = &'a CaseKey> + Clone>) -> Vec<String> {
        let of = |policy: &Policy| match cases.clone() {
            Some(cases) => policy.complaints(cases, runs::today()),
            None => policy.expired(runs::today()),
        };
        let mut complaints = of(&self.policy);
        if let Some(own) = &self.own {
            let left = of(own);
            complaints.retain(|complaint| left.contains(complaint));
        }
        complaints
    }
}

impl StoredBaselines {
    /// The folder, for people.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The folder to read.
    pub fn files(&self) -> &Path {
        self.exported.as_ref().map_or(&self.folder, |(exported, _)| exported.path())
    }

    /// The name of a baseline that was read, for people.
    pub fn name(&self, read: &Path) -> String {
        let Some((_, commit)) = &self.exported else { return read.display().to_string() };
        let file = self.folder.join(read.file_name().unwrap_or_default());
        format!("{} of {}", file.display(), short(commit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROJECT: &str = "schema = 1\nrepository = \".\"\nbench = \"speed\"\n";

    /// A repository whose first commit has these files.
    fn repository(files: &[(&str, &str)]) -> (TempDir, BaseCommit) {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path();
        files.iter().for_each(|(file, text)| std::fs::write(root.join(file), text).expect("writes"));
        for arguments in
            [&["init", "--quiet"][..], &["add", "."], &["commit", "--quiet", "--allow-empty", "-m", "first"]]
        {
            let own = ["-c", "user.name=test", "-c", "user.email=test@localhost"];
            git(root, &[&own, arguments].concat()).expect("works");
        }
        let base = BaseCommit::new(root, "HEAD").expect("a commit");
        (folder, base)
    }

    #[test]
    fn a_project_file_names_the_benchmarks_of_the_base() {
        let (folder, base) = repository(&[("assay.toml", PROJECT)]);
        let file = folder.path().join("assay.toml");
        std::fs::write(&file, format!("{PROJECT}filter = \"fast\"\n")).expect("writes");
        let mut rulebook = Rulebook::of_base(base, None).expect("the built-in policy");
        let own = Definition::read(&file).expect("reads");
        assert_eq!(own.filter.as_deref(), Some("fast"));
        assert_eq!(rulebook.definition(&file, own).expect("reads").filter, None);
        assert!(rulebook.notes[0].starts_with("the project file of this change differs"), "{:?}", rulebook.notes);
    }

    #[test]
    fn a_project_file_does_not_move_the_gate_to_another_repository() {
        let (folder, _) = repository(&[("assay.toml", PROJECT)]);
        let inner = folder.path().join("inner");
        std::fs::create_dir(&inner).expect("a folder");
        git(&inner, &["init", "--quiet"]).expect("works");
        let file = folder.path().join("assay.toml");
        let moved = |text: &str| {
            std::fs::write(&file, text).expect("writes");
            let own = Definition::read(&file).expect("reads");
            Rulebook::same_repository(&file, "HEAD", &own).map_err(|error| error.to_string())
        };
        assert_eq!(moved(&PROJECT.replace("speed", "other")), Ok(()));
        let refused = moved(&PROJECT.replace("\".\"", "\"inner\"")).expect_err("another repository");
        assert!(refused.contains("a change can't move what is gated"), "{refused}");
    }

    #[test]
    fn a_policy_outside_of_the_repository_is_not_the_change_s() {
        let (folder, base) = repository(&[]);
        let outside = tempfile::tempdir().expect("a folder");
        let text = "schema = 1\n[[rule]]\nmetric = 'errors'\naction = 'advise'\n";
        let by_parent = |from: &Path, to: &Path| from.join("..").join(to.file_name().expect("a name"));
        let (out, within) = (by_parent(folder.path(), outside.path()), by_parent(outside.path(), folder.path()));
        let places = [outside.path(), folder.path(), &out, &within];
        for (place, used) in places.into_iter().zip([text, policy::DEFAULT, text, policy::DEFAULT]) {
            let file = place.join("policy.toml");
            std::fs::write(&file, text).expect("writes");
            let rulebook = Rulebook::of_base(base.clone(), Some(&file)).expect("reads");
            assert_eq!(rulebook.judged_by.policy, hash(used), "{}", file.display());
        }
    }

    #[test]
    fn a_named_policy_is_in_the_base_or_in_the_tree() {
        let advise = "schema = 1\n[[rule]]\nmetric = 'errors'\naction = 'advise'\n";
        let (folder, base) = repository(&[("gone.toml", advise)]);
        let judged = |file: &str| {
            let rulebook = Rulebook::of_base(base.clone(), Some(&folder.path().join(file)));
            rulebook.map(|rulebook| rulebook.text).map_err(|error| error.to_string())
        };
        std::fs::remove_file(folder.path().join("gone.toml")).expect("it was there");
        std::fs::write(folder.path().join("new.toml"), advise).expect("writes");
        assert_eq!(judged("gone.toml").as_deref(), Ok(advise), "the base's");
        assert_eq!(judged("new.toml").as_deref(), Ok(policy::DEFAULT), "the change's own is not used");
        let refused = judged("polcy.toml").expect_err("nobody has it");
        assert!(refused.contains("polcy.toml") && refused.contains("correct `--policy`"), "{refused}");
    }

    #[test]
    fn a_change_of_the_benchmarks_is_said() {
        let (folder, base) = repository(&[("benchmark.rs", "50 steps"), ("README.md", "words")]);
        let notes = || {
            let mut rulebook = Rulebook::of_base(base.clone(), None).expect("the built-in policy");
            rulebook.benchmarks(&["benchmark.rs", "gone"]).expect("compared");
            rulebook.notes.concat()
        };
        std::fs::write(folder.path().join("README.md"), "other words").expect("writes");
        assert_eq!(notes(), "");
        std::fs::write(folder.path().join("benchmark.rs"), "25 steps").expect("writes");
        assert!(notes().contains("what is measured: benchmark.rs"), "{}", notes());
    }
}
