//! The closed list of file kinds, and how a file tells which it is: by its header, never by its name.
//!
//! | kind | told by | names instruments by | first value public |
//! |---|---|---|---|
//! | `ohlcv_table` | symbol, date, open, high, low, close | the file's date | 16:00 New York of the day |
//! | `ohlcv_single` | the same without a symbol | the file's date | 16:00 of the day |
//! | `close_single` | date, close | the file's date | 16:00 of the day |
//! | `fred` | `DATE` or `observation_date`, one id in capitals | (a series) | see [`crate`] |
//! | `date_value` | date, value | (a series) | the same |
//! | `series` | series, date, value, perhaps published_at | (a series) | the row's word, else the same |
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

pub(crate) mod bars;
pub(crate) mod file_name;
pub(crate) mod finra_short_interest;
pub(crate) mod ishares_holdings;
pub(crate) mod layout;
pub(crate) mod listings;
pub(crate) mod memberships;
pub(crate) mod names;
pub(crate) mod parsed_file;
pub(crate) mod plausible;
pub(crate) mod schedule;
pub(crate) mod series;
pub(crate) mod short_interest_table;
pub(crate) mod splits;
pub(crate) mod symbol_changes;

use crate::options::Options;
use tables::{
    content::check_text,
    header::Column,
    refusal::{Fault, Refusal},
    row::Row,
};

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

const SYMBOL: Column = &["symbol", "ticker", "<ticker>"];
const DATE: Column = &["date", "<date>"];
const OPEN: Column = &["open", "<open>"];
const HIGH: Column = &["high", "<high>"];
const LOW: Column = &["low", "<low>"];
const CLOSE: Column = &["close", "close/last", "<close>"];

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

    /// The columns without which a header is not of this kind.
    pub(crate) const fn required(self) -> &'static [Column] {
        match self {
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
        }
    }

    /// The columns with which a header is of another kind.
    pub(crate) const fn excluded(self) -> &'static [Column] {
        match self {
            // Stooq's bulk files have a symbol column, and Stooq's adjustments.
            OhlcvTable => &[&["<ticker>"]],
            OhlcvSingle => &[&["symbol", "ticker"]],
            CloseSingle => &[SYMBOL, OPEN],
            DateValue => &[&["series", "series_id"]],
            Fred => &[&["value"], CLOSE],
            _ => &[],
        }
    }
}

/// Tells a file's kind by its first bytes.
///
/// # Errors
/// What the bytes are instead, or which columns their header lacks.
pub fn detect(head: &[u8]) -> Result<SourceKind, Refusal> {
    check_text(head)?;
    layout::layout(head, None, head.len()).map(|layout| layout.kind)
}

/// Reads the rows of one kind.
pub(crate) trait Reader: std::fmt::Debug + Send + Sync {
    /// Takes a row with as many fields as the header.
    fn row(
        &mut self,
        line: u32,
        row: &Row<'_>,
        parsed_file: &mut parsed_file::ParsedFile,
    ) -> Result<parsed_file::Flow, Fault>;

    /// What a row with another number of fields is, where it is no fault.
    fn short_row(
        &mut self,
        _row: &Row<'_>,
        _sheet: &mut parsed_file::ParsedFile,
    ) -> Option<Result<parsed_file::Flow, Fault>> {
        None
    }

    /// Whether a blank line ends the table.
    fn ends_at_blank(&self) -> bool {
        false
    }

    /// After the last row.
    fn finish(&mut self, parsed_file: &mut parsed_file::ParsedFile) -> Result<(), Refusal>;
}

/// The reader of a file's kind.
pub(crate) fn reader(
    layout: &layout::Layout,
    options: &Options,
    parsed_file: &mut parsed_file::ParsedFile,
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
    })
}

/// Refuses days and instants of the caller that no file is about.
fn check_options(options: &Options, days: plausible::Days) -> Result<(), Refusal> {
    let refused = |option, value: String, fault: Fault| Refusal::BadOption {
        option,
        value,
        fault: format!("{} ({})", fault.reason, fault.text),
    };
    for (option, day) in [("as_of_on", options.as_of_on), ("adjusted_on", options.adjusted_on)] {
        if let Some(day) = day {
            let checked = days.check(marketdata::dataset::Dataset::Series, day);
            checked.map_err(|fault| refused(option, day.to_string(), fault))?;
        }
    }
    if let Some(instant) = options.published_at {
        let checked = days.check_instant(instant);
        checked.map_err(|fault| refused("published_at", instant.to_string(), fault))?;
    }
    Ok(())
}
