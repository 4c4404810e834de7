//! The judged change does not supply the judge: policy, baselines and list of cases come from the base.
//!
//! Where programs are compared, a script takes the place of cargo, and another one that of the worker: nothing is
//! built.

use super::support::like_the_memory;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use baselines::{Run, policy};
use harness::build::git::{git as git_says, resolve, short};
use harness::session::rulebook::TARGET_BRANCH;
use tempfile::TempDir;
use workloads::{cases, suite};

use crate::base::git;
use crate::fooled::accepted;
use crate::support::{parts, run};

const STORED: &str = "baselines/stored/machine.jsonl";
const POLICY: &str = "baselines/policy.toml";
const LAX: &str = "schema = 1\n[[rule]]\nmetric = \"instructions\"\nrelative = 10\naction = \"block\"\n";

/// A repository with a policy, a baseline of 1000 instructions and, outside of it, a run of twice as many.
struct Tree(TempDir);

impl Tree {
    fn new(policy: &str) -> Tree {
        let tree = Tree(tempfile::tempdir().expect("a folder"));
        for (file, text) in [("Cargo.lock", ""), (".gitignore", "target\n"), (POLICY, policy)] {
            tree.write(file, text);
        }
        like_the_memory(&tree.root());
        tree.store(1000.0);
        git(&tree.root(), &["init", "--quiet", "-b", "main"]);
        tree.commit();
        git(&tree.root(), &["update-ref", "refs/remotes/origin/main", "HEAD"]);
        run(&[("retrieve/100", 2000.0)]).write(&tree.0.path().join("new.jsonl")).expect("writes");
        tree
    }

    fn root(&self) -> PathBuf {
        self.0.path().join("tree")
    }

    fn write(&self, file: &str, text: &str) {
        let path = self.root().join(file);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(&path, text).expect("writes");
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("sets the mode");
    }

    /// Replaces the stored baseline.
    fn store(&self, instructions: f64) {
        accepted(&[("retrieve/100", instructions)]).write(&self.root().join(STORED)).expect("writes");
    }

    fn commit(&self) {
        git(&self.root(), &["add", "."]);
        git(&self.root(), &["commit", "--quiet", "-m", "state"]);
    }

    /// The exit code and the output of a command, in a pull request for a branch or elsewhere.
    fn assay(&self, target: Option<&str>, arguments: &[&str]) -> (i32, String) {
        self.assay_with(target.map(|branch| (TARGET_BRANCH[0], branch)).as_slice(), arguments)
    }

    /// The same with these variables.
    fn assay_with(&self, variables: &[(&str, &str)], arguments: &[&str]) -> (i32, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_assay"));
        command.args(arguments).current_dir(self.root()).env("NO_COLOR", "1").env("CARGO", self.root().join("cargo"));
        command
            .env("CARGO_TARGET_DIR", self.root().join("target"))
            .env("ASSAY_CACHE", self.root().join("target/cache"));
        for name in TARGET_BRANCH {
            command.env_remove(name);
        }
        command.envs(variables.iter().copied());
        let (code, stdout, stderr) = parts(&command.output().expect("assay starts"));
        (code, format!("{stdout}{stderr}"))
    }

    fn gate(&self, target: Option<&str>) -> (i32, String) {
        self.assay(target, &["gate", "--run", "../new.jsonl"])
    }

    /// Makes a worker of these cases, each with its operations.
    fn worker(&self, listed: &[(&str, &str, u64)]) {
        let listing = |(id, benchmark, operations): &(&str, &str, u64)| {
            let mut listing = suite::listing(&cases::find(CASE, &[]).expect("listed"));
            (listing.id, listing.benchmark, listing.operations) = ((*id).into(), (*benchmark).into(), *operations);
            serde_json::to_string(&listing).expect("serialises")
        };
        let lines: Vec<String> = listed.iter().map(listing).collect();
        self.write(
            "worker",
            &format!("#!/bin/sh\n[ \"$1\" = --list ] || exit 1\ncat <<END\n{}\nEND\n", lines.join("\n")),
        );
        let cargo = "#!/bin/sh\nto=$CARGO_TARGET_DIR/release/assay-worker\nmkdir -p \"${to%/*}/deps\"\ncp worker \"$to\"\n\
            echo '{\"reason\":\"compiler-artifact\",\"target\":{\"name\":\"assay-worker\",\"kind\":[\"bin\"]},\"executable\":\"'\
            \"$to\"'\"}'\n";
        self.write("cargo", cargo);
    }
}

