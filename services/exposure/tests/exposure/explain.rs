//! P&L between two closes: sums, permutation, scale, splits, no look-ahead, and what is left out.

use crate::*;
use exposure::{
    explain::{GroupPnl, HeldOn, NoWindow, PnlReport, Request as PnlRequest, Window, WindowPart},
    grouping::LabelGroups,
};

/// The state at the close of the session that is so many sessions before the last one.
fn before(world: &World, sessions: usize) -> PreparedExposure {
    let at = world.days.len() - 1 - sessions;
    prepare(&world.snapshot_at(&world.market, at), &World::roles())
}

fn explained(
    (start, end): (&PreparedExposure, &PreparedExposure),
    held_on: HeldOn,
    lines: &[RawLine<'_>],
) -> PnlReport {
    let joined_on = if held_on == HeldOn::Start { start } else { end };
    let start_on = start.sessions.days().last().copied();
    let (book, window) = (join(joined_on, lines, None), Window::of(end, start_on, None).unwrap());
    exposure::explain::explain(start, end, &usual(&book, held_on, &window))
}

/// A request with all defaults.
fn usual<'a>(book: &'a Book, held_on: HeldOn, window: &'a Window) -> PnlRequest<'a> {
    PnlRequest {
        book,
        held_on,
        window,
        trades: &[TradeChoice::Standard],
        beta: BetaSettings::PREPARED,
        size_scheme: SizeScheme::standard(),
        classification: None,
        group_by: &[],
        listing: Listing::All,
    }
}

/// Lines of shares.
fn shares(lines: &[(String, f64)]) -> Vec<RawLine<'_>> {
    lines.iter().map(|(symbol, count)| RawLine::of(symbol, Size::Shares(*count))).collect()
}

fn counts(world: &World) -> Vec<(String, f64)> {
    lines_of(world, 60)
        .into_iter()
        .map(|(symbol, value)| (symbol, (value / 100.0).round()))
        .collect()
}

#[test]
fn every_split_adds_up_to_the_total() {
    let world = world(120, 400, 2);
    let (start, end) = (before(&world, 5), prepare(&world.snapshot(), &World::roles()));
    let report = explained((&start, &end), HeldOn::AsOf, &shares(&counts(&world)));
    assert_eq!((report.sessions, report.name_count), (5, 60));
    let total = report.total.pnl;
    let close = |sum: f64| near(sum, total, 1e-9 * (report.start_long + report.start_short));
    let factors = |report: &PnlReport| -> f64 {
        report.factors.iter().map(|row| row.part.unwrap().pnl).sum()
    };
    close(report.price + report.distributions);
    close(report.long.pnl + report.short.pnl);
    close(factors(&report) + report.residual.pnl);
    close(report.trades[0].legs.iter().map(|leg| leg.part.pnl).sum());
    close(report.names.iter().map(|name| name.total.pnl).sum());
    close(report.names.iter().map(|n| n.factors.iter().sum::<f64>() + n.residual.pnl).sum());
    near(report.unlisted.pnl, 0.0, 1e-12);
    let leg_values: f64 = report.trades[0].legs.iter().map(|leg| leg.start_value).sum();
    close(total + leg_values - (report.start_long - report.start_short));
    // Constant shares and no distributions: value now less value then.
    let value: f64 = report.names.iter().map(|name| name.start_value).sum();
    let now: f64 = join(&end, &shares(&counts(&world)), None)
        .holdings
        .iter()
        .map(|holding| holding.market_value)
        .sum();
    close(now - value);
    // A factor without carry would differ in the second order only.
    let market = &report.factors[0];
    let first_order = market.exposure.unwrap() * market.factor_change.unwrap();
    near(market.part.unwrap().pnl, first_order, 1e-4 * (report.start_long + report.start_short));
    // √5 sessions of a book whose residuals are independent: the residual is expected to move less
    // than the sum over names, and by more than nothing.
    let independent: f64 =
        report.names.iter().map(|name| name.residual.forecast.unwrap().powi(2)).sum();
    let ratio = report.residual.forecast.unwrap() / independent.sqrt();
    assert!((0.5..2.0).contains(&ratio), "{ratio}");
    assert_eq!(report.gaps, []);
    for row in &report.coverage {
        near(row.own, 1.0, 1e-12);
    }
}

