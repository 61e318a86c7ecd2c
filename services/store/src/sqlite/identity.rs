//! Which files a store is: SQLite goes on writing into a file that was deleted or replaced.

use crate::StoreError;
use std::{
    fs::{self, Metadata, OpenOptions},
    io,
    path::{Path, PathBuf},
};

/// The files of an open store, as they were when it was opened. Somebody must keep them open, or
/// their numbers may be given to other files.
#[derive(Debug)]
pub(super) struct Identity {
    files: Vec<(PathBuf, FileId)>,
}

/// Device and inode.
#[cfg(unix)]
type FileId = (u64, u64);
/// Where files have no number, when it was made.
#[cfg(not(unix))]
type FileId = Option<std::time::SystemTime>;

impl Identity {
    /// Of the database, its log of writes and the index of that log.
    pub(super) fn of(path: &Path) -> io::Result<Identity> {
        let files = ["", "-wal", "-shm"].map(|ending| {
            let mut name = path.as_os_str().to_owned();
            name.push(ending);
            let path = PathBuf::from(name);
            let id = file_id(&fs::metadata(&path)?);
            Ok((path, id))
        });
        Ok(Identity { files: files.into_iter().collect::<io::Result<_>>()? })
    }

    /// # Errors
    /// [`StoreError::Replaced`] where a file is gone, or another one.
    pub(super) fn verify(&self) -> Result<(), StoreError> {
        for (path, id) in &self.files {
            let is = match fs::metadata(path) {
                Ok(metadata) if file_id(&metadata) == *id => continue,
                Ok(_) => "is another file now",
                Err(error) if error.kind() == io::ErrorKind::NotFound => "is gone",
                Err(error) => return Err(error.into()),
            };
            return Err(StoreError::Replaced(format!("{} {is}", path.display())));
        }
        Ok(())
    }
}

#[cfg(unix)]
fn file_id(metadata: &Metadata) -> FileId {
    use std::os::unix::fs::MetadataExt as _;
    (metadata.dev(), metadata.ino())
}

#[cfg(not(unix))]
fn file_id(metadata: &Metadata) -> FileId {
    metadata.created().ok()
}

/// Makes an empty file that only its owner can read, where there is none; SQLite gives the files
/// beside it the same mode. Whether it was made.
pub(super) fn make_private(path: &Path) -> io::Result<bool> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}
