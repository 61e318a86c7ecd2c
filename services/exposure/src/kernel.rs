//! The two loops an analysis spends its time in, laid out for vector registers.
//!
//! The order of additions depends on lengths alone, so equal inputs give equal bits.

const LANES: usize = 16;

/// `total += Σ weight·row`, four rows at a time so that the total is loaded and stored once for four.
/// Rows are `width` long and lie side by side in `rows`; only columns from `first` on are added.
pub(crate) fn add_scaled_rows(
    total: &mut [f32],
    rows: &[f32],
    width: usize,
    first: usize,
    terms: &[(u32, f32)],
) {
    let row = |index: u32| {
        let start = index as usize * width;
        &rows[start + first..start + width]
    };
    let (fours, rest) = terms.as_chunks::<4>();
    for [(a, wa), (b, wb), (c, wc), (d, wd)] in fours {
        let (a, b, c, d) = (row(*a), row(*b), row(*c), row(*d));
        for ((((t, a), b), c), d) in total.iter_mut().zip(a).zip(b).zip(c).zip(d) {
            *t += (wa * a + wb * b) + (wc * c + wd * d);
        }
    }
    for (index, weight) in rest {
        for (t, x) in total.iter_mut().zip(row(*index)) {
            *t += weight * x;
        }
    }
}

/// Σ aᵢbᵢ over the shorter length.
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let n = a.len().min(b.len());
    let (a_blocks, a_rest) = a[..n].as_chunks::<LANES>();
    let (b_blocks, b_rest) = b[..n].as_chunks::<LANES>();
    let mut sums = [0.0; LANES];
    for (x, y) in a_blocks.iter().zip(b_blocks) {
        for lane in 0..LANES {
            sums[lane] += x[lane] * y[lane];
        }
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(x, y)| x * y).sum();
    sums.iter().sum::<f64>() + rest
}
