//! The sizes of scenarios of a multivariate Student's t, one for each of n equal parts of its chi-square
//! number.
//!
//! A t with ν degrees and unit variance is a normal times s, s² = (ν − 2)/W, W of chi-square with ν degrees.
//! Drawn numbers W of few scenarios are too many large or too many small ones, and bias every book alike. So W
//! is not drawn: with the boundaries bₖ, below which it stays with the chance k/n, part k has the mean of s²
//! over it,
//!
//! ```text
//! sₖ² = n·∫ (ν − 2)/w·f(w) dw = 1 + n·(g(bₖ₊₁) − g(bₖ)),   g(w) = (w/2)^(ν/2 − 1)·e^(−w/2)/Γ(ν/2)
//! ```
//!
//! the integral from bₖ to bₖ₊₁, f the density of W, g = 2·f. It is so because (ν − 2)/w·f(w) is the density of
//! chi-square with ν − 2 degrees, whose distribution function is that of ν degrees plus g (Abramowitz and Stegun
//! 1972, 26.4.8). The mean of sₖ² is exactly one, for any n: scenarios keep the covariances of the model. A value in
//! the middle of each part would lose 6 % of the variance of four degrees in 50 parts.

use std::f64::consts::PI;

/// sₖ of n parts, the largest first: that of the smallest W. ν is at least three.
pub(crate) fn scales(degrees: u32, parts: usize) -> Vec<f64> {
    let mut scales = Vec::with_capacity(parts);
    let (mut boundary, mut before) = (0.0, 0.0);
    for part in 1..=parts {
        // Neither end of the line has a density.
        let mut after = 0.0;
        if part < parts {
            boundary = quantile(degrees, part as f64 / parts as f64, boundary);
            after = upper_and_g(degrees, boundary).1;
        }
        let square: f64 = 1.0 + parts as f64 * (after - before);
        scales.push(square.max(0.0).sqrt());
        before = after;
    }
    scales
}

/// The w above another one below which W stays with a chance: by halving an interval until it holds nothing
/// more, which is the same on every machine.
fn quantile(degrees: u32, chance: f64, above: f64) -> f64 {
    let is_below = |w: f64| 1.0 - upper_and_g(degrees, w).0 < chance;
    let (mut low, mut high) = (above, above.max(f64::from(degrees)));
    while is_below(high) {
        high *= 2.0;
    }
    loop {
        let middle = 0.5 * (low + high);
        if middle <= low || high <= middle {
            return middle;
        }
        if is_below(middle) { low = middle } else { high = middle }
    }
}

/// The chance that W is above w > 0, and g(w): by the recurrence from one or two degrees on, whose terms are
/// all positive (Abramowitz and Stegun 1972, 26.4.4 and 26.4.5).
fn upper_and_g(degrees: u32, w: f64) -> (f64, f64) {
    let x = 0.5 * w;
    // Of half the degrees a, g is x^(a−1)·e^(−x)/Γ(a).
    let (mut a, mut upper, mut g) = if degrees.is_multiple_of(2) {
        (1.0, libm::exp(-x), libm::exp(-x))
    } else {
        (0.5, libm::erfc(x.sqrt()), libm::exp(-x) / (PI * x).sqrt())
    };
    for _ in 0..(degrees - 1) / 2 {
        g *= x / a;
        upper += g;
        a += 1.0;
    }
    (upper, g)
}

#[cfg(test)]
mod tests {
    use super::*;
    use stats::normal::{cdf, pdf};

    /// Critical values of chi-square, NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.6.7.4, to three
    /// decimals.
    #[test]
    fn quantiles_are_those_of_the_table() {
        for (degrees, chance, expected) in [
            (3, 0.05, 0.352),
            (3, 0.95, 7.815),
            (4, 0.01, 0.297),
            (4, 0.05, 0.711),
            (4, 0.95, 9.488),
            (5, 0.99, 15.086),
            (10, 0.90, 15.987),
            (99, 0.95, 123.225),
            (100, 0.01, 70.065),
            (100, 0.99, 135.807),
        ] {
            let found = quantile(degrees, chance, 0.0);
            assert!((found - expected).abs() <= 0.000_5, "{degrees} {chance}: {found}");
        }
    }

    /// Four degrees in two parts: half of the chance is below 2·x with 1 − e^(−x)·(1 + x) = ½, x = 1.678346990
    /// (a median of 3.356693980). There g = x·e^(−x) = x/(2·(1 + x)) = 0.313317691, and 1 ± 2·g = 1.626635382
    /// and 0.373364618 are the squares.
    #[test]
    fn two_parts_by_hand() {
        let found = scales(4, 2);
        for (found, square) in found.iter().zip([1.626_635_382_f64, 0.373_364_618]) {
            assert!((found * found - square).abs() < 2e-9, "{found} {square}");
        }
        assert_eq!(scales(4, 1), [1.0]);
    }

    #[test]
    fn sizes_fall_and_their_mean_square_is_one() {
        for degrees in [3, 4, 5, 8, 33, 99, 100] {
            for parts in [50, 250, 500] {
                let found = scales(degrees, parts);
                assert!(found.windows(2).all(|pair| pair[1] < pair[0]), "{degrees} {parts}");
                let squares: f64 = found.iter().map(|s| s * s).sum();
                assert!((squares / parts as f64 - 1.0).abs() < 1e-12, "{degrees}: {squares}");
            }
        }
    }

    /// The expected shortfall of a normal times each of some sizes, equally likely: with q such that the mean
    /// of Φ(−q/s) is the tail, the mean of s·φ(q/s) over the tail.
    fn shortfall(scales: &[f64], tail: f64) -> f64 {
        let mean = |of: &dyn Fn(f64) -> f64| -> f64 {
            scales.iter().map(|s| of(*s)).sum::<f64>() / scales.len() as f64
        };
        let (mut low, mut high) = (0.0, 100.0);
        for _ in 0..100 {
            let q = 0.5 * (low + high);
            if tail < mean(&|s| cdf(-q / s)) { low = q } else { high = q }
        }
        mean(&|s| s * pdf(low / s)) / tail
    }

    /// What scenarios show before any normal number is drawn, over the closed form of the rows of
    /// `tests/oracles/hedge_simulation.py`. Drawn chi-square numbers gave 1.225 for four degrees, 95 % and 50
    /// pairs, and 0.820 for the 50 fresh ones.
    #[test]
    fn few_sizes_have_the_shortfall_of_the_closed_form() {
        for (degrees, tail, expected, bounds) in [
            (4, 0.05, 2.264_771_381, [0.0105, 0.007, 0.004]),
            (4, 0.01, 3.691_510_486, [0.0145, 0.0125, 0.0085]),
            (8, 0.05, 2.177_060_494, [0.001, 0.001, 0.001]),
            (8, 0.01, 3.109_802_024, [0.0015, 0.001, 0.001]),
        ] {
            for (parts, bound) in [50, 100, 250].into_iter().zip(bounds) {
                let ratio = shortfall(&scales(degrees, parts), tail) / expected;
                println!("{degrees} degrees, {tail}, {parts} pairs: {ratio:.4}");
                assert!((ratio - 1.0).abs() < bound, "{degrees} {tail} {parts}: {ratio}");
            }
        }
    }
}
