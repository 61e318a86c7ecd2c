//! Top-down betas use only the sessions on which the book has returns of its own.

use crate::*;
use marketdata::gap::{FactorEstimate, Gap, MeasureRef, Subject};
use stats::{newey_west, regression};

/// A world with a name of 120 sessions whose beta is far from its peers'.
fn world_with_a_young_outlier() -> World {
    world_with(200, 700, 31, |names| {
        names[120].listed_from = 580;
        names[120].beta = 2.5;
        names[120].residual_sd = 0.01;
    })
}

#[test]
fn top_down_betas_do_not_regress_their_own_stand_ins() {
    let world = world_with_a_young_outlier();
    let prepared = prepare(&world.snapshot(), &World::roles());
    let young = world.names[120].symbol.as_str();
    let report = report(&prepared, &[worth(young, 1e6)]);
    let beta = report.beta(Factor::Market).unwrap().top_down.unwrap();
    // Listed on session 580, it has returns from session 581 on: 119 of them.
    assert_eq!(beta.observations, 119);
    near(beta.value, 2.5e6, 4.0 * beta.standard_error);
    // Cross-check: weighted least squares on its own sessions.
    let own = |series: &[f64]| series[581..].to_vec();
    let (market, small) = (own(&world.market_returns), own(&world.size_returns));
    let slope = prepared.drivers().size_market_slope.unwrap();
    // SIZE is the spread less its estimated market part.
    let size: Vec<f64> =
        small.iter().zip(&market).map(|(s, m)| s + (world::SPREAD_SLOPE - slope) * m).collect();
    let weights = stats::ewma::weights(119, libm::exp2(-1.0 / 126.0)).unwrap();
    let errors = regression::ErrorModel::Hac { lags: newey_west::lags(119) };
    let returns = own(&world.returns(120, 31));
    let fit =
        regression::least_squares(&returns, &[&market, &size], Some(&weights), errors).unwrap();
    // Returns are kept in single precision.
    near(beta.value, 1e6 * fit.slopes[0].value, 10.0);
    near(beta.standard_error, 1e6 * fit.slopes[0].standard_error, 10.0);
    near(
        report.beta(Factor::Size).unwrap().top_down.unwrap().value,
        1e6 * fit.slopes[1].value,
        10.0,
    );
    let crowd = trade(&report).beta.top_down.unwrap();
    assert_eq!(crowd.observations, 119);
    let note =
        report.gaps.iter().find(|gap| gap.subject == betas(FactorEstimate::TopDown)).unwrap();
    assert!(note.detail.contains("119 of 504"), "{}", note.detail);
}

#[test]
fn legs_still_add_up_on_sessions_of_their_own() {
    let world = world_with_a_young_outlier();
    let prepared = prepare(&world.snapshot(), &World::roles());
    let young = world.names[120].symbol.as_str();
    let lines = [worth("MSFT", 2e6), worth("AAPL", 1e6), worth(young, -2e6), worth("N0190", -1e6)];
    let report = report(&prepared, &lines);
    let beta = trade(&report).beta.top_down.unwrap();
    assert_eq!(beta.observations, 119);
    let legs: f64 = trade(&report).legs.iter().filter_map(|leg| Some(leg.beta?.value)).sum();
    near(legs, beta.value, 1e-6 * report.total.gross());
    for unwind in &trade(&report).unwinds {
        near(unwind.leg_pnl.iter().sum(), unwind.pnl, 1e-6 * report.total.gross());
    }
}

#[test]
fn a_small_young_line_does_not_shorten_the_sample() {
    let world = world_with_a_young_outlier();
    let prepared = prepare(&world.snapshot(), &World::roles());
    let young = world.names[120].symbol.as_str();
    let with = |value| report(&prepared, &[worth("MSFT", 2e6), worth(young, value)]);
    // 4 % of gross: all 504 sessions count.
    let little = with(-2e6 * 4.0 / 96.0).beta(Factor::Market).unwrap().top_down.unwrap();
    assert_eq!(little.observations, 504);
    // 6 % of gross: only sessions on which both have returns count.
    assert_eq!(
        with(-2e6 * 6.0 / 94.0).beta(Factor::Market).unwrap().top_down.unwrap().observations,
        119
    );
}

#[test]
fn too_few_own_sessions_give_no_top_down_beta() {
    let world = world_with(200, 700, 32, |names| names[120].listed_from = 660);
    let prepared = prepare(&world.snapshot(), &World::roles());
    let young = world.names[120].symbol.as_str();
    let report = report(&prepared, &[worth("MSFT", 1e6), worth(young, -1e6)]);
    assert!(
        report.beta(Factor::Market).unwrap().top_down.is_none()
            && report.beta(Factor::Size).unwrap().top_down.is_none()
    );
    assert!(
        report.beta(Factor::MarketUp).unwrap().top_down.is_none()
            && trade(&report).beta.top_down.is_none()
    );
    assert!(trade(&report).share_of_variance.is_none() && trade(&report).unwinds.is_empty());
    assert!(trade(&report).legs.iter().all(|leg| leg.beta.is_none()));
    assert!(report.beta(Factor::Market).unwrap().bottom_up.is_some());
    let gap = report.gaps.iter().find(|gap| gap.subject == betas(FactorEstimate::TopDown)).unwrap();
    assert_eq!(gap.reason, GapReason::ShortHistory);
    assert!(gap.detail.starts_with("39 sessions"), "{}", gap.detail);
}

/// Every session counts for the book, but a small short has returns on few of them.
#[test]
fn a_leg_with_few_own_returns_reports_their_share() {
    let world = world_with(200, 700, 36, |names| names[150].listed_from = 640);
    let prepared = prepare(&world.snapshot(), &World::roles());
    let young = world.names[150].symbol.as_str();
    let report = report(&prepared, &[worth("MSFT", 0.97e6), worth(young, -0.03e6)]);
    let short = &trade(&report).legs[SMALL_CAP_SHORT];
    assert_eq!(short.beta.unwrap().observations, 504);
    let is_of_leg =
        |gap: &&Gap| matches!(gap.subject, Subject::Measure(MeasureRef::LegBeta { .. }));
    let gap = report.gaps.iter().find(is_of_leg).unwrap();
    assert_eq!(gap.reason, GapReason::MissingObservations);
    // The last 59 of 504 returns, with the weights of the betas: (1 − h^59)/(1 − h^504), h =
    // 2^(−1/126).
    let h = libm::exp2(-1.0 / 126.0);
    let share = (1.0 - libm::pow(h, 59.0)) / (1.0 - libm::pow(h, 504.0));
    assert!(gap.detail.contains(&format!("{:.0} %", 100.0 * share)), "{gap:?}");
    near(gap.gross_share.unwrap(), 0.03, 1e-9);
}
