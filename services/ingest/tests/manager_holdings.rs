//! Holdings of investment managers: units of value, accounts of one manager, options, amendments,
//! and what was known when. Expected numbers are sums of the sample's rows.

#![expect(clippy::unwrap_used, reason = "a helper of tests fails as a test does")]

mod support;

use ingest::{note::NoteCode, options::Options};
use marketdata::{
    dataset::{Dataset, Field},
    instrument::InstrumentId,
    snapshot::Snapshot,
};
use support::{Desk, at, options, rejections};
use tables::refusal::Reason;

const SAMPLE: &str = include_str!("../../../tests/data/manager_holdings/13f.csv");
const HEADER: &str = "manager,symbol,shares,value,period,filed_at,amendment,put_call,share_type\n";
const YEAR_END: &str = "2022-12-31";

fn take(desk: &mut Desk, text: &str) -> ingest::report::PreparedFile {
    let options = Options { received_at: at("2024-07-12T23:00:00Z"), ..options("13f.csv") };
    desk.ingest(text.as_bytes(), options).unwrap()
}

/// What a manager is known to have held at the end of 2022: shares, USD, whether it was added.
fn held(snapshot: &Snapshot, manager: &str, symbol: &str) -> Option<(f64, f64, f64)> {
    let manager = snapshot.series_id(manager)?;
    let rows = snapshot.rows(Dataset::ManagerHoldings, snapshot.listed(symbol)?);
    let row = (0..rows.len())
        .find(|row| rows.other(*row) == manager && rows.day(*row).to_string() == YEAR_END)?;
    let value = |field| rows.value(row, Dataset::ManagerHoldings.column(field)).unwrap();
    Some((value(Field::SharesHeld), value(Field::HeldValue), value(Field::AddsToFiling)))
}

#[test]
fn parts_add_up_and_options_are_left_out() {
    let mut desk = Desk::new();
    let report = take(&mut desk, SAMPLE).report;
    // Ten rows: one is added to another, one is a put and one a bond.
    assert_eq!((report.rows, report.accepted, report.skipped, report.rejected), (10, 7, 3, 0));
    let notes: Vec<(NoteCode, u64)> = report.notes.iter().map(|n| (n.code, n.count)).collect();
    assert_eq!(notes, [(NoteCode::NotAStock, 2), (NoteCode::AddedUp, 1)]);
    let snapshot = desk.snapshot("2023-02-15T00:00:00Z");
    // 1,100 + 400 shares and 121,000 + 44,000 USD: dollars since 2023-01-03.
    assert_eq!(held(&snapshot, "0000000001", "AAA"), Some((1_500.0, 165_000.0, 0.0)));
    // Thousands before: 100 are 100,000 USD.
    let rows = snapshot.rows(Dataset::ManagerHoldings, desk.listed("AAA"));
    assert_eq!(rows.day(0).to_string(), "2022-09-30");
    assert_eq!(rows.value(0, Dataset::ManagerHoldings.column(Field::HeldValue)), Some(100_000.0));
    assert_eq!(snapshot.rows(Dataset::ManagerHoldings, desk.listed("BBB")).len(), 2);
}

#[test]
fn a_filing_is_known_from_its_instant_or_the_end_of_its_day() {
    let mut desk = Desk::new();
    take(&mut desk, SAMPLE);
    let known = |as_of, manager, symbol| held(&desk.snapshot(as_of), manager, symbol).is_some();
    // 17:05 in New York is 22:05 in Greenwich.
    assert!(!known("2023-02-14T22:04:59Z", "0000000001", "AAA"));
    assert!(known("2023-02-14T22:05:00Z", "0000000001", "AAA"));
    // A day without a time ends at 22:00 in New York, 03:00 of the next day in Greenwich.
    assert!(!known("2023-02-11T02:59:59Z", "0000000002", "AAA"));
    assert!(known("2023-02-11T03:00:00Z", "0000000002", "AAA"));
    // Holdings that an amendment adds are marked, so that it does not replace what was filed before.
    assert!(!known("2023-05-20T00:00:00Z", "0000000002", "BBB"));
    let added = held(&desk.snapshot("2023-05-22T00:00:00Z"), "0000000002", "BBB");
    assert_eq!(added, Some((700.0, 27_300.0, 1.0)));
}

