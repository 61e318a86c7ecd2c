//! Every kind of file, in its real layout, from the samples in `tests/data`, and the facts it adds.
//!
//! Expected numbers are those of the samples; each sample's `metadata.json` states its origin.

mod support;

use ingest::{
    note::NoteCode,
    options::Options,
    report::PreparedFile,
    source::{
        SourceKind::{self, *},
        detect,
    },
};
use marketdata::{
    bars::Bars,
    basis::{BasisKind, PriceBasis},
    dataset::{Dataset, Field},
};
use support::{Desk, at, day, options, rejections};
use tables::refusal::Reason;

macro_rules! sample {
    ($path:literal) => {
        include_bytes!(concat!("../../../tests/data/", $path))
    };
}

const LATER: &str = "2026-11-20T22:00:00Z";

fn later(file_name: &str) -> Options {
    Options { received_at: at(LATER), ..options(file_name) }
}

fn counts(prepared: &PreparedFile) -> (u64, u64, u64, u64) {
    let report = &prepared.report;
    (report.rows, report.accepted, report.skipped, report.rejected)
}

fn note(prepared: &PreparedFile, code: NoteCode) -> u64 {
    let notes = prepared.report.notes.iter();
    notes.filter(|note| note.code == code).map(|note| note.count).sum()
}

fn close(found: Option<f64>, expected: f64) {
    assert!(found.is_some_and(|found| (found - expected).abs() < 1e-12), "{found:?}, {expected}");
}

#[test]
fn each_sample_is_detected_by_its_header() {
    let samples: [(SourceKind, &[u8]); 31] = [
        (OhlcvTable, sample!("ohlcv_table/prices.csv")),
        (OhlcvSingle, sample!("ohlcv_single/AAA.csv")),
        (OhlcvSingle, sample!("ohlcv_single/spy_us_d.csv")),
        (OhlcvSingle, sample!("ohlcv_single/nasdaq_bbb.csv")),
        (OhlcvSingle, sample!("ohlcv_single/bulk.txt")),
        (CloseSingle, sample!("close_single/IWF.csv")),
        (Fred, sample!("fred/DGS10.csv")),
        (Fred, sample!("fred/CPIAUCSL_old.csv")),
        (DateValue, sample!("date_value/UNRATE.csv")),
        (Series, sample!("series/odds.csv")),
        (FinraShortInterest, sample!("finra_short_interest/shrt20260731.csv")),
        (FinraShortInterest, sample!("finra_short_interest/older.csv")),
        (ShortInterestTable, sample!("short_interest_table/settle_2021-01-15.csv")),
        (IsharesHoldings, sample!("ishares_holdings/IWM_holdings.csv")),
        (MembershipIntervals, sample!("membership_intervals/sp500_ticker_start_end.csv")),
        (Screener, sample!("screener/screener_2021-01-29.csv")),
        (Constituents, sample!("constituents/sp500.csv")),
        (PublicationSchedule, sample!("publication_schedule/publication_times.csv")),
        (CorporateActions, sample!("corporate_actions/actions.csv")),
        (SymbolChanges, sample!("symbol_changes/changes.csv")),
        (InstrumentMerges, sample!("instrument_merges/merges.csv")),
        (SecurityMaster, sample!("security_master/master.csv")),
        (ManagerHoldings, sample!("manager_holdings/13f.csv")),
        (Lending, sample!("lending/lending.csv")),
        (ShortSaleVolume, sample!("short_sale_volume/CNMSshvol20240603.txt")),
        (ShortSaleVolume, sample!("short_sale_volume/api.csv")),
        (FailsToDeliver, sample!("fails_to_deliver/cnsfails202406a.txt")),
        (EarningsDates, sample!("earnings_dates/earnings.csv")),
        (RiskModelExposures, sample!("risk_model_exposures/exposures.csv")),
        (RiskModelCovariance, sample!("risk_model_covariance/covariance.csv")),
        (RiskModelSpecific, sample!("risk_model_specific/specific.csv")),
    ];
    for (kind, bytes) in samples {
        assert_eq!(detect(bytes), Ok(kind));
        assert_eq!(SourceKind::from_name(kind.name()), Some(kind));
    }
}

