//! Reads a zip archive with one data file: its directory within limits, then its one member.
//!
//! Follows the format's specification (PKWARE, APPNOTE.TXT 6.3.10, section 4.3). A general archive
//! reader is not used because it keeps every entry of the directory in memory, by name: ten million
//! entries are gigabytes, and of two members with one name it loses the first.

use crate::{
    limits,
    upload::{UploadFault, damaged, sink::Sink, truncated},
};
use flate2::{Crc, bufread::DeflateDecoder};
use std::io::{self, Read};

/// Signature of the "end of central directory" record (4.3.16).
const END: &[u8] = b"PK\x05\x06";
const END_LENGTH: usize = 22;
/// "zip64 end of central directory locator" (4.3.15) and record (4.3.14).
const LOCATOR: &[u8] = b"PK\x06\x07";
const LOCATOR_LENGTH: usize = 20;
const END_64: &[u8] = b"PK\x06\x06";
/// "central directory header" (4.3.12).
const ENTRY: &[u8] = b"PK\x01\x02";
const ENTRY_LENGTH: usize = 46;
/// "local file header" (4.3.7).
const LOCAL: &[u8] = b"PK\x03\x04";
const LOCAL_LENGTH: usize = 30;
/// Longest comment at the end of an archive, bytes.
const COMMENT: usize = 65_535;
/// Value of a field whose number is in the zip64 record.
const IN_64: u32 = u32::MAX;
/// Bytes of a member read at once.
const PIECE: usize = 256 * 1024;

/// Reads the one file of an archive into a sink. Folders and the metadata that macOS adds are
/// ignored; two members with one name are two files.
pub(crate) fn read(mut sink: Sink, bytes: &[u8]) -> Result<Sink, UploadFault> {
    let members = directory(bytes)?;
    let files: Vec<&Member<'_>> = members.iter().filter(|member| member.is_data()).collect();
    let [member] = files.as_slice() else {
        return Err(match files.len() {
            0 => UploadFault::refused("EMPTY_ARCHIVE", "the zip archive contains no file"),
            several => UploadFault::refused(
                "SEVERAL_FILES",
                format!(
                    "the zip archive contains {several} files ({}, …): send each file separately",
                    files.iter().take(3).map(|file| file.shown()).collect::<Vec<_>>().join(", ")
                ),
            ),
        });
    };
    member.unpack(bytes, &mut sink)?;
    Ok(sink)
}

/// A member as described by the directory.
#[derive(Debug)]
struct Member<'a> {
    name: &'a [u8],
    is_encrypted: bool,
    method: u16,
    checksum: u32,
    packed: u64,
    size: u64,
    local: u64,
}

/// Every member, in the order of the directory.
fn directory(bytes: &[u8]) -> Result<Vec<Member<'_>>, UploadFault> {
    let (count, length, start) = end(bytes).ok_or_else(|| truncated("zip"))?;
    if limits::ZIP_MEMBERS < count {
        let most = limits::ZIP_MEMBERS;
        let detail = format!("the zip archive lists {count} members; the limit is {most}");
        return Err(UploadFault::refused("TOO_MANY_MEMBERS", detail));
    }
    let mut rest = part(bytes, start, length).ok_or_else(|| truncated("zip"))?;
    let mut members = Vec::new();
    for _ in 0..count {
        let (member, after) = Member::read(rest).ok_or_else(|| bad("its directory"))?;
        members.push(member);
        rest = after;
    }
    // More entries than were counted would be files that are silently ignored.
    if rest.is_empty() { Ok(members) } else { Err(bad("its directory")) }
}

/// Number of entries, length and offset of the directory. Its record is at the end of the file,
/// before a comment: without it the archive was truncated.
fn end(bytes: &[u8]) -> Option<(u64, u64, u64)> {
    let first = bytes.len().saturating_sub(END_LENGTH + COMMENT);
    let last = bytes.len().checked_sub(END_LENGTH)?;
    let at = (first..=last).rev().find(|at| {
        let ends = u16_at(&bytes[*at..], 20).map(|comment| at + END_LENGTH + usize::from(comment));
        bytes[*at..].starts_with(END) && ends == Some(bytes.len())
    })?;
    let record = &bytes[at..];
    let (count, length, start) = (u16_at(record, 10)?, u32_at(record, 12)?, u32_at(record, 16)?);
    if count != u16::MAX && length != IN_64 && start != IN_64 {
        return Some((count.into(), length.into(), start.into()));
    }
    let locator = &bytes[at.checked_sub(LOCATOR_LENGTH)?..];
    let record = bytes.get(usize::try_from(u64_at(locator, 8)?).ok()?..)?;
    (locator.starts_with(LOCATOR) && record.starts_with(END_64)).then_some(())?;
    Some((u64_at(record, 32)?, u64_at(record, 40)?, u64_at(record, 48)?))
}

