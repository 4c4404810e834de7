//! Builds that leave their programs among the files of the source: each source has its own, whatever they write.

use std::path::Path;
use std::sync::Arc;

use harness::build::checkout::{Build, SourceCheckout};
use harness::build::git::git;
use harness::build::in_place::InPlace;

fn commit(repository: &Path, word: &str) {
    std::fs::create_dir_all(repository.join("tool")).unwrap();
    std::fs::write(repository.join("tool/word"), word).unwrap();
    std::fs::write(repository.join(".gitignore"), "Cargo.lock\n").unwrap();
    std::fs::write(repository.join("Cargo.lock"), "version = 4\n").unwrap();
    git(repository, &["add", "."]).unwrap();
    let own = ["-c", "user.name=test", "-c", "user.email=test@localhost"];
    git(repository, &[&own[..], &["commit", "--quiet", "-m", word]].concat()).unwrap();
}

fn read(build: &Build, file: &str) -> String {
    std::fs::read_to_string(build.tree.join(file)).unwrap().trim().to_owned()
}

#[test]
fn a_build_may_write_into_its_files_and_keep_its_own_path() {
    let folder = tempfile::tempdir().unwrap();
    let repository = folder.path().join("repository");
    std::fs::create_dir(&repository).unwrap();
    git(&repository, &["init", "--quiet"]).unwrap();
    commit(&repository, "first");
    commit(&repository, "second");
    let checkout = |build: &str| SourceCheckout {
        home: folder.path().join("home"),
        repository: repository.clone(),
        recipe: Arc::new(InPlace { folder: "tool".into(), build: Some(build.to_owned()) }),
        variables: vec![],
        prefill_from: None,
    };
    let here = checkout("echo built >> word; pwd > place");
    let (base, new) = (here.revision("HEAD~1").unwrap(), here.working_tree().unwrap());
    assert_eq!((read(&base, "tool/word").as_str(), read(&new, "tool/word").as_str()), ("firstbuilt", "secondbuilt"));
    for build in [&base, &new] {
        assert_eq!(Path::new(&read(build, "tool/place")), build.tree.join("tool").canonicalize().unwrap());
        assert_eq!(read(build, "Cargo.lock"), "version = 4", "both sides use the repository's");
    }
    let lengths = [&base, &new].map(|build| build.tree.as_os_str().len());
    assert_eq!(lengths[0], lengths[1], "a path's length moves a program's stack");
    assert_eq!(here.changed_files(&base, &new).unwrap(), ["tool/word"]);
    let again = here.revision("HEAD").unwrap();
    assert_eq!((&again.folder, read(&again, "tool/word").as_str()), (&new.folder, "secondbuilt"), "not built again");
    let data = again.tree.join("tool/data.sqlite");
    std::fs::write(&data, "of a run").unwrap();
    drop([base, new, again]);
    let next = here.revision("HEAD").unwrap();
    assert!(!data.exists(), "what a program left behind is not the next gate's");
    std::fs::write(next.tree.join("tool/word"), "of a run").unwrap();
    drop(next);
    assert_eq!(read(&here.revision("HEAD").unwrap(), "tool/word"), "secondbuilt", "built again");
    let error = format!("{:#}", checkout("exit 7").revision("HEAD").unwrap_err());
    assert!(error.contains("exit status: 7") && error.contains("choose another revision"), "{error}");
    assert!(checkout("true").revision("HEAD").is_ok(), "what failed is not kept");
}
