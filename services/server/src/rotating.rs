//! Values made from files that others replace while the server runs: certificates, keys, tokens.
//!
//! They are read again at an interval and not on a signal: an operator, or a mounted secret of
//! Kubernetes, can replace them without knowing the process. A set of files that is not whole, as in
//! the middle of a replacement, is an error that changes nothing.

use crate::limits;
use std::{
    fmt::Display,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::io::AsyncReadExt as _;

/// A file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It cannot be read.
    #[error("{path} cannot be read: {cause}", path = path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        cause: std::io::Error,
    },
    /// It is larger than any such file.
    #[error("{path} has more than {most} bytes", path = path.display(), most = limits::SECRET_FILE_BYTES)]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
}

/// Reads the files of one value, and hashes all of them.
#[derive(Debug, Default)]
pub struct Files {
    hasher: blake3::Hasher,
}

impl Files {
    /// The bytes of a file.
    ///
    /// # Errors
    /// [`FileError`], naming the file.
    pub async fn read(&mut self, path: &Path) -> Result<Vec<u8>, FileError> {
        let unreadable = |cause| FileError::Unreadable { path: path.to_owned(), cause };
        let file = tokio::fs::File::open(path).await.map_err(unreadable)?;
        let mut bytes = Vec::new();
        let most = limits::SECRET_FILE_BYTES;
        file.take(most + 1).read_to_end(&mut bytes).await.map_err(unreadable)?;
        if most < bytes.len() as u64 {
            return Err(FileError::TooLarge { path: path.to_owned() });
        }
        self.hasher.update(&bytes.len().to_le_bytes()).update(&bytes);
        Ok(bytes)
    }
}

/// A value made from files.
pub trait Rotated: Send + Sync + Sized + 'static {
    /// What it is made by, besides the files.
    type Settings: Clone + Send + Sync + 'static;
    /// Why it cannot be made.
    type Error: Display + Send;
    /// What it is, for the log.
    const WHAT: &'static str;

    /// Reads the files and makes the value.
    fn load(
        settings: &Self::Settings,
        files: &mut Files,
    ) -> impl Future<Output = Result<Self, Self::Error>> + Send;
}

/// The newest value. Clones share it.
#[derive(Debug)]
pub struct Rotating<T>(Arc<Mutex<(blake3::Hash, Arc<T>)>>);

impl<T> Clone for Rotating<T> {
    fn clone(&self) -> Rotating<T> {
        Rotating(Arc::clone(&self.0))
    }
}

impl<T: Rotated> Rotating<T> {
    /// Makes the first value.
    ///
    /// # Errors
    /// If it cannot be made.
    pub async fn load(settings: &T::Settings) -> Result<Rotating<T>, T::Error> {
        let mut files = Files::default();
        let value = T::load(settings, &mut files).await?;
        Ok(Rotating(Arc::new(Mutex::new((files.hasher.finalize(), Arc::new(value))))))
    }

    /// The newest value.
    pub fn now(&self) -> Arc<T> {
        Arc::clone(&self.0.lock().unwrap_or_else(PoisonError::into_inner).1)
    }

    /// Reads the files again for ever, and replaces the value when they have changed.
    pub async fn follow(self, settings: T::Settings, every: Duration) {
        let mut is_failing = false;
        loop {
            tokio::time::sleep(every).await;
            let mut files = Files::default();
            match T::load(&settings, &mut files).await {
                Ok(value) => {
                    is_failing = false;
                    self.replace(files.hasher.finalize(), value);
                }
                // Said once until it works again.
                Err(error) if !is_failing => {
                    is_failing = true;
                    warn_kept(T::WHAT, &error.to_string());
                }
                Err(_) => {}
            }
        }
    }

    fn replace(&self, hash: blake3::Hash, value: T) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.0 != hash {
            *kept = (hash, Arc::new(value));
            tracing::info!(what = T::WHAT, "files have changed; the new ones count from now on");
        }
    }
}

fn warn_kept(what: &str, cause: &str) {
    tracing::warn!(what, cause, "files cannot be read again; the earlier ones go on counting");
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Text(String);

    impl Rotated for Text {
        type Settings = PathBuf;
        type Error = FileError;
        const WHAT: &'static str = "text";

        async fn load(path: &PathBuf, files: &mut Files) -> Result<Text, FileError> {
            Ok(Text(String::from_utf8_lossy(&files.read(path).await?).into_owned()))
        }
    }

    async fn until(rotating: &Rotating<Text>, text: &str) {
        let waited = async {
            while rotating.now().0 != text {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(40), waited).await.unwrap();
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_value_follows_its_file_and_outlives_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        tokio::fs::write(&path, "one").await.unwrap();
        let rotating = Rotating::<Text>::load(&path).await.unwrap();
        assert_eq!(rotating.now().0, "one");
        let following =
            tokio::spawn(rotating.clone().follow(path.clone(), Duration::from_millis(1)));
        tokio::fs::write(&path, "two").await.unwrap();
        until(&rotating, "two").await;
        tokio::fs::remove_file(&path).await.unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert_eq!(rotating.now().0, "two");
        tokio::fs::write(&path, "three").await.unwrap();
        until(&rotating, "three").await;
        following.abort();
    }

    #[tokio::test]
    async fn a_file_without_end_is_refused() {
        let error = Files::default().read(Path::new("/dev/zero")).await.unwrap_err();
        assert!(matches!(error, FileError::TooLarge { .. }), "{error}");
    }
}
