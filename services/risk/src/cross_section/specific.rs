//! Specific risk by name: from its own residuals, from names like it, shrunk, and by regime.
//!
//! 1. σ_own: root of the long-run variance of the name's residuals, weighted by age.
//! 2. σ_like = E·exp(X·b): b from a regression of ln σ_own on the exposures over names with a full
//!    history, weights √cap; E makes the √cap-weighted means of σ_own and of the fit equal.
//! 3. σ = γ·σ_own + (1 − γ)·σ_like with γ = (n − n_min)/(n_full − n_min) between 0 and 1, where n is
//!    the number of residuals: thin names are judged by others. n_full is 180, or nine tenths of the
//!    largest n where no name has more: in a short history others know no more than the name itself.
//! 4. Shrunk towards the cap-weighted mean σ̄ of its decile by market value:
//!    v·σ̄ + (1 − v)·σ with v = q|σ − σ̄|/(Δ + q|σ − σ̄|), Δ the root mean square of σ − σ̄ in the
//!    decile (methodology B4).
//! 5. Multiplied by the regime λ: B_t² is the √cap-weighted mean of (u/σ)² over the names of the
//!    estimation universe, σ forecast before the session.

use super::{
    factor_covariance::{long_run, regime},
    inputs::Line,
    session::Exposures,
    settings::CrossSectionSettings,
    style::STYLES,
};
use crate::panel::Panel;
use rayon::prelude::*;
use stats::grouped;

/// Number of groups by market value.
const DECILES: usize = 10;

/// A history is full with so many tenths of the most residuals that any name has: a few sessions
/// without a trade leave a name its own.
const FULL_TENTHS: usize = 9;

/// A standardised residual counts up to this size in the regime: one name's squeeze is not a regime.
const STANDARDISED_MAX: f64 = 10.0;

/// Specific risks of the lines with a market value.
#[derive(Debug)]
pub(crate) struct SpecificRisks {
    /// Variance per session by line; NaN if the line has no market value.
    pub(crate) variances: Vec<f64>,
    /// γ by line: the weight of the name's own residuals.
    pub(crate) own_weights: Vec<f64>,
    /// λ, by which the regime multiplies volatilities. `None`, hence 1, without enough sessions.
    pub(crate) regime: Option<f64>,
}

/// A line's own residuals, measured.
struct Own {
    /// Volatility for the next session. `None` with too few residuals, or if they do not vary.
    volatility: Option<f64>,
    observations: usize,
    /// (u/σ)² by session, NaN if missing.
    squares: Vec<f32>,
}

impl SpecificRisks {
    /// From residuals by line; `exposures` are those at the close of the last session. `None` if no
    /// line has enough residuals.
    pub(crate) fn of(
        lines: &[Line],
        exposures: &Exposures,
        residuals: &Panel,
        sectors: usize,
        settings: &CrossSectionSettings,
    ) -> Option<SpecificRisks> {
        let own: Vec<Own> = (0..lines.len() as u32)
            .into_par_iter()
            .map(|row| Own::of(residuals, row, settings))
            .collect::<Option<_>>()?;
        let full = full_history(&own, settings);
        let own_weights: Vec<f64> = own.iter().map(|own| own.weight(full, settings)).collect();
        let like = Like::of(lines, exposures, &own, &own_weights, sectors)?;
        let blended = |at: usize| {
            if exposures.caps[at].is_nan() {
                return f64::NAN;
            }
            let others = like.volatility(&lines[at], &exposures.styles[at]);
            let weight = own_weights[at];
            own[at].volatility.map_or(others, |own| weight * own + (1.0 - weight) * others)
        };
        let mut volatilities: Vec<f64> = (0..lines.len()).map(blended).collect();
        shrink_by_decile(&mut volatilities, &exposures.caps, settings.specific_shrinkage);
        let squares = mean_squares(&own, exposures, residuals.width);
        let regime = regime(&squares, settings.regime_half_life_sessions);
        let scale = regime.unwrap_or(1.0);
        let variances = volatilities.iter().map(|sigma| (scale * sigma) * (scale * sigma));
        Some(SpecificRisks { variances: variances.collect(), own_weights, regime })
    }
}

