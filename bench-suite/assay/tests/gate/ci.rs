//! `ci/gate` ends with the gate's exit code, whatever the gate is asked: stand-ins take the places of cargo and assay.

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

/// Writes a program in the place of assay that ends with `verdict`.
fn assay(path: &Path, verdict: u8) {
    script(
        path,
        &format!(
            "echo \"$*\" >> calls
            case \" $* \" in *' --run '*--against*|*--against*' --run '*) exit 2;; esac
            mkdir -p reports && for kind in html md json xml txt; do echo \"a $kind\" > reports/index.$kind; done
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
        for form in [&[][..], &["--against", "main"], &["--project", "assay.toml", "--against", "HEAD~1"]] {
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
