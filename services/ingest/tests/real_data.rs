//! Every real file of users is detected by its header and read to its last row.
//!
//! Skipped with a message if the environment variable `REAL_DATA` names no folder.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail as tests do")]

#[path = "../../../tests/support/real_data.rs"]
mod real_files;
mod support;

use flate2::read::GzDecoder;
use ingest::{
    note::NoteCode,
    options::Options,
    report::FileReport,
    source::SourceKind::{self, *},
};
use marketdata::dataset::{Dataset, Field};
use real_files::folder;
use std::{io::Read, path::Path};
use support::{Desk, at, day, options};

#[expect(clippy::disallowed_methods, reason = "a test of real files reads them")]
fn read(path: &Path) -> Vec<u8> {
    let bytes = std::fs::read(path).unwrap();
    if path.extension().is_some_and(|ending| ending == "gz") {
        let mut plain = Vec::new();
        GzDecoder::new(&bytes[..]).read_to_end(&mut plain).unwrap();
        return plain;
    }
    bytes
}

fn received(path: &Path) -> Options {
    let name = path.file_name().unwrap().to_str().unwrap();
    Options { received_at: at("2026-11-20T22:00:00Z"), ..options(name) }
}

fn take(desk: &mut Desk, path: &Path) -> FileReport {
    desk.ingest(&read(path), received(path)).unwrap_or_else(|e| panic!("{path:?}: {e}")).report
}

/// Expectations per file: kind, data rows, rows skipped, rows rejected. Rows are the lines of the
/// file without its header, as counted by `wc -l` and Python's csv, and those of the data's README
/// if it states them exactly (393,689; 1,230; 503; 105; 4).
const FILES: [(&str, SourceKind, u64, u64, u64); 46] = [
    ("prices/us_equities_2020-07_2021-03.csv.gz", OhlcvTable, 393_689, 0, 0),
    ("prices/yahoo/AAPL.csv.gz", OhlcvSingle, 6_084, 0, 0),
    ("prices/yahoo/AMC.csv.gz", OhlcvSingle, 2_572, 0, 0),
    ("prices/yahoo/AMZN.csv.gz", OhlcvSingle, 6_084, 0, 0),
    ("prices/yahoo/BB.csv.gz", OhlcvSingle, 6_084, 0, 0),
    ("prices/yahoo/GME.csv.gz", OhlcvSingle, 5_555, 0, 0),
    ("prices/yahoo/GOOGL.csv.gz", OhlcvSingle, 4_922, 0, 0),
    ("prices/yahoo/KOSS.csv.gz", OhlcvSingle, 6_084, 0, 0),
    ("prices/yahoo/META.csv.gz", OhlcvSingle, 2_970, 0, 0),
    ("prices/yahoo/MSFT.csv.gz", OhlcvSingle, 6_084, 0, 0),
    ("prices/yahoo/NOK.csv.gz", OhlcvSingle, 6_084, 0, 0),
    ("prices/yahoo/NVDA.csv.gz", OhlcvSingle, 6_084, 0, 0),
    ("prices/yahoo/TSLA.csv.gz", OhlcvSingle, 3_447, 0, 0),
    ("prices/etf_ohlcv/DIA.csv.gz", OhlcvSingle, 5_901, 0, 0),
    ("prices/etf_ohlcv/HYG.csv.gz", OhlcvSingle, 3_582, 0, 0),
    ("prices/etf_ohlcv/IWM.csv.gz", OhlcvSingle, 5_307, 0, 0),
    ("prices/etf_ohlcv/MDY.csv.gz", OhlcvSingle, 6_586, 0, 0),
    ("prices/etf_ohlcv/QQQ.csv.gz", OhlcvSingle, 5_615, 0, 0),
    ("prices/etf_ohlcv/RSP.csv.gz", OhlcvSingle, 4_574, 0, 0),
    ("prices/etf_ohlcv/SPY.csv.gz", OhlcvSingle, 7_157, 0, 0),
    ("prices/etf_ohlcv/TLT.csv.gz", OhlcvSingle, 4_764, 0, 0),
    ("prices/etf_ohlcv/VIX.csv.gz", OhlcvSingle, 7_936, 0, 0),
    ("prices/etf_ohlcv/XLU.csv.gz", OhlcvSingle, 5_667, 0, 0),
    ("prices/etf_close/IWD.csv.gz", CloseSingle, 5_307, 0, 0),
    ("prices/etf_close/KRE.csv.gz", CloseSingle, 3_782, 0, 0),
    ("prices/etf_close/XLRE.csv.gz", CloseSingle, 1_442, 0, 0),
    ("short_interest/publication_times.csv", PublicationSchedule, 4, 0, 0),
    ("short_interest/settle_2020-11-30.csv.gz", ShortInterestTable, 8_579, 36, 0),
    ("short_interest/settle_2020-12-15.csv.gz", ShortInterestTable, 8_617, 24, 0),
    ("short_interest/settle_2020-12-31.csv.gz", ShortInterestTable, 8_687, 27, 0),
    ("short_interest/settle_2021-01-15.csv.gz", ShortInterestTable, 8_755, 26, 0),
    ("regsho/SHO.csv.gz", ShortSaleVolume, 8_176, 0, 0),
    // Payments, and one row of each name that has two CUSIPs on a day, by `awk -F'|'`: 16, 17 and 23
    // payments; 2, 1 and 8 second rows.
    ("fails/cnsfails202101a.txt.gz", FailsToDeliver, 48_215, 18, 0),
    ("fails/cnsfails202101b.txt.gz", FailsToDeliver, 55_972, 18, 0),
    ("fails/cnsfails202102a.txt.gz", FailsToDeliver, 59_224, 31, 0),
    ("macro/CPIAUCSL.csv.gz", DateValue, 551, 1, 0),
    ("macro/DGS10.csv.gz", DateValue, 12_001, 502, 0),
    ("macro/FEDFUNDS.csv.gz", DateValue, 551, 0, 0),
    ("macro/T10Y2Y.csv.gz", DateValue, 12_002, 502, 0),
    ("macro/fred_layout/DGS10.csv.gz", Fred, 6_974, 286, 0),
    ("macro/fred_layout/DGS2.csv.gz", Fred, 6_974, 286, 0),
    // 1,998 lines below the header, of which 1,987 are rows and the others legal text. Cash,
    // futures and rights are skipped; one CVR occurs twice with different amounts.
    ("universe/IWM_holdings_2024-09-27.csv.gz", IsharesHoldings, 1_987, 10, 2),
    ("universe/screener_2021-01-29.csv.gz", Screener, 7_297, 0, 0),
    ("universe/sp500.csv", Constituents, 503, 0, 0),
    ("universe/sp500_ticker_start_end.csv", MembershipIntervals, 1_230, 0, 0),
    ("universe/split_factor_2021-01-29_to_2024-03.csv", SplitFactors, 105, 0, 0),
];

