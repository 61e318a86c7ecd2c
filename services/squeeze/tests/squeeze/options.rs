//! Options of a short book: valued anew where their name jumps.
//!
//! S stands at 12 and does not move, so that a squeeze is a rise of 15 % to 13.8.
//! `tests/oracles/option.py` has the values per share of the options here, by integration: the call to
//! 12.5 in 140 days is worth 0.801454 at 12 and 1.855893 at 13.8, with a delta of 0.457586 at 12; the put
//! 1.345303 and 0.613497, with a delta of −0.534772.

use crate::world::{SETTLED, TODAY, World, book, book_behind, line, near};
use factors::look_through::FundView;
use marketdata::{
    fixture::day,
    gap::{GapReason, Subject},
};
use portfolio::{
    book::Book,
    convexity::Convexity,
    derivative::{Kind, RawModel, RawOption, RawSensitivity},
    lines::{RawLine, Size, Terms},
    lookup::Lookup,
    option::Right,
};
use proptest::prelude::*;
use squeeze::{
    assess::ShortBook,
    joint::{
        JointLoss, JointModel, NoModel, Short, Simulation,
        copula::Copula,
        jump::{Excess, Jump},
    },
    scenario::ScenarioKind,
    universe::Universe,
};
use std::sync::{
    LazyLock,
    atomic::{AtomicUsize, Ordering},
};

const PUT: [f64; 3] = [1.345_303, 0.613_497, -0.534_772];
const CALL: [f64; 3] = [0.801_454, 1.855_893, 0.457_586];

/// Tolerance of the oracle's last digit times the shares.
#[track_caller]
fn about(value: f64, expected: f64, shares: f64) {
    assert!((value - expected).abs() <= 3e-6 * shares, "{value} is not {expected}");
}

fn universe() -> Universe {
    let mut world = World::new();
    for symbol in ["S", "T", "FUND"] {
        world.bars(symbol, |_| (12.0, 8e5)).settle(symbol, SETTLED, [1.6e6, 8e6, 10e6]);
    }
    world.hold("FUND", &[("S", 0.25), ("T", 0.75)]);
    world.universe()
}

static UNIVERSE: LazyLock<Universe> = LazyLock::new(universe);

fn with<'a>(symbol: &'a str, shares: f64, sensitivity: RawSensitivity<'a>) -> RawLine<'a> {
    let option = RawOption { multiplier: Some(1.0), sensitivity: Some(sensitivity) };
    RawLine { kind: Kind::Option(option), ..RawLine::of(symbol, Size::Shares(shares)) }
}

/// Shares under contract of the options of the module.
fn option(symbol: &str, shares: f64, right: Right) -> RawLine<'_> {
    let model = RawModel {
        right: Some(right),
        strike: Some(12.5),
        expires_on: "2021-06-16",
        volatility: Some(0.35),
        rate: Some(0.01),
        dividend_yield: Some(0.02),
    };
    with(symbol, shares, RawSensitivity::Model(model))
}

/// The lines of options that an answer takes by their delta.
fn by_delta(book: &ShortBook) -> Vec<&Subject> {
    let gaps = book.gaps.iter().filter(|gap| gap.reason == GapReason::FirstOrder);
    gaps.map(|gap| &gap.subject).collect()
}

#[test]
fn a_bought_put_loses_what_it_is_worth_less() {
    let report = book(&UNIVERSE, &[option("S", 1_000.0, Right::Put)]);
    let [s] = &report.lines[..] else { panic!("one short") };
    about(s.market_value, 1_000.0 * PUT[2] * 12.0, 12e3);
    let lost = s.squeeze_pnl.unwrap();
    about(lost, 1_000.0 * (PUT[1] - PUT[0]), 1e3);
    // By its delta it would lose 963 and on a larger jump more than it is worth; here it loses 732.
    assert!(s.market_value * 0.15 < lost);
    assert!(by_delta(&report).is_empty());
    near(report.scenarios[0].pnl, lost);
}

