//! `ci/gate` ends with the gate's exit code, whatever the gate is asked: stand-ins take the places of cargo and assay.

use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use baselines::exit_code::Exit;

/// Writes a shell script that can be run.
fn script(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().expect("a parent")).expect("made");
    std::fs::write(path, format!("#!/bin/sh\n{text}\n")).expect("written");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("set");
}

/// Writes a program in the place of assay that ends with `verdict`. It measures a benchmark named `report: pdf`.
fn assay(path: &Path, verdict: u8) {
    script(
        path,
        &format!(
            "echo \"$*\" >> calls
            case \" $* \" in *' --run '*--against*|*--against*' --run '*) exit 2;; esac
            mkdir -p reports && for kind in html md json xml txt; do echo \"a $kind\" > reports/index.$kind; done
            echo 'report: pdf  1.0'
            case \" $* \" in *' --format '*) exec >&2;; esac
            echo 'run:    runs/x.jsonl'; echo 'report: reports/index.html'; exit {verdict}"
        ),
    );
}

/// Runs a copy of `ci/gate` whose cargo ends with `build`, and whose assay ends with `verdict`.
fn ci(folder: &Path, (build, verdict): (u8, u8), arguments: &[&str]) -> Output {
    let gate = std::fs::read(harness::workspace::root().join("ci/gate")).expect("read");
    script(&folder.join("bin/cargo"), &format!("exit {build}"));
    assay(&folder.join("target/release/assay"), verdict);
    std::fs::create_dir_all(folder.join("ci")).expect("made");
    std::fs::write(folder.join("ci/gate"), gate).expect("written");
    let path = std::env::var("PATH").expect("a path");
    Command::new("bash")
        .arg("ci/gate")
        .args(arguments)
        .current_dir(folder)
        .env("PATH", format!("{}:{path}", folder.join("bin").display()))
        .env_remove("CARGO_TARGET_DIR")
        .env("GITHUB_ACTIONS", "true")
        .env("GITHUB_STEP_SUMMARY", folder.join("summary.md"))
        .output()
        .expect("bash starts")
}

#[test]
fn every_exit_code_of_every_form_goes_through() {
    for (exit, _) in Exit::TABLE {
        for form in [&[][..], &["--against", "main"], &["--project", "assay.toml", "--format", "github"]] {
            let folder = tempfile::tempdir().expect("a folder");
            let output = ci(folder.path(), (0, exit.code()), form);
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(exit.code().into()), "{form:?}: {said}");
            let read = |file: &str| std::fs::read_to_string(folder.path().join(file)).expect("read");
            assert_eq!(read("calls").trim_end(), format!("gate {}", form.join(" ")).trim_end(), "one call, as asked");
            assert_eq!(read("target/assay/gate/junit.xml"), "a xml\n", "{form:?}");
            assert_eq!(read("summary.md"), "a md\n", "{form:?}");
            assert!(String::from_utf8_lossy(&output.stdout).contains("a txt"), "annotations");
        }
    }
}

#[test]
fn a_build_that_fails_is_an_error_by_the_gates_own_code() {
    let folder = tempfile::tempdir().expect("a folder");
    assert_eq!(ci(folder.path(), (101, 0), &[]).status.code(), Some(1), "cargo's 101 is in no table");
}