#[test]
fn a_price_table_keeps_bases_and_computes_distributions() {
    let mut desk = Desk::new();
    let options = Options { adjusted_on: Some(day("2024-07-12")), ..options("prices.csv") };
    let prepared = desk.ingest(sample!("ohlcv_table/prices.csv"), options).unwrap();
    assert_eq!(counts(&prepared), (6, 5, 1, 0));
    let snapshot = desk.snapshot("2024-07-12T23:00:00Z");
    let bars = Bars::of(&snapshot, desk.listed("AAA"));
    assert_eq!(bars.basis(0), PriceBasis::SplitAdjusted { on: day("2024-07-12") });
    close(bars.price_return(1), 100.5 / 101.0 - 1.0);
    // 99.5 after 100.5 with a distribution of 1: the adjusted closes went from 99.48505 to 99.5.
    close(bars.total_return(2), 99.5 / 99.485_05 - 1.0);
    close(bars.total_return(1), 100.5 / 101.0 - 1.0);
    // A bar is public at 16:00 in New York, 20:00 UTC in July.
    let last = |as_of| desk.last(as_of, Dataset::Bars, Field::Close, "BRK.B");
    assert_eq!(last("2024-07-09T19:59:59Z"), Some(402.0));
    assert_eq!(last("2024-07-09T20:00:00Z"), Some(404.25));
}

#[test]
fn a_file_without_a_stated_basis_has_that_of_its_layout() {
    let basis = |bytes: &[u8], name: &str, symbol: &str| {
        let mut desk = Desk::new();
        let prepared = desk.ingest(bytes, options(name)).unwrap();
        assert_eq!(prepared.report.rejected, 0, "{name}");
        assert_eq!(note(&prepared, NoteCode::DefaultBasis), 1);
        let snapshot = desk.snapshot(LATER);
        let bars = Bars::of(&snapshot, desk.listed(symbol));
        (bars.basis(0), bars.close_as_stored(bars.len() - 1))
    };
    let on = day("2024-07-12");
    let yahoo = basis(sample!("ohlcv_single/AAA.csv"), "AAA.csv.gz", "AAA");
    assert_eq!(yahoo, (PriceBasis::SplitAdjusted { on }, 99.5));
    let plain = basis(sample!("ohlcv_single/spy_us_d.csv"), "spy_us_d.csv", "SPY");
    assert_eq!(plain, (PriceBasis::SplitAdjusted { on }, 553.9));
    let nasdaq = basis(sample!("ohlcv_single/nasdaq_bbb.csv"), "BBB.csv", "BBB");
    assert_eq!(nasdaq, (PriceBasis::Raw, 12.5), "newest first, and the last day is the last");
    let bulk = basis(sample!("ohlcv_single/bulk.txt"), "d_us_txt", "CCC");
    assert_eq!(bulk, (PriceBasis::TotalReturn { on }, 7.6));
    let closes = basis(sample!("close_single/IWF.csv"), "IWF.csv", "IWF");
    assert_eq!(closes, (PriceBasis::SplitAdjusted { on }, 374.950_012_207_031_2));
}

#[test]
fn the_default_basis_is_known_from_the_first_line() {
    let basis = |head: &str| ingest::source::default_basis(head.as_bytes());
    assert_eq!(basis("Date,Open,High,Low,Close,Volume\n"), Some(BasisKind::SplitAdjusted));
    assert_eq!(basis("Date,Close,Adj Close\n"), Some(BasisKind::SplitAdjusted));
    assert_eq!(basis("Date,Close/Last,Volume,Open,High,Low\n"), Some(BasisKind::Raw));
    assert_eq!(basis("date,value\n"), None, "no prices");
    assert_eq!(basis("alpha,beta\n"), None, "no known kind");
}

