//! Estimators recover the parameters of a simulated market.

use crate::*;
use factors::size::SizeBucket;

/// Mean and variance of the true betas behind pairs (estimate, standard error): the definition of
/// Paule and Mandel (1982), solved by bisection.
pub(crate) fn prior(estimates: &[(f64, f64)]) -> (f64, f64) {
    let weight = |variance: f64, se: f64| 1.0 / (variance + se * se);
    let mean = |variance: f64| {
        let sum: f64 = estimates.iter().map(|(b, se)| b * weight(variance, *se)).sum();
        sum / estimates.iter().map(|(_, se)| weight(variance, *se)).sum::<f64>()
    };
    let squares = |variance: f64| {
        let mean = mean(variance);
        estimates.iter().map(|(b, se)| weight(variance, *se) * (b - mean) * (b - mean)).sum::<f64>()
    };
    let (mut low, mut high) = (1e-4, 100.0);
    for _ in 0..200 {
        let middle = 0.5 * (low + high);
        let is_low = (estimates.len() - 1) as f64 <= squares(middle);
        *(if is_low { &mut low } else { &mut high }) = middle;
    }
    (mean(low), low)
}

/// Whether betas are shrunk to the mean of small caps: that group is by current market value.
fn is_shrunk_as_small(row: &PositionRow) -> bool {
    row.market_cap_usd.map(SizeBucket::of) == Some(SizeBucket::Small)
}

#[test]
fn estimators_recover_the_true_parameters() {
    let world = world(400, 700, 11);
    let prepared = prepare(&world.snapshot(), &World::roles());
    let lines = lines_of(&world, 400);
    let report = report(&prepared, &raw(&lines));
    near(prepared.drivers().size_market_slope.unwrap(), world::SPREAD_SLOPE, 0.05);
    let (mut own, mut shrunk, mut size, mut covered) = (0.0, 0.0, 0.0, 0);
    for row in &report.positions {
        let truth = world.names.iter().find(|name| name.symbol == row.symbol).unwrap();
        let beta = row.market.unwrap();
        let estimate = beta.own.unwrap();
        own += (estimate.value - truth.beta) * (estimate.value - truth.beta);
        shrunk += (beta.value - truth.beta) * (beta.value - truth.beta);
        let size_beta = row.size.unwrap().value;
        size += (size_beta - truth.size_beta) * (size_beta - truth.size_beta);
        let error = (estimate.value - truth.beta).abs();
        covered += usize::from(error <= 1.96 * estimate.standard_error);
        assert_eq!(row.observations, 504);
    }
    let rmse = |sum: f64| (sum / 400.0).sqrt();
    // Residual deviations of 1.2 to 2.4 % over about 360 effective days of a 1 % market: errors
    // near 0.1.
    assert!(rmse(own) < 0.15 && rmse(size) < 0.22, "{} {}", rmse(own), rmse(size));
    assert!(rmse(shrunk) < rmse(own), "{} {}", rmse(shrunk), rmse(own));
    // Newey–West errors are a little small in samples of this size.
    assert!((0.88..=0.98).contains(&(f64::from(covered as u32) / 400.0)), "{covered}");
    // The book's true beta, in money.
    let truth: f64 = lines
        .iter()
        .map(|(symbol, v)| v * world.names.iter().find(|n| n.symbol == *symbol).unwrap().beta)
        .sum();
    let bottom_up = report.beta(Factor::Market).unwrap().bottom_up.unwrap();
    near(bottom_up.value, truth, 4.0 * bottom_up.standard_error);
    let top_down = report.beta(Factor::Market).unwrap().top_down.unwrap();
    near(top_down.value, truth, 4.0 * top_down.standard_error);
}

