//! Cholesky factors: solve, and repair a matrix that is not positive definite.

use crate::eigen;
use crate::kernel;
use crate::matrix::SymmetricMatrix;

/// Minimum pivot as a share of its diagonal entry. A smaller pivot is rounding of a linear
/// dependence.
const PIVOT_MIN: f64 = 1e-13;

/// The lower triangular L with A = L·L′.
#[derive(Clone, Debug)]
pub struct Cholesky {
    dim: usize,
    lower: Vec<f64>,
}

impl Cholesky {
    /// Factors a positive definite matrix. `None` if the matrix is not positive definite, or so
    /// nearly singular that no digit of a solution would be right.
    #[must_use]
    pub fn factor(matrix: &SymmetricMatrix) -> Option<Self> {
        let mut lower = matrix.values().to_vec();
        factor_in_place(&mut lower, matrix.dim(), PIVOT_MIN).ok()?;
        Some(Self { dim: matrix.dim(), lower })
    }

    /// The x with A·x = b. `None` for a wrong length or a result that is not finite.
    #[must_use]
    pub fn solve(&self, b: &[f64]) -> Option<Vec<f64>> {
        if b.len() != self.dim {
            return None;
        }
        let mut x = b.to_vec();
        solve_in_place(&self.lower, self.dim, &mut x);
        kernel::all_finite(&x).then_some(x)
    }

    /// b′·A⁻¹·b, the squared Mahalanobis length. `None` for a wrong length.
    #[must_use]
    pub fn inverse_form(&self, b: &[f64]) -> Option<f64> {
        Some(kernel::dot(&self.solve(b)?, b)).filter(|value| value.is_finite())
    }
}

/// A matrix made positive definite, with a record of the repair.
#[derive(Clone, Debug)]
pub struct Repaired {
    /// The repaired matrix; its diagonal is unchanged.
    pub matrix: SymmetricMatrix,
    /// Smallest eigenvalue of the correlation matrix before the repair.
    pub smallest_eigenvalue: f64,
    /// Number of eigenvalues that were raised; 0 means that the matrix is unchanged.
    pub raised: usize,
}

/// Raises the small eigenvalues of the correlation matrix to `floor` and keeps every variance.
///
/// The matrix is scaled to ones on the diagonal, its eigenvalues below `floor` (0 < floor < 1) are
/// set to `floor`, and the result is scaled back to the old diagonal (spectral method of Rebonato
/// and Jäckel 1999; not the nearest matrix, which is Higham's, but close and in one step). The last
/// scaling can leave the smallest eigenvalue a little below the floor, never at zero. `None` when a
/// diagonal entry is not positive or the floor is outside its range.
#[must_use]
pub fn repair(matrix: &SymmetricMatrix, floor: f64) -> Option<Repaired> {
    if !(floor > 0.0 && floor < 1.0) {
        return None;
    }
    let dim = matrix.dim();
    let scales: Vec<f64> = matrix.diagonal().map(f64::sqrt).collect();
    if !scales.iter().all(|&scale| scale > 0.0) {
        return None;
    }
    // `correlation` clamps to [−1, 1]; the entries are needed as they are.
    let scaled =
        SymmetricMatrix::from_lower(dim, |i, j| matrix.get(i, j) / (scales[i] * scales[j]))?;
    let decomposition = eigen::symmetric(&scaled)?;
    let smallest_eigenvalue = *decomposition.values.last()?;
    let raised = decomposition.values.iter().filter(|&&value| value < floor).count();
    if raised == 0 {
        return Some(Repaired { matrix: matrix.clone(), smallest_eigenvalue, raised });
    }
    let values: Vec<f64> = decomposition.values.iter().map(|value| value.max(floor)).collect();
    let rebuilt = decomposition.with_values(&values)?;
    let shrink: Vec<f64> =
        rebuilt.diagonal().zip(&scales).map(|(entry, scale)| scale / entry.sqrt()).collect();
    let matrix = SymmetricMatrix::from_lower(dim, |i, j| {
        if i == j { matrix.get(i, i) } else { rebuilt.get(i, j) * shrink[i] * shrink[j] }
    })?;
    Some(Repaired { matrix, smallest_eigenvalue, raised })
}

/// Replaces the lower triangle of a row-major `dim`×`dim` matrix by its factor; the upper triangle
/// is set to zero. The error is the index of the first pivot left with no more than `pivot_min` of
/// its diagonal entry.
pub(crate) fn factor_in_place(a: &mut [f64], dim: usize, pivot_min: f64) -> Result<(), usize> {
    for i in 0..dim {
        let (above, rest) = a.split_at_mut(i * dim);
        let row = &mut rest[..dim];
        for j in 0..i {
            let other = &above[j * dim..j * dim + dim];
            row[j] = (row[j] - kernel::dot(&row[..j], &other[..j])) / other[j];
        }
        let entry = row[i];
        let pivot = entry - kernel::dot(&row[..i], &row[..i]);
        // Also rejects NaN.
        if !(pivot > entry * pivot_min && pivot > 0.0 && pivot.is_finite()) {
            return Err(i);
        }
        row[i] = pivot.sqrt();
        row[i + 1..].fill(0.0);
    }
    Ok(())
}

/// Solves L·L′·x = b in place.
pub(crate) fn solve_in_place(lower: &[f64], dim: usize, b: &mut [f64]) {
    for i in 0..dim {
        let row = &lower[i * dim..i * dim + dim];
        b[i] = (b[i] - kernel::dot(&row[..i], &b[..i])) / row[i];
    }
    for i in (0..dim).rev() {
        let row = &lower[i * dim..i * dim + dim];
        let x = b[i] / row[i];
        b[i] = x;
        for (value, factor) in b[..i].iter_mut().zip(&row[..i]) {
            *value -= factor * x;
        }
    }
}