/// Every file by itself: kind and counts; ingesting it again adds nothing.
#[test]
fn every_file_is_detected_read_and_known_when_ingested_again() {
    let Some(folder) = folder("every_file_is_detected_read_and_known_when_ingested_again") else {
        return;
    };
    for (name, kind, rows, skipped, rejected) in FILES {
        let mut desk = Desk::new();
        let path = folder.join(name);
        let report = take(&mut desk, &path);
        let found = (report.kind, report.rows, report.skipped, report.rejected);
        assert_eq!(found, (kind, rows, skipped, rejected), "{name}: {report:?}");
        assert_eq!(report.accepted, rows - skipped - rejected, "{name}");
        let again = take(&mut desk, &path);
        assert_eq!((again.accepted, again.corrected), (0, 0), "{name}: {again:?}");
        assert_eq!(desk.revision(), 1, "{name}");
    }
}

/// What was known of GME on 2021-01-27, and what was published a day later (the data's README).
#[test]
fn short_interest_is_known_when_it_was_published() {
    let Some(folder) = folder("short_interest_is_known_when_it_was_published") else { return };
    let mut desk = Desk::new();
    for file in [
        "publication_times.csv",
        "settle_2020-11-30.csv.gz",
        "settle_2020-12-15.csv.gz",
        "settle_2020-12-31.csv.gz",
        "settle_2021-01-15.csv.gz",
    ] {
        take(&mut desk, &folder.join("short_interest").join(file));
    }
    let short = |as_of| desk.last(as_of, Dataset::ShortInterest, Field::SharesShort, "GME");
    let float = |as_of| desk.last(as_of, Dataset::ShareCounts, Field::PublicFloat, "GME");
    let wednesday = "2021-01-27T21:00:00Z";
    assert_eq!(short(wednesday), Some(71_200_000.0));
    let share = short(wednesday).unwrap() / float(wednesday).unwrap();
    assert!((share - 1.384).abs() < 0.000_5, "{share}");
    // First seen 2021-01-28T05:06:16Z.
    assert_eq!(short("2021-01-28T05:06:15Z"), Some(71_200_000.0));
    assert_eq!(short("2021-01-28T05:06:16Z"), Some(61_780_000.0));
    // First seen 2021-01-13T08:12:58Z; before that, the settlement of 12-15 was the latest.
    assert_eq!(short("2021-01-13T08:12:57Z"), Some(68_130_000.0));
}

/// ARKO has no numbers in the file of 2020-11-30; its settlement of that day is in the file of
/// 12-15, first seen on 2020-12-25T07:08:34Z. DDMX's settlement of 2020-02-28 is only in the file
/// of 2021-01-15.
#[test]
fn an_older_settlement_is_seen_with_the_file_that_contains_it() {
    let Some(folder) = folder("an_older_settlement_is_seen_with_the_file_that_contains_it") else {
        return;
    };
    let mut files = ["2020-11-30", "2020-12-15", "2020-12-31", "2021-01-15"];
    for _order in 0..2 {
        let mut desk = Desk::new();
        take(&mut desk, &folder.join("short_interest/publication_times.csv"));
        for settlement in files {
            take(&mut desk, &folder.join(format!("short_interest/settle_{settlement}.csv.gz")));
        }
        let short =
            |as_of, symbol| desk.last(as_of, Dataset::ShortInterest, Field::SharesShort, symbol);
        // The settlement of 11-30 was first seen on 2020-12-19T15:33:24Z.
        assert_eq!(short("2020-12-25T07:08:33Z", "ARKO"), None);
        assert_eq!(short("2020-12-25T07:08:34Z", "ARKO"), Some(450_364.0));
        assert_eq!(short("2021-01-28T05:06:15Z", "DDMX"), None);
        assert_eq!(short("2021-01-28T05:06:16Z", "DDMX"), Some(7_930.0));
        files.reverse();
    }
}

