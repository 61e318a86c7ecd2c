//! The columns from which the kind of a file is detected.

use super::{
    earnings_dates, fails_to_deliver, finra_short_interest, ishares_holdings, lending, listings,
    manager_holdings, memberships,
    reader::{CLOSE, DATE, HIGH, LOW, OPEN, SYMBOL},
    risk_model, schedule, security_master,
    series::PUBLISHED,
    short_interest_table, short_sale_volume, splits,
};
use crate::kind::SourceKind::{self, *};
use tables::header::Column;

/// The columns that a header of this kind must have.
pub(super) const fn required(kind: SourceKind) -> &'static [Column] {
    match kind {
        OhlcvTable => &[SYMBOL, DATE, OPEN, HIGH, LOW, CLOSE],
        OhlcvSingle => &[DATE, OPEN, HIGH, LOW, CLOSE],
        CloseSingle => &[DATE, CLOSE],
        Fred => &[&["observation_date", "date"]],
        DateValue => &[DATE, &["value"]],
        Series => &[&["series", "series_id"], DATE, &["value"]],
        FinraShortInterest => finra_short_interest::REQUIRED,
        ShortInterestTable => short_interest_table::REQUIRED,
        IsharesHoldings => ishares_holdings::REQUIRED,
        MembershipIntervals => memberships::REQUIRED,
        Screener => listings::SCREENER,
        Constituents => listings::CONSTITUENTS,
        PublicationSchedule => schedule::REQUIRED,
        CorporateActions => splits::ACTIONS,
        SplitFactors => splits::FACTORS,
        SymbolChanges => &[&["old_symbol"], &["new_symbol"], DATE],
        InstrumentMerges => &[&["survivor"], &["merged"]],
        SecurityMaster => security_master::REQUIRED,
        ManagerHoldings => manager_holdings::REQUIRED,
        Lending => lending::REQUIRED,
        ShortSaleVolume => short_sale_volume::REQUIRED,
        FailsToDeliver => fails_to_deliver::REQUIRED,
        EarningsDates => earnings_dates::REQUIRED,
        RiskModelExposures => risk_model::EXPOSURES,
        RiskModelCovariance => risk_model::COVARIANCE,
        RiskModelSpecific => risk_model::SPECIFIC,
    }
}

/// The columns by which a kind is detected, where names that a file of the kind may have for its
/// columns are common in other files. A caller who names the kind needs the required columns alone.
pub(super) const fn telling(kind: SourceKind) -> &'static [Column] {
    match kind {
        FailsToDeliver => fails_to_deliver::TELLING,
        EarningsDates => earnings_dates::TELLING,
        _ => &[],
    }
}

/// The columns that a header of this kind must not have.
pub(super) const fn excluded(kind: SourceKind) -> &'static [Column] {
    match kind {
        // Stooq's bulk files have a symbol column, but are adjusted like its single files.
        OhlcvTable => &[&["<ticker>"]],
        OhlcvSingle => &[&["symbol", "ticker"], IDENTIFIERS],
        CloseSingle => &[SYMBOL, OPEN, IDENTIFIERS],
        Fred => &[&["value"], CLOSE],
        SecurityMaster => security_master::EXCLUDED,
        _ => &[],
    }
}

/// Columns that name what a row is about, beside symbols: a file with one of them holds many names.
const IDENTIFIERS: Column = &[
    "isin",
    "cusip",
    "sedol",
    "figi",
    "composite_figi",
    "ric",
    "bbg",
    "permno",
    "gvkey",
    "lei",
    "identifier",
    "instrument",
    "instrument_id",
    "security",
    "security_id",
    "asset",
    "name",
    "code",
    "stock",
    "stock_code",
    "company",
    "issuer",
    "tic",
    "fund",
    "index",
    "underlying",
    "series",
];

/// The only columns that a header of this kind has. `None`: further ones do not matter.
pub(super) const fn only(kind: SourceKind) -> Option<&'static [Column]> {
    match kind {
        // Any other column may name what a row is about: an identifier, a tenor, a vintage.
        DateValue => Some(&[DATE, &["value"], PUBLISHED]),
        _ => None,
    }
}
