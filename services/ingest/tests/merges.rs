//! Names mended afterwards: files of merges, and changes of symbols that come after the data.

#![expect(clippy::unwrap_used, reason = "a helper of tests fails as a test does")]

mod support;

use ingest::{note::NoteCode, options::Options};
use marketdata::{
    dataset::{Dataset, Field},
    day::Day,
    snapshot::Snapshot,
};
use support::{Desk, day, options, rejections};
use tables::refusal::Reason;

const NOW: &str = "2024-07-12T23:00:00Z";

/// Raw prices; a file of one symbol's history, fetched under today's symbol.
fn prices(symbol: &str, rows: &[(&str, f64)]) -> String {
    let row =
        |(day, close): &(&str, f64)| format!("{symbol},{day},{close},{close},{close},{close},5\n");
    "Ticker,Date,Open,High,Low,Close,Volume\n".to_owned()
        + &rows.iter().map(row).collect::<String>()
}

fn take(desk: &mut Desk, file_name: &str, text: &str) -> ingest::report::PreparedFile {
    desk.ingest(text.as_bytes(), Options { force: true, ..options(file_name) }).unwrap()
}

fn merges(desk: &mut Desk, rows: &str) -> ingest::report::PreparedFile {
    take(desk, "merges.csv", &format!("survivor,merged,date,action\n{rows}"))
}

fn changes(desk: &mut Desk, rows: &str) -> ingest::report::PreparedFile {
    take(desk, "changes.csv", &format!("old_symbol,new_symbol,date\n{rows}"))
}

/// Symbol and closes that a symbol gives.
fn seen(snapshot: &Snapshot, symbol: &str) -> Option<(String, Vec<(String, f64)>)> {
    let id = snapshot.listed(symbol)?;
    let rows = snapshot.rows(Dataset::Bars, id);
    let close = Dataset::Bars.column(Field::Close);
    let close = |row| (rows.day(row).to_string(), rows.value(row, close).unwrap());
    Some((snapshot.symbol(id).to_owned(), (0..rows.len()).map(close).collect()))
}

fn closes(rows: &[(&str, f64)]) -> Vec<(String, f64)> {
    rows.iter().map(|(day, close)| ((*day).to_owned(), *close)).collect()
}

const OLD: [(&str, f64); 2] = [("2022-06-07", 195.0), ("2022-06-08", 196.0)];
const NEW: [(&str, f64); 2] = [("2022-06-09", 184.0), ("2022-06-10", 175.0)];

/// FB and META, merged before or after their data.
fn joined_desk(merge_first: bool) -> Desk {
    let mut desk = Desk::new();
    if merge_first {
        merges(&mut desk, "META,FB,,\n");
    }
    take(&mut desk, "fb.csv", &prices("FB", &OLD));
    take(&mut desk, "meta.csv", &prices("META", &NEW));
    if !merge_first {
        assert_eq!(merges(&mut desk, "META,FB,,\n").report.accepted, 1);
    }
    desk
}

#[test]
fn a_merge_joins_two_histories_before_or_after_the_data_and_can_be_retracted() {
    let joined = Some(("META".to_owned(), closes(&[OLD, NEW].concat())));
    let apart = Some(("META".to_owned(), closes(&NEW)));
    for mut desk in [false, true].map(joined_desk) {
        let merged_at = desk.revision();
        assert_eq!(seen(&desk.snapshot(NOW), "META"), joined);
        assert_eq!(seen(&desk.snapshot(NOW), "FB"), joined, "the old symbol finds the survivor");
        assert_eq!(merges(&mut desk, "META,FB,,\n").report.already_known, 1);
        let again = take(&mut desk, "fb.csv", &prices("FB", &OLD)).report;
        assert_eq!((again.already_known, desk.revision()), (2, merged_at), "nothing new");

        assert_eq!(merges(&mut desk, "META,FB,,retract\n").report.accepted, 1);
        assert_eq!(merges(&mut desk, "META,FB,,retract\n").report.already_known, 1);
        assert_eq!(seen(&desk.snapshot(NOW), "META"), apart);
        assert_eq!(seen(&desk.snapshot(NOW), "FB"), Some(("FB".to_owned(), closes(&OLD))));
        let replayed = Snapshot::new(desk.market.clone(), support::at(NOW), merged_at).unwrap();
        assert_eq!(seen(&replayed, "FB"), joined, "an older revision replays as it was");
    }
    let desk = joined_desk(false);
    let before = desk.revision() - 1;
    let before = Snapshot::new(desk.market.clone(), support::at(NOW), before).unwrap();
    assert_eq!(seen(&before, "META"), apart);
}

