//! The short side of a book by hand: exits, marks, totals, and every line accounted for.

use crate::world::{SETTLED, TODAY, World, book, line, near};
use marketdata::{
    fixture::day,
    gap::{GapReason, Subject},
};
use portfolio::lines::{RawLine, Size};
use squeeze::{assess::Mark, measure::Component, universe::Universe};

/// S trades 800,000 per day at 10 and closed at 8 on the settlement; T trades 100,000 at 50.
fn universe() -> Universe {
    let mut world = World::new();
    world.bars("S", |back| (if back < 17 { 10.0 } else { 8.0 }, 8e5));
    world.settle("S", SETTLED, [1.6e6, 8e6, 10e6]);
    world.bars("T", |_| (50.0, 1e5)).settle("T", SETTLED, [1e6, 8e6, 10e6]);
    world.bars("NOSI", |_| (20.0, 1e5)).bars("LONG", |_| (100.0, 1e5));
    world.bars("GONE", |_| (20.0, 1e5)).settle("GONE", "2020-10-15", [1e6, 8e6, 10e6]);
    world.settle("NOPX", SETTLED, [1e6, 8e6, 10e6]);
    world.universe()
}

#[test]
fn own_exit_and_marks_by_hand() {
    let universe = universe();
    let lines = [line("S", -200_000.0, Some(8.0)), line("T", -3_000.0, None)];
    let report = book(&universe, &lines);
    let [s, t] = &report.lines[..] else { panic!("two short lines") };
    // 200,000 at 15 % of 800,000 per day: 1.667 days (methodology.md D1); 3,000 of 15,000: 0.2.
    near(s.exit.normal.unwrap(), 5.0 / 3.0);
    near(t.exit.recent.unwrap(), 0.2);
    near(s.market_value, -2e6);
    near(s.shares.unwrap(), -200_000.0);
    // Sold at 8, now 10: a loss of a quarter of the cost, 400,000.
    let expected = Mark::AverageCost { return_on_basis: -0.25, profit_and_loss: -400_000.0 };
    assert_eq!(s.mark, Some(expected));
    assert_eq!(t.mark, Some(Mark::SinceSettlement { return_on_basis: 0.0 }));
    near(report.gross_short, 2.15e6);
    near(report.profit_and_loss.unwrap(), -400_000.0);
    near(report.share_scored.unwrap(), 1.0);
    // 150,000 in 0.2 days, 2,000,000 in 5/3: 1.95 m per day at first, then 1.2 m. 25 % is 537,500:
    // 390,000 after 0.2 days, and 147,500 at 1.2 m per day.
    near(report.normal_exit.curve[0].days, 0.2 + 147_500.0 / 1.2e6);
    near(report.recent_exit.days.unwrap(), 5.0 / 3.0);
    assert!(
        report.gaps.iter().all(|gap| matches!(gap.subject, Subject::Dataset(_))),
        "{:?}",
        report.gaps
    );
}

#[test]
fn a_line_has_the_units_of_its_lots_after_a_split_since_the_settlement() {
    let mut world = World::new();
    // Four for one on 2021-01-15, seven sessions before the view's day.
    world.bars("Q", |back| if back <= 7 { (10.0, 1e5) } else { (40.0, 25e3) });
    world.split("Q", ("2021-01-14", "2021-01-15"), 4.0);
    world.settle("Q", SETTLED, [1e6, 8e6, 10e6]);
    let report = book(&world.universe(), &[line("Q", -20e3, Some(9.0)), line("Q", -10e3, None)]);
    let q = &report.lines[0];
    assert_eq!(
        (q.shares, q.lots[0].shares, q.lots[1].shares),
        (Some(-30e3), Some(-20e3), Some(-10e3))
    );
    // 30,000 of 15,000 a day now; the measures of the name stay in units of the settlement.
    near(q.exit.normal.unwrap(), 2.0);
    near(q.exit.recent.unwrap(), 2.0);
    near(q.name.normal_volume().unwrap(), 25e3);
}

