//! A row as first published is the row visible at its own publication.

use marketdata::{
    dataset::{Dataset, Field},
    day::Day,
    fixture::Fixture,
    instant::Instant,
    instrument::{InstrumentId, Namespace},
    snapshot::Snapshot,
    track::Rows,
};
use proptest::prelude::*;
use std::sync::Arc;

const HOUR: i64 = 3_600_000_000;

/// A value of a day for one of two funds, `late` days after the close, in one of three revisions.
#[derive(Clone, Debug)]
struct Draw {
    revision: u8,
    day: i32,
    fund: bool,
    late: i64,
    value: u8,
}

fn draws() -> impl Strategy<Value = Vec<Draw>> {
    // Few days, instants and values, so that publications compete, tie and repeat each other.
    let draw = (0..3_u8, 0..4_i32, any::<bool>(), 0..4_i64, 1..3_u8);
    let draw = draw.prop_map(|(revision, day, fund, late, value)| Draw {
        revision,
        day,
        fund,
        late,
        value,
    });
    prop::collection::vec(draw, 1..40)
}

fn day(offset: i32) -> Day {
    Day::from_epoch(18_568 + offset)
}

fn close(offset: i32, hours: i64) -> Instant {
    Instant::from_micros(Instant::close_of(day(offset)).micros() + hours * HOUR)
}

fn market(draws: &[Draw]) -> (Fixture, InstrumentId) {
    let mut fixture = Fixture::new();
    let held = fixture.id(Namespace::Listed, "AAA");
    let funds = ["IWM", "SPY"].map(|name| fixture.id(Namespace::Listed, name));
    for revision in 0..3 {
        for draw in draws.iter().filter(|draw| draw.revision == revision) {
            let key = (held, funds[usize::from(draw.fund)]);
            let values = [(Field::Weight, f64::from(draw.value))];
            let at = close(draw.day, 24 * draw.late);
            fixture.fact(Dataset::Holdings, key, day(draw.day), at, &values);
        }
        fixture.commit();
    }
    (fixture, held)
}

/// Key, dates and value of each row.
type Row = ((Day, InstrumentId), Instant, u64, Option<u64>);

fn listed(rows: &Rows<'_>) -> Vec<Row> {
    let column = Dataset::Holdings.column(Field::Weight);
    let row = |i: usize| {
        let key = (rows.day(i), rows.other(i));
        let value = rows.value(i, column).map(f64::to_bits);
        (key, rows.published_at(i), rows.revision(i), value)
    };
    (0..rows.len()).map(row).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(128) })]

    #[test]
    fn a_row_is_the_one_visible_at_its_own_publication(
        draws in draws(), hours in 0..200_i64, revision in 0..4_u64,
    ) {
        let (fixture, held) = market(&draws);
        let snapshot = Snapshot::new(fixture.market(), close(0, hours), revision).expect("known");
        let first = listed(&snapshot.rows_as_first_published(Dataset::Holdings, held));
        let latest = listed(&snapshot.rows(Dataset::Holdings, held));
        let keys = |rows: &[Row]| rows.iter().map(|row| row.0).collect::<Vec<_>>();
        prop_assert_eq!(keys(&first), keys(&latest), "the same days");
        for row in &first {
            let then = snapshot.earlier(row.1);
            let then = listed(&then.rows(Dataset::Holdings, held));
            let found: Vec<&Row> = then.iter().filter(|other| other.0 == row.0).collect();
            prop_assert_eq!(found, vec![row]);
            // Nothing was known of the day before that.
            let before = snapshot.earlier(Instant::from_micros(row.1.micros() - 1));
            let before = listed(&before.rows(Dataset::Holdings, held));
            prop_assert!(before.iter().all(|other| other.0 != row.0));
        }
    }

    /// A later view has the same rows for facts known earlier, and possibly more.
    #[test]
    fn later_publications_change_no_first_publication(
        draws in draws(), hours in 0..200_i64,
    ) {
        let known = |draw: &Draw| close(draw.day, 24 * draw.late) <= close(0, hours);
        let past: Vec<Draw> = draws.iter().filter(|draw| known(draw)).cloned().collect();
        let seen = |draws: &[Draw], as_of| {
            let (fixture, held) = market(draws);
            let snapshot = Snapshot::new(fixture.market(), as_of, 3).expect("known");
            listed(&snapshot.rows_as_first_published(Dataset::Holdings, held))
        };
        let before = seen(&past, close(0, hours));
        prop_assert_eq!(&before, &seen(&draws, close(0, hours)));
        let mut later = seen(&draws, close(0, 10_000));
        later.retain(|row| row.1 <= close(0, hours));
        prop_assert_eq!(before, later);
    }
}

#[test]
fn an_earlier_snapshot_sees_no_more_than_its_own() {
    let mut fixture = Fixture::new();
    fixture.closes("AAA", &[(day(0), 1.0), (day(1), 2.0)]).commit();
    let id = fixture.id(Namespace::Listed, "AAA");
    let snapshot = Snapshot::new(Arc::clone(&fixture.market()), close(0, 1), 1).expect("known");
    let rows = |at| snapshot.earlier(at).rows(Dataset::Bars, id).len();
    assert_eq!((rows(close(0, -1)), rows(close(0, 0)), rows(close(5, 0))), (0, 1, 1));
    assert_eq!(snapshot.earlier(close(5, 0)).today(), snapshot.today());
    assert_eq!(snapshot.first_day(&[Dataset::Series, Dataset::Bars]), Some(day(0)));
    assert_eq!(snapshot.earlier(close(0, -1)).first_day(&[Dataset::Bars]), None);
}
