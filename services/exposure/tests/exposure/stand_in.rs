//! Stand-ins for missing returns: peers' residuals, their tails, their spread, their independence.

use crate::*;
use stats::rng::Rng;

/// Every name jumps by six residual deviations on one day in forty, up or down.
fn jumpy(alter: impl FnOnce(&mut [world::Truth])) -> World {
    world_with(300, 700, 41, |names| {
        for (at, name) in names.iter_mut().enumerate() {
            let mut rng = Rng::new(41, 7_000 + at as u64);
            name.jumps = (0..700)
                .filter_map(|day| {
                    let draw = rng.uniform();
                    let side = if draw < 0.0125 { 6.0 } else { -6.0 };
                    (draw < 0.025).then_some((day, side * name.residual_sd))
                })
                .collect();
        }
        alter(names);
    })
}

fn shortfall_at_99(world: &World) -> f64 {
    let prepared = prepare(&world.snapshot(), &World::roles());
    let lines = [worth(&world.names[150].symbol, -1e6)];
    tail_of(&report(&prepared, &lines)).unwrap().levels[1].expected_shortfall
}

#[test]
fn a_short_history_does_not_look_calm() {
    // The same name with its whole history, and with only its last 80 sessions.
    let whole = shortfall_at_99(&jumpy(|_| {}));
    let young = shortfall_at_99(&jumpy(|names| names[150].listed_from = 620));
    assert!((0.75..1.35).contains(&(young / whole)), "{young} against {whole}");
}

#[test]
fn a_known_volatility_is_kept_and_the_tail_is_that_of_peers() {
    // The same name at twice the residual deviation, which is visible in its 120 sessions.
    let at = |residual_sd: f64| {
        let world = world_with(300, 700, 42, |names| {
            names[150].listed_from = 580;
            (names[150].beta, names[150].size_beta) = (0.0, 0.0);
            names[150].residual_sd = residual_sd;
        });
        let prepared = prepare(&world.snapshot(), &World::roles());
        let report = report(&prepared, &[worth(&world.names[150].symbol, 1e6)]);
        tail_of(&report).unwrap().levels[0].value_at_risk
    };
    let (calm, wild) = (at(0.015), at(0.03));
    // Betas are shrunk a little towards the bucket's, so the ratio is not quite two.
    assert!((1.7..2.2).contains(&(wild / calm)), "{wild} against {calm}");
}

#[test]
fn the_share_of_stand_ins_is_that_of_the_window() {
    let world = world_with(200, 700, 43, |names| names[120].listed_from = 600);
    let prepared = prepare(&world.snapshot(), &World::roles());
    let lines = [worth(&world.names[120].symbol, -1e6), worth("MSFT", 3e6)];
    let book = join(&prepared, &lines, None);
    let tail = &TailSettings { window_sessions: 252, ..tail(&[0.95], QuantileRule::Linear) };
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
        listing: Listing::All,
    };
    let report = analyze(&prepared, &request);
    let risk = tail_of(&report).unwrap();
    // 100 closes give 99 returns: 153 of 252 sessions are missing for a quarter of gross.
    near(risk.proxied_share, 0.25 * 153.0 / 252.0, 1e-9);
    let young = report.positions.iter().find(|row| row.market_value < 0.0).unwrap();
    assert_eq!(young.proxied_sessions, Some(153));
}

#[test]
fn groups_are_widened_if_peers_are_few() {
    // 60 names: about three per bucket and sector.
    let world = world_with(60, 500, 44, |names| names[40].listed_from = 400);
    let prepared = prepare(&world.snapshot(), &World::roles());
    let report = report(&prepared, &[worth(&world.names[40].symbol, -1e6)]);
    let risk = tail_of(&report).unwrap();
    assert_eq!((risk.proxied_names, risk.widened_names, risk.left_out_sessions), (1, 1, 0));
    let gap = report.gaps.iter().find(|gap| gap.detail.contains("1 name lacks returns")).unwrap();
    assert!(gap.detail.ends_with("for 1 of them, also peers of other sizes or sectors"));
}

#[test]
fn sessions_without_peers_are_left_out() {
    let mut fixture = Fixture::new();
    let first = day("2020-06-01");
    let market: Vec<f64> = (0..150).map(|t| 0.01 * f64::from((t * 7) % 11 - 5)).collect();
    for (symbol, from) in [("^GSPC", 0), ("X", 50)] {
        let mut close = 100.0;
        let mut closes = vec![(first.plus(from), close)];
        for t in from..150 {
            close *= 1.0 + market[t as usize];
            closes.push((first.plus(t + 1), close));
        }
        fixture.closes(symbol, &closes);
    }
    fixture.commit();
    let snapshot = fixture.snapshot(Instant::close_of(first.plus(400)));
    let prepared = prepare(&snapshot, &World::roles());
    let report = report(&prepared, &[worth("X", 1e6)]);
    let risk = tail_of(&report).unwrap();
    // X's own returns begin on session 50 of 150. Before that only its beta would be available, and
    // a book without residuals looks calm.
    assert_eq!((risk.sessions, risk.left_out_sessions), (100, 50));
    assert_eq!((risk.proxied_names, risk.draws, risk.levels[0].stand_ins), (0, 1, None));
    near(risk.worst_pnl, -0.05e6, 1.0);
    assert_eq!(report.positions[0].proxied_sessions, Some(0));
    let gap = report.gaps.iter().find(|gap| gap.detail.contains("left out: names")).unwrap();
    assert_eq!(gap.reason, GapReason::MissingObservations);
}

