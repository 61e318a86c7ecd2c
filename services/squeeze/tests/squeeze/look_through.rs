//! Short books looked through their funds.

use crate::world::{SETTLED, World, book, book_behind, line, near};
use factors::look_through::FundView;
use squeeze::{assess::ShortBook, universe::Universe};

/// FUND is worth 20 a share: half S, at 10, and half T, at 50. Both trade enough to have exits.
fn universe() -> Universe {
    let mut world = World::new();
    world.bars("S", |_| (10.0, 8e5)).settle("S", SETTLED, [1.6e6, 8e6, 10e6]);
    world.bars("T", |_| (50.0, 1e5)).settle("T", SETTLED, [1e6, 8e6, 10e6]);
    world.bars("FUND", |_| (20.0, 1e5));
    world.hold("FUND", &[("S", 0.5), ("T", 0.5)]);
    world.universe()
}

/// Symbol, market value, shares and the part through funds of every short.
fn shorts(book: &ShortBook) -> Vec<(&str, f64, f64, Option<f64>)> {
    let short = |line: &'_ squeeze::assess::ShortLine| {
        (line.market_value, line.shares.unwrap(), line.through_funds)
    };
    let named = book.lines.iter().map(|line| (line.symbol.as_str(), short(line)));
    named.map(|(symbol, (value, shares, through))| (symbol, value, shares, through)).collect()
}

#[test]
fn a_short_fund_is_a_short_of_each_name_that_it_holds() {
    let universe = universe();
    // Short 60,000 of FUND, 1.2 m: 600,000 of S and of T. Long 20,000 of S, 200,000.
    let lines = [line("FUND", -60e3, None), line("S", 20e3, None)];
    let held = book(&universe, &lines);
    assert_eq!(shorts(&held), [("FUND", -1.2e6, -60e3, None)]);
    let netted = book_behind(&universe, &lines, FundView::Netted);
    let expected = [("T", -6e5, -12e3, Some(-6e5)), ("S", -4e5, -40e3, Some(-6e5))];
    assert_eq!(shorts(&netted), expected);
    // 12,000 of T at 15 % of 100,000 a day: 0.8 days.
    near(netted.lines[0].exit.normal.unwrap(), 0.8);
    near(netted.gross_short, 1e6);
    assert_eq!((netted.long_names, netted.funds.len()), (0, 1));
    assert!(netted.lines.iter().all(|line| line.lots.is_empty()), "no line is of these names");
    let gross = book_behind(&universe, &lines, FundView::Gross);
    let expected = [("S", -6e5, -60e3, Some(-6e5)), ("T", -6e5, -12e3, Some(-6e5))];
    assert_eq!(shorts(&gross), expected);
    assert_eq!(gross.long_names, 1);
}

#[test]
fn a_fund_short_is_its_holdings_short() {
    let universe = universe();
    let fund = [line("FUND", -60e3, None), line("T", -1e3, None)];
    let stocks = [line("S", -60e3, None), line("T", -13e3, None)];
    let through = book_behind(&universe, &fund, FundView::Netted);
    let direct = book(&universe, &stocks);
    for (a, b) in through.lines.iter().zip(&direct.lines) {
        assert_eq!(a.symbol, b.symbol);
        near(a.market_value, b.market_value);
        near(a.shares.unwrap(), b.shares.unwrap());
        near(a.exit.normal.unwrap(), b.exit.normal.unwrap());
        near(a.squeeze_pnl.unwrap_or(0.0), b.squeeze_pnl.unwrap_or(0.0));
    }
    near(through.mean_score.unwrap(), direct.mean_score.unwrap());
    // The line in T has its lot, and the rest comes through the fund.
    let t = through.lines.iter().find(|line| line.symbol == "T").unwrap();
    assert_eq!((t.lots.len(), t.through_funds), (1, Some(-6e5)));
    // Without funds nothing changes.
    let same = book_behind(&universe, &stocks, FundView::Gross);
    assert_eq!((same.gross_short, &same.scenarios), (direct.gross_short, &direct.scenarios));
}