impl Own {
    fn of(residuals: &Panel, row: u32, settings: &CrossSectionSettings) -> Option<Own> {
        let values = residuals.own_within(row, 0..residuals.width);
        let forecasts = long_run(settings.specific, settings.observations_min)?.forecasts(&values);
        let square = |(value, variance): (&f64, &Option<f64>)| {
            let variance = variance.filter(|variance| 0.0 < *variance).unwrap_or(f64::NAN);
            let square = value * value / variance;
            if square.is_finite() {
                square.min(STANDARDISED_MAX * STANDARDISED_MAX) as f32
            } else {
                f32::NAN
            }
        };
        let next = forecasts.last().copied().flatten().map(f64::sqrt);
        Some(Own {
            volatility: next.filter(|sigma| 0.0 < *sigma),
            observations: values.iter().filter(|value| value.is_finite()).count(),
            squares: values.iter().zip(&forecasts).map(square).collect(),
        })
    }

    /// γ, given the number of residuals with which it is one.
    fn weight(&self, full: usize, settings: &CrossSectionSettings) -> f64 {
        if self.volatility.is_none() {
            return 0.0;
        }
        if full <= self.observations {
            return 1.0;
        }
        let least = settings.observations_min;
        self.observations.saturating_sub(least) as f64 / full.saturating_sub(least).max(1) as f64
    }
}

/// Number of residuals with which a name's history is full.
fn full_history(own: &[Own], settings: &CrossSectionSettings) -> usize {
    let most = own.iter().map(|own| own.observations).max().unwrap_or(0);
    settings.specific_observations_full.min(most * FULL_TENTHS / 10)
}

/// Specific risk as a function of exposures.
struct Like {
    fit: Option<grouped::GroupedFit>,
    /// Factor that makes the means agree, or the mean itself if there is no fit.
    level: f64,
}

impl Like {
    /// From the names of the universe whose history is full; if they do not support a regression,
    /// from the mean of all names with residuals. `None` if there are none.
    fn of(
        lines: &[Line],
        exposures: &Exposures,
        own: &[Own],
        weights: &[f64],
        sectors: usize,
    ) -> Option<Like> {
        let volatility = |at: usize| own[at].volatility.unwrap_or(f64::NAN);
        let full = exposures.universe.iter().copied().filter(|at| 1.0 <= weights[*at]);
        let full: Vec<usize> = full.collect();
        let pick = |f: &dyn Fn(usize) -> f64| full.iter().map(|at| f(*at)).collect::<Vec<f64>>();
        let root = pick(&|at| exposures.caps[at].sqrt());
        let columns: Vec<Vec<f64>> =
            (0..STYLES).map(|style| pick(&|at| exposures.styles[at][style])).collect();
        let columns: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
        let groups: Vec<usize> = full.iter().map(|at| lines[*at].sector.unwrap_or(0)).collect();
        // Half as many unknowns as names would follow the names instead of saying what they share.
        let enough = 2 * (1 + STYLES + sectors) <= full.len();
        let fit = enough.then(|| {
            grouped::fit(&grouped::CrossSection {
                y: &pick(&|at| libm::log(volatility(at))),
                weights: &root,
                masses: &pick(&|at| exposures.caps[at]),
                groups: &groups,
                group_count: sectors,
                columns: &columns,
            })
        });
        let mut like = Like { fit: fit.flatten(), level: 1.0 };
        if like.fit.is_some() {
            let of = |at: usize| like.volatility(&lines[at], &exposures.styles[at]);
            let weighted = |values: Vec<f64>| stats::kernel::dot(&root, &values);
            like.level = weighted(pick(&volatility)) / weighted(pick(&of));
            return like.level.is_finite().then_some(like);
        }
        let known = (0..own.len()).filter(|at| exposures.caps[*at].is_finite());
        let known: Vec<f64> = known.filter_map(|at| own[at].volatility).collect();
        like.level = stats::moments::mean(&known)?;
        Some(like)
    }

