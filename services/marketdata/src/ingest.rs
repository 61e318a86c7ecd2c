//! From a file's bytes to a batch of facts: read, joined to the market, compared with what it holds.
//!
//! [`Parser`] takes the bytes as they arrive and reads complete lines; [`prepare`] joins the rows to
//! a market and says what they add. A refused file adds nothing. A bad row is left out and told, and
//! the rest stands, unless more than 5 % is bad.
//!
//! **What counts as new.** Rows are compared with what the market holds at its head, brought to one
//! basis of prices first. The first value of a key is published when the caller says, else when a
//! stored schedule says, else by the rule of its source (below) but not after it was received. A later,
//! different value is a correction, published when it was received unless the caller says otherwise.
//! An absent value says nothing: it neither corrects nor is corrected; a correction carries over what
//! it does not say. Two values for one key in one file reject both rows. Short interest of an older
//! settlement that comes in a later file is published with that file.
//!
//! **Publication by rule** (`estimated` ones are noted): bars at 16:00 New York of their day; daily
//! series of yields and the like at 16:15 of the next session; other daily series at 16:00 of their
//! day; weekly ones a week later at 08:30, estimated; monthly ones on the 15th of the following month
//! at 08:30, estimated; quarterly and yearly ones at the end of the month after the period, 08:30,
//! estimated; short interest, and the share counts beside it, nine sessions after settlement at 18:00,
//! estimated; holdings at 08:00 of the next session; screeners and constituents at 18:00 of their day;
//! memberships and splits at 09:30 of their day.

mod compare;
mod distribution;
mod joined;
mod parser;
mod prepare;
mod publish;
mod rename;
mod resolve;
mod tally;
mod texts;

pub use crate::source::note::{Note, NoteCode};
pub use parser::{Parsed, Parser};
pub use prepare::prepare;

use crate::{
    day::Day,
    facts::Batch,
    instant::Instant,
    source::{SourceKind, refusal::Rejection},
};

/// The series id under which the publication times of short interest are stored.
pub const SHORT_INTEREST: &str = "SHORT_INTEREST";

/// What a file's prices are adjusted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BasisChoice {
    /// Nothing: as traded.
    Raw,
    /// Splits.
    SplitAdjusted,
    /// Splits and distributions.
    TotalReturn,
}

impl BasisChoice {
    /// The name users see and give.
    pub const fn name(self) -> &'static str {
        match self {
            BasisChoice::Raw => "raw",
            BasisChoice::SplitAdjusted => "split_adjusted",
            BasisChoice::TotalReturn => "total_return",
        }
    }

    /// The choice of a name.
    pub fn from_name(name: &str) -> Option<BasisChoice> {
        [BasisChoice::Raw, BasisChoice::SplitAdjusted, BasisChoice::TotalReturn]
            .into_iter()
            .find(|choice| choice.name() == name)
    }
}

/// What the caller says about a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Its kind; told by its header where none.
    pub kind: Option<SourceKind>,
    /// Its name, from which a symbol, an index or a day is read where nothing else says.
    pub file_name: String,
    /// The one symbol (or series id, or fund) it is about.
    pub symbol: Option<String>,
    /// The index whose members it lists.
    pub index: Option<String>,
    /// The day it describes, for files that do not say; prices: the day whose names it uses.
    pub as_of_on: Option<Day>,
    /// When the market could know it, for every row that does not say itself.
    pub published_at: Option<Instant>,
    /// What its prices are adjusted for; by default see [`SourceKind`].
    pub price_basis: Option<BasisChoice>,
    /// Up to which day adjusted prices are adjusted; the day of receipt where none.
    pub adjusted_on: Option<Day>,
    /// When it was received.
    pub received_at: Instant,
    /// Take it even where more than 5 % of its rows are bad.
    pub force: bool,
}

/// Bounds on one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes, decompressed.
    pub bytes: u64,
    /// Lines below the header, blank ones too; at most 4,000,000,000 can be numbered.
    pub rows: u64,
    /// Bytes of one line.
    pub line_bytes: usize,
    /// Rejected rows that are told one by one; all are counted.
    pub rejections: usize,
    /// Bytes of one text (a company's name, a sector).
    pub text_bytes: usize,
    /// Different texts.
    pub texts: usize,
    /// Bytes of all different texts together.
    pub texts_bytes: u64,
    /// Names of instruments and series, every spelling counted; symbol changes count each.
    pub names: usize,
}

/// What became of a file's rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
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
pub struct Prepared {
    /// What it adds; see [`Batch::is_empty`].
    pub batch: Batch,
    /// What became of its rows.
    pub report: Report,
}
