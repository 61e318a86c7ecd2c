//! What trades do, by hand.

use crate::{
    desks::{FUNDS, TERMS, at_rates_of_now, desk_of, plan, reports, terms, wish},
    view::{View, near},
};
use hedge::constraint::ExclusionRule;
use hedge::{
    clock::SessionMinute,
    consequences::{Consequences, consequences},
    cover::{BuyingBack, cover_order},
    desk::{Desk, DeskLine},
    scheme::Scheme,
    terms::Mark,
    wish::{Excluded, Limit, Meaning, SqueezeBudget, Wish},
    working::schedules,
};
use marketdata::gap::GapReason;
use portfolio::{
    book::Book,
    lines::{RawLine, Size, Terms},
};
use risk::fixture::{World, world, world_with};
use stats::moments::{Ddof, standard_deviation};

fn small_world() -> World {
    world(120, 420, 47)
}

/// Long 4m of AAPL, short 1m of N0100; the trades: sell 1m of AAPL, buy 0.4m of N0100, sell short
/// 2m of the small-cap index.
fn done(view: &View, participation: f64) -> (Consequences, Vec<f64>) {
    let book = view.book(&[("AAPL", 4e6), ("N0100", -1e6)]);
    let factors = view.factors();
    let desk = desk_of(&factors, &book, &terms(view, &["^RUT"]));
    let free = Wish { squeeze: SqueezeBudget::Off, ..wish(1e-6) };
    let problem = desk.problem(Scheme::Both, &free).unwrap();
    let found = consequences(&desk, &problem, &[-1e6, 0.4e6, -2e6], Some(participation));
    let betas = desk.lines().iter().map(|line| line.trade_beta).collect();
    (found, betas)
}

#[test]
fn carry_margin_and_locates_by_hand() {
    let world = small_world();
    let view = View::of(&world.snapshot());
    let (found, betas) = done(&view, 0.1);
    // Half of 5m, then of 3 + 0.6 + 2 = 5.6m.
    near(found.margin.before, 2.5e6, 1e-6);
    near(found.margin.after, 2.8e6, 1e-6);
    // (0.05·4m + 0.01·1m)·365/360, then (0.05·3m + 0.01·2.6m)·365/360.
    near(found.carry_per_year.before, 0.21e6 * 365.0 / 360.0, 1e-6);
    near(found.carry_per_year.after, 0.176e6 * 365.0 / 360.0, 1e-6);
    // Only the index is newly short.
    let [locate] = found.locates[..] else { unreachable!("{:?}", found.locates) };
    let price = view.model.quotes().get(view.id("^RUT")).unwrap().price;
    near(locate.money, 2e6, 1e-6);
    near(locate.units, 2e6 / price, 1e-6);
    // A move of the trade is its deviations, and the P&L beta times it.
    let deviation = view.factors().trade.unwrap().standard_deviation;
    let beta = 3e6 * betas[0] - 0.6e6 * betas[1] - 2e6 * betas[2];
    near(found.trade_beta.after, beta, 1e-6);
    let deviations: Vec<f64> = found.moves.iter().map(|m| m.deviations).collect();
    assert_eq!(deviations, [-1.0, -3.0, 1.0, 3.0]);
    near(found.moves[1].after.pnl, -3.0 * deviation * beta, 1e-6);
    for m in &found.moves {
        assert!(m.after.low < m.after.pnl && m.after.pnl < m.after.high, "{m:?}");
    }
}

