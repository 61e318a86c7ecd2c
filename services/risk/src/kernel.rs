//! The inner loop of an analysis, laid out for vector registers.
//!
//! The order of additions depends only on lengths, so equal inputs give equal bits.

/// Rows added in one pass, for which the total is loaded and stored once.
const ROWS: usize = 8;

/// `total += Σ weight·row`, summed four rows at a time. Rows are as long as `total`.
///
/// The cost is reading the rows. No other loop order was measurably faster than this one, which
/// reads each row once from start to end.
pub fn add_scaled_rows<'a>(
    total: &mut [f32],
    row: impl Fn(u32) -> &'a [f32],
    terms: &[(u32, f32)],
) {
    let columns = total.len();
    let row = |(index, weight): (u32, f32)| (&row(index)[..columns], weight);
    let (groups, rest) = terms.as_chunks::<ROWS>();
    for group in groups {
        let [a, b, c, d, e, f, g, h] = group.map(row);
        let four = |[(a, wa), (b, wb), (c, wc), (d, wd)]: [(&[f32], f32); 4], at: usize| {
            (wa * a[at] + wb * b[at]) + (wc * c[at] + wd * d[at])
        };
        for (at, t) in total.iter_mut().enumerate() {
            *t = (*t + four([a, b, c, d], at)) + four([e, f, g, h], at);
        }
    }
    let (fours, rest) = rest.as_chunks::<4>();
    for four in fours {
        let [(a, wa), (b, wb), (c, wc), (d, wd)] = four.map(row);
        for ((((t, a), b), c), d) in total.iter_mut().zip(a).zip(b).zip(c).zip(d) {
            *t += (wa * a + wb * b) + (wc * c + wd * d);
        }
    }
    for (row, weight) in rest.iter().map(|term| row(*term)) {
        for (t, x) in total.iter_mut().zip(row) {
            *t += weight * x;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_added_from_a_column_on() {
        // Eighths are exact in single precision, so the order of additions has no effect.
        let width = 37;
        let rows: Vec<f32> = (0..7 * width).map(|at| (at * 31 % 64) as f32 / 8.0).collect();
        let terms = [6, 0, 3, 3, 1, 5, 2, 4, 0, 6, 1, 1, 5, 2].map(|row| (row, row as f32 - 2.0));
        let first = 5;
        for count in 0..=terms.len() {
            let terms = &terms[..count];
            let mut total = vec![1.0; width - first];
            let row = |row: u32| &rows[row as usize * width + first..][..width - first];
            add_scaled_rows(&mut total, row, terms);
            for (at, value) in total.iter().enumerate() {
                let sum = terms.iter().fold(1.0, |sum, (row, weight)| {
                    sum + weight * rows[*row as usize * width + first + at]
                });
                assert_eq!(value.to_bits(), sum.to_bits(), "{count} rows, column {at}");
            }
        }
    }
}
