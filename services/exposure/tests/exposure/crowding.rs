//! Overlaps with crowds: by hand, as a program in Python has them (`tests/oracles/crowding.py`), and
//! laws.

use exposure::{
    crowding::{CrowdOverlap, Sides, crowded_book, overlaps},
    crowds::{CrowdKind, CrowdName, CrowdSources, Crowds, SHORT_MEASURES},
};
use factors::{look_through::Part, manager_holdings::Held};
use marketdata::{gap::GapReason, instrument::InstrumentId};
use proptest::prelude::*;

const INPUT: &str = include_str!("../../../../tests/oracles/crowding_input.csv");
const EXPECTED: &str = include_str!("../../../../tests/oracles/crowding_expected.csv");
/// Maximum number of names of a crowd, as in the program.
const MOST: usize = 8;

fn sources() -> CrowdSources {
    CrowdSources {
        managers: 1,
        periods: None,
        filed_at: None,
        settlement_on: None,
        gaps: Vec::new(),
    }
}

/// A name that `managers` hold and whose short interest is a share of a float of 1,000.
fn name(at: u32, managers: u32, short_of_float: f64) -> CrowdName {
    let held = Held { managers, convinced: 0, shares: Ok(f64::from(managers)) };
    CrowdName {
        instrument: InstrumentId(at),
        held: (0 < managers).then_some(held),
        public_float: Ok(1_000.0),
        shares_short: Ok(1_000.0 * short_of_float),
        normal_volume: Ok(100.0),
        short_measures: [Ok(short_of_float); SHORT_MEASURES],
        is_eligible: true,
    }
}

fn part(at: u32, value: f64) -> Part {
    Part::line(InstrumentId(at), value, 0.0)
}

fn of(found: &[CrowdOverlap], kind: CrowdKind) -> CrowdOverlap {
    *found.iter().find(|row| row.kind == kind).unwrap()
}

fn near(a: Option<f64>, b: f64) {
    assert!(a.is_some_and(|a| (a - b).abs() < 1e-12), "{a:?} is not {b}");
}

#[test]
fn a_book_by_hand() {
    // Twenty names: 1 and 2 are held most, 19 and 20 shorted most; a tenth of twenty is two.
    let names = (1..=20).map(|at| name(at, 21 - at, f64::from(at) / 100.0)).collect();
    let crowds = Crowds::of(names, sources());
    assert_eq!(crowds.members(CrowdKind::ManagersHolding, 50), [InstrumentId(1), InstrumentId(2)]);
    assert_eq!(crowds.rank(CrowdKind::ShortOfFloat, InstrumentId(1)), Some(20));
    // 300 of a consensus name and 100 of another; 100 short of the most shorted, 60 of a consensus
    // name, and an unknown short of 40.
    let parts = [part(1, 300.0), part(2, -60.0), part(5, 100.0), part(20, -100.0)];
    let book = Sides::of(&parts, vec![-40.0]);
    let found = overlaps(&book, &crowds, 50);
    let long = of(&found, CrowdKind::ManagersHolding);
    assert_eq!((long.members, long.held, long.with, long.against), (2, 1, 300.0, 60.0));
    // Weights 0.75 and 0.25; the crowd has 1/2: min(0.75, 0.5); 0.75/√2 / √(0.75² + 0.25²).
    near(long.overlap, 0.5);
    near(long.cosine, 0.75 / 2f64.sqrt() / 0.625f64.sqrt());
    let short = of(&found, CrowdKind::ShortOfFloat);
    assert_eq!((short.with, short.against), (100.0, 0.0));
    // Weights 0.3, 0.5 and 0.2 of 200.
    near(short.overlap, 0.5);
    near(short.cosine, 0.5 / 2f64.sqrt() / 0.38f64.sqrt());
    // The crowd's book is +1/4, +1/4 in 1 and 2, −1/4, −1/4 in 19 and 20; the book is 0.5, −0.1,
    // 1/6, −1/6 and 1/15 of 600. In common: min(0.5, 0.25) + min(1/6, 0.25).
    let whole = crowded_book(&book, &crowds, 50);
    near(whole.net, 300.0 - 60.0 + 100.0);
    near(whole.overlap, 0.25 + 1.0 / 6.0);
    let own: f64 = 0.25 + 0.01 + 2.0 / 36.0 + 1.0 / 225.0;
    near(whole.cosine, 0.25 * (0.5 - 0.1 + 1.0 / 6.0) / (own * 0.25).sqrt());
}