#[test]
fn the_survivors_value_wins_and_what_it_hides_is_counted() {
    let mut desk = Desk::new();
    take(&mut desk, "fb.csv", &prices("FB", &[OLD[0], OLD[1], ("2022-06-09", 999.0)]));
    take(&mut desk, "meta.csv", &prices("META", &NEW));
    merges(&mut desk, "META,FB,,\n");
    let snapshot = desk.snapshot(NOW);
    assert_eq!(seen(&snapshot, "META").unwrap().1, closes(&[OLD, NEW].concat()));
    let hidden: Vec<(Dataset, usize)> = snapshot
        .hidden_by_merges()
        .iter()
        .map(|hidden| (hidden.dataset, hidden.days.len()))
        .collect();
    assert_eq!(hidden, [(Dataset::Bars, 1)]);
}

#[test]
fn a_merge_of_a_symbol_that_nothing_is_known_of_is_noted() {
    let mut desk = Desk::new();
    take(&mut desk, "fb.csv", &prices("FB", &OLD));
    let report = merges(&mut desk, "METAA,FB,,\n").report;
    let notes: Vec<_> = report.notes.iter().map(|note| (note.code, note.count)).collect();
    assert_eq!((report.accepted, notes), (1, vec![(NoteCode::UnknownInMerge, 1)]));
    assert!(report.notes[0].text.contains("METAA"), "{:?}", report.notes);
    let again = merges(&mut desk, "METAA,FB,,\n").report;
    assert_eq!((again.accepted, again.notes.len()), (0, 0));
}

#[test]
fn merges_that_cannot_be_are_refused_with_the_reason() {
    let mut desk = Desk::new();
    merges(&mut desk, "BBB,AAA,,\nCCC,BBB,,merge\n");
    let refused = |desk: &mut Desk, rows: &str| rejections(&merges(desk, rows));
    assert_eq!(refused(&mut desk, "AAA,CCC,,\n"), [(2, Reason::MergeCycle)]);
    assert_eq!(refused(&mut desk, "AAA,AAA,,\n"), [(2, Reason::MergeCycle)]);
    assert_eq!(refused(&mut desk, "DDD,AAA,,\n"), [(2, Reason::MergedElsewhere)]);
    assert_eq!(refused(&mut desk, "CCC,AAA,,retract\n"), [(2, Reason::NotMerged)]);
    assert_eq!(refused(&mut desk, "CCC,ZZZ,,retract\n"), [(2, Reason::UnknownSymbol)]);
    assert_eq!(refused(&mut desk, "CCC,EEE,,split\n"), [(2, Reason::UnknownAction)]);
    assert_eq!(refused(&mut desk, "CCC,EEE,1850-01-01,\n"), [(2, Reason::DateOutOfRange)]);
    let twice = "CCC,BBB,,retract\nCCC,BBB,,merge\n";
    assert_eq!(refused(&mut desk, twice), [(3, Reason::ConflictingDuplicate)]);
    // One file moves AAA from BBB to DDD: retractions count first, in whatever order.
    assert_eq!(merges(&mut desk, "DDD,AAA,,\nBBB,AAA,,retract\n").report.accepted, 2);
    let snapshot = desk.snapshot(NOW);
    assert_eq!(snapshot.listed("AAA"), snapshot.listed("DDD"));
    // Sixty-four instruments may be merged into one, and no more.
    let many: String = (0..66).map(|at| format!("ONE,M{at},,\n")).collect();
    let outcomes = refused(&mut desk, &many);
    assert_eq!(outcomes, [(66, Reason::TooManyMerges), (67, Reason::TooManyMerges)]);
}

/// The order of ingest: a change of symbols before or after the data gives the same answers.
#[test]
fn a_change_of_symbols_after_the_data_answers_as_one_before() {
    let mut after = Desk::new();
    take(&mut after, "fb.csv", &prices("FB", &OLD));
    take(&mut after, "meta.csv", &prices("META", &NEW));
    assert_eq!(changes(&mut after, "FB,META,2022-06-09\n").report.accepted, 1);
    assert_eq!(changes(&mut after, "FB,META,2022-06-09\n").report.already_known, 1);

    let mut before = Desk::new();
    changes(&mut before, "FB,META,2022-06-09\n");
    take(&mut before, "meta.csv", &prices("META", &[OLD, NEW].concat()));
    for as_of in ["2022-06-07T22:00:00Z", "2022-06-08T22:00:00Z", "2022-06-09T22:00:00Z", NOW] {
        for symbol in ["FB", "META"] {
            let (a, b) = (after.snapshot(as_of), before.snapshot(as_of));
            assert_eq!(seen(&a, symbol), seen(&b, symbol), "{symbol} as of {as_of}");
        }
    }
    assert_eq!(seen(&after.snapshot("2022-06-08T22:00:00Z"), "META").unwrap().0, "FB");
}

