//! Laws for every file: chunk sizes do not matter, known rows add nothing, the past never changes.

mod support;

use ingest::{note::NoteCode, options::Options, parser::Parser, prepare::prepare};
use marketdata::{
    bars::Bars,
    basis::BasisKind,
    dataset::{Dataset, Field},
};
use proptest::prelude::*;
use support::{Desk, at, day, limits, options};
use tables::refusal::Reason;

fn table(rows: &[(&str, &str, f64)]) -> String {
    let row = |(symbol, day, close): &(&str, &str, f64)| {
        format!("{symbol},{day},{close},{close},{close},{close},1000\n")
    };
    "Ticker,Date,Open,High,Low,Close,Volume\n".to_owned()
        + &rows.iter().map(row).collect::<String>()
}

fn raw(received_at: &str) -> Options {
    let price_basis = Some(BasisKind::Raw);
    Options { received_at: at(received_at), price_basis, ..options("t.csv") }
}

fn close(desk: &Desk, as_of: &str, symbol: &str) -> Option<f64> {
    desk.last(as_of, Dataset::Bars, Field::Close, symbol)
}

#[test]
fn a_then_b_then_a_are_three_revisions() {
    let mut desk = Desk::new();
    let (a, b) = (table(&[("X", "2024-07-08", 10.0)]), table(&[("X", "2024-07-08", 11.0)]));
    let received = ["2024-07-09T12:00:00Z", "2024-07-10T12:00:00Z", "2024-07-11T12:00:00Z"];
    for (text, received_at) in [&a, &b, &a].into_iter().zip(received) {
        desk.ingest(text.as_bytes(), raw(received_at)).unwrap();
    }
    assert_eq!(desk.revision(), 3);
    assert_eq!(close(&desk, "2024-07-08T20:00:00Z", "X"), Some(10.0));
    assert_eq!(close(&desk, "2024-07-10T11:59:59Z", "X"), Some(10.0));
    assert_eq!(close(&desk, received[1], "X"), Some(11.0), "a correction dates from its receipt");
    assert_eq!(close(&desk, received[2], "X"), Some(10.0));
    let again = desk.ingest(a.as_bytes(), raw("2024-07-12T12:00:00Z")).unwrap();
    assert!(again.batch.is_empty() && again.report.already_known == 1);
}

#[test]
fn a_caller_may_date_a_correction() {
    let mut desk = Desk::new();
    desk.ingest(table(&[("X", "2024-07-08", 10.0)]).as_bytes(), raw("2024-07-09T12:00:00Z"))
        .unwrap();
    let published_at = Some(at("2024-07-08T22:00:00Z"));
    let dated = Options { published_at, ..raw("2024-07-10T12:00:00Z") };
    let fixed = table(&[("X", "2024-07-08", 11.0)]);
    assert_eq!(desk.ingest(fixed.as_bytes(), dated).unwrap().report.corrected, 1);
    assert_eq!(close(&desk, "2024-07-08T21:59:59Z", "X"), Some(10.0));
    assert_eq!(close(&desk, "2024-07-08T22:00:00Z", "X"), Some(11.0));
}

/// One changed close, received a day later, is a correction of one row and not a restatement of
/// others.
#[test]
fn a_corrected_close_is_not_mistaken_for_a_restated_history() {
    let mut desk = Desk::new();
    let adjusted = |on: &str| Options {
        adjusted_on: Some(day(on)),
        price_basis: Some(BasisKind::TotalReturn),
        ..options("TLT.csv")
    };
    let before = "Date,Close\n2024-07-08,101.00\n2024-07-09,102.00\n";
    desk.ingest(before.as_bytes(), adjusted("2024-07-09")).unwrap();
    let after = "Date,Close\n2024-07-08,101.00\n2024-07-09,102.40\n";
    let report = desk.ingest(after.as_bytes(), adjusted("2024-07-10")).unwrap().report;
    assert_eq!((report.accepted, report.corrected, report.already_known), (0, 1, 1), "{report:?}");
    let newest = "Date,Close\n2024-07-09,102.30\n";
    let report = desk.ingest(newest.as_bytes(), adjusted("2024-07-11")).unwrap().report;
    assert_eq!((report.accepted, report.corrected, report.already_known), (0, 1, 0), "{report:?}");
}

