//! The result for a file: the facts it adds, and what the caller should know.

use crate::{kind::SourceKind, note::Note};
use marketdata::{day::Day, facts::Batch};
use tables::refusal::Rejection;

/// What happened to a file's rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileReport {
    /// The kind of the file.
    pub kind: SourceKind,
    /// Data rows seen: the sum of the five counts below.
    pub rows: u64,
    /// Rows with new facts.
    pub accepted: u64,
    /// Rows that repeat stored facts.
    pub already_known: u64,
    /// Rows that correct stored facts.
    pub corrected: u64,
    /// Rows left out by design (cash in a fund's holdings, a holiday without a value).
    pub skipped: u64,
    /// Rows left out because they are bad.
    pub rejected: u64,
    /// The first bad rows, by line.
    pub rejections: Vec<Rejection>,
    /// Other remarks for the caller, by code.
    pub notes: Vec<Note>,
    /// Number of instruments and series that the rows are about.
    pub symbols: u64,
    /// How many of them are new to the market.
    pub symbols_new: u64,
    /// First and last day described; `None` if no row was stored.
    pub days: Option<(Day, Day)>,
}

/// A file that is ready to be appended.
#[derive(Clone, Debug, PartialEq)]
pub struct PreparedFile {
    /// The facts it adds; may be empty, see [`Batch::is_empty`].
    pub batch: Batch,
    /// What happened to its rows.
    pub report: FileReport,
}
