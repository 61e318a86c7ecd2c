//! Security masters: which identifiers a line has on which day, and which rows are rejected.
//!
//! The identifiers are invented, with check digits from `tests/oracles/identifiers.py`.
#![expect(clippy::unwrap_used, reason = "a helper of tests fails as a test does")]

mod support;

use ingest::{options::Options, report::PreparedFile, source::detect};
use marketdata::{
    dataset::{Dataset, Field},
    day::Day,
    identities::Identity,
    instrument::InstrumentId,
    snapshot::Snapshot,
};
use std::{fmt::Write as _, sync::Arc};
use support::{Desk, at, day, options, rejections};
use tables::refusal::Reason;

const ISIN: [&str; 4] = ["US0000011074", "US0000021057", "US0000031031", "US0000041014"];

/// A file received in the evening of a day.
fn on(received: &str) -> Options {
    let received_at = at(&format!("{received}T23:00:00Z"));
    Options { received_at, force: true, ..options("master.csv") }
}

fn take(desk: &mut Desk, received: &str, text: &str) -> PreparedFile {
    desk.ingest(text.as_bytes(), on(received)).unwrap()
}

/// The ISINs of a line as `ISIN from..until` at a revision.
fn isins_at(desk: &Desk, id: InstrumentId, revision: u64) -> Vec<String> {
    let early = at("1990-01-02T00:00:00Z");
    let snapshot = Snapshot::new(Arc::clone(&desk.market), early, revision).unwrap();
    let end = |day: Day, open: Day| if day == open { String::new() } else { day.to_string() };
    let text = |identity: Identity<'_>| {
        let (from, until) = (end(identity.from, Day::MIN), end(identity.until, Day::MAX));
        format!("{} {from}..{until}", identity.text)
    };
    let identities = snapshot.identities(id).into_iter();
    identities.filter(|identity| identity.field == Field::Isin).map(text).collect()
}

fn isins(desk: &Desk, symbol: &str) -> Vec<String> {
    isins_at(desk, desk.listed(symbol), desk.revision())
}

#[test]
fn a_sample_gives_each_line_its_identifiers_by_day() {
    let mut desk = Desk::new();
    let sample = include_bytes!("../../../tests/data/security_master/master.csv");
    let prepared = desk.ingest(sample, on("2026-11-20")).unwrap();
    let report = &prepared.report;
    assert_eq!((report.accepted, report.skipped, report.rejected), (4, 1, 0));
    let snapshot = desk.snapshot("1990-01-02T00:00:00Z");
    let alpha = snapshot.identities(desk.listed("AAA"));
    let texts: Vec<&str> = alpha.iter().map(|identity| identity.text).collect();
    let expected = ["BBG000000016", "US0000011074", "000001107", "B000010", "XNAS", "Alpha, Inc."];
    assert_eq!((&texts[..6], &texts[6..]), (&expected[..], &["Common Stock", "USD"][..]));
    assert_eq!(isins(&desk, "BRK.B"), ["US0000021057 2010-01-21.."]);
    assert_eq!(isins(&desk, "CCC"), ["US0000031031 ..2022-06-09", "US0000041014 2022-06-09.."]);
    // The same file adds nothing.
    let again = desk.ingest(sample, on("2026-11-21")).unwrap();
    assert!(again.batch.is_empty() && again.report.already_known == 4, "{:?}", again.report);
}

/// AAA keeps the first ISIN because its row is rejected, so BBB cannot have it either.
#[test]
fn a_rejected_row_leaves_its_stored_identifier_taken() {
    let mut desk = Desk::new();
    let master = |rows: [(&str, &str); 2]| {
        rows.iter().fold("symbol,isin,from\n".to_owned(), |mut text, (symbol, isin)| {
            writeln!(text, "{symbol},{isin},2020-01-02").unwrap();
            text
        })
    };
    take(&mut desk, "2024-07-11", &master([("AAA", ISIN[0]), ("CCC", ISIN[1])]));
    let prepared = take(&mut desk, "2024-07-12", &master([("AAA", ISIN[1]), ("BBB", ISIN[0])]));
    let taken = Reason::IdentifierTaken;
    assert_eq!(rejections(&prepared), [(2, taken), (3, taken)]);
    assert_eq!(isins(&desk, "AAA"), [format!("{} 2020-01-02..", ISIN[0])]);
}

#[test]
fn prices_and_portfolios_with_identifiers_are_not_security_masters() {
    for header in ["symbol,isin,quantity", "symbol,cusip,weight", "symbol,isin,date", "symbol,mic"]
    {
        assert!(detect(format!("{header}\nAAA,1,2\n").as_bytes()).is_err(), "{header}");
    }
}

