//! Hand arithmetic: exposures, every quantile rule, legs, repeated days, lines that do not join.

use crate::*;
use marketdata::gap::{MeasureRef, Subject};

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
    near(total.beta_long().unwrap(), 16.8e6, 1.0);
    near(total.beta_short().unwrap(), -9.7e6, 1.0);
    near(total.beta_net().unwrap(), 7.1e6, 1.0);
    assert_eq!((report.gross_leverage, report.net_leverage), (Some(2.0), Some(0.4)));
    near(report.beta(Factor::Market).unwrap().bottom_up.unwrap().value, 7.1e6, 1.0);
    // Both estimates agree when fits are exact; returns are kept in single precision.
    near(report.beta(Factor::Market).unwrap().top_down.unwrap().value, 7.1e6, 10.0);
    near(report.beta(Factor::Market).unwrap().difference().unwrap(), 0.0, 10.0);
    // Shares of gross 0.4, 0.2, 0.15, 0.25: Σw² = 0.16 + 0.04 + 0.0225 + 0.0625 = 0.285.
    near(report.concentration.unwrap().herfindahl, 0.285, 1e-12);
    near(report.concentration.unwrap().effective_names, 1.0 / 0.285, 1e-9);
    // Long 8 and 4: 144/80; short 3 and 5: 64/34.
    near(report.concentration.unwrap().effective_long_names.unwrap(), 1.8, 1e-12);
    near(report.concentration.unwrap().effective_short_names.unwrap(), 64.0 / 34.0, 1e-12);
    near(report.concentration.unwrap().largest_share, 0.4, 1e-12);
    for row in &report.coverage {
        // Four priced names with betas and returns, but no share counts and no sectors.
        let is_known = !matches!(row.aspect, Aspect::Sized | Aspect::Classified);
        let (own, missing) = if is_known { (1.0, 0.0) } else { (0.0, 1.0) };
        assert_eq!((row.own, row.proxied, row.missing), (own, 0.0, missing), "{row:?}");
    }
    assert!(
        report.beta(Factor::Size).unwrap().bottom_up.is_none() && trade(&report).unwinds.is_empty()
    );
    assert!(report.gaps.iter().any(|gap| gap.subject == Subject::Role("small_cap_index")));
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
        let request = Request {
            book: &book,
            blocks: Blocks::ALL,
            beta,
            tails: std::slice::from_ref(tail),
            size_scheme: SizeScheme::standard(),
            group_by: &[GroupBy::Size, GroupBy::Sector],
            classification: None,
            look_through: None,
            repeat_on: &[],
            trades: &[TradeChoice::Standard],
            listing: Listing::Largest(0),
        };
        let report = analyze(&prepared, &request);
        let risk = tail_of(&report).unwrap();
        near(risk.levels[0].value_at_risk, expected * 1e6, 0.02);
        for (level, expected) in risk.levels.iter().zip([0.05, 0.045, 0.0425]) {
            near(level.expected_shortfall, expected * 1e6, 0.02);
        }
        // An error cannot be estimated from a single day. Of two, .05 and .04, the first is .01
        // beyond the second: 20 values, all but the first 0. Their mean has the error √(v/20), v by
        // the formula of Politis and Romano (1994), lemma 1, with blocks of ⌈20^⅓⌉ = 3 days;
        // divided by 1 − .9 that is .00441586 (the sum over all 19 lags in Python 3).
        let errors = [0, 1].map(|at| risk.levels[at].expected_shortfall_standard_error);
        assert_eq!(errors[0], None);
        near(errors[1].unwrap(), 4_415.86, 0.05);
        assert_eq!(risk.sessions, 20);
        near(risk.worst_pnl, -50_000.0, 0.02);
        assert!(report.gaps.iter().any(|gap| gap.reason == GapReason::ShortHistory));
        assert!(report.beta(Factor::Market).unwrap().bottom_up.is_none(), "no market, no betas");
    }
}

