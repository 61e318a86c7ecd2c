//! The number of uncorrelated bets of equal size that the variance of a portfolio is worth.
//!
//! Uncorrelated returns are made of the correlated ones, and each explains a share p of the
//! portfolio's variance; exp(−Σ p·ln p) is 1 if one of them explains all, and their number if all
//! explain the same (Meucci 2009). Which uncorrelated ones is a choice: principal components, or those
//! nearest to the returns themselves (minimum torsion; Meucci, Santangelo and Deguest 2013).

use crate::{
    eigen::{self, Eigen},
    matrix::SymmetricMatrix,
};

/// Most steps towards the minimum torsion. Some twenty are usual; two returns with a correlation of
/// 0.9995 take hundreds.
const STEPS_MAX: usize = 1000;
/// The number has settled when two steps one after the other move it by no more than this share.
const SETTLED: f64 = 1e-9;
/// After the most steps a number that moved by no more than this share is good enough.
const GOOD_ENOUGH: f64 = 1e-6;
/// An eigenvalue of the correlations below this one is that of a combination without variance.
const SMALLEST: f64 = 1e-10;

/// Shares of the variance and what they are worth.
#[derive(Clone, Debug, PartialEq)]
pub struct Bets {
    /// Shares of the variance, which add up to 1: by component, the largest variance first, or by
    /// return.
    pub shares: Vec<f64>,
    /// exp(−Σ p·ln p).
    pub effective: f64,
}

/// Why a portfolio has no number of bets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoBets {
    /// The amounts are not as many as the returns, or a return or the portfolio has no variance.
    NoVariance,
    /// The returns are so alike that the uncorrelated ones nearest to them do not exist, or are not
    /// found.
    TooAlike,
}

impl Bets {
    /// Of squared exposures, in standard deviations.
    fn of(mut squares: Vec<f64>) -> Result<Bets, NoBets> {
        let all: f64 = squares.iter().sum();
        if !(0.0 < all && all.is_finite()) {
            return Err(NoBets::NoVariance);
        }
        squares.iter_mut().for_each(|square| *square /= all);
        let entropy: f64 = squares.iter().filter(|p| 0.0 < **p).map(|p| -p * libm::log(*p)).sum();
        Ok(Bets { shares: squares, effective: libm::exp(entropy) })
    }
}

/// By principal components.
///
/// # Errors
/// [`NoBets::NoVariance`].
pub fn principal(covariance: &SymmetricMatrix, amounts: &[f64]) -> Result<Bets, NoBets> {
    if amounts.len() != covariance.dim() {
        return Err(NoBets::NoVariance);
    }
    let found = eigen::symmetric(covariance).ok_or(NoBets::NoVariance)?;
    let square = |(k, value): (usize, &f64)| {
        let exposure: f64 = found.vector(k).iter().zip(amounts).map(|(v, x)| v * x).sum();
        exposure * exposure * value.max(0.0)
    };
    Bets::of(found.values.iter().enumerate().map(square).collect())
}

/// By the uncorrelated returns z that differ least from the returns x: Σ Var(zᵢ − xᵢ)/Var(xᵢ) is
/// smallest. Their variances are free; shares of the portfolio's variance do not depend on them.
///
/// With correlations C, zᵢ/σᵢ = dᵢ·(Q·C^(−1/2)·x/σ)ᵢ with an orthogonal Q, the polar factor of
/// D·C^(1/2), and dᵢ the diagonal of Q·C^(1/2): each follows from the other, in turns. Q·C^(1/2) is
/// (DCD)^(−1/2)·D·C, so no root of C is needed. Every step brings the distance down; between returns
/// that are nearly the same it does so slowly, and the number of bets settles long before the scales d.
///
/// # Errors
/// [`NoBets`].
pub fn minimum_torsion(covariance: &SymmetricMatrix, amounts: &[f64]) -> Result<Bets, NoBets> {
    torsion(covariance, amounts, STEPS_MAX)
}