impl<'a> Member<'a> {
    /// The first entry of a part of the directory, and the bytes after it.
    fn read(bytes: &'a [u8]) -> Option<(Member<'a>, &'a [u8])> {
        bytes.starts_with(ENTRY).then_some(())?;
        let length = |at| u16_at(bytes, at).map(usize::from);
        let name_end = ENTRY_LENGTH + length(28)?;
        let extra_end = name_end + length(30)?;
        let end = extra_end + length(32)?;
        let mut wide = Wide::of(bytes.get(name_end..extra_end)?);
        // In this order, and only the fields that do not fit into four bytes (4.5.3).
        let size = wide.or(u32_at(bytes, 24)?)?;
        let packed = wide.or(u32_at(bytes, 20)?)?;
        let local = wide.or(u32_at(bytes, 42)?)?;
        let member = Member {
            name: bytes.get(ENTRY_LENGTH..name_end)?,
            is_encrypted: u16_at(bytes, 8)? & 1 == 1,
            method: u16_at(bytes, 10)?,
            checksum: u32_at(bytes, 16)?,
            packed,
            size,
            local,
        };
        Some((member, bytes.get(end..)?))
    }

    fn is_data(&self) -> bool {
        let file = self.name.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
        !(file.is_empty() || file.starts_with(b".") || self.name.starts_with(b"__MACOSX/"))
    }

    /// The name, printable.
    fn shown(&self) -> String {
        let name = String::from_utf8_lossy(&self.name[..self.name.len().min(80)]);
        name.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
    }

    fn unpack(&self, bytes: &[u8], sink: &mut Sink) -> Result<(), UploadFault> {
        if self.is_encrypted {
            return Err(unsupported("its file is encrypted"));
        }
        let packed = self.bytes(bytes).ok_or_else(|| truncated("zip"))?;
        match self.method {
            0 => self.pour(packed, bytes.len(), sink),
            8 => self.pour(DeflateDecoder::new(packed), bytes.len(), sink),
            method => Err(unsupported(&format!("compression method {method} is not supported"))),
        }
    }

    /// The bytes of the member as stored in the archive.
    fn bytes<'b>(&self, bytes: &'b [u8]) -> Option<&'b [u8]> {
        let local = bytes.get(usize::try_from(self.local).ok()?..)?;
        local.starts_with(LOCAL).then_some(())?;
        let beside = u64::from(u16_at(local, 26)?) + u64::from(u16_at(local, 28)?);
        part(local, LOCAL_LENGTH as u64 + beside, self.packed)
    }

    fn pour(
        &self,
        mut member: impl Read,
        received: usize,
        sink: &mut Sink,
    ) -> Result<(), UploadFault> {
        let mut checksum = Crc::new();
        let mut size = 0;
        let mut buffer = vec![0; PIECE];
        loop {
            let read = member.read(&mut buffer).map_err(|error| match error.kind() {
                io::ErrorKind::UnexpectedEof => truncated("zip"),
                _ => damaged("zip", &error),
            })?;
            if read == 0 {
                break;
            }
            size += read as u64;
            checksum.update(&buffer[..read]);
            sink.take(&buffer[..read], received as u64)?;
        }
        if size == self.size && checksum.sum() == self.checksum {
            Ok(())
        } else {
            Err(bad("the length or the checksum of its file"))
        }
    }
}

/// The eight-byte numbers in an entry's "zip64 extended information" (4.5.3).
struct Wide<'a>(&'a [u8]);

impl<'a> Wide<'a> {
    fn of(mut extra: &'a [u8]) -> Wide<'a> {
        while let (Some(id), Some(length)) = (u16_at(extra, 0), u16_at(extra, 2)) {
            let Some(body) = extra.get(4..4 + usize::from(length)) else { break };
            if id == 1 {
                return Wide(body);
            }
            extra = &extra[4 + body.len()..];
        }
        Wide(&[])
    }

    /// A four-byte number, or the next eight-byte one if the field refers to it.
    fn or(&mut self, narrow: u32) -> Option<u64> {
        if narrow != IN_64 {
            return Some(narrow.into());
        }
        let wide = u64_at(self.0, 0)?;
        self.0 = &self.0[8..];
        Some(wide)
    }
}

fn part(bytes: &[u8], start: u64, length: u64) -> Option<&[u8]> {
    let end = start.checked_add(length)?;
    bytes.get(usize::try_from(start).ok()?..usize::try_from(end).ok()?)
}

fn number<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    number(bytes, at).map(u16::from_le_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    number(bytes, at).map(u32::from_le_bytes)
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    number(bytes, at).map(u64::from_le_bytes)
}

fn bad(what: &str) -> UploadFault {
    UploadFault::refused("DAMAGED_FILE", format!("the zip file is damaged: {what} is wrong"))
}

fn unsupported(what: &str) -> UploadFault {
    UploadFault::refused("UNSUPPORTED_ARCHIVE", format!("the zip archive cannot be read: {what}"))
}