#[test]
fn series_are_public_as_stated_or_by_rule() {
    let mut desk = Desk::new();
    let prepared = desk.ingest(sample!("fred/DGS10.csv"), options("x.csv")).unwrap();
    assert_eq!(counts(&prepared), (5, 3, 2, 0), "holidays have no value");
    desk.ingest(sample!("fred/CPIAUCSL_old.csv"), options("x.csv")).unwrap();
    desk.ingest(sample!("date_value/UNRATE.csv"), options("UNRATE.csv")).unwrap();
    let prepared = desk.ingest(sample!("series/odds.csv"), options("odds.csv")).unwrap();
    assert_eq!(counts(&prepared), (4, 4, 0, 0), "a revision with its own instant is a fact");
    let value = |as_of, series| desk.last(as_of, Dataset::Series, Field::Value, series);
    // Friday's yield is published on Monday at 16:15.
    assert_eq!(value("2024-07-08T20:14:59Z", "DGS10"), Some(4.36));
    assert_eq!(value("2024-07-08T20:15:00Z", "DGS10"), Some(4.28));
    // May's index by the rule, on the 15th of June at 08:30; June's not before it was received.
    assert_eq!(value("2024-06-15T12:29:59Z", "CPIAUCSL"), Some(313.207));
    assert_eq!(value("2024-06-15T12:30:00Z", "CPIAUCSL"), Some(313.225));
    assert_eq!(value("2024-07-12T22:59:59Z", "UNRATE"), Some(4.0));
    assert_eq!(value("2024-07-12T23:00:00Z", "UNRATE"), Some(4.1));
    assert_eq!(value("2024-07-11T20:00:00Z", "ODDS"), Some(0.6));
    assert_eq!(value("2024-07-12T12:29:59Z", "CPI_FIRST"), Some(-0.1));
    assert_eq!(value("2024-07-12T12:30:00Z", "CPI_FIRST"), Some(0.0));
}

#[test]
fn finra_rows_carry_their_cycle_and_revise_the_previous_one() {
    let mut desk = Desk::new();
    let bytes = sample!("finra_short_interest/shrt20260731.csv");
    let prepared = desk.ingest(bytes, later("shrt20260731.csv")).unwrap();
    assert_eq!(counts(&prepared), (4, 4, 0, 0));
    assert_eq!(note(&prepared, NoteCode::DaysToCoverCapped), 1);
    let field = |field, symbol| desk.last(LATER, Dataset::ShortInterest, field, symbol);
    // FINRA's published figures.
    assert_eq!(field(Field::SharesShort, "A"), Some(5_749_623.0));
    assert_eq!(field(Field::PreviousSharesShort, "A"), Some(7_538_437.0));
    assert_eq!(field(Field::AverageDailyVolume, "A"), Some(2_301_495.0));
    assert_eq!(field(Field::DaysToCoverPrinted, "A"), Some(2.5));
    assert_eq!(field(Field::DaysToCoverPrinted, "ZZZZ"), None, "999.99 is a cap, not a number");
    assert_eq!(field(Field::SharesShort, "ZZZZ"), Some(1_200.0));
    // The revised position of 07-15 is known with the cycle of 07-31: 9 sessions later, at 18:00.
    let snapshot = desk.snapshot(LATER);
    let rows = snapshot.rows(Dataset::ShortInterest, desk.listed("AA"));
    assert_eq!((rows.len(), rows.day(0), rows.day(1)), (2, day("2026-07-15"), day("2026-07-31")));
    assert_eq!(rows.value(0, 0), Some(8_981_785.0));
    assert_eq!(rows.published_at(0), at("2026-08-13T22:00:00Z"));
    let older = desk.ingest(sample!("finra_short_interest/older.csv"), later("x.csv")).unwrap();
    assert_eq!(counts(&older), (1, 1, 0, 0));
}

#[test]
fn a_revised_cycle_does_not_change_its_past() {
    let mut desk = Desk::new();
    let header = "symbolCode|currentShortPositionQuantity|previousShortPositionQuantity|\
                  revisionFlag|settlementDate\n";
    desk.ingest(format!("{header}AA|900|800||2021-01-15\n").as_bytes(), later("a")).unwrap();
    let second = format!("{header}AA|1000|950|R|2021-01-29\n");
    let prepared = desk.ingest(second.as_bytes(), later("b")).unwrap();
    assert_eq!(prepared.report.accepted, 1);
    let first = |as_of| {
        let snapshot = desk.snapshot(as_of);
        let rows = snapshot.rows(Dataset::ShortInterest, desk.listed("AA"));
        (rows.value(0, 0), rows.value(0, 1))
    };
    // Nine sessions after 01-15 and after 01-29, at 18:00 in New York.
    assert_eq!(first("2021-02-11T22:59:59Z"), (Some(900.0), Some(800.0)));
    assert_eq!(first("2021-02-11T23:00:00Z"), (Some(950.0), Some(800.0)));
}