const CASE: &str = "codec_encode_median_json";

#[test]
fn a_change_does_not_bring_its_own_policy() {
    let tree = Tree::new(policy::DEFAULT);
    assert_eq!(tree.gate(None).0, 100, "the slowdown is found");
    tree.write(POLICY, LAX);
    let (code, output) = tree.gate(None);
    assert_eq!(code, 100, "{output}");
    assert!(output.contains("the policy of this change differs from the base's: judged by the base's"), "{output}");
    let (code, output) = tree.assay(None, &["gate", "--run", "../new.jsonl", "--policy", POLICY]);
    assert_eq!(code, 100, "naming the file makes no difference: {output}");
    tree.commit();
    let (code, output) = tree.gate(Some("main"));
    assert_eq!(code, 100, "{output}");
    assert!(output.contains("the policy of this change differs"), "{output}");
    fs::remove_file(tree.root().join(POLICY)).expect("removed");
    let (code, output) = tree.gate(Some("main"));
    assert_eq!(code, 100, "{output}");
    assert!(output.contains("the policy of this change differs"), "removing it is a difference: {output}");
}

#[test]
fn a_change_does_not_bring_its_own_baseline() {
    let tree = Tree::new(policy::DEFAULT);
    tree.store(2000.0);
    let (code, output) = tree.gate(None);
    assert_eq!(code, 100, "{output}");
    assert!(output.contains("the stored baseline of this change differs from the base's"), "{output}");
    tree.commit();
    assert_eq!(tree.gate(None).0, 0, "what is committed judges what is not");
    let (code, output) = tree.gate(Some("main"));
    assert_eq!(code, 100, "{output}");
    assert!(output.contains(&format!("{STORED} of ")), "{output}");
    let (code, output) = tree.gate(Some("nowhere"));
    assert_eq!(code, 1, "{output}");
    assert!(output.contains("fetch their history"), "{output}");
}

#[test]
fn every_ci_names_the_branch_whose_baseline_judges() {
    let tree = Tree::new(policy::DEFAULT);
    tree.store(2000.0);
    tree.commit();
    for name in TARGET_BRANCH {
        for branch in ["main", "refs/heads/main"] {
            let (code, output) = tree.assay_with(&[(name, branch)], &["gate", "--run", "../new.jsonl"]);
            assert_eq!(code, 100, "{name}={branch}: {output}");
        }
    }
    assert_eq!(tree.gate(None).0, 0, "what is committed judges what is not");
}

#[test]
fn objects_that_are_replaced_and_other_repositories_do_not_judge() {
    let tree = Tree::new(policy::DEFAULT);
    tree.write("lax.toml", LAX);
    let lax = git_says(&tree.root(), &["hash-object", "-w", "lax.toml"]).expect("stored");
    let replaced = git_says(&tree.root(), &["rev-parse", &format!("HEAD:{POLICY}")]).expect("there");
    git(&tree.root(), &["replace", replaced.trim(), lax.trim()]);
    let (code, output) = tree.gate(None);
    assert_eq!(code, 100, "{output}");
    let other = Tree::new(LAX);
    let folder = other.root().join(".git");
    let variables = [("GIT_DIR", folder.to_str().expect("UTF-8"))];
    let (code, output) = tree.assay_with(&variables, &["gate", "--run", "../new.jsonl"]);
    assert_eq!(code, 100, "git names another repository for its hooks: {output}");
}

#[test]
fn a_stored_run_of_another_tree_is_said() {
    let tree = Tree::new(policy::DEFAULT);
    let head = resolve(&tree.root(), "HEAD").expect("a commit");
    let gate = |commit: &str| {
        let mut new = run(&[("retrieve/100", 1000.0)]);
        commit.clone_into(&mut new.header.environment.commit);
        new.write(&tree.0.path().join("new.jsonl")).expect("writes");
        tree.gate(None)
    };
    let (code, output) = gate(&head);
    assert!(code == 0 && !output.contains("the judged run is of"), "{output}");
    let at = short(&head);
    let (code, output) = gate("0123456789abcdef");
    let said = format!("the judged run is of 0123456789ab, and the tree is at {at}:");
    assert!(code == 0 && output.contains(&said), "{output}");
    tree.write("README.md", "words");
    let (code, output) = gate(&head);
    assert!(code == 0 && output.contains(&format!("is of {at}, and the tree is at {at} with changes:")), "{output}");
}