    fn volatility(&self, line: &Line, styles: &[f64; STYLES]) -> f64 {
        let Some(fit) = &self.fit else { return self.level };
        let known = |value: &Option<f64>| value.unwrap_or(0.0);
        let slopes: f64 = styles.iter().zip(&fit.slopes).map(|(x, b)| x * known(b)).sum();
        let sector = line.sector.and_then(|sector| fit.groups.get(sector)).map_or(0.0, known);
        self.level * libm::exp(fit.constant + sector + slopes)
    }
}

/// Shrinks each volatility towards the cap-weighted mean of its decile; NaN stays.
fn shrink_by_decile(volatilities: &mut [f64], caps: &[f64], strength: f64) {
    let mut order: Vec<usize> = (0..caps.len()).filter(|at| caps[*at].is_finite()).collect();
    // Equal caps stay in the order of names.
    order.sort_by(|a, b| caps[*a].total_cmp(&caps[*b]));
    for decile in 0..DECILES {
        let group = &order[decile * order.len() / DECILES..(decile + 1) * order.len() / DECILES];
        let total: f64 = group.iter().map(|at| caps[*at]).sum();
        let mean: f64 = group.iter().map(|at| caps[*at] * volatilities[*at]).sum::<f64>() / total;
        let square = |at: &usize| (volatilities[*at] - mean) * (volatilities[*at] - mean);
        let spread = (group.iter().map(square).sum::<f64>() / group.len() as f64).sqrt();
        for at in group {
            let away = strength * (volatilities[*at] - mean).abs();
            if 0.0 < away {
                let weight = away / (spread + away);
                volatilities[*at] += weight * (mean - volatilities[*at]);
            }
        }
    }
}

/// B_t² by session, NaN if no name has a standardised residual.
fn mean_squares(own: &[Own], exposures: &Exposures, sessions: usize) -> Vec<f64> {
    let (mut sums, mut weights) = (vec![0.0; sessions], vec![0.0; sessions]);
    for at in &exposures.universe {
        let root = exposures.caps[*at].sqrt();
        for (t, square) in own[*at].squares.iter().enumerate().filter(|(_, s)| s.is_finite()) {
            sums[t] += root * f64::from(*square);
            weights[t] += root;
        }
    }
    sums.iter().zip(&weights).map(|(sum, weight)| sum / weight).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two per decile. In the smallest, volatilities 1 and 3 with caps 3 and 1: mean 1.5, deviations
    /// −0.5 and 1.5, Δ = √1.25. With q = 1, v = 0.5/(√1.25 + 0.5) and 1.5/(√1.25 + 1.5).
    #[test]
    fn volatilities_are_shrunk_towards_their_decile() {
        let mut caps = vec![3.0, 1.0];
        caps.extend((2..20).map(|at| 10.0 * f64::from(at)));
        let mut volatilities = vec![1.0, 3.0];
        volatilities.resize(20, 2.0);
        shrink_by_decile(&mut volatilities, &caps, 1.0);
        let spread = 1.25_f64.sqrt();
        assert!((volatilities[0] - (1.0 + 0.5 * 0.5 / (spread + 0.5))).abs() < 1e-15);
        assert!((volatilities[1] - (3.0 - 1.5 * 1.5 / (spread + 1.5))).abs() < 1e-15);
        assert!(volatilities[2..].iter().all(|sigma| sigma.to_bits() == 2.0_f64.to_bits()));
        let mut few = [1.0, f64::NAN];
        shrink_by_decile(&mut few, &[1.0, f64::NAN], 1.0);
        assert_eq!(few[0].to_bits(), 1.0_f64.to_bits());
    }
}
