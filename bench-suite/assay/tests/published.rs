//! What is published with the repository: the example of a report, and the site of the documents.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// What a command makes of its input.
fn piped(command: &str, arguments: &[&str], input: Vec<u8>) -> Vec<u8> {
    let mut child = Command::new(command)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{command}: {error}"));
    let mut stdin = child.stdin.take().expect("piped");
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().expect("ends");
    writer.join().expect("no panic").expect("written");
    assert!(output.status.success(), "{command} failed");
    output.stdout
}

/// The files in a page, by their names, unpacked.
fn raw_files(page: &str) -> Vec<(String, Vec<u8>)> {
    let links = page.split("href=\"data:application/gzip;base64,").skip(1);
    links
        .map(|rest| {
            let (packed, rest) = rest.split_once("\" download=\"").expect("a link");
            let name = rest.split(".gz\"").next().expect("a name").to_owned();
            (name, piped("gunzip", &[], piped("base64", &["-d"], packed.into())))
        })
        .collect()
}

#[test]
fn the_example_is_made_again_from_what_is_in_it() {
    let page_path = root().join("reports/example/index.html");
    let page = fs::read_to_string(&page_path).expect("the example");
    let folder = tempfile::tempdir().expect("a folder");
    let files = raw_files(&page);
    for (name, bytes) in &files {
        let text = String::from_utf8_lossy(bytes);
        for path in ["/home/", "/root/", "/work/", "/tmp/", "/usr/"] {
            assert!(!text.contains(path) && !page.contains(path), "{name} names a path below {path}");
        }
        fs::write(folder.path().join(name), bytes).expect("written");
    }
    let (run, _) = files.iter().find(|(name, _)| name.ends_with(".jsonl")).expect("a run is in the page");
    let output = Command::new(env!("CARGO_BIN_EXE_assay"))
        .args(["report", run, "--output", "index.html"])
        .current_dir(folder.path())
        .output()
        .expect("assay starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let again = fs::read_to_string(folder.path().join("index.html")).expect("a page");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&page_path, &again).expect("the example is written");
        return;
    }
    let differs = page.lines().zip(again.lines()).position(|(old, new)| old != new);
    assert!(page == again, "line {differs:?} differs: UPDATE_GOLDEN=1 writes the example anew");
    assert!(page.len() < 1_000_000, "{} bytes", page.len());
}

/// The figures of the guide are those of the records that it names.
#[test]
fn the_figures_of_the_optimisation_guide_are_those_of_its_sources() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = fs::read_to_string(root().join("docs/optimisation.md")).expect("the guide");
    let stored = fs::read_dir(root().join("baselines/stored")).expect("baselines");
    let stored = stored
        .map(|entry| entry.expect("an entry").path())
        .find(|path| text.contains(path.file_name().expect("a name").to_string_lossy().as_ref()));
    let (run, bytes) = raw_files(&fs::read_to_string(root().join("reports/example/index.html")).expect("the example"))
        .into_iter()
        .find(|(name, _)| name.ends_with(".jsonl"))
        .expect("a run is in the page");
    let example = folder.path().join(run);
    fs::write(&example, bytes).expect("written");
    let stored = stored.expect("the guide names a stored baseline");
    let sources =
        [(stored, "single-toggles"), (example, "phase-steps,interactions"), (root().join(CLAIMS), "claimed-toggles")];
    filled_again("docs/optimisation.md", &sources);
}

/// The claim report that the documents publish.
const CLAIMS: &str = "baselines/claims/amd-epyc-2-cores.json";

#[test]
fn the_published_claims_are_those_of_the_record() {
    filled_again("docs/claims.md", &[(root().join(CLAIMS), "claims")]);
}

/// Empties the blocks of a document, fills them from the sources, each with the names of its blocks, and compares.
fn filled_again(document: &str, sources: &[(PathBuf, &str)]) {
    let folder = tempfile::tempdir().expect("a folder");
    let document = root().join(document);
    let text = fs::read_to_string(&document).expect("the document");
    let copy = folder.path().join("document.md");
    // What stands in the blocks is no matter: they are filled again.
    let emptied: String = text
        .split("<!-- assay:")
        .enumerate()
        .map(|(place, part)| match part.split_once("<!-- /assay -->").filter(|_| place > 0) {
            Some((block, rest)) => {
                let name = block.split(" -->").next().unwrap_or_default();
                format!("<!-- assay:{name} -->\nEMPTIED\n<!-- /assay -->{rest}")
            }
            None => part.to_owned(),
        })
        .collect();
    assert!(emptied.contains("EMPTIED"), "{emptied}");
    fs::write(&copy, &emptied).expect("written");
    for (source, blocks) in sources {
        let output = Command::new(env!("CARGO_BIN_EXE_assay"))
            .args(["report".as_ref(), source.as_os_str(), "--splice".as_ref(), copy.as_os_str()])
            .args(["--blocks", blocks])
            .current_dir(folder.path())
            .output()
            .expect("assay starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let filled = fs::read_to_string(&copy).expect("reads");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&document, filled).expect("the document is written");
        return;
    }
    assert!(!filled.contains("EMPTIED"), "a block has no source:\n{filled}");
    assert!(filled == text, "the figures are others: UPDATE_GOLDEN=1 writes them anew");
}

/// The site has every guide, and its search finds words of each.
#[test]
fn the_site_of_the_documents_finds_words_of_every_guide() {
    let python = root().join("target/python/bin/python");
    let has_it =
        Command::new(python).args(["-c", "import mkdocs"]).output().is_ok_and(|output| output.status.success());
    if !has_it {
        return println!("skipped: MkDocs is not installed, scripts/setup --tests installs it");
    }
    let output = Command::new(root().join("scripts/site")).arg("--documents").output().expect("starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let printed = String::from_utf8_lossy(&output.stdout);
    let index = printed.trim().strip_prefix("site: ").expect("a path");
    let site = root().join(index);
    let site = site.parent().expect("a folder");
    let index = fs::read_to_string(site.join("search/search_index.json")).expect("an index");
    for (page, words) in [
        ("docs/reading.html", "neither green nor red"),
        ("docs/migration.html", "bring your own"),
        ("docs/optimisation.html", "beside each other"),
        ("METHODOLOGY.html", "E-divisive"),
    ] {
        assert!(site.join(page).is_file(), "{page}");
        assert!(index.contains(page) && index.contains(words), "{page}: {words}");
    }
    let front = fs::read_to_string(site.join("index.html")).expect("a page");
    let fetched = ["<script src=\"http", "<link rel=\"stylesheet\" href=\"http", "<script src=\"//"];
    assert!(fetched.iter().all(|fetched| !front.contains(fetched)), "a page asks another host");
}
