//! Short sale volumes, fails to deliver and days of earnings: layouts, absent and impossible values,
//! and what was known when. Expected numbers are those of the samples' rows.

#![expect(clippy::unwrap_used, reason = "a helper of tests fails as a test does")]

mod support;

use ingest::{
    note::NoteCode,
    options::Options,
    report::PreparedFile,
    source::{SourceKind, detect},
};
use marketdata::{
    dataset::{Dataset, Field},
    snapshot::Snapshot,
};
use support::{Desk, at, day, options, rejections};
use tables::refusal::{Reason, Refusal};

const VOLUMES: &[u8] =
    include_bytes!("../../../tests/data/short_sale_volume/CNMSshvol20240603.txt");
const OF_API: &[u8] = include_bytes!("../../../tests/data/short_sale_volume/api.csv");
const FAILS: &[u8] = include_bytes!("../../../tests/data/fails_to_deliver/cnsfails202406a.txt");
const EARNINGS: &[u8] = include_bytes!("../../../tests/data/earnings_dates/earnings.csv");

fn received() -> Options {
    Options { received_at: at("2024-07-12T23:00:00Z"), ..options("file.txt") }
}

fn take(desk: &mut Desk, bytes: &[u8]) -> PreparedFile {
    desk.ingest(bytes, received()).unwrap()
}

/// The rows of a name on a day: the second instrument, and the values.
fn rows(snapshot: &Snapshot, dataset: Dataset, symbol: &str, on: &str) -> Vec<(String, Vec<f64>)> {
    let Some(id) = snapshot.listed(symbol) else { return Vec::new() };
    let rows = snapshot.rows(dataset, id);
    let of_day = (0..rows.len()).filter(|row| rows.day(*row) == day(on));
    let mut found: Vec<(String, Vec<f64>)> = of_day
        .map(|row| {
            let values = (0..dataset.fields().len()).map(|at| rows.value(row, at).unwrap());
            (snapshot.symbol(rows.other(row)).to_owned(), values.collect())
        })
        .collect();
    found.sort_by(|one, two| one.0.cmp(&two.0));
    found
}

fn refused(desk: &mut Desk, text: &str) -> Vec<(u64, Reason)> {
    let mut found = rejections(&desk.ingest(text.as_bytes(), received()).unwrap());
    found.sort_unstable();
    found
}

#[test]
fn a_row_of_short_sales_is_of_the_facilities_that_it_names() {
    let mut desk = Desk::new();
    let report = take(&mut desk, VOLUMES).report;
    assert_eq!((report.rows, report.accepted, report.rejected), (3, 3, 0));
    assert_eq!(take(&mut desk, OF_API).report.accepted, 3);
    let snapshot = desk.snapshot("2024-06-30T00:00:00Z");
    let of = |symbol, on| rows(&snapshot, Dataset::ShortSales, symbol, on);
    let row = |at: &str, values: [f64; 3]| (at.to_owned(), values.to_vec());
    assert_eq!(of("AAA", "2024-06-03"), [row("REGSHO/BNQ", [400_000.0, 1_000.0, 1_000_000.0])]);
    assert_eq!(of("BBB", "2024-06-03"), [row("REGSHO/Q", [120.5, 0.0, 480.25])]);
    // A short volume of zero is a number.
    assert_eq!(of("BRK.B", "2024-06-03"), [row("REGSHO/N", [0.0, 0.0, 2_500.0])]);
    assert_eq!(
        of("AAA", "2024-06-04"),
        [
            row("REGSHO/B", [10_000.0, 0.0, 50_000.0]),
            row("REGSHO/N", [50_000.0, 0.0, 250_000.0]),
            row("REGSHO/Q", [300_000.0, 500.0, 600_000.0]),
        ]
    );
    // The file of one facility replaces none of all.
    let one = "Date|Symbol|ShortVolume|TotalVolume|Market\n20240603|AAA|7|9|Q\n1\n";
    let report = take(&mut desk, one.as_bytes()).report;
    assert_eq!((report.accepted, report.corrected), (1, 0));
    // A day without data has a trailer alone.
    let none = "Date|Symbol|ShortVolume|ShortExemptVolume|TotalVolume|Market\n0\n";
    assert_eq!(take(&mut desk, none.as_bytes()).report.rows, 0);
}