/// Every name trades about a million shares a day. By noon 42.83 % of the volume has traded.
#[test]
fn the_clock_limits_what_is_done() {
    let world = small_world();
    let view = View::of(&world.snapshot());
    let book = view.book(&[("AAPL", 4e6)]);
    let factors = view.factors();
    let desk = desk_of(&factors, &book, &terms(&view, &[]));
    let volume = desk.lines()[0].volume.unwrap();
    let problem = desk.problem(Scheme::Cut, &Wish { participation: None, ..wish(1e-6) }).unwrap();
    // A participation at which a quarter of the trade is done by noon.
    let share = 1e6 / (volume * SessionMinute::NOON.volume_elapsed());
    let found = consequences(&desk, &problem, &[-4e6], Some(share));
    let [noon, close] = &found.progress[..] else { unreachable!("{:?}", found.progress) };
    assert_eq!((noon.minute, close.minute), (SessionMinute::NOON, SessionMinute::CLOSE));
    near(noon.done, 1e6, 1e-6);
    near(noon.left, 3e6, 1e-6);
    near(noon.open[0].1, -3e6, 1e-6);
    near(close.done, 1e6 / SessionMinute::NOON.volume_elapsed(), 1e-3);
    // The volatility of one position is proportional to it.
    near(noon.volatility, 0.75 * problem_volatility(&desk), 1e-3);
}

fn problem_volatility(desk: &Desk<'_>) -> f64 {
    desk.lines()[0].held.abs() * desk.lines()[0].volatility
}

#[test]
fn a_mark_moves_shares_and_a_value_keeps_itself() {
    let world = small_world();
    let view = View::of(&world.snapshot());
    let factors = view.factors();
    let price = view.model.quotes().get(view.id("AAPL")).unwrap().price;
    let lines =
        [Size::Shares(4e6 / price), Size::MarketValue(1e6)].map(|size| RawLine::of("AAPL", size));
    let book = Book::join(lines, &Terms::NONE, &view.lookup, view.model.quotes()).unwrap();
    let mut marked = terms(&view, &FUNDS);
    marked.marks.push(Mark { instrument: view.id("AAPL"), price: 0.9 * price });
    let desk = desk_of(&factors, &book, &marked);
    // 0.9 × 4m of shares, and the value of 1m.
    near(desk.lines()[0].held, 4.6e6, 1e-6);
    // The indices, whose holdings are unknown, have gaps, too.
    let gap = &desk.gaps()[0];
    assert_eq!(gap.reason, GapReason::InputMissing);
    near(gap.gross_share.unwrap(), 0.2, 1e-12);
    near(desk.lines()[0].unit_value.unwrap(), 0.9 * price, 1e-9);
}

/// Limits by meaning hold in the plan, and an excluded line does not trade.
#[test]
fn limits_and_exclusions_are_kept() {
    let world = small_world();
    let view = View::of(&world.snapshot());
    let book = view.book(&[("AAPL", 4e6), ("MSFT", 2e6), ("N0100", -1e6), ("N0110", -2e6)]);
    let factors = view.factors();
    let desk = desk_of(&factors, &book, &terms(&view, &FUNDS));
    let mut wish = wish(1e-6);
    let fall = |id: &str| (view.id(id), if id == "AAPL" { -0.2 } else { 0.1 });
    let scenario = ["AAPL", "MSFT", "N0100", "N0110", "^GSPC", "^RUT"].map(fall).to_vec();
    let limit =
        |id: &str, meaning, lower, upper| Limit { id: id.to_owned(), meaning, lower, upper };
    wish.limits = vec![
        limit("trade beta", Meaning::TradeBeta, Some(-1e5), Some(1e5)),
        limit("beta", Meaning::MarketBeta, Some(0.0), Some(0.0)),
        limit("fall", at_rates_of_now(&desk, scenario), Some(-3e5), None),
    ];
    let id = "restricted".to_owned();
    wish.excluded = vec![Excluded { id, line: "MSFT".to_owned(), rule: ExclusionRule::NoTrade }];
    wish.participation = None;
    wish.squeeze = SqueezeBudget::Off;
    let reports = reports(&desk, &wish);
    let both = plan(&reports, Scheme::Both);
    let measures = &both.effect.measures;
    assert!(measures[0].after.abs() <= 1e5 + 1.0, "{measures:?}");
    near(measures[1].after, 0.0, 1.0);
    assert!(-3e5 - 1.0 <= measures[2].after, "{measures:?}");
    assert!(both.trades[1].money.abs() < 1.0, "{:?}", both.trades);
    // Positions are only cut.
    let held = [4e6, 2e6, -1e6, -2e6];
    for (trade, held) in both.trades.iter().zip(held) {
        assert!(-1.0 <= trade.position * f64::signum(held), "{trade:?}");
        assert!(trade.position.abs() <= f64::abs(held) + 1.0, "{trade:?}");
    }
}