const TABLE: &str = "symbol,public_float,short_interest_date,shares_sold_short\n";
const SCHEDULE: &str = "settlement,first_seen\n2020-12-15,2020-12-25T07:00:00Z\n\
                        2020-12-31,2021-01-13T08:00:00Z\n2021-01-15,2021-01-28T05:00:00Z\n";

/// The published short interest of a name: settlement, shares and publication of every fact.
fn published(desk: &Desk, name: &str) -> Vec<(String, f64, String)> {
    let track = desk.market.track(Dataset::ShortInterest, desk.listed(name)).expect("facts");
    let rows = track.every(desk.revision());
    let row = |i| {
        let shares = rows.value(i, 0).expect("shares short");
        (rows.day(i).to_string(), shares, rows.published_at(i).to_string())
    };
    (0..rows.len()).map(row).collect()
}

fn fact(on: &str, shares: f64, published: &str) -> (String, f64, String) {
    (on.to_owned(), shares, published.to_owned())
}

/// A name that is missing from the file of its settlement and appears in the next one.
#[test]
fn a_late_row_is_published_with_the_file_that_contains_it() {
    let mut desk = Desk::new();
    desk.take(SCHEDULE, "publication_times.csv");
    let first = format!("{TABLE}AAA,9,12/31/20,5\nBBB,9,12/31/20,6\n");
    let second =
        format!("{TABLE}AAA,9,01/15/21,7\nBBB,9,12/31/20,6\nCCC,9,12/31/20,8\nDDD,9,01/15/21,1\n");
    desk.take(&first, "a.csv");
    desk.take(&second, "b.csv");
    assert_eq!(published(&desk, "CCC"), [fact("2020-12-31", 8.0, "2021-01-28T05:00:00Z")]);
    // Values already in the file of their own settlement are known since then.
    assert_eq!(published(&desk, "BBB"), [fact("2020-12-31", 6.0, "2021-01-13T08:00:00Z")]);
    let revision = desk.revision();
    desk.take(&second, "again.csv");
    assert_eq!(desk.revision(), revision, "the same file adds nothing");

    // A later file that restates an older settlement does so at its own publication. The same file
    // sent again with another number is a correction, which is not known before it is received.
    desk.take(&second.replace("BBB,9,12/31/20,6", "BBB,9,12/31/20,60"), "restated.csv");
    desk.take(&second.replace("BBB,9,12/31/20,6", "BBB,9,12/31/20,61"), "corrected.csv");
    let restated = [
        fact("2020-12-31", 6.0, "2021-01-13T08:00:00Z"),
        fact("2020-12-31", 60.0, "2021-01-28T05:00:00Z"),
        fact("2020-12-31", 61.0, "2024-07-12T23:00:00Z"),
    ];
    assert_eq!(published(&desk, "BBB"), restated);
}

#[test]
fn late_rows_get_the_same_dates_in_any_order_of_files() {
    let first = format!("{TABLE}AAA,9,12/31/20,5\nBBB,9,12/31/20,6\n");
    let second = format!("{TABLE}AAA,9,01/15/21,7\nDDD,9,01/15/21,7\nBBB,9,12/31/20,6\n");
    for order in [[&first, &second], [&second, &first]] {
        let mut desk = Desk::new();
        desk.take(SCHEDULE, "publication_times.csv");
        order.into_iter().for_each(|text| drop(desk.take(text, "short.csv")));
        // The visible value at each instant is the same, because the second fact of a key repeats
        // the first.
        let known = |as_of| desk.last(as_of, Dataset::ShortInterest, Field::SharesShort, "BBB");
        assert_eq!(known("2021-01-13T07:59:59Z"), None);
        assert_eq!(known("2021-01-13T08:00:00Z"), Some(6.0));
    }
}

/// The caller's as-of date is the day of the share counts, not the publication of the settlements.
#[test]
fn an_as_of_date_after_all_settlements_delays_none() {
    let mut desk = Desk::new();
    desk.take(SCHEDULE, "publication_times.csv");
    let named = Options { observed_on: Some(day("2021-02-01")), ..options("short.csv") };
    desk.ingest(format!("{TABLE}AAA,9,01/15/21,7\n").as_bytes(), named).unwrap();
    assert_eq!(published(&desk, "AAA"), [fact("2021-01-15", 7.0, "2021-01-28T05:00:00Z")]);
}

