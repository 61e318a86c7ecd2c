//! Whether bytes are a text table, and if not, what they are.

use crate::refusal::{Refusal, excerpt};

/// Refuses content that is not a text table.
pub fn check_text(head: &[u8]) -> Result<(), Refusal> {
    let bare = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    if bare.is_empty() {
        return Err(Refusal::Empty);
    }
    if head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff") {
        return Err(Refusal::Encoding("UTF-16"));
    }
    check_binary(bare)?;
    let line = bare.split(|byte| *byte == b'\n').next().unwrap_or(bare).trim_ascii();
    let lower = line.to_ascii_lowercase();
    if lower.starts_with(b"<!doctype html") || lower.starts_with(b"<html") {
        return Err(Refusal::HtmlPage);
    }
    // The header of Stooq's files also begins with an angle bracket.
    if line.starts_with(b"<") && !lower.starts_with(b"<ticker>") {
        let whole = bare[..bare.len().min(2_000)].to_ascii_lowercase();
        return Err(if memchr::memmem::find(&whole, b"<html").is_some() {
            Refusal::HtmlPage
        } else {
            Refusal::XmlPage(excerpt(line))
        });
    }
    if is_notice(&lower) {
        return Err(Refusal::VendorNotice(excerpt(line)));
    }
    Ok(())
}

fn check_binary(head: &[u8]) -> Result<(), Refusal> {
    for (magic, name) in [
        (&b"\x1f\x8b"[..], "it is gzip inside gzip, or compressed in a way that was not undone"),
        (b"PK\x03\x04", "it is a zip archive or a spreadsheet; save the sheet as CSV"),
        (b"PAR1", "it is Parquet"),
        (b"%PDF", "it is a PDF"),
        (b"SQLite format 3", "it is a SQLite database"),
    ] {
        if head.starts_with(magic) {
            return Err(Refusal::Binary(name));
        }
    }
    let head = &head[..head.len().min(4_096)];
    let zeros = head.iter().filter(|byte| **byte == 0).count();
    // Latin text in UTF-16 without a byte-order mark: every second byte is zero.
    if head.len() <= zeros * 5 / 2 && (0..2).any(|odd| alternates(head, odd)) {
        return Err(Refusal::Encoding("UTF-16"));
    }
    let control = |byte: &&u8| **byte < b' ' && !matches!(**byte, b'\t' | b'\n' | b'\r' | 0 | 12);
    let controls = head.iter().filter(control).count();
    if head.len() < controls * 50 || (0 < controls && 0 < zeros) {
        return Err(Refusal::Binary("it contains control characters"));
    }
    Ok(())
}

/// Whether the zeros of a text are all at even or all at odd positions.
fn alternates(head: &[u8], odd: usize) -> bool {
    head.iter().enumerate().all(|(at, byte)| *byte != 0 || at % 2 == odd)
}

/// Whether a line is a plain-text notice that vendors send with a success status.
fn is_notice(line: &[u8]) -> bool {
    const NOTICES: [&[u8]; 8] = [
        b"exceeded the daily hits limit",
        b"no data",
        b"access denied",
        b"too many requests",
        b"rate limit",
        b"not found",
        b"forbidden",
        b"error",
    ];
    line.starts_with(b"{") || NOTICES.iter().any(|notice| line.starts_with(notice))
}
