//! Several sets of scenarios in one analysis, volatility, and contributions.

use crate::*;
use exposure::grouping::LabelGroups;
use stats::moments::{Ddof, variance};

fn analysis(prepared: &PreparedExposure, book: &Book, tails: &[TailSettings]) -> ExposureReport {
    let request = Request {
        book,
        blocks: Blocks::ALL,
        beta: BetaSettings::PREPARED,
        tails,
        size_scheme: SizeScheme::standard(),
        classification: None,
        look_through: None,
        group_by: &[],
        trades: &[TradeChoice::Standard],
        repeat_on: &[],
        listing: Listing::All,
    };
    analyze(prepared, &request)
}

fn with_volatility(method: TailMethod) -> TailSettings {
    let by_position =
        vec![TailPart::Level(0, 0), TailPart::Volatility, TailPart::ValueAtRisk(0, 1)];
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
        for method in TailMethod::ALL {
            let report = analysis(&prepared, &book, &[with_volatility(method)]);
            let risk = tail_of(&report).unwrap();
            let found = risk.volatility.as_ref().unwrap();
            let tolerance = 1e-5 * found.value;
            near(found.legs[0].iter().sum(), found.value, tolerance);
            let part =
                |at: usize| report.positions.iter().map(|row| row.contributions[0][at]).sum();
            near(part(1), found.value, tolerance);
            let second = &risk.levels[1];
            near(part(2), second.value_at_risk, 1e-5 * second.value_at_risk);
            near(second.leg_value_at_risk[0].iter().sum(), second.value_at_risk, tolerance);
            assert!(risk.levels[0].leg_value_at_risk.is_empty(), "it was not asked for");
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

/// A book by size, sector and a label, with contributions of all groups to an expected shortfall and
/// a volatility.
fn by_groups(
    prepared: &PreparedExposure,
    lines: &[(RawLine<'_>, &str)],
    method: TailMethod,
) -> ExposureReport {
    let raw: Vec<RawLine<'_>> = lines.iter().map(|(line, _)| *line).collect();
    let labels = LabelGroups::of(lines.iter().map(|(_, value)| *value));
    let settings = with_volatility(method);
    let by_group = vec![TailPart::Level(0, 1), TailPart::Volatility];
    let request = Request {
        book: &join(prepared, &raw, None),
        blocks: Blocks::ALL,
        beta: BetaSettings::PREPARED,
        tails: &[TailSettings { by_group, ..settings }],
        size_scheme: SizeScheme::standard(),
        classification: None,
        look_through: None,
        group_by: &[GroupBy::Size, GroupBy::Sector, GroupBy::Label(labels)],
        trades: &[],
        repeat_on: &[],
        listing: Listing::All,
    };
    analyze(prepared, &request)
}

/// Lines of three desks, one of them without a label; every fourth name is boxed between two.
fn desks(lines: &[(String, f64)]) -> Vec<(RawLine<'_>, &str)> {
    let mut desks: Vec<(RawLine<'_>, &str)> = Vec::new();
    for (at, (symbol, value)) in lines.iter().enumerate() {
        desks.push((worth(symbol, *value), ["x", "y", ""][at % 3]));
        if at % 4 == 0 {
            desks.push((worth(symbol, -0.7 * value), ["y", "", "x"][at % 3]));
        }
    }
    desks.push((worth("UNHEARD", -54_321.0), "y"));
    desks
}

#[test]
fn contributions_of_groups_are_the_sums_of_their_names_and_add_up() {
    for from in [0, 250] {
        let world = world_with(120, 400, 3, |names| names[40].listed_from = from);
        let prepared = prepare(&world.snapshot(), &World::roles());
        let mut lines = lines_of(&world, 60);
        lines.push((world.names[40].symbol.clone(), 4e6));
        for method in TailMethod::ALL {
            let report = by_groups(&prepared, &desks(&lines), method);
            let risk = tail_of(&report).unwrap();
            let volatility = risk.volatility.as_ref().unwrap().value;
            let numbers = [risk.levels[1].expected_shortfall, volatility];
            for (number, by_breakdown) in numbers.into_iter().zip(&risk.by_group) {
                for (parts, breakdown) in by_breakdown.iter().zip(&report.breakdowns) {
                    assert_eq!(parts.len(), breakdown.groups.len());
                    // Returns are summed in single precision in the number itself.
                    near(parts.iter().sum(), number, 1e-5 * number);
                }
            }
            let [_, sectors, _] = &risk.by_group[1][..] else { panic!("three breakdowns") };
            for (part, group) in sectors.iter().zip(&report.breakdowns[1].groups) {
                let of_group = report.positions.iter().filter(|row| row.sector == group.group_id);
                let names: f64 = of_group.map(|row| row.contributions[0][1]).sum();
                near(*part, names, 1e-9 * volatility);
            }
        }
    }
}

/// 3 million of MSFT in one account and -1 million in another: the loss of a session is split 3 to
/// -1. What is long and short alike contributes nothing to the book, but it does to its accounts.
#[test]
fn a_boxed_name_contributes_to_each_of_its_accounts() {
    let world = world(20, 300, 15);
    let prepared = prepare(&world.snapshot(), &World::roles());
    let lines = [
        (worth("MSFT", 3e6), "a"),
        (worth("MSFT", -1e6), "b"),
        (worth("AMZN", 5e5), "c"),
        (worth("AMZN", -5e5), "d"),
    ];
    let report = by_groups(&prepared, &lines, TailMethod::Historical);
    let volatility = tail_of(&report).unwrap().volatility.as_ref().unwrap().value;
    let [a, b, c, d] = tail_of(&report).unwrap().by_group[1][2][..] else { panic!("four") };
    near(a, 1.5 * volatility, 1e-5 * volatility);
    near(b, -0.5 * volatility, 1e-5 * volatility);
    // cov(AMZN, MSFT) / σ(MSFT) per unit of value.
    let [msft, amzn] = [1, 3].map(|at: usize| world.returns(at, 15).split_off(1));
    let mean = |series: &[f64]| series.iter().sum::<f64>() / series.len() as f64;
    let products = msft.iter().zip(&amzn).map(|(m, a)| (m - mean(&msft)) * (a - mean(&amzn)));
    let covariance = products.sum::<f64>() / (msft.len() - 1) as f64;
    let expected = 5e5 * covariance / variance(&msft, Ddof::Sample).unwrap().sqrt();
    near(c, expected, 1e-5 * volatility);
    near(c + d, 0.0, 1e-9 * volatility);
}

#[test]
fn the_order_of_lines_changes_no_bit_of_a_contribution() {
    let world = world_with(120, 400, 3, |names| names[40].listed_from = 250);
    let prepared = prepare(&world.snapshot(), &World::roles());
    let lines = lines_of(&world, 60);
    let mut desks = desks(&lines);
    let bits = |report: &ExposureReport| format!("{:?}", tail_of(report).unwrap().by_group);
    let before = bits(&by_groups(&prepared, &desks, TailMethod::FILTERED));
    for turn in [1, 7, 20] {
        desks.rotate_left(turn);
        desks.reverse();
        assert_eq!(before, bits(&by_groups(&prepared, &desks, TailMethod::FILTERED)));
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
    let parts = |group| [TailPart::Level(group, 0), TailPart::ValueAtRisk(group, 0)];
    let settings = |method, levels: &[LevelSettings]| TailSettings {
        levels: levels.to_vec(),
        by_position: (0..levels.len()).flat_map(parts).collect(),
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
    assert_eq!((row.contributions[0].len(), row.contributions[1].len()), (0, 3));
}

/// Twice the book is twice every number, the other book's loss is not the first one's gain, and the
/// order of lines changes no bit; the variance of the recursion is that of the filter.
#[test]
fn fitted_distributions_scale_and_forget_the_order() {
    let world = world(60, 1_200, 51);
    let prepared = prepare(&world.snapshot(), &World::roles());
    let lines = lines_of(&world, 20);
    let doubled: Vec<(String, f64)> =
        lines.iter().map(|(s, value)| (s.clone(), 2.0 * value)).collect();
    let turned: Vec<(String, f64)> = lines.iter().rev().cloned().collect();
    let numbers = |lines: &[(String, f64)], method: TailMethod| -> Vec<f64> {
        let book = join(&prepared, &raw(lines), None);
        let report = analysis(&prepared, &book, &[with_volatility(method)]);
        let risk = tail_of(&report).unwrap();
        let levels = risk.levels.iter().flat_map(|l| [l.value_at_risk, l.expected_shortfall]);
        levels.chain(risk.volatility.iter().map(|found| found.value)).collect()
    };
    let fitted = TailMethod::ALL.into_iter().filter(|method| !method.has_scenarios());
    for method in fitted {
        let one = numbers(&lines, method);
        assert_eq!(one, numbers(&turned, method), "{method:?}");
        for (two, one) in numbers(&doubled, method).into_iter().zip(&one) {
            near(two, 2.0 * one, 1e-9 * two);
        }
        assert!(one[0] < one[1] && one[0] < one[2] && one[1] < one[3], "{one:?}");
    }
    let ewma = numbers(&lines, TailMethod::Ewma { decay: 0.94 });
    let book = join(&prepared, &raw(&lines), None);
    let filtered = analysis(&prepared, &book, &[with_volatility(TailMethod::FILTERED)]);
    // A thousand sessions later nothing is left of where the recursions began.
    let sigma = tail_of(&filtered).unwrap().filter.unwrap().volatility;
    near(ewma[4], sigma, 1e-9 * sigma);
    near(ewma[0], 1.644_853_626_951_5 * sigma, 1e-9 * sigma);
}
