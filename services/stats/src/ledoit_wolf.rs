//! Covariance matrices shrunk towards a simple target, with an intensity estimated from their
//! noise.
//!
//! The shrunk matrix is δF + (1−δ)S with S the covariance divided by T, δ = clip(κ/T, 0, 1) and
//! κ = (π − ρ)/γ: π the summed variances of the entries of √T·S, ρ the summed covariances of those
//! entries with those of the target F, γ = ‖F − S‖² (Frobenius).
//! All sums over pairs of series factor into sums over series, so apart from S itself nothing takes
//! more than series × length steps.

use crate::covariance::{self, common_length};
use crate::kernel;
use crate::matrix::SymmetricMatrix;
use crate::moments::Ddof;

/// A shrunk covariance matrix and its shrinkage intensity.
#[derive(Clone, Debug)]
pub struct Shrunk {
    /// δF + (1−δ)S.
    pub covariance: SymmetricMatrix,
    /// δ, from 0 (the sample's matrix) to 1 (the target).
    pub intensity: f64,
}

/// Target: the identity times the mean variance (Ledoit and Wolf 2004, J. Multivariate Analysis
/// 88).
///
/// `None` for no series, unequal lengths, fewer than two values or one that is not finite.
#[must_use]
pub fn identity(series: &[&[f64]]) -> Option<Shrunk> {
    let sample = Sample::of(series)?;
    let mean_variance = sample.covariance.trace() / sample.dim();
    let target = scaled_identity(&sample.covariance, mean_variance)?;
    sample.shrink(&target, 0.0)
}

/// Target: the mean correlation for every pair (Ledoit and Wolf 2004, J. Portfolio Management 30).
/// `None` as for [`identity`], for a series without spread, and for a single series.
#[must_use]
pub fn constant_correlation(series: &[&[f64]]) -> Option<Shrunk> {
    let sample = Sample::of(series)?;
    let s = &sample.covariance;
    let dim = series.len();
    let scales: Vec<f64> = s.diagonal().map(f64::sqrt).collect();
    let correlation = s.correlation()?;
    if dim < 2 {
        return None;
    }
    let pairs = (dim * (dim - 1)) as f64;
    let mean = (kernel::sum(correlation.values()) - dim as f64) / pairs;
    let target = SymmetricMatrix::from_lower(dim, |i, j| {
        if i == j { s.get(i, i) } else { mean * scales[i] * scales[j] }
    })?;

    // ρ off the diagonal is r̄·Σ_{i≠j} (σⱼ/σᵢ)·θᵢⱼ with θᵢⱼ = (1/T)Σ_t xᵢ³xⱼ − sᵢᵢsᵢⱼ. The double
    // sum of the first term is Σ_t (Σᵢ xᵢ³/σᵢ)(Σⱼ σⱼxⱼ) less its diagonal.
    let length = sample.length as f64;
    let mut cubes = vec![0.0; sample.length];
    let mut weighted = vec![0.0; sample.length];
    let mut own = 0.0;
    for (values, scale) in sample.centred.iter().zip(&scales) {
        for ((cube, sum), x) in cubes.iter_mut().zip(&mut weighted).zip(values) {
            *cube += x * x * x / scale;
            *sum += x * scale;
        }
        own += values.iter().map(|x| x * x * x * x).sum::<f64>() / length;
    }
    let crossed = s.times(&scales)?;
    let products: f64 =
        crossed.iter().zip(&scales).map(|(product, scale)| product * scale).sum::<f64>()
            - s.diagonal().map(|variance| variance * variance).sum::<f64>();
    let off = kernel::dot(&cubes, &weighted) / length - own - products;
    let rho = sample.diagonal_noise() + mean * off;
    sample.shrink(&target, rho)
}

/// Target: covariances through one factor, with the sample's variances (Ledoit and Wolf 2003, J.
/// Empirical Finance 10). `factor` is the factor's series, for instance the mean of all series.
///
/// `None` as for [`identity`], and for a factor of another length or without spread.
#[must_use]
pub fn single_factor(series: &[&[f64]], factor: &[f64]) -> Option<Shrunk> {
    let sample = Sample::of(series)?;
    if factor.len() != sample.length || !kernel::all_finite(factor) {
        return None;
    }
    let s = &sample.covariance;
    let length = sample.length as f64;
    let factor = centred(factor);
    let variance = kernel::dot(&factor, &factor) / length;
    if variance <= f64::MIN_POSITIVE {
        return None;
    }
    let loadings: Vec<f64> =
        sample.centred.iter().map(|x| kernel::dot(x, &factor) / length).collect();
    let target = SymmetricMatrix::from_lower(series.len(), |i, j| {
        if i == j { s.get(i, i) } else { loadings[i] * loadings[j] / variance }
    })?;

    // With c the covariances to the factor m, v its variance and x the centred series, ρ off the
    // diagonal is 2a − b:
    // a = Σ_{i≠j} (cⱼ/v)·[(1/T)Σ_t xᵢ²xⱼm − cᵢsᵢⱼ],
    // b = Σ_{i≠j} (cᵢcⱼ/v²)·[(1/T)Σ_t xᵢxⱼm² − v·sᵢⱼ].
    let mut squares = vec![0.0; sample.length];
    let mut weighted = vec![0.0; sample.length];
    let (mut own_a, mut own_b) = (0.0, 0.0);
    for (values, c) in sample.centred.iter().zip(&loadings) {
        for (((square, sum), x), m) in
            squares.iter_mut().zip(&mut weighted).zip(values).zip(&factor)
        {
            *square += x * x;
            *sum += c * x * m;
            own_a += c * x * x * x * m;
            own_b += c * c * x * x * m * m;
        }
    }
    let through = kernel::dot(&s.times(&loadings)?, &loadings);
    let diagonal: f64 = s.diagonal().zip(&loadings).map(|(s, c)| c * c * s).sum();
    let a = ((kernel::dot(&squares, &weighted) - own_a) / length - (through - diagonal)) / variance;
    let b = ((kernel::dot(&weighted, &weighted) - own_b) / length
        - variance * (through - diagonal))
        / (variance * variance);
    sample.shrink(&target, sample.diagonal_noise() + 2.0 * a - b)
}

