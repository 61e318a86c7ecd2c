//! Replays: the formula, its splits, the ladder of stand-ins, and the windows that there are.

use crate::view::{View, near};
use factors::roles::Role;
use marketdata::day::Day;
use risk::{
    fixture::{World, world_with},
    name::NameRow,
};
use stats::rank::median;
use std::sync::LazyLock;
use stress::{
    partition::Partition,
    replay::{ReplayReport, replay},
    reprice::reprice,
};

const DAYS: usize = 300;
const YOUNG: usize = 60;

/// One name is listed 30 sessions before the end.
static WORLD: LazyLock<(World, View)> = LazyLock::new(|| {
    let world = world_with(120, DAYS, 21, |names| names[YOUNG].listed_from = DAYS - 30);
    let view = View::of(&world.snapshot());
    (world, view)
});

fn run(view: &View, lines: &[(&str, f64)], window: (Day, Day)) -> Option<ReplayReport> {
    replay(&view.model, &view.roles, &view.book(lines), &[], window)
}

/// Returns of a name on some sessions, from the parameters of the market.
fn truth(world: &World, name: usize, sessions: std::ops::Range<usize>) -> Vec<f64> {
    world.returns(name, 21)[sessions].to_vec()
}

#[test]
fn one_day_is_the_sum_of_values_times_returns() {
    let (world, view) = &*WORLD;
    let day = world.days[DAYS - 40];
    let lines: Vec<(&str, f64)> = (0..50)
        .map(|at| (world.names[at].symbol.as_str(), if at % 3 == 0 { -1e6 } else { 2e6 }))
        .collect();
    let report = run(view, &lines, (day, day)).unwrap();
    let mut expected = 0.0;
    for (at, (_, value)) in lines.iter().enumerate() {
        expected += value * truth(world, at, DAYS - 40..DAYS - 39)[0];
    }
    // Closes are products of returns: 1e-16 a session, on a gross of 83 million.
    near(report.pnl, expected, 1e-4);
    near(report.low, report.pnl, 0.0);
    near(report.high, report.pnl, 0.0);
    assert!(report.coverage.own >= 1.0 - 1e-12 && report.coverage.missing.abs() < 1e-12);
    near(report.market + report.size + report.residual, report.pnl, 1e-6);
    // As exposure repeats the day: from the panel, in single precision.
    let book = view.book(&lines);
    let session = view.model.sessions.days().binary_search(&day).unwrap();
    let of_panel = |holding: &portfolio::book::Holding| {
        let row = view.model.anchored(holding.instrument).row;
        holding.market_value * view.model.panel.own(row, session).unwrap()
    };
    let repeated: f64 = book.holdings.iter().map(of_panel).sum();
    near(report.pnl, repeated, 1e-6 * book.gross);
    near(reprice(&view.model, &book).pnl[session], repeated, 1e-6 * book.gross);
}

/// Constant shares over ten sessions: V·(Π(1 + r) − 1).
#[test]
fn a_window_compounds_and_its_parts_add_up() {
    let (world, view) = &*WORLD;
    let sessions = DAYS - 25..DAYS - 15;
    let window = (world.days[sessions.start], world.days[sessions.end - 1]);
    let lines = [("AAPL", 5e6), ("MSFT", 3e6), ("N0100", -4e6), ("N0110", -2e6)];
    let book = view.book(&lines);
    let parts = Partition {
        partition_id: "megacap_small_cap".to_owned(),
        part_ids: ["long", "short", "other"].map(str::to_owned).to_vec(),
        part_of: book.holdings.iter().map(|h| usize::from(h.market_value < 0.0)).collect(),
    };
    let report = replay(&view.model, &view.roles, &book, &[parts], window).unwrap();
    let made = |name: usize, value: f64| {
        let grown = truth(world, name, sessions.clone()).iter().fold(1.0, |g, r| g * (1.0 + r));
        value * (grown - 1.0)
    };
    let (long, short) = (made(0, 5e6) + made(1, 3e6), made(100, -4e6) + made(110, -2e6));
    near(report.partitions[0][0], long, 1e-4);
    near(report.partitions[0][1], short, 1e-4);
    near(report.partitions[0][2], 0.0, 0.0);
    near(report.pnl, long + short, 1e-4);
    near(report.by_session.iter().sum(), report.pnl, 1e-6);
    near(report.positions.iter().map(|p| p.pnl).sum(), report.pnl, 1e-6);
    assert_eq!(report.days, world.days[sessions]);
    let mut sum = 0.0;
    let lowest = report.by_session.iter().fold(0.0_f64, |lowest, made| {
        sum += made;
        lowest.min(sum)
    });
    near(report.worst.0, lowest, 1e-9);
}

/// √(Σ(r − β·MARKET − δ·SIZE)²/n) over the sessions with a return, of names with a fit.
fn deviation(view: &View, name: &NameRow) -> Option<f64> {
    let known = view.model.peers.deviations.get(name.row as usize)?;
    let [market, size] = [&view.model.drivers.market, &view.model.drivers.size]
        .map(|driver| &driver.as_ref().unwrap().returns);
    let panel = &view.model.panel;
    let sessions = (0..panel.width).filter_map(|at| Some((at, panel.own(name.row, at)?)));
    let square =
        |(at, r): (usize, f64)| (r - name.market * market[at] - name.size * size[at]).powi(2);
    let squares: Vec<f64> = sessions.map(square).filter(|square| square.is_finite()).collect();
    let mean = squares.iter().sum::<f64>() / squares.len() as f64;
    (0.0 < *known).then(|| mean.sqrt())
}