#[test]
fn a_retraction_does_not_restore_names_that_a_change_of_symbols_dated() {
    let mut desk = joined_desk(false);
    assert_eq!(changes(&mut desk, "FB,META,2022-06-09\n").report.accepted, 1);
    assert_eq!(merges(&mut desk, "META,FB,,retract\n").report.accepted, 1);
    let days = |symbol: &str| -> Vec<_> {
        let namings = desk.market.directory().namings(desk.listed(symbol), desk.revision());
        namings.iter().map(|naming| (naming.from, naming.until)).collect()
    };
    let change = day("2022-06-09");
    assert_eq!(days("FB"), [(Day::MIN, change)]);
    assert_eq!(days("META"), [(change, Day::MAX)]);
}

/// META was the ticker of a fund until January 2022. Its prices do not become those of the company,
/// and a vendor's full history under the new symbol is recognised by a common bar.
#[test]
fn a_ticker_that_was_used_again_is_not_merged_without_evidence() {
    let fund = ("2022-01-28", 13.0);
    let mut desk = Desk::new();
    take(&mut desk, "fb.csv", &prices("FB", &OLD));
    take(&mut desk, "meta.csv", &prices("META", &[fund, NEW[0], NEW[1]]));
    let refused = changes(&mut desk, "FB,META,2022-06-09\n");
    assert_eq!(rejections(&refused), [(2, Reason::SymbolsTaken)]);
    // The desk decides, and the change then dates the names.
    merges(&mut desk, "META,FB,,\n");
    assert_eq!(changes(&mut desk, "FB,META,2022-06-09\n").report.accepted, 1);
    let snapshot = desk.snapshot("2022-06-08T22:00:00Z");
    assert_eq!(seen(&snapshot, "FB").unwrap(), ("FB".to_owned(), closes(&[fund, OLD[0], OLD[1]])));

    let mut desk = Desk::new();
    take(&mut desk, "fb.csv", &prices("FB", &OLD));
    take(&mut desk, "meta.csv", &prices("META", &[OLD[1], NEW[0], NEW[1]]));
    assert_eq!(changes(&mut desk, "FB,META,2022-06-09\n").report.accepted, 1);
    assert_eq!(seen(&desk.snapshot(NOW), "FB").unwrap().1, closes(&[OLD, NEW].concat()));
}

/// Identifiers are of a company, and a master gives them under today's symbol from long before the
/// change. They do not tell who had the symbol then, but different ones from one day are two
/// companies.
#[test]
fn a_security_master_does_not_hinder_a_change_unless_it_contradicts() {
    let changed = |master: &str| {
        let mut desk = Desk::new();
        take(&mut desk, "fb.csv", &prices("FB", &OLD));
        take(&mut desk, "meta.csv", &prices("META", &NEW));
        let report = take(&mut desk, "master.csv", &format!("symbol,isin,from\n{master}")).report;
        assert_eq!(report.rejected, 0, "{master}");
        let changes = changes(&mut desk, "FB,META,2022-06-09\n");
        (rejections(&changes), seen(&desk.snapshot(NOW), "FB").unwrap().1)
    };
    // The ISINs of Meta Platforms, listed on 2012-05-18, and of Apple.
    let joined = (vec![], closes(&[OLD, NEW].concat()));
    assert_eq!(changed("META,US30303M1027,2012-05-18\n"), joined);
    assert_eq!(changed("FB,US30303M1027,2023-01-03\n"), joined);
    let two = "META,US30303M1027,2012-05-18\nFB,US0378331005,2012-05-18\n";
    assert_eq!(changed(two), (vec![(2, Reason::SymbolsTaken)], closes(&OLD)));
}

/// A split known under one symbol converts the prices stored under the other.
#[test]
fn splits_of_either_symbol_are_splits_of_the_survivor() {
    let mut desk = Desk::new();
    take(&mut desk, "fb.csv", &prices("FB", &OLD));
    take(&mut desk, "meta.csv", &prices("META", &NEW));
    take(&mut desk, "actions.csv", "symbol,date,price_factor,share_factor\nFB,2022-06-08,2,2\n");
    merges(&mut desk, "META,FB,,\n");
    let snapshot = desk.snapshot(NOW);
    let units = marketdata::basis::Units::of(&snapshot, snapshot.listed("META").unwrap());
    let change = units.change(day("2022-06-07"), day("2022-06-10")).unwrap();
    assert_eq!((change.price, change.shares), (2.0, 2.0));
}
