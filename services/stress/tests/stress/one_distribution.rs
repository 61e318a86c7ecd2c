//! One joint distribution of roles, series, lines and funds: laws of shocks that say the same thing.

use crate::view::{View, near};
use factors::{roles::Role, trade::Side};
use risk::{
    fixture::world_with,
    series::{Series, TradeSeries},
    trade::LegSeries,
};
use std::sync::LazyLock;
use stress::{
    hypothetical::{HypotheticalReport, Outcome, hypothetical},
    shock::{Hypothetical, Shock, Target},
};

const HELD: usize = 30;

/// The fund of small caps holds 30 names.
static VIEW: LazyLock<View> = LazyLock::new(|| {
    let world = world_with(200, 500, 35, |names| {
        names[60..60 + HELD].iter_mut().for_each(|name| name.in_small_cap_fund = true);
    });
    View::of(&world.snapshot())
});

const LINES: [(&str, f64); 5] =
    [("AAPL", 5e6), ("N0050", 2e6), ("N0070", 1e6), ("N0150", -3e6), ("^RUT", -2e6)];

fn small() -> Target {
    Target::Series(Series::Role(Role::SmallCapIndex))
}

fn run(lines: &[(&str, f64)], shocks: &[(Target, f64)]) -> HypotheticalReport {
    let shock = |(target, size): &(Target, f64)| Shock { target: target.clone(), size: *size };
    let shocks = shocks.iter().map(shock).collect();
    let scenario = Hypothetical { scenario_id: "own".to_owned(), sessions: 1, shocks };
    hypothetical(&VIEW.factors(), &VIEW.book(lines), &[], &scenario).unwrap()
}

fn outcomes(report: &HypotheticalReport) -> [&Outcome; 2] {
    [&report.average, &report.like_this.as_ref().unwrap().0]
}

/// The shock of a role and of its line give the same bits, alone and beside shocks of other things.
#[test]
fn a_role_is_its_line() {
    let line = || Target::Name(VIEW.id("^RUT"));
    let beside = [(Target::Series(Series::Trade), -0.02), (Target::Name(VIEW.id("N0070")), 0.3)];
    for others in [&beside[..0], &beside[..1], &beside[..]] {
        let of = |first: Target| run(&LINES, &[&[(first, 0.05)], others].concat());
        let (role, line) = (of(small()), of(line()));
        for (role, line) in outcomes(&role).into_iter().zip(outcomes(&line)) {
            assert_eq!(
                (role.pnl, role.low, &role.positions),
                (line.pnl, line.low, &line.positions)
            );
            assert_eq!((&role.betas, role.distance), (&line.betas, line.distance));
            // The answer shows the move of a series, and that no P&L goes through it.
            let shown = role.coordinates.iter().find(|one| one.id == "small_cap_index").unwrap();
            near(shown.moved, 0.05, 1e-12);
            assert!(shown.pnl.abs() <= 0.0);
        }
    }
}

/// A fund moves a book that holds exactly its members as the fund, but for the part of the fund's
/// variance that is its rest and no member's: tracking, and errors of its own regression.
#[test]
fn a_fund_moves_its_members_as_itself() {
    let factors = VIEW.factors();
    let fund = VIEW.id("^RUT");
    let funds = factors::funds::Funds::of(&factors.risk.snapshot, factors.risk.quotes());
    let members = &funds.get(fund).unwrap().members;
    assert_eq!(members.len(), HELD);
    let symbol = |id| VIEW.model.snapshot().symbol(id);
    let lines: Vec<(&str, f64)> = members.iter().map(|(id, w)| (symbol(*id), 1e6 * w)).collect();
    for target in [small(), Target::Name(fund)] {
        let report = run(&lines, &[(target, -0.1)]);
        for outcome in outcomes(&report) {
            assert!((-1.05e5..-0.85e5).contains(&outcome.pnl), "{}", outcome.pnl);
        }
    }
    // A member has more of the fund's shock than a name like it that the fund does not hold: w·d.
    let (member, weight) = members[0];
    let name = factors.name(member).unwrap();
    let modelled = factors.name(fund).unwrap();
    let with = |x: &[f64], y: &[f64]| {
        let f = factors.factors.covariance();
        let times = f.times(y).unwrap();
        x.iter().zip(&times).map(|(x, y)| x * y).sum::<f64>()
    };
    let common = with(&name.exposures, &modelled.exposures);
    let held: f64 =
        members.iter().map(|(id, w)| w * w * factors.name(*id).unwrap().specific_variance).sum();
    let variance =
        with(&modelled.exposures, &modelled.exposures) + modelled.specific_variance.max(held);
    let expected = (common + weight * name.specific_variance) / variance;
    let found = run(&[(symbol(member), 1e6)], &[(small(), 0.01)]).average.pnl;
    near(found, 1e4 * expected, 1e-6);
}

