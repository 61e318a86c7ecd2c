//! Why a whole file is refused, and why a row is left out.

pub use crate::fault::{Fault, excerpt};

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

/// The closed list of reasons why a row is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum Reason {
    /// The day it describes was not over when the file was received.
    #[error("the date is in the future")]
    FutureDate,
    /// A date that does not exist.
    #[error("there is no such date")]
    ImpossibleDate,
    /// A text in a numeric field.
    #[error("not a number")]
    NotANumber,
    /// The text NaN.
    #[error("NaN is not a value")]
    NotFinite,
    /// The text of an infinity.
    #[error("infinity is not a value")]
    Infinite,
    /// A number beyond the range of a double.
    #[error("the number overflows")]
    Overflow,
    /// A price, a factor or a count of shares that must be positive.
    #[error("must be above zero")]
    NotPositive,
    /// A number larger, or closer to zero, than any that occurs.
    #[error("the value is out of range")]
    OutOfRange,
    /// A day or an instant before all markets, or years in the future.
    #[error("the date is out of range")]
    DateOutOfRange,
    /// A quantity that must not be below zero.
    #[error("must not be negative")]
    Negative,
    /// The day's high is below its low.
    #[error("the high is below the low")]
    HighBelowLow,
    /// The close lies outside the day's range by more than rounding.
    #[error("the close is outside the day's range")]
    CloseOutsideRange,
    /// Another row of the file has the same key and different values; both are left out.
    #[error("another row of the file contradicts it for the same day")]
    ConflictingDuplicate,
    /// The text is not a symbol.
    #[error("not a symbol")]
    BadSymbol,
    /// A text longer than any name.
    #[error("the text is too long")]
    TextTooLong,
    /// A text with a control character.
    #[error("the text contains a control character")]
    ControlCharacter,
    /// A required value is empty.
    #[error("a value is missing")]
    MissingValue,
    /// The number of fields differs from that of the header.
    #[error("the number of fields differs from the header")]
    FieldCount,
    /// A quotation mark that is not closed on its line: a line break inside a field, or a typo.
    #[error(
        "a quotation mark is not closed on its line; line breaks inside a field are not supported"
    )]
    Quotes,
    /// Not an instant in RFC 3339.
    #[error("not an instant")]
    BadInstant,
    /// A publication time before the start of the day described, which would be look-ahead.
    #[error("it cannot have been published before the day it describes")]
    PublishedBeforeItsDay,
    /// An interval that ends before it begins.
    #[error("the end is before the start")]
    EndBeforeStart,
    /// All prices of a symbol differ from the stored ones by one factor, so a split is probably
    /// missing.
    #[error("the prices differ from the stored ones by a constant factor: load the split first")]
    UnknownSplit,
    /// Both names of a change belong to different known instruments whose facts contradict each
    /// other.
    #[error(
        "both symbols have data, and these contradict each other or lie on the wrong side of the \
         change: if it is one instrument, load a file of kind instrument_merges \
         (survivor,merged) and then this change again; otherwise leave out this change"
    )]
    SymbolsTaken,
    /// A change of an instrument that takes or leaves another symbol on that day.
    #[error(
        "it contradicts another change of that day: the instrument has another symbol then; load \
         the change that is right, and mend what is merged wrongly with instrument_merges"
    )]
    NamedOtherwise,
    /// A merge with the instrument itself, or with one that is merged into it.
    #[error("both symbols are already one instrument, or would be merged in a circle")]
    MergeCycle,
    /// A merge of an instrument that has another survivor.
    #[error("it is merged into another instrument: retract that merge first")]
    MergedElsewhere,
    /// A retraction of a merge that was never made.
    #[error("the two are not merged")]
    NotMerged,
    /// More instruments merged into one than is plausible.
    #[error("too many instruments are merged into one")]
    TooManyMerges,
    /// A price factor and a share factor of which one is the other turned round.
    #[error("both count new units per old one: a 4 for 1 split has 4 and 4")]
    ReciprocalFactors,
    /// The action of a merge is neither of the two.
    #[error("the action is neither merge nor retract")]
    UnknownAction,
    /// The type of an amendment of a filing is none of the two.
    #[error("the amendment is neither RESTATEMENT nor NEW HOLDINGS")]
    UnknownAmendment,
    /// A facility is not a letter, or is named twice.
    #[error("the facilities are not letters, each once: Q, or B,Q,N")]
    UnknownFacility,
    /// A text that says neither yes nor no.
    #[error("neither yes nor no: 1, true and yes, or 0, false and no are accepted")]
    NotAFlag,
    /// One symbol occurs in more changes, or one instrument has more names, than is plausible.
    #[error("too many changes of one symbol")]
    TooManyChanges,
    /// Neither name of a change is known, or the change contradicts the known names.
    #[error("the symbol is unknown")]
    UnknownSymbol,
    /// A FIGI, ISIN, CUSIP, SEDOL or MIC of a wrong form or with a wrong check digit.
    #[error("not a valid identifier")]
    BadIdentifier,
    /// Another line has the identifier on the same days, and the markets do not tell them apart.
    #[error("another line has the identifier on the same days")]
    IdentifierTaken,
    /// Neither a session nor a year.
    #[error("neither session nor year")]
    UnknownPeriod,
    /// Exposures of a name of which another row is bad: one that is missing would be one of zero. All of
    /// the name's rows of that model and day are left out.
    #[error("another exposure of the name on the day is bad, so none of them is taken")]
    ExposuresIncomplete,
    /// A covariance matrix of which a pair is missing, perhaps because its row is bad. All of its
    /// rows are left out.
    #[error("the covariance matrix of the day is not whole, so none of it is taken")]
    CovarianceIncomplete,
    /// A covariance matrix by which some combination of factors has a variance below zero. All of its
    /// rows are left out.
    #[error("the covariance matrix of the day gives some combination a variance below zero")]
    CovarianceNotPositive,
    /// A risk model with more factors than any vendor has. All of its rows of the day are left out, or
    /// all of the file if it is so over all days.
    #[error("the risk model has too many factors")]
    TooManyFactors,
    /// A further risk model, of more than any desk has. All of its rows are left out.
    #[error("the store has too many risk models")]
    TooManyModels,
    /// Money or the listed share whose ticker is spelled alike.
    #[error("it may be money or a listed share")]
    MayBeCash,
    /// A holding that is neither a listed share or fund nor cash.
    #[error("this kind of holding cannot be analysed")]
    UnsupportedKind,
}

