//! The caller's options for a file, and the limits on reading it.

use crate::kind::SourceKind;
use marketdata::{basis::BasisKind, day::Day, instant::Instant};

/// What the variances and volatilities of a risk model are stated for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RiskPeriod {
    /// One session.
    Session,
    /// A year of 252 sessions.
    Year,
}

/// The caller's options for a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Its kind; detected from the header if absent.
    pub kind: Option<SourceKind>,
    /// Its file name, from which a symbol, an index or a day is read if nothing else gives it.
    pub file_name: String,
    /// The only symbol (or series id, or fund, or risk model) in the file.
    pub symbol: Option<String>,
    /// The index whose members the file lists.
    pub index: Option<String>,
    /// The day the file describes, if the file does not state it; for prices, the day whose names
    /// it uses.
    pub observed_on: Option<Day>,
    /// When the market could know the values, for rows that do not state it themselves.
    pub published_at: Option<Instant>,
    /// The adjustments that its prices contain; for the default see [`SourceKind`].
    pub price_basis: Option<BasisKind>,
    /// The day up to which prices are adjusted; the day of receipt if absent.
    pub adjusted_on: Option<Day>,
    /// What the variances and volatilities of a risk model are stated for.
    pub risk_period: Option<RiskPeriod>,
    /// When the file was received.
    pub received_at: Instant,
    /// Accept the file even if more than 5 % of its rows are bad.
    pub force: bool,
}

/// Limits on one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes, decompressed.
    pub bytes: u64,
    /// Lines below the header, including blank ones; at most 4,000,000,000 can be numbered.
    pub rows: u64,
    /// Bytes of one line.
    pub line_bytes: usize,
    /// Rejected rows that are reported one by one; all are counted.
    pub rejections: usize,
    /// Bytes of one text (a company's name, a sector).
    pub text_bytes: usize,
    /// Number of distinct texts.
    pub texts: usize,
    /// Total bytes of all distinct texts.
    pub texts_bytes: u64,
    /// Names of instruments and series; every spelling counts, and so does every symbol change.
    pub names: usize,
}