#[test]
fn the_volume_of_a_squeeze_does_not_shorten_its_normal_exit() {
    let mut world = World::new();
    // 100,000 shares a day, and 4 m on the last ten sessions. The median of 63 sessions is 100,000;
    // the average of 21 is (11·0.1 + 10·4)/21 m.
    world.bars("Q", |back| (10.0, if back < 10 { 4e6 } else { 1e5 }));
    world.settle("Q", SETTLED, [1e6, 8e6, 10e6]);
    let report = book(&world.universe(), &[line("Q", -150_000.0, None)]);
    near(report.lines[0].exit.normal.unwrap(), 10.0);
    near(report.lines[0].exit.recent.unwrap(), 21.0 / 41.1);
    near(report.normal_exit.curve[1].days, 5.0);
}

#[test]
fn every_line_is_assessed_or_a_gap_with_its_share() {
    let universe = universe();
    let value = |symbol, value| RawLine::of(symbol, Size::MarketValue(value));
    let lines = [
        line("S", -10_000.0, None),
        line("NOSI", -5_000.0, None),
        line("GONE", -5_000.0, None),
        value("NOPX", -100_000.0),
        RawLine { position_id: "nobody", ..value("NOBODY", -100_000.0) },
        line("NOPX", -1.0, None),
        line("LONG", 5_000.0, None),
    ];
    // Gross: 100,000 each, and 500,000 long. The line given in shares has no price, so its
    // instrument has no value.
    let report = book(&universe, &lines);
    near(report.gross_short, 500_000.0);
    assert_eq!(report.long_names, 1);
    let gap = |subject: Subject| {
        let found: Vec<_> = report.gaps.iter().filter(|gap| gap.subject == subject).collect();
        assert!(!found.is_empty(), "{subject:?}");
        (found[0].reason, found[0].gross_share)
    };
    assert_eq!(gap(Subject::symbol("NOSI")), (GapReason::NoShortInterest, Some(0.1)));
    assert_eq!(gap(Subject::symbol("GONE")), (GapReason::Stale, Some(0.1)));
    assert_eq!(gap(Subject::Line("nobody".to_owned())), (GapReason::UnknownInstrument, Some(0.1)));
    assert_eq!(
        gap(Subject::Line("portfolio.positions[3]".to_owned())),
        (GapReason::NoPrice, Some(0.1))
    );
    near(report.share_scored.unwrap(), 0.2);
    near(report.recent_exit.share.unwrap(), 0.6);
    // Of 500,000 short, 300,000 has a price, 200,000 a market value (S and GONE) and 100,000 a score.
    let [priced, sized, scored] = report.coverage[..] else { panic!("{:?}", report.coverage) };
    near(sized.own, 0.4);
    near(sized.missing, 0.6);
    near(priced.own, 0.6);
    near(priced.missing, 0.4);
    near(scored.own, 0.2);
    near(scored.missing, 0.8);
}

