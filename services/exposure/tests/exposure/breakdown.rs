//! Books by groups: sums, split names, the order of lines, and groups as books of their own.

use crate::*;
use exposure::{
    grouping::LabelGroups,
    report::{Breakdown, Exposure},
};
use portfolio::netting::Netting;

/// A line, and its value of the label; empty: without it.
type Labelled<'a> = (RawLine<'a>, &'a str);

fn breakdowns(prepared: &PreparedExposure, lines: &[Labelled<'_>]) -> ExposureReport {
    netted(prepared, lines, &Netting::Instrument)
}

/// The strategy of a line, which does not depend on its place: whether its amount is even.
fn strategy(line: &RawLine<'_>) -> &'static str {
    let (Size::Shares(amount) | Size::MarketValue(amount)) = line.size.unwrap();
    if (amount as i64) % 2 == 0 { "a" } else { "b" }
}

fn levels() -> [Netting; 3] {
    [Netting::Instrument, Netting::Labels(vec!["strategy".to_owned()]), Netting::Line]
}

fn netted(
    prepared: &PreparedExposure,
    lines: &[Labelled<'_>],
    netting: &Netting,
) -> ExposureReport {
    let raw: Vec<RawLine<'_>> = lines.iter().map(|(line, _)| *line).collect();
    let labels = LabelGroups::of(lines.iter().map(|(_, value)| *value));
    let sets = netting.sets(lines.len(), |line, _| Some(strategy(&lines[line].0)));
    let request = Request {
        book: &join(prepared, &raw, None).netted(&sets),
        blocks: Blocks::ALL,
        beta: BetaSettings::PREPARED,
        tails: &[tail(&[0.95], QuantileRule::Linear)],
        size_scheme: SizeScheme::standard(),
        classification: None,
        look_through: None,
        group_by: &[GroupBy::Label(labels), GroupBy::Size, GroupBy::Sector],
        trades: &[],
        repeat_on: &[],
        listing: Listing::Largest(0),
    };
    analyze(prepared, &request)
}

fn ids(breakdown: &Breakdown) -> Vec<&str> {
    breakdown.groups.iter().map(|group| group.group_id.as_deref().unwrap_or("-")).collect()
}

/// The lines of a world, some of its names held by two traders and some by nobody.
fn desk<'a>(lines: &'a [(String, f64)], traders: &[&'a str]) -> Vec<Labelled<'a>> {
    let mut desk: Vec<Labelled<'a>> = Vec::new();
    for (at, (symbol, value)) in lines.iter().enumerate() {
        desk.push((worth(symbol, *value), traders[at % traders.len()]));
        if at % 3 == 0 {
            // Part of the position stands against another trader's, and part against the same one's.
            desk.push((worth(symbol, -0.4 * value), traders[(at + 1) % traders.len()]));
            desk.push((worth(symbol, (-0.3 * value).round()), traders[at % traders.len()]));
        }
    }
    desk.push((worth("UNHEARD", -54_321.0), traders[1]));
    desk.push((RawLine::of("NEVER", Size::Shares(10.0)), traders[2]));
    desk
}

#[test]
fn a_name_in_two_accounts_is_split_between_them() {
    let world = world(20, 300, 15);
    let prepared = prepare(&world.snapshot(), &World::roles());
    let lines = [
        (worth("MSFT", 3e6), "b"),
        (worth("MSFT", -1e6), "a"),
        (worth("AAPL", -2e6), "b"),
        (worth("META", 5e5), ""),
        (worth("MSFT", 1e6), "b"),
    ];
    let report = breakdowns(&prepared, &lines);
    let labels = &report.breakdowns[0];
    assert_eq!(ids(labels), ["a", "b", "-"]);
    let sides: Vec<(f64, f64)> =
        labels.groups.iter().map(|group| (group.exposure.long, group.exposure.short)).collect();
    // b: 3 + 1 of MSFT long, 2 of AAPL short. In total MSFT nets to 3, so gross is 5.5, and the
    // groups' 7.5.
    assert_eq!(sides, [(0.0, 1e6), (4e6, 2e6), (5e5, 0.0)]);
    near(report.total.gross(), 5.5e6, 0.0);
    near(report.total.net(), 1.5e6, 0.0);
    let names = |at: usize| {
        let exposure = labels.groups[at].exposure;
        (exposure.long_names, exposure.short_names)
    };
    assert_eq!([names(0), names(1), names(2)], [(0, 1), (1, 1), (1, 0)]);
    // MSFT's beta is the same in both accounts.
    let beta = report.total.beta_net().unwrap();
    near(
        labels.groups.iter().map(|group| group.exposure.beta_net().unwrap()).sum(),
        beta,
        1e-9 * beta.abs(),
    );
}

#[test]
fn a_label_keeps_its_groups_even_if_nothing_of_them_has_a_value() {
    let world = world(20, 300, 15);
    let prepared = prepare(&world.snapshot(), &World::roles());
    let lines = [
        (worth("MSFT", 1e6), "a"),
        (RawLine::of("UNHEARD", Size::Shares(5.0)), "b"),
        (worth("AAPL", 1e6), "c"),
        (worth("AAPL", -1e6), "c"),
    ];
    let report = breakdowns(&prepared, &lines);
    assert_eq!(ids(&report.breakdowns[0]), ["a", "b", "c"]);
    let gross: Vec<f64> =
        report.breakdowns[0].groups.iter().map(|group| group.exposure.gross()).collect();
    assert_eq!(gross, [1e6, 0.0, 0.0]);
}

#[test]
fn the_nets_of_every_breakdown_add_up_to_the_net() {
    let world = world(200, 400, 8);
    let prepared = prepare(&world.snapshot(), &World::roles());
    let lines = lines_of(&world, 66);
    let desk = desk(&lines, &["x", "y", "", "z"]);
    for netting in levels() {
        let report = netted(&prepared, &desk, &netting);
        let gross = report.total.gross();
        let sums = report.breakdowns.iter().map(|breakdown| {
            let sum = |of: fn(&Exposure) -> f64| -> f64 {
                breakdown.groups.iter().map(|group| of(&group.exposure)).sum()
            };
            near(sum(|e| e.net()), report.total.net(), 1e-12 * gross);
            // A side of a group may have no beta at all, and then counts as nothing.
            let beta = |e: &Exposure| e.beta_long().unwrap_or(0.0) + e.beta_short().unwrap_or(0.0);
            near(sum(beta), report.total.beta_net().unwrap(), 1e-12 * gross);
            sum(|e| e.gross())
        });
        let [labels, sizes, sectors] = sums.collect::<Vec<f64>>().try_into().unwrap();
        near(sizes, gross, 1e-12 * gross);
        near(sectors, gross, 1e-12 * gross);
        match netting {
            // Every line stands for itself, in the book as in its group.
            Netting::Line => near(labels, gross, 1e-12 * gross),
            _ => assert!(gross < 0.95 * labels, "{netting:?}: {gross} of {labels}"),
        }
    }
}

#[test]
fn the_order_of_lines_changes_no_bit_of_a_breakdown() {
    let world = world(120, 300, 3);
    let prepared = prepare(&world.snapshot(), &World::roles());
    let lines = lines_of(&world, 40);
    for netting in levels() {
        let mut desk = desk(&lines, &["x", "", "y"]);
        let before = netted(&prepared, &desk, &netting).breakdowns;
        for turn in [1, 7, 20] {
            desk.rotate_left(turn);
            desk.reverse();
            let after = netted(&prepared, &desk, &netting).breakdowns;
            assert_eq!(format!("{before:?}"), format!("{after:?}"));
        }
    }
}

/// Each group of a label is the book of its lines alone under the same netting: the same long,
/// short, names and beta-adjusted values, bit by bit.
#[test]
fn a_group_of_a_label_is_a_book_of_its_own() {
    let world = world(120, 300, 5);
    let prepared = prepare(&world.snapshot(), &World::roles());
    let lines = lines_of(&world, 40);
    let desk = desk(&lines, &["x", "y", "", "z"]);
    for netting in levels() {
        let whole = netted(&prepared, &desk, &netting);
        assert_eq!(ids(&whole.breakdowns[0]), ["x", "y", "z", "-"]);
        for group in &whole.breakdowns[0].groups {
            let label = group.group_id.as_deref().unwrap_or_default();
            let own: Vec<Labelled<'_>> =
                desk.iter().filter(|(_, value)| *value == label).copied().collect();
            let total = netted(&prepared, &own, &netting).total;
            assert_eq!(total, group.exposure, "{label} {netting:?}");
        }
    }
}
