//! How much a P&L was expected to move, as seen at the start.
//!
//! σ² = h·Σ w_t·x_t², where x_t is what the positions of the start would have made on each of the last
//! sessions up to the start, w_t ∝ λ^age, and h is the number of sessions of the window. The same
//! rule for the book and for every part of it.

use super::carried::FACTORS;
use crate::{
    name::{NONE, NameRow},
    prepared::PreparedExposure,
    settings::FILTER_DECAY,
};

/// Sessions behind a forecast; the weight of the first is λ^251 ≈ 2e-7 of the last.
const SESSIONS: usize = 252;

/// Least number of sessions behind a forecast.
const SESSIONS_MIN: usize = 20;

/// The sessions and weights behind forecasts.
#[derive(Debug)]
pub(super) struct Forecast {
    /// Place of the first session among those of the view.
    first: usize,
    /// By session, times h. Empty: too few sessions.
    weights: Vec<f64>,
    /// The returns of [`FACTORS`], zero if missing.
    factors: [Vec<f64>; 3],
}

impl Forecast {
    /// A forecast for so many sessions after the view.
    pub(super) fn of(start: &PreparedExposure, horizon: usize) -> Forecast {
        let width = start.sessions.len();
        let first = width.saturating_sub(SESSIONS);
        let count = width - first;
        let weights = Some(count).filter(|count| SESSIONS_MIN <= *count);
        let weights = weights.and_then(|count| stats::ewma::weights(count, FILTER_DECAY));
        let mut weights = weights.unwrap_or_default();
        weights.iter_mut().for_each(|weight| *weight *= horizon as f64);
        let factors = FACTORS.map(|factor| {
            let known = |value: &f64| if value.is_finite() { *value } else { 0.0 };
            match start.factor_driver(factor) {
                Some(driver) => driver.returns[first..].iter().map(known).collect(),
                None => vec![0.0; count],
            }
        });
        Forecast { first, weights, factors }
    }

    /// Number of sessions behind it.
    pub(super) fn sessions(&self) -> usize {
        self.factors[0].len()
    }

    /// The returns of a factor of [`FACTORS`].
    pub(super) fn factor(&self, at: usize) -> &[f64] {
        &self.factors[at]
    }

    /// The past returns of a name: its own, and its betas times the factors where it has none; and
    /// the number of the latter.
    pub(super) fn returns(&self, start: &PreparedExposure, name: &NameRow) -> (Vec<f64>, usize) {
        let implied =
            |at: usize| name.market * self.factors[0][at] + name.size * self.factors[1][at];
        let mut returns = vec![f64::NAN; self.sessions()];
        if name.row != NONE {
            returns = start.panel.own_within(name.row, self.first..self.first + self.sessions());
        }
        let mut missing = 0;
        for (at, value) in returns.iter_mut().enumerate().filter(|(_, value)| !value.is_finite()) {
            *value = implied(at);
            missing += 1;
        }
        (returns, missing)
    }

    /// The standard deviation of a P&L with this past. `None` with too few sessions, or if it never
    /// moved.
    pub(super) fn standard_deviation(&self, past: &[f64]) -> Option<f64> {
        let squares = self.weights.iter().zip(past).map(|(weight, value)| weight * value * value);
        Some(squares.sum::<f64>().sqrt()).filter(|sd| sd.is_finite() && 0.0 < *sd)
    }
}
