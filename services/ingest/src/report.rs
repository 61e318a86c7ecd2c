//! What became of a file: the facts it adds, and what its reader should know.

use crate::{kind::SourceKind, note::Note};
use marketdata::{day::Day, facts::Batch};
use tables::refusal::Rejection;

/// What became of a file's rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileReport {
    /// The kind it was.
    pub kind: SourceKind,
    /// Data rows seen: the sum of the five counts below.
    pub rows: u64,
    /// Rows that brought something new.
    pub accepted: u64,
    /// Rows that said what is held already.
    pub already_known: u64,
    /// Rows that corrected what is held.
    pub corrected: u64,
    /// Rows left out by design (cash in a fund's holdings, a holiday without a value).
    pub skipped: u64,
    /// Rows left out because they are bad.
    pub rejected: u64,
    /// The first bad rows, by line.
    pub rejections: Vec<Rejection>,
    /// What else the caller should know, by code.
    pub notes: Vec<Note>,
    /// Instruments and series the rows are about.
    pub symbols: u64,
    /// Those among them that joined none the market knew.
    pub symbols_new: u64,
    /// First and last day described; none where no row stood.
    pub days: Option<(Day, Day)>,
}

/// A file ready to be appended.
#[derive(Clone, Debug, PartialEq)]
pub struct PreparedFile {
    /// What it adds; see [`Batch::is_empty`].
    pub batch: Batch,
    /// What became of its rows.
    pub report: FileReport,
}
