//! Variances of the days on which the trade moved far.

use crate::{
    desks::{FUNDS, LIMITS, desk_of, plan, reports, terms, wish},
    view::View,
};
use factors::trade::{Neutrality, Side, TradeDefinition};
use hedge::{
    clock::SessionMinute,
    desk::Desk,
    limits::Caller,
    optimize::evaluate,
    scheme::Scheme,
    terms::{DeskTerms, VarianceDays},
    walk_forward::{OutOfSample, effectiveness, months_of_all_days},
    wish::Wish,
    working::schedules,
};
use marketdata::gap::GapReason;
use risk::{
    driver::Driver,
    drivers::{Drivers, RoleReturns},
    factor_view::FactorView,
    fixture::world,
    like_this::{NoDays, Usable, days, days_before, days_of},
    series::TradeSeries,
    trade::{LegSeries, driver},
};

const NAMES: [(&str, f64); 4] = [("AAPL", 3e6), ("MSFT", 2e6), ("NVDA", 1e6), ("AMZN", 4e6)];

/// A trade that moves by 4 % on every seventeenth session and by 0.2 % on others.
fn far(at: usize) -> f64 {
    if at.is_multiple_of(17) { 0.04 } else { 0.002 }
}

fn trade(returns: &[f64]) -> TradeSeries<'_> {
    let neutrality = Neutrality::Dollar;
    TradeSeries {
        trade_id: "own",
        returns,
        standard_deviation: 0.01,
        legs: &[],
        neutrality,
        ratio: 1.0,
    }
}

fn large(view: &View) -> DeskTerms {
    DeskTerms { days: VarianceDays::LargeMoves, ..terms(view, &FUNDS) }
}

fn overlay(desk: &Desk<'_>) -> (f64, Vec<f64>) {
    let reports = reports(desk, &wish(1e-6));
    let found = plan(&reports, Scheme::Overlay);
    (found.proof.objective, found.trades.iter().map(|trade| trade.exact_money).collect())
}

/// (n·S + m·q·C)/(n + m) by its definition, with the days on which |c| ≥ 2σ.
fn by_definition(factors: &FactorView<'_>, returns: &[f64]) -> Vec<Vec<f64>> {
    let (f, usual) = (&factors.returns, factors.factors.covariance());
    let m = f.len();
    let is_large = |at: &usize| {
        0.02 <= returns[factors.first + at].abs() && f.iter().all(|one| one[*at].is_finite())
    };
    let days: Vec<usize> = (0..f[0].len()).filter(is_large).collect();
    assert!(30 < days.len(), "{}", days.len());
    let n = days.len() as f64;
    let s = |i: usize, j: usize| days.iter().map(|at| f[i][*at] * f[j][*at]).sum::<f64>() / n;
    let with_variance: Vec<usize> = (0..m).filter(|k| 0.0 < usual.get(*k, *k)).collect();
    let q = with_variance.iter().map(|k| s(*k, *k) / usual.get(*k, *k)).sum::<f64>()
        / with_variance.len() as f64;
    let m = m as f64;
    let entry = |i: usize, j: usize| (n * s(i, j) + m * q * usual.get(i, j)) / (n + m);
    (0..f.len()).map(|i| (0..f.len()).map(|j| entry(i, j)).collect()).collect()
}

#[test]
fn the_covariance_is_that_of_the_days_and_plans_are_best_by_it() {
    let view = View::of(&world(300, 900, 61).snapshot());
    let returns: Vec<f64> = (0..view.model.sessions.len()).map(far).collect();
    let factors = view.factors_by(Some(trade(&returns)));
    let book = view.book(&NAMES);
    let usual = desk_of(&factors, &book, &terms(&view, &FUNDS));
    let desk = desk_of(&factors, &book, &large(&view));
    let [of_all, problem] =
        [&usual, &desk].map(|desk| desk.problem(Scheme::Overlay, &wish(1e-6)).unwrap());
    let found = &problem.statement().risk;
    for (i, row) in by_definition(&factors, &returns).iter().enumerate() {
        for (j, expected) in row.iter().enumerate() {
            let value = found.covariance().get(i, j);
            assert!((value - expected).abs() <= 1e-12 + 1e-9 * expected.abs(), "{i} {j}");
        }
    }
    let days = desk.large_days().unwrap();
    assert!(days.days.len() > 30 && (days.least_move - 4.0).abs() < 1e-12, "{days:?}");
    let ratio = days.residual_ratio * days.residual_ratio;
    let specific = of_all.statement().risk.specific_variances();
    for (usual, found) in specific.iter().zip(found.specific_variances()) {
        assert!((found - ratio * usual).abs() <= 1e-12 * usual);
    }
    // Each plan is the best by its own variance.
    let ((least, trades), (_, others)) = (overlay(&desk), overlay(&usual));
    let of = |trades: &[f64]| evaluate(&problem, trades).unwrap().effect.objective.after;
    assert!((of(&trades) - least).abs() <= 1e-6 * least.abs(), "{} {least}", of(&trades));
    assert!(least < of(&others), "{least} {}", of(&others));
    assert!(usual.large_days().is_none());
}