#[test]
fn a_written_call_loses_more_than_its_delta() {
    let report = book(&UNIVERSE, &[option("S", -1_000.0, Right::Call), line("S", -500.0, None)]);
    let [s] = &report.lines[..] else { panic!("one short") };
    about(s.market_value, (-1_000.0 * CALL[2] - 500.0) * 12.0, 12e3);
    let expected = -1_000.0 * (CALL[1] - CALL[0]) - 500.0 * 1.8;
    about(s.squeeze_pnl.unwrap(), expected, 1e3);
    assert!(s.squeeze_pnl.unwrap() < s.market_value * 0.15);
}

/// Short 1,000 shares against calls on 2,000: a delta of −85 shares, and 309 more at 13.8 than before. A
/// squeeze that gains is none of the costliest.
#[test]
fn bought_calls_may_gain_more_than_the_shares_lose() {
    let lines =
        [line("S", -1_000.0, None), option("S", 2_000.0, Right::Call), line("T", -1.0, None)];
    let report = book(&UNIVERSE, &lines);
    let s = report.lines.iter().find(|line| line.symbol == "S").unwrap();
    about(s.market_value, (2_000.0 * CALL[2] - 1_000.0) * 12.0, 24e3);
    about(s.squeeze_pnl.unwrap(), 2_000.0 * (CALL[1] - CALL[0]) - 1_800.0, 2e3);
    assert!(0.0 < s.squeeze_pnl.unwrap());
    let kinds: Vec<ScenarioKind> = report.scenarios.iter().map(|found| found.kind).collect();
    assert_eq!(kinds, [ScenarioKind::Costliest(1), ScenarioKind::Crowd]);
    near(report.scenarios[0].pnl, -1.8);
}

/// A given delta says nothing of a large move, an option of a name that is long is in no squeeze, and
/// one on a fund that is looked through moves with the fund.
#[test]
fn what_is_left_by_its_delta_is_a_gap() {
    let delta = |shares| with("S", shares, RawSensitivity::Delta(-0.5));
    let report = book(&UNIVERSE, &[delta(1_000.0), option("T", 100.0, Right::Call)]);
    near(report.lines[0].squeeze_pnl.unwrap(), -500.0 * 12.0 * 0.15);
    let [given, long] = by_delta(&report)[..] else { panic!("{:?}", report.gaps) };
    let at = |index: usize| Subject::Line(format!("portfolio.positions[{index}]"));
    assert_eq!((given, long), (&at(0), &at(1)));
    let lines = [option("FUND", 1_000.0, Right::Put), option("T", 1_000.0, Right::Put)];
    for view in [FundView::Netted, FundView::Gross] {
        let report = book_behind(&UNIVERSE, &lines, view);
        assert_eq!(by_delta(&report), [&at(0)]);
        let pnl = |symbol: &str| {
            let line = report.lines.iter().find(|line| line.symbol == symbol).unwrap();
            line.squeeze_pnl.unwrap()
        };
        let of_fund = 1_000.0 * PUT[2] * 12.0 * 0.15;
        about(pnl("S"), 0.25 * of_fund, 12e3);
        about(pnl("T"), 0.75 * of_fund + 1_000.0 * (PUT[1] - PUT[0]), 12e3);
    }
}

