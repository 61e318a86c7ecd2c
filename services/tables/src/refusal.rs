//! Why a whole file is refused, and which rows were left out.

pub use crate::{
    fault::{Fault, excerpt},
    reason::Reason,
};

/// Why a whole file is refused; nothing of it is stored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No bytes, or only blank lines.
    #[error("the file is empty")]
    Empty,
    /// A header without a row.
    #[error("the file has a header and no data row")]
    NoRows,
    /// A web page.
    #[error(
        "the file is an HTML page, not data: the download was probably refused or needs a login"
    )]
    HtmlPage,
    /// An XML document, for instance a content server's error.
    #[error("the file is an XML document, not data: it begins with {0:?}")]
    XmlPage(String),
    /// A vendor's plain-text notice instead of data.
    #[error("the file is a vendor's notice, not data: {0:?}")]
    VendorNotice(String),
    /// Bytes that are not text.
    #[error("the file is binary, not text: {0}")]
    Binary(&'static str),
    /// A NUL byte inside text.
    #[error(
        "line {line} contains a NUL byte: the file is damaged or was cut off while it was written"
    )]
    NulByte {
        /// Line number, from 1.
        line: u64,
    },
    /// A text encoding other than UTF-8 (with or without a byte-order mark) and Windows-1252.
    #[error("the file is encoded as {0}: save it as UTF-8")]
    Encoding(&'static str),
    /// No known kind has this header.
    #[error(
        "no known kind of file has the header {found:?}; `ballast ingest --help` lists the kinds"
    )]
    UnknownHeader {
        /// The first line that is not blank.
        found: String,
    },
    /// The header has the columns of a kind, but files of other kinds have them as well.
    #[error(
        "the header {found:?} has the columns of a file of kind {kind}, but other files may have it as \
         well: if it is one, name its kind (`--kind {kind}`)"
    )]
    KindNeeded {
        /// The kind.
        kind: &'static str,
        /// The header found.
        found: String,
    },
    /// A well-known file of which nothing is stored.
    #[error("the file is {what}, which is not read")]
    NotRead {
        /// The kind of file.
        what: &'static str,
    },
    /// The header is nearly that of a kind, or of the kind that the caller named, but lacks
    /// columns.
    #[error("a file of kind {} needs the columns {}; the header {found:?} lacks {}", kind, expected.join(", "), missing.join(", "))]
    MissingColumns {
        /// The kind.
        kind: &'static str,
        /// Every column it needs.
        expected: Vec<&'static str>,
        /// The columns not found.
        missing: Vec<&'static str>,
        /// The header found.
        found: String,
    },
    /// A portfolio without the required columns.
    #[error(
        "a portfolio needs a column symbol and a column quantity or market_value; the header is {found:?}"
    )]
    NotAPortfolio {
        /// The first line that is not blank.
        found: String,
    },
    /// The file holds rows of one symbol and does not name it.
    #[error(
        "the file does not say which symbol it is about, and its name {file_name:?} is not a symbol: give the symbol"
    )]
    SymbolNeeded {
        /// The file's name.
        file_name: String,
    },
    /// The file does not say which index its members belong to.
    #[error(
        "the file does not say which index it is about, nor does its name {file_name:?}: give the index"
    )]
    IndexNeeded {
        /// The file's name.
        file_name: String,
    },
    /// The rows of a risk model do not say which model they are of.
    #[error(
        "the file does not say which risk model it is of, in a column `model`: give its name as the symbol"
    )]
    ModelNeeded,
    /// The figures of a risk model do not say whether they are for a session or a year.
    #[error(
        "the file does not say whether its figures are for a session or a year, in a column `period` or \
         a comment `# period: year` before its header: give the risk period"
    )]
    PeriodNeeded,
    /// The file does not say which day it describes.
    #[error(
        "the file does not say which day it describes, nor does its name {file_name:?}: give the as-of date"
    )]
    DateNeeded {
        /// The file's name.
        file_name: String,
    },
    /// The number of rows stated by the trailer differs from the number found.
    #[error("the trailer states {stated} rows, the file has {found}: it is cut off or damaged")]
    TrailerCount {
        /// Rows stated by the trailer.
        stated: u64,
        /// Rows counted.
        found: u64,
    },
    /// Lines after the trailer, for example because files were concatenated.
    #[error("line {line} follows the trailer that ends the file: send each file separately")]
    AfterTrailer {
        /// Line number, from 1.
        line: u64,
    },
    /// More than one row in twenty is bad.
    #[error("{rejected} of {rows} rows are bad, more than 5 %; the first: line {}: {} ({})", first.line, first.reason, first.text)]
    TooManyBadRows {
        /// Bad rows.
        rejected: u64,
        /// All rows.
        rows: u64,
        /// The first bad row.
        first: Rejection,
    },
    /// A line longer than any valid row.
    #[error("line {line} has more than {limit} bytes")]
    LineTooLong {
        /// Line number, from 1.
        line: u64,
        /// The limit, bytes.
        limit: usize,
    },
    /// More bytes than the server accepts.
    #[error("the file has more than {limit} bytes")]
    TooLarge {
        /// The limit, bytes.
        limit: u64,
    },
    /// More rows than the server accepts; blank lines count.
    #[error("the file has more than {limit} rows")]
    TooManyRows {
        /// The limit, rows.
        limit: u64,
    },
    /// More names than any real data file has.
    #[error("the file names more than {limit} instruments or series: send it in parts")]
    TooManyNames {
        /// The limit, names.
        limit: usize,
    },
    /// More distinct texts than any real data file has.
    #[error(
        "the file contains more than {texts} different texts, or more than {bytes} bytes of them: send it in parts"
    )]
    TooManyTexts {
        /// The limit of the number of texts.
        texts: usize,
        /// The limit of their total size, bytes.
        bytes: u64,
    },
    /// An option given by the caller is invalid.
    #[error("the option {option} is {value:?}: {fault}")]
    BadOption {
        /// Name of the option.
        option: &'static str,
        /// Value given.
        value: String,
        /// What is wrong with it.
        fault: String,
    },
}