#[test]
fn a_short_without_current_short_interest_has_everything_else() {
    let report = book(&universe(), &[line("GONE", -30_000.0, None), line("NOSI", -3_000.0, None)]);
    let [gone, nosi] = &report.lines[..] else { panic!("two short lines") };
    assert_eq!((gone.place, nosi.place), (None, None));
    // 10 m shares at 20. 30,000 shares at 15 % of 100,000 per day take two days.
    near(gone.name.market_cap.unwrap().usd, 200e6);
    near(gone.name.counts.float_on_basis.unwrap(), 8e6);
    near(gone.exit.normal.unwrap(), 2.0);
    near(nosi.exit.recent.unwrap(), 0.2);
    for (line, reason) in [(gone, GapReason::Stale), (nosi, GapReason::NoShortInterest)] {
        let name = &line.name;
        assert_eq!(name.units_on, day(TODAY));
        near(name.average_volume().unwrap(), 1e5);
        near(name.normal_volume().unwrap(), 1e5);
        near(name.average_value_usd().unwrap(), 2e6);
        near(name.measure(Component::Return20).unwrap(), 0.0);
        near(name.measure(Component::VolumeRatio).unwrap(), 1.0);
        assert_eq!(
            (name.measure(Component::ShortOfFloat), name.days_to_cover_at_recent_volume()),
            (Err(reason), Err(reason))
        );
        let gap = |number: &'static str| {
            let subject = Subject::number_of(&line.symbol, number);
            let found: Vec<_> = line.gaps.iter().filter(|gap| gap.subject == subject).collect();
            assert_eq!(found.len(), 1, "{number}: {:?}", line.gaps);
            (found[0].reason, found[0].detail.contains("close"))
        };
        for number in
            ["short_of_float", "days_to_cover_at_recent_volume", "return_since_settlement"]
        {
            assert_eq!(gap(number), (reason, false), "short interest is missing, not a price");
        }
    }
    assert_eq!(nosi.name.market_cap.err(), Some(GapReason::NoSharesOutstanding));
}

#[test]
fn lines_of_one_instrument_are_netted_before_long_and_short_part() {
    let universe = universe();
    let lines = [line("S", -300.0, None), line("s", 100.0, None), line("T", -1.0, None)];
    let report = book(&universe, &lines);
    assert_eq!(report.lines.len(), 2);
    near(report.lines[0].market_value, -2_000.0);
    let longs = book(&universe, &[line("S", 100.0, None)]);
    assert_eq!((longs.lines.len(), longs.long_names), (0, 1));
    assert_eq!((longs.share_scored, longs.mean_score, longs.normal_exit.days), (None, None, None));
    assert!(longs.normal_exit.curve.is_empty());
}

#[test]
fn the_order_of_lines_changes_nothing() {
    let universe = universe();
    let lines = [line("S", -7.0, Some(9.0)), line("T", -3.0, None), line("NOSI", -5.0, None)];
    let mut turned = lines;
    turned.reverse();
    let mut turned = book(&universe, &turned);
    for lot in turned.lines.iter_mut().flat_map(|line| &mut line.lots) {
        lot.line = lines.len() - 1 - lot.line;
    }
    assert_eq!(book(&universe, &lines), turned);
}

/// Two lots of S, sold at 8 and at an unknown price: only the first has a P&L.
#[test]
fn a_lot_without_a_cost_is_a_gap_and_not_in_the_profit() {
    let universe = universe();
    let unknown = RawLine { position_id: "second", ..line("S", -300_000.0, None) };
    let report = book(&universe, &[line("S", -100_000.0, Some(8.0)), unknown]);
    let short = &report.lines[0];
    // 100,000 sold at 8, now 10.
    let expected = Mark::AverageCost { return_on_basis: -0.25, profit_and_loss: -200_000.0 };
    assert_eq!(short.mark, Some(expected));
    near(short.market_value, -4e6);
    let made: Vec<_> = short.lots.iter().map(|lot| lot.profit_and_loss).collect();
    assert_eq!(made, [Some(-200_000.0), None]);
    let second = Subject::Line("second".to_owned());
    let gaps: Vec<_> = short.gaps.iter().filter(|gap| gap.subject == second).collect();
    assert!(matches!(gaps[..], [gap] if gap.reason == GapReason::InputMissing), "{gaps:?}");
}

/// A name whose close goes up and down by a hundredth, so that its volatility is known: daily returns
/// of +1 % and −1/101, half of each. Their mean is (0.01 − 1/101)/2 and their deviation from it
/// (0.01 + 1/101)/2, times √(60/59) for n − 1.
fn swinging(symbol: &str, short: f64, volume: f64) -> World {
    let mut world = World::new();
    add_swinging(&mut world, symbol, short, volume);
    world
}