/// Impact and schedules have the volatility of the days asked for: of a book of one name that of its P&L
/// over its value. It was that of all days.
#[test]
fn impact_and_schedules_have_the_volatility_of_the_days() {
    let view = View::of(&world(300, 900, 61).snapshot());
    let returns: Vec<f64> = (0..view.model.sessions.len()).map(far).collect();
    let factors = view.factors_by(Some(trade(&returns)));
    let book = view.book(&NAMES[..1]);
    let of = |terms: &DeskTerms| {
        let desk = desk_of(&factors, &book, terms);
        let problem = desk.problem(Scheme::Cut, &wish(1e-6)).unwrap();
        let effect = evaluate(&problem, &[-1e6]).unwrap().effect;
        let own = desk.lines()[0].volatility;
        assert!((3e6 * own / effect.volatility.before - 1.0).abs() < 1e-12, "{own}");
        let worked = schedules(&desk, &[(0, -1e6)], (SessionMinute::CLOSE, 4), 0.0);
        (own, effect.cost.after.impact, worked[0].deviation)
    };
    let (usual, on_large) = (of(&terms(&view, &FUNDS)), of(&large(&view)));
    let ratio = on_large.0 / usual.0;
    assert!(1.0 + 1e-6 < ratio, "{usual:?} {on_large:?}");
    // Both are proportional to it.
    for (usual, on_large) in [(usual.1, on_large.1), (usual.2, on_large.2)] {
        assert!((on_large / usual / ratio - 1.0).abs() < 1e-12, "{usual} {on_large} {ratio}");
    }
}

/// What the trade does later changes no earlier days, and months out of sample are hedged by these.
#[test]
fn earlier_days_are_those_known_then() {
    let view = View::of(&world(300, 900, 61).snapshot());
    let returns: Vec<f64> = (0..view.model.sessions.len()).map(far).collect();
    let factors = view.factors_by(Some(trade(&returns)));
    let known = 300;
    let from = |first: usize| {
        let mut later = returns.clone();
        later[factors.first + first..].iter_mut().for_each(|c| *c *= 50.0);
        later
    };
    // Its standard deviation of today is another one, too.
    let of_today = |returns| TradeSeries { standard_deviation: 0.05, ..trade(returns) };
    let later = from(known);
    let changed = view.factors_by(Some(of_today(&later)));
    let of = |factors: &FactorView<'_>| days_before(factors, &factors.returns, known).unwrap();
    assert_eq!(of(&factors), of(&changed));
    let last = of(&factors).described(&factors, 1.0).days.last().copied();
    assert!(last < Some(view.model.sessions.days()[factors.first + known]));
    let book = view.book(&NAMES);
    let desk = desk_of(&factors, &book, &large(&view));
    let usual = desk_of(&factors, &book, &terms(&view, &FUNDS));
    let [by_large, by_all] = [&desk, &usual].map(out_of_sample);
    println!("{by_large:?} {by_all:?}");
    assert_eq!(by_large.sessions, by_all.sessions);
    assert!((by_large.value - by_all.value).abs() > 1e-3, "{by_large:?} {by_all:?}");
    // The last month of 21 sessions begins after a year of 252 and whole months. What the trade does in
    // it decides no hedge, but for impact, which is today's: there is none in such volumes.
    let last = 252 + (factors.weights.len() - 253) / 21 * 21;
    let later = from(last);
    let changed = view.factors_by(Some(of_today(&later)));
    let mut deep = large(&view);
    deep.instruments.iter_mut().for_each(|one| one.volume = Some(1e20));
    let [known, changed] =
        [&factors, &changed].map(|factors| out_of_sample(&desk_of(factors, &book, &deep)));
    for (known, changed) in [
        (known.value, changed.value),
        (known.turnover, changed.turnover),
        (known.worst_session, changed.worst_session),
    ] {
        assert!((changed - known).abs() <= 1e-9 * known.abs(), "{known} {changed}");
    }
}

/// The series of a trade of two legs at the ratio of today.
fn of_legs(view: &View, legs: &[LegSeries]) -> (Driver, f64) {
    let (market, drivers) = (view.model.drivers.market.as_ref().unwrap(), &view.model.drivers);
    let window = (drivers.first, &drivers.weights[..]);
    driver(legs, Neutrality::MarketBeta, &market.returns, window).unwrap()
}