/// Apple paid four dividends a year since late 2012 and none before; Amazon paid none at all.
#[test]
fn distributions_are_the_dividends() {
    let Some(folder) = folder("distributions_are_the_dividends") else { return };
    let mut desk = Desk::new();
    for symbol in ["AAPL", "AMZN"] {
        take(&mut desk, &folder.join(format!("prices/yahoo/{symbol}.csv.gz")));
    }
    let paid = |symbol: &str, year: i32| {
        let snapshot = desk.snapshot("2026-11-20T22:00:00Z");
        let rows = snapshot.rows(Dataset::Bars, desk.listed(symbol));
        let column = Dataset::Bars.column(Field::Distribution);
        let days = (0..rows.len()).filter(|i| rows.day(*i).ymd().0 == year);
        days.filter(|i| rows.value(*i, column).is_some_and(|v| 1e-12 < (v - 1.0).abs())).count()
    };
    for year in 2013..=2023 {
        assert_eq!(paid("AAPL", year), 4, "{year}");
    }
    assert_eq!((paid("AAPL", 2012), paid("AAPL", 2011)), (2, 0));
    assert_eq!((2000..=2024).map(|year| paid("AMZN", year)).sum::<usize>(), 0);
}

/// A table and single files of one vendor agree to the bit on the rows they share.
#[test]
fn rows_of_two_files_that_agree_are_stored_once() {
    let Some(folder) = folder("rows_of_two_files_that_agree_are_stored_once") else { return };
    let mut desk = Desk::new();
    for symbol in ["AAPL", "GME"] {
        take(&mut desk, &folder.join(format!("prices/yahoo/{symbol}.csv.gz")));
    }
    let table = folder.join("prices/us_equities_2020-07_2021-03.csv.gz");
    let report = take(&mut desk, &table);
    // 189 sessions of two symbols.
    assert_eq!((report.already_known, report.corrected), (2 * 189, 0));
    let later = Options { adjusted_on: Some(day("2024-03-31")), ..received(&table) };
    let report = desk.ingest(&read(&table), later).unwrap().report;
    assert_eq!((report.accepted, report.corrected), (0, 0), "another basis, the same prices");
}

/// FB is found in a file that says META, once the change of its symbol is loaded.
#[test]
fn a_change_of_symbol_joins_old_files_and_new() {
    let Some(folder) = folder("a_change_of_symbol_joins_old_files_and_new") else { return };
    let mut desk = Desk::new();
    take(&mut desk, &folder.join("prices/yahoo/META.csv.gz"));
    desk.take("old_symbol,new_symbol,date\nFB,META,2022-06-09\n", "changes.csv");
    take(&mut desk, &folder.join("short_interest/settle_2020-12-31.csv.gz"));
    let snapshot = desk.snapshot("2021-01-27T21:00:00Z");
    assert_eq!(snapshot.listed("FB"), snapshot.listed("META"));
    assert_eq!(snapshot.symbol(snapshot.listed("META").unwrap()), "FB");
    let short =
        desk.last("2021-01-27T21:00:00Z", Dataset::ShortInterest, Field::SharesShort, "META");
    assert_eq!(short, Some(23_420_000.0));
}

/// Ratios that are not a simple split are noted, and change prices only.
#[test]
fn spin_offs_are_distinguished_from_splits() {
    let Some(folder) = folder("spin_offs_are_distinguished_from_splits") else { return };
    let mut desk = Desk::new();
    let path = folder.join("universe/split_factor_2021-01-29_to_2024-03.csv");
    let report = take(&mut desk, &path);
    let note = report.notes.iter().find(|note| note.code == NoteCode::NotASimpleSplit).unwrap();
    assert!(note.text.contains("IBM 1.0460") && !note.text.contains("GME"), "{note:?}");
    let factor = |field, symbol: &str| {
        desk.last("2026-11-20T22:00:00Z", Dataset::Splits, field, symbol).unwrap()
    };
    for (symbol, price, shares) in [
        ("GME", 4.0, 4.0),
        ("AMC", 0.1, 0.1),
        ("GOOGL", 20.0, 20.0),
        ("T", 28.63 / 21.623_867, 1.0),
    ] {
        assert!((factor(Field::PriceFactor, symbol) - price).abs() < 1e-12, "{symbol}");
        assert!((factor(Field::ShareFactor, symbol) - shares).abs() < 1e-12, "{symbol}");
    }
}
