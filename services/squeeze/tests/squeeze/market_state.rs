//! The most-shorted names against the market.

use crate::world::{World, near};
use factors::roles::{Role, Roles};
use marketdata::{
    basis::PriceBasis,
    fixture::day,
    gap::{GapReason, Subject},
    instant::Instant,
    snapshot::Snapshot,
};
use squeeze::market::PreparedState;

const FIRST: &str = "2020-07-15";
const SECOND: &str = "2020-12-31";
const SESSIONS: usize = 150;

/// Ten names, so that the basket is one: A until its successor is bought, then B. A rises by 1 % a
/// session, B by 2 %, the index by 0.5 %.
fn world() -> World {
    let mut world = World::new();
    let growing = |rate: f64| move |back: usize| 100.0 * (1.0 + rate).powi(149 - back as i32);
    let (a, b, index) = (growing(0.01), growing(0.02), growing(0.005));
    let volume = 1e6;
    world.bars_on("A", PriceBasis::Raw, SESSIONS, |back| (a(back), volume));
    world.bars_on("B", PriceBasis::Raw, SESSIONS, |back| (b(back), volume));
    for at in 0..8 {
        let symbol = format!("N{at}");
        world.bars_on(&symbol, PriceBasis::Raw, SESSIONS, |_| (100.0, volume));
        world.settle(&symbol, FIRST, [1e6, 1e8, 1e8]).settle(&symbol, SECOND, [1e6, 1e8, 1e8]);
    }
    world.bars_on("VTI", PriceBasis::Raw, SESSIONS, |back| (index(back), volume));
    world.settle("A", FIRST, [5e7, 1e8, 1e8]).settle("A", SECOND, [2e6, 1e8, 1e8]);
    world.settle("B", FIRST, [2e6, 1e8, 1e8]).settle("B", SECOND, [5e7, 1e8, 1e8]);
    world.fixture.commit();
    world
}

fn at(world: &World, on: &str) -> Snapshot {
    world.fixture.snapshot(Instant::close_of(day(on)))
}

fn state(snapshot: &Snapshot) -> PreparedState {
    PreparedState::of(snapshot, &Roles::standard(), None)
}

/// The settlement of 2020-12-31 is public on 2021-01-12 at 18:00, its basket bought at the close of
/// 2021-01-13, and B earns from 2021-01-14 on.
#[test]
fn a_spread_by_hand() {
    let world = world();
    let five = |rate: f64| (1.0 + rate).powi(5) - 1.0;
    let before = state(&at(&world, "2021-01-13")).outcome.unwrap();
    near(before.spread, five(0.01) - five(0.005));
    assert_eq!((before.settlement_on, before.names), (day(FIRST), 1));
    let after = state(&at(&world, "2021-01-27")).outcome.unwrap();
    near(after.spread, five(0.02) - five(0.005));
    assert_eq!((after.settlement_on, after.index.as_str()), (day(SECOND), "VTI"));
    assert_eq!(after.observed_on, day("2021-01-27"));
    assert_eq!(after.published_at, Some(Instant::close_of(day("2021-01-27"))));
    // Since 2020-07-27 there are fewer than 126 sessions before 2021-01-13, and more before 01-27.
    assert_eq!(before.z, None);
    let (z, count) = after.z.unwrap();
    assert!(126 <= count && 0.0 < z, "{z} {count}");
}

/// A state continued from an earlier view has the bits of a fresh one, and a view of an earlier day
/// knows nothing later.
#[test]
fn it_continues_an_earlier_view_and_looks_not_ahead() {
    let world = world();
    let roles = Roles::standard();
    let mut earlier: Option<PreparedState> = None;
    for on in ["2021-01-12", "2021-01-13", "2021-01-14", "2021-01-27"] {
        let snapshot = at(&world, on);
        let fresh = state(&snapshot).outcome;
        let continued = PreparedState::of(&snapshot, &roles, earlier.as_ref());
        assert_eq!(continued.outcome, fresh, "{on}");
        earlier = Some(continued);
    }
    // With another index nothing is continued.
    let other = Roles::standard().with(Role::BroadMarket, vec!["N0".to_owned()]);
    let snapshot = at(&world, "2021-01-27");
    let found = PreparedState::of(&snapshot, &other, earlier.as_ref()).outcome.unwrap();
    near(found.spread, 1.02f64.powi(5) - 1.0);
}

/// What is missing is one gap with a reason.
#[test]
fn without_inputs_it_is_a_gap() {
    let mut bare = World::new();
    bare.bars("S", |_| (10.0, 1e6)).fixture.commit();
    let gap = state(&at(&bare, "2021-01-27")).outcome.unwrap_err();
    assert_eq!(gap.reason, GapReason::NoShortInterest);
    assert_eq!(gap.subject, Subject::number_of("", "market_state"));
    let world = world();
    let none = Roles::standard().with(Role::BroadMarket, vec!["NONE".to_owned()]);
    let gap = PreparedState::of(&at(&world, "2021-01-27"), &none, None).outcome.unwrap_err();
    assert_eq!(gap.reason, GapReason::InputMissing);
    let gap = state(&at(&world, "2020-07-28")).outcome.unwrap_err();
    assert_eq!(gap.reason, GapReason::ShortHistory);
}