/// Oracle approximating shrinkage towards the identity times the mean variance, better than
/// [`identity`] for Gaussian data and few observations.
///
/// Chen, Wiesel, Eldar and Hero (2010), with the coefficient of scikit-learn's `OAS`, which leaves out
/// their terms 2/p of p series: (tr(S²)/p² + m²)/((n + 1)(tr(S²)/p² − m²/p)), m the mean variance. `None`
/// as for [`identity`].
#[must_use]
pub fn oracle_approximating(series: &[&[f64]]) -> Option<Shrunk> {
    let sample = Sample::of(series)?;
    let (dim, length) = (sample.dim(), sample.length as f64);
    let mean_variance = sample.covariance.trace() / dim;
    let mean_square = sample.covariance.sum_of_squares() / (dim * dim);
    let square = mean_variance * mean_variance;
    let denominator = (length + 1.0) * (mean_square - square / dim);
    let intensity =
        if denominator > 0.0 { ((mean_square + square) / denominator).min(1.0) } else { 1.0 };
    let target = scaled_identity(&sample.covariance, mean_variance)?;
    let covariance = sample.covariance.blend(1.0 - intensity, &target, intensity)?;
    Some(Shrunk { covariance, intensity })
}

fn scaled_identity(like: &SymmetricMatrix, variance: f64) -> Option<SymmetricMatrix> {
    SymmetricMatrix::from_lower(like.dim(), |i, j| if i == j { variance } else { 0.0 })
}

/// The series less their means, and their covariance divided by T.
struct Sample {
    length: usize,
    centred: Vec<Vec<f64>>,
    covariance: SymmetricMatrix,
}

impl Sample {
    fn of(series: &[&[f64]]) -> Option<Self> {
        let length = common_length(series).filter(|&length| length >= 2)?;
        let covariance = covariance::sample(series, Ddof::Population)?;
        let centred = series.iter().map(|values| centred(values)).collect();
        Some(Self { length, centred, covariance })
    }

    fn dim(&self) -> f64 {
        self.centred.len() as f64
    }

    /// π = Σᵢⱼ [(1/T)Σ_t (xᵢxⱼ)² − sᵢⱼ²], the first term being (1/T)Σ_t (Σᵢ xᵢ²)².
    fn noise(&self) -> f64 {
        let mut lengths = vec![0.0; self.length];
        for values in &self.centred {
            for (length, x) in lengths.iter_mut().zip(values) {
                *length += x * x;
            }
        }
        kernel::dot(&lengths, &lengths) / self.length as f64 - self.covariance.sum_of_squares()
    }

    /// The part of π on the diagonal, which a target with the sample's variances shares.
    fn diagonal_noise(&self) -> f64 {
        let fourth = |values: &Vec<f64>| values.iter().map(|x| x * x * x * x).sum::<f64>();
        let fourths: f64 = self.centred.iter().map(fourth).sum::<f64>() / self.length as f64;
        fourths - self.covariance.diagonal().map(|s| s * s).sum::<f64>()
    }

    /// Blends the sample with the target, given ρ.
    fn shrink(&self, target: &SymmetricMatrix, rho: f64) -> Option<Shrunk> {
        let gamma = target.blend(1.0, &self.covariance, -1.0)?.sum_of_squares();
        // If the target equals the sample there is nothing to estimate.
        let tiny = self.covariance.sum_of_squares() * 1e-28;
        let intensity = if gamma > tiny {
            ((self.noise() - rho) / gamma / self.length as f64).clamp(0.0, 1.0)
        } else {
            1.0
        };
        let covariance = self.covariance.blend(1.0 - intensity, target, intensity)?;
        Some(Shrunk { covariance, intensity })
    }
}

fn centred(values: &[f64]) -> Vec<f64> {
    let mean = kernel::sum(values) / values.len() as f64;
    values.iter().map(|x| x - mean).collect()
}