fn add_swinging(world: &mut World, symbol: &str, short: f64, volume: f64) {
    world.bars(symbol, |back| (if back % 2 == 0 { 10.1 } else { 10.0 }, volume));
    world.settle(symbol, SETTLED, [short, 8e6, 10e6]);
}

fn sigma() -> f64 {
    0.5 * (0.01 + 1.0 / 101.0) * (60f64 / 59.0).sqrt()
}

#[test]
fn the_cost_of_covering_by_hand() {
    // 400,000 shares of 100,000 a day: four days of volume, 26.7 days at 15 %.
    let universe = swinging("S", 1e6, 1e5).universe();
    let report = book(&universe, &[line("S", -400_000.0, None)]);
    let cost = report.lines[0].covering.unwrap();
    near(cost.days_of_volume, 4.0);
    near(cost.days, 4.0 / 0.15);
    near(cost.square_root.peak, sigma() * 2.0);
    near(cost.square_root.mean, sigma() * 4.0 / 3.0);
    assert!(cost.square_root.extrapolated);
    // 0.314·σ·4·(10 m / 100,000)^¼, and half of it + 0.142·σ·0.15^0.6.
    let almgren = cost.almgren.unwrap();
    near(almgren.permanent, 0.314 * sigma() * 4.0 * 100f64.powf(0.25));
    near(almgren.mean, 0.5 * almgren.permanent + 0.142 * sigma() * 0.15f64.powf(0.6));
    let [by_root, by_almgren] = report.covering.map(Option::unwrap);
    near(by_root.cost, 400_000.0 * 10.1 * cost.square_root.mean);
    near(by_almgren.cost, 400_000.0 * 10.1 * almgren.mean);
    near(by_root.share, 1.0);
}

#[test]
fn squeezes_without_probabilities_by_hand() {
    let mut world = swinging("CALM", 1e5, 1e6);
    // 12.5 % of the float.
    add_swinging(&mut world, "CROWD", 1e6, 1e6);
    let universe = world.universe();
    let lines = [line("CALM", -20_000.0, None), line("CROWD", -10_000.0, None)];
    let report = book(&universe, &lines);
    // 3σ√5 is 6.8 %, so both jump by 15 %.
    near(report.lines[0].squeeze_pnl.unwrap(), -0.15 * 202_000.0);
    let found: Vec<(&[usize], f64)> =
        report.scenarios.iter().map(|s| (&s.lines[..], s.pnl)).collect();
    let [one, two, crowd] = found[..] else { panic!("{found:?}") };
    assert_eq!((one.0, two.0, crowd.0), (&[0][..], &[0, 1][..], &[1][..]));
    near(one.1, -0.15 * 202_000.0);
    near(two.1, -0.15 * 303_000.0);
    near(crowd.1, -0.15 * 101_000.0);
}

#[test]
fn what_the_shorts_of_the_market_made_by_hand() {
    let mut world = World::new();
    // Closes of 8 up to the settlement, then 10, and 12 on the last session.
    let close = |back| match back {
        0 => 12.0,
        1..17 => 10.0,
        _ => 8.0,
    };
    world.bars("S", |back| (close(back), 1e5)).settle("S", SETTLED, [1e6, 8e6, 10e6]);
    world.bars("T", |_| (50.0, 1e5)).settle("T", SETTLED, [1e6, 8e6, 10e6]);
    let universe = world.universe();
    let s = crate::world::name(&universe, "S");
    near(s.shorts_gain_last_session_usd().unwrap(), -2e6);
    near(s.shorts_gain_since_settlement_usd().unwrap(), -4e6);
    let all = universe.summary().shorts_gain_since_settlement.unwrap();
    assert_eq!(all.name_count, 2);
    near(all.gain_usd, -4e6);
    // Today S moved against a million shares by 2 dollars and T by nothing.
    let all = universe.summary().shorts_gain_last_session.unwrap();
    assert_eq!(all.name_count, 2);
    near(all.gain_usd, -2e6);
}