#[test]
fn twice_the_shares_make_twice_the_money_and_the_same_surprise() {
    let world = world(120, 400, 2);
    let views = (&before(&world, 3), &prepare(&world.snapshot(), &World::roles()));
    let once = counts(&world);
    let twice: Vec<(String, f64)> =
        once.iter().map(|(s, count)| (s.clone(), 2.0 * count)).collect();
    let [once, twice] = [once, twice].map(|held| explained(views, HeldOn::AsOf, &shares(&held)));
    let numbers = |report: &PnlReport| {
        let parts = [report.total, report.long, report.short, report.residual];
        let legs = report.trades[0].legs.iter().map(|leg| leg.part);
        let factors = report.factors.iter().filter_map(|row| row.part);
        let names = report.names.iter().flat_map(|name| [name.total, name.residual]);
        let parts = parts.into_iter().chain(legs).chain(factors).chain(names);
        parts.flat_map(|part| [part.pnl, part.forecast.unwrap_or(0.0)]).collect::<Vec<f64>>()
    };
    for (a, b) in numbers(&once).into_iter().zip(numbers(&twice)) {
        assert_eq!((2.0 * a).to_bits(), b.to_bits());
    }
}

#[test]
fn neither_the_order_of_lines_nor_of_ingest_changes_a_bit() {
    let world = world(120, 400, 4);
    let backwards = |sessions: usize| {
        let snapshot = world.folded_backwards(4);
        let at = world.days[world.days.len() - 1 - sessions];
        prepare(&snapshot.earlier(Instant::close_of(at)), &World::roles())
    };
    let mut lines = counts(&world);
    let forward = (&before(&world, 2), &prepare(&world.snapshot(), &World::roles()));
    let mut one = explained(forward, HeldOn::AsOf, &shares(&lines));
    lines.reverse();
    let mut other = explained((&backwards(2), &backwards(0)), HeldOn::AsOf, &shares(&lines));
    for name in one.names.iter_mut().chain(&mut other.names) {
        name.instrument = InstrumentId::NONE;
        name.lots.clear();
    }
    assert_eq!(format!("{one:?}"), format!("{other:?}"));
}

#[test]
fn nothing_after_the_start_changes_what_explains() {
    let world = world(120, 400, 7);
    let start = before(&world, 4);
    let end = prepare(&world.snapshot(), &World::roles());
    // The same past, and another future: names 3 and 50 jump after the start.
    let last = world.days.len() - 1;
    let jumps = |names: &mut [world::Truth]| {
        names[3].jumps.push((last - 1, 0.3));
        names[50].jumps.push((last, -0.4));
    };
    let other = world_with(120, 400, 7, jumps);
    let other = (before(&other, 4), prepare(&other.snapshot(), &World::roles()));
    let lines = counts(&world);
    let [one, two] = [(&start, &end), (&other.0, &other.1)]
        .map(|views| explained(views, HeldOn::Start, &shares(&lines)));
    assert!(1.0 < (one.total.pnl - two.total.pnl).abs());
    let known = |report: &PnlReport| {
        let exposures = report.factors.iter().map(|row| (row.exposure, row.part.unwrap().forecast));
        let legs = report.trades[0].legs.iter().map(|leg| (leg.names, leg.start_value));
        let mut names: Vec<_> = report
            .names
            .iter()
            .map(|n| (n.symbol.clone(), n.start_value, n.total.forecast, n.legs.clone()))
            .collect();
        names.sort_by(|a, b| a.0.cmp(&b.0));
        let forecasts = (report.total.forecast, report.residual.forecast);
        format!(
            "{:?} {:?} {names:?} {forecasts:?}",
            exposures.collect::<Vec<_>>(),
            legs.collect::<Vec<_>>()
        )
    };
    assert_eq!(known(&one), known(&two));
}