#[test]
fn legs_follow_size_rank_and_the_funds_holdings() {
    // Names 20 and 21 of 60 are worth about 40 billion each; the first is held by the index's fund.
    let world = world_with(60, 200, 22, |names| names[20].in_small_cap_fund = true);
    let prepared = prepare(&world.snapshot(), &World::roles());
    let (held, large, small) = (&world.names[20], &world.names[21], &world.names[59]);
    let lines = [
        worth("MSFT", 1e6),
        worth("AAPL", -2e6),
        worth(&held.symbol, -3e6),
        worth(&large.symbol, -4e6),
        worth(&small.symbol, -5e6),
        worth("^RUT", -6e6),
    ];
    let report = report(&prepared, &lines);
    let legs: Vec<Option<usize>> = report.positions.iter().map(|row| row.legs[0]).collect();
    let small_cap = Some(SMALL_CAP_SHORT);
    // Largest first: the index, the small company, the large one, the one held by the fund, a
    // megacap held short, a megacap held long.
    let expected = [small_cap, small_cap, None, small_cap, None, Some(MEGACAP_LONG)];
    assert_eq!(legs, expected);
    let bucket = |at: usize| report.positions[at].bucket_id();
    assert_eq!((bucket(0), bucket(1)), (None, Some("micro")));
    assert_eq!((bucket(2), bucket(3)), (Some("large"), Some("large")));
    near(trade(&report).matched, 1e6, 1e-9);
}

#[test]
fn a_crowd_without_one_of_its_megacaps_is_a_gap() {
    let world = world_with(60, 200, 23, |names| names[5].symbol = "N0005".to_owned());
    let prepared = prepare(&world.snapshot(), &World::roles());
    let report = report(&prepared, &[worth("MSFT", 1e6)]);
    assert_eq!(trade(&report).unwinds.len(), 3);
    let subject = every_beta("trade/megacap_small_cap");
    let gap = report.gaps.iter().find(|gap| gap.subject == subject).unwrap();
    assert_eq!(gap.reason, GapReason::InputMissing);
    assert_eq!(gap.detail, "no returns of META; the leg megacap_long uses its other members");
}

#[test]
fn a_short_history_takes_the_bucket_mean_and_is_a_gap() {
    let world = world_with(200, 500, 12, |names| names[150].listed_from = 470);
    let prepared = prepare(&world.snapshot(), &World::roles());
    let young = world.names[150].symbol.clone();
    let day = world.days[300];
    let lines = [worth(&young, -1e6), worth("MSFT", 1e6), worth("UNHEARD", 5e5)];
    let report = report_with(&prepared, &lines, BetaSettings::PREPARED, &[day]);
    let row = report.positions.iter().find(|row| row.symbol == young).unwrap();
    let beta = row.market.unwrap();
    assert_eq!((beta.own, row.observations), (None, 29));
    // 499 sessions have returns; the first of its 30 closes gives none.
    assert_eq!(row.proxied_sessions, Some(470));
    let covered = |aspect: Aspect| report.coverage.iter().find(|row| row.aspect == aspect).unwrap();
    let betas = covered(Aspect::OwnBetas);
    near(betas.own, 0.4, 1e-12);
    near(betas.proxied, 0.4, 1e-12);
    near(covered(Aspect::Priced).missing, 0.2, 1e-12);
    near(covered(Aspect::OwnTailHistory).proxied, 0.4 * 470.0 / 499.0, 1e-9);
    near(covered(Aspect::OwnTailHistory).missing, 0.2, 1e-9);
    let reasons: Vec<GapReason> = report.gaps.iter().map(|gap| gap.reason).collect();
    for reason in [GapReason::UnknownInstrument, GapReason::ShortHistory, GapReason::Proxy] {
        assert!(reasons.contains(&reason), "{reasons:?}");
    }
    near(tail_of(&report).unwrap().proxied_share, 0.4 * 470.0 / 499.0, 1e-9);
    // On a day before its listing its betas are used: β·m + δ·s, with s net of the market.
    let repeat = &report.repeats[0];
    assert_eq!(repeat.proxied_names, 1);
    near(repeat.proxied_gross_share, 0.4, 1e-12);
    let slope = prepared.drivers().size_market_slope.unwrap();
    let spread = repeat.size_spread.unwrap();
    let market = repeat.market_return;
    let mapped = beta.value * market + row.size.unwrap().value * (spread - slope * market);
    near(repeat.trades[0].leg_pnl[SMALL_CAP_SHORT], -1e6 * mapped, 1e-3);
    near(market, world.market_returns[300], 1e-12);
}

