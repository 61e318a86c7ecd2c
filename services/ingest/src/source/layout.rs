//! The part of a file before its first row.

use crate::kind::SourceKind;
use tables::header::Header;

/// What was found before the first row.
#[derive(Debug)]
pub(crate) struct Layout {
    pub(crate) kind: SourceKind,
    pub(crate) delimiter: u8,
    pub(crate) header: Header,
    /// The lines before the header.
    pub(crate) preamble: Vec<String>,
    /// Offset of the first row, bytes.
    pub(crate) body: usize,
    /// Line number of the header, from 1.
    pub(crate) line: u64,
}
