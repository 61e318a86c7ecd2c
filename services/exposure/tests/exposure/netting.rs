//! Laws of netting: it changes gross and what is over gross, and nothing that is linear in net.

use crate::*;
use marketdata::gap::{Gap, MeasureRef};
use portfolio::netting::Netting;

/// A report under a netting. Lines with even numbers have one strategy, the others another.
fn netted(
    prepared: &PreparedExposure,
    lines: &[(String, f64)],
    netting: &Netting,
) -> ExposureReport {
    let strategy = |line: usize, _: &str| Some(if line.is_multiple_of(2) { "a" } else { "b" });
    let book = join(prepared, &raw(lines), Some(10e6)).netted(&netting.sets(lines.len(), strategy));
    let on = prepared.sessions.days().get(100).copied();
    analyse(prepared, &book, BetaSettings::PREPARED, on.as_slice())
}

fn levels() -> [Netting; 3] {
    [Netting::Instrument, Netting::Labels(vec!["strategy".to_owned()]), Netting::Line]
}

#[test]
fn distinct_names_give_the_same_bits_under_every_netting() {
    let world = world_with(120, 400, 3, |names| names[40].listed_from = 250);
    let prepared = prepare(&world.snapshot(), &World::roles());
    let mut lines = lines_of(&world, 60);
    lines.push((world.names[41].symbol.clone(), -3e5));
    lines.push(("UNKNOWN".to_owned(), -12_345.0));
    let lines: Vec<(String, f64)> = lines;
    let reports = levels().map(|netting| {
        let mut report = netted(&prepared, &lines, &netting);
        // Whether a lot is short is what the netting says, and not a number.
        report.positions.iter_mut().for_each(|row| row.lots.clear());
        format!("{report:?}")
    });
    assert!(reports.iter().all(|report| *report == reports[0]));
}

#[test]
fn netting_changes_gross_and_nothing_linear_in_net() {
    let world = world_with(120, 400, 3, |names| names[40].listed_from = 250);
    let prepared = prepare(&world.snapshot(), &World::roles());
    // Some names again on the other side, in the same and in the other strategy; one young name.
    let mut lines = lines_of(&world, 60);
    let again: Vec<_> = lines.iter().step_by(3).map(|(s, v)| (s.clone(), -0.6 * v)).collect();
    lines.extend(again);
    let young = world.names[40].symbol.clone();
    lines.extend([(young.clone(), 4e5), (young, -1e5)]);
    let [instrument, labels, line] = levels().map(|netting| netted(&prepared, &lines, &netting));
    let gross = |report: &ExposureReport| report.total.gross();
    assert!(gross(&instrument) < gross(&labels) && gross(&labels) < gross(&line));
    // By line, gross is Σ |value| of the lines.
    let all: f64 = lines.iter().map(|(_, value)| value.abs()).sum();
    near(gross(&line), all, 1e-9 * all);
    for report in [&labels, &line] {
        near(report.total.net(), instrument.total.net(), 1e-9 * all);
        near(report.total.beta_net().unwrap(), instrument.total.beta_net().unwrap(), 1e-9 * all);
        let money = |report: &ExposureReport| {
            let trade = trade(report);
            format!(
                "{:?} {:?} {:?} {:?} {:?} {:?} {:?}",
                &report.factors,
                (trade.beta, trade.matched, trade.share_of_variance),
                (&trade.unwinds, report.repeats.first().map(|repeat| (repeat.pnl, &repeat.trades))),
                tail_of(report).map(|tail| (&tail.levels, tail.filter, tail.worst_pnl)),
                report.profit_and_loss.map(|profit| profit.total),
                tail_of(report).map(|tail| tail.worst_day.pnl),
                report.net_leverage.map(|net| (1e6 * net).round()),
            )
        };
        assert_eq!(money(report), money(&instrument));
        let shares: f64 = report.positions.iter().map(|row| row.gross_share).sum();
        near(shares, 1.0, 1e-9);
        let sectors: f64 =
            report.breakdowns[1].groups.iter().map(|group| group.exposure.gross()).sum();
        near(sectors, gross(report), 1e-9 * all);
        for row in &report.coverage {
            near(row.own + row.proxied + row.missing, 1.0, 1e-12);
        }
    }
}

