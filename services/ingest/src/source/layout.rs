//! What stands before the first row of a file.

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
    /// Where the first row begins.
    pub(crate) body: usize,
    /// The header's line, from 1.
    pub(crate) line: u64,
}
