//! Losses over several sessions: by hand, and what holds for every method.

use crate::*;
use stats::moments::{Ddof, variance};

fn over(method: TailMethod, horizon_sessions: usize) -> TailSettings {
    let by_position = vec![TailPart::Level(0, 0), TailPart::Volatility];
    let by_group = vec![TailPart::Level(0, 1), TailPart::Volatility, TailPart::ValueAtRisk(0, 0)];
    let tail = tail(&[0.9, 0.95], QuantileRule::Linear);
    TailSettings { method, horizon_sessions, volatility: true, by_position, by_group, ..tail }
}

fn analysis(
    prepared: &PreparedExposure,
    lines: &[(String, f64)],
    tail: &TailSettings,
) -> ExposureReport {
    let request = Request {
        book: &join(prepared, &raw(lines), None),
        blocks: Blocks::ALL,
        beta: BetaSettings::PREPARED,
        tails: std::slice::from_ref(tail),
        size_scheme: SizeScheme::standard(),
        classification: None,
        look_through: None,
        group_by: &[GroupBy::Size, GroupBy::Sector],
        trades: &[TradeChoice::Standard],
        repeat_on: &[],
        listing: Listing::All,
    };
    analyze(prepared, &request)
}

/// A market, and a book in which one name has no returns before a session.
fn book(from: usize) -> (World, Vec<(String, f64)>) {
    let world = world_with(120, 400, 3, |names| names[40].listed_from = from);
    let mut lines = lines_of(&world, 60);
    lines.push((world.names[40].symbol.clone(), 4e6));
    (world, lines)
}

/// All runs of ten sessions of one name, from its simulated returns: the mean of the worst tenth, and
/// the deviation with the divisor of Lo and MacKinlay.
#[test]
fn plain_history_takes_every_run_of_sessions() {
    let world = world(60, 500, 51);
    let prepared = prepare(&world.snapshot(), &World::roles());
    let settings = over(TailMethod::Historical, 10);
    let report = analysis(&prepared, &[("MSFT".to_owned(), 2e6)], &settings);
    let found = tail_of(&report).unwrap();
    // The first day has no return.
    let pnl: Vec<f64> = world.returns(1, 51)[1..].iter().map(|r| 2e6 * r).collect();
    let runs: Vec<f64> = pnl.windows(10).map(|run| run.iter().sum()).collect();
    assert_eq!((found.sessions, found.scenarios), (499, Some(490)));
    assert_eq!(found.settings.id(), "historical/1000/h10");
    let mut worst = runs.clone();
    worst.sort_unstable_by(f64::total_cmp);
    let shortfall = -worst[..49].iter().sum::<f64>() / 49.0;
    near(found.levels[0].expected_shortfall, shortfall, 1e-5 * shortfall);
    // Linear: place 489·0.1 = 48.9 from 0.
    let quantile = -(0.1 * worst[48] + 0.9 * worst[49]);
    near(found.levels[0].value_at_risk, quantile, 1e-5 * quantile);
    near(found.worst_scenario_pnl, worst[0], 1e-5 * worst[0].abs());
    let first = runs.iter().position(|run| run.to_bits() == worst[0].to_bits()).unwrap();
    assert_eq!(found.worst_scenario_on, world.days[first + 1]);
    let squares = variance(&runs, Ddof::Population).unwrap() * 490.0;
    let deviation = (squares / (490.0 * 489.0 / 499.0)).sqrt();
    near(found.volatility.as_ref().unwrap().value, deviation, 1e-5 * deviation);
}

/// Parts by leg, position and group sum to each number, with and without stand-ins.
#[test]
fn contributions_add_up_over_any_horizon() {
    for from in [0, 250] {
        let (world, lines) = book(from);
        let prepared = prepare(&world.snapshot(), &World::roles());
        for method in TailMethod::ALL {
            let report = analysis(&prepared, &lines, &over(method, 10));
            let risk = tail_of(&report).unwrap();
            let volatility = risk.volatility.as_ref().unwrap();
            let (first, second) = (&risk.levels[0], &risk.levels[1]);
            let tolerance = 1e-5 * volatility.value;
            near(volatility.legs[0].iter().sum(), volatility.value, tolerance);
            near(first.leg_expected_shortfall[0].iter().sum(), first.expected_shortfall, tolerance);
            let part =
                |at: usize| report.positions.iter().map(|row| row.contributions[0][at]).sum();
            near(part(0), first.expected_shortfall, tolerance);
            near(part(1), volatility.value, tolerance);
            for (by_group, number) in risk.by_group.iter().zip([
                second.expected_shortfall,
                volatility.value,
                first.value_at_risk,
            ]) {
                by_group.iter().for_each(|by| near(by.iter().sum(), number, tolerance));
            }
            near(first.leg_value_at_risk[0].iter().sum(), first.value_at_risk, tolerance);
            assert!(first.value_at_risk < first.expected_shortfall);
            assert!(first.expected_shortfall < second.expected_shortfall);
            assert_eq!(volatility.stand_ins.is_some(), from == 250);
            if let Some(parts) = first.stand_ins {
                assert!(0.0 < parts.expected_shortfall && 0.0 < parts.value_at_risk_spread);
                assert!(parts.value_at_risk_spread < first.value_at_risk);
            }
            let has_error = first.expected_shortfall_standard_error.is_some();
            assert_eq!((has_error, first.value_at_risk_high.is_some()), {
                let simulated = method.has_scenarios();
                (simulated, simulated)
            });
        }
    }
}

