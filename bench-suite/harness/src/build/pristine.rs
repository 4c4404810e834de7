//! The files of a cached build as they were when it was stored: programs that run among them may write some, which the
//! next gate must not find.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use anyhow::{Context, Result};

/// The size and the time of change of each file by its path; of folders, nothing.
type Listing = BTreeMap<String, Option<(u64, i64, i64)>>;

/// Writes the list of all files in a folder to a file outside of it.
pub fn record(folder: &Path, to: &Path) -> Result<()> {
    let listing = serde_json::to_vec(&list(folder)?)?;
    fs::write(to, listing).with_context(|| format!("can't list the files in {}", to.display()))
}

/// Removes what was added since the list was written. False if that is not enough, as something else has changed.
pub fn restore(folder: &Path, listed: &Path) -> bool {
    let Some(then) = fs::read(listed).ok().and_then(|text| serde_json::from_slice::<Listing>(&text).ok()) else {
        return false;
    };
    let Ok(now) = list(folder) else { return false };
    if then.iter().any(|(path, file)| now.get(path) != Some(file)) {
        return false;
    }
    // What is in a folder comes after it.
    let mut added = now.iter().rev().filter(|(path, _)| !then.contains_key(*path));
    let removed = |(path, file): (&String, &Option<_>)| match file {
        Some(_) => fs::remove_file(folder.join(path)).is_ok(),
        None => fs::remove_dir(folder.join(path)).is_ok(),
    };
    added.all(removed)
}

fn list(folder: &Path) -> Result<Listing> {
    let mut listing = Listing::new();
    add(folder, folder, &mut listing)?;
    Ok(listing)
}

fn add(root: &Path, folder: &Path, listing: &mut Listing) -> Result<()> {
    let read = || format!("can't read {}", folder.display());
    for entry in fs::read_dir(folder).with_context(read)? {
        let path = entry.with_context(read)?.path();
        let found = path.symlink_metadata().with_context(read)?;
        let file = (!found.is_dir()).then(|| (found.size(), found.mtime(), found.mtime_nsec()));
        listing.insert(path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned(), file);
        if found.is_dir() {
            add(root, &path, listing)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_added_goes_and_what_was_changed_is_noticed() {
        let folder = tempfile::tempdir().expect("a folder");
        let (files, listed) = (folder.path().join("files"), folder.path().join("files.json"));
        let write = |file: &str, text: &str| {
            let path = files.join(file);
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs::write(path, text).expect("written");
        };
        write("a/source", "one");
        write("b", "");
        assert!(!restore(&files, &listed), "there is no list");
        record(&files, &listed).expect("written");
        assert!(restore(&files, &listed));
        write("a/data", "of a run");
        write("a/cache/page", "of a run");
        assert!(restore(&files, &listed));
        assert_eq!(list(&files).expect("read").keys().collect::<Vec<_>>(), ["a", "a/source", "b"]);
        write("a/source", "another");
        assert!(!restore(&files, &listed));
        fs::remove_file(files.join("a/source")).expect("removed");
        assert!(!restore(&files, &listed));
    }
}
