//! Correction of the eigenvalues of an estimated covariance matrix.
//!
//! The portfolios of smallest estimated variance owe part of it to chance, and optimisers look for
//! them. Menchero, Wang and Orr (2011, "Improving Risk Forecasts for Optimized Portfolios"): take
//! the estimate F for the truth, draw histories from it, estimate each anew as F_m with eigenvectors
//! u, and compare u′Fu, the variance that the eigenportfolio really has, with its estimate u′F_m·u.
//! The root of the mean ratio is the bias v(k) of the k-th eigenvalue. The eigenvalues of F are
//! multiplied by (a·(v(k) − 1) + 1)²; a above one, because real returns are not normal.

use crate::{eigen, ewma, kernel, matrix::SymmetricMatrix, rng::Rng};

/// Covariances of simulated white noise: what estimation makes of a matrix of ones.
#[derive(Clone, Debug, PartialEq)]
pub struct WhiteNoise {
    draws: Vec<SymmetricMatrix>,
}

impl WhiteNoise {
    /// Σ w_t·z_t·z_t′ over histories of normal draws with the given weights, which sum to one. Each
    /// component has a random stream of its own, so that its draws do not depend on which others
    /// there are or in which order. `None` without draws or streams, or if the weights have fewer
    /// effective observations than twice the number of components.
    #[must_use]
    pub fn simulated(
        draws: usize,
        weights: &[f64],
        seed: u64,
        streams: &[u64],
    ) -> Option<WhiteNoise> {
        let effective = ewma::effective_number(weights)?;
        if draws == 0 || streams.is_empty() || effective < 2.0 * streams.len() as f64 {
            return None;
        }
        let roots: Vec<f64> = weights.iter().map(|w| w.sqrt()).collect();
        let mut generators: Vec<Rng> =
            streams.iter().map(|stream| Rng::new(seed, *stream)).collect();
        let mut noise = vec![vec![0.0; weights.len()]; streams.len()];
        let one = |_: usize| {
            for (rng, noise) in generators.iter_mut().zip(&mut noise) {
                rng.fill_normal(noise);
                noise.iter_mut().zip(&roots).for_each(|(z, root)| *z *= root);
            }
            SymmetricMatrix::from_lower(streams.len(), |i, j| kernel::dot(&noise[i], &noise[j]))
        };
        Some(WhiteNoise { draws: (0..draws).map(one).collect::<Option<_>>()? })
    }

    /// Number of components.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.draws.first().map_or(0, SymmetricMatrix::dim)
    }

    /// Memory held, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.draws.iter().map(|draw| size_of_val(draw.values())).sum()
    }
}

/// A covariance matrix with corrected eigenvalues.
#[derive(Clone, Debug, PartialEq)]
pub struct Adjusted {
    /// The corrected matrix.
    pub matrix: SymmetricMatrix,
    /// The bias v(k) of each eigenvalue, that of the largest one first.
    pub biases: Vec<f64>,
}

/// Corrects the eigenvalues of a covariance matrix. `None` if it is not positive definite or its
/// size is not that of the noise.
#[must_use]
pub fn adjusted(matrix: &SymmetricMatrix, noise: &WhiteNoise, scale: f64) -> Option<Adjusted> {
    let dim = matrix.dim();
    let truth = eigen::symmetric(matrix)?;
    if noise.dim() != dim || !truth.values.iter().all(|value| *value > 0.0) {
        return None;
    }
    let roots: Vec<f64> = truth.values.iter().map(|value| value.sqrt()).collect();
    // The symmetric root treats the components alike, whatever their order.
    let root = truth.with_values(&roots)?;
    let mut ratios = vec![0.0; dim];
    for draw in &noise.draws {
        let estimate = eigen::symmetric(&sandwich(&root, draw)?)?;
        for (k, ratio) in ratios.iter_mut().enumerate() {
            *ratio += matrix.quadratic_form(estimate.vector(k))? / estimate.values[k];
        }
    }
    let biases: Vec<f64> =
        ratios.iter().map(|sum| (sum / noise.draws.len() as f64).sqrt()).collect();
    let factor = |bias: &f64| (scale * (bias - 1.0) + 1.0).max(0.0);
    let values = truth.values.iter().zip(&biases);
    let values: Vec<f64> =
        values.map(|(value, bias)| value * factor(bias) * factor(bias)).collect();
    Some(Adjusted { matrix: truth.with_values(&values)?, biases })
}

/// R·S·R for symmetric R and S.
fn sandwich(root: &SymmetricMatrix, inner: &SymmetricMatrix) -> Option<SymmetricMatrix> {
    let dim = root.dim();
    let half: Vec<Vec<f64>> =
        (0..dim).map(|row| inner.times(root.row(row))).collect::<Option<_>>()?;
    SymmetricMatrix::from_lower(dim, |i, j| kernel::dot(root.row(i), &half[j]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix() -> SymmetricMatrix {
        let values = vec![4.0, 1.2, 0.2, 1.2, 1.0, 0.1, 0.2, 0.1, 0.25];
        SymmetricMatrix::from_rows(3, values).unwrap()
    }

    fn noise(streams: &[u64]) -> WhiteNoise {
        let weights = ewma::weights(60, 0.97).unwrap();
        WhiteNoise::simulated(400, &weights, 7, streams).unwrap()
    }

    /// The largest eigenvalue is estimated too large and the smallest too small, and the trace hardly
    /// changes.
    #[test]
    fn small_eigenvalues_are_raised() {
        let found = adjusted(&matrix(), &noise(&[1, 2, 3]), 1.0).unwrap();
        assert!(found.biases[0] < found.biases[2], "{:?}", found.biases);
        assert!(found.biases[2] > 1.0, "{:?}", found.biases);
        let before = eigen::symmetric(&matrix()).unwrap().values;
        let after = eigen::symmetric(&found.matrix).unwrap().values;
        for (k, bias) in found.biases.iter().enumerate() {
            assert!((after[k] / before[k] / (bias * bias) - 1.0).abs() < 1e-12);
        }
    }

    #[test]
    fn components_may_come_in_any_order() {
        let order = [2, 0, 1];
        let source = matrix();
        let permuted =
            SymmetricMatrix::from_lower(3, |i, j| source.get(order[i], order[j])).unwrap();
        let found = adjusted(&source, &noise(&[10, 20, 30]), 1.4).unwrap().matrix;
        let other = adjusted(&permuted, &noise(&[30, 10, 20]), 1.4).unwrap().matrix;
        for i in 0..3 {
            for j in 0..3 {
                let difference = other.get(i, j) - found.get(order[i], order[j]);
                assert!(difference.abs() < 1e-12, "{i} {j} {difference}");
            }
        }
    }

    #[test]
    fn too_short_a_history_is_refused() {
        // 21 equal weights are 21 effective observations, too few for eleven components.
        let weights = [1.0 / 21.0; 21];
        let streams: Vec<u64> = (0..11).collect();
        assert_eq!(WhiteNoise::simulated(10, &weights, 1, &streams), None);
        assert!(WhiteNoise::simulated(10, &weights, 1, &streams[..10]).is_some());
        let singular = SymmetricMatrix::from_rows(2, vec![1.0, 1.0, 1.0, 1.0]).unwrap();
        assert_eq!(adjusted(&singular, &noise(&[1, 2]), 1.0), None);
        assert_eq!(adjusted(&matrix(), &noise(&[1, 2]), 1.0), None);
    }
}