#[test]
fn a_name_without_returns_uses_stand_ins_on_every_session() {
    // It has shares and a sector, but no price at all.
    let world = world_with(200, 500, 45, |names| names[150].listed_from = 500);
    let prepared = prepare(&world.snapshot(), &World::roles());
    let report = report(&prepared, &[worth(&world.names[150].symbol, 1e6)]);
    let risk = tail_of(&report).unwrap();
    near(risk.proxied_share, 1.0, 1e-9);
    assert_eq!((risk.proxied_names, risk.draws), (1, 32));
    assert!(
        report.beta(Factor::Market).unwrap().top_down.is_none(),
        "no returns of its own to regress"
    );
    // With the residuals of peers, the loss is larger than from betas only.
    let level = &risk.levels[0];
    near(level.stand_ins.unwrap().expected_shortfall, level.expected_shortfall, 1.0);
    assert!(0.015e6 < level.value_at_risk, "{level:?}");
}

/// A third of the names starts in the middle of the month in which the window begins.
#[test]
fn positions_sum_if_donors_begin_inside_the_first_month() {
    for method in [TailMethod::Historical, TailMethod::FILTERED] {
        let world = world_with(300, 700, 46, |names| {
            // There is one session less than days: of 699, the first scenario is session 447.
            for (at, name) in names.iter_mut().enumerate().filter(|(at, _)| at % 3 == 0) {
                name.listed_from = 428 + at % 20;
            }
            names[151].listed_from = 640;
        });
        let prepared = prepare(&world.snapshot(), &World::roles());
        let lines = [worth(&world.names[151].symbol, -2e6), worth("MSFT", 1e6)];
        let book = join(&prepared, &lines, None);
        let tail = tail(&[0.95], QuantileRule::Linear);
        let tail = &TailSettings { window_sessions: 252, method, ..tail };
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
            listing: Listing::All,
        };
        let report = analyze(&prepared, &request);
        let sum: f64 = report.positions.iter().map(shortfall).sum();
        near(sum, tail_of(&report).unwrap().levels[0].expected_shortfall, 1e-3);
    }
}

/// 4 % of the book is young; the rest is the market itself.
fn young_beside_the_market(world: &World) -> ExposureReport {
    let prepared = prepare(&world.snapshot(), &World::roles());
    let lines = [worth("^GSPC", 0.96e6), worth(&world.names[20].symbol, 0.04e6)];
    let book = join(&prepared, &lines, None);
    let filtered = TailMethod::FILTERED;
    let tail = tail(&[0.95], QuantileRule::Linear);
    let tail = &TailSettings { window_sessions: 252, method: filtered, ..tail };
    let beta = BetaSettings::PREPARED;
    analyze(
        &prepared,
        &Request {
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
            listing: Listing::All,
        },
    )
}

fn undrawn(report: &ExposureReport) -> Option<f64> {
    let alone = |gap: &&marketdata::gap::Gap| gap.detail.contains("only its betas are used");
    report.gaps.iter().find(alone).and_then(|gap| gap.gross_share)
}

#[test]
fn fewer_than_ten_donors_are_not_used_and_it_is_reported() {
    // 399 sessions, 252 of them scenarios from session 147 on. Nine names have all of them; the
    // others begin on session 301.
    let world = |donors: usize| {
        world_with(60, 400, 47, |names| {
            names.iter_mut().skip(donors).for_each(|name| name.listed_from = 300);
        })
    };
    let nine = young_beside_the_market(&world(9));
    // 300 − 147 scenarios of 252, for 4 % of gross.
    near(undrawn(&nine).unwrap(), 0.04 * 153.0 / 252.0, 0.04 * 1.5 / 252.0);
    let level = &tail_of(&nine).unwrap().levels[0];
    near(level.stand_ins.unwrap().expected_shortfall_spread, 0.0, 1e-9);
    let ten = young_beside_the_market(&world(10));
    assert_eq!(undrawn(&ten), None);
    let level = &tail_of(&ten).unwrap().levels[0];
    assert!(1.0 < level.stand_ins.unwrap().expected_shortfall_spread, "{level:?}");
}

#[test]
fn undrawn_seeds_do_not_count_as_undrawn_scenarios() {
    // Every name begins on session 121, and the scenarios on session 147.
    let world = world_with(60, 400, 48, |names| {
        names.iter_mut().for_each(|name| name.listed_from = 120);
    });
    let report = young_beside_the_market(&world);
    assert_eq!(tail_of(&report).unwrap().sessions, 252);
    assert_eq!(undrawn(&report), None);
}

#[test]
fn lines_that_may_be_funds_are_no_donors() {
    // Every second name is not classified; in one of the two worlds these names jump.
    let young = |jump: f64| {
        let world = world_with(200, 500, 49, |names| {
            for name in names.iter_mut().skip(9).step_by(2) {
                name.of_unknown_kind = true;
                name.jumps = (0..500).step_by(7).map(|day| (day, jump)).collect();
            }
            names[100].listed_from = 400;
        });
        let prepared = prepare(&world.snapshot(), &World::roles());
        let report = report(&prepared, &[worth(&world.names[100].symbol, -1e6)]);
        (report.positions, report.tails, report.factors)
    };
    let (still, jumping) = (young(0.0), young(0.02));
    assert!(still.1[0].is_ok());
    assert_eq!(still, jumping);
}