/// One name that is often squeezed.
fn often(lines: &[RawLine<'_>]) -> Short {
    let report = book(&UNIVERSE, lines);
    let [held] = &report.lines[..] else { panic!("one short") };
    Short {
        symbol: held.symbol.clone(),
        value: -held.market_value,
        options: held.options.clone(),
        left: vec![0.5],
        crowd_value: 0.0,
        probability: 0.3,
        jump: Jump { threshold: 0.15, daily_volatility: 0.02, days_to_cover: 2.0 },
    }
}

/// Two thousand pairs of paths.
const fn pairs(copula: Copula, cap: f64) -> Simulation {
    let excess = Excess { scale: 0.2, shape: 0.25 };
    Simulation { copula, correlation: 0.3, excess, cap, pairs: 2_000, seed: 1 }
}

fn simulated(lines: &[RawLine<'_>], cap: f64) -> (JointModel, JointLoss) {
    let (short, simulation) = (often(lines), pairs(Copula::Gaussian, cap));
    let model = JointModel::new(vec![short], None, simulation, &|| false).unwrap();
    let loss = model.simulate(&[0.9, 0.99], &|| false).unwrap();
    (model, loss)
}

/// The caller is asked before each of the 1,025 values of a table, on any thread. The table serves all
/// copulas: a model made of that of another one says what one of its own says.
#[test]
fn tables_end_with_the_caller_and_serve_all_copulas() {
    let put = [option("S", 1_000.0, Right::Put)];
    let asked = AtomicUsize::new(0);
    let leaves = || 100 <= asked.fetch_add(1, Ordering::Relaxed);
    let model = |copula, has_gone: &(dyn Fn() -> bool + Sync)| {
        JointModel::new(vec![often(&put)], None, pairs(copula, 10.0), has_gone)
    };
    assert_eq!(model(Copula::Gaussian, &leaves).err(), Some(NoModel::Gone));
    assert!(asked.load(Ordering::Relaxed) < 1_025);
    let waits = || false;
    let shared = model(Copula::Gaussian, &waits).unwrap().with_copula(Copula::StudentT4).unwrap();
    let own = model(Copula::StudentT4, &waits).unwrap();
    assert_eq!(shared.simulate(&[0.9], &waits), own.simulate(&[0.9], &waits));
}

/// No path loses more than the put is worth; by its delta the worst of a hundred would lose a multiple.
/// What is left of it loses its share, and contributions add up.
#[test]
fn no_path_loses_more_than_a_bought_put_is_worth() {
    let (_, loss) = simulated(&[option("S", 1_000.0, Right::Put)], 10.0);
    let worst = loss.whole.tails[1].expected_shortfall.value;
    let worth = 1_000.0 * PUT[0];
    assert!(0.9 * worth < worst && worst <= worth + 1e-3, "{worst} of {worth}");
    for (tail, parts) in loss.whole.tails.iter().zip(&loss.contributions) {
        near(parts.shorts[0].value, tail.expected_shortfall.value);
    }
    near(loss.left[0].mean.value, 0.5 * loss.whole.mean.value);
}

/// With a cap at the threshold every squeeze is a jump of 15 %.
#[test]
fn a_simulated_loss_is_that_of_the_option() {
    let shares = [line("S", -500.0, None), option("S", -1_000.0, Right::Call)];
    let (_, loss) = simulated(&shares, 0.15);
    let expected = 1_000.0 * (CALL[1] - CALL[0]) + 500.0 * 1.8;
    about(loss.whole.tails[1].value_at_risk.value, expected, 1e3);
}

fn convexity(lines: &[RawLine<'_>]) -> (Convexity, f64) {
    let snapshot = UNIVERSE.snapshot();
    let (lookup, quotes) = (Lookup::of(snapshot), marketdata::quotes::Quotes::of(snapshot));
    let book = Book::join(lines.iter().copied(), &Terms::NONE, &lookup, &quotes).unwrap();
    let held = &book.holdings[0];
    (Convexity::of(&book, book.lots(held)), held.market_value)
}

proptest! {
    /// What is bought gains more than its delta on every move, and loses at most its value; what is
    /// written is the opposite.
    #[test]
    fn bought_options_are_convex(jump in 0.0_f64..20.0, is_put in any::<bool>()) {
        let (right, value) = if is_put { (Right::Put, PUT[0]) } else { (Right::Call, CALL[0]) };
        let (bought, exposure) = convexity(&[option("S", 1e3, right)]);
        prop_assert!(-1e-9 <= bought.beyond_delta(jump));
        prop_assert!(-1e3 * value - 2e-3 <= exposure * jump + bought.beyond_delta(jump));
        let (written, _) = convexity(&[option("S", -1e3, right)]);
        prop_assert!((written.beyond_delta(jump) + bought.beyond_delta(jump)).abs() < 1e-9);
    }
}

/// The last session of the options is after the day of the tests.
#[test]
fn the_options_have_140_days() {
    assert_eq!(day("2021-06-16").epoch() - day(TODAY).epoch(), 140);
}
