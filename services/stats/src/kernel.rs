//! Inner products in a fixed order of summation, laid out for vector registers.

/// Running sums kept side by side: four registers of four, enough to hide the latency of a fused
/// multiply-add.
const LANES: usize = 16;

/// Σ aᵢbᵢ over the shorter length. The order of summation depends on the length alone.
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
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

/// Σ aᵢ, summed as [`dot`] does.
pub(crate) fn sum(a: &[f64]) -> f64 {
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

/// Halves added to halves: the order a tree of vector additions has.
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
