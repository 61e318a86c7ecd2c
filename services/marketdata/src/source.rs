//! The closed list of file kinds, and how a file tells which it is: by its header, never by its name.
//!
//! | kind | told by | names instruments by | first value public |
//! |---|---|---|---|
//! | `ohlcv_table` | symbol, date, open, high, low, close | the file's date | 16:00 New York of the day |
//! | `ohlcv_single` | the same without a symbol | the file's date | 16:00 of the day |
//! | `close_single` | date, close | the file's date | 16:00 of the day |
//! | `fred` | `DATE` or `observation_date`, one id in capitals | (a series) | see [`crate::ingest`] |
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

pub mod export;
pub mod portfolio_csv;
pub mod refusal;

pub(crate) mod bars;
pub(crate) mod cell;
pub(crate) mod file_name;
pub(crate) mod finra_short_interest;
pub(crate) mod header;
pub(crate) mod ishares_holdings;
pub(crate) mod listings;
pub(crate) mod memberships;
pub(crate) mod names;
pub(crate) mod note;
pub(crate) mod plausible;
pub(crate) mod row;
pub(crate) mod schedule;
pub(crate) mod series;
pub(crate) mod sheet;
pub(crate) mod short_interest_table;
pub(crate) mod splits;
pub(crate) mod symbol_changes;

use header::Column;
use refusal::{Refusal, excerpt};

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
    header::layout(head, None, head.len()).map(|layout| layout.kind)
}

/// Refuses what is no table of text at all.
pub(crate) fn check_text(head: &[u8]) -> Result<(), Refusal> {
    let bare = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    if bare.is_empty() {
        return Err(Refusal::Empty);
    }
    if head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff") {
        return Err(Refusal::Encoding("UTF-16"));
    }
    check_binary(bare)?;
    let line = bare.split(|byte| *byte == b'\n').next().unwrap_or(bare).trim_ascii();
    let lower = line.to_ascii_lowercase();
    if lower.starts_with(b"<!doctype html") || lower.starts_with(b"<html") {
        return Err(Refusal::HtmlPage);
    }
    // Stooq's own header begins with an angle bracket, too.
    if line.starts_with(b"<") && !lower.starts_with(b"<ticker>") {
        let whole = bare[..bare.len().min(2_000)].to_ascii_lowercase();
        return Err(if memchr::memmem::find(&whole, b"<html").is_some() {
            Refusal::HtmlPage
        } else {
            Refusal::XmlPage(excerpt(line))
        });
    }
    if is_notice(&lower) {
        return Err(Refusal::VendorNotice(excerpt(line)));
    }
    Ok(())
}

fn check_binary(head: &[u8]) -> Result<(), Refusal> {
    for (magic, name) in [
        (&b"\x1f\x8b"[..], "it is gzip inside gzip, or compressed in a way that was not undone"),
        (b"PK\x03\x04", "it is a zip archive or a spreadsheet; save the sheet as CSV"),
        (b"PAR1", "it is Parquet"),
        (b"%PDF", "it is a PDF"),
        (b"SQLite format 3", "it is a SQLite database"),
    ] {
        if head.starts_with(magic) {
            return Err(Refusal::Binary(name));
        }
    }
    let head = &head[..head.len().min(4_096)];
    let zeros = head.iter().filter(|byte| **byte == 0).count();
    // Latin text in UTF-16 without a mark: every second byte is zero.
    if head.len() <= zeros * 5 / 2 && (0..2).any(|odd| alternates(head, odd)) {
        return Err(Refusal::Encoding("UTF-16"));
    }
    let control = |byte: &&u8| **byte < b' ' && !matches!(**byte, b'\t' | b'\n' | b'\r' | 0 | 12);
    let controls = head.iter().filter(control).count();
    if head.len() < controls * 50 || (0 < controls && 0 < zeros) {
        return Err(Refusal::Binary("it holds control characters"));
    }
    Ok(())
}

/// Whether the zeros of a text all are at even, or all at odd, places.
fn alternates(head: &[u8], odd: usize) -> bool {
    head.iter().enumerate().all(|(at, byte)| *byte != 0 || at % 2 == odd)
}

/// Plain text that vendors send with a status of success.
fn is_notice(line: &[u8]) -> bool {
    const NOTICES: [&[u8]; 8] = [
        b"exceeded the daily hits limit",
        b"no data",
        b"access denied",
        b"too many requests",
        b"rate limit",
        b"not found",
        b"forbidden",
        b"error",
    ];
    line.starts_with(b"{") || NOTICES.iter().any(|notice| line.starts_with(notice))
}

/// Reads the rows of one kind.
pub(crate) trait Reader: std::fmt::Debug + Send + Sync {
    /// Takes a row with as many fields as the header.
    fn row(
        &mut self,
        line: u32,
        row: &row::Row<'_>,
        sheet: &mut sheet::Sheet,
    ) -> Result<sheet::Flow, refusal::Fault>;

    /// What a row with another number of fields is, where it is no fault.
    fn short_row(
        &mut self,
        _row: &row::Row<'_>,
        _sheet: &mut sheet::Sheet,
    ) -> Option<Result<sheet::Flow, refusal::Fault>> {
        None
    }

    /// Whether a blank line ends the table.
    fn ends_at_blank(&self) -> bool {
        false
    }

    /// After the last row.
    fn finish(&mut self, sheet: &mut sheet::Sheet) -> Result<(), Refusal>;
}

/// The reader of a file's kind.
pub(crate) fn reader(
    layout: &header::Layout,
    options: &crate::ingest::Options,
    sheet: &mut sheet::Sheet,
) -> Result<Box<dyn Reader>, Refusal> {
    check_options(options, sheet.days)?;
    Ok(match layout.kind {
        OhlcvTable | OhlcvSingle | CloseSingle => {
            Box::new(bars::BarsReader::new(layout, options, sheet)?)
        }
        Fred | DateValue | Series => Box::new(series::SeriesReader::new(layout, options)?),
        FinraShortInterest => Box::new(finra_short_interest::FinraReader::new(layout)),
        ShortInterestTable => {
            Box::new(short_interest_table::ShortInterestReader::new(layout, options))
        }
        IsharesHoldings => Box::new(ishares_holdings::HoldingsReader::new(layout, options, sheet)?),
        MembershipIntervals => Box::new(memberships::MembershipsReader::new(layout, options)?),
        Screener | Constituents => Box::new(listings::ListingsReader::new(layout, options, sheet)?),
        PublicationSchedule => Box::new(schedule::ScheduleReader::new(layout)),
        CorporateActions => Box::new(splits::ActionsReader::new(layout)),
        SplitFactors => Box::new(splits::FactorsReader::new(layout, options, sheet)?),
        SymbolChanges => Box::new(symbol_changes::ChangesReader::new(layout)),
    })
}

/// Refuses days and instants of the caller that no file is about.
fn check_options(options: &crate::ingest::Options, days: plausible::Days) -> Result<(), Refusal> {
    let refused = |option, value: String, fault: refusal::Fault| Refusal::BadOption {
        option,
        value,
        fault: format!("{} ({})", fault.reason, fault.text),
    };
    for (option, day) in [("as_of_on", options.as_of_on), ("adjusted_on", options.adjusted_on)] {
        if let Some(day) = day {
            let checked = days.check(crate::dataset::Dataset::Series, day);
            checked.map_err(|fault| refused(option, day.to_string(), fault))?;
        }
    }
    if let Some(instant) = options.published_at {
        let checked = days.check_instant(instant);
        checked.map_err(|fault| refused("published_at", instant.to_string(), fault))?;
    }
    Ok(())
}
