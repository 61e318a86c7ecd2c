//! What managers hold of a name: by hand, with amendments, splits, managers that stop reporting, and
//! in any order of ingest.

use factors::manager_holdings::{Held, ManagerHoldings};
use marketdata::{
    dataset::{Dataset, Field},
    fixture::{Fixture, day},
    gap::GapReason,
    instant::Instant,
    instrument::Namespace,
};
use proptest::prelude::*;

/// A row of a filing: manager, symbol, period, day of filing, shares, USD, whether it adds.
type Row = (&'static str, &'static str, &'static str, &'static str, f64, f64, bool);

fn file(fixture: &mut Fixture, rows: &[Row]) {
    for (manager, symbol, period, filed, shares, value, adds) in rows {
        let manager = fixture.id(Namespace::Series, manager);
        let key = (fixture.id(Namespace::Listed, symbol), manager);
        let at = Instant::new_york(day(filed), 22, 0);
        let values = [
            (Field::SharesHeld, *shares),
            (Field::HeldValue, *value),
            (Field::FiledAt, at.micros() as f64),
            (Field::AddsToFiling, f64::from(u8::from(*adds))),
        ];
        fixture.fact(Dataset::ManagerHoldings, key, day(period), at, &values);
    }
    fixture.commit();
}

fn known(fixture: &Fixture, on: &str) -> ManagerHoldings {
    ManagerHoldings::of(&fixture.snapshot(Instant::new_york(day(on), 23, 0)))
}

fn held(fixture: &mut Fixture, symbol: &str, on: &str) -> Option<Held> {
    let id = fixture.id(Namespace::Listed, symbol);
    known(fixture, on).get(id)
}

const Q3: &str = "2023-09-30";
const Q4: &str = "2023-12-31";

const ROWS: [Row; 7] = [
    // M1 holds 40 of 1,000 USD in AAA: 4 %, no conviction. In BBB it is 96 %.
    ("M1", "AAA", Q4, "2024-02-14", 4.0, 40.0, false),
    ("M1", "BBB", Q4, "2024-02-14", 96.0, 960.0, false),
    // M2 holds only AAA.
    ("M2", "AAA", Q4, "2024-02-10", 10.0, 100.0, false),
    // M3 held BBB in the third quarter, and AAA alone in the fourth.
    ("M3", "BBB", Q3, "2023-11-14", 7.0, 70.0, false),
    ("M3", "AAA", Q4, "2024-02-14", 1.0, 10.0, false),
    // M4 reported for the third quarter and never again.
    ("M4", "AAA", Q3, "2023-11-14", 500.0, 5_000.0, false),
    // M2 adds what it had kept confidential.
    ("M2", "CCC", Q4, "2024-05-15", 3.0, 100.0, true),
];

#[test]
fn a_manager_holds_what_its_latest_filing_lists() {
    let mut fixture = Fixture::new();
    file(&mut fixture, &ROWS);
    // In January the third quarter is all there is: M3's 7 and M4's 500.
    let of = |managers, convinced, shares| Some(Held { managers, convinced, shares: Ok(shares) });
    assert_eq!(held(&mut fixture, "AAA", "2024-01-31"), of(1, 1, 500.0));
    assert_eq!(held(&mut fixture, "BBB", "2024-01-31"), of(1, 1, 7.0));
    // On 02-16 M3 has sold BBB, and M4's third quarter is 139 days old: still current.
    assert_eq!(held(&mut fixture, "AAA", "2024-02-16"), of(4, 3, 4.0 + 10.0 + 1.0 + 500.0));
    assert_eq!(held(&mut fixture, "BBB", "2024-02-16"), of(1, 1, 96.0));
    assert_eq!(held(&mut fixture, "CCC", "2024-02-16"), None);
    // On 02-18 it is 141 days old: M4 has stopped reporting.
    assert_eq!(held(&mut fixture, "AAA", "2024-02-18"), of(3, 2, 15.0));
    // The addition leaves M2's AAA, now half of what it reports.
    assert_eq!(held(&mut fixture, "AAA", "2024-05-15"), of(3, 2, 15.0));
    assert_eq!(held(&mut fixture, "CCC", "2024-05-15"), of(1, 1, 3.0));
    let all = known(&fixture, "2024-02-16");
    assert_eq!((all.managers, all.periods), (4, Some((day(Q3), day(Q4)))));
    assert_eq!(all.published_at, Some(Instant::new_york(day("2024-02-14"), 22, 0)));
    assert_eq!(known(&fixture, "2023-11-13").managers, 0, "nothing is known before it is filed");
}