#[test]
fn reports_that_can_not_be_written_do_not_hide_a_verdict() {
    for (verdict, ends) in [(0, 1), (100, 100)] {
        let folder = tempfile::tempdir().expect("a folder");
        // The report's folder is a file.
        std::fs::write(folder.path().join("reports"), "").expect("written");
        let output = ci(folder.path(), (0, verdict), &[]);
        assert_eq!(output.status.code(), Some(ends), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

/// The script of a step of the action.
fn step(name: &str) -> String {
    let action = std::fs::read_to_string(harness::workspace::root().join("ci/action.yml")).expect("read");
    let (_, after) = action.split_once(&format!("- name: {name}\n")).expect("the step is there");
    let (_, script) = after.split_once("run: |\n").expect("it runs something");
    let lines = script.lines().take_while(|line| line.starts_with("        "));
    lines.map(|line| format!("{}\n", line.trim_start_matches("        "))).collect()
}

#[test]
fn the_action_gates_the_project_in_the_folder_and_ends_with_the_gates_exit_code() {
    for verdict in [0, 3, 100] {
        let folder = tempfile::tempdir().expect("a folder");
        let program = folder.path().join("program/assay");
        assay(&program, verdict);
        let output = Command::new("bash")
            .args(["-e", "-o", "pipefail", "-c", &step("Gate")])
            .current_dir(folder.path())
            .env_remove("CARGO_TARGET_DIR")
            .env("GITHUB_ACTION_PATH", harness::workspace::root().join("ci"))
            .env("GITHUB_OUTPUT", folder.path().join("outputs"))
            .env("ASSAY", &program)
            .envs([("AGAINST", "main"), ("BUDGET", "60"), ("ARGUMENTS", "parse --shard 1/2")])
            .output()
            .expect("bash starts");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(verdict.into()), "{said}");
        let read = |file: &str| std::fs::read_to_string(folder.path().join(file)).expect("read");
        assert_eq!(read("calls"), "gate --against main --budget 60 parse --shard 1/2\n");
        let report = folder.path().canonicalize().expect("there").join("target/assay/gate");
        assert_eq!(read("outputs"), format!("report={}\nexit-code={verdict}\n", report.display()));
        assert!(report.join("index.md").is_file(), "{said}");
    }
}

#[test]
fn an_absolute_target_folder_is_found_by_later_steps_and_has_the_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let (program, target) = (folder.path().join("program/assay"), folder.path().join("else where"));
    assay(&program, 0);
    std::fs::create_dir_all(folder.path().join("runs")).expect("made");
    for file in ["x.jsonl", "x.stacks.jsonl"] {
        std::fs::write(folder.path().join("runs").join(file), "{}").expect("written");
    }
    let status = Command::new("bash")
        .args(["-e", "-o", "pipefail", "-c", &step("Gate")])
        .current_dir(folder.path())
        .env("CARGO_TARGET_DIR", &target)
        .env("GITHUB_ACTION_PATH", harness::workspace::root().join("ci"))
        .env("GITHUB_OUTPUT", folder.path().join("outputs"))
        .env("ASSAY", &program)
        .envs([("AGAINST", "main"), ("BUDGET", "60"), ("ARGUMENTS", "")])
        .status()
        .expect("bash starts");
    assert!(status.success());
    let report = target.canonicalize().expect("there").join("assay/gate");
    let outputs = std::fs::read_to_string(folder.path().join("outputs")).expect("read");
    assert_eq!(outputs, format!("report={}\nexit-code=0\n", report.display()));
    assert!(report.join("x.jsonl").is_file() && report.join("x.stacks.jsonl").is_file(), "`assay merge` needs them");
    assert_eq!(std::fs::read_to_string(target.join("assay/.gitignore")).expect("read"), "*\n");
}

/// What the action's step Install called, with the programs of `path`, which write to `$CALLS`.
fn installed(folder: &Path, bash: &Path, path: &OsStr) -> String {
    let status = Command::new(bash)
        .args(["-e", "-o", "pipefail", "-c", &step("Install")])
        .current_dir(folder)
        .env("PATH", path)
        .env("CALLS", folder.join("calls"))
        .env("GITHUB_ACTION_PATH", harness::workspace::root().join("ci"))
        .env("RUNNER_TEMP", folder)
        .status()
        .expect("bash starts");
    assert!(status.success());
    std::fs::read_to_string(folder.join("calls")).expect("read")
}

#[test]
fn assay_is_compiled_by_the_compiler_that_it_needs() {
    let folder = tempfile::tempdir().expect("a folder");
    for program in ["cargo", "rustup", "valgrind"] {
        script(&folder.path().join("bin").join(program), &format!("echo \"{program} $*\" >> \"$CALLS\""));
    }
    let path = format!("{}:{}", folder.path().join("bin").display(), std::env::var("PATH").expect("a path"));
    let calls = installed(folder.path(), Path::new("bash"), path.as_ref());
    assert!(calls.contains("rustup toolchain install 1.95") && calls.contains("cargo +1.95 install"), "{calls}");
    let init = std::fs::read_to_string(harness::workspace::root().join("ci/init-workflow.yml")).expect("read");
    assert!(init.contains("cargo +1.95 install"), "what `assay init` writes, too");
}

#[test]
fn a_container_without_sudo_gets_valgrind() {
    let folder = tempfile::tempdir().expect("a folder");
    let (programs, path) = (folder.path().join("bin"), std::env::var_os("PATH").expect("a path"));
    let find = |program: &str| {
        let mut places = std::env::split_paths(&path).map(|folder| folder.join(program));
        places.find(|file| file.is_file()).expect(program)
    };
    for program in ["apt-get", "cargo", "rustup"] {
        script(&programs.join(program), &format!("echo \"{program} $*\" >> \"$CALLS\""));
    }
    std::os::unix::fs::symlink(find("sed"), programs.join("sed")).expect("linked");
    let calls = installed(folder.path(), &find("bash"), programs.as_os_str());
    assert!(calls.starts_with("apt-get update\napt-get install --yes valgrind\n"), "{calls}");
}

/// Other workflows of the repository comment with the same token.
#[test]
fn only_the_own_comment_is_written_over() {
    for (own, call) in [("41", "repos/o/r/issues/comments/41"), ("", "pr comment 7 --repo o/r")] {
        let folder = tempfile::tempdir().expect("a folder");
        let gh = "printf '%s\\n' \"$*\" >> calls; case \"$*\" in *--paginate*) [ -z \"$OWN\" ] || echo \"$OWN\";; esac";
        script(&folder.path().join("bin/gh"), gh);
        std::fs::write(folder.path().join("index.md"), "passed").expect("written");
        let path = std::env::var("PATH").expect("a path");
        let status = Command::new("bash")
            .arg(harness::workspace::root().join("ci/comment"))
            .args(["7", "index.md", "crates/a"])
            .current_dir(folder.path())
            .env("PATH", format!("{}:{path}", folder.path().join("bin").display()))
            .envs([("GH_REPO", "o/r"), ("GH_TOKEN", "t"), ("OWN", own)])
            .status()
            .expect("bash starts");
        assert!(status.success());
        let calls = std::fs::read_to_string(folder.path().join("calls")).expect("read");
        assert!(calls.contains(call) && calls.lines().count() == 2, "{calls}");
    }
    for file in ["action.yml", "init-workflow.yml", "own-workflow.yml"] {
        let text = std::fs::read_to_string(harness::workspace::root().join("ci").join(file)).expect("read");
        assert!(!text.contains("--edit-last"), "{file}");
    }
}

#[test]
fn the_action_compares_with_the_parent_of_the_merge_and_keeps_what_a_red_gate_built() {
    let read = |file: &str| std::fs::read_to_string(harness::workspace::root().join("ci").join(file)).expect("read");
    let action = read("action.yml");
    let default = action.lines().find(|line| line.contains("default:")).expect("of `against`");
    assert!(default.contains("github.base_ref") && !default.contains("base.sha"), "{default}");
    for text in [action, read("init-workflow.yml")] {
        assert!(!text.contains("uses: actions/cache@"), "it saves only where the job passes");
        let (_, after) = text.split_once("name: Gate\n").expect("a gate");
        assert!(after.contains("uses: actions/cache/save@"), "after the gate");
    }
}