#[test]
fn a_split_changes_the_units_of_the_shares_and_nothing_else() {
    // BB splits 4 for 1 on the last session.
    let (first, sessions) = (day("2024-01-02"), 90);
    let days: Vec<Day> =
        (0..sessions as i32).map(|at| marketdata::calendar::plus_sessions(first, at)).collect();
    let last = days[sessions - 1];
    let market = |splits: bool| {
        let mut fixture = Fixture::new();
        let close = |beta: f64| {
            let mut close = 100.0;
            let step = |(t, day): (usize, &Day)| {
                close *= 1.0 + beta * 0.01 * ((t * 7 % 11) as f64 - 5.0);
                (*day, close)
            };
            days.iter().enumerate().map(step).collect::<Vec<_>>()
        };
        fixture.closes("^GSPC", &close(1.0)).closes("AA", &close(1.5));
        let mut own = close(-0.5);
        if splits {
            own[sessions - 1].1 /= 4.0;
            let id = fixture.id(marketdata::instrument::Namespace::Listed, "BB");
            let row = [
                (marketdata::dataset::Field::FromOn, f64::from(last.epoch() - 1)),
                (marketdata::dataset::Field::PriceFactor, 4.0),
                (marketdata::dataset::Field::ShareFactor, 4.0),
            ];
            let key = (id, InstrumentId::NONE);
            let known = Instant::close_of(last);
            fixture.fact(marketdata::dataset::Dataset::Splits, key, last, known, &row);
        }
        fixture.closes("BB", &own).commit();
        let view =
            |at: usize| prepare(&fixture.snapshot(Instant::close_of(days[at])), &World::roles());
        (view(sessions - 2), view(sessions - 1))
    };
    let held =
        |bb: f64| [RawLine::of("AA", Size::Shares(50.0)), RawLine::of("BB", Size::Shares(bb))];
    let (plain, split) = (market(false), market(true));
    let expected = explained((&plain.0, &plain.1), HeldOn::AsOf, &held(-10.0));
    let in_new = explained((&split.0, &split.1), HeldOn::AsOf, &held(-40.0));
    let in_old = explained((&split.0, &split.1), HeldOn::Start, &held(-10.0));
    for report in [in_new, in_old] {
        near(report.total.pnl, expected.total.pnl, 1e-9);
        near(report.price, expected.price, 1e-9);
        near(report.start_short, expected.start_short, 1e-9);
        near(report.residual.pnl, expected.residual.pnl, 1e-9);
        near(report.distributions, 0.0, 1e-12);
    }
    // Exact multiples of the market: 1.5 and −0.5 explain everything.
    near(expected.residual.pnl, 0.0, 1e-4);
    assert!(1.0 < expected.total.pnl.abs());
}

#[test]
fn what_cannot_be_carried_is_left_out_with_its_share() {
    let world = world_with(120, 400, 9, |names| names[60].listed_from = 398);
    let views = (&before(&world, 3), &prepare(&world.snapshot(), &World::roles()));
    let young = world.names[60].symbol.clone();
    let lines = [worth("MSFT", 3e6), worth(&young, -1e6), worth("UNKNOWN", 4e6)];
    let report = explained(views, HeldOn::AsOf, &lines);
    assert_eq!(report.name_count, 1);
    near(report.start_short, 0.0, 0.0);
    let priced = report.coverage.iter().find(|row| row.aspect == Aspect::Priced).unwrap();
    near(priced.own, 3.0 / 8.0, 1e-12);
    let about = |subject: &Subject| report.gaps.iter().find(|gap| gap.subject == *subject).unwrap();
    let gap = about(&Subject::symbol(&young));
    assert_eq!((gap.reason, gap.gross_share), (GapReason::NoPrice, Some(1.0 / 8.0)));
    assert!(report.gaps.iter().any(|gap| gap.reason == GapReason::UnknownInstrument));
}