fn torsion(
    covariance: &SymmetricMatrix,
    amounts: &[f64],
    steps_max: usize,
) -> Result<Bets, NoBets> {
    if amounts.len() != covariance.dim() {
        return Err(NoBets::NoVariance);
    }
    let correlation = covariance.correlation().ok_or(NoBets::NoVariance)?;
    let held: Vec<f64> = amounts
        .iter()
        .zip(covariance.diagonal())
        .map(|(x, variance)| x * variance.sqrt())
        .collect();
    let common = correlation.times(&held).ok_or(NoBets::NoVariance)?;
    let dim = correlation.dim();
    let mut scales = vec![1.0; dim];
    let mut near: Option<Eigen> = None;
    let mut last: Option<Bets> = None;
    let (mut moved, mut quiet) = (f64::INFINITY, 0);
    for _ in 0..steps_max {
        let found = scaled(&correlation, &scales, near.as_ref()).ok_or(NoBets::TooAlike)?;
        let inverse_root = inverse_root(&found).ok_or(NoBets::TooAlike)?;
        let exposed: Vec<f64> = common.iter().zip(&scales).map(|(c, d)| c * d).collect();
        let exposures = inverse_root.times(&exposed).ok_or(NoBets::TooAlike)?;
        let bets = Bets::of(exposures.into_iter().map(|exposure| exposure * exposure).collect())?;
        if let Some(last) = &last {
            moved = (bets.effective / last.effective - 1.0).abs();
            quiet = if moved <= SETTLED { quiet + 1 } else { 0 };
        }
        if quiet == 2 {
            return Ok(bets);
        }
        scales = (0..dim)
            .map(|k| {
                let roots = inverse_root.row(k).iter().zip(&scales);
                roots.zip(correlation.row(k)).map(|((root, d), c)| root * d * c).sum()
            })
            .collect();
        (near, last) = (Some(found), Some(bets));
    }
    last.filter(|_| moved <= GOOD_ENOUGH).ok_or(NoBets::TooAlike)
}

/// DCD by eigenvectors. Those of the step before are nearly its own.
fn scaled(correlation: &SymmetricMatrix, scales: &[f64], near: Option<&Eigen>) -> Option<Eigen> {
    let matrix = SymmetricMatrix::from_lower(correlation.dim(), |i, j| {
        scales[i] * correlation.get(i, j) * scales[j]
    })?;
    match near {
        Some(near) => eigen::symmetric_near(&matrix, near),
        None => eigen::symmetric(&matrix),
    }
}

/// The inverse of the root. `None` if some combination has no variance.
fn inverse_root(found: &Eigen) -> Option<SymmetricMatrix> {
    let (largest, smallest) = (found.values.first()?, found.values.last()?);
    if *smallest <= SMALLEST * largest {
        return None;
    }
    let roots: Vec<f64> = found.values.iter().map(|value| 1.0 / value.sqrt()).collect();
    found.with_values(&roots)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two returns of correlation ρ, and a third one of correlation 0.3 to both.
    fn twins(rho: f64) -> SymmetricMatrix {
        SymmetricMatrix::from_lower(3, |i, j| match (i, j) {
            _ if i == j => 1e-4,
            (1, 0) => rho * 1e-4,
            _ => 0.3e-4,
        })
        .unwrap()
    }

    #[test]
    fn near_twins_have_a_number_and_twins_a_reason() {
        for rho in [0.9995, 0.999_95] {
            let found = minimum_torsion(&twins(rho), &[1.0, -0.4, 0.7]).unwrap();
            // Ten times the steps move it no more.
            let longer = torsion(&twins(rho), &[1.0, -0.4, 0.7], 10 * STEPS_MAX).unwrap();
            assert!((found.effective / longer.effective - 1.0).abs() < 1e-6, "{rho}");
            assert!((1.0..=3.0).contains(&found.effective));
        }
        assert_eq!(minimum_torsion(&twins(1.0), &[1.0, 2.0, 1.0]), Err(NoBets::TooAlike));
        assert_eq!(torsion(&twins(0.9995), &[1.0, -0.4, 0.7], 3), Err(NoBets::TooAlike));
        assert_eq!(minimum_torsion(&twins(0.5), &[0.0; 3]), Err(NoBets::NoVariance));
        assert_eq!(minimum_torsion(&twins(0.5), &[1.0; 2]), Err(NoBets::NoVariance));
    }
}