#[test]
fn short_sales_are_public_in_the_evening_of_their_day() {
    let mut desk = Desk::new();
    take(&mut desk, VOLUMES);
    let knows =
        |as_of| !rows(&desk.snapshot(as_of), Dataset::ShortSales, "AAA", "2024-06-03").is_empty();
    // 18:00 in New York is 22:00 in Greenwich in June.
    assert!(!knows("2024-06-03T21:59:59Z") && knows("2024-06-03T22:00:00Z"));
    // A file that was corrected is a later fact.
    let text = String::from_utf8(VOLUMES.to_vec()).unwrap().replace("400000", "410000");
    assert_eq!(take(&mut desk, text.as_bytes()).report.corrected, 1);
    let short =
        |as_of| rows(&desk.snapshot(as_of), Dataset::ShortSales, "AAA", "2024-06-03")[0].1[0];
    assert_eq!(short("2024-07-01T00:00:00Z").to_bits(), 400_000f64.to_bits());
    assert_eq!(short("2024-07-13T00:00:00Z").to_bits(), 410_000f64.to_bits());
}

#[test]
fn volumes_that_cannot_be_are_refused_by_line() {
    let mut desk = Desk::new();
    let good: String = (0..300).map(|at| format!("20240603|A{at}|1|0|2|Q\n")).collect();
    let bad = [
        ("20240603||1|0|2|Q", Reason::BadSymbol),
        ("20240603|AAA|3|0|2|Q", Reason::OutOfRange),
        ("20240603|AAA|1|2|2|Q", Reason::OutOfRange),
        ("20240603|AAA|-1|0|2|Q", Reason::Negative),
        ("20240603|AAA||0|2|Q", Reason::MissingValue),
        ("20240603|AAA|1|0||Q", Reason::MissingValue),
        ("20240603|AAA|1|0|1e300|Q", Reason::OutOfRange),
        ("20240603|AAA|1|0|2|", Reason::UnknownFacility),
        ("20240603|AAA|1|0|2|Q,Q", Reason::UnknownFacility),
        ("20240603|AAA|1|0|2|Q;N", Reason::UnknownFacility),
        ("20240231|AAA|1|0|2|Q", Reason::ImpossibleDate),
        ("20990603|AAA|1|0|2|Q", Reason::FutureDate),
    ];
    let lines: Vec<&str> = bad.iter().map(|(row, _)| *row).collect();
    let header = "Date|Symbol|ShortVolume|ShortExemptVolume|TotalVolume|Market\n";
    let found = refused(&mut desk, &format!("{header}{good}{}\n", lines.join("\n")));
    let expected: Vec<(u64, Reason)> =
        (302..).zip(bad).map(|(line, (_, reason))| (line, reason)).collect();
    assert_eq!(found, expected);
    let cut = format!("{header}20240603|AAA|1|0|2|Q\n2\n");
    let refused = desk.ingest(cut.as_bytes(), received());
    assert!(matches!(refused, Err(Refusal::TrailerCount { stated: 2, found: 1 })));
}

/// FINRA's files end with the number of their rows, and those of its API do not.
#[test]
fn a_file_of_short_sales_that_does_not_count_its_rows_is_noted() {
    let noted = |bytes: &[u8]| {
        let notes = Desk::new().ingest(bytes, received()).unwrap().report.notes;
        notes.iter().filter(|note| note.code == NoteCode::NoTrailer).count()
    };
    assert_eq!((noted(VOLUMES), noted(OF_API)), (0, 0));
    let cut = VOLUMES.strip_suffix(b"3\n").unwrap();
    assert_eq!(noted(cut), 1);
}

/// 7,051 shares under the old CUSIP and 639,362 under the new one: those of NOV on 2021-01-04.
#[test]
fn fails_of_two_cusips_are_added_up() {
    let mut desk = Desk::new();
    let report = take(&mut desk, FAILS).report;
    assert_eq!((report.rows, report.accepted, report.skipped, report.rejected), (6, 4, 2, 0));
    let noted = |code| report.notes.iter().find(|note| note.code == code).map(|note| note.count);
    assert_eq!((noted(NoteCode::AddedUp), noted(NoteCode::NotAStock)), (Some(1), Some(1)));
    assert_eq!(noted(NoteCode::NoTrailer), None);
    let snapshot = desk.snapshot("2024-07-10T00:00:00Z");
    let of = |symbol, on| rows(&snapshot, Dataset::Fails, symbol, on).remove(0).1;
    assert_eq!(of("BBB", "2024-06-04"), [646_413.0]);
    assert_eq!(of("AAA", "2024-06-03"), [25_000.0]);
    assert_eq!(of("BRKB", "2024-06-14"), [12.0]);
    assert!(snapshot.listed("5116REORGPYMNT").is_none());
}