#[test]
fn a_window_has_two_sessions_in_order() {
    let world = world(30, 400, 1);
    let end = prepare(&world.snapshot(), &World::roles());
    let days = &world.days;
    let last = days.len() - 1;
    let window = |start, until| Window::of(&end, start, until);
    let usual = window(None, None).unwrap();
    assert_eq!((usual.start_on, usual.end_on()), (days[last - 1], days[last]));
    // A Sunday stands for the Friday before it: 2024-07-07.
    let friday = window(Some(day("2024-07-07")), None).unwrap();
    assert_eq!((friday.start_on, friday.sessions.len()), (day("2024-07-05"), 3));
    let at_fault = |start, until| window(start, until).map_err(|NoWindow(end, _)| end);
    assert_eq!(at_fault(Some(days[last]), None), Err(WindowPart::Start));
    assert_eq!(at_fault(Some(days[last - 253]), None), Err(WindowPart::Start));
    assert_eq!(at_fault(Some(days[0].plus(-1)), Some(days[2])), Err(WindowPart::Start));
    assert_eq!(at_fault(None, Some(days[last].plus(30))), Err(WindowPart::End));
    assert_eq!(at_fault(None, Some(days[0])), Err(WindowPart::End));
    // A view of one session is at fault itself, whatever the ends are.
    let empty = before(&world, last);
    for end in [None, Some(days[0])] {
        let NoWindow(part, _) = Window::of(&empty, None, end).unwrap_err();
        assert_eq!(part, WindowPart::View);
    }
}

/// Labels of accounts: every third line has none, every name but the first two has one line.
fn accounts(lines: usize) -> LabelGroups {
    LabelGroups::of((0..lines).map(|line| ["left", "right", ""][line % 3]))
}

#[test]
fn groups_and_lots_add_up_to_the_total_also_where_a_name_is_boxed() {
    let world = world(120, 400, 2);
    let (start, end) = (before(&world, 5), prepare(&world.snapshot(), &World::roles()));
    let mut held = counts(&world);
    // Three lines of the first name, of three accounts, which hold nothing together; and two lines
    // of the second, on one side.
    let (first, second) = (held[0].0.clone(), held[1].0.clone());
    let size = held[0].1.abs();
    held[0].1 = 3.0 * size;
    held.insert(1, (first.clone(), -2.0 * size));
    held.insert(2, (first.clone(), -size));
    held.push((second.clone(), 0.5 * held[3].1));
    let groupings = [GroupBy::Size, GroupBy::Sector, GroupBy::Label(accounts(held.len()))];
    for held_on in [HeldOn::AsOf, HeldOn::Start] {
        let joined_on = if held_on == HeldOn::Start { &start } else { &end };
        let (book, days) = (join(joined_on, &shares(&held), None), start.sessions.days());
        let window = Window::of(&end, days.last().copied(), None).unwrap();
        let request = PnlRequest { group_by: &groupings, ..usual(&book, held_on, &window) };
        let report = exposure::explain::explain(&start, &end, &request);
        let scale = 1e-12 * (report.start_long + report.start_short);
        let net = report.start_long - report.start_short;
        assert_eq!(report.breakdowns.len(), 3);
        for groups in &report.breakdowns {
            assert!(1 < groups.len(), "{groups:?}");
            near(groups.iter().map(|group| group.part.pnl).sum(), report.total.pnl, scale);
            near(groups.iter().map(|group| group.start_value).sum(), net, scale);
        }
        let counted = |groups: &[GroupPnl]| groups.iter().map(|group| group.names).sum::<usize>();
        assert_eq!(counted(&report.breakdowns[0]), report.name_count);
        assert_eq!(counted(&report.breakdowns[1]), report.name_count);
        let labels: Vec<_> = report.breakdowns[2].iter().map(|group| group.id.as_deref()).collect();
        assert_eq!(labels, [Some("left"), Some("right"), None]);
        for name in &report.names {
            near(name.lots.iter().map(|lot| lot.pnl).sum(), name.total.pnl, scale);
            near(name.lots.iter().map(|lot| lot.start_value).sum(), name.start_value, scale);
        }
        // What each line of the boxed name made is as if it were the only one.
        let boxed = report.names.iter().find(|name| name.symbol == first).unwrap();
        assert_eq!(boxed.lots.iter().map(|lot| lot.line).collect::<Vec<_>>(), [0, 1, 2]);
        near(boxed.total.pnl, 0.0, scale);
        let alone = explained((&start, &end), held_on, &shares(&held[..1]));
        near(boxed.lots[0].pnl, alone.total.pnl, scale);
        assert!(scale < boxed.lots[0].pnl.abs());
        near(boxed.lots[1].pnl, -2.0 / 3.0 * boxed.lots[0].pnl, scale);
    }
}

