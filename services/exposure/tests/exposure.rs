//! Exposures, tails and the trade: hand sums, laws, and estimators that recover what they were fed.

#![expect(clippy::unwrap_used, reason = "a market made for tests is whole")]

mod world;

use exposure::{
    analyze::{Request, analyze},
    plan::{Plan, prepare},
    prepared::Prepared,
    report::{Leg, Report},
    settings::{BetaSettings, Listing, Shrinkage, TailSettings},
};
use factors::size::SizeBucket;
use marketdata::{
    book::Book,
    day::Day,
    fixture::{Fixture, day},
    gap::GapReason,
    instant::Instant,
    portfolio::{RawLine, Size},
    snapshot::Snapshot,
};
use stats::quantile::QuantileRule;
use std::sync::Arc;
use world::{World, world, world_with};

fn tail(levels: &[f64], rule: QuantileRule) -> TailSettings {
    TailSettings {
        window_sessions: 1_000,
        confidence_levels: levels.to_vec(),
        quantile_rule: rule,
        interval_level: 0.95,
    }
}

fn worth<'a>(symbol: &'a str, value: f64) -> RawLine<'a> {
    RawLine { symbol, size: Some(Size::MarketValue(value)), average_cost: None }
}

fn join(prepared: &Prepared, lines: &[RawLine<'_>], nav: Option<f64>) -> Book {
    Book::join(lines.iter().copied(), nav, prepared.lookup(), prepared.quotes()).unwrap()
}

fn report(prepared: &Prepared, lines: &[RawLine<'_>]) -> Report {
    report_with(prepared, lines, BetaSettings::PREPARED, None)
}

fn report_with(
    prepared: &Prepared,
    lines: &[RawLine<'_>],
    beta: BetaSettings,
    repeat_on: Option<Day>,
) -> Report {
    let tail = tail(&[0.95, 0.99], QuantileRule::Linear);
    let book = &join(prepared, lines, Some(10e6));
    let request = Request { book, beta, tail: &tail, repeat_on, listing: Listing::All };
    analyze(prepared, &request)
}

/// Long the larger names, short the smaller, sizes all different.
fn lines_of(world: &World, count: usize) -> Vec<(String, f64)> {
    let step = world.names.len() / count;
    let value = |at: usize| if 2 * at < count { 1.0 } else { -0.9 } * (1e5 + 137.0 * at as f64);
    (0..count).map(|at| (world.names[at * step].symbol.clone(), value(at))).collect()
}

fn raw(lines: &[(String, f64)]) -> Vec<RawLine<'_>> {
    lines.iter().map(|(symbol, value)| worth(symbol, *value)).collect()
}

fn near(a: f64, b: f64, tolerance: f64) {
    assert!((a - b).abs() <= tolerance, "{a} is not within {tolerance} of {b}");
}

/// Names whose returns are an exact multiple of the market's, 150 sessions.
fn exact_market(betas: &[(&str, f64)]) -> Snapshot {
    let mut fixture = Fixture::new();
    let first = day("2020-06-01");
    let market: Vec<f64> = (0..150).map(|t| 0.01 * f64::from((t * 7) % 11 - 5)).collect();
    for (symbol, beta) in betas.iter().chain(&[("^GSPC", 1.0)]) {
        let mut close = 100.0;
        let mut closes = vec![(first, close)];
        for (t, m) in market.iter().enumerate() {
            close *= 1.0 + beta * m;
            closes.push((first.plus(t as i32 + 1), close));
        }
        fixture.closes(symbol, &closes);
    }
    fixture.commit();
    fixture.snapshot(Instant::close_of(first.plus(400)))
}

#[test]
fn the_worked_example_of_the_methodology() {
    // methodology.md, section 0: +8, +4, −3, −5 ($m), betas 1.2, 1.8, 1.4, 1.1 → long 12, short 8,
    // net 4, gross 20; beta-$ long 16.8, short −9.7, net 7.1.
    let betas = [("A", 1.2), ("B", 1.8), ("C", 1.4), ("D", 1.1)];
    let prepared = prepare(&exact_market(&betas), &World::roles());
    let lines = [worth("A", 8e6), worth("B", 4e6), worth("C", -3e6), worth("D", -5e6)];
    let report = report(&prepared, &lines);
    let total = report.total;
    assert_eq!((total.long, total.short, total.net(), total.gross()), (12e6, 8e6, 4e6, 20e6));
    near(total.beta_long, 16.8e6, 1.0);
    near(total.beta_short, -9.7e6, 1.0);
    near(total.beta_net(), 7.1e6, 1.0);
    assert_eq!((report.gross_leverage, report.net_leverage), (Some(2.0), Some(0.4)));
    near(report.market.bottom_up.unwrap().value, 7.1e6, 1.0);
    // Both ways agree where fits are exact; returns are kept in single precision.
    near(report.market.top_down.unwrap().value, 7.1e6, 10.0);
    near(report.market.gap().unwrap(), 0.0, 10.0);
    // Shares of gross 0.4, 0.2, 0.15, 0.25: Σw² = 0.16 + 0.04 + 0.0225 + 0.0625 = 0.285.
    near(report.concentration.herfindahl, 0.285, 1e-12);
    near(report.concentration.effective_names, 1.0 / 0.285, 1e-9);
    // Long 8 and 4: 144/80; short 3 and 5: 64/34.
    near(report.concentration.effective_long_names.unwrap(), 1.8, 1e-12);
    near(report.concentration.effective_short_names.unwrap(), 64.0 / 34.0, 1e-12);
    near(report.concentration.largest_share, 0.4, 1e-12);
    assert_eq!(report.coverage.resolved.to_bits(), 1.0_f64.to_bits());
    assert!(report.size.bottom_up.is_none() && report.trade.unwinds.is_empty());
    assert!(report.gaps.iter().any(|gap| gap.subject == "small_cap_index"));
}

#[test]
fn value_at_risk_under_every_rule() {
    // methodology.md, C1: 20 returns; 95 % under each rule, ES 95 % .05, 90 % .045, 88 % .0425.
    let returns = [
        -0.05, -0.04, -0.03, -0.025, -0.02, -0.015, -0.01, -0.008, -0.005, -0.002, 0.0, 0.002,
        0.004, 0.006, 0.008, 0.01, 0.015, 0.02, 0.025, 0.03,
    ];
    let mut fixture = Fixture::new();
    let (mut close, mut on) = (100.0, day("2021-01-04"));
    let mut closes = vec![(on, close)];
    for at in 0..20 {
        close *= 1.0 + returns[(at * 7) % 20];
        on = on.plus(1);
        closes.push((on, close));
    }
    fixture.closes("X", &closes).commit();
    let prepared = prepare(&fixture.snapshot(Instant::close_of(on)), &World::roles());
    let book = join(&prepared, &[worth("X", 1e6)], None);
    let rows = [
        (QuantileRule::Linear, 0.0405),
        (QuantileRule::Lower, 0.05),
        (QuantileRule::Ceil, 0.05),
        (QuantileRule::Higher, 0.04),
        (QuantileRule::Weibull, 0.0495),
        (QuantileRule::MedianUnbiased, 0.0465),
    ];
    for (rule, expected) in rows {
        let tail = &tail(&[0.95, 0.90, 0.88], rule);
        let beta = BetaSettings::PREPARED;
        let request =
            Request { book: &book, beta, tail, repeat_on: None, listing: Listing::Largest(0) };
        let report = analyze(&prepared, &request);
        let risk = report.tail.unwrap();
        near(risk.levels[0].value_at_risk, expected * 1e6, 0.02);
        for (level, expected) in risk.levels.iter().zip([0.05, 0.045, 0.0425]) {
            near(level.expected_shortfall, expected * 1e6, 0.02);
        }
        assert_eq!(risk.sessions, 20);
        near(risk.worst_pnl, -50_000.0, 0.02);
        assert!(report.gaps.iter().any(|gap| gap.reason == GapReason::ShortHistory));
        assert!(report.market.bottom_up.is_none(), "no market, no betas");
    }
}

#[test]
fn estimators_recover_what_they_were_fed() {
    let world = world(400, 700, 11);
    let prepared = prepare(&world.snapshot(), &World::roles());
    let lines = lines_of(&world, 400);
    let report = report(&prepared, &raw(&lines));
    near(prepared.drivers().size_market_slope.unwrap(), world::SPREAD_SLOPE, 0.05);
    let (mut own, mut shrunk, mut size, mut covered) = (0.0, 0.0, 0.0, 0);
    for row in &report.positions {
        let truth = world.names.iter().find(|name| name.symbol == row.symbol).unwrap();
        let beta = row.market.unwrap();
        let estimate = beta.own.unwrap();
        own += (estimate.value - truth.beta) * (estimate.value - truth.beta);
        shrunk += (beta.value - truth.beta) * (beta.value - truth.beta);
        let size_beta = row.size.unwrap().value;
        size += (size_beta - truth.size_beta) * (size_beta - truth.size_beta);
        let error = (estimate.value - truth.beta).abs();
        covered += usize::from(error <= 1.96 * estimate.standard_error);
        assert_eq!(row.observations, 504);
    }
    let rmse = |sum: f64| (sum / 400.0).sqrt();
    // Residuals of 1.2 to 2.4 % over about 360 effective days of a 1 % market: errors near 0.1.
    assert!(rmse(own) < 0.15 && rmse(size) < 0.22, "{} {}", rmse(own), rmse(size));
    assert!(rmse(shrunk) < rmse(own), "{} {}", rmse(shrunk), rmse(own));
    // Newey–West errors are a little small in samples of this size.
    assert!((0.88..=0.98).contains(&(f64::from(covered as u32) / 400.0)), "{covered}");
    // The book's truth, in money.
    let truth: f64 = lines
        .iter()
        .map(|(symbol, v)| v * world.names.iter().find(|n| n.symbol == *symbol).unwrap().beta)
        .sum();
    let bottom_up = report.market.bottom_up.unwrap();
    near(bottom_up.value, truth, 4.0 * bottom_up.standard_error);
    let top_down = report.market.top_down.unwrap();
    near(top_down.value, truth, 4.0 * top_down.standard_error);
}

#[test]
fn shrinkage_is_vasiceks_towards_the_bucket() {
    let world = world(300, 600, 5);
    let prepared = prepare(&world.snapshot(), &World::roles());
    let lines: Vec<(String, f64)> =
        world.names.iter().map(|name| (name.symbol.clone(), 1e5)).collect();
    let report = report(&prepared, &raw(&lines));
    let small: Vec<_> =
        report.positions.iter().filter(|row| row.size_bucket == Some(SizeBucket::Small)).collect();
    let n = small.len() as f64;
    assert!(20.0 < n);
    let own = || small.iter().map(|row| row.market.unwrap().own.unwrap());
    let mean = own().map(|e| e.value).sum::<f64>() / n;
    let spread = own().map(|e| (e.value - mean) * (e.value - mean)).sum::<f64>() / (n - 1.0);
    let noise = own().map(|e| e.standard_error * e.standard_error).sum::<f64>() / n;
    let variance = spread - noise;
    for row in &small {
        let beta = row.market.unwrap();
        let own = beta.own.unwrap();
        let weight = variance / (variance + own.standard_error * own.standard_error);
        near(beta.own_weight, weight, 1e-9);
        near(beta.value, weight * own.value + (1.0 - weight) * mean, 1e-9);
        near(beta.standard_error, own.standard_error * weight.sqrt(), 1e-9);
    }
    let plain = BetaSettings { shrinkage: Shrinkage::None, ..BetaSettings::PREPARED };
    let plain = report_with(&prepared, &raw(&lines), plain, None);
    for row in &plain.positions {
        let beta = row.market.unwrap();
        assert_eq!(beta.value.to_bits(), beta.own.unwrap().value.to_bits());
    }
}

#[test]
fn a_squeezed_short_does_not_look_like_a_hedge() {
    // +60, +130 and +50 % on days the market fell, as in January 2021: least squares turns negative.
    let mut falls = Vec::new();
    let calm = world(60, 600, 3);
    for (at, m) in calm.market_returns.iter().enumerate().skip(560) {
        if *m < -0.012 && falls.len() < 3 {
            falls.push(at);
        }
    }
    assert_eq!(falls.len(), 3);
    let jumps = falls.into_iter().zip([0.6, 1.3, 0.5]).collect();
    let world = world_with(60, 600, 3, |names| names[50].jumps = jumps);
    let prepared = prepare(&world.snapshot(), &World::roles());
    let plain = BetaSettings { huber_k: 1e6, ..BetaSettings::PREPARED };
    let lines = [worth(&world.names[50].symbol, -1e6)];
    let own = |settings| {
        let report = report_with(&prepared, &lines, settings, None);
        report.positions[0].market.unwrap().own.unwrap().value
    };
    let (robust, least_squares) = (own(BetaSettings::PREPARED), own(plain));
    assert!(least_squares < 0.0, "{least_squares}");
    assert!(0.5 < robust && robust < 1.8, "{robust}, the truth is {}", world.names[50].beta);
}

#[test]
fn a_name_that_trades_every_other_day_gets_its_whole_beta() {
    // Half of what the market does reaches the close a day late: the slope of the day alone is half
    // the beta, the sum over the day before, the day and the day after the whole (Dimson 1979).
    let world = world_with(60, 600, 21, |names| {
        names[30].stale = true;
        names[30].beta = 1.4;
        names[30].residual_sd = 0.004;
    });
    let prepared = prepare(&world.snapshot(), &World::roles());
    let report = report(&prepared, &[worth(&world.names[30].symbol, 1e6), worth("MSFT", 1e6)]);
    let row = |symbol: &str| report.positions.iter().find(|row| row.symbol == symbol).unwrap();
    let stale = row(&world.names[30].symbol);
    assert!(stale.dimson && !row("MSFT").dimson);
    let own = stale.market.unwrap().own.unwrap();
    near(own.value, 1.4, 3.0 * own.standard_error);
    assert!(own.standard_error < 0.2, "{own:?}");
}

#[test]
fn twice_the_book_is_twice_the_money_and_the_same_betas() {
    let world = world(120, 400, 2);
    let prepared = prepare(&world.snapshot(), &World::roles());
    let once = lines_of(&world, 60);
    let twice: Vec<(String, f64)> = once.iter().map(|(s, v)| (s.clone(), 2.0 * v)).collect();
    let (once, twice) = (report(&prepared, &raw(&once)), report(&prepared, &raw(&twice)));
    for (a, b) in once.positions.iter().zip(&twice.positions) {
        assert_eq!((a.market, a.size, a.crowd), (b.market, b.size, b.crowd));
        assert_eq!((2.0 * a.market_value).to_bits(), b.market_value.to_bits());
    }
    let money = |report: &Report| {
        let risk = report.tail.as_ref().unwrap();
        vec![
            report.total.gross(),
            report.total.beta_net(),
            report.market.top_down.unwrap().value,
            report.size.bottom_up.unwrap().standard_error,
            report.trade.unwinds[2].pnl,
            risk.levels[0].value_at_risk,
            risk.levels[1].expected_shortfall,
        ]
    };
    for (a, b) in money(&once).into_iter().zip(money(&twice)) {
        assert_eq!((2.0 * a).to_bits(), b.to_bits());
    }
    assert_eq!(once.trade.share_of_variance, twice.trade.share_of_variance);
}

#[test]
fn parts_add_up() {
    let world = world(200, 500, 8);
    let prepared = prepare(&world.snapshot(), &World::roles());
    let report = report(&prepared, &raw(&lines_of(&world, 66)));
    let gross = report.total.gross();
    let sizes = report.by_size.iter().map(|group| group.exposure.gross()).sum::<f64>();
    let sectors = report.by_sector.iter().map(|group| group.exposure.beta_net()).sum::<f64>();
    near(sizes, gross, 1e-6 * gross);
    near(sectors, report.total.beta_net(), 1e-6 * gross);
    assert_eq!(report.by_sector.len(), 4);
    let risk = report.tail.as_ref().unwrap();
    for level in &risk.levels {
        near(level.leg_expected_shortfall.iter().sum(), level.expected_shortfall, 1e-5 * gross);
        assert!(level.value_at_risk <= level.expected_shortfall);
        let low = level.value_at_risk_low.unwrap();
        assert!(low <= level.value_at_risk);
    }
    let euler: f64 = report.positions.iter().map(|row| row.expected_shortfall.unwrap()).sum();
    near(euler, risk.levels[0].expected_shortfall, 1e-5 * gross);
    let trade = &report.trade;
    for unwind in &trade.unwinds {
        near(unwind.leg_pnl.iter().sum(), unwind.pnl, 1e-9 * gross);
        let beta = trade.crowd_beta.top_down.unwrap();
        near(unwind.pnl, beta.value * unwind.crowd_return, 1e-5 * gross);
    }
    near(trade.unwinds[2].pnl, 3.0 * trade.unwinds[0].pnl, 1e-9 * gross);
    // Long megacaps and short small caps: in the trade, so an unwind loses.
    assert!(trade.unwinds[0].pnl < 0.0 && 0.2 < trade.share_of_variance.unwrap());
    let legs = trade.legs.map(|leg| leg.exposure);
    assert!(legs[0].short <= 0.0 && legs[1].long <= 0.0);
    near(trade.matched, legs[0].long.min(legs[1].short), 1e-9);
    assert!(report.positions.iter().any(|row| row.leg == Leg::MegacapLong));
    let share = report.coverage;
    near(share.resolved + share.proxied + share.excluded + share.not_joined, 1.0, 1e-12);
}

#[test]
fn neither_the_order_of_lines_nor_of_parts_alters_a_bit() {
    let world = world(300, 400, 4);
    let forward = prepare(&world.snapshot(), &World::roles());
    let plan = Plan::of(&world.snapshot(), &World::roles());
    let mut parts: Vec<_> = (0..plan.parts()).rev().map(|index| plan.part(index)).collect();
    parts.reverse();
    let backward = plan.assemble(parts);
    let mut lines = lines_of(&world, 150);
    lines.push(("UNKNOWN".to_owned(), -12_345.0));
    lines.push(("NOBODY".to_owned(), 777.0));
    let mut before = report(&forward, &raw(&lines));
    lines.reverse();
    let mut after = report(&backward, &raw(&lines));
    for report in [&mut before, &mut after] {
        report.positions.iter_mut().for_each(|row| row.line = 0);
        report.gaps.retain(|gap| gap.reason != GapReason::UnknownInstrument);
    }
    assert_eq!(format!("{before:?}"), format!("{after:?}"));
}

#[test]
fn prices_restated_on_another_basis_change_nothing() {
    let raw_prices = world(80, 400, 6);
    let restated = world_with(80, 400, 6, |names| {
        names[3].restated = 20.0;
        names[70].restated = 0.1;
    });
    let reports = [raw_prices, restated].map(|world| {
        let prepared = prepare(&world.snapshot(), &World::roles());
        let lines = [
            RawLine { symbol: "AMZN", size: Some(Size::Shares(100.0)), average_cost: None },
            RawLine { symbol: "N0070", size: Some(Size::Shares(-500.0)), average_cost: None },
        ];
        report(&prepared, &lines)
    });
    let [a, b] = &reports;
    let gross = a.total.gross();
    near(b.total.gross(), gross, 1e-9 * gross);
    let both =
        |report: &Report| (report.market.bottom_up.unwrap().value, report.trade.unwinds[0].pnl);
    near(both(b).0, both(a).0, 1e-5 * gross);
    near(both(b).1, both(a).1, 1e-5 * gross);
    for (a, b) in a.positions.iter().zip(&b.positions) {
        assert_eq!((a.size_bucket, a.leg), (b.size_bucket, b.leg));
        near(
            b.market_cap_usd.unwrap(),
            a.market_cap_usd.unwrap(),
            1e-9 * a.market_cap_usd.unwrap(),
        );
    }
}

#[test]
fn what_is_published_later_alters_nothing() {
    let world = world(60, 500, 9);
    let short_log = Arc::new(world.fold(9, 420));
    let lines = lines_of(&world, 30);
    let reports = [&world.market, &short_log].map(|market| {
        let prepared = prepare(&world.snapshot_at(market, 419), &World::roles());
        format!("{:?}", report(&prepared, &raw(&lines)))
    });
    assert_eq!(reports[0], reports[1]);
}

#[test]
fn a_short_history_takes_its_buckets_place_and_says_so() {
    let world = world_with(200, 500, 12, |names| names[150].listed_from = 470);
    let prepared = prepare(&world.snapshot(), &World::roles());
    let young = world.names[150].symbol.clone();
    let day = world.days[300];
    let lines = [worth(&young, -1e6), worth("MSFT", 1e6), worth("UNHEARD", 5e5)];
    let report = report_with(&prepared, &lines, BetaSettings::PREPARED, Some(day));
    let row = report.positions.iter().find(|row| row.symbol == young).unwrap();
    let beta = row.market.unwrap();
    assert_eq!((beta.own, row.observations), (None, 29));
    // 499 sessions have returns; the first of its own 30 closes gives none.
    assert_eq!(row.proxied_sessions, 470);
    let share = report.coverage;
    near(share.resolved, 0.4, 1e-12);
    near(share.proxied, 0.4, 1e-12);
    near(share.not_joined, 0.2, 1e-12);
    let reasons: Vec<GapReason> = report.gaps.iter().map(|gap| gap.reason).collect();
    for reason in [GapReason::UnknownInstrument, GapReason::ShortHistory, GapReason::Proxy] {
        assert!(reasons.contains(&reason), "{reasons:?}");
    }
    near(report.tail.unwrap().proxied_share, 0.4 * 470.0 / 499.0, 1e-9);
    // On the day it was not yet listed its betas stand in: β·m + δ·s, s beside the market.
    let repeat = report.trade.repeat.unwrap();
    assert_eq!(repeat.proxied_names, 1);
    near(repeat.proxied_gross_share, 0.4, 1e-12);
    let slope = prepared.drivers().size_market_slope.unwrap();
    let spread = repeat.size_spread.unwrap();
    let market = repeat.market_return.unwrap();
    let mapped = beta.value * market + row.size.unwrap().value * (spread - slope * market);
    near(repeat.leg_pnl[Leg::SmallCapShort as usize], -1e6 * mapped, 1e-3);
    near(market, world.market_returns[300], 1e-12);
}

#[test]
fn a_day_before_the_panel_is_repeated_from_the_prices_of_that_day() {
    let world = world(20, 1_200, 13);
    let prepared = prepare(&world.snapshot(), &World::roles());
    let index = 100;
    let lines = [worth("MSFT", 1e6), worth("AMZN", -5e5)];
    let on = world.days[index];
    let report = report_with(&prepared, &lines, BetaSettings::PREPARED, Some(on));
    let repeat = report.trade.repeat.unwrap();
    assert_eq!((repeat.on, repeat.proxied_names), (on, 0));
    near(repeat.market_return.unwrap(), world.market_returns[index], 1e-12);
    let saturday = day("2024-07-06");
    let none = report_with(&prepared, &lines, BetaSettings::PREPARED, Some(saturday));
    assert!(none.trade.repeat.is_none());
    assert!(none.gaps.iter().any(|gap| gap.subject == "repeat"));
}

#[test]
fn settings_said_again_change_no_beta() {
    let world = world(60, 400, 14);
    let prepared = prepare(&world.snapshot(), &World::roles());
    let lines = lines_of(&world, 20);
    let ids: Vec<_> = lines.iter().filter_map(|(s, _)| prepared.lookup().find(s)).collect();
    let again = prepared.with_settings(BetaSettings::PREPARED, &ids);
    let reports = [&prepared, &again].map(|p| format!("{:?}", report(p, &raw(&lines))));
    assert_eq!(reports[0], reports[1]);
}

#[test]
fn nothing_valued_is_a_report_with_gaps() {
    let world = world(20, 300, 15);
    let prepared = prepare(&world.snapshot(), &World::roles());
    let line = RawLine { symbol: "UNHEARD", size: Some(Size::Shares(5.0)), average_cost: None };
    let report = report(&prepared, &[line]);
    assert!(report.total.gross() <= 0.0 && report.tail.is_none());
    assert!(report.gaps[0].detail.contains("left out"), "{:?}", report.gaps[0]);
}