#[test]
fn a_day_before_the_panel_is_repeated_from_the_prices_of_that_day() {
    let world = world(20, 1_200, 13);
    let prepared = prepare(&world.snapshot(), &World::roles());
    let index = 100;
    let lines = [worth("MSFT", 1e6), worth("AMZN", -5e5)];
    let on = world.days[index];
    let report = report_with(&prepared, &lines, BetaSettings::PREPARED, &[on]);
    let repeat = &report.repeats[0];
    assert_eq!((repeat.on, repeat.proxied_names), (on, 0));
    near(repeat.market_return, world.market_returns[index], 1e-12);
    // Each of several days is what it is alone, in the order asked for.
    let other = world.days[1_150];
    let both = report_with(&prepared, &lines, BetaSettings::PREPARED, &[other, on]).repeats;
    let alone = report_with(&prepared, &lines, BetaSettings::PREPARED, &[other]).repeats;
    assert_eq!(both, [alone[0].clone(), repeat.clone()]);
    let saturday = day("2024-07-06");
    let none = report_with(&prepared, &lines, BetaSettings::PREPARED, &[saturday]);
    assert!(none.repeats.is_empty());
    assert!(none.gaps.iter().any(|gap| gap.subject == MeasureRef::Repeat(saturday).into()));
}

#[test]
fn lines_that_net_to_zero_are_neither_long_nor_short() {
    let world = world(20, 300, 15);
    let prepared = prepare(&world.snapshot(), &World::roles());
    let lines = [worth("MSFT", 1e6), worth("MSFT", -1e6), worth("AAPL", 2e6), worth("META", 0.0)];
    let report = report(&prepared, &lines);
    assert_eq!((report.total.long_names, report.total.short_names), (1, 0));
    assert_eq!(report.total.gross().to_bits(), 2e6_f64.to_bits());
    let groups = report.breakdowns[1].groups.iter().map(|group| group.exposure);
    assert_eq!(groups.map(|e| e.long_names + e.short_names).sum::<u32>(), 1);
    let names = trade(&report).legs.iter().map(|leg| leg.exposure);
    let names: Vec<_> = names.map(|sums| (sums.long_names, sums.short_names)).collect();
    assert_eq!(names, [(1, 0), (0, 0), (0, 0)]);
    assert_eq!(report.positions.len(), 3, "they are listed all the same");
}

#[test]
fn nothing_valued_is_a_report_with_gaps() {
    let world = world(20, 300, 15);
    let prepared = prepare(&world.snapshot(), &World::roles());
    let line = RawLine::of("UNHEARD", Size::Shares(5.0));
    let report = report(&prepared, &[line]);
    assert!(report.total.gross() <= 0.0 && tail_of(&report).is_none());
    assert!(report.gaps[0].detail.contains("left out"), "{:?}", report.gaps[0]);
}

/// Two lots of AAA, one with a cost and one without, a short with a cost, and a name without any.
#[test]
fn profit_and_loss_is_lot_by_lot_and_says_what_it_leaves_out() {
    let world = world(20, 300, 15);
    let prepared = prepare(&world.snapshot(), &World::roles());
    let [a, b, c] = [0, 1, 2].map(|at| world.names[at].symbol.as_str());
    let price = |symbol| prepared.quotes().get(prepared.lookup().find(symbol).unwrap()).unwrap();
    let lot = |symbol, shares, average_cost| RawLine {
        average_cost,
        ..RawLine::of(symbol, Size::Shares(shares))
    };
    let lines = [
        lot(a, 10.0, Some(1.0)),
        RawLine { position_id: "lot-2", ..lot(a, 30.0, None) },
        lot(b, -5.0, Some(2.0)),
        lot(c, 7.0, None),
    ];
    let report = report(&prepared, &lines);
    let [pa, pb, pc] = [a, b, c].map(|symbol| price(symbol).price);
    let profit = report.profit_and_loss.unwrap();
    near(profit.long, 10.0 * (pa - 1.0), 1e-9 * pa);
    near(profit.short, -5.0 * (pb - 2.0), 1e-9 * pb);
    let with_cost = 10.0 * pa + 5.0 * pb;
    near(profit.share_with_cost, with_cost / (with_cost + 30.0 * pa + 7.0 * pc), 1e-12);
    let row = report.positions.iter().find(|row| row.symbol == a).unwrap();
    let made: Vec<_> = row.lots.iter().map(|l| (l.line, l.profit_and_loss.is_some())).collect();
    assert_eq!(made, [(0, true), (1, false)]);
    let lacking: Vec<&Subject> = report
        .gaps
        .iter()
        .filter(|gap| gap.reason == GapReason::InputMissing && gap.detail.contains("cost"))
        .map(|gap| &gap.subject)
        .collect();
    assert_eq!(lacking, [&Subject::Line("lot-2".to_owned()), &MeasureRef::ProfitAndLoss.into()]);
    // A request without costs gets no gap about them.
    let silent = super::report(&prepared, &[lot(a, 1.0, None)]);
    assert!(silent.profit_and_loss.is_none());
    assert!(silent.gaps.iter().all(|gap| !gap.detail.contains("cost")), "{:?}", silent.gaps);
}