#[test]
fn shorts_are_covered_one_by_one() {
    let world = small_world();
    let view = View::of(&world.snapshot());
    let book = view.book(&[("AAPL", 4e6), ("N0080", -1e6), ("N0100", -1e6), ("N0110", -2e6)]);
    let factors = view.factors();
    let desk = desk_of(&factors, &book, &terms(&view, &[]));
    // N0100 has no estimate, and the impact of N0110 is ten times that of N0080.
    let taking = |line: &DeskLine| match line.id.as_str() {
        "N0080" => Ok(BuyingBack { impact: 0.001, sessions: 0.3 }),
        "N0110" => Ok(BuyingBack { impact: 0.01, sessions: 0.2 }),
        _ => Err(GapReason::ShortHistory),
    };
    let (known, gaps) = cover_order(&desk, 0.1, taking);
    let ids: Vec<&str> = known.iter().map(|step| desk.lines()[step.line].id.as_str()).collect();
    assert_eq!(ids, ["N0080", "N0110"]);
    // Two basis points and the impact, of 1m and of 2m.
    near(known[0].cost, 1e6 * 0.0012, 1e-6);
    near(known[1].cost, 2e6 * 0.0102, 1e-6);
    // A tenth of the volume: three sessions, and no more for the second, which is worked beside it.
    near(known[0].days, 3.0, 1e-12);
    near(known[1].days, 3.0, 1e-12);
    assert_eq!((gaps.len(), gaps[0].reason), (1, GapReason::ShortHistory));
    near(gaps[0].gross_share.unwrap(), 1.0 / 8.0, 1e-12);
    let like = |line: &DeskLine| {
        Ok(BuyingBack { impact: 1e-9 * line.held.abs(), sessions: 1e-6 * line.held.abs() })
    };
    let (steps, gaps) = cover_order(&desk, 0.1, like);
    assert_eq!((steps.len(), gaps.len()), (3, 0));
    let worth: Vec<f64> = steps.iter().map(|step| step.squeeze_loss / step.cost).collect();
    assert!(worth.is_sorted_by(|a, b| b <= a), "{worth:?}");
    let shorts: Vec<f64> = steps.iter().map(|step| step.remaining.short).collect();
    assert!(shorts.is_sorted_by(|a, b| b < a), "{shorts:?}");
    let last = steps[2].remaining;
    near(last.short, 0.0, 0.0);
    near(last.squeeze_loss, 0.0, 0.0);
    near(last.net, 4e6, 1e-6);
    near(last.volatility, problem_volatility(&desk), 1e-3);
    // The largest short is 2m, two sessions of all trading.
    near(steps[2].days, 2.0 / 0.1, 1e-9);
    near(steps[2].cost_so_far, steps.iter().map(|step| step.cost).sum(), 1e-6);
}

/// Without aversion a trade is worked evenly in volume; with it, earlier and at a higher cost.
#[test]
fn a_schedule_trades_cost_against_waiting() {
    let world = small_world();
    let view = View::of(&world.snapshot());
    let book = view.book(&[("AAPL", 4e6)]);
    let factors = view.factors();
    let desk = desk_of(&factors, &book, &terms(&view, &[]));
    let worked = |aversion| schedules(&desk, &[(0, -4e6)], (SessionMinute::CLOSE, 4), aversion);
    let (even, early) = (&worked(0.0)[0], &worked(1e-4)[0]);
    for (at, (_, left)) in even.left.iter().enumerate() {
        near(*left, -1e6 * (3 - at) as f64, 1e-3);
    }
    // ½·q·x² of the plan, and two basis points.
    let impact = 2.0 * (2.0 / 3.0) * desk.lines()[0].volatility
        / (0.05_f64.sqrt() * desk.lines()[0].volume.unwrap());
    near(
        even.expected_cost,
        0.5 * impact * 16e12 + 4e6 * (TERMS.half_spread + TERMS.commission),
        1.0,
    );
    assert!(early.left[0].1.abs() < even.left[0].1.abs(), "{early:?}");
    assert!(even.expected_cost < early.expected_cost && early.deviation < even.deviation);
}

