//! A zip archive of one file of data.

use crate::upload::{UploadFault, damaged, sink::Sink, truncated};
use std::io::{self, Cursor, Read as _};
use zip::{ZipArchive, result::ZipError};

/// Reads the one file of an archive into a sink. Folders and what a Mac adds are not counted.
pub(crate) fn read(mut sink: Sink, bytes: &[u8]) -> Result<Sink, UploadFault> {
    // The list of members stands at the end: without it the archive was cut off.
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|_| truncated("zip"))?;
    let is_data = |name: &&str| {
        let file = name.rsplit('/').next().unwrap_or_default();
        !(file.is_empty() || file.starts_with('.') || name.starts_with("__MACOSX/"))
    };
    let names: Vec<String> = archive.file_names().filter(is_data).map(str::to_owned).collect();
    let [name] = names.as_slice() else {
        return Err(match names.len() {
            0 => UploadFault::refused("EMPTY_ARCHIVE", "the zip archive holds no file"),
            several => UploadFault::refused(
                "SEVERAL_FILES",
                format!(
                    "the zip archive holds {several} files ({}, …): send each file by itself",
                    names.iter().take(3).map(String::as_str).collect::<Vec<_>>().join(", ")
                ),
            ),
        });
    };
    let mut member = archive.by_name(name).map_err(|error| zip_fault(&error))?;
    sink.received(bytes.len() as u64);
    let mut buffer = vec![0; 256 * 1024];
    loop {
        let read = member.read(&mut buffer).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => truncated("zip"),
            _ => damaged("zip", &error),
        })?;
        if read == 0 {
            return Ok(sink);
        }
        sink.take(&buffer[..read], bytes.len() as u64)?;
    }
}

fn zip_fault(error: &ZipError) -> UploadFault {
    match error {
        ZipError::UnsupportedArchive(what) => {
            UploadFault::refused("UNSUPPORTED_ARCHIVE", format!("the zip archive: {what}"))
        }
        other => UploadFault::refused("DAMAGED_FILE", format!("the zip file is damaged: {other}")),
    }
}