/// A desk's own file of several settlements: each was published in its time.
#[test]
fn a_history_of_settlements_is_dated_row_by_row() {
    let mut desk = Desk::new();
    desk.take(SCHEDULE, "publication_times.csv");
    let text = format!("{TABLE}AAA,,12/15/20,4\nAAA,,12/31/20,5\nAAA,,01/15/21,7\n");
    desk.take(&text, "history.csv");
    let expected = [
        fact("2020-12-15", 4.0, "2020-12-25T07:00:00Z"),
        fact("2020-12-31", 5.0, "2021-01-13T08:00:00Z"),
        fact("2021-01-15", 7.0, "2021-01-28T05:00:00Z"),
    ];
    assert_eq!(published(&desk, "AAA"), expected);
}

#[test]
fn the_whole_market_table_feeds_two_datasets() {
    let mut desk = Desk::new();
    desk.ingest(sample!("publication_schedule/publication_times.csv"), later("p.csv")).unwrap();
    let bytes = sample!("short_interest_table/settle_2021-01-15.csv");
    let prepared = desk.ingest(bytes, later("settle_2021-01-15.csv")).unwrap();
    assert_eq!(counts(&prepared), (6, 5, 1, 0));
    assert_eq!(note(&prepared, NoteCode::EmptyFloat), 1);
    assert_eq!(note(&prepared, NoteCode::OlderSettlement), 1);
    assert_eq!(note(&prepared, NoteCode::EstimatedPublication), 0, "the schedule gives the time");
    let seen = "2021-01-28T05:06:16Z";
    let field = |as_of, dataset, field, symbol| desk.last(as_of, dataset, field, symbol);
    let short = |as_of| field(as_of, Dataset::ShortInterest, Field::SharesShort, "BRK.B");
    assert_eq!(short("2021-01-28T05:06:15Z"), None);
    assert_eq!(short(seen), Some(10_990_000.0));
    // The settlement of 12-31 was first seen on 01-13, but this row of it is in the file of 01-15.
    let old = |as_of| field(as_of, Dataset::ShortInterest, Field::SharesShort, "OLD");
    assert_eq!(old("2021-01-28T05:06:15Z"), None);
    assert_eq!(old(seen), Some(1_000_000.0));
    let float = |symbol| field(seen, Dataset::ShareCounts, Field::PublicFloat, symbol);
    assert_eq!((float("AAA"), float("FND"), float("NEW")), (Some(8e7), None, Some(1.5e7)));
    let snapshot = desk.snapshot(seen);
    let of = |dataset| snapshot.rows(dataset, desk.listed("OLD")).day(0);
    assert_eq!(of(Dataset::ShortInterest), day("2020-12-31"));
    assert_eq!(of(Dataset::ShareCounts), day("2021-01-15"), "counts are of the file's day");
}

#[test]
fn holdings_are_the_stocks_of_the_first_block() {
    let mut desk = Desk::new();
    let bytes = sample!("ishares_holdings/IWM_holdings.csv");
    let prepared = desk.ingest(bytes, options("IWM_holdings.csv")).unwrap();
    assert_eq!(counts(&prepared), (5, 2, 3, 0));
    assert_eq!(note(&prepared, NoteCode::NotAStock), 3);
    let snapshot = desk.snapshot("2024-07-12T23:00:00Z");
    let rows = snapshot.rows(Dataset::Holdings, desk.listed("AAA"));
    assert_eq!((rows.len(), rows.day(0)), (1, day("2024-07-10")));
    assert_eq!(rows.other(0), desk.listed("IWM"));
    let value = |field| rows.value(0, Dataset::Holdings.column(field));
    assert_eq!(value(Field::Weight), Some(0.005));
    assert_eq!(value(Field::SharesHeld), Some(3_095_232.0));
    assert_eq!(snapshot.text(value(Field::Sector).unwrap()), Some("Health Care"));
    // 08:00 of the next session.
    assert_eq!(rows.published_at(0), at("2024-07-11T12:00:00Z"));
}

