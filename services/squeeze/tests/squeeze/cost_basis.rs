//! The cost basis of the market's shorts, by hand and by its laws.

use crate::world::{SETTLED, SETTLED_BEFORE, World, name, near, sessions};
use marketdata::{basis::Units, fixture::day, gap::GapReason};

/// Closes of 10 up to the first settlement and of 12 after it: eleven sessions to the second one and
/// 17 from there on.
fn world(later_short: f64) -> World {
    let mut world = World::new();
    let days = sessions(100);
    let close = move |back: usize| if days[99 - back] <= day(SETTLED_BEFORE) { 10.0 } else { 12.0 };
    world.bars("S", move |back| (close(back), 1_000.0));
    world.settle("S", SETTLED_BEFORE, [1e6, 1e7, 1.2e7]);
    world.settle("S", SETTLED, [later_short, 1e7, 1.2e7]);
    world
}

/// Each session takes a sixtieth off the distance of 2 to the close, and half a million shares at 12
/// beside a million take a third of what is left.
#[test]
fn a_basis_by_hand() {
    let universe = world(1.5e6).universe();
    let s = name(&universe, "S");
    let distance = 2.0 * (59.0f64 / 60.0).powi(28) * (1.0 / 1.5);
    let units = Units::of(universe.snapshot(), s.instrument);
    near(s.short_cost_basis(&units).unwrap(), 12.0 - distance);
    near(s.loss_on_cost_basis().unwrap(), 12.0 / (12.0 - distance) - 1.0);
    near(s.shorts_gain_since_cost_basis_usd().unwrap(), -1.5e6 * distance);
    let all = universe.summary().shorts_gain_since_cost_basis.unwrap();
    near(all.gain_usd, -1.5e6 * distance);
    assert_eq!(all.name_count, 1);
}

/// Shares bought back leave the basis of the rest as it is.
#[test]
fn buying_back_leaves_the_basis() {
    let universe = world(0.5e6).universe();
    let s = name(&universe, "S");
    let distance = 2.0 * (59.0f64 / 60.0).powi(28);
    near(s.shorts_gain_since_cost_basis_usd().unwrap(), -0.5e6 * distance);
    // Nobody is short any more: there is no basis.
    let universe = world(0.0).universe();
    assert_eq!(name(&universe, "S").loss_on_cost_basis(), Err(GapReason::Degenerate));
}

/// The first average is weighted by volume: 9 with three times the volume of 13 is 10.
#[test]
fn closes_are_weighted_by_volume() {
    let mut world = World::new();
    world.bars("S", |back| if back % 2 == 0 { (9.0, 3_000.0) } else { (13.0, 1_000.0) });
    world.settle("S", SETTLED, [1e6, 1e7, 1.2e7]);
    let universe = world.universe();
    let s = name(&universe, "S");
    // From the settlement 17 sessions are left, the last of them at 9, the first, too.
    let turned_over = (0..17)
        .fold(10.0, |basis: f64, at| basis + (if at % 2 == 0 { 9.0 } else { 13.0 } - basis) / 60.0);
    near(s.traded.as_ref().unwrap().cost_basis.unwrap(), turned_over);
}

/// A split of two for one halves the basis in new shares and changes neither loss nor gain.
#[test]
fn a_split_changes_no_dollar() {
    let whole = world(1.5e6).universe();
    let mut split = World::new();
    let days = sessions(100);
    let close = move |back: usize| match days[99 - back] {
        early if early <= day(SETTLED_BEFORE) => (10.0, 1_000.0),
        before if before < day("2021-01-20") => (12.0, 1_000.0),
        _ => (6.0, 2_000.0),
    };
    split.bars("S", close).split("S", ("2021-01-19", "2021-01-20"), 2.0);
    split.settle("S", SETTLED_BEFORE, [1e6, 1e7, 1.2e7]).settle("S", SETTLED, [1.5e6, 1e7, 1.2e7]);
    let split = split.universe();
    let [one, other] = [&whole, &split].map(|universe| name(universe, "S"));
    near(one.loss_on_cost_basis().unwrap(), other.loss_on_cost_basis().unwrap());
    let gain = |s: &squeeze::name::SqueezeName| s.shorts_gain_since_cost_basis_usd().unwrap();
    near(gain(one), gain(other));
    near(
        other.traded.as_ref().unwrap().cost_basis.unwrap(),
        0.5 * one.traded.as_ref().unwrap().cost_basis.unwrap(),
    );
    // In the units of the settlement it is what it was.
    let basis = |universe: &squeeze::universe::Universe| {
        let s = name(universe, "S");
        s.short_cost_basis(&Units::of(universe.snapshot(), s.instrument)).unwrap()
    };
    near(basis(&whole), basis(&split));
}

/// A settlement from before the first price, and one with eight sessions up to it, change nothing: the
/// basis begins at the first settlement with 42.
#[test]
fn short_interest_older_than_prices_changes_nothing() {
    let basis = |world: &mut World| {
        let universe = world.universe();
        name(&universe, "S").loss_on_cost_basis()
    };
    let alone = basis(&mut world(1.5e6));
    assert!(alone.is_ok());
    for older in [&["2020-08-31"][..], &["2020-09-15"], &["2020-08-31", "2020-09-15"]] {
        let mut world = world(1.5e6);
        assert!(sessions(100)[0] < day("2020-09-15") && day("2020-08-31") < sessions(100)[0]);
        for settled in older {
            world.settle("S", settled, [7e5, 1e7, 1.2e7]);
        }
        assert_eq!(basis(&mut world), alone, "{older:?}");
    }
}

/// Without 42 sessions up to any settlement there is no first price, and a gap says so.
#[test]
fn too_few_sessions_are_a_gap() {
    let mut world = World::new();
    world.bars_on("S", marketdata::basis::PriceBasis::Raw, 50, |_| (10.0, 1_000.0));
    world.settle("S", SETTLED, [1e6, 1e7, 1.2e7]);
    let universe = world.universe();
    let s = name(&universe, "S");
    assert_eq!(s.loss_on_cost_basis(), Err(GapReason::ShortHistory));
    let gaps = s.gaps("S");
    let about = marketdata::gap::Subject::number_of("S", "short_cost_basis");
    assert!(gaps.iter().any(|gap| gap.subject == about), "{gaps:?}");
    assert_eq!(universe.summary().shorts_gain_since_cost_basis, None);
}
