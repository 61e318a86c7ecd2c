//! The readers of all kinds of files. A file's kind is detected from its header, never its name. A
//! caller who names the kind may use further names of its columns.
//!
//! | kind | detected from | names instruments by | first value public |
//! |---|---|---|---|
//! | `ohlcv_table` | symbol, date, open, high, low, close | the file's date | 16:00 New York of the day |
//! | `ohlcv_single` | the same without a symbol | the file's date | 16:00 of the day |
//! | `close_single` | date, close | the file's date | 16:00 of the day |
//! | `fred` | `DATE` or `observation_date`, one id in capitals | (a series) | see [`crate`] |
//! | `date_value` | date, value | (a series) | the same |
//! | `series` | series, date, value, perhaps published_at | (a series) | as the row says, else the same |
//! | `finra_short_interest` | FINRA's 14 columns or their older names | each row's date | schedule, else settlement + 9 sessions 18:00 |
//! | `short_interest_table` | symbol, short_interest_date, shares_sold_short | each row's date | the same |
//! | `ishares_holdings` | Ticker, Name, Asset Class, Weight (%), perhaps a preamble | the holdings' date | 08:00 of the next session |
//! | `membership_intervals` | ticker, start_date, end_date | each row's date | 09:30 of the day |
//! | `screener` | symbol, name, last sale, market cap | the file's date | 18:00 of the day |
//! | `constituents` | Symbol, Security, GICS Sector | the file's date | 18:00 of the day |
//! | `publication_schedule` | settlement, first_seen | (none) | at the instant it states |
//! | `corporate_actions` | symbol, date, price_factor, share_factor | each row's date | 09:30 of the day |
//! | `split_factors` | symbol, raw_close_DATE, split_adjusted_close, factor | the later date | 09:30 of the later date |
//! | `symbol_changes` | old_symbol, new_symbol, date | (it is about names) | (names have no publication) |
//! | `instrument_merges` | survivor, merged, perhaps date, action | the date, else the day of receipt | at receipt |
//! | `security_master` | symbol, and one of isin, figi, cusip, sedol | the last day of the row, at most the file's | (names have no publication) |
//! | `manager_holdings` | manager, symbol, shares, value, period, filed_at | each row's period | at filing |
//! | `lending` | symbol, date, utilisation, fee_pct | each row's date | as the row says, else 09:30 of the next session |
//! | `short_sale_volume` | Date, Symbol, ShortVolume, TotalVolume, Market, or the names of FINRA's API | each row's date | 18:00 of the day |
//! | `fails_to_deliver` | SETTLEMENT DATE, SYMBOL, QUANTITY (FAILS) | each row's date | two sessions after the end of the month, or after the 15th of the next, 18:00 |
//! | `earnings_dates` | symbol, earnings_on, announced_at | the day of the announcement | as the row says, else at receipt |
//! | `risk_model_exposures` | symbol, date, factor, value | each row's date | the same |
//! | `risk_model_covariance` | date, factor_a, factor_b, value | (factors) | the same |
//! | `risk_model_specific` | symbol, date, volatility | each row's date | the same |

mod bars;
mod columns;
mod detect;
mod earnings_dates;
mod fails_to_deliver;
mod file_name;
mod finra_short_interest;
mod instrument_merges;
mod ishares_holdings;
mod layout;
mod lending;
mod listings;
mod manager_holdings;
mod memberships;
mod reader;
mod risk_model;
mod schedule;
mod security_master;
mod series;
mod short_interest_table;
mod short_sale_volume;
mod splits;
mod symbol_changes;

pub use crate::kind::SourceKind;
pub(crate) use detect::find_header;
pub(crate) use layout::Layout;
pub(crate) use reader::Reader;

use crate::{options::Options, parsed_file::ParsedFile, plausible::Days};
use SourceKind::*;
use marketdata::{basis::BasisKind, dataset::Dataset};
use tables::{
    content::check_text,
    refusal::{Fault, Refusal},
};