#[test]
fn a_share_class_without_its_dot_is_found_in_any_order_of_files() {
    let holdings = sample!("ishares_holdings/IWM_holdings.csv");
    let prices = b"Ticker,Date,Open,High,Low,Close,Volume\nMOG-A,2024-07-08,1,1,1,1,5\n";
    for holdings_first in [true, false] {
        let mut desk = Desk::new();
        if holdings_first {
            desk.ingest(holdings, options("IWM_holdings.csv")).unwrap();
        }
        desk.ingest(prices, options("t.csv")).unwrap();
        if !holdings_first {
            desk.ingest(holdings, options("IWM_holdings.csv")).unwrap();
        }
        let id = desk.listed("MOG.A");
        assert_eq!(desk.listed("MOGA"), id, "{holdings_first}");
        let snapshot = desk.snapshot(LATER);
        let held = |dataset| snapshot.rows(dataset, id).len();
        assert_eq!((held(Dataset::Holdings), held(Dataset::Bars)), (1, 1), "{holdings_first}");
        assert_eq!(snapshot.symbol(id), "MOG.A");
        assert!(desk.ingest(prices, options("t.csv")).unwrap().batch.is_empty());
        assert!(desk.ingest(holdings, options("IWM_holdings.csv")).unwrap().batch.is_empty());
    }
}

#[test]
fn members_join_and_leave_and_a_new_ticker_stays() {
    let mut desk = Desk::new();
    desk.ingest(sample!("symbol_changes/changes.csv"), later("c.csv")).unwrap();
    let bytes = sample!("membership_intervals/sp500_ticker_start_end.csv");
    let name = "sp500_ticker_start_end.csv";
    let prepared = desk.ingest(bytes, later(name)).unwrap();
    assert_eq!(counts(&prepared), (5, 5, 0, 0));
    let snapshot = desk.snapshot(LATER);
    let index = snapshot.series_id("SP500").unwrap();
    let facts = |symbol: &str| -> Vec<(String, f64)> {
        let rows = snapshot.rows(Dataset::Memberships, desk.listed(symbol));
        assert!((0..rows.len()).all(|i| rows.other(i) == index));
        (0..rows.len()).map(|i| (rows.day(i).to_string(), rows.value(i, 0).unwrap())).collect()
    };
    let fact = |day: &str, member: f64| (day.to_owned(), member);
    assert_eq!(facts("META"), [fact("2013-12-23", 1.0), fact("2022-06-09", 1.0)]);
    assert_eq!(facts("FB"), facts("META"));
    assert_eq!(
        facts("CCC"),
        [
            fact("1996-01-02", 1.0),
            fact("1997-01-15", 0.0),
            fact("2015-03-23", 1.0),
            fact("2024-09-23", 0.0)
        ]
    );
}

#[test]
fn listings_keep_the_texts_of_their_source() {
    let mut desk = Desk::new();
    let bytes = sample!("screener/screener_2021-01-29.csv");
    let prepared = desk.ingest(bytes, later("screener_2021-01-29.csv")).unwrap();
    assert_eq!(counts(&prepared), (3, 3, 0, 0));
    assert_eq!(note(&prepared, NoteCode::NoMarketCap), 1);
    let cap = |symbol| desk.last(LATER, Dataset::Listings, Field::MarketCap, symbol);
    assert_eq!((cap("BRK-B"), cap("ZAP")), (Some(535e9), None));
    desk.ingest(sample!("constituents/sp500.csv"), later("sp500.csv")).unwrap();
    let snapshot = desk.snapshot(LATER);
    let sector = |symbol: &str, i: usize| {
        let rows = snapshot.rows(Dataset::Listings, desk.listed(symbol));
        let id = rows.value(i, Dataset::Listings.column(Field::Sector)).unwrap();
        snapshot.text(id).unwrap().to_owned()
    };
    assert_eq!((sector("BRK.B", 0), sector("BRK.B", 1)), ("Finance".into(), "Financials".into()));
    // 18:00 in New York on the screener's day.
    let rows = snapshot.rows(Dataset::Listings, desk.listed("AAA"));
    assert_eq!(rows.published_at(0), at("2021-01-29T23:00:00Z"));
}

