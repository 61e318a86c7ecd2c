//! A symmetric matrix of finite numbers, stored in full, row by row.

use crate::kernel;

/// A symmetric matrix; every entry is finite.
#[derive(Clone, Debug, PartialEq)]
pub struct SymmetricMatrix {
    dim: usize,
    values: Vec<f64>,
}

impl SymmetricMatrix {
    /// Builds a matrix from all entries, row by row. The two triangles may differ by rounding (1e-9
    /// of the largest entry); their mean is kept. `None` for a wrong length, a larger difference,
    /// or an entry that is not finite.
    #[must_use]
    pub fn from_rows(dim: usize, mut values: Vec<f64>) -> Option<Self> {
        if dim == 0 || values.len() != dim.checked_mul(dim)? || !kernel::all_finite(&values) {
            return None;
        }
        let largest = values.iter().fold(0.0_f64, |m, x| m.max(x.abs()));
        for i in 0..dim {
            for j in 0..i {
                let (lower, upper) = (values[i * dim + j], values[j * dim + i]);
                if (lower - upper).abs() > 1e-9 * largest {
                    return None;
                }
                let mean = lower / 2.0 + upper / 2.0;
                values[i * dim + j] = mean;
                values[j * dim + i] = mean;
            }
        }
        Some(Self { dim, values })
    }

    /// Builds a matrix from a function of row and column, called only for row ≥ column. `None` if a
    /// value is not finite or there are no rows.
    #[must_use]
    pub fn from_lower(dim: usize, entry: impl Fn(usize, usize) -> f64) -> Option<Self> {
        let mut values = vec![0.0; dim.checked_mul(dim)?];
        for i in 0..dim {
            for j in 0..=i {
                let value = entry(i, j);
                values[i * dim + j] = value;
                values[j * dim + i] = value;
            }
        }
        Self::from_symmetric(dim, values)
    }

    /// Builds a matrix from entries known to be symmetric.
    pub(crate) fn from_symmetric(dim: usize, values: Vec<f64>) -> Option<Self> {
        (dim > 0 && values.len() == dim * dim && kernel::all_finite(&values))
            .then_some(Self { dim, values })
    }

    /// Number of rows.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Entry at a row and column below [`SymmetricMatrix::dim`].
    #[must_use]
    pub fn get(&self, row: usize, column: usize) -> f64 {
        self.row(row)[column]
    }

    /// One row.
    #[must_use]
    pub fn row(&self, row: usize) -> &[f64] {
        &self.values[row * self.dim..(row + 1) * self.dim]
    }

    /// All entries, row by row.
    #[must_use]
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// Entries of the main diagonal.
    pub fn diagonal(&self) -> impl Iterator<Item = f64> + '_ {
        self.values.iter().step_by(self.dim + 1).copied()
    }

    /// Sum of the main diagonal.
    #[must_use]
    pub fn trace(&self) -> f64 {
        self.diagonal().sum()
    }

    /// Σ aᵢⱼ², the squared Frobenius norm.
    #[must_use]
    pub fn sum_of_squares(&self) -> f64 {
        kernel::dot(&self.values, &self.values)
    }

    /// A·x; `None` for a wrong length or a result that is not finite.
    #[must_use]
    pub fn times(&self, x: &[f64]) -> Option<Vec<f64>> {
        if x.len() != self.dim {
            return None;
        }
        let product: Vec<f64> =
            self.values.chunks_exact(self.dim).map(|row| kernel::dot(row, x)).collect();
        kernel::all_finite(&product).then_some(product)
    }

    /// x′·A·x; `None` for a wrong length or a result that is not finite.
    #[must_use]
    pub fn quadratic_form(&self, x: &[f64]) -> Option<f64> {
        Some(kernel::dot(&self.times(x)?, x)).filter(|value| value.is_finite())
    }

    /// aᵢⱼ/√(aᵢᵢaⱼⱼ), ones on the diagonal; `None` unless every diagonal entry is positive.
    #[must_use]
    pub fn correlation(&self) -> Option<Self> {
        let scales: Vec<f64> = self.diagonal().map(f64::sqrt).collect();
        if !scales.iter().all(|&scale| scale > 0.0) {
            return None;
        }
        Self::from_lower(self.dim, |i, j| {
            if i == j { 1.0 } else { (self.get(i, j) / (scales[i] * scales[j])).clamp(-1.0, 1.0) }
        })
    }

    /// Weighted sum of two matrices: `weight`·A + `other_weight`·B. `None` for unequal sizes.
    #[must_use]
    pub fn blend(&self, weight: f64, other: &Self, other_weight: f64) -> Option<Self> {
        if self.dim != other.dim {
            return None;
        }
        let values =
            self.values.iter().zip(&other.values).map(|(a, b)| weight * a + other_weight * b);
        Self::from_symmetric(self.dim, values.collect())
    }
}