/// The order of shocks and of lines alters nothing but the last bits, and what is held besides alters
/// no position.
#[test]
fn neither_order_nor_company_matters() {
    let shocks = [
        (small(), 0.04),
        (Target::Series(Series::Trade), -0.03),
        (Target::Name(VIEW.id("N0150")), 0.2),
    ];
    let all = run(&LINES, &shocks);
    let mut reversed = (LINES, shocks.clone());
    reversed.0.reverse();
    reversed.1.reverse();
    let other = run(&reversed.0, &reversed.1);
    near(other.average.pnl, all.average.pnl, 1e-6);
    near(other.average.deviation, all.average.deviation, 1e-6);
    let alone: f64 = LINES.iter().map(|line| run(&[*line], &shocks).average.pnl).sum();
    near(alone, all.average.pnl, 1e-6);
}

/// Twice the shocks are twice the P&L on half the book.
#[test]
fn shocks_and_values_scale() {
    let once = run(&LINES, &[(small(), 0.04), (Target::Series(Series::Trade), -0.03)]);
    let half = LINES.map(|(symbol, value)| (symbol, value / 2.0));
    let twice = run(&half, &[(small(), 0.08), (Target::Series(Series::Trade), -0.06)]);
    for (once, twice) in outcomes(&once).into_iter().zip(outcomes(&twice)) {
        near(twice.pnl, once.pnl, 1e-6);
        near(2.0 * twice.deviation, once.deviation, 1e-6);
        near(twice.distance, 2.0 * once.distance, 1e-9);
    }
}

/// A trade of one fund against another, with returns that move by 1 % more than its lines explain: its
/// variance is that of its own regression, B′FB + rest, whatever the rests of the funds share.
#[test]
fn a_trade_of_two_funds_has_the_variance_of_its_own_returns() {
    let standard = VIEW.factors().trade.unwrap();
    let leg = |symbol: &str, side: Side| LegSeries {
        side,
        returns: None,
        symbols: vec![symbol.to_owned()],
        lines: Some(vec![(VIEW.id(symbol), 1.0)]),
        missing: Vec::new(),
        proxy_for: None,
    };
    let legs = [leg("^GSPC", Side::Long), leg("^RUT", Side::Short)];
    let of_panel = |role| {
        let role = VIEW.roles.resolve_role(VIEW.model.snapshot(), role).unwrap();
        let mut moves = vec![f64::NAN; VIEW.model.sessions.len()];
        VIEW.model.sessions.role_returns(VIEW.model.snapshot(), &role, &mut moves);
        moves
    };
    let (large, small) = (of_panel(Role::LargeCapIndex), of_panel(Role::SmallCapIndex));
    let more = [0.01, -0.01, -0.01, 0.01].into_iter().cycle();
    let returns = large.iter().zip(&small).zip(more).map(|((a, b), more)| a - b + more);
    let returns: Vec<f64> = returns.collect();
    let trade = TradeSeries { returns: &returns, legs: &legs, ratio: 1.0, ..standard };
    let view = VIEW.factors_by(Some(trade));
    assert_eq!(view.lines(Series::Trade).unwrap().len(), 2);
    let mut found = view.project(&[view.moves(Series::Trade).unwrap()]).unwrap();
    let slopes = found.slopes.pop().unwrap();
    let explained = view.factors.covariance().times(&slopes).unwrap();
    let explained: f64 = slopes.iter().zip(&explained).map(|(b, times)| b * times).sum();
    let expected = explained + found.residual.get(0, 0);
    let shocks = vec![Shock { target: Target::Series(Series::Trade), size: 0.03 }];
    let scenario = Hypothetical { scenario_id: "own".to_owned(), sessions: 1, shocks };
    let report = hypothetical(&view, &VIEW.book(&LINES), &[], &scenario).unwrap();
    // One shock of size s is s/σ away.
    let variance = (0.03 / report.average.distance).powi(2);
    near(variance / expected, 1.0, 1e-9);
}