impl Reason {
    /// Machine-readable code; stable.
    pub const fn code(self) -> &'static str {
        match self {
            Reason::FutureDate => "FUTURE_DATE",
            Reason::ImpossibleDate => "IMPOSSIBLE_DATE",
            Reason::NotANumber => "NOT_A_NUMBER",
            Reason::NotFinite => "NOT_FINITE",
            Reason::Infinite => "INFINITE",
            Reason::Overflow => "OVERFLOW",
            Reason::NotPositive => "NOT_POSITIVE",
            Reason::OutOfRange => "OUT_OF_RANGE",
            Reason::DateOutOfRange => "DATE_OUT_OF_RANGE",
            Reason::Negative => "NEGATIVE",
            Reason::HighBelowLow => "HIGH_BELOW_LOW",
            Reason::CloseOutsideRange => "CLOSE_OUTSIDE_RANGE",
            Reason::ConflictingDuplicate => "CONFLICTING_DUPLICATE",
            Reason::BadSymbol => "BAD_SYMBOL",
            Reason::TextTooLong => "TEXT_TOO_LONG",
            Reason::ControlCharacter => "CONTROL_CHARACTER",
            Reason::MissingValue => "MISSING_VALUE",
            Reason::FieldCount => "FIELD_COUNT",
            Reason::Quotes => "QUOTES",
            Reason::BadInstant => "BAD_INSTANT",
            Reason::PublishedBeforeItsDay => "PUBLISHED_BEFORE_ITS_DAY",
            Reason::EndBeforeStart => "END_BEFORE_START",
            Reason::UnknownSplit => "UNKNOWN_SPLIT",
            Reason::SymbolsTaken => "SYMBOLS_TAKEN",
            Reason::NamedOtherwise => "NAMED_OTHERWISE",
            Reason::MergeCycle => "MERGE_CYCLE",
            Reason::MergedElsewhere => "MERGED_ELSEWHERE",
            Reason::NotMerged => "NOT_MERGED",
            Reason::TooManyMerges => "TOO_MANY_MERGES",
            Reason::ReciprocalFactors => "RECIPROCAL_FACTORS",
            Reason::UnknownAction => "UNKNOWN_ACTION",
            Reason::UnknownAmendment => "UNKNOWN_AMENDMENT",
            Reason::UnknownFacility => "UNKNOWN_FACILITY",
            Reason::NotAFlag => "NOT_A_FLAG",
            Reason::TooManyChanges => "TOO_MANY_CHANGES",
            Reason::UnknownSymbol => "UNKNOWN_SYMBOL",
            Reason::BadIdentifier => "BAD_IDENTIFIER",
            Reason::IdentifierTaken => "IDENTIFIER_TAKEN",
            Reason::UnknownPeriod => "UNKNOWN_PERIOD",
            Reason::ExposuresIncomplete => "EXPOSURES_INCOMPLETE",
            Reason::CovarianceIncomplete => "COVARIANCE_INCOMPLETE",
            Reason::CovarianceNotPositive => "COVARIANCE_NOT_POSITIVE",
            Reason::TooManyFactors => "TOO_MANY_FACTORS",
            Reason::TooManyModels => "TOO_MANY_MODELS",
            Reason::MayBeCash => "MAY_BE_CASH",
            Reason::UnsupportedKind => "UNSUPPORTED_KIND",
        }
    }
}