#[test]
fn a_wanted_slowdown_lands_by_the_base_s_word_and_every_report_says_so() {
    let exception = "[[exception]]\nmetric = \"instructions\"\nbenchmark = \"retrieve/*\"\nrelative = 1.5\nreason = \
        \"exact answers\"\nexpires = \"9999-12-31\"\n";
    let lenient = format!("{}{exception}", policy::DEFAULT);
    let tree = Tree::new(policy::DEFAULT);
    tree.write(POLICY, &lenient);
    assert_eq!(tree.gate(None).0, 100, "the change's own word does not count");
    tree.commit();
    for format in ["text", "markdown", "json", "github"] {
        let (code, output) = tree.assay(None, &["gate", "--run", "../new.jsonl", "--format", format]);
        assert_eq!(code, 0, "{output}");
        for said in ["exact answers", "9999-12-31", "+100.00"] {
            assert!(output.contains(said), "{format} does not say {said}: {output}");
        }
    }
    let pages = tree.root().join("target/assay/reports");
    let page = fs::read_dir(pages).expect("pages").next().expect("one").expect("listed").path().join("index.html");
    assert!(fs::read_to_string(page).expect("reads").contains("exact answers"));
}

#[test]
fn what_is_wrong_with_the_base_s_policy_can_be_mended() {
    let expired = "[[exception]]\nmetric = \"instructions\"\nbenchmark = \"retrieve/*\"\nrelative = 1.5\nreason = \
        \"known\"\nexpires = \"2020-01-01\"\n";
    let tree = Tree::new(&format!("{}{expired}", policy::DEFAULT));
    run(&[("retrieve/100", 1000.0)]).write(&tree.0.path().join("new.jsonl")).expect("writes");
    assert_eq!(tree.gate(None).0, 3, "it ran out");
    tree.write(POLICY, policy::DEFAULT);
    let (code, output) = tree.gate(None);
    assert_eq!(code, 0, "{output}");
}

#[test]
fn a_case_of_the_base_is_not_renamed_redefined_or_filtered_away() {
    let tree = Tree::new(policy::DEFAULT);
    let benchmark = cases::find(CASE, &[]).expect("listed").benchmark;
    let case = (CASE, benchmark.name, benchmark.operations);
    tree.worker(&[case, ("retrieve_gone", "retrieve/gone", 4)]);
    tree.commit();
    let gate = |filter: &str| tree.assay(None, &["gate", filter, "--against", "HEAD", "--lane", "time"]);
    tree.worker(&[(CASE, benchmark.name, benchmark.operations + 1), ("retrieve_gone", "retrieve/gone", 4)]);
    let (code, output) = gate(CASE);
    assert_eq!(code, 3, "{output}");
    assert!(output.contains("operations in the base") && output.contains("1 of 2 cases: filter"), "{output}");
    assert!(output.contains("the list of cases of this change differs from the base's"), "{output}");
    tree.worker(&[(CASE, "retrieve/100", benchmark.operations)]);
    let (code, output) = gate(CASE);
    assert_eq!(code, 3, "{output}");
    assert!(output.contains("codec/encode/median") && output.contains("retrieve/100"), "{output}");
    let (code, output) = gate("retrieve/gone");
    assert_eq!(code, 3, "{output}");
    assert!(output.contains("the base has the case retrieve_gone"), "{output}");
}

#[test]
fn a_run_records_what_judged_it() {
    let tree = Tree::new(policy::DEFAULT);
    tree.worker(&[("retrieve_gone", "retrieve/gone", 4)]);
    tree.commit();
    tree.worker(&[(CASE, "codec/encode/median", 32)]);
    tree.assay(None, &["gate", "retrieve/gone", "--against", "HEAD", "--lane", "time"]);
    let kept = fs::read_dir(tree.root().join("target/assay/runs")).expect("runs");
    let mut files = kept.map(|entry| entry.expect("listed").path());
    let file = files.find(|path| path.extension().is_some_and(|end| end == "jsonl"));
    let judged_by = header(&file.expect("a run")).judged_by.expect("it was judged");
    assert_eq!(judged_by.commit, Some(resolve(&tree.root(), "HEAD").expect("a commit")));
    assert_eq!(judged_by.policy, harness::hash::hash(policy::DEFAULT));
    assert!(judged_by.cases.is_some());
}

fn header(run: &Path) -> baselines::RunHeader {
    Run::read(run, true).expect("a run").header
}
