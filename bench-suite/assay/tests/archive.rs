//! A release archive: what is unpacked from it runs, and the same programs give the same archive.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use toml::Table;

/// What a program prints; its end is good.
fn said(command: &mut Command) -> String {
    let output = command.output().expect("it starts");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {told}");
    String::from_utf8(output.stdout).expect("text")
}

/// Makes an archive of programs in a folder beside theirs, typed there, and says where it is.
fn archive(programs: &Path, folder: &Path) -> PathBuf {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/archive");
    let [folder, here] = [folder, programs].map(|path| path.file_name().expect("a name"));
    let typed = programs.parent().expect("a folder");
    PathBuf::from(said(Command::new(script).args([folder, here]).current_dir(typed)).trim())
}

/// The programs of this build. The load generator belongs to another package, and may not be built: a script stands
/// for it.
fn programs(folder: &Path) {
    for program in [env!("CARGO_BIN_EXE_assay"), env!("CARGO_BIN_EXE_cargo-assay")].map(Path::new) {
        std::os::unix::fs::symlink(program, folder.join(program.file_name().expect("a name"))).expect("linked");
    }
    let loadgen = folder.join("loadgen");
    fs::write(&loadgen, "#!/bin/sh\necho loads\n").expect("written");
    fs::set_permissions(&loadgen, fs::Permissions::from_mode(0o755)).expect("executable");
}

#[test]
fn an_unpacked_archive_runs_and_is_where_binstall_looks() {
    let folder = tempfile::tempdir().expect("a folder");
    let [built, first, second] = ["built", "first", "second"].map(|name| folder.path().join(name));
    fs::create_dir(&built).expect("made");
    programs(&built);
    let made = archive(&built, &first);
    let is_same = fs::read(&made).expect("there") == fs::read(archive(&built, &second)).expect("there");
    assert!(is_same, "two archives of the same programs differ");
    said(
        Command::new("sha256sum")
            .args(["--check", "--strict"])
            .arg(made.with_added_extension("sha256"))
            .current_dir(&first),
    );

    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")).expect("the manifest");
    let manifest: Table = text.parse().expect("TOML");
    let binstall = &manifest["package"]["metadata"]["binstall"];
    let host = said(Command::new("rustc").arg("-vV"));
    let host = host.lines().find_map(|line| line.strip_prefix("host: ")).expect("a target");
    let filled = |key: &str, program: &str| {
        let text = binstall[key].as_str().expect("a text").replace("{ target }", host).replace("{ bin }", program);
        text.replace("{ version }", env!("CARGO_PKG_VERSION"))
    };
    let name = made.file_name().expect("a name").to_string_lossy().into_owned();
    assert!(filled("pkg-url", "").ends_with(&format!("/v{}/{name}", env!("CARGO_PKG_VERSION"))), "{name}");

    said(Command::new("tar").arg("--extract").arg("--file").arg(&made).arg("--directory").arg(&second));
    let version = concat!("assay ", env!("CARGO_PKG_VERSION"), "\n");
    let program = |name: &str| Command::new(second.join(filled("bin-dir", name)));
    assert_eq!(said(program("assay").arg("--version")), version);
    assert_eq!(said(program("cargo-assay").args(["assay", "--version"])), version);
    assert_eq!(said(&mut program("loadgen")), "loads\n");
    let unpacked = second.join(name.trim_end_matches(".tar.gz"));
    let read = |file: &str| fs::read_to_string(unpacked.join(file)).expect(file);
    for (file, part) in [
        ("completions/assay.bash", "no-default-features"),
        ("completions/_assay", "#compdef assay"),
        ("completions/assay.fish", "complete -c assay"),
        ("man/assay.1", ".TH assay 1"),
        ("man/assay-gate.1", ".TH assay-gate 1"),
        ("LICENSE-MIT", "Permission is hereby granted"),
        ("LICENSE-APACHE", "Apache License"),
        ("libraries/LIST.txt", "\ninferno v"),
        ("README.md", "# Assay"),
        ("CHANGELOG.md", "# Changelog"),
    ] {
        assert!(read(file).contains(part), "{file} has no `{part}`");
    }
    let list = read("libraries/LIST.txt");
    let has_texts = |line: &&str| {
        let library = line.split(": ").next().unwrap_or(line).replace(" v", "-");
        unpacked.join("libraries").join(library).is_dir()
    };
    let (all, with_texts) = (list.lines().count(), list.lines().filter(has_texts).count());
    assert!(all > 100 && with_texts * 10 > all * 9, "{with_texts} of {all} libraries have the texts of their licences");
    let home = Path::new(env!("CARGO_MANIFEST_DIR")).to_string_lossy();
    assert!(!list.contains(home.trim_end_matches("/bench-suite/assay")), "a path of this machine");
}