/// A short leg whose market beta is two, and four from a session on, with a long leg of one: the ratio of the
/// legs is about a half, then a quarter, and the series at the ratio of today is another one on every session.
/// Days before that session are chosen at the ratio known then, which later data do not change.
#[test]
fn earlier_days_have_the_ratio_of_the_legs_known_then() {
    let view = View::of(&world(300, 900, 61).snapshot());
    let known = 300;
    let first = view.factors().first;
    let market = &view.model.drivers.market.as_ref().unwrap().returns;
    let leg = |side, returns| LegSeries {
        side,
        returns: Some(returns),
        symbols: Vec::new(),
        lines: None,
        missing: Vec::new(),
        proxy_for: None,
    };
    let long = |at: usize| market[at] + far(at) * if at.is_multiple_of(2) { 1.0 } else { -1.0 };
    let legs_of = |later: f64| {
        let beta = |at: usize| if at < first + known { 2.0 } else { later };
        let short = (0..market.len()).map(|at| beta(at) * market[at]).collect();
        [leg(Side::Long, (0..market.len()).map(long).collect()), leg(Side::Short, short)]
    };
    let (usual, changed) = (legs_of(2.0), legs_of(4.0));
    let found = [&usual, &changed].map(|legs| {
        let (today, ratio) = of_legs(&view, legs);
        let trade = TradeSeries {
            returns: &today.returns,
            standard_deviation: today.standard_deviation,
            legs,
            neutrality: Neutrality::MarketBeta,
            ratio,
            ..trade(&[])
        };
        let factors = view.factors_by(Some(trade));
        let earlier = days_before(&factors, &factors.returns, known).unwrap();
        (earlier.clone(), earlier.described(&factors, 1.0), ratio)
    });
    let [(before, described, ratio), (same, _, other)] = found;
    assert!((ratio - 0.5).abs() < 0.1 && (other - 0.25).abs() < 0.05, "{ratio} {other}");
    assert_eq!(before, same);
    // They are those of the driver of a fit window that ends there.
    let settings = &view.model.settings;
    let roles = RoleReturns {
        legs: changed.to_vec(),
        trade: TradeDefinition {
            neutrality: Neutrality::MarketBeta,
            ..view.model.roles.trade.clone()
        },
        ..RoleReturns::clone(&view.model.roles)
    };
    let crowd = Drivers::of(&roles, first + known, settings).crowd.unwrap();
    let factors = view.factors();
    let expected =
        days_of(&crowd.returns[first..first + known], crowd.standard_deviation, &factors.returns);
    assert_eq!(expected.unwrap().described(&factors, 1.0), described);
}

/// A trade that is known from session 400 of the history on has 30 days before session 430. Months begin on
/// 252 + 21·k: nine of them, up to 420, are before.
#[test]
fn months_that_know_too_few_large_days_are_told() {
    let view = View::of(&world(300, 900, 61).snapshot());
    let book = view.book(&NAMES);
    let said = |known_from: usize| {
        let first = view.factors().first + known_from;
        let series = 0..view.model.sessions.len();
        let returns: Vec<f64> =
            series.map(|at| if at < first { f64::NAN } else { far(at) }).collect();
        let factors = view.factors_by(Some(trade(&returns)));
        let desk = desk_of(&factors, &book, &large(&view));
        assert_eq!(months_of_all_days(&desk), None);
        out_of_sample(&desk);
        months_of_all_days(&desk).map(|gap| (gap.reason, gap.detail))
    };
    let (reason, detail) = said(400).unwrap();
    assert_eq!(reason, GapReason::ShortHistory);
    assert!(detail.starts_with("out of sample, plans of 9 of "), "{detail}");
    assert_eq!(said(0), None);
}

/// As of today, the days of the trade of the settings are those before tomorrow.
#[test]
fn earlier_days_follow_the_rule_of_today() {
    let view = View::of(&world(300, 900, 61).snapshot());
    let factors = view.factors();
    let today = days(&factors, &factors.returns).unwrap();
    let earlier = days_before(&factors, &factors.returns, factors.weights.len()).unwrap();
    assert_eq!(today.described(&factors, 1.0), earlier.described(&factors, 1.0));
}

/// How well an overlay hedged months that it did not know.
fn out_of_sample(desk: &Desk<'_>) -> OutOfSample {
    let wish = Wish { participation: None, ..wish(1e-6) };
    let reports = reports(desk, &wish);
    let plan = plan(&reports, Scheme::Overlay);
    let found = effectiveness(desk, &wish, (Scheme::Overlay, plan), LIMITS, &Caller::waiting());
    found.unwrap().unwrap().out_of_sample.unwrap()
}

