//! Eigenvalues and eigenvectors of a symmetric matrix, by Jacobi rotations.

use crate::kernel;
use crate::matrix::SymmetricMatrix;

/// Maximum number of sweeps; ten are enough for any matrix of doubles.
const SWEEPS_MAX: usize = 60;

/// A = Σ λₖ·vₖ·vₖ′.
#[derive(Clone, Debug)]
pub struct Eigen {
    /// Eigenvalues, largest first.
    pub values: Vec<f64>,
    /// Unit eigenvectors, row by row in the order of the values. The entry of largest size is
    /// positive (the first one if several tie).
    vectors: Vec<f64>,
}

impl Eigen {
    /// The unit eigenvector of the k-th largest eigenvalue.
    #[must_use]
    pub fn vector(&self, k: usize) -> &[f64] {
        let dim = self.values.len();
        &self.vectors[k * dim..(k + 1) * dim]
    }

    /// The matrix with the same eigenvectors and the given eigenvalues. `None` for a wrong number
    /// of them or one that is not finite.
    #[must_use]
    pub fn with_values(&self, values: &[f64]) -> Option<SymmetricMatrix> {
        let dim = self.values.len();
        if values.len() != dim {
            return None;
        }
        let mut sum = vec![0.0; dim * dim];
        for (value, vector) in values.iter().zip(self.vectors.chunks_exact(dim)) {
            for (row, left) in sum.chunks_exact_mut(dim).zip(vector) {
                for (entry, right) in row.iter_mut().zip(vector) {
                    *entry += value * (left * right);
                }
            }
        }
        SymmetricMatrix::from_symmetric(dim, sum)
    }
}

/// Decomposes a symmetric matrix. `None` if the rotations do not converge, which does not happen
/// for finite entries of ordinary size.
///
/// Cyclic Jacobi (Golub and Van Loan, section 8.5): accurate for small eigenvalues, of order n³ per
/// sweep, meant for up to a few hundred rows.
#[must_use]
pub fn symmetric(matrix: &SymmetricMatrix) -> Option<Eigen> {
    let dim = matrix.dim();
    let mut vectors = vec![0.0; dim * dim];
    for i in 0..dim {
        vectors[i * dim + i] = 1.0;
    }
    rotated(matrix, matrix.values().to_vec(), vectors)
}

/// The same, from the vectors of a matrix that is nearly the same: half of the sweeps are enough. The
/// result may differ in the last bits, and by the rounding of the vectors it began with.
#[must_use]
pub fn symmetric_near(matrix: &SymmetricMatrix, near: &Eigen) -> Option<Eigen> {
    let dim = matrix.dim();
    if near.values.len() != dim {
        return None;
    }
    let images: Option<Vec<Vec<f64>>> = (0..dim).map(|k| matrix.times(near.vector(k))).collect();
    let images = images?;
    let mut a = vec![0.0; dim * dim];
    for i in 0..dim {
        for j in 0..=i {
            let entry = kernel::dot(near.vector(i), &images[j]);
            (a[i * dim + j], a[j * dim + i]) = (entry, entry);
        }
    }
    rotated(matrix, a, near.vectors.clone())
}

/// Rotates `a`, the matrix in the coordinates of `vectors`, until it is diagonal.
fn rotated(matrix: &SymmetricMatrix, mut a: Vec<f64>, mut vectors: Vec<f64>) -> Option<Eigen> {
    let dim = matrix.dim();
    let enough = matrix.sum_of_squares() * 1e-32;
    let mut settled = false;
    for _ in 0..SWEEPS_MAX {
        let off: f64 = (0..dim)
            .flat_map(|i| (0..i).map(move |j| (i, j)))
            .fold(0.0, |sum, (i, j)| sum + 2.0 * a[i * dim + j] * a[i * dim + j]);
        if off <= enough {
            settled = true;
            break;
        }
        sweep(&mut a, &mut vectors, dim);
    }
    settled.then(|| ordered(&a, &vectors, dim)).filter(|e| e.values.iter().all(|v| v.is_finite()))
}

/// One rotation for each entry below the diagonal.
fn sweep(a: &mut [f64], vectors: &mut [f64], dim: usize) {
    for p in 0..dim {
        for q in p + 1..dim {
            let off = a[p * dim + q];
            if off.abs() <= f64::MIN_POSITIVE {
                continue;
            }
            let theta = (a[q * dim + q] - a[p * dim + p]) / (2.0 * off);
            let t = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
            let cosine = 1.0 / (t * t + 1.0).sqrt();
            let sine = t * cosine;
            rotate_columns(a, dim, (p, q), (cosine, sine));
            rotate_rows(a, dim, (p, q), (cosine, sine));
            rotate_rows(vectors, dim, (p, q), (cosine, sine));
            a[p * dim + q] = 0.0;
            a[q * dim + p] = 0.0;
        }
    }
}

fn rotate_columns(a: &mut [f64], dim: usize, (p, q): (usize, usize), (cosine, sine): (f64, f64)) {
    for row in a.chunks_exact_mut(dim) {
        let (x, y) = (row[p], row[q]);
        row[p] = cosine * x - sine * y;
        row[q] = sine * x + cosine * y;
    }
}

/// Rotates rows p < q.
fn rotate_rows(a: &mut [f64], dim: usize, (p, q): (usize, usize), (cosine, sine): (f64, f64)) {
    let (head, tail) = a.split_at_mut(q * dim);
    let upper = &mut head[p * dim..p * dim + dim];
    for (x, y) in upper.iter_mut().zip(&mut tail[..dim]) {
        let (old_x, old_y) = (*x, *y);
        *x = cosine * old_x - sine * old_y;
        *y = sine * old_x + cosine * old_y;
    }
}

fn ordered(a: &[f64], vectors: &[f64], dim: usize) -> Eigen {
    let mut order: Vec<usize> = (0..dim).collect();
    order.sort_by(|&i, &j| a[j * dim + j].total_cmp(&a[i * dim + i]).then(i.cmp(&j)));
    let mut sorted = Vec::with_capacity(dim * dim);
    for &k in &order {
        let vector = &vectors[k * dim..k * dim + dim];
        let largest = vector.iter().fold(0.0_f64, |m, x| if x.abs() > m.abs() { *x } else { m });
        sorted.extend(vector.iter().map(|x| x * largest.signum()));
    }
    Eigen { values: order.iter().map(|&k| a[k * dim + k]).collect(), vectors: sorted }
}
