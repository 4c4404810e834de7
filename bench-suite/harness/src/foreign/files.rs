//! Files of other tools on the disk: what lies below a folder, and text in the encodings that tools write.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, ensure};

/// As much of a file as tells which tool wrote it.
const HEAD: u64 = 8 << 10;

/// What lies below a folder, sorted.
#[derive(Debug, Default)]
pub(super) struct Tree {
    /// Files with content: no pipes, no devices, no links to nothing.
    pub(super) files: Vec<PathBuf>,
    /// Folders in which nothing lies.
    pub(super) empty: Vec<PathBuf>,
}

/// Everything below a folder. A folder is read once, however many links lead to it, and a link to a folder above
/// `root` is not followed.
pub(super) fn walk(root: &Path) -> Result<Tree> {
    let cannot = |path: &Path| format!("can't read {}", path.display());
    let whole = std::fs::canonicalize(root).with_context(|| cannot(root))?;
    let (mut tree, mut seen) = (Tree::default(), BTreeSet::new());
    // Links come last, so that a folder is known by the name that it has without them.
    let (mut folders, mut links) = (vec![root.to_owned()], Vec::new());
    while let Some(folder) = folders.pop().or_else(|| links.pop()) {
        let real = std::fs::canonicalize(&folder).with_context(|| cannot(&folder))?;
        if (real != whole && whole.starts_with(&real)) || !seen.insert(real) {
            continue;
        }
        let mut is_empty = true;
        for entry in std::fs::read_dir(&folder).with_context(|| cannot(&folder))? {
            let entry = entry.with_context(|| cannot(&folder))?;
            let (path, kind) = (entry.path(), entry.file_type().with_context(|| cannot(&folder))?);
            is_empty = false;
            match path.is_dir() {
                true if kind.is_symlink() => links.push(path),
                true => folders.push(path),
                false if path.is_file() => tree.files.push(path),
                false => {}
            }
        }
        if is_empty {
            tree.empty.push(folder);
        }
    }
    tree.files.sort();
    tree.empty.sort();
    Ok(tree)
}

/// The text of a file.
pub(super) fn text(path: &Path) -> Result<String> {
    let bytes = std::fs::read(path).with_context(|| format!("can't read {}", path.display()))?;
    decode(&bytes)
}

/// The beginning of a file's text; empty if there is none.
pub(super) fn head(path: &Path) -> String {
    let mut bytes = Vec::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(HEAD).read_to_end(&mut bytes));
    match (read, decode(&bytes)) {
        (Ok(_), Ok(text)) => text,
        // The end may have cut a character.
        (Ok(_), Err(_)) => String::from_utf8_lossy(&bytes).into_owned(),
        (Err(_), _) => String::new(),
    }
}

/// UTF-8 or UTF-16, with or without a byte order mark. JSON begins with an ASCII character, which tells UTF-16 without
/// one.
fn decode(bytes: &[u8]) -> Result<String> {
    let text = match bytes {
        [0xff, 0xfe, ..] | [1..=0x7f, 0, ..] => utf16(bytes, u16::from_le_bytes)?,
        [0xfe, 0xff, ..] | [0, 1..=0x7f, ..] => utf16(bytes, u16::from_be_bytes)?,
        _ => String::from_utf8(bytes.to_vec())
            .map_err(|error| anyhow!("neither UTF-8 nor UTF-16 text (byte {})", error.utf8_error().valid_up_to()))?,
    };
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<String> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    ensure!(rest.is_empty(), "UTF-16 text of {} bytes, an odd number: it was cut off", bytes.len());
    let units: Vec<u16> = pairs.iter().map(|pair| unit(*pair)).collect();
    String::from_utf16(&units).context("damaged UTF-16 text")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_read_in_the_encodings_that_tools_write() {
        let le: Vec<u8> = "\u{feff}{\u{e9}}".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let be: Vec<u8> = "\u{feff}{\u{e9}}".encode_utf16().flat_map(u16::to_be_bytes).collect();
        for bytes in [&le[..], &be, &le[2..], &be[2..], "{\u{e9}}".as_bytes(), "\u{feff}{\u{e9}}".as_bytes()] {
            assert_eq!(decode(bytes).expect("text"), "{\u{e9}}", "{bytes:?}");
        }
        assert!(decode(b"\xe9}").expect_err("latin 1").to_string().contains("neither UTF-8 nor UTF-16"));
        assert!(decode(&le[..3]).expect_err("cut").to_string().contains("cut off"));
        assert_eq!(decode(b"").expect("nothing"), "");
    }

    #[cfg(unix)]
    #[test]
    fn links_and_pipes_do_not_hang() {
        use std::os::unix::fs::symlink;
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir_all(at("a/b")).expect("made");
        std::fs::create_dir_all(at("a/hollow")).expect("made");
        std::fs::write(at("a/b/x.json"), "{}").expect("written");
        for (target, link) in [("..", "a/b/up"), ("/", "a/root"), ("../a", "a/self"), ("b", "a/0"), ("gone", "a/dead")]
        {
            symlink(target, at(link)).expect("linked");
        }
        let made = std::process::Command::new("mkfifo").arg(at("a/pipe.json")).status().expect("mkfifo starts");
        assert!(made.success(), "a pipe");
        let tree = walk(&at("a")).expect("walks");
        assert_eq!((tree.files, tree.empty), (vec![at("a/b/x.json")], vec![at("a/hollow")]));
    }
}
