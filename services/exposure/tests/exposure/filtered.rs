//! Filtered historical simulation: the recursion by hand, its finite memory, its parts.

use crate::*;
use marketdata::gap::{Gap, MeasureRef};

fn filtered(window_sessions: usize) -> TailSettings {
    TailSettings {
        method: TailMethod::FILTERED,
        window_sessions,
        ..tail(&[0.95, 0.99], QuantileRule::Linear)
    }
}

fn risk(
    prepared: &PreparedExposure,
    lines: &[RawLine<'_>],
    tail: &TailSettings,
) -> Option<TailRisk> {
    tail_of(&whole(prepared, lines, tail)).cloned()
}

fn whole(
    prepared: &PreparedExposure,
    lines: &[RawLine<'_>],
    tail: &TailSettings,
) -> ExposureReport {
    let book = &join(prepared, lines, None);
    let beta = BetaSettings::PREPARED;
    analyze(
        prepared,
        &Request {
            book,
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

#[test]
fn scenarios_are_past_sessions_at_the_volatility_of_the_next() {
    let world = world(60, 500, 51);
    let prepared = prepare(&world.snapshot(), &World::roles());
    let lines = [worth("MSFT", 2e6), worth("N0050", -1e6)];
    let found = risk(&prepared, &lines, &filtered(300)).unwrap();
    // The book's P&L of the last 360 sessions, from the simulated returns.
    let (long, short) = (world.returns(1, 51), world.returns(50, 51));
    let pnl: Vec<f64> = (140..500).map(|t| 2e6 * long[t] - 1e6 * short[t]).collect();
    // The volatility of session s, from the mean square of the first 60 sessions and all sessions
    // before s.
    let mut variance = pnl[..60].iter().map(|x| x * x).sum::<f64>() / 60.0;
    let mut sigmas = Vec::new();
    for x in &pnl[60..] {
        sigmas.push(variance.sqrt());
        variance = 0.94 * variance + 0.06 * x * x;
    }
    let next = variance.sqrt();
    let mut scenarios: Vec<f64> =
        pnl[60..].iter().zip(&sigmas).map(|(x, sigma)| x * next / sigma).collect();
    scenarios.sort_by(f64::total_cmp);
    let filter = found.filter.unwrap();
    assert_eq!((filter.decay, filter.seed_sessions, filter.unscaled), (0.94, 60, 0));
    // Returns are kept in single precision: an error of 1e-8 on 3 million.
    near(filter.volatility, next, 0.1);
    // Numpy's linear rule at 5 % of 300 values: place 14.95 from 0.
    let at_95 = -(scenarios[14] + 0.95 * (scenarios[15] - scenarios[14]));
    near(found.levels[0].value_at_risk, at_95, 0.5);
    near(found.levels[0].expected_shortfall, -scenarios[..15].iter().sum::<f64>() / 15.0, 0.5);
    near(found.levels[1].expected_shortfall, -scenarios[..3].iter().sum::<f64>() / 3.0, 0.5);
    near(found.worst_scenario_pnl, scenarios[0], 0.5);
    let lowest = pnl[60..].iter().copied().fold(f64::INFINITY, f64::min);
    near(found.worst_pnl, lowest, 0.5);
    assert_eq!((found.sessions, found.first_on, found.draws), (300, world.days[200], 1));
    assert_eq!(found.levels[0].stand_ins, None);
    let level = &found.levels[0];
    let (low, high) = (level.value_at_risk_low.unwrap(), level.value_at_risk_high.unwrap());
    assert!(low < level.value_at_risk && level.value_at_risk < high);
}

#[test]
fn history_before_the_seeds_changes_nothing() {
    let late = |names: &mut [world::Truth]| names.iter_mut().for_each(|n| n.listed_from = 300);
    let worlds = [world(60, 700, 52), world_with(60, 700, 52, late)];
    let tails = worlds.map(|world| {
        let prepared = prepare(&world.snapshot(), &World::roles());
        risk(&prepared, &[worth("MSFT", 2e6), worth("N0050", -1e6)], &filtered(252)).unwrap()
    });
    // There are 699 returns, of which the last 312 are used; the late names have the last 399.
    let bits = |risk: &TailRisk| format!("{:?} {:?}", risk.levels, risk.filter);
    assert_eq!(bits(&tails[0]), bits(&tails[1]));
    assert_eq!((tails[1].draws, tails[1].proxied_names), (1, 0));
}

#[test]
fn components_add_up_with_stand_ins_in_them() {
    let young = |names: &mut [world::Truth]| {
        for at in [20, 150, 190] {
            names[at].listed_from = 500;
        }
    };
    let world = world_with(200, 700, 53, young);
    let prepared = prepare(&world.snapshot(), &World::roles());
    let mut lines = lines_of(&world, 66);
    lines.extend([20, 150, 190].map(|at| (world.names[at].symbol.clone(), -8e5 - at as f64)));
    for settings in [filtered(1_000), tail(&[0.95, 0.99], QuantileRule::Linear)] {
        let report = whole(&prepared, &raw(&lines), &settings);
        let (gross, risk) = (report.total.gross(), tail_of(&report).unwrap());
        assert_eq!((risk.draws, risk.proxied_names, &risk.settings), (32, 3, &settings));
        for level in &risk.levels {
            // These are sums of single-precision returns.
            let legs: f64 = level.leg_expected_shortfall[0].iter().sum();
            near(legs, level.expected_shortfall, 1e-8 * gross);
            let stand_ins = level.stand_ins.unwrap();
            assert!(0.0 < stand_ins.value_at_risk_spread);
            assert!(0.0 < stand_ins.expected_shortfall_spread);
            assert!(stand_ins.expected_shortfall.abs() < level.expected_shortfall);
        }
        let positions: f64 = report.positions.iter().map(shortfall).sum();
        near(positions, risk.levels[0].expected_shortfall, 1e-8 * gross);
    }
}

#[test]
fn fewer_sessions_are_reported_and_too_few_give_no_tail() {
    let lines = [worth("MSFT", 2e6)];
    let young = world(30, 200, 54);
    let prepared = prepare(&young.snapshot(), &World::roles());
    let report = whole(&prepared, &lines, &filtered(1_000));
    // 199 returns, 60 of them seeds.
    assert_eq!(tail_of(&report).unwrap().sessions, 139);
    let of_scenarios = |gap: &&Gap| matches!(&gap.subject, Subject::Measure(MeasureRef::Scenarios(id)) if id.starts_with("filtered_historical"));
    let gap = |report: &ExposureReport| report.gaps.iter().find(of_scenarios).cloned();
    let found = gap(&report_gaps(&prepared, &lines)).unwrap();
    assert_eq!(found.reason, GapReason::ShortHistory);
    assert_eq!(found.detail, "139 of 1000 requested scenarios; 99 % needs 500");
    let younger = world(30, 80, 54);
    let prepared = prepare(&younger.snapshot(), &World::roles());
    let report = whole(&prepared, &lines, &filtered(1_000));
    assert!(tail_of(&report).is_none());
    let found = gap(&report).unwrap();
    assert_eq!(found.reason, GapReason::ShortHistory);
    assert!(found.detail.starts_with("79 sessions with"), "{}", found.detail);
    let plain = risk(&prepared, &lines, &tail(&[0.95], QuantileRule::Linear)).unwrap();
    assert_eq!((plain.sessions, plain.filter), (79, None));
    assert_eq!(
        (plain.worst_on, plain.worst_pnl),
        (plain.worst_scenario_on, plain.worst_scenario_pnl)
    );
}

fn report_gaps(prepared: &PreparedExposure, lines: &[RawLine<'_>]) -> ExposureReport {
    whole(prepared, lines, &filtered(1_000))
}