#[test]
fn a_security_master_states_what_a_line_is() {
    let mut desk = Desk::new();
    let bytes = b"Symbol,Name,Last Sale,Market Cap,Security Type\n\
        ARKK,ARK Innovation ETF,134.90,,ETF\nRSI,Rush Street Interactive,18.17,,Common Stock\n\
        PLL,Piedmont Lithium,49.68,,\n";
    desk.ingest(bytes, later("screener_2021-01-29.csv")).unwrap();
    let snapshot = desk.snapshot(LATER);
    let class = |symbol: &str| {
        let rows = snapshot.rows(Dataset::Listings, desk.listed(symbol));
        let id = rows.value(0, Dataset::Listings.column(Field::AssetClass))?;
        snapshot.text(id).map(str::to_owned)
    };
    assert_eq!(class("ARKK").as_deref(), Some("ETF"));
    assert_eq!(class("RSI").as_deref(), Some("Common Stock"));
    assert_eq!(class("PLL"), None);
}

#[test]
fn splits_change_units_and_spin_offs_only_prices() {
    let mut desk = Desk::new();
    desk.ingest(sample!("corporate_actions/actions.csv"), later("actions.csv")).unwrap();
    let field = |field, symbol| desk.last(LATER, Dataset::Splits, field, symbol).unwrap();
    assert_eq!(field(Field::ShareFactor, "AAA").to_bits(), 10f64.to_bits());
    assert_eq!(field(Field::ShareFactor, "SPN").to_bits(), 1f64.to_bits());
    assert_eq!(field(Field::PriceFactor, "SPN").to_bits(), 1.25f64.to_bits());
    let from = f64::from(day("2024-06-09").epoch());
    assert_eq!(field(Field::FromOn, "AAA").to_bits(), from.to_bits());
    let mut desk = Desk::new();
    let name = "split_factor_2021-01-29_to_2024-03.csv";
    let bytes = sample!("split_factors/split_factor_2021-01-29_to_2024-03.csv");
    let prepared = desk.ingest(bytes, later(name)).unwrap();
    assert_eq!(note(&prepared, NoteCode::NotASimpleSplit), 1, "IBM's 1.046 is not a split");
    let snapshot = desk.snapshot(LATER);
    let rows = snapshot.rows(Dataset::Splits, desk.listed("REV"));
    assert_eq!(rows.day(0), day("2024-03-31"));
    assert_eq!(rows.value(0, 0), Some(f64::from(day("2021-01-29").epoch())));
    assert_eq!((rows.value(0, 1), rows.value(0, 2)), (Some(0.1), Some(0.1)));
}

#[test]
fn a_change_between_contradicting_instruments_is_refused() {
    let mut desk = Desk::new();
    let price = |symbol: &str, close: u8| format!("{symbol},2024-07-08,1,2,1,{close},5\n");
    let header = "Ticker,Date,Open,High,Low,Close,Volume\n";
    let table = format!("{header}{}{}", price("FB", 1), price("META", 2));
    desk.take(&table, "t.csv");
    let changes = Options { force: true, ..later("changes.csv") };
    let prepared = desk.ingest(sample!("symbol_changes/changes.csv"), changes).unwrap();
    assert_eq!(rejections(&prepared), [(2, Reason::SymbolsTaken)]);
    assert_eq!(prepared.report.accepted, 1, "the retirement is kept");
}

#[test]
fn a_reused_ticker_is_another_instrument() {
    let mut desk = Desk::new();
    desk.ingest(sample!("symbol_changes/changes.csv"), later("c.csv")).unwrap();
    let table =
        |day: &str| format!("Ticker,Date,Open,High,Low,Close,Volume\nTWTR,{day},1,1,1,1,5\n");
    let adjusted = |on: &str| Options { adjusted_on: Some(day(on)), ..later("t.csv") };
    // Fetched in 2024: rows to 2022 belong to the company that left, later ones to its successor.
    desk.ingest(table("2022-10-27").as_bytes(), adjusted("2024-01-31")).unwrap();
    desk.ingest(table("2023-10-27").as_bytes(), adjusted("2024-01-31")).unwrap();
    let rows = |as_of: &str| {
        let snapshot = desk.snapshot(as_of);
        let id = snapshot.listed("TWTR").unwrap();
        (id, desk.snapshot(LATER).rows(Dataset::Bars, id).day(0))
    };
    let (before, after) = (rows("2022-10-27T20:00:00Z"), rows("2023-10-27T20:00:00Z"));
    assert_ne!(before.0, after.0);
    assert_eq!((before.1, after.1), (day("2022-10-27"), day("2023-10-27")));
}