#[test]
fn invalid_rows_are_rejected_one_by_one() {
    let mut desk = Desk::new();
    let text = "symbol,isin,cusip,mic,from,until\n\
                AAA,US0000011075,,XNAS,,\n\
                BBB,,00000210,XNAS,,\n\
                CCC,US0000031031,,NASDAQ,,\n\
                DDD,US0000041014,,XNAS,2022-06-09,2022-06-08\n\
                EEE,US0000051088,,XNAS,1600-01-03,\n\
                FFF,US0000061061,,XNAS,2022-06-09,2022-06-10\n";
    let prepared = take(&mut desk, "2024-07-12", text);
    let expected = [
        (2, Reason::BadIdentifier),
        (3, Reason::BadIdentifier),
        (4, Reason::BadIdentifier),
        (5, Reason::EndBeforeStart),
        (6, Reason::DateOutOfRange),
    ];
    assert_eq!(rejections(&prepared), expected);
    assert_eq!(isins(&desk, "FFF"), ["US0000061061 2022-06-09..2022-06-10"]);
}

/// A line may have a currency and no identifier. Prices in pence are not prices in pounds.
#[test]
fn the_currency_of_a_listing_is_a_code() {
    let mut desk = Desk::new();
    let text = "symbol,isin,currency\nAAA,,EUR\nBBB,US0000021057,GBp\nCCC,,euros\nDDD,,\n";
    let prepared = take(&mut desk, "2024-07-12", text);
    assert_eq!(rejections(&prepared), [(4, Reason::BadIdentifier)]);
    assert_eq!((prepared.report.accepted, prepared.report.skipped), (2, 1));
    let snapshot = desk.snapshot("2024-07-12T22:00:00Z");
    let quoted = |symbol: &str| {
        let quotation = snapshot.quotation(desk.listed(symbol), snapshot.today());
        (quotation.currency.to_string(), quotation.units)
    };
    assert_eq!(quoted("AAA"), ("EUR".to_owned(), 1.0));
    assert_eq!(quoted("BBB"), ("GBP".to_owned(), 0.01));
}

#[test]
fn an_identifier_of_two_lines_is_rejected_with_both_named() {
    let mut desk = Desk::new();
    let prepared =
        take(&mut desk, "2024-07-12", "symbol,isin\nAAA,US0000011074\nBBB,US0000011074\n");
    let both = [(2, Reason::IdentifierTaken), (3, Reason::IdentifierTaken)];
    assert_eq!(rejections(&prepared), both);
    take(&mut desk, "2024-07-12", "symbol,isin,mic\nAAA,US0000011074,XNAS\n");
    let prepared =
        take(&mut desk, "2024-07-15", "symbol,isin\nBBB,US0000011074\nCCC,US0000031031\n");
    assert_eq!(rejections(&prepared), [(2, Reason::IdentifierTaken)]);
    let text = &prepared.report.rejections[0].text;
    assert!(text.contains("AAA (stored)") && text.contains("BBB (line 2)"), "{text}");
    // Two markets tell two lines of one company apart.
    let prepared = take(&mut desk, "2024-07-15", "symbol,isin,mic\nBBB,US0000011074,XLON\n");
    assert_eq!(prepared.report.rejected, 0);
    // A file may move an identifier, if it says when.
    let text = "symbol,isin,mic,from,until\n\
                CCC,US0000031031,XNAS,2024-07-15,2025-01-02\n\
                DDD,US0000031031,XNAS,2025-01-02,\n";
    assert_eq!(take(&mut desk, "2025-01-03", text).report.rejected, 0);
    assert_eq!(isins(&desk, "CCC"), ["US0000031031 2024-07-15..2025-01-02"]);
}

#[test]
fn a_file_without_days_describes_its_own_day() {
    let mut desk = Desk::new();
    take(&mut desk, "2024-06-03", "symbol,isin\nAAA,US0000011074\n");
    take(&mut desk, "2024-07-01", "symbol,isin\nAAA,US0000021057\n");
    let found = ["US0000011074 2024-06-03..2024-07-01", "US0000021057 2024-07-01.."];
    assert_eq!(isins(&desk, "AAA"), found);
    // Another vendor's file of the day adds a column and takes nothing away.
    take(&mut desk, "2024-07-01", "symbol,cusip\nAAA,000002105\n");
    assert_eq!(isins(&desk, "AAA"), found);
    let snapshot = desk.snapshot("2024-07-02T00:00:00Z");
    let identities = snapshot.identities(desk.listed("AAA"));
    let cusip = identities.iter().find(|identity| identity.field == Field::Cusip).unwrap();
    assert_eq!((cusip.text, cusip.from), ("000002105", day("2024-07-01")));
}