/// Short 1m of N0100 and 20m of the small-cap index, which holds the names from the 90th on by
/// market value: the three largest shorts looked through, each at max(3σ√5, 15 %) of its last 60
/// returns.
#[test]
fn the_squeeze_loss_looks_through_funds() {
    let world = world_with(120, 420, 47, |names| {
        names.iter_mut().skip(90).for_each(|name| name.in_small_cap_fund = true);
    });
    let view = View::of(&world.snapshot());
    let book = view.book(&[("AAPL", 4e6), ("N0100", -1e6), ("^RUT", -20e6)]);
    let factors = view.factors();
    let desk = desk_of(&factors, &book, &terms(&view, &[]));
    assert!(desk.gaps().is_empty(), "{:?}", desk.gaps());
    let held: f64 = world.names[90..].iter().map(|name| name.market_cap_usd).sum();
    let loss = |at: usize| {
        let own = if at == 100 { 1e6 } else { 0.0 };
        let short = own + 20e6 * world.names[at].market_cap_usd / held;
        let returns = world.returns(at, 47);
        let sigma = standard_deviation(&returns[returns.len() - 60..], Ddof::Sample).unwrap();
        short * (3.0 * sigma * 5f64.sqrt()).max(0.15)
    };
    let mut losses: Vec<f64> = (90..120).map(loss).collect();
    losses.sort_by(|a, b| b.total_cmp(a));
    let expected: f64 = losses[..3].iter().sum();
    let problem = desk.problem(Scheme::Cut, &wish(1e-6)).unwrap();
    let found = consequences(&desk, &problem, &[0.0; 3], Some(0.1));
    // Prices are kept in single precision in the panel.
    near(found.squeeze_loss.before, expected, 1e-5 * expected);
}

/// The budget binds: without it the small-cap index would be sold short for more.
#[test]
fn a_squeeze_budget_limits_shorts_of_funds() {
    let world = world_with(120, 420, 47, |names| {
        names.iter_mut().skip(90).for_each(|name| name.in_small_cap_fund = true);
    });
    let view = View::of(&world.snapshot());
    let book = view.book(&[("N0100", 4e6), ("N0105", 4e6), ("N0110", 4e6)]);
    let factors = view.factors();
    let desk = desk_of(&factors, &book, &terms(&view, &["^RUT"]));
    let shorted = |squeeze| {
        let wish = Wish { squeeze, participation: None, ..wish(1e-5) };
        let reports = reports(&desk, &wish);
        let overlay = plan(&reports, Scheme::Overlay);
        (overlay.trades[0].money, reports[1].consequences.as_ref().unwrap().squeeze_loss.after)
    };
    let (free, loss) = shorted(SqueezeBudget::Off);
    let (bound, limited) = shorted(SqueezeBudget::Most(0.5 * loss));
    assert!(free < bound && bound < 0.0, "{free} {bound}");
    near(limited, 0.5 * loss, 1e-4 * loss);
}

/// k·p/p is not k for every k: whole lots and whole shares are whole numbers all the same.
#[test]
fn whole_lots_are_whole_numbers() {
    let world = small_world();
    let view = View::of(&world.snapshot());
    let book = view.book(&[("AAPL", 4e6)]);
    let factors = view.factors();
    let desk = desk_of(&factors, &book, &terms(&view, &["^RUT"]));
    let mut line = desk.lines()[0].clone();
    line.unit_value = Some(61.43);
    for lot in [None, Some(1.0), Some(7.0)] {
        line.terms.lot_units = lot;
        for lots in 1..20_000 {
            let units = -lot.unwrap_or(1.0) * f64::from(lots);
            assert_eq!(line.units(units * 61.43).unwrap().to_bits(), units.to_bits());
        }
    }
    // Half a share is no whole one.
    assert_eq!(line.units(0.5 * 61.43), Some(0.5));
}