#[test]
fn an_absent_value_is_no_correction() {
    let mut desk = Desk::new();
    let full = "Ticker,Date,Open,High,Low,Close,Volume\nX,2024-07-08,9,11,8,10,1000\n";
    desk.ingest(full.as_bytes(), raw("2024-07-09T12:00:00Z")).unwrap();
    let bare = Options { symbol: Some("X".into()), ..raw("2024-07-10T12:00:00Z") };
    let known = desk.ingest(b"Date,Close\n2024-07-08,10\n", bare.clone()).unwrap();
    assert!(known.batch.is_empty(), "a volume missing from the file is no correction");
    desk.ingest(b"Date,Close\n2024-07-08,10.5\n", bare).unwrap();
    let field = |field| desk.last("2024-07-10T12:00:00Z", Dataset::Bars, field, "X");
    assert_eq!((field(Field::Close), field(Field::Volume)), (Some(10.5), Some(1000.0)));
}

/// Closes before a 4:1 split on 2024-07-10, and the same closes restated for it.
const BEFORE: [(&str, &str, f64); 4] = [
    ("X", "2024-07-03", 100.0),
    ("X", "2024-07-05", 104.0),
    ("X", "2024-07-08", 101.32),
    ("X", "2024-07-09", 102.0),
];

fn restated() -> Options {
    Options {
        price_basis: Some(BasisKind::SplitAdjusted),
        adjusted_on: Some(day("2024-07-10")),
        ..raw("2024-07-11T12:00:00Z")
    }
}

#[test]
fn a_file_restated_for_a_known_split_corrects_nothing() {
    let mut desk = Desk::new();
    desk.ingest(table(&BEFORE).as_bytes(), raw("2024-07-09T22:00:00Z")).unwrap();
    desk.take("symbol,date,price_factor,share_factor\nX,2024-07-10,4,4\n", "a.csv");
    let rows = BEFORE.map(|(symbol, day, close)| (symbol, day, close / 4.0));
    let text = table(&[&rows[..], &[("X", "2024-07-10", 26.0)]].concat());
    // Volumes are restated by the inverse factor.
    let text = text.replace(",1000\n", ",4000\n");
    let report = desk.ingest(text.as_bytes(), restated()).unwrap().report;
    assert_eq!((report.already_known, report.corrected, report.accepted), (4, 0, 1), "{report:?}");
}

#[test]
fn a_file_restated_for_an_unknown_split_is_not_mistaken_for_corrections() {
    let mut desk = Desk::new();
    desk.ingest(table(&BEFORE).as_bytes(), raw("2024-07-09T22:00:00Z")).unwrap();
    let rows = BEFORE.map(|(symbol, day, close)| (symbol, day, close / 4.0));
    let forced = Options { force: true, ..restated() };
    let report = desk.ingest(table(&rows).as_bytes(), forced).unwrap().report;
    assert_eq!((report.rejected, report.corrected), (4, 0));
    assert!(report.rejections.iter().all(|bad| bad.reason == Reason::UnknownSplit));
}

