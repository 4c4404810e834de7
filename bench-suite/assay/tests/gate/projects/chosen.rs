//! Packages, bench targets and features of another project, chosen by cargo's own arguments.

use crate::support::Project;

fn manifest(name: &str, more: &str) -> String {
    format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2021\"\n{more}")
}

fn bench(name: &str) -> String {
    format!(
        "#![feature(test)]\nextern crate test;\n\n#[bench]\nfn {name}(b: &mut test::Bencher) {{\n    b.iter(|| \
        test::black_box(1));\n}}\n"
    )
}

/// Two packages: `first` with two bench targets, one of which needs a feature, and `second` with one.
fn workspace() -> Project {
    let features = "\n[features]\ndefault = [\"std\"]\nstd = []\nextra = []\n\n[[bench]]\nname = \"more\"\n\
        required-features = [\"extra\"]\n\n[[bench]]\nname = \"standard\"\nrequired-features = [\"std\"]\n";
    Project::new(&[
        ("Cargo.toml", "[workspace]\nmembers = [\"first\", \"second\"]\nresolver = \"2\"\n"),
        ("first/Cargo.toml", &manifest("first", features)),
        ("first/src/lib.rs", ""),
        ("first/benches/quick.rs", &bench("of_quick")),
        ("first/benches/more.rs", &bench("of_more")),
        ("first/benches/standard.rs", &bench("of_standard")),
        ("second/Cargo.toml", &manifest("second", "")),
        ("second/src/lib.rs", ""),
        ("second/benches/other.rs", &bench("of_other")),
    ])
}

#[test]
fn cargos_arguments_choose_among_the_benches() {
    let project = workspace();
    let listed = |arguments: &[&str]| {
        let (code, said, progress) = project.assay(&[&["run", "--list"], arguments].concat());
        assert_eq!(code, 0, "{arguments:?}: {said}{progress}");
        let mut names: Vec<String> =
            said.lines().filter_map(|line| line.split_whitespace().last()).map(str::to_owned).collect();
        names.sort_unstable();
        names.join(" ")
    };
    assert_eq!(listed(&[]), "of_other of_quick of_standard");
    assert_eq!(
        listed(&["--package", "first", "-p", "second", "--bench", "quick", "--bench", "other"]),
        "of_other of_quick"
    );
    assert_eq!(listed(&["--features", "extra"]), "of_more of_other of_quick of_standard");
    assert_eq!(listed(&["--all-features", "--bench", "more"]), "of_more");
    assert_eq!(listed(&["--no-default-features", "-p", "first"]), "of_quick");
}

#[test]
fn an_unknown_name_is_refused_with_those_that_there_are() {
    let project = workspace();
    project.write("README.md", "Other words.\n");
    project.commit();
    let refused = |arguments: &[&str], why: &str| {
        let (code, said, told) = project.assay(arguments);
        assert!(code == 1 && said.is_empty() && told.contains(why), "{arguments:?}: {said}{told}");
    };
    refused(&["run", "--package", "third"], "there is no package `third`: there is first, second");
    refused(&["profile", "--bench", "slow"], "there is no bench target `slow`: there is more, other, quick, standard");
    let features = ["gate", "--against", "HEAD~1", "--features", "simd"];
    refused(&features, "there is no feature `simd`: there is default, extra, std");
    refused(&["compare", "HEAD~1", "HEAD", "--bench", "slow"], "there is no bench target `slow`");
    refused(&["claims", "of_quick -20%", "--against", "HEAD~1", "-p", "third"], "there is no package `third`");
    let command = ["gate", "--command", "true", "--against", "HEAD~1", "--bench", "quick"];
    refused(&command, "`--package`, `--bench` and features are those of cargo packages");
}
