//! Betas of a series of returns to one or two drivers, as weighted sums.
//!
//! The drivers are the same for every book, so least squares is a fixed linear map: the slope is
//! the inner product of the returns with the driver's influence. Two drivers can be fitted together
//! if they are uncorrelated under the weights, as MARKET and SIZE are by construction. If some
//! sessions do not count for the book, the map is recomputed over the others: a return implied by a
//! beta carries no information about the beta.

use crate::{driver::Driver, report::Measured};
use stats::{kernel::dot, newey_west};
use std::borrow::Cow;

/// Slopes on the drivers, in order, and the share of variance they explain.
#[derive(Debug)]
pub(crate) struct TopDown {
    pub(crate) slopes: Vec<Measured>,
    /// 1 − Σwe²/Σw(r − r̄)². `None` if the returns do not vary.
    pub(crate) r_squared: Option<f64>,
}

/// Least squares on one or two drivers over the sessions that count for a book.
#[derive(Debug)]
pub(crate) struct Map<'a> {
    rows: Vec<Row<'a>>,
}

/// A driver's part of the map, over the fit window.
#[derive(Debug)]
struct Row<'a> {
    /// Its returns.
    window: &'a [f64],
    /// Zero on sessions that do not count.
    weights: Cow<'a, [f64]>,
    influence: Cow<'a, [f64]>,
    observations: usize,
}

impl<'a> Map<'a> {
    /// The map of one or two drivers. `own` says which sessions of the fit window count; `None`
    /// means all. Returns `None` if no driver is given, if one has fewer sessions than `least`, or
    /// if the drivers do not vary on them.
    pub(crate) fn of(
        drivers: &[&'a Driver],
        own: Option<&[bool]>,
        least: usize,
    ) -> Option<Map<'a>> {
        let whole = |driver: &&'a Driver| Row {
            window: &driver.window,
            weights: Cow::Borrowed(&driver.weights),
            influence: Cow::Borrowed(&driver.influence),
            observations: driver.observations,
        };
        let rows = match own {
            None => drivers.iter().map(whole).collect(),
            Some(own) => over(drivers, own)?,
        };
        let enough = rows.iter().all(|row| least <= row.observations);
        (enough && !rows.is_empty()).then_some(Map { rows })
    }

    /// The weight of each session of the fit window, by the first driver; zero on sessions that do
    /// not count. Empty without a driver.
    pub(crate) fn weights(&self) -> &[f64] {
        self.rows.first().map_or(&[], |row| &row.weights)
    }

    /// Fits returns over the fit window. Errors are Newey–West on the influence of each day. R² is
    /// over the sessions of the first driver.
    pub(crate) fn fit(&self, returns: &[f64]) -> TopDown {
        let rows = &self.rows;
        let slopes: Vec<f64> = rows.iter().map(|row| dot(&row.influence, returns)).collect();
        let mut residuals = returns.to_vec();
        for (row, slope) in rows.iter().zip(&slopes) {
            for (residual, value) in residuals.iter_mut().zip(row.window) {
                *residual -= slope * value;
            }
        }
        let r_squared = rows.first().and_then(|row| {
            let variance = variance(&row.weights, returns);
            let left = variance_left(variance, &row.weights, &residuals)?;
            Some((1.0 - left).clamp(0.0, 1.0))
        });
        let measured = |(row, slope): (&Row<'_>, &f64)| Measured {
            value: *slope,
            standard_error: standard_error(row, &residuals, rows.len()),
            observations: row.observations,
        };
        TopDown { slopes: rows.iter().zip(&slopes).map(measured).collect(), r_squared }
    }
}

/// The drivers on some sessions of the fit window, with their joint least-squares influence there:
/// they are uncorrelated only over the whole window.
fn over<'a>(drivers: &[&'a Driver], own: &[bool]) -> Option<Vec<Row<'a>>> {
    let mut weights: Vec<f64> = own.iter().map(|own| if *own { 1.0 } else { 0.0 }).collect();
    for (at, driver) in drivers.iter().enumerate() {
        // Only the first driver's weight contains the age of a session; the other only marks where
        // it is missing.
        for (weight, other) in weights.iter_mut().zip(&driver.weights) {
            *weight *= if at == 0 || *other <= 0.0 { *other } else { 1.0 };
        }
    }
    let observations = weights.iter().filter(|weight| 0.0 < **weight).count();
    let sum: f64 = weights.iter().sum();
    if sum <= 0.0 {
        return None;
    }
    weights.iter_mut().for_each(|weight| *weight /= sum);
    let centred: Vec<Vec<f64>> = drivers
        .iter()
        .map(|driver| {
            let mean = dot(&weights, &driver.window);
            driver.window.iter().map(|value| value - mean).collect()
        })
        .collect();
    let pulls: Vec<Vec<f64>> =
        centred.iter().map(|c| weights.iter().zip(c).map(|(w, c)| w * c).collect()).collect();
    let influences = influences(&centred, &pulls)?;
    let row = |(driver, influence): (&&'a Driver, Vec<f64>)| Row {
        window: &driver.window,
        weights: Cow::Owned(weights.clone()),
        influence: Cow::Owned(influence),
        observations,
    };
    Some(drivers.iter().zip(influences).map(row).collect())
}

