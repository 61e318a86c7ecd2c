//! Covariance matrices: sample and weighted.

use crate::ewma::Centre;
use crate::kernel;
use crate::matrix::SymmetricMatrix;
use crate::moments::Ddof;

/// Sample covariance of series of equal length, one slice each, oldest value first.
///
/// `None` for no series, unequal lengths, too few values, or one that is not finite.
#[must_use]
pub fn sample(series: &[&[f64]], ddof: Ddof) -> Option<SymmetricMatrix> {
    let length = common_length(series)?;
    let divisor = ddof.divisor(length)?;
    let panel = Panel::centred(series, length);
    panel.gram(1.0 / divisor)
}

/// Covariance Σ w_t·x_t·x_t′/Σw with given non-negative weights, about zero or about the mean under
/// the same weights.
#[must_use]
pub fn weighted(series: &[&[f64]], weights: &[f64], centre: Centre) -> Option<SymmetricMatrix> {
    let length = common_length(series)?;
    let total = kernel::sum(weights);
    let lawful = weights.iter().all(|&w| w >= 0.0) && total > 0.0 && total.is_finite();
    if weights.len() != length || !lawful {
        return None;
    }
    let mean_of = |values: &[f64]| match centre {
        Centre::Zero => 0.0,
        Centre::Mean => kernel::dot(values, weights) / total,
    };
    let roots: Vec<f64> = weights.iter().map(|w| w.sqrt()).collect();
    Panel::new(series, length, mean_of, Some(&roots)).gram(1.0 / total)
}

/// Common length of all series. `None` if there are none, they differ in length, or they are empty.
pub(crate) fn common_length(series: &[&[f64]]) -> Option<usize> {
    let length = series.first()?.len();
    (length > 0 && series.iter().all(|s| s.len() == length)).then_some(length)
}

/// Rows and columns of a tile of the result, held in registers: 4 × 12 sums are twelve registers of
/// four doubles.
const TILE_ROWS: usize = 4;
const TILE_COLUMNS: usize = 12;

type Tile = [[f64; TILE_COLUMNS]; TILE_ROWS];

/// Series less their centre, in two packed copies, by fours and by twelves, with time running
/// slowest so that the inner loop reads memory in order.
struct Panel {
    dim: usize,
    length: usize,
    by_row: Vec<f64>,
    by_column: Vec<f64>,
}

impl Panel {
    fn centred(series: &[&[f64]], length: usize) -> Self {
        Self::new(series, length, |values| kernel::sum(values) / length as f64, None)
    }

    fn new(
        series: &[&[f64]],
        length: usize,
        centre: impl Fn(&[f64]) -> f64,
        factors: Option<&[f64]>,
    ) -> Self {
        let dim = series.len();
        let mut by_row = vec![0.0; dim.next_multiple_of(TILE_ROWS) * length];
        let mut by_column = vec![0.0; dim.next_multiple_of(TILE_COLUMNS) * length];
        let mut values = vec![0.0; length];
        for (index, series) in series.iter().enumerate() {
            let centre = centre(series);
            for (value, x) in values.iter_mut().zip(*series) {
                *value = x - centre;
            }
            for (value, factor) in values.iter_mut().zip(factors.into_iter().flatten()) {
                *value *= factor;
            }
            pack(&mut by_row, TILE_ROWS, index, &values);
            pack(&mut by_column, TILE_COLUMNS, index, &values);
        }
        Self { dim, length, by_row, by_column }
    }

    /// Σ_t x_t·x_t′ times `scale`. Every entry is summed over time in order, independent of the
    /// tiling.
    fn gram(&self, scale: f64) -> Option<SymmetricMatrix> {
        let mut values = vec![0.0; self.dim * self.dim];
        let mut sums = [[0.0; TILE_COLUMNS]; TILE_ROWS];
        let columns = self.by_column.chunks_exact(TILE_COLUMNS * self.length);
        for (column_block, right) in columns.enumerate() {
            let column = column_block * TILE_COLUMNS;
            let last_row = (column + TILE_COLUMNS).min(self.dim);
            let rows = self.by_row.chunks_exact(TILE_ROWS * self.length);
            for (row_block, left) in rows.enumerate().take(last_row.div_ceil(TILE_ROWS)) {
                tile(left, right, &mut sums);
                self.place(&mut values, (row_block * TILE_ROWS, column), &sums, scale);
            }
        }
        SymmetricMatrix::from_symmetric(self.dim, values)
    }

    /// Writes a tile on and above the diagonal, and its mirror image.
    fn place(&self, values: &mut [f64], (top, left): (usize, usize), sums: &Tile, scale: f64) {
        for (i, row) in (top..self.dim).zip(sums) {
            for (j, sum) in (left..self.dim).zip(row).skip(i.saturating_sub(left)) {
                let entry = sum * scale;
                values[i * self.dim + j] = entry;
                values[j * self.dim + i] = entry;
            }
        }
    }
}

/// Writes one series to its place in a packed panel.
fn pack(packed: &mut [f64], width: usize, index: usize, values: &[f64]) {
    let block = &mut packed[index / width * width * values.len()..];
    for (slot, value) in block.iter_mut().skip(index % width).step_by(width).zip(values) {
        *slot = *value;
    }
}

/// Σ_t left_t·right_t′ for one tile.
///
/// A separate function with its result in memory: inlined, the compiler splits the sums and
/// multiplies them one by one, ten times slower.
#[inline(never)]
fn tile(left: &[f64], right: &[f64], result: &mut Tile) {
    let mut sums = [[0.0; TILE_COLUMNS]; TILE_ROWS];
    let (left, _) = left.as_chunks::<TILE_ROWS>();
    let (right, _) = right.as_chunks::<TILE_COLUMNS>();
    for (x, y) in left.iter().zip(right) {
        for i in 0..TILE_ROWS {
            for j in 0..TILE_COLUMNS {
                sums[i][j] = x[i].mul_add(y[j], sums[i][j]);
            }
        }
    }
    *result = sums;
}