#[test]
fn a_total_return_history_fetched_again_adds_only_its_new_rows() {
    let mut desk = Desk::new();
    let levels = |on: &str, received_at: &str| Options {
        adjusted_on: Some(day(on)),
        symbol: Some("FUND".into()),
        price_basis: Some(BasisKind::TotalReturn),
        received_at: at(received_at),
        ..options("f.csv")
    };
    let first = "Date,Close\n2024-07-03,100\n2024-07-05,102\n2024-07-08,101\n";
    let then = levels("2024-07-08", "2024-07-08T22:00:00Z");
    desk.ingest(first.as_bytes(), then).unwrap();
    // One per cent was paid on 07-09, which lowers the whole past by that much.
    let second =
        "Date,Close\n2024-07-03,99\n2024-07-05,100.98\n2024-07-08,99.99\n2024-07-09,100.5\n";
    let now = levels("2024-07-09", "2024-07-09T22:00:00Z");
    let prepared = desk.ingest(second.as_bytes(), now).unwrap();
    let report = &prepared.report;
    assert_eq!((report.already_known, report.accepted, report.corrected), (3, 1, 0), "{report:?}");
    assert!(report.notes.iter().any(|note| note.code == NoteCode::Restated));
    // The new level relates to the stored one of the previous day as in the vendor's file: 100.5 ÷
    // 99.99.
    let snapshot = desk.snapshot("2024-07-10T00:00:00Z");
    let rows = snapshot.rows(Dataset::Bars, desk.listed("FUND"));
    let column = Dataset::Bars.column(Field::Close);
    let growth = rows.value(3, column).unwrap() / rows.value(2, column).unwrap();
    assert!((growth - 100.5 / 99.99).abs() < 1e-12, "{growth}");
}

#[test]
fn levels_do_not_overwrite_prices_but_prices_overwrite_levels() {
    let levels = |received_at: &str| Options {
        price_basis: Some(BasisKind::TotalReturn),
        ..raw(received_at)
    };
    let text = table(&[("X", "2024-07-08", 10.0)]);
    let mut desk = Desk::new();
    desk.ingest(text.as_bytes(), raw("2024-07-09T12:00:00Z")).unwrap();
    let later = desk.ingest(text.as_bytes(), levels("2024-07-10T12:00:00Z")).unwrap();
    assert!(later.batch.is_empty());
    assert_eq!(later.report.notes.iter().filter(|n| n.code == NoteCode::NotComparable).count(), 1);
    let mut desk = Desk::new();
    desk.ingest(text.as_bytes(), levels("2024-07-09T12:00:00Z")).unwrap();
    let later = desk.ingest(text.as_bytes(), raw("2024-07-10T12:00:00Z")).unwrap();
    assert_eq!(later.report.corrected, 1);
}

#[test]
fn no_return_is_computed_between_a_level_and_a_price() {
    let levels =
        Options { price_basis: Some(BasisKind::TotalReturn), ..raw("2024-07-09T12:00:00Z") };
    let mut desk = Desk::new();
    desk.ingest(table(&[("X", "2024-07-05", 50.0), ("X", "2024-07-08", 51.0)]).as_bytes(), levels)
        .unwrap();
    let prices = table(&[("X", "2024-07-09", 102.0), ("X", "2024-07-10", 103.02)]);
    desk.ingest(prices.as_bytes(), raw("2024-07-10T22:00:00Z")).unwrap();
    let snapshot = desk.snapshot("2024-07-10T22:00:00Z");
    let bars = Bars::of(&snapshot, desk.listed("X"));
    let returns: Vec<bool> = (0..4).map(|i| bars.price_return(i).is_some()).collect();
    assert_eq!(returns, [false, true, false, true]);
}

/// The samples of every kind, to be damaged.
const SAMPLES: [&[u8]; 13] = [
    include_bytes!("../../../tests/data/ohlcv_table/prices.csv"),
    include_bytes!("../../../tests/data/ohlcv_single/nasdaq_bbb.csv"),
    include_bytes!("../../../tests/data/ohlcv_single/bulk.txt"),
    include_bytes!("../../../tests/data/fred/DGS10.csv"),
    include_bytes!("../../../tests/data/series/odds.csv"),
    include_bytes!("../../../tests/data/finra_short_interest/shrt20260731.csv"),
    include_bytes!("../../../tests/data/short_interest_table/settle_2021-01-15.csv"),
    include_bytes!("../../../tests/data/ishares_holdings/IWM_holdings.csv"),
    include_bytes!("../../../tests/data/membership_intervals/sp500_ticker_start_end.csv"),
    include_bytes!("../../../tests/data/screener/screener_2021-01-29.csv"),
    include_bytes!("../../../tests/data/split_factors/split_factor_2021-01-29_to_2024-03.csv"),
    include_bytes!("../../../tests/data/symbol_changes/changes.csv"),
    include_bytes!("../../../tests/data/instrument_merges/merges.csv"),
];