#[test]
fn shrinkage_is_vasiceks_towards_the_bucket() {
    let world = world(300, 600, 5);
    let prepared = prepare(&world.snapshot(), &World::roles());
    let lines: Vec<(String, f64)> =
        world.names.iter().map(|name| (name.symbol.clone(), 1e5)).collect();
    let report = report(&prepared, &raw(&lines));
    let small: Vec<_> = report.positions.iter().filter(|row| is_shrunk_as_small(row)).collect();
    assert!(20 < small.len());
    let before = month_before(&world, &raw(&lines));
    let own: Vec<(f64, f64)> = small.iter().map(|row| own_market(&before, &row.symbol)).collect();
    let (mean, variance) = prior(&own);
    for row in &small {
        let beta = row.market.unwrap();
        let own = beta.own.unwrap();
        let weight = variance / (variance + own.standard_error * own.standard_error);
        near(beta.own_weight, weight, 1e-9);
        near(beta.value, weight * own.value + (1.0 - weight) * mean, 1e-9);
        near(beta.standard_error, own.standard_error * weight.sqrt(), 1e-9);
    }
    let plain = BetaSettings { shrinkage: Shrinkage::None, ..BetaSettings::PREPARED };
    let plain = report_with(&prepared, &raw(&lines), plain, &[]);
    for row in &plain.positions {
        let beta = row.market.unwrap();
        assert_eq!(beta.value.to_bits(), beta.own.unwrap().value.to_bits());
    }
}

/// Basing priors on the month before instead of the current day changes a beta by little, compared
/// with its standard error.
#[test]
fn priors_of_the_month_before_are_close_to_those_of_the_day() {
    for seed in [5, 6, 7] {
        let world = world(300, 600, seed);
        let lines: Vec<(String, f64)> =
            world.names.iter().map(|name| (name.symbol.clone(), 1e5)).collect();
        let today = report(&prepare(&world.snapshot(), &World::roles()), &raw(&lines));
        let small = today.positions.iter().filter(|row| is_shrunk_as_small(row));
        let small: Vec<_> = small.collect();
        let own: Vec<_> = small.iter().map(|row| own_market(&today, &row.symbol)).collect();
        let (mean, variance) = prior(&own);
        for (row, (value, error)) in small.iter().zip(&own) {
            let weight = variance / (variance + error * error);
            let daily = weight * value + (1.0 - weight) * mean;
            let used = row.market.unwrap();
            let apart = (used.value - daily).abs() / used.standard_error;
            assert!(apart < 0.2, "{seed}: {apart} errors from {daily}, {used:?}");
        }
    }
}

#[test]
fn a_squeezed_short_does_not_look_like_a_hedge() {
    // +60, +130 and +50 % on days when the market fell, as in January 2021, make the least-squares
    // beta negative.
    let mut falls = Vec::new();
    let calm = world(60, 600, 3);
    for (at, m) in calm.market_returns.iter().enumerate().skip(560) {
        if *m < -0.012 && falls.len() < 3 {
            falls.push(at);
        }
    }
    assert_eq!(falls.len(), 3);
    let jumps = falls.into_iter().zip([0.6, 1.3, 0.5]).collect();
    let world = world_with(60, 600, 3, |names| names[50].jumps = jumps);
    let prepared = prepare(&world.snapshot(), &World::roles());
    let plain = BetaSettings { huber_k: 1e6, ..BetaSettings::PREPARED };
    let lines = [worth(&world.names[50].symbol, -1e6)];
    let own = |settings| {
        let report = report_with(&prepared, &lines, settings, &[]);
        report.positions[0].market.unwrap().own.unwrap().value
    };
    let (robust, least_squares) = (own(BetaSettings::PREPARED), own(plain));
    assert!(least_squares < 0.0, "{least_squares}");
    assert!(0.5 < robust && robust < 1.8, "{robust}, the truth is {}", world.names[50].beta);
}

#[test]
fn a_name_that_trades_every_other_day_gets_its_whole_beta() {
    // Half of the market's move reaches the close a day late: the slope on the same day is half the
    // beta, the sum over the day before, the day and the day after is the whole (Dimson 1979).
    let world = world_with(60, 600, 21, |names| {
        names[30].stale = true;
        names[30].beta = 1.4;
        names[30].residual_sd = 0.004;
    });
    let prepared = prepare(&world.snapshot(), &World::roles());
    let report = report(&prepared, &[worth(&world.names[30].symbol, 1e6), worth("MSFT", 1e6)]);
    let row = |symbol: &str| report.positions.iter().find(|row| row.symbol == symbol).unwrap();
    let stale = row(&world.names[30].symbol);
    assert!(stale.dimson && !row("MSFT").dimson);
    let own = stale.market.unwrap().own.unwrap();
    near(own.value, 1.4, 3.0 * own.standard_error);
    assert!(own.standard_error < 0.2, "{own:?}");
}
