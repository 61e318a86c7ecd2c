//! What an answer lacks, and why.

mod measure_ref;
mod subject;

pub use measure_ref::{FactorEstimate, Grouping, MeasureRef};
pub use subject::Subject;

/// The closed list of reasons; the contract's `GapReason` mirrors it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum GapReason {
    /// No instrument has this symbol or identifier.
    UnknownInstrument,
    /// The instrument has no price at or before the as-of date.
    NoPrice,
    /// Fewer observations than the estimate needs.
    ShortHistory,
    /// The latest observation is older than the source's rhythm allows.
    Stale,
    /// No short interest was published for the instrument.
    NoShortInterest,
    /// No public float is known.
    NoFloat,
    /// No count of shares outstanding is known.
    NoSharesOutstanding,
    /// No trading volume is known.
    NoVolume,
    /// A series that the measure needs is missing or not yet published.
    InputMissing,
    /// No known split factor connects the units of prices or shares.
    BasisUnknown,
    /// A close that is adjusted for later distributions stands in for a price, or was asked for as
    /// a price.
    AdjustedPrice,
    /// A proxy was used; the detail says which.
    Proxy,
    /// No sector or other classification is known.
    NoClassification,
    /// The inputs allow no estimate: a zero denominator, a flat window.
    Degenerate,
    /// The universe was chosen with knowledge of later survival.
    Survivorship,
    /// Observations are missing inside the window; they were left out, not filled.
    MissingObservations,
    /// A value is present but not plausible.
    Implausible,
    /// A value of a merged instrument was left out because its survivor has one.
    Merged,
    /// A size or a sector published after the as-of date was used.
    LaterKnowledge,
    /// Several listed lines have the identifiers given.
    AmbiguousInstrument,
    /// The identifiers given are those of different listed lines.
    IdentifiersDisagree,
    /// A line was found by a name that its instrument has on other days than the as-of date.
    NameOfOtherDays,
    /// An option counts as its delta in shares.
    FirstOrder,
    /// A contract had its last day at or before the as-of date.
    Expired,
    /// No rate converts a price or an amount to the base currency.
    NoRate,
    /// The rate behind a price is older than the price.
    OldRate,
    /// A line gives another currency than the one its instrument is quoted in.
    CurrencyDisagrees,
    /// A balance in another currency is not in the numbers.
    ForeignCash,
    /// Left out because a number covers only so many names.
    BeyondLimit,
}

/// One thing missing from an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Gap {
    /// The reason.
    pub reason: GapReason,
    /// What it is about.
    pub subject: Subject,
    /// One sentence in plain English.
    pub detail: String,
    /// Share of the portfolio's gross market value affected, 0 to 1; absent if not about a
    /// portfolio.
    pub gross_share: Option<f64>,
}

impl Gap {
    /// A gap that does not concern a share of a portfolio.
    pub fn new(reason: GapReason, subject: impl Into<Subject>, detail: impl Into<String>) -> Gap {
        Gap { reason, subject: subject.into(), detail: detail.into(), gross_share: None }
    }

    /// The same gap, with the share of gross market value that it affects.
    #[must_use]
    pub fn of_gross(mut self, share: f64) -> Gap {
        self.gross_share = share.is_finite().then_some(share);
        self
    }
}
