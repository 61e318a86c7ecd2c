//! Writes a report to a file: whole or not at all.

use crate::{error_report::Fault, report::document::Document, terminal};
use anyhow::{Context as _, Result, bail};
use clap::Args;
use std::{
    fs::Permissions,
    io::Write as _,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

/// Where the page is written to.
#[derive(Args, Clone, Debug)]
pub(crate) struct ReportArguments {
    /// Also write the answer to this file as one HTML page with tables and charts, which needs no
    /// other file and prints on about two pages. An existing file is replaced.
    #[arg(long, value_name = "FILE.html")]
    report: Option<PathBuf>,
}

impl ReportArguments {
    /// Whether a report was asked for.
    pub(crate) const fn is_asked(&self) -> bool {
        self.report.is_some()
    }

    /// Refuses a report where there is none.
    ///
    /// # Errors
    /// If one was asked for.
    pub(crate) fn refuse(&self, what: &str) -> Result<()> {
        match self.is_asked() {
            true => bail!(Fault::Usage(format!("there is no --report of {what}"))),
            false => Ok(()),
        }
    }

    /// Notices a file that cannot be written before the answer is waited for.
    ///
    /// # Errors
    /// If its folder does not exist, or the path is that of a folder.
    pub(crate) fn check(&self) -> Result<()> {
        let Some(path) = &self.report else { return Ok(()) };
        let shown = path.display();
        if path == Path::new("-") {
            bail!(Fault::Usage("--report needs a file: standard output has the answer".to_owned()));
        }
        if path.is_dir() || path.file_name().is_none() {
            bail!(Fault::Usage(format!("--report {shown}: that is a folder, not a file")));
        }
        if !folder(path).is_dir() {
            bail!(Fault::Usage(format!("--report {shown}: its folder does not exist")));
        }
        // A slip of the hand would replace the book itself. Pipes and devices are named as they are.
        let is_page = path.extension().is_some_and(|ending| ending == "html" || ending == "htm");
        if !is_page && (path.is_file() || !path.exists()) {
            bail!(Fault::Usage(format!("--report {shown}: its name must end in .html")));
        }
        Ok(())
    }

    /// Writes the page, and says where it is.
    ///
    /// # Errors
    /// If the file cannot be written; an existing one is then left as it was.
    pub(crate) fn write(&self, document: impl FnOnce() -> Document) -> Result<()> {
        let Some(path) = &self.report else { return Ok(()) };
        replace(path, &document().html())
            .with_context(|| format!("the report {} cannot be written", path.display()))?;
        terminal::warn(&format!("report: {}", path.display()));
        Ok(())
    }
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Writes beside the file and renames, so that nobody reads half a page.
fn replace(path: &Path, text: &str) -> Result<()> {
    // A pipe or a device is written to, and a link is followed: a rename would put a file in its place.
    let known = path.canonicalize();
    if let Ok(known) = &known
        && !known.is_file()
    {
        std::fs::OpenOptions::new().write(true).open(known)?.write_all(text.as_bytes())?;
        return Ok(());
    }
    let path = known.as_deref().unwrap_or(path);
    // The rights that a new file has, not those of a secret.
    let rights = Permissions::from_mode(0o666);
    let mut file = tempfile::Builder::new().permissions(rights).tempfile_in(folder(path))?;
    file.write_all(text.as_bytes())?;
    file.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_replaces_a_file_and_follows_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("a.html"), folder.path().join("b.html"));
        replace(&path, "first").unwrap();
        replace(&path, "second").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "second");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        replace(&link, "third").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "third");
        assert!(link.is_symlink());
        // Nothing is left beside them.
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
        replace(Path::new("/dev/null"), "nothing").unwrap();
        assert!(!Path::new("/dev/null").is_file());
    }

    #[test]
    fn a_place_without_a_file_is_noticed_first() {
        let folder = tempfile::tempdir().unwrap();
        let check = |path: &Path| ReportArguments { report: Some(path.to_owned()) }.check();
        assert!(check(&folder.path().join("a.html")).is_ok() && check(Path::new("a.html")).is_ok());
        let refused = |path: &Path| check(path).unwrap_err().to_string();
        assert!(refused(&folder.path().join("book.csv")).ends_with("must end in .html"));
        assert!(check(Path::new("/dev/null")).is_ok());
        assert!(refused(folder.path()).ends_with("that is a folder, not a file"));
        assert!(refused(&folder.path().join("no/a.html")).ends_with("its folder does not exist"));
        assert!(refused(Path::new("-")).starts_with("--report needs a file"));
        assert!(refused(Path::new("")).ends_with("that is a folder, not a file"));
    }
}
