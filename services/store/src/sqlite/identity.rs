//! The identity of a store's files: SQLite continues to write into a file that was deleted or
//! replaced.

use crate::StoreError;
use std::{
    fs::{self, File, Metadata, OpenOptions},
    io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

/// The first bytes of every SQLite file.
const MAGIC: &[u8] = b"SQLite format 3\0";
const HEADER: usize = 100;

/// The files of an open store, as they were when it was opened. They must stay open, or the system
/// may reuse their inode numbers.
#[derive(Debug)]
pub(super) struct Identity {
    files: Vec<(PathBuf, FileId)>,
    contents: Contents,
}

/// The database file's header, read without SQLite, which caches pages in memory.
///
/// This is a best effort to notice that a file was overwritten in place. It detects a file that
/// became shorter than it was, that is not a database, or whose change counter went back, which
/// means an older copy. It does not detect a copy with an equal or higher counter. SQLite need not
/// increment the counter when no page is added, so a copy from such a time looks the same.
#[derive(Debug)]
struct Contents {
    /// Kept until the connections are closed: closing any descriptor of a file releases the locks
    /// that this process holds on it.
    file: File,
    last: Mutex<Header>,
}

#[derive(Clone, Copy, Debug)]
struct Header {
    changes: u32,
    /// Number of pages according to the header.
    pages: u64,
    /// Number of whole pages in the file.
    has: u64,
}

/// Device and inode.
#[cfg(unix)]
type FileId = (u64, u64);
/// Creation time, on systems whose files have no inode number.
#[cfg(not(unix))]
type FileId = Option<std::time::SystemTime>;

impl Identity {
    /// Opens the database, its WAL and the WAL's index. SQLite puts the last two beside the file
    /// that a link leads to.
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
    /// [`StoreError::Replaced`] if a file is gone, was replaced, or was overwritten.
    pub(super) fn verify(&self) -> Result<(), StoreError> {
        for (path, id) in &self.files {
            let is = match fs::metadata(path) {
                Ok(metadata) if file_id(&metadata) == *id => continue,
                Ok(_) => "was replaced by another file",
                Err(error) if error.kind() == io::ErrorKind::NotFound => "is missing",
                Err(error) => return Err(error.into()),
            };
            return Err(StoreError::Replaced(format!("{} {is}", path.display())));
        }
        let path = self.files.first().map(|(path, _)| path.display());
        match self.contents.fault()? {
            Some(fault) => {
                let path = path.map(|path| path.to_string()).unwrap_or_default();
                Err(StoreError::Replaced(format!("{path} was overwritten: {fault}")))
            }
            None => Ok(()),
        }
    }
}

impl Contents {
    #[expect(
        clippy::disallowed_methods,
        reason = "it must stay open: closing it would release SQLite's locks of this process"
    )]
    fn of(path: &Path) -> Result<Contents, StoreError> {
        let file = File::open(path)?;
        let last = header(&file)?.ok_or_else(|| {
            StoreError::Replaced(format!("{} is no longer a database", path.display()))
        })?;
        Ok(Contents { file, last: Mutex::new(last) })
    }

    /// Signs that another program wrote the file. A checkpoint may be in progress: it writes the
    /// header first, and the file grows or shrinks afterwards. So only pages that the file had
    /// before, and still needs according to its header, must exist.
    fn fault(&self) -> io::Result<Option<&'static str>> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(header) = header(&self.file)? else { return Ok(Some("it is not a database")) };
        // The counter may wrap around.
        if header.changes.wrapping_sub(last.changes) > u32::MAX / 2 {
            return Ok(Some("it is an older copy"));
        }
        if header.has < header.pages.min(last.pages).min(last.has) {
            return Ok(Some("it was truncated"));
        }
        *last = header;
        Ok(None)
    }
}

/// The file's header; `None` if it is not that of a database.
fn header(file: &File) -> io::Result<Option<Header>> {
    let mut bytes = [0; HEADER];
    if read_start(file, &mut bytes)? < HEADER || !bytes.starts_with(MAGIC) {
        return Ok(None);
    }
    let number = |at: usize| u32::from_be_bytes([0, 1, 2, 3].map(|i| bytes[at + i]));
    let page = match u64::from(u16::from_be_bytes([bytes[16], bytes[17]])) {
        // The largest page size does not fit in two bytes, so it is stored as 1.
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

/// Creates an empty file that only its owner can read, unless it exists; SQLite gives the files
/// beside it the same mode. Returns whether it was created.
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