/// Detects a file's kind from its first bytes.
///
/// # Errors
/// What the bytes are instead, or which columns the header lacks.
pub fn detect(head: &[u8]) -> Result<SourceKind, Refusal> {
    check_text(head)?;
    find_header(head, None, head.len()).map(|layout| layout.kind)
}

/// The names of the columns that a header of this kind must have.
pub fn columns(kind: SourceKind) -> impl Iterator<Item = &'static str> {
    columns::required(kind).iter().map(|column| column[0])
}

/// How the prices of a file with these first bytes are taken as adjusted if the caller does not
/// say. `None` if it has no prices, or is of no known kind.
pub fn default_basis(head: &[u8]) -> Option<BasisKind> {
    let layout = find_header(head, None, head.len()).ok()?;
    let has_prices = matches!(layout.kind, OhlcvTable | OhlcvSingle | CloseSingle);
    has_prices.then(|| bars::default_basis(&layout.header))
}

/// The reader for a file's kind.
pub(crate) fn reader(
    layout: &Layout,
    options: &Options,
    parsed_file: &mut ParsedFile,
) -> Result<Box<dyn Reader>, Refusal> {
    check_options(options, parsed_file.days)?;
    Ok(match layout.kind {
        OhlcvTable | OhlcvSingle | CloseSingle => {
            Box::new(bars::BarsReader::new(layout, options, parsed_file)?)
        }
        Fred | DateValue | Series => Box::new(series::SeriesReader::new(layout, options)?),
        FinraShortInterest => Box::new(finra_short_interest::FinraReader::new(layout)),
        ShortInterestTable => {
            Box::new(short_interest_table::ShortInterestReader::new(layout, options))
        }
        IsharesHoldings => {
            Box::new(ishares_holdings::HoldingsReader::new(layout, options, parsed_file)?)
        }
        MembershipIntervals => Box::new(memberships::MembershipsReader::new(layout, options)?),
        Screener | Constituents => {
            Box::new(listings::ListingsReader::new(layout, options, parsed_file)?)
        }
        PublicationSchedule => Box::new(schedule::ScheduleReader::new(layout)),
        CorporateActions => Box::new(splits::ActionsReader::new(layout)),
        SplitFactors => Box::new(splits::FactorsReader::new(layout, options, parsed_file)?),
        SymbolChanges => Box::new(symbol_changes::ChangesReader::new(layout)),
        InstrumentMerges => Box::new(instrument_merges::MergesReader::new(layout)),
        SecurityMaster => {
            Box::new(security_master::MasterReader::new(layout, options, parsed_file)?)
        }
        ManagerHoldings => Box::new(manager_holdings::ManagerHoldingsReader::new(layout)),
        Lending => Box::new(lending::LendingReader::new(layout)),
        ShortSaleVolume => Box::new(short_sale_volume::ShortSaleVolumeReader::new(layout)),
        FailsToDeliver => Box::new(fails_to_deliver::FailsReader::new(layout)),
        EarningsDates => Box::new(earnings_dates::EarningsReader::new(layout)),
        RiskModelExposures => Box::new(risk_model::ExposuresReader::new(layout, options)?),
        RiskModelCovariance => Box::new(risk_model::CovarianceReader::new(layout, options)?),
        RiskModelSpecific => Box::new(risk_model::SpecificReader::new(layout, options)?),
    })
}

/// Refuses days and publication times given by the caller that no file can have.
fn check_options(options: &Options, days: Days) -> Result<(), Refusal> {
    let refused = |option, value: String, fault: Fault| Refusal::BadOption {
        option,
        value,
        fault: format!("{} ({})", fault.reason, fault.text),
    };
    for (option, day) in
        [("observed_on", options.observed_on), ("adjusted_on", options.adjusted_on)]
    {
        if let Some(day) = day {
            let checked = days.check(Dataset::Series, day);
            checked.map_err(|fault| refused(option, day.to_string(), fault))?;
        }
    }
    if let Some(instant) = options.published_at {
        let checked = days.check_instant(instant);
        checked.map_err(|fault| refused("published_at", instant.to_string(), fault))?;
    }
    Ok(())
}
