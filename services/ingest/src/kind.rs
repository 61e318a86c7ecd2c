//! The closed list of file kinds, by name.

/// A kind of file. The order is that in which headers are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SourceKind {
    /// Daily prices of many symbols.
    OhlcvTable,
    /// Daily prices of one symbol (Yahoo, Stooq, Nasdaq.com, …).
    OhlcvSingle,
    /// Daily closes of one symbol.
    CloseSingle,
    /// One series as FRED gives it.
    Fred,
    /// One series of dates and values.
    DateValue,
    /// Any number of series, with or without their instants of publication.
    Series,
    /// FINRA's consolidated short interest.
    FinraShortInterest,
    /// Short interest of the whole market with float and shares outstanding.
    ShortInterestTable,
    /// A fund's holdings as iShares publishes them.
    IsharesHoldings,
    /// Intervals of membership in an index.
    MembershipIntervals,
    /// A screener's list of lines with market value and sector.
    Screener,
    /// An index's members with their sectors.
    Constituents,
    /// When each settlement's short interest could first be seen.
    PublicationSchedule,
    /// Splits and spin-offs by their day.
    CorporateActions,
    /// Ratios of raw to adjusted closes between two days.
    SplitFactors,
    /// Changes of ticker symbols.
    SymbolChanges,
}

use SourceKind::*;

impl SourceKind {
    /// Every kind, in the order in which headers are tried.
    pub const ALL: [SourceKind; 16] = [
        OhlcvTable,
        OhlcvSingle,
        CloseSingle,
        Fred,
        DateValue,
        Series,
        FinraShortInterest,
        ShortInterestTable,
        IsharesHoldings,
        MembershipIntervals,
        Screener,
        Constituents,
        PublicationSchedule,
        CorporateActions,
        SplitFactors,
        SymbolChanges,
    ];

    /// The name users see and give; it never changes.
    pub const fn name(self) -> &'static str {
        match self {
            OhlcvTable => "ohlcv_table",
            OhlcvSingle => "ohlcv_single",
            CloseSingle => "close_single",
            Fred => "fred",
            DateValue => "date_value",
            Series => "series",
            FinraShortInterest => "finra_short_interest",
            ShortInterestTable => "short_interest_table",
            IsharesHoldings => "ishares_holdings",
            MembershipIntervals => "membership_intervals",
            Screener => "screener",
            Constituents => "constituents",
            PublicationSchedule => "publication_schedule",
            CorporateActions => "corporate_actions",
            SplitFactors => "split_factors",
            SymbolChanges => "symbol_changes",
        }
    }

    /// The kind of a name.
    pub fn from_name(name: &str) -> Option<SourceKind> {
        SourceKind::ALL.into_iter().find(|kind| kind.name() == name)
    }
}
