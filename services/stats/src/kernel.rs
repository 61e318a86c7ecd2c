//! Inner products in a fixed order of summation, laid out for vector registers.

use crate::newey_west;

/// Number of parallel running sums: four registers of four, enough to hide the latency of a fused
/// multiply-add.
const LANES: usize = 16;

/// Σ aᵢbᵢ over the shorter length. The order of summation depends only on the length.
#[must_use]
pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    let n = a.len().min(b.len());
    let (a_blocks, a_rest) = a[..n].as_chunks::<LANES>();
    let (b_blocks, b_rest) = b[..n].as_chunks::<LANES>();
    let mut sums = [0.0; LANES];
    for (x, y) in a_blocks.iter().zip(b_blocks) {
        for lane in 0..LANES {
            sums[lane] = x[lane].mul_add(y[lane], sums[lane]);
        }
    }
    let rest = a_rest.iter().zip(b_rest).fold(0.0, |sum, (x, y)| x.mul_add(*y, sum));
    fold(sums) + rest
}

/// Σ aᵢbᵢwᵢ over the shortest length, summed as [`dot`] does.
pub(crate) fn weighted_dot(a: &[f64], b: &[f64], w: &[f64]) -> f64 {
    let n = a.len().min(b.len()).min(w.len());
    let (a_blocks, a_rest) = a[..n].as_chunks::<LANES>();
    let (b_blocks, b_rest) = b[..n].as_chunks::<LANES>();
    let (w_blocks, w_rest) = w[..n].as_chunks::<LANES>();
    let mut sums = [0.0; LANES];
    for ((x, y), w) in a_blocks.iter().zip(b_blocks).zip(w_blocks) {
        for lane in 0..LANES {
            sums[lane] = (x[lane] * w[lane]).mul_add(y[lane], sums[lane]);
        }
    }
    let rest = a_rest.iter().zip(b_rest).zip(w_rest);
    fold(sums) + rest.fold(0.0, |sum, ((x, y), w)| (x * w).mul_add(*y, sum))
}

/// Weighted sums of up to two columns, of y, and of their products.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moments<const R: usize> {
    /// Σ w.
    pub(crate) weight: f64,
    /// Σ wxᵢ.
    pub(crate) x: [f64; R],
    /// Σ wy.
    pub(crate) y: f64,
    /// Σ wxᵢxⱼ for j ≤ i.
    pub(crate) xx: [[f64; R]; R],
    /// Σ wxᵢy.
    pub(crate) xy: [f64; R],
}

/// Number of parallel sums when several are computed in one pass: one register each.
const FEW_LANES: usize = 4;

type Few = [f64; FEW_LANES];

/// The same sums, lane by lane.
struct Lanes<const R: usize> {
    weight: Few,
    x: [Few; R],
    y: Few,
    xx: [[Few; R]; R],
    xy: [Few; R],
}

impl<const R: usize> Lanes<R> {
    /// Inlined into its caller, so that the sums stay in registers.
    #[inline(always)]
    fn add(&mut self, w: &Few, y: &Few, x: &[Few; R]) {
        for lane in 0..FEW_LANES {
            self.weight[lane] += w[lane];
            self.y[lane] = w[lane].mul_add(y[lane], self.y[lane]);
        }
        for i in 0..R {
            let mut wx = *w;
            for lane in 0..FEW_LANES {
                wx[lane] *= x[i][lane];
                self.x[i][lane] += wx[lane];
                self.xy[i][lane] = wx[lane].mul_add(y[lane], self.xy[i][lane]);
            }
            for (sum, x) in self.xx[i].iter_mut().zip(x).take(i + 1) {
                for lane in 0..FEW_LANES {
                    sum[lane] = wx[lane].mul_add(x[lane], sum[lane]);
                }
            }
        }
    }
}

/// All sums of normal equations, in one pass over columns of equal length.
pub(crate) fn moments<const R: usize>(x: [&[f64]; R], y: &[f64], w: &[f64]) -> Moments<R> {
    let n = y.len().min(w.len());
    let zero = [0.0; FEW_LANES];
    let mut sums = Lanes { weight: zero, x: [zero; R], y: zero, xx: [[zero; R]; R], xy: [zero; R] };
    let (w_blocks, w_rest) = w[..n].as_chunks::<FEW_LANES>();
    let (y_blocks, y_rest) = y[..n].as_chunks::<FEW_LANES>();
    let x_blocks = x.map(|x| x[..n].as_chunks::<FEW_LANES>());
    for (at, (w, y)) in w_blocks.iter().zip(y_blocks).enumerate() {
        sums.add(w, y, &x_blocks.map(|(blocks, _)| blocks[at]));
    }
    let padded = |rest: &[f64]| {
        let mut few = zero;
        few[..rest.len()].copy_from_slice(rest);
        few
    };
    sums.add(&padded(w_rest), &padded(y_rest), &x_blocks.map(|(_, rest)| padded(rest)));
    let total = |few: Few| (few[0] + few[2]) + (few[1] + few[3]);
    Moments {
        weight: total(sums.weight),
        x: sums.x.map(total),
        y: total(sums.y),
        xx: sums.xx.map(|row| row.map(total)),
        xy: sums.xy.map(total),
    }
}

/// Σ over |k| ≤ most of Bartlett's weight of k for a bandwidth of `lags`, times xₜ₊ₖ, with zero
/// beyond the ends. `most` is less than the length.
pub(crate) fn smooth(x: &[f64], most: usize, lags: usize, out: &mut Vec<f64>) {
    out.clear();
    out.extend_from_slice(x);
    for lag in 1..=most {
        let weight = newey_west::bartlett(lag, lags);
        for (sum, later) in out.iter_mut().zip(&x[lag..]) {
            *sum = weight.mul_add(*later, *sum);
        }
        for (sum, earlier) in out[lag..].iter_mut().zip(x) {
            *sum = weight.mul_add(*earlier, *sum);
        }
    }
}

/// Σ aᵢ, summed as [`dot`] does.
#[must_use]
pub fn sum(a: &[f64]) -> f64 {
    let (blocks, rest) = a.as_chunks::<LANES>();
    let mut sums = [0.0; LANES];
    for x in blocks {
        for lane in 0..LANES {
            sums[lane] += x[lane];
        }
    }
    fold(sums) + rest.iter().sum::<f64>()
}

/// Whether every value is finite.
pub(crate) fn all_finite(values: &[f64]) -> bool {
    // Without early exit, so that it runs in vector registers.
    values.iter().fold(true, |finite, x| finite & x.is_finite())
}

/// Adds halves to halves, the order of a tree of vector additions.
fn fold(mut sums: [f64; LANES]) -> f64 {
    let mut width = LANES / 2;
    while width > 0 {
        for lane in 0..width {
            sums[lane] += sums[lane + width];
        }
        width /= 2;
    }
    sums[0]
}