#[test]
fn what_is_not_known_is_absent() {
    let unknown = CrowdName { held: None, ..name(1, 1, 0.1) };
    let crowds = Crowds::of(vec![unknown], sources());
    assert_eq!(unknown.measure(CrowdKind::ManagersHolding), Err(GapReason::InputMissing));
    let parts = [part(1, 100.0)];
    let found = overlaps(&Sides::of(&parts, Vec::new()), &crowds, 50);
    let long = of(&found, CrowdKind::ManagersHolding);
    assert_eq!((long.members, long.overlap, long.cosine), (0, None, None));
    let short = of(&found, CrowdKind::ShortOfFloat);
    assert_eq!((short.members, short.overlap, short.against), (1, None, 100.0), "no shorts");
    let whole = crowded_book(&Sides::of(&parts, Vec::new()), &crowds, 50);
    assert_eq!((whole.net, whole.overlap, whole.cosine), (None, None, None));
    // Funds and names that hardly trade are in no crowd.
    let small = CrowdName { is_eligible: false, ..name(1, 9, 0.5) };
    assert_eq!(Crowds::of(vec![small], sources()).ranked(CrowdKind::ShortOfFloat), 0);
}

/// The crowds and the book of the program's input.
fn input() -> (Crowds, Vec<Part>) {
    let (mut names, mut parts) = (Vec::new(), Vec::new());
    for (at, line) in (1..).zip(INPUT.lines().skip(1)) {
        let fields: Vec<&str> = line.split(',').collect();
        let number = |at: usize| fields[at].parse::<f64>().ok();
        let float = number(5).unwrap();
        let short = number(6).ok_or(GapReason::NoShortInterest);
        names.push(CrowdName {
            instrument: InstrumentId(at),
            held: number(2).map(|managers| Held {
                managers: managers as u32,
                convinced: number(3).unwrap() as u32,
                shares: Ok(number(4).unwrap()),
            }),
            public_float: Ok(float),
            shares_short: short,
            normal_volume: Ok(number(7).unwrap()),
            short_measures: [short.map(|short| short / float); SHORT_MEASURES],
            is_eligible: fields[1] == "1",
        });
        parts.push(part(at, number(8).unwrap()));
    }
    (Crowds::of(names, sources()), parts)
}

#[test]
fn overlaps_equal_those_of_the_program() {
    let (crowds, parts) = input();
    let book = Sides::of(&parts, Vec::new());
    let found = overlaps(&book, &crowds, MOST);
    let whole = crowded_book(&book, &crowds, MOST);
    for line in EXPECTED.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let number = |at: usize| fields[at].parse::<f64>().unwrap();
        if fields[0] == "book" {
            near(whole.net, number(2));
            near(whole.overlap, number(4));
            near(whole.cosine, number(5));
            continue;
        }
        let row = found.iter().find(|row| row.kind.id() == fields[0]).unwrap();
        assert_eq!(row.members.to_string(), fields[1]);
        assert_eq!((row.with, row.against), (number(2), number(3)), "{line}");
        near(row.overlap, number(4));
        near(row.cosine, number(5));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// A book that is the crowd's has everything in common with it, and its mirror nothing.
    #[test]
    fn the_crowd_has_itself_in_common(count in 1_u32..60, most in 1_usize..8, unit in 1.0..1e6f64) {
        let names = (1..=10 * count).map(|at| name(at, at, 0.01)).collect();
        let crowds = Crowds::of(names, sources());
        let mut members = crowds.members(CrowdKind::ManagersHolding, most).to_vec();
        members.sort_unstable();
        for (sign, expected) in [(1.0, Some(1.0)), (-1.0, None)] {
            let parts: Vec<Part> =
                members.iter().map(|id| Part::line(*id, sign * unit, 0.0)).collect();
            let found = overlaps(&Sides::of(&parts, Vec::new()), &crowds, most);
            let row = of(&found, CrowdKind::ManagersHolding);
            match expected {
                Some(expected) => {
                    near(row.overlap, expected);
                    near(row.cosine, expected);
                }
                None => prop_assert_eq!((row.overlap, row.with), (None, 0.0)),
            }
        }
    }

    /// Overlaps and cosines are in range, and do not depend on the scale of the book.
    #[test]
    fn overlaps_are_shares(values in prop::collection::vec(-1e6..1e6f64, 1..60), loose in -1e6..1e6f64) {
        let names = (1..=60).map(|at| name(at, at, f64::from(at) / 60.0)).collect();
        let crowds = Crowds::of(names, sources());
        let parts: Vec<Part> = (1..).zip(&values).map(|(at, value)| part(at, *value)).collect();
        let double: Vec<Part> = (1..).zip(&values).map(|(at, value)| part(at, 2.0 * value)).collect();
        let found = overlaps(&Sides::of(&parts, vec![loose]), &crowds, 50);
        let again = overlaps(&Sides::of(&double, vec![2.0 * loose]), &crowds, 50);
        for (row, again) in found.iter().zip(&again) {
            prop_assert!(row.overlap.is_none_or(|share| (0.0..=1.0).contains(&share)));
            prop_assert!(row.cosine.is_none_or(|cosine| (0.0..=1.0).contains(&cosine)));
            prop_assert_eq!((row.overlap, row.cosine), (again.overlap, again.cosine));
        }
    }
}
