//! Atomic writes: a file is written beside its place, flushed to the disk, then renamed.

use std::fs::Permissions;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::{Error, Result};

/// Writes `contents` to `path`. A reader sees the old file or the new one, never a part, even after a crash.
pub fn write(path: &Path, contents: &[u8]) -> Result<()> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    std::fs::create_dir_all(folder).map_err(Error::io("make the folder", folder))?;
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(Error::io("write in", folder))?;
    file.write_all(contents).map_err(Error::io("write", path))?;
    file.as_file().sync_all().map_err(Error::io("flush", path))?;
    let saved = file.persist(path).map_err(|error| Error::io("replace", path)(error.error))?;
    // Temporary files are private, records are for all readers.
    saved.set_permissions(Permissions::from_mode(0o644)).map_err(Error::io("set the permissions of", path))?;
    sync_folder(folder)
}

/// Flushes `folder`, so that a rename in it survives a power cut.
pub(crate) fn sync_folder(folder: &Path) -> Result<()> {
    let handle = std::fs::File::open(folder).map_err(Error::io("open", folder))?;
    handle.sync_all().map_err(Error::io("flush", folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_leaves_the_old_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("record");
        write(&path, b"old").expect("writes");
        let blocked = folder.path().join("record").join("below-a-file");
        assert!(write(&blocked, b"new").is_err());
        assert_eq!(std::fs::read(&path).expect("reads"), b"old");
        write(&path, b"new").expect("replaces");
        assert_eq!(std::fs::read(&path).expect("reads"), b"new");
        assert_eq!(std::fs::read_dir(folder.path()).expect("lists").count(), 1, "no temporary file stays");
    }
}
