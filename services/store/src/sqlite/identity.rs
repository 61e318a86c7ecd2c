//! Which files a store is: SQLite goes on writing into a file that was deleted or replaced.

use crate::StoreError;
use std::{
    fs::{self, File, Metadata, OpenOptions},
    io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

/// What every SQLite file begins with.
const MAGIC: &[u8] = b"SQLite format 3\0";
const HEADER: usize = 100;

/// The files of an open store, as they were when it was opened. They must be kept open, or
/// the system may give their inode numbers to other files.
#[derive(Debug)]
pub(super) struct Identity {
    files: Vec<(PathBuf, FileId)>,
    contents: Contents,
}

/// What the database's file said of itself, read past SQLite, which has pages of its own in memory.
///
/// This is a best effort against a file that is written over in place. It notices a file that got
/// shorter than it was, that is no database, or whose change counter went back: an older copy. It does
/// not notice a copy with a counter as high or higher. SQLite need not count up where no page is
/// added, so that a copy from since then looks the same.
#[derive(Debug)]
struct Contents {
    /// Held until the connections are gone: to close any descriptor of a file is to give up the
    /// locks that this process has on it.
    file: File,
    last: Mutex<Header>,
}

#[derive(Clone, Copy, Debug)]
struct Header {
    changes: u32,
    /// Pages of the database by its header.
    pages: u64,
    /// Whole pages of the file.
    has: u64,
}

/// Device and inode.
#[cfg(unix)]
type FileId = (u64, u64);
/// Where files have no number, when it was made.
#[cfg(not(unix))]
type FileId = Option<std::time::SystemTime>;

impl Identity {
    /// Of the database, its log of writes and the index of that log. SQLite puts these beside the
    /// file that a link leads to.
    pub(super) fn of(path: &Path) -> Result<Identity, StoreError> {
        let real = fs::canonicalize(path)?;
        let files = ["", "-wal", "-shm"].map(|ending| {
            let mut name = real.as_os_str().to_owned();
            name.push(ending);
            let path = PathBuf::from(name);
            let id = file_id(&fs::metadata(&path)?);
            Ok((path, id))
        });
        let mut files = files.into_iter().collect::<io::Result<Vec<_>>>()?;
        if real != path {
            files.push((path.to_owned(), file_id(&fs::metadata(path)?)));
        }
        Ok(Identity { files, contents: Contents::of(&real)? })
    }

    /// # Errors
    /// [`StoreError::Replaced`] where a file is gone, or another one, or was written over.
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
        let path = self.files.first().map(|(path, _)| path.display());
        match self.contents.fault()? {
            Some(fault) => {
                let path = path.map(|path| path.to_string()).unwrap_or_default();
                Err(StoreError::Replaced(format!("{path} was written over: {fault}")))
            }
            None => Ok(()),
        }
    }
}

impl Contents {
    #[expect(
        clippy::disallowed_methods,
        reason = "it must stay open: closing it would drop SQLite's locks of this process"
    )]
    fn of(path: &Path) -> Result<Contents, StoreError> {
        let file = File::open(path)?;
        let last = header(&file)?.ok_or_else(|| {
            StoreError::Replaced(format!("{} holds no database any more", path.display()))
        })?;
        Ok(Contents { file, last: Mutex::new(last) })
    }

    /// Signs that another program wrote the file. A checkpoint may be under way: it writes the
    /// header first, and the file grows or shrinks after it. So only pages that the file had before,
    /// and still needs by its header, must be there.
    fn fault(&self) -> io::Result<Option<&'static str>> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(header) = header(&self.file)? else { return Ok(Some("it is no database")) };
        // The counter may wrap around.
        if header.changes.wrapping_sub(last.changes) > u32::MAX / 2 {
            return Ok(Some("it is an older copy"));
        }
        if header.has < header.pages.min(last.pages).min(last.has) {
            return Ok(Some("it was cut short"));
        }
        *last = header;
        Ok(None)
    }
}

/// The head of the file; none where it is not that of a database.
fn header(file: &File) -> io::Result<Option<Header>> {
    let mut bytes = [0; HEADER];
    if read_start(file, &mut bytes)? < HEADER || !bytes.starts_with(MAGIC) {
        return Ok(None);
    }
    let number = |at: usize| u32::from_be_bytes([0, 1, 2, 3].map(|i| bytes[at + i]));
    let page = match u64::from(u16::from_be_bytes([bytes[16], bytes[17]])) {
        // The largest size does not fit in two bytes.
        1 => 65_536,
        0 => return Ok(None),
        page => page,
    };
    let has = file.metadata()?.len() / page;
    Ok(Some(Header { changes: number(24), pages: number(28).into(), has }))
}

#[cfg(unix)]
fn read_start(file: &File, bytes: &mut [u8]) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, bytes, 0)
}

#[cfg(not(unix))]
fn read_start(mut file: &File, bytes: &mut [u8]) -> io::Result<usize> {
    use std::io::{Read as _, Seek as _};
    file.rewind()?;
    file.read(bytes)
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