/// Rows of (C′WC)⁻¹C′W for one or two columns. `None` if they are constant or collinear.
fn influences(centred: &[Vec<f64>], pulls: &[Vec<f64>]) -> Option<Vec<Vec<f64>>> {
    match (centred, pulls) {
        ([a], [pull]) => {
            let variance = dot(pull, a);
            let influence = pull.iter().map(|pull| pull / variance).collect();
            (0.0 < variance).then(|| vec![influence])
        }
        ([a, b], [pull_a, pull_b]) => {
            let (aa, ab, bb) = (dot(pull_a, a), dot(pull_a, b), dot(pull_b, b));
            let determinant = aa * bb - ab * ab;
            if determinant <= COLLINEAR * aa * bb {
                return None;
            }
            let row = |own: f64, other: f64, x: &[f64], y: &[f64]| -> Vec<f64> {
                x.iter().zip(y).map(|(x, y)| (own * x - other * y) / determinant).collect()
            };
            Some(vec![row(bb, ab, pull_a, pull_b), row(aa, ab, pull_b, pull_a)])
        }
        _ => None,
    }
}

/// Two drivers are collinear if less than this share of their variance is not common.
const COLLINEAR: f64 = 1e-9;

/// Share of the variance that remains in the residuals. `None` if there is no variance.
fn variance_left(whole: f64, weights: &[f64], residuals: &[f64]) -> Option<f64> {
    (0.0 < whole).then(|| variance(weights, residuals) / whole)
}

/// Weighted variance about the weighted mean.
fn variance(weights: &[f64], values: &[f64]) -> f64 {
    let mean = dot(weights, values);
    let centred: Vec<f64> = values.iter().map(|value| value - mean).collect();
    let pulled: Vec<f64> = weights.iter().zip(&centred).map(|(w, c)| w * c).collect();
    dot(&pulled, &centred)
}

/// √(Σ u² + 2Σ_k bartlett(k)·Σ u_t·u_{t−k}), u = influence·residual, times √(n/(n − p)).
fn standard_error(row: &Row<'_>, residuals: &[f64], slopes: usize) -> f64 {
    let mean = dot(&row.weights, residuals);
    let scores: Vec<f64> =
        row.influence.iter().zip(residuals).map(|(c, e)| c * (e - mean)).collect();
    let lags = newey_west::lags(row.observations);
    let mut variance = dot(&scores, &scores);
    for lag in 1..=lags.min(scores.len().saturating_sub(1)) {
        variance += 2.0 * newey_west::bartlett(lag, lags) * dot(&scores[lag..], &scores);
    }
    let n = row.observations as f64;
    let free = (n - 1.0 - slopes as f64).max(1.0);
    (variance.max(0.0) * n / free).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use stats::{
        newey_west,
        regression::{ErrorModel, Workspace},
        rng::Rng,
    };

    /// Cross-check against the normal equations of [`stats::regression`].
    #[test]
    fn agrees_with_weighted_least_squares_and_its_errors() {
        let n = 300;
        let mut rng = Rng::new(1, 2);
        let market: Vec<f64> = (0..n).map(|_| 0.01 * rng.normal()).collect();
        let mut returns: Vec<f64> = market.iter().map(|m| 0.8 * m + 0.004 * rng.normal()).collect();
        returns[7] += 0.05;
        let weights = stats::ewma::weights(n, 0.99).unwrap();
        let driver = Driver::of(market.clone(), 0, &weights).unwrap();
        let fit = Map::of(&[&driver], None, 60).unwrap().fit(&returns);
        let errors = ErrorModel::Hac { lags: newey_west::lags(n) };
        let other =
            Workspace::empty().least_squares(&returns, &[&market], Some(&weights), errors).unwrap();
        let near = |a: f64, b: f64| assert!((a - b).abs() <= 1e-10 * b.abs(), "{a} {b}");
        near(fit.slopes[0].value, other.slopes[0].value);
        near(fit.slopes[0].standard_error, other.slopes[0].standard_error);
        near(fit.r_squared.unwrap(), other.r_squared.unwrap());
        assert_eq!(fit.slopes[0].observations, other.observations);
    }
}
