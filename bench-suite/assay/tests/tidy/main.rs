//! Rules for the whole tree that rustc, clippy and rustfmt do not check.
//!
//! A rule is a pure function from a tree to complaints. A test plants a violation of each rule in a small tree.

mod circles;
mod crates;
mod source;
mod texts;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::crates::CRATES;

/// Files by their path from the root, with `/`; a file that is not text is empty.
type Tree = BTreeMap<String, String>;
type Rule = fn(&Tree) -> Vec<String>;

const RULES: &[(&str, Rule)] = &[
    ("dependencies", crates::dependencies),
    ("reasons", crates::reasons),
    ("unused", crates::unused),
    ("measured", crates::measured),
    ("paths", crates::paths),
    ("circles", circles::circles),
    ("type names", texts::type_names),
    ("files", texts::files),
    ("columns", texts::columns),
    ("readme", texts::readme),
    ("links", texts::links),
];

fn root() -> PathBuf {
    let text = |folder: &Path| fs::read_to_string(folder.join("Cargo.toml")).unwrap_or_default();
    let mut folders = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    folders.find(|folder| text(folder).contains("[workspace]")).expect("the crate is part of a workspace").to_owned()
}

/// The repository, without Git's files and build folders, and without links to what is elsewhere in it.
fn repository() -> Tree {
    let root = root();
    let mut tree = Tree::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of the repository") {
            let path = entry.expect("an entry").path();
            if path.is_symlink() {
                continue;
            }
            let name = path.strip_prefix(&root).expect("below the root").to_string_lossy().replace('\\', "/");
            if path.is_file() {
                tree.insert(name, fs::read_to_string(&path).unwrap_or_default());
            } else if path.is_dir() && name != ".git" && !name.starts_with("target") {
                folders.push(path);
            }
        }
    }
    tree
}

fn sources(tree: &Tree) -> impl Iterator<Item = (&String, &String)> {
    tree.iter().filter(|(path, _)| path.ends_with(".rs"))
}

#[test]
fn the_tree_is_tidy() {
    let tree = repository();
    assert!(sources(&tree).count() > 100, "the repository was not found at {}", root().display());
    let mut wrong = Vec::new();
    for (name, rule) in RULES {
        wrong.extend(rule(&tree).into_iter().map(|complaint| format!("{name}: {complaint}")));
    }
    assert!(wrong.is_empty(), "{} complaints:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn a_base_compiles_every_crate_of_ours_itself() {
    for name in CRATES.iter().filter_map(|(folder, _)| folder.rsplit('/').next()) {
        let library = format!("lib{}-0123.rlib", name.replace('-', "_"));
        assert!(harness::build::prefill::is_ours(&library), "{name} is taken from another build");
    }
}

#[cfg(unix)]
#[test]
fn scripts_are_executable() {
    use std::os::unix::fs::PermissionsExt;
    for (path, _) in repository().iter().filter(|(_, text)| text.starts_with("#!/")) {
        let mode = fs::metadata(root().join(path)).expect(path).permissions().mode();
        assert_eq!(mode & 0o111, 0o111, "{path} is not executable");
    }
}

/// A tree without complaints: the manifests of the table, and some files.
fn small() -> Tree {
    let manifest = |(folder, used): &(&str, &str)| {
        let used: String = used.split_whitespace().map(|name| format!("{name}.workspace = true\n")).collect();
        (format!("{folder}/Cargo.toml"), format!("[dependencies]\n{used}[lints]\nworkspace = true\n"))
    };
    let mut tree: Tree = CRATES.iter().map(manifest).collect();
    for file in include_str!("small.txt").split("=== ").skip(1) {
        let (path, text) = file.split_once('\n').expect("a path, and a text below it");
        tree.insert(path.to_owned(), text.replace("EXIT CODES", &texts::exit_codes().join("\n")));
    }
    tree
}

#[test]
fn each_rule_finds_what_is_planted() {
    for (name, rule) in RULES {
        assert_eq!(rule(&small()), Vec::<String>::new(), "{name} in the small tree");
    }
    let mut untried: Vec<&str> = RULES.iter().map(|(name, _)| *name).collect();
    for planted in include_str!("planted.txt").split("=== ").skip(1) {
        let (head, text) = planted.split_once('\n').expect("a head, and a text below it");
        let [name, path, expected] = head.split(" | ").collect::<Vec<_>>()[..] else { panic!("{head}: three parts") };
        let (_, rule) = RULES.iter().find(|(rule, _)| *rule == name).expect(name);
        let mut tree = small();
        tree.entry(path.to_owned()).or_default().push_str(&text.replace("500 LINES", &"\n".repeat(500)));
        let found = rule(&tree);
        assert!(found.len() == 1 && found[0].contains(expected), "{head}: {found:?}");
        untried.retain(|untried| *untried != name);
    }
    assert!(untried.is_empty(), "{untried:?} were never seen to fail");
}