#[test]
fn what_is_boxed_counts_on_both_sides_of_every_table() {
    let world = world(80, 400, 3);
    let prepared = prepare(&world.snapshot(), &World::roles());
    let (a, b) = (world.names[10].symbol.clone(), world.names[20].symbol.clone());
    let lines = [(a.clone(), 100.0), (a.clone(), -100.0), (b, 200.0)];
    // By instrument: A is neither long nor short, and B is the book.
    let by_instrument = netted(&prepared, &lines, &Netting::Instrument);
    let counts = |report: &ExposureReport| (report.total.long_names, report.total.short_names);
    assert_eq!((by_instrument.total.gross(), counts(&by_instrument)), (200.0, (1, 0)));
    near(by_instrument.concentration.unwrap().effective_names, 1.0, 1e-12);
    // By line: long 300, short 100, and A is half of the gross: 1/(0.5² + 0.5²) = 2 names.
    let by_line = netted(&prepared, &lines, &Netting::Line);
    assert_eq!((by_line.total.long, by_line.total.short), (300.0, 100.0));
    assert_eq!(counts(&by_line), (2, 1));
    near(by_line.concentration.unwrap().effective_names, 2.0, 1e-12);
    // Long shares 1/3 and 2/3: 1/(1/9 + 4/9).
    near(by_line.concentration.unwrap().effective_long_names.unwrap(), 1.8, 1e-12);
    let row = by_line.positions.iter().find(|row| row.symbol == a).unwrap();
    assert_eq!((row.market_value, row.gross, row.gross_share), (0.0, 200.0, 0.5));
    assert_eq!(row.lots.len(), 2);
    // A book of nothing but boxes has gross and no risk.
    let boxed = netted(&prepared, &lines[..2], &Netting::Line);
    assert_eq!((boxed.total.gross(), boxed.total.net()), (200.0, 0.0));
    let scenarios = MeasureRef::Scenarios("historical/1000".to_owned());
    let is_about = |gap: &Gap| gap.subject == scenarios.clone().into();
    assert!(tail_of(&boxed).is_none() && boxed.gaps.iter().any(is_about));
}

#[test]
fn profit_and_loss_is_on_the_side_that_the_netting_says() {
    let world = world(80, 400, 3);
    let prepared = prepare(&world.snapshot(), &World::roles());
    let symbol = world.names[10].symbol.as_str();
    let whole = join(&prepared, &[worth(symbol, 1.0)], None);
    let price = whole.holdings[0].quote.unwrap().price;
    // Strategy a holds 100 shares bought at half the price, 100 × price / 2 = 50 prices made, and 5
    // bought at the price. Strategy b is short 40, sold at 1.5 times the price, 40 × price / 2 = 20
    // prices made, and long 10 bought at twice the price: 10 prices lost.
    let line = |count: f64, cost: f64| RawLine {
        average_cost: Some(cost * price),
        ..RawLine::of(symbol, Size::Shares(count))
    };
    let lines = [line(100.0, 0.5), line(-40.0, 1.5), line(5.0, 1.0), line(10.0, 2.0)];
    let strategy = |line: usize, _: &str| Some(if line.is_multiple_of(2) { "a" } else { "b" });
    // Net 75 shares long; a long and b short; each line by itself.
    let expected = [(60.0, 0.0), (50.0, 10.0), (40.0, 20.0)];
    for (netting, (long, short)) in levels().into_iter().zip(expected) {
        let book = join(&prepared, &lines, None).netted(&netting.sets(lines.len(), strategy));
        let report = analyse(&prepared, &book, BetaSettings::PREPARED, &[]);
        let made = report.profit_and_loss.unwrap();
        near(made.long / price, long, 1e-12);
        near(made.short / price, short, 1e-12);
        near(made.total / price, 60.0, 1e-12);
        near(made.share_with_cost, 1.0, 1e-12);
    }
}