/// A file of odd prices: some rows are bad, and some contradict others.
fn odd_table() -> impl Strategy<Value = String> {
    let price = prop_oneof![
        8 => (1u32..100_000).prop_map(|cents| format!("{}.{:02}", cents / 100, cents % 100)),
        1 => prop::sample::select(vec![
            "NaN", "inf", "-1", "0", "1e400", "1e-400", "", "null", "1e308", "0x10", "-0.0", "9e15",
        ])
        .prop_map(str::to_owned),
    ];
    let row = (0..4u8, 0..40u8, price.clone(), price.clone(), price)
        .prop_map(|(s, d, o, c, a)| format!("S{s},2024-06-{d:02},{o},,,{c},{a},1\n"));
    prop::collection::vec(row, 1..60).prop_map(|rows| {
        "Ticker,Date,Open,High,Low,Close,Adj Close,Volume\n".to_owned() + &rows.concat()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// However a file is damaged, it is accepted or refused.
    #[test]
    fn damaged_files_are_accepted_or_refused(
        sample in 0..SAMPLES.len(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..12),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = SAMPLES[sample].to_vec();
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.truncate(cut.index(bytes.len() + 1));
        let options = Options {
            force: true,
            symbol: Some("X".into()),
            index: Some("X".into()),
            observed_on: Some(day("2024-07-01")),
            received_at: at("2026-11-20T22:00:00Z"),
            ..options("x_to_2024-03.csv")
        };
        let mut desk = Desk::new();
        if desk.ingest(&bytes, options.clone()).is_ok() {
            let again = desk.ingest(&bytes, options).unwrap();
            prop_assert!(again.batch.is_empty(), "{:?}", again);
        }
    }

    /// The result does not depend on how the bytes are divided into chunks.
    #[test]
    fn chunk_sizes_change_nothing(text in odd_table(), cut in 1usize..200) {
        let options = || Options { force: true, ..options("t.csv") };
        let whole = support::parse(text.as_bytes(), options()).unwrap();
        let mut parser = Parser::new(options(), limits());
        for chunk in text.as_bytes().chunks(cut) {
            parser.push(chunk).unwrap();
        }
        let desk = Desk::new();
        let parts = prepare(&parser.finish().unwrap(), &desk.market);
        let whole = prepare(&whole, &desk.market);
        // Absent values are NaN and compare unequal, so their debug texts are compared.
        prop_assert_eq!(format!("{whole:?}"), format!("{parts:?}"));
    }

    /// No stored value is infinite, prices are positive, rows are in the order of a segment; and
    /// ingesting the file again adds nothing.
    #[test]
    fn stored_facts_are_clean_and_known_when_ingested_again(text in odd_table()) {
        let options = || Options { force: true, ..options("t.csv") };
        let mut desk = Desk::new();
        let prepared = desk.ingest(text.as_bytes(), options()).unwrap();
        for table in &prepared.batch.tables {
            let mut sorted = table.clone();
            sorted.sort();
            prop_assert_eq!(&sorted.instrument, &table.instrument);
            prop_assert_eq!(&sorted.effective_on, &table.effective_on);
            for value in table.columns.iter().flatten() {
                prop_assert!(!value.is_infinite());
                prop_assert!(value.is_nan() || value.to_bits() != (-0.0f64).to_bits());
            }
            prop_assert!(table.columns[3].iter().all(|close| 0.0 < *close));
        }
        let again = desk.ingest(text.as_bytes(), options()).unwrap();
        prop_assert!(again.batch.is_empty(), "{:?}", again.report);
        prop_assert_eq!(again.report.rejected, prepared.report.rejected);
    }

    /// Later files never change what was known before.
    #[test]
    fn corrections_keep_the_past(files in prop::collection::vec(odd_table(), 1..5)) {
        let mut desk = Desk::new();
        let mut answers = Vec::new();
        for (text, hour) in files.iter().zip(10..) {
            let received_at = at(&format!("2024-07-12T{hour}:00:00Z"));
            let options = Options { received_at, force: true, adjusted_on: Some(day("2024-07-01")), ..options("t.csv") };
            desk.ingest(text.as_bytes(), options).unwrap();
            let as_of = format!("2024-07-12T{hour}:30:00Z");
            let seen = picture(&desk, &as_of);
            answers.push((as_of, desk.revision(), seen));
        }
        for (as_of, revision, seen) in answers {
            let snapshot =
                marketdata::snapshot::Snapshot::new(desk.market.clone(), at(&as_of), revision).unwrap();
            prop_assert_eq!(&picture_of(&snapshot), &seen, "at revision {}", revision);
            // Later revisions are received later, so they are not visible at that instant either.
            prop_assert_eq!(&picture_known(&desk, &as_of, &snapshot), &seen);
        }
    }
}

fn picture(desk: &Desk, as_of: &str) -> String {
    picture_of(&desk.snapshot(as_of))
}

fn picture_of(snapshot: &marketdata::snapshot::Snapshot) -> String {
    let mut text = String::new();
    for id in snapshot.holders(Dataset::Bars) {
        let rows = snapshot.rows(Dataset::Bars, id);
        for i in 0..rows.len() {
            let values: Vec<Option<f64>> = (0..8).map(|column| rows.value(i, column)).collect();
            text += &format!("{} {} {values:?}\n", snapshot.symbol(id), rows.day(i));
        }
    }
    text
}

/// The keys that a snapshot saw, with the values visible at the head revision at the same instant.
fn picture_known(desk: &Desk, as_of: &str, then: &marketdata::snapshot::Snapshot) -> String {
    let now = desk.snapshot(as_of);
    let mut text = String::new();
    for id in then.holders(Dataset::Bars) {
        let (seen, rows) = (then.rows(Dataset::Bars, id), now.rows(Dataset::Bars, id));
        let days = seen.days();
        for i in (0..rows.len()).filter(|i| days.contains(&rows.day(*i))) {
            let values: Vec<Option<f64>> = (0..8).map(|column| rows.value(i, column)).collect();
            text += &format!("{} {} {values:?}\n", now.symbol(id), rows.day(i));
        }
    }
    text
}

/// A vendor's total-return levels: a distribution of 1 % divides all earlier days.
#[test]
fn a_restated_total_return_file_sent_twice_adds_nothing_the_second_time() {
    let mut desk = Desk::new();
    let adjusted = |on: &str| Options {
        adjusted_on: Some(day(on)),
        price_basis: Some(BasisKind::TotalReturn),
        ..options("TLT.csv")
    };
    let before = "Date,Close\n2024-07-05,101.00\n2024-07-08,102.01\n2024-07-09,103.02\n";
    desk.ingest(before.as_bytes(), adjusted("2024-07-09")).unwrap();
    // 101 ÷ 1.01 = 100, 102.01 ÷ 1.01 = 101, 103.02 ÷ 1.01 = 102.
    let after = "Date,Close\n2024-07-05,100.00\n2024-07-08,101.00\n2024-07-09,102.00\n\
                 2024-07-10,103.00\n2024-07-11,104.00\n";
    let report = desk.ingest(after.as_bytes(), adjusted("2024-07-11")).unwrap().report;
    assert_eq!((report.accepted, report.corrected, report.already_known), (2, 0, 3), "{report:?}");
    let again = desk.prepare(after.as_bytes(), adjusted("2024-07-11")).unwrap();
    let report = &again.report;
    assert_eq!((report.accepted, report.corrected, report.already_known), (0, 0, 5), "{report:?}");
    assert!(again.batch.is_empty());
}
