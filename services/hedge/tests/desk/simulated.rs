//! A market whose factors and loadings are known: what an overlay can take away is known, too.

use crate::{
    desks::{FUNDS, LIMITS, plan, reports, terms, wish},
    view::View,
};
use hedge::{
    desk::Desk,
    scheme::Scheme,
    walk_forward::effectiveness,
    wish::{SqueezeBudget, Wish},
};
use risk::fixture::{SPREAD_SLOPE, world};

/// An overlay of both indices can take away all but the specific variance. The factors' deviations are
/// 1 % and 0.6 %.
#[test]
fn an_overlay_takes_away_what_the_indices_explain() {
    let world = world(400, 1_000, 53);
    let view = View::of(&world.snapshot());
    let long = (0..20).map(|at| (at, 1e6));
    let held: Vec<(usize, f64)> = long.chain((300..400).step_by(5).map(|at| (at, -1e6))).collect();
    let lines: Vec<(&str, f64)> =
        held.iter().map(|(at, value)| (world.names[*at].symbol.as_str(), *value)).collect();
    let (book, factors) = (view.book(&lines), view.factors());
    let desk = Desk::of(&factors, &book, &terms(&view, &FUNDS)).unwrap();
    let wish = Wish { squeeze: SqueezeBudget::Off, participation: None, ..wish(1e-3) };
    let reports = reports(&desk, &wish);
    let overlay = plan(&reports, Scheme::Overlay);
    let found = effectiveness(&desk, &wish, (Scheme::Overlay, overlay), LIMITS, &|| false);
    let found = found.unwrap().unwrap();

    let sum = |of: &dyn Fn(usize) -> f64| -> f64 { held.iter().map(|(at, v)| v * of(*at)).sum() };
    let market = sum(&|at| world.names[at].beta);
    let size = sum(&|at| world.names[at].size_beta);
    let common = (0.010 * market).powi(2) + (0.006 * size).powi(2);
    let specific: f64 = held.iter().map(|(at, v)| (v * world.names[*at].residual_sd).powi(2)).sum();
    let possible = common / (common + specific);
    let out = found.out_of_sample.unwrap();
    let expected = [-(market - (1.0 + SPREAD_SLOPE) * size), -size];
    let trades: Vec<f64> = overlay.trades.iter().map(|trade| trade.money).collect();
    assert!((found.in_sample - possible).abs() < 0.06, "{possible} {found:?}");
    assert!((out.value - possible).abs() < 0.08, "{possible} {found:?}");
    assert!(out.low < possible && possible < out.high + 0.05, "{possible} {found:?}");
    // The small-cap index moves (1 + slope)·m + s: −size of it, and the rest of the market. Noise in the
    // factors' returns, found from 400 names, makes the hedge smaller.
    for (trade, expected) in trades.iter().zip(expected) {
        assert!((trade - expected).abs() < 0.3 * size.abs(), "{trades:?} {expected:?}");
    }
}
