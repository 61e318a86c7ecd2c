//! The closed list of file kinds, by name.

/// Declares every kind once, with what it holds and its public name; a name never changes.
macro_rules! kinds {
    ($(#[doc = $what:literal] $kind:ident: $name:literal,)*) => {
        /// A kind of file. The order is the order in which headers are tried.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum SourceKind {
            $(#[doc = $what] $kind,)*
        }

        impl SourceKind {
            /// Every kind, in the order in which headers are tried.
            pub const ALL: [SourceKind; [$($name),*].len()] = [$(SourceKind::$kind),*];

            /// The public name, also accepted from callers.
            pub const fn name(self) -> &'static str {
                match self {
                    $(SourceKind::$kind => $name,)*
                }
            }

            /// What files of this kind hold, as a sentence.
            pub fn what(self) -> &'static str {
                match self {
                    $(SourceKind::$kind => $what.trim(),)*
                }
            }
        }
    };
}

kinds! {
    /// Daily prices of many symbols.
    OhlcvTable: "ohlcv_table",
    /// Daily prices of one symbol (Yahoo, Stooq, Nasdaq.com, …).
    OhlcvSingle: "ohlcv_single",
    /// Daily closes of one symbol.
    CloseSingle: "close_single",
    /// One series in FRED's layout.
    Fred: "fred",
    /// One series of dates and values.
    DateValue: "date_value",
    /// Any number of series, with or without publication times.
    Series: "series",
    /// FINRA's consolidated short interest.
    FinraShortInterest: "finra_short_interest",
    /// Short interest of the whole market, with float and shares outstanding.
    ShortInterestTable: "short_interest_table",
    /// A fund's holdings as published by iShares.
    IsharesHoldings: "ishares_holdings",
    /// Intervals of membership in an index.
    MembershipIntervals: "membership_intervals",
    /// A screener's list of lines with market value and sector.
    Screener: "screener",
    /// An index's members with their sectors.
    Constituents: "constituents",
    /// When each settlement's short interest could first be seen.
    PublicationSchedule: "publication_schedule",
    /// Splits and spin-offs by their day.
    CorporateActions: "corporate_actions",
    /// Ratios of raw to adjusted closes between two days.
    SplitFactors: "split_factors",
    /// Changes of ticker symbols.
    SymbolChanges: "symbol_changes",
    /// Instruments that were stored under two symbols and are one.
    InstrumentMerges: "instrument_merges",
    /// A security master: any of ISIN, FIGI, CUSIP and SEDOL of listed lines, perhaps with days.
    SecurityMaster: "security_master",
    /// Holdings of investment managers as reported on form 13F.
    ManagerHoldings: "manager_holdings",
    /// Securities lending by day: utilisation, fee, shares on loan and offered, recalls.
    Lending: "lending",
    /// Short sale volumes of FINRA's facilities by day (Regulation SHO).
    ShortSaleVolume: "short_sale_volume",
    /// Fails to deliver as published by the SEC.
    FailsToDeliver: "fails_to_deliver",
    /// Days on which companies report earnings, and when these were announced.
    EarningsDates: "earnings_dates",
    /// Exposures of listed lines to the factors of a vendor's risk model.
    RiskModelExposures: "risk_model_exposures",
    /// Covariances of the factors of a vendor's risk model.
    RiskModelCovariance: "risk_model_covariance",
    /// Specific volatilities of listed lines in a vendor's risk model.
    RiskModelSpecific: "risk_model_specific",
}

impl SourceKind {
    /// The kind of a name.
    pub fn from_name(name: &str) -> Option<SourceKind> {
        SourceKind::ALL.into_iter().find(|kind| kind.name() == name)
    }
}