/// β·MARKET + δ·SIZE of the day, as the repeat of an exposure report has it, and nine days of ten
/// within 1.645 of a residual deviation.
#[test]
fn a_name_without_history_moves_by_its_betas_with_an_interval() {
    let (world, view) = &*WORLD;
    let young = world.names[YOUNG].symbol.as_str();
    let at = DAYS - 100;
    let day = world.days[at];
    let report = run(view, &[(young, 1e6), ("AAPL", 3e6)], (day, day)).unwrap();
    let name = view.model.name(view.id(young));
    let session = view.model.sessions.days().binary_search(&day).unwrap();
    let [market, size] = [&view.model.drivers.market, &view.model.drivers.size]
        .map(|driver| driver.as_ref().unwrap().returns[session]);
    let aapl = 3e6 * truth(world, 0, at..at + 1)[0];
    let mapped = 1e6 * (name.market * market + name.size * size);
    near(report.pnl, aapl + mapped, 1e-3);
    near(report.coverage.factor_map, 0.25, 1e-12);
    near(report.coverage.own, 0.75, 1e-12);
    // 30 sessions are too few for a deviation of its own: the median of all.
    let companies = view.model.peers.names.iter().filter(|name| !name.is_fund);
    let known: Vec<f64> = companies.filter_map(|name| deviation(view, name)).collect();
    let reach = 1.644_853_626_951_472_2 * 1e6 * median(&known).unwrap();
    // Its SIZE is that of the month before, net of a slightly other slope on MARKET.
    near(report.high - report.pnl, reach, 1e-3 * reach);
    near(report.pnl - report.low, report.high - report.pnl, 1e-6);
    let book = view.book(&[(young, 1e6), ("AAPL", 3e6)]);
    let repriced = reprice(&view.model, &book);
    near(repriced.pnl[session], report.pnl, 1.0);
    near(repriced.proxied[session], 0.25, 1e-12);
}

/// Without a market there are no betas; the young name moves as the mean of its peers.
#[test]
fn without_betas_peers_stand_in() {
    let (world, _) = &*WORLD;
    let roles = World::roles().with(Role::LargeCapIndex, vec!["ABSENT".to_owned()]);
    let view = View::with(&world.snapshot(), roles);
    let young = world.names[YOUNG].symbol.as_str();
    let at = DAYS - 100;
    let report = run(&view, &[(young, 1e6)], (world.days[at], world.days[at])).unwrap();
    let own = view.model.anchored(view.id(young));
    let like = |name: &usize| {
        let other = view.model.anchored(view.id(&world.names[*name].symbol));
        *name != YOUNG && (other.bucket, other.sector) == (own.bucket, own.sector)
    };
    let narrow: Vec<usize> = (0..120).filter(like).collect();
    let in_bucket = |name: &usize| {
        let other = view.model.anchored(view.id(&world.names[*name].symbol));
        *name != YOUNG && other.bucket == own.bucket
    };
    let peers = if 10 <= narrow.len() { narrow } else { (0..120).filter(in_bucket).collect() };
    assert!(10 <= peers.len());
    let mean = peers.iter().map(|name| truth(world, *name, at..at + 1)[0]).sum::<f64>()
        / peers.len() as f64;
    near(report.pnl, 1e6 * mean, 1e-3);
    near(report.coverage.peers, 1.0, 1e-12);
}

/// A line without an instrument is missing, not unmoved in silence.
#[test]
fn what_cannot_be_replayed_is_missing() {
    let (world, view) = &*WORLD;
    let day = world.days[DAYS - 40];
    let report = run(view, &[("AAPL", 3e6), ("NOBODY", 1e6)], (day, day)).unwrap();
    near(report.coverage.missing, 0.25, 1e-12);
}

#[test]
fn a_window_must_be_over_and_have_a_close_before_it() {
    let (world, view) = &*WORLD;
    let last = world.days[DAYS - 1];
    let lines = [("AAPL", 1e6)];
    assert!(run(view, &lines, (last, last)).is_some());
    assert!(run(view, &lines, (last, last.plus(7))).is_none());
    assert!(run(view, &lines, (last.plus(1), last.plus(7))).is_none());
    assert!(run(view, &lines, (world.days[0], world.days[5])).is_none());
    assert!(run(view, &lines, (world.days[1], world.days[5])).is_some());
    assert!(run(view, &lines, (Day::from_ymd(1987, 10, 19).unwrap(), world.days[5])).is_none());
}

/// Older sessions than the panel's are found by the days of the index.
#[test]
fn windows_before_the_panel_are_read_from_prices() {
    let world = world_with(20, 1_200, 21, |_| {});
    let view = View::of(&world.snapshot());
    assert!(world.days[60] < view.model.sessions.with_start()[0]);
    let report = run(&view, &[("AAPL", 1e6)], (world.days[50], world.days[54])).unwrap();
    let grown = truth(&world, 0, 50..55).iter().fold(1.0, |grown, r| grown * (1.0 + r));
    near(report.pnl, 1e6 * (grown - 1.0), 1e-4);
}