/// Every bit is the same for lines in another order, and for a view that was made once more.
#[test]
fn the_order_of_lines_and_a_second_view_change_no_bit() {
    let (world, lines) = book(250);
    for method in TailMethod::ALL {
        let of = |lines: &[(String, f64)]| {
            let prepared = prepare(&world.snapshot(), &World::roles());
            let report = analysis(&prepared, lines, &over(method, 7));
            format!("{:?}", tail_of(&report).unwrap())
        };
        let first = of(&lines);
        let mut turned = lines.clone();
        turned.rotate_left(17);
        turned.reverse();
        assert_eq!(first, of(&turned), "{method:?}");
    }
}

/// Fitted distributions follow from the moments of a sum; twice the book is twice every number.
#[test]
fn horizons_scale_as_their_methods_say() {
    let (world, lines) = book(0);
    let prepared = prepare(&world.snapshot(), &World::roles());
    let doubled: Vec<(String, f64)> = lines.iter().map(|(s, v)| (s.clone(), 2.0 * v)).collect();
    let numbers = |lines: &[(String, f64)], method, horizon| {
        let report = analysis(&prepared, lines, &over(method, horizon));
        let risk = tail_of(&report).unwrap();
        let level = &risk.levels[1];
        let volatility = risk.volatility.as_ref().unwrap();
        [level.value_at_risk, level.expected_shortfall, volatility.value]
    };
    for method in TailMethod::ALL {
        let (one, nine) = (numbers(&lines, method, 1), numbers(&lines, method, 9));
        for (twice, once) in numbers(&doubled, method, 9).into_iter().zip(nine) {
            near(twice, 2.0 * once, 1e-9 * twice);
        }
        match method {
            TailMethod::Ewma { .. } => {
                nine.iter().zip(one).for_each(|(nine, one)| near(*nine, 3.0 * one, 1e-9 * nine));
            }
            TailMethod::Gaussian => {
                near(nine[2], 3.0 * one[2], 1e-9 * nine[2]);
                // The means cancel: ES − VaR is a multiple of σ.
                near(nine[1] - nine[0], 3.0 * (one[1] - one[0]), 1e-9 * nine[1]);
            }
            TailMethod::CornishFisher => near(nine[2], 3.0 * one[2], 1e-9 * nine[2]),
            // Sessions of the simulated market are nearly independent.
            TailMethod::Historical | TailMethod::FilteredHistorical { .. } => {
                assert!((0.6..1.6).contains(&(nine[2] / (3.0 * one[2]))), "{one:?} {nine:?}");
            }
        }
    }
}

/// Runs that overlap are alike: twenty that do not are needed. Paths need twenty sessions.
#[test]
fn too_few_separate_runs_are_a_gap() {
    let world = world(60, 150, 51);
    let prepared = prepare(&world.snapshot(), &World::roles());
    let lines = [("MSFT".to_owned(), 2e6)];
    let gap = |horizon| {
        let report = analysis(&prepared, &lines, &over(TailMethod::Historical, horizon));
        report.tails[0].as_ref().err().cloned()
    };
    assert_eq!(gap(7), None);
    let gap = gap(8).unwrap();
    assert_eq!(gap.reason, GapReason::ShortHistory);
    let set = MeasureRef::Scenarios("historical/1000/h8".to_owned());
    assert_eq!(gap.subject, set.into());
    assert!(gap.detail.contains("160 needed: 20 runs of 8 sessions"), "{}", gap.detail);
    let report = analysis(&prepared, &lines, &over(TailMethod::FILTERED, 60));
    // 149 returns less 60 seeds; 10,000 paths need 113 from each of 89 sessions.
    let found = tail_of(&report).unwrap();
    assert_eq!((found.sessions, found.scenarios), (89, Some(89 * 113)));
}