#[test]
fn a_group_by_label_is_the_pnl_of_its_lines_alone() {
    let world = world(120, 400, 2);
    let (start, end) = (before(&world, 3), prepare(&world.snapshot(), &World::roles()));
    let held = counts(&world);
    let groupings = [GroupBy::Label(accounts(held.len()))];
    let book = join(&end, &shares(&held), None);
    let window = Window::of(&end, start.sessions.days().last().copied(), None).unwrap();
    let request = PnlRequest { group_by: &groupings, ..usual(&book, HeldOn::AsOf, &window) };
    let report = exposure::explain::explain(&start, &end, &request);
    for (place, group) in report.breakdowns[0].iter().enumerate() {
        let lines = held.iter().enumerate().filter(|(line, _)| line % 3 == place);
        let alone: Vec<(String, f64)> = lines.map(|(_, line)| line.clone()).collect();
        let alone = explained((&start, &end), HeldOn::AsOf, &shares(&alone));
        assert_eq!((group.part, group.names), (alone.total, alone.name_count));
    }
}

#[test]
fn the_betas_are_those_of_a_report_of_the_start_with_the_same_settings() {
    let world = world(120, 400, 2);
    let (start, end) = (before(&world, 5), prepare(&world.snapshot(), &World::roles()));
    let lines: Vec<(String, f64)> = lines_of(&world, 60);
    let values: Vec<RawLine<'_>> =
        lines.iter().map(|(symbol, value)| worth(symbol, *value)).collect();
    let book = join(&start, &values, Some(10e6));
    let window = Window::of(&end, start.sessions.days().last().copied(), None).unwrap();
    let settings = BetaSettings {
        half_life_sessions: 40.0,
        shrinkage: Shrinkage::None,
        ..BetaSettings::PREPARED
    };
    let mut found = Vec::new();
    for beta in [BetaSettings::PREPARED, settings] {
        let request = PnlRequest { beta, ..usual(&book, HeldOn::Start, &window) };
        let report = exposure::explain::explain(&start, &end, &request);
        let same = analyse(&start, &book, beta, &[]);
        for (explained, exposed) in report.factors.iter().zip(&same.factors) {
            let beta = exposed.beta.bottom_up.unwrap().value;
            assert_eq!(explained.factor, exposed.factor);
            near(
                explained.exposure.unwrap(),
                beta,
                1e-9 * (report.start_long + report.start_short),
            );
        }
        let factors: f64 = report.factors.iter().map(|row| row.part.unwrap().pnl).sum();
        let scale = 1e-9 * (report.start_long + report.start_short);
        near(factors + report.residual.pnl, report.total.pnl, scale);
        found.push(report.factors[1].exposure.unwrap());
    }
    assert!(1.0 < (found[0] - found[1]).abs(), "the settings change the betas");
}