#[test]
fn a_restatement_replaces_the_whole_filing() {
    let mut fixture = Fixture::new();
    file(&mut fixture, &ROWS);
    file(&mut fixture, &[("M1", "BBB", Q4, "2024-03-01", 96.0, 960.0, false)]);
    assert_eq!(held(&mut fixture, "AAA", "2024-02-29").map(|held| held.managers), Some(3));
    let after = held(&mut fixture, "AAA", "2024-03-01");
    assert_eq!(after, Some(Held { managers: 2, convinced: 2, shares: Ok(11.0) }));
    assert_eq!(held(&mut fixture, "BBB", "2024-03-01").map(|held| held.managers), Some(1));
    // Zero shares are not a holding.
    file(&mut fixture, &[("M1", "BBB", Q4, "2024-03-04", 0.0, 0.0, false)]);
    assert_eq!(held(&mut fixture, "BBB", "2024-03-04"), None);
}

/// An addition to a quarter of which nothing complete is known replaces nothing.
#[test]
fn an_addition_alone_leaves_the_quarter_before() {
    let mut fixture = Fixture::new();
    let rows = [
        ("M5", "AAA", Q3, "2023-11-14", 9.0, 90.0, false),
        ("M5", "BBB", Q4, "2024-01-05", 1.0, 10.0, true),
        ("M6", "BBB", Q4, "2024-01-05", 1.0, 10.0, true),
        ("M5", "CCC", Q4, "2024-02-14", 2.0, 20.0, false),
    ];
    file(&mut fixture, &rows);
    let of = |shares| Some(Held { managers: 1, convinced: 1, shares: Ok(shares) });
    assert_eq!(held(&mut fixture, "AAA", "2024-01-31"), of(9.0));
    assert_eq!(held(&mut fixture, "BBB", "2024-01-31"), None);
    assert_eq!(known(&fixture, "2024-01-31").managers, 1);
    assert_eq!(held(&mut fixture, "AAA", "2024-02-14"), None);
    assert_eq!(held(&mut fixture, "CCC", "2024-02-14"), of(2.0));
}

#[test]
fn shares_are_in_todays_units_or_have_no_sum() {
    let mut fixture = Fixture::new();
    file(&mut fixture, &ROWS);
    let split = |fixture: &mut Fixture, from: &str, to: &str| {
        let id = fixture.id(Namespace::Listed, "AAA");
        let values = [
            (Field::FromOn, f64::from(day(from).epoch())),
            (Field::PriceFactor, 4.0),
            (Field::ShareFactor, 4.0),
        ];
        let key = (id, marketdata::instrument::InstrumentId::NONE);
        let at = Instant::new_york(day(to), 9, 30);
        fixture.fact(Dataset::Splits, key, day(to), at, &values).commit();
    };
    split(&mut fixture, "2024-02-20", "2024-02-21");
    let shares = |fixture: &mut Fixture, on| held(fixture, "AAA", on).map(|held| held.shares);
    assert_eq!(shares(&mut fixture, "2024-02-20"), Some(Ok(15.0)));
    assert_eq!(shares(&mut fixture, "2024-02-21"), Some(Ok(60.0)));
    // A split on some day from the middle of December to the middle of January.
    split(&mut fixture, "2023-12-14", "2024-01-16");
    assert_eq!(shares(&mut fixture, "2024-02-20"), Some(Err(GapReason::BasisUnknown)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Neither the order of filings nor the number of revisions changes a bit.
    #[test]
    fn the_order_of_ingest_changes_nothing(
        order in Just((0..ROWS.len()).collect::<Vec<usize>>()).prop_shuffle(),
        at_once in 1..ROWS.len(),
    ) {
        let seen = |order: &[usize]| {
            let mut fixture = Fixture::new();
            for some in order.chunks(at_once) {
                file(&mut fixture, &some.iter().map(|at| ROWS[*at]).collect::<Vec<Row>>());
            }
            let names = ["AAA", "BBB", "CCC"];
            ["2024-01-31", "2024-02-16", "2024-05-15"].map(|on| {
                names.map(|symbol| held(&mut fixture, symbol, on).map(|held| {
                    (held.managers, held.convinced, held.shares.map(f64::to_bits))
                }))
            })
        };
        prop_assert_eq!(seen(&order), seen(&[0, 1, 2, 3, 4, 5, 6]));
    }
}