/// What gaps say of the days.
fn said(desk: &Desk<'_>) -> Vec<String> {
    let gaps = desk.gaps().iter().filter(|gap| gap.reason == GapReason::ShortHistory);
    let details = gaps.map(|gap| gap.detail.to_string());
    details
        .filter(|detail| detail.contains("trade moved far") || detail.contains("it moved far"))
        .collect()
}

#[test]
fn without_such_days_the_plan_is_that_of_all_days_and_a_gap_says_why() {
    let view = View::of(&world(300, 900, 61).snapshot());
    let book = view.book(&NAMES);
    let factors = view.factors_by(None);
    let usual = desk_of(&factors, &book, &terms(&view, &FUNDS));
    let desk = desk_of(&factors, &book, &large(&view));
    assert_eq!(overlay(&desk), overlay(&usual));
    let [why] = &said(&desk)[..] else { panic!("{:?}", said(&desk)) };
    assert!(why.starts_with("the trade has no returns"), "{why}");
    assert!(said(&usual).is_empty() && desk.large_days().is_none());
    // A trade that stands still, and a factor that is known on 20 sessions only.
    let still = vec![0.0; view.model.sessions.len()];
    let trade_of =
        |returns, standard_deviation| TradeSeries { standard_deviation, ..trade(returns) };
    let desk_said = |factors: &FactorView<'_>| said(&desk_of(factors, &book, &large(&view)));
    let why = desk_said(&view.factors_by(Some(trade_of(&still, 0.0))));
    assert!(
        why.len() == 1 && why[0].starts_with("the returns of the trade do not vary"),
        "{why:?}"
    );
    let returns: Vec<f64> = (0..view.model.sessions.len()).map(far).collect();
    let (short, moved) = known_last(&view, &returns, 20);
    let none = days(&short, &short.returns).unwrap_err();
    assert_eq!(none, NoDays::Few(Usable { moved, whole: 20 }));
    let few = format!("all factors have a return on 20 of {moved} sessions");
    assert!(none.why().starts_with(&few), "{none:?}");
}

/// A view whose first factor is known on the last sessions only, and the sessions of its history.
fn known_last<'a>(view: &'a View, returns: &'a [f64], known: usize) -> (FactorView<'a>, usize) {
    let mut factors = view.factors_by(Some(trade(returns)));
    let sessions = factors.returns[0].len();
    factors.returns[0][..sessions - known].fill(f64::NAN);
    (factors, sessions)
}

/// Of the last 83 sessions the trade moved far on 83/17, hence on at most five: the 30 days are others
/// too, of 0.002/0.01 = 0.2 standard deviations.
#[test]
fn days_that_hardly_moved_or_left_sessions_out_are_told() {
    let view = View::of(&world(300, 900, 61).snapshot());
    let returns: Vec<f64> = (0..view.model.sessions.len()).map(far).collect();
    let book = view.book(&NAMES);
    let of = |factors: &FactorView<'_>| {
        let desk = desk_of(factors, &book, &large(&view));
        (said(&desk), desk.large_days().unwrap())
    };
    let (whole, _) = known_last(&view, &returns, returns.len() - view.factors().first);
    let (told, days) = of(&whole);
    assert!(told.is_empty() && 4.0 - 1e-9 <= days.least_move, "{told:?}");
    let (short, sessions) = known_last(&view, &returns, 83);
    let (told, days) = of(&short);
    assert_eq!(days.days.len(), 30);
    let expected = format!(
        "the 30 days on which the trade moved far are taken from 83 of {sessions} sessions with a \
         return of the trade, because on {} of them a factor has none; on the least of them it moved \
         0.20 standard deviations",
        sessions - 83
    );
    assert_eq!(told, [expected]);
    // One session without a factor leaves large moves only, and is told all the same.
    let (one, _) = known_last(&view, &returns, sessions - 1);
    let (told, days) = of(&one);
    assert!(4.0 - 1e-9 <= days.least_move && told.len() == 1, "{told:?}");
    assert!(told[0].contains(&format!("{} of {sessions} sessions", sessions - 1)), "{told:?}");
    // Sessions of a small trade leave nothing out, and are told as well.
    let small: Vec<f64> = returns.iter().map(|c| c / 4.0).collect();
    let (told, days) = of(&view.factors_by(Some(trade(&small))));
    assert!(days.least_move < 2.0 && told.len() == 1, "{told:?}");
    assert!(told[0].contains(&format!("{sessions} of {sessions} sessions")), "{told:?}");
}
