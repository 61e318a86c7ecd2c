//! Several sets of scenarios in one analysis, volatility, and contributions.

use crate::*;
use stats::moments::{Ddof, variance};

fn analysis(prepared: &PreparedExposure, book: &Book, tails: &[TailSettings]) -> ExposureReport {
    let request = Request {
        book,
        blocks: Blocks::ALL,
        beta: BetaSettings::PREPARED,
        tails,
        size_scheme: SizeScheme::standard(),
        classification: None,
        group_by: &[],
        trades: &[TradeChoice::Standard],
        repeat_on: None,
        listing: Listing::All,
    };
    analyze(prepared, &request)
}

fn with_volatility(method: TailMethod) -> TailSettings {
    let by_position = vec![TailPart::Level(0, 0), TailPart::Volatility];
    let tail = tail(&[0.95, 0.99], QuantileRule::Linear);
    TailSettings { method, volatility: true, by_position, ..tail }
}

#[test]
fn volatility_is_the_standard_deviation_of_the_scenarios() {
    let world = world(60, 500, 51);
    let prepared = prepare(&world.snapshot(), &World::roles());
    let book = join(&prepared, &[worth("MSFT", 2e6), worth("N0050", -1e6)], None);
    let settings = with_volatility(TailMethod::Historical);
    let report = analysis(&prepared, &book, &[settings]);
    // The book's P&L from the simulated returns; the first day has no return.
    let (long, short) = (world.returns(1, 51), world.returns(50, 51));
    let pnl: Vec<f64> = (1..500).map(|t| 2e6 * long[t] - 1e6 * short[t]).collect();
    let expected = variance(&pnl, Ddof::Sample).unwrap().sqrt();
    let found = tail_of(&report).unwrap().volatility.as_ref().unwrap();
    // Returns are kept in single precision.
    near(found.value, expected, 1e-5 * expected);
    // Of independent normal days the error is about σ/√(2n); jumps widen it.
    let error = found.standard_error.unwrap();
    assert!((0.7..3.0).contains(&(error / (expected / 998.0_f64.sqrt()))), "{error}");
    assert_eq!(found.stand_ins, None);
}

#[test]
fn contributions_add_up_to_volatility_with_and_without_stand_ins() {
    for from in [0, 250] {
        let world = world_with(120, 400, 3, |names| names[40].listed_from = from);
        let prepared = prepare(&world.snapshot(), &World::roles());
        let mut lines = lines_of(&world, 60);
        lines.push((world.names[40].symbol.clone(), 4e6));
        let book = join(&prepared, &raw(&lines), None);
        for method in [TailMethod::Historical, TailMethod::FILTERED] {
            let report = analysis(&prepared, &book, &[with_volatility(method)]);
            let risk = tail_of(&report).unwrap();
            let found = risk.volatility.as_ref().unwrap();
            let tolerance = 1e-5 * found.value;
            near(found.legs[0].iter().sum(), found.value, tolerance);
            let part =
                |at: usize| report.positions.iter().map(|row| row.contributions[0][at]).sum();
            near(part(1), found.value, tolerance);
            near(
                part(0),
                risk.levels[0].expected_shortfall,
                1e-5 * risk.levels[0].expected_shortfall,
            );
            assert_eq!(found.stand_ins.is_some(), from == 250);
            if let Some(stand_ins) = found.stand_ins {
                assert!(0.0 < stand_ins.contribution && stand_ins.contribution < found.value);
                assert!(0.0 < stand_ins.spread && stand_ins.spread < found.value);
            }
        }
    }
}

/// What is measured together has the bits of what is measured alone, in any order.
#[test]
fn sets_and_groups_measured_together_change_no_bit() {
    let world = world_with(120, 400, 3, |names| names[40].listed_from = 250);
    let prepared = prepare(&world.snapshot(), &World::roles());
    let mut lines = lines_of(&world, 60);
    lines.push((world.names[40].symbol.clone(), 4e6));
    let book = join(&prepared, &raw(&lines), None);
    let group = |confidence, quantile_rule| LevelSettings {
        confidences: vec![confidence],
        quantile_rule,
        interval_level: 0.9,
    };
    let groups = [group(0.99, QuantileRule::Lower), group(0.9, QuantileRule::Linear)];
    let slow = TailMethod::FilteredHistorical { decay: 0.97 };
    let settings = |method, levels: &[LevelSettings]| TailSettings {
        levels: levels.to_vec(),
        ..with_volatility(method)
    };
    let together = [settings(TailMethod::FILTERED, &groups), settings(slow, &groups)];
    let together = analysis(&prepared, &book, &together);
    for (at, method) in [TailMethod::FILTERED, slow].into_iter().enumerate() {
        let whole = together.tails[at].as_ref().unwrap();
        for (place, group) in groups.iter().enumerate() {
            let alone = settings(method, std::slice::from_ref(group));
            let alone = analysis(&prepared, &book, &[alone]);
            let risk = tail_of(&alone).unwrap();
            assert_eq!(risk.levels, whole.levels[place..=place]);
            assert_eq!((&risk.volatility, risk.filter), (&whole.volatility, whole.filter));
        }
    }
    let [fast, slow] =
        [0, 1].map(|at| together.tails[at].as_ref().unwrap().levels[0].value_at_risk);
    assert!((fast - slow).abs() > 1e-6 * fast, "decay is a setting");
}

#[test]
fn a_set_without_enough_sessions_does_not_take_the_others_with_it() {
    let world = world(60, 75, 51);
    let prepared = prepare(&world.snapshot(), &World::roles());
    let book = join(&prepared, &[worth("MSFT", 2e6)], None);
    // 74 returns: 60 seeds leave 14 of the 20 scenarios that are needed.
    let sets = [with_volatility(TailMethod::FILTERED), with_volatility(TailMethod::Historical)];
    let report = analysis(&prepared, &book, &sets);
    let gap = report.tails[0].as_ref().unwrap_err();
    let set = MeasureRef::Scenarios("filtered_historical/1000/0.94".to_owned());
    assert_eq!((&gap.subject, gap.reason), (&set.into(), GapReason::ShortHistory));
    assert!(report.gaps.contains(gap));
    assert_eq!(report.tails[1].as_ref().unwrap().sessions, 74);
    let row = &report.positions[0];
    assert_eq!((row.contributions[0].len(), row.contributions[1].len()), (0, 2));
}