/// The latest revision of a row wins, and older revisions replay as they were, whatever the caller
/// says about publication.
#[test]
fn a_correction_wins_and_older_revisions_stay() {
    let mut desk = Desk::new();
    let row = |isin: &str, from: &str, until: &str| {
        format!("symbol,isin,from,until\nAAA,{isin},{from},{until}\n")
    };
    take(&mut desk, "2024-07-01", &row(ISIN[0], "2000-01-03", ""));
    take(&mut desk, "2024-07-02", &row(ISIN[1], "2000-01-03", "2010-01-04"));
    let reopened = Options { published_at: Some(at("2001-01-01T00:00:00Z")), ..on("2024-07-03") };
    desk.ingest(row(ISIN[0], "2000-01-03", "").as_bytes(), reopened).unwrap();
    take(&mut desk, "2024-07-04", &row(ISIN[0], "2000-01-03", "2000-01-03"));
    let id = desk.listed("AAA");
    assert_eq!(isins_at(&desk, id, 1), ["US0000011074 2000-01-03.."]);
    assert_eq!(isins_at(&desk, id, 2), ["US0000021057 2000-01-03..2010-01-04"]);
    assert_eq!(isins_at(&desk, id, 3), ["US0000011074 2000-01-03.."]);
    assert_eq!(isins_at(&desk, id, 4), [""; 0], "withdrawn");
    let rows = desk.snapshot("1900-01-02T00:00:00Z");
    assert_eq!(rows.rows(Dataset::Identifiers, id).len(), 1, "not news");
}

/// Master, prices and names in any order give the same identifiers.
#[test]
fn files_of_different_days_may_come_in_any_order() {
    let files = [
        "symbol,isin,from,until\nAAA,US0000011074,,2020-06-01\n",
        "symbol,isin,from,until\nAAA,US0000021057,2020-06-01,\nBBB,US0000031031,,\n",
        "symbol,cusip\nAAA,000004101\n",
        "Ticker,Date,Open,High,Low,Close,Volume\nAAA,2024-07-08,1,1,1,1,5\nBBB,2024-07-08,1,1,1,1,5\n",
    ];
    let found = |order: [usize; 4]| {
        let mut desk = Desk::new();
        for at in order {
            take(&mut desk, "2024-07-12", files[at]);
        }
        ["AAA", "BBB"].map(|symbol| isins(&desk, symbol))
    };
    let first = found([0, 1, 2, 3]);
    let expected = ["US0000011074 ..2020-06-01", "US0000021057 2020-06-01.."];
    assert_eq!(first[0], expected);
    for order in [[3, 2, 1, 0], [1, 3, 0, 2], [2, 0, 3, 1]] {
        assert_eq!(found(order), first, "{order:?}");
    }
}

#[test]
fn a_reused_ticker_has_the_identifiers_of_each_company() {
    let mut desk = Desk::new();
    let changes = include_bytes!("../../../tests/data/symbol_changes/changes.csv");
    desk.ingest(changes, on("2026-11-20")).unwrap();
    let text = "symbol,isin,from,until\n\
                TWTR,US0000011074,2013-11-07,2022-10-28\n\
                TWTR,US0000021057,2023-01-03,\n\
                META,US0000031031,2012-05-18,\n";
    let prepared = take(&mut desk, "2026-11-20", text);
    assert_eq!(prepared.report.rejected, 0);
    let listed = |as_of: &str, symbol: &str| desk.snapshot(as_of).listed(symbol).unwrap();
    let (left, came) =
        (listed("2022-10-27T20:00:00Z", "TWTR"), listed("2023-10-27T20:00:00Z", "TWTR"));
    assert_eq!(isins_at(&desk, left, desk.revision()), ["US0000011074 2013-11-07..2022-10-28"]);
    assert_eq!(isins_at(&desk, came, desk.revision()), ["US0000021057 2023-01-03.."]);
    let was_fb = listed("2012-06-01T20:00:00Z", "FB");
    assert_eq!(isins_at(&desk, was_fb, desk.revision()), ["US0000031031 2012-05-18.."]);
    assert_eq!(day("2022-10-28"), day("2022-10-27").plus(1));
}

#[test]
fn one_identifier_for_everything_is_rejected_in_bounded_time() {
    let mut desk = Desk::new();
    let mut text = String::from("symbol,isin,mic\n");
    for at in 0..40_000 {
        let mic: String = [at / 1_296, at / 36 % 36, at % 36, 0]
            .map(|digit| char::from_digit(digit, 36).unwrap().to_ascii_uppercase())
            .iter()
            .collect();
        writeln!(text, "S{at},US0000011074,{mic}").unwrap();
    }
    let prepared = take(&mut desk, "2024-07-12", &text);
    assert!(30_000 < prepared.report.rejected, "{}", prepared.report.rejected);
}

/// Sixty-four lines may share an identifier; the one too many is named, and none of the others.
#[test]
fn the_line_too_many_is_the_one_that_is_rejected() {
    let mut desk = Desk::new();
    let text = (0..65).fold("symbol,isin,mic\n".to_owned(), |mut text, at| {
        writeln!(text, "L{at},{},X{at:03}", ISIN[0]).unwrap();
        text
    });
    let prepared = take(&mut desk, "2024-07-12", &text);
    assert_eq!(rejections(&prepared), [(66, Reason::IdentifierTaken)]);
    let why = &prepared.report.rejections[0].text;
    assert!(why.ends_with("64 other lines have it"), "{why}");
}
