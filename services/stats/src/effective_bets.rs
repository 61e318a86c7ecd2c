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

/// Most steps towards the minimum torsion; it settles within some twenty.
const STEPS_MAX: usize = 200;
/// A step that changes no scale by more is the last one.
const SETTLED: f64 = 1e-12;
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

impl Bets {
    /// Of squared exposures, in standard deviations. `None` if there is no variance.
    fn of(mut squares: Vec<f64>) -> Option<Bets> {
        let all: f64 = squares.iter().sum();
        if !(0.0 < all && all.is_finite()) {
            return None;
        }
        squares.iter_mut().for_each(|square| *square /= all);
        let entropy: f64 = squares.iter().filter(|p| 0.0 < **p).map(|p| -p * libm::log(*p)).sum();
        Some(Bets { shares: squares, effective: libm::exp(entropy) })
    }
}

/// By principal components. `None` for amounts of another number than there are returns, and for a
/// portfolio without variance.
#[must_use]
pub fn principal(covariance: &SymmetricMatrix, amounts: &[f64]) -> Option<Bets> {
    if amounts.len() != covariance.dim() {
        return None;
    }
    let found = eigen::symmetric(covariance)?;
    let square = |(k, value): (usize, &f64)| {
        let exposure: f64 = found.vector(k).iter().zip(amounts).map(|(v, x)| v * x).sum();
        exposure * exposure * value.max(0.0)
    };
    Bets::of(found.values.iter().enumerate().map(square).collect())
}

/// By the uncorrelated returns, each of the variance of its own return, that differ least from the
/// returns: Σ Var(zᵢ − xᵢ)/Var(xᵢ) is smallest. `None` as for [`principal`], for a return without
/// variance and for correlations by which some combination has none.
///
/// With correlations C, zᵢ/σᵢ = dᵢ·(Q·C^(−1/2)·x/σ)ᵢ with an orthogonal Q, the polar factor of
/// D·C^(1/2), and dᵢ the diagonal of Q·C^(1/2): each follows from the other, in turns. Shares of the
/// variance do not depend on the scales d. Q·C^(1/2) is (DCD)^(−1/2)·D·C, so no root of C is needed.
#[must_use]
pub fn minimum_torsion(covariance: &SymmetricMatrix, amounts: &[f64]) -> Option<Bets> {
    if amounts.len() != covariance.dim() {
        return None;
    }
    let correlation = covariance.correlation()?;
    let held: Vec<f64> = amounts
        .iter()
        .zip(covariance.diagonal())
        .map(|(x, variance)| x * variance.sqrt())
        .collect();
    let dim = correlation.dim();
    let mut scales = vec![1.0; dim];
    for _ in 0..STEPS_MAX {
        let inverse_root = inverse_root(&correlation, &scales)?;
        let diagonal: Vec<f64> = (0..dim)
            .map(|k| {
                let roots = inverse_root.row(k).iter().zip(&scales);
                roots.zip(correlation.row(k)).map(|((root, d), c)| root * d * c).sum()
            })
            .collect();
        let moved = diagonal.iter().zip(&scales).map(|(new, old)| (new - old).abs());
        let is_settled = moved.fold(0.0, f64::max) <= SETTLED;
        if is_settled {
            let common = correlation.times(&held)?;
            let scaled: Vec<f64> = common.iter().zip(&scales).map(|(c, d)| c * d).collect();
            let exposures = inverse_root.times(&scaled)?;
            return Bets::of(exposures.into_iter().map(|exposure| exposure * exposure).collect());
        }
        scales = diagonal;
    }
    None
}

/// (DCD)^(−1/2). `None` if some combination has no variance.
fn inverse_root(correlation: &SymmetricMatrix, scales: &[f64]) -> Option<SymmetricMatrix> {
    let scaled = SymmetricMatrix::from_lower(correlation.dim(), |i, j| {
        scales[i] * correlation.get(i, j) * scales[j]
    })?;
    let found: Eigen = eigen::symmetric(&scaled)?;
    let (largest, smallest) = (found.values.first()?, found.values.last()?);
    if *smallest <= SMALLEST * largest {
        return None;
    }
    let roots: Vec<f64> = found.values.iter().map(|value| 1.0 / value.sqrt()).collect();
    found.with_values(&roots)
}
