//! Variances of the days on which the trade moved far.

use crate::{
    desks::{FUNDS, LIMITS, desk_of, plan, reports, terms, wish},
    view::View,
};
use hedge::{
    desk::Desk,
    limits::Caller,
    optimize::evaluate,
    scheme::Scheme,
    terms::{DeskTerms, VarianceDays},
    walk_forward::effectiveness,
    wish::Wish,
};
use marketdata::gap::GapReason;
use risk::{factor_view::FactorView, fixture::world, like_this::days_before, series::TradeSeries};

const NAMES: [(&str, f64); 4] = [("AAPL", 3e6), ("MSFT", 2e6), ("NVDA", 1e6), ("AMZN", 4e6)];

/// A trade that moves by 4 % on every seventeenth session and by 0.2 % on others.
fn far(at: usize) -> f64 {
    if at.is_multiple_of(17) { 0.04 } else { 0.002 }
}

fn trade(returns: &[f64]) -> TradeSeries<'_> {
    TradeSeries { trade_id: "own", returns, standard_deviation: 0.01, legs: &[], ratio: 1.0 }
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

/// What the trade does later changes no earlier days, and months out of sample are hedged by these.
#[test]
fn earlier_days_are_those_known_then() {
    let view = View::of(&world(300, 900, 61).snapshot());
    let returns: Vec<f64> = (0..view.model.sessions.len()).map(far).collect();
    let factors = view.factors_by(Some(trade(&returns)));
    let known = 300;
    let mut later = returns.clone();
    later[factors.first + known..].iter_mut().for_each(|c| *c *= 50.0);
    let changed = view.factors_by(Some(trade(&later)));
    let of = |factors: &FactorView<'_>| days_before(factors, &factors.returns, known).unwrap();
    assert_eq!(of(&factors), of(&changed));
    let last = of(&factors).described(&factors, 1.0).days.last().copied();
    assert!(last < Some(view.model.sessions.days()[factors.first + known]));
    let book = view.book(&NAMES);
    let desk = desk_of(&factors, &book, &large(&view));
    let wish: Wish = wish(1e-6);
    let reports = reports(&desk, &wish);
    let plan = plan(&reports, Scheme::Overlay);
    let found = effectiveness(&desk, &wish, (Scheme::Overlay, plan), LIMITS, &Caller::waiting());
    let found = found.unwrap().unwrap().out_of_sample.unwrap();
    assert!(0.2 < found.value, "the factors of this market are the same on all days: {found:?}");
}

#[test]
fn without_such_days_the_plan_is_that_of_all_days_and_a_gap_says_so() {
    let view = View::of(&world(300, 900, 61).snapshot());
    let factors = view.factors_by(None);
    let book = view.book(&NAMES);
    let usual = desk_of(&factors, &book, &terms(&view, &FUNDS));
    let desk = desk_of(&factors, &book, &large(&view));
    assert_eq!(overlay(&desk), overlay(&usual));
    let said = |desk: &Desk<'_>| {
        desk.gaps().iter().any(|gap| {
            gap.reason == GapReason::ShortHistory && gap.detail.contains("trade moved far")
        })
    };
    assert!(said(&desk) && !said(&usual) && desk.large_days().is_none());
}
