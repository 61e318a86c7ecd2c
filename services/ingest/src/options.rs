//! What the caller says about a file, and the bounds it is read within.

use crate::kind::SourceKind;
use marketdata::{day::Day, instant::Instant};

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
