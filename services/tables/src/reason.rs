//! Why a row is left out.

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
