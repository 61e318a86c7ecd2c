//! Securities lending: absent values, units, corrections, and what was known when. Expected numbers
//! are those of the sample's rows.

#![expect(clippy::unwrap_used, reason = "a helper of tests fails as a test does")]

mod support;

use ingest::{note::NoteCode, options::Options, report::PreparedFile};
use marketdata::{
    dataset::{Dataset, Field},
    snapshot::Snapshot,
};
use support::{Desk, at, day, options, rejections};
use tables::refusal::{Reason, Refusal};

const SAMPLE: &str = include_str!("../../../tests/data/lending/lending.csv");

fn take(desk: &mut Desk, text: &str) -> PreparedFile {
    let options = Options { received_at: at("2024-07-12T23:00:00Z"), ..options("lending.csv") };
    desk.ingest(text.as_bytes(), options).unwrap()
}

/// Utilisation, fee, shares on loan, lendable shares and recall of a day.
fn of_day(snapshot: &Snapshot, symbol: &str, on: &str) -> Option<[Option<f64>; 5]> {
    let rows = snapshot.rows(Dataset::Lending, snapshot.listed(symbol)?);
    let row = rows.last_on_or_before(day(on)).filter(|row| rows.day(*row) == day(on))?;
    use Field::{BorrowFee, Recall, SharesLendable, SharesOnLoan, Utilisation};
    let fields = [Utilisation, BorrowFee, SharesOnLoan, SharesLendable, Recall];
    Some(fields.map(|field| rows.value(row, Dataset::Lending.column(field))))
}

#[test]
fn an_empty_value_is_absent_and_not_zero() {
    let mut desk = Desk::new();
    let report = take(&mut desk, SAMPLE).report;
    // Six rows; that of CCC on the second day has no value at all.
    assert_eq!((report.rows, report.accepted, report.skipped, report.rejected), (6, 5, 1, 0));
    let no_value = report.notes.iter().find(|note| note.code == NoteCode::NoValue);
    assert_eq!(no_value.map(|note| note.count), Some(1));
    let snapshot = desk.snapshot("2024-06-30T00:00:00Z");
    let of = |symbol, on| of_day(&snapshot, symbol, on);
    let all = [Some(0.82), Some(0.125), Some(820_000.0), Some(1_000_000.0), Some(0.0)];
    assert_eq!(of("AAA", "2024-06-03"), Some(all));
    assert_eq!(of("AAA", "2024-06-04"), Some([Some(0.9), Some(0.15), None, None, Some(1.0)]));
    assert_eq!(of("BBB", "2024-06-03"), Some([None, Some(0.003), None, None, None]));
    let paid = [Some(0.05), Some(-0.0025), Some(50_000.0), None, Some(0.0)];
    assert_eq!(of("BBB", "2024-06-04"), Some(paid));
    assert_eq!(of("CCC", "2024-06-04"), None);
}

#[test]
fn a_day_is_known_from_the_next_session_or_from_the_instant_of_its_row() {
    let mut desk = Desk::new();
    take(&mut desk, SAMPLE);
    take(
        &mut desk,
        "symbol,date,utilisation,fee_pct,published_at\n\
         DDD,2024-06-07,0.5,1,2024-06-07T22:00:00Z\nEEE,2024-06-07,0.5,1,\n",
    );
    let knows = |as_of, symbol, on| of_day(&desk.snapshot(as_of), symbol, on).is_some();
    // 09:30 in New York is 13:30 in Greenwich in June.
    assert!(!knows("2024-06-04T13:29:59Z", "AAA", "2024-06-03"));
    assert!(knows("2024-06-04T13:30:00Z", "AAA", "2024-06-03"));
    assert!(!knows("2024-06-04T13:30:00Z", "AAA", "2024-06-04"));
    // A Friday is known on Monday, unless its row says otherwise.
    assert!(!knows("2024-06-10T13:29:59Z", "EEE", "2024-06-07"));
    assert!(knows("2024-06-10T13:30:00Z", "EEE", "2024-06-07"));
    assert!(!knows("2024-06-07T21:59:59Z", "DDD", "2024-06-07"));
    assert!(knows("2024-06-07T22:00:00Z", "DDD", "2024-06-07"));
}

#[test]
fn per_cents_have_a_column_of_their_own_and_are_refused_in_the_other() {
    let mut desk = Desk::new();
    take(&mut desk, "symbol,date,utilisation_pct,fee_pct\nAAA,2024-06-03,82,12.5%\n");
    let found = of_day(&desk.snapshot("2024-06-30T00:00:00Z"), "AAA", "2024-06-03").unwrap();
    assert_eq!(found[..2], [Some(0.82), Some(0.125)]);
    let rows = "symbol,date,utilisation,fee_pct\nAAA,2024-06-03,82,1\nBBB,2024-06-03,0.5,1\n";
    let refused = desk.ingest(rows.as_bytes(), options("lending.csv"));
    assert!(matches!(refused, Err(Refusal::TooManyBadRows { rejected: 1, rows: 2, .. })));
}

#[test]
fn rows_that_cannot_be_are_refused_by_line() {
    let mut desk = Desk::new();
    let good: String = (0..200).map(|at| format!("A{at},2024-06-03,0.5,1,,,\n")).collect();
    let bad = [
        (",2024-06-03,0.5,1,,,", Reason::BadSymbol),
        ("AAA,2024-06-03,-0.1,1,,,", Reason::Negative),
        ("AAA,2024-06-03,1.2,1,,,", Reason::OutOfRange),
        ("AAA,2024-06-03,0.5,x,,,", Reason::NotANumber),
        ("AAA,2024-06-03,0.5,1e9,,,", Reason::OutOfRange),
        ("AAA,2024-06-03,0.5,1,-5,,", Reason::Negative),
        ("AAA,2024-06-03,0.5,1,,,perhaps", Reason::NotAFlag),
        ("AAA,2024-02-31,0.5,1,,,", Reason::ImpossibleDate),
        ("AAA,2099-06-03,0.5,1,,,", Reason::FutureDate),
    ];
    let rows: Vec<&str> = bad.iter().map(|(row, _)| *row).collect();
    let header = "symbol,date,utilisation,fee_pct,on_loan,lendable,recall\n";
    let prepared = take(&mut desk, &format!("{header}{good}{}\n", rows.join("\n")));
    let mut found = rejections(&prepared);
    found.sort_unstable();
    let expected: Vec<(u64, Reason)> =
        (202..).zip(bad).map(|(line, (_, reason))| (line, reason)).collect();
    assert_eq!(found, expected);
}

#[test]
fn a_correction_is_a_later_fact() {
    let mut desk = Desk::new();
    take(&mut desk, SAMPLE);
    let revision = desk.revision();
    take(&mut desk, SAMPLE);
    assert_eq!(desk.revision(), revision, "a file sent again adds nothing");
    take(&mut desk, "symbol,date,utilisation,fee_pct\nAAA,2024-06-03,0.8,11\n");
    let known = |as_of| of_day(&desk.snapshot(as_of), "AAA", "2024-06-03").unwrap()[1];
    assert_eq!(known("2024-06-30T00:00:00Z"), Some(0.125));
    assert_eq!(known("2024-07-13T00:00:00Z"), Some(0.11));
}