/// The first half of June 2024 is public two sessions after its end, a Sunday: on Tuesday, July 2, at
/// 18:00 in New York.
#[test]
fn fails_are_public_weeks_later() {
    let mut desk = Desk::new();
    let prepared = take(&mut desk, FAILS);
    let estimated = prepared.report.notes.iter();
    assert!(estimated.clone().any(|note| note.code == NoteCode::EstimatedPublication));
    let knows =
        |as_of| !rows(&desk.snapshot(as_of), Dataset::Fails, "AAA", "2024-06-03").is_empty();
    assert!(!knows("2024-07-02T21:59:59Z") && knows("2024-07-02T22:00:00Z"));
    // The caller knows better.
    let mut desk = Desk::new();
    let published_at = Some(at("2024-06-28T20:00:00Z"));
    desk.ingest(FAILS, Options { published_at, ..received() }).unwrap();
    let snapshot = desk.snapshot("2024-06-28T20:00:00Z");
    assert_eq!(rows(&snapshot, Dataset::Fails, "AAA", "2024-06-04").len(), 1);
}

#[test]
fn fails_that_cannot_be_are_refused_by_line() {
    let mut desk = Desk::new();
    let good: String =
        (0..300).map(|at| format!("20240603|C{at}|A{at}|{}|A INC|1\n", 1 + at)).collect();
    let bad = [
        ("20240603|C||5|NONE|1", Reason::BadSymbol),
        ("20240603|C|AAA|-5|A|1", Reason::Negative),
        ("20240603|C|AAA||A|1", Reason::MissingValue),
        ("20240603|C|AAA|x|A|1", Reason::NotANumber),
        ("20240603|C|AAA|1e16|A|1", Reason::OutOfRange),
        ("20240603|C|AAA|5|A", Reason::FieldCount),
        ("20240631|C|AAA|5|A|1", Reason::ImpossibleDate),
        ("20990603|C|AAA|5|A|1", Reason::FutureDate),
    ];
    let lines: Vec<&str> = bad.iter().map(|(row, _)| *row).collect();
    let header = "SETTLEMENT DATE|CUSIP|SYMBOL|QUANTITY (FAILS)|DESCRIPTION|PRICE\n";
    let found = refused(&mut desk, &format!("{header}{good}{}\n", lines.join("\n")));
    let expected: Vec<(u64, Reason)> =
        (302..).zip(bad).map(|(line, (_, reason))| (line, reason)).collect();
    assert_eq!(found, expected);
    // Two halves that nothing holds together, and a file that was cut off.
    let rows = "20240603|C|BBB|6e14|A|1\n20240603|D|BBB|6e14|A|1\n";
    let found = refused(&mut desk, &format!("{header}{good}{rows}"));
    assert_eq!(found, [(302, Reason::OutOfRange)]);
    let cut = format!("{header}{good}Trailer record count 301\n");
    let refused = desk.ingest(cut.as_bytes(), received());
    assert!(matches!(refused, Err(Refusal::TrailerCount { stated: 301, found: 300 })));
}

/// Without its last line a file may have lost others before it.
#[test]
fn a_file_of_fails_that_does_not_count_its_rows_is_noted() {
    let end = FAILS.windows(7).position(|found| found == b"Trailer").unwrap();
    let report = take(&mut Desk::new(), &FAILS[..end]).report;
    assert_eq!((report.rows, report.accepted), (6, 4));
    let notes = report.notes.iter().filter(|note| note.code == NoteCode::NoTrailer);
    assert_eq!(notes.map(|note| note.count).sum::<u64>(), 1);
}

/// Two files in one: the rows of the second must not be lost unseen.
#[test]
fn rows_after_the_trailer_of_fails_refuse_the_file() {
    let lines = FAILS.iter().filter(|byte| **byte == b'\n').count() as u64;
    let refused = Desk::new().ingest(&[FAILS, FAILS].concat(), received());
    assert_eq!(refused.unwrap_err(), Refusal::AfterTrailer { line: lines + 1 });
}