impl Refusal {
    /// Machine-readable code; stable.
    pub const fn code(&self) -> &'static str {
        match self {
            Refusal::Empty => "EMPTY_FILE",
            Refusal::NoRows => "NO_ROWS",
            Refusal::HtmlPage => "HTML_PAGE",
            Refusal::XmlPage(_) => "XML_PAGE",
            Refusal::VendorNotice(_) => "VENDOR_NOTICE",
            Refusal::Binary(_) => "BINARY_FILE",
            Refusal::NulByte { .. } => "NUL_BYTE",
            Refusal::Encoding(_) => "WRONG_ENCODING",
            Refusal::UnknownHeader { .. } => "UNKNOWN_HEADER",
            Refusal::KindNeeded { .. } => "KIND_NEEDED",
            Refusal::NotRead { .. } => "KIND_NOT_READ",
            Refusal::MissingColumns { .. } => "MISSING_COLUMNS",
            Refusal::NotAPortfolio { .. } => "NOT_A_PORTFOLIO",
            Refusal::SymbolNeeded { .. } => "SYMBOL_NEEDED",
            Refusal::IndexNeeded { .. } => "INDEX_NEEDED",
            Refusal::ModelNeeded => "MODEL_NEEDED",
            Refusal::PeriodNeeded => "PERIOD_NEEDED",
            Refusal::DateNeeded { .. } => "DATE_NEEDED",
            Refusal::TrailerCount { .. } => "TRAILER_COUNT",
            Refusal::AfterTrailer { .. } => "ROWS_AFTER_TRAILER",
            Refusal::TooManyBadRows { .. } => "TOO_MANY_BAD_ROWS",
            Refusal::LineTooLong { .. } => "LINE_TOO_LONG",
            Refusal::TooLarge { .. } => "FILE_TOO_LARGE",
            Refusal::TooManyRows { .. } => "TOO_MANY_ROWS",
            Refusal::TooManyNames { .. } => "TOO_MANY_NAMES",
            Refusal::TooManyTexts { .. } => "TOO_MANY_TEXTS",
            Refusal::BadOption { .. } => "BAD_OPTION",
        }
    }
}

/// A row that was left out.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rejection {
    /// The line of the file, from 1, counting the header.
    pub line: u64,
    /// Why it was left out.
    pub reason: Reason,
    /// A short description of what was found.
    pub text: String,
}