#[test]
fn a_restatement_with_equal_numbers_is_a_fact_of_its_own() {
    let mut desk = Desk::new();
    take(&mut desk, SAMPLE);
    let filed = |as_of| {
        let snapshot = desk.snapshot(as_of);
        let rows = snapshot.rows(Dataset::ManagerHoldings, desk.listed("AAA"));
        let manager: InstrumentId = snapshot.series_id("0000000001").unwrap();
        let row = (0..rows.len()).rev().find(|row| rows.other(*row) == manager).unwrap();
        rows.published_at(row).to_string()
    };
    assert_eq!(filed("2023-03-01T12:00:00Z"), "2023-02-14T22:05:00Z");
    assert_eq!(filed("2023-03-02T12:00:00Z"), "2023-03-02T03:00:00Z");
}

#[test]
fn the_order_of_files_changes_nothing() {
    let lines: Vec<&str> = SAMPLE.lines().skip(1).collect();
    let file = |lines: &[&str]| format!("{HEADER}{}\n", lines.join("\n"));
    let files = [file(&lines[..2]), file(&lines[2..7]), file(&lines[7..8]), file(&lines[8..])];
    let seen = |order: &[usize]| {
        let mut desk = Desk::new();
        order.iter().for_each(|at| drop(take(&mut desk, &files[*at])));
        let of_day = |as_of: &str| {
            let snapshot = desk.snapshot(as_of);
            let names = [("0000000001", "AAA"), ("0000000001", "BBB"), ("0000000002", "AAA")];
            names.map(|(manager, symbol)| held(&snapshot, manager, symbol))
        };
        ["2023-02-12T00:00:00Z", "2023-02-20T00:00:00Z", "2023-06-01T00:00:00Z"].map(of_day)
    };
    let expected = seen(&[0, 1, 2, 3]);
    assert_eq!(seen(&[3, 2, 1, 0]), expected);
    assert_eq!(seen(&[2, 0, 3, 1]), expected);
    let mut desk = Desk::new();
    files.iter().for_each(|file| drop(take(&mut desk, file)));
    let revision = desk.revision();
    take(&mut desk, SAMPLE);
    assert_eq!(desk.revision(), revision, "the same rows in one file add nothing");
}

#[test]
fn rows_that_cannot_be_are_refused_by_line() {
    let mut desk = Desk::new();
    let good: String =
        (0..200).map(|at| format!("1,A{at},5,9,2023-03-31,2023-05-15,,,\n")).collect();
    let bad = [
        ("1,,5,9,2023-03-31,2023-05-15,,,", Reason::BadSymbol),
        ("1,AAA,-5,9,2023-03-31,2023-05-15,,,", Reason::Negative),
        ("1,AAA,,9,2023-03-31,2023-05-15,,,", Reason::MissingValue),
        ("1,AAA,5,x,2023-03-31,2023-05-15,,,", Reason::NotANumber),
        ("1,AAA,5,9,2023-02-31,2023-05-15,,,", Reason::ImpossibleDate),
        ("1,AAA,5,9,2099-03-31,2099-05-15,,,", Reason::FutureDate),
        ("1,AAA,5,9,2023-03-31,,,,", Reason::MissingValue),
        ("1,AAA,5,9,2023-03-31,2023-03-01,,,", Reason::PublishedBeforeItsDay),
        ("1,AAA,5,9,2023-03-31,2023-05-15,LATER,,", Reason::UnknownAmendment),
        ("1,AAA,1e16,9,2023-03-31,2023-05-15,,,", Reason::OutOfRange),
    ];
    let rows: Vec<&str> = bad.iter().map(|(row, _)| *row).collect();
    let prepared = take(&mut desk, &format!("{HEADER}{good}{}\n", rows.join("\n")));
    let mut found = rejections(&prepared);
    found.sort_unstable();
    let expected: Vec<(u64, Reason)> =
        (202..).zip(bad).map(|(line, (_, reason))| (line, reason)).collect();
    assert_eq!(found, expected);
}