/// A list of trades has a settlement date, a symbol and a quantity, and a calendar of dividends a date
/// and an announcement. Both are read only by a caller who says that they are fails or earnings.
#[test]
fn columns_that_other_files_have_tell_nothing() {
    let trades = "Trade Date,Settlement Date,Symbol,Quantity,Price\n\
                  2024-06-03,2024-06-05,AAA,500,10\n";
    let dividends = "symbol,date,announced_on,amount\nAAA,2024-06-14,2024-05-30,0.25\n";
    let series = |column: &str| format!("{column},date,value\nAAA,2024-06-03,5000\n");
    let keys = ["symbol", "isin", "cusip", "SEDOL", "figi", "tenor", "realtime_start", "account"];
    let keys = keys.map(series);
    let values = keys.iter().map(|text| (text.as_str(), SourceKind::DateValue));
    let bars = "date,isin,open,high,low,close\n2024-06-03,AAA,1,1,1,1\n";
    let closes = "date,cusip,close\n2024-06-03,AAA,1\n";
    for (text, kind) in values.chain([
        (trades, SourceKind::FailsToDeliver),
        (dividends, SourceKind::EarningsDates),
        (bars, SourceKind::OhlcvSingle),
        (closes, SourceKind::CloseSingle),
    ]) {
        let refusal = detect(text.as_bytes()).unwrap_err();
        // With symbols it is nearer to the exposures of a risk model.
        if !text.starts_with("symbol,date,value") {
            assert_eq!(refusal.code(), "KIND_NEEDED", "{text}");
            let hint = format!("--kind {}", kind.name());
            assert!(refusal.to_string().contains(&hint), "{refusal}");
        }
        let symbol = text.contains("AAA").then(|| "VALUES".to_owned());
        let asked = Options { kind: Some(kind), symbol, ..received() };
        let report = Desk::new().ingest(text.as_bytes(), asked).unwrap().report;
        assert_eq!((report.accepted, report.rejected), (1, 0), "{kind:?}");
    }
    let of_sec = "SETTLEMENT DATE|CUSIP|SYMBOL|QUANTITY (FAILS)|DESCRIPTION|PRICE\n";
    assert_eq!(detect(of_sec.as_bytes()), Ok(SourceKind::FailsToDeliver));
    let dates = "ticker,earnings_date,announced_on\n";
    assert_eq!(detect(dates.as_bytes()), Ok(SourceKind::EarningsDates));
}

/// AAA moves from August 1 to 8 on July 10. BBB's day has no time, so it is known at its end; CCC's
/// has no instant at all, so it is known when it is received.
#[test]
fn a_day_of_earnings_is_known_when_it_is_announced() {
    let mut desk = Desk::new();
    let report = take(&mut desk, EARNINGS).report;
    assert_eq!((report.accepted, report.rejected), (5, 0), "{report:?}");
    let expected = |as_of, symbol, on| {
        let found = rows(&desk.snapshot(as_of), Dataset::EarningsDates, symbol, on);
        found.first().map(|(_, values)| 0.0 < values[0])
    };
    let (before, after) = ("2024-07-10T11:59:59Z", "2024-07-10T12:00:00Z");
    assert_eq!(expected("2024-07-01T11:59:59Z", "AAA", "2024-08-01"), None);
    assert_eq!(expected(before, "AAA", "2024-08-01"), Some(true));
    assert_eq!(expected(after, "AAA", "2024-08-01"), Some(false));
    assert_eq!(expected(before, "AAA", "2024-08-08"), None);
    assert_eq!(expected(after, "AAA", "2024-08-08"), Some(true));
    // Midnight in New York after June 20 is 04:00 in Greenwich.
    assert_eq!(expected("2024-06-21T03:59:59Z", "BBB", "2024-07-18"), None);
    assert_eq!(expected("2024-06-21T04:00:00Z", "BBB", "2024-07-18"), Some(true));
    assert_eq!(expected("2024-07-12T22:59:59Z", "CCC", "2024-07-25"), None);
    assert_eq!(expected("2024-07-12T23:00:00Z", "CCC", "2024-07-25"), Some(true));
}

#[test]
fn announcements_that_cannot_be_are_refused_by_line() {
    let mut desk = Desk::new();
    let good: String = (0..300).map(|at| format!("A{at},2024-08-01,2024-07-01,\n")).collect();
    let bad = [
        (",2024-08-01,2024-07-01,", Reason::BadSymbol),
        ("AAA,,2024-07-01,", Reason::ImpossibleDate),
        ("AAA,2024-08-01,2024-07-15,", Reason::FutureDate),
        ("AAA,2024-08-01,2024-07-01T25:00:00Z,", Reason::BadInstant),
        ("AAA,2024-08-01,1790-07-01,", Reason::DateOutOfRange),
        ("AAA,2034-08-01,2024-07-01,", Reason::DateOutOfRange),
        ("AAA,2024-08-01,2024-07-01,later", Reason::NotAFlag),
    ];
    let lines: Vec<&str> = bad.iter().map(|(row, _)| *row).collect();
    let header = "symbol,earnings_on,announced_at,withdrawn\n";
    let found = refused(&mut desk, &format!("{header}{good}{}\n", lines.join("\n")));
    let expected: Vec<(u64, Reason)> =
        (302..).zip(bad).map(|(line, (_, reason))| (line, reason)).collect();
    assert_eq!(found, expected);
    assert_eq!(Dataset::EarningsDates.fields(), [Field::Expected]);
}
