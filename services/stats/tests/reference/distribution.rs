//! Moments, ranks and the normal distribution, against scipy 1.17.1 and by hand.

use stats::moments::{self, Ddof};
use stats::parametric::Fit;
use stats::{normal, rank, returns};

use crate::oracle::Oracle;
use crate::{close, close_relative};

/// scipy `skew` and `kurtosis` (population, biased), numpy `var` with ddof 0 and 1.
#[test]
fn moments_agree_with_scipy() {
    let o = Oracle::read();
    let y = o.get("y");
    let fit = Fit::cornish_fisher(&[y.to_vec()]).expect("a fit");
    close_relative("shape", &[fit.skewness, fit.excess_kurtosis], &o.get("moments")[3..], 1e-12);
    let plain = [
        moments::mean(y),
        moments::variance(y, Ddof::Population),
        moments::variance(y, Ddof::Sample),
    ];
    for (actual, expected) in plain.iter().zip(o.get("moments")) {
        close_relative("moment", &[actual.expect("a moment")], &[*expected], 1e-13);
    }
}

/// NIST StRD, NumAcc4: 10000000.2, then .1 and .3 alternating about it: mean 10000000.2, SD (n−1)
/// exactly .1, at the limit of double precision. Certified values of the National Institute of
/// Standards and Technology.
#[test]
fn a_large_mean_does_not_cancel_the_spread() {
    let mut values = vec![10_000_000.2];
    for _ in 0..500 {
        values.extend([10_000_000.1, 10_000_000.3]);
    }
    // Each of 1,001 additions to a sum of up to 1e10 rounds by at most 1e-6, so the mean by as much.
    close("mean", &[moments::mean(&values).expect("a mean")], &[10_000_000.2], 1e-6);
    // .1 added to 1e7 is stored with an error of 1e-9.
    let sd = moments::standard_deviation(&values, Ddof::Sample).expect("spread");
    close("deviation", &[sd], &[0.1], 2e-8);
}

/// scipy `rankdata`, `percentileofscore(kind="mean")`.
#[test]
fn ranks_agree_with_scipy() {
    let o = Oracle::read();
    let ties = o.get("ties");
    close("ranks", &rank::ranks(ties).expect("ranks"), o.get("ties_ranks"), 0.0);
    let percentile = rank::percentile_rank(ties, 5.0).expect("a percentile");
    close("percentile", &[percentile], o.get("ties_percentile_of_5"), 1e-15);
    let all = rank::percentile_ranks(ties).expect("percentiles");
    close("percentile in place", &all[4..5], o.get("ties_percentile_of_5"), 1e-15);
}

/// By hand: for 1, 2, 3, 4, 100 the median is 3 and the absolute deviations are 2, 1, 0, 1, 97,
/// with median 1; 3 robust SD are 4.4478.
#[test]
fn winsorise_by_hand() {
    let mut values = [1.0, 2.0, 3.0, 4.0, 100.0];
    let done = rank::winsorise(&mut values, 3.0).expect("a scale");
    close("values", &values, &[1.0, 2.0, 3.0, 4.0, 3.0 + 4.4478], 5e-5);
    close("scale", &[done.centre, done.scale], &[3.0, 1.4826], 5e-6);
    assert_eq!(done.clipped, 1);
    // More than half of the values are equal: there is no scale, and nothing is changed.
    let mut flat = [1.0, 1.0, 1.0, 9.0];
    let done = rank::winsorise(&mut flat, 3.0).expect("finite values");
    assert_eq!((done.clipped, flat[3].to_bits()), (0, 9.0_f64.to_bits()));
}

/// By hand: the median of an even number of values is the mean of the middle two; 2, 4, 4, 4, 5, 5,
/// 7, 9 has mean 5 and population SD 2.
#[test]
fn scores_by_hand() {
    close("median", &[rank::median(&[4.0, 1.0, 3.0, 2.0]).expect("values")], &[2.5], 0.0);
    close("median", &[rank::median(&[4.0, 1.0, 3.0]).expect("values")], &[3.0], 0.0);
    let values = [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0];
    let z = rank::z_scores(&values, Ddof::Population).expect("spread");
    close("z", &z, &[-1.5, -0.5, -0.5, -0.5, 0.0, 0.0, 1.0, 2.0], 1e-15);
    let z = rank::z_score(&values, 11.0, Ddof::Population).expect("spread");
    close("z of 11", &[z], &[3.0], 1e-15);
}

/// scipy `norm.ppf`, `cdf`, `pdf`; methodology C1 for the multipliers.
#[test]
fn the_normal_distribution_agrees_with_scipy() {
    let o = Oracle::read();
    for (p, expected) in o.get("normal_p").iter().zip(o.get("normal_quantile")) {
        let actual = normal::quantile(*p).expect("inside (0, 1)");
        assert!((actual - expected).abs() <= 1e-15 * expected.abs().max(1.0), "{p}: {actual}");
    }
    for ((x, cdf), pdf) in
        o.get("normal_x").iter().zip(o.get("normal_cdf")).zip(o.get("normal_pdf"))
    {
        // The argument is divided by √2 first, which leaves an error of 37²·ε in the exponent.
        close_relative("cdf", &[normal::cdf(*x)], &[*cdf], 4e-13);
        close_relative("pdf", &[normal::pdf(*x)], &[*pdf], 1e-12);
    }
    let z = [0.95, 0.99].map(|p| normal::quantile(p).expect("inside (0, 1)"));
    close("z", &z, &[1.644_854, 2.326_348], 5e-7);
}

/// By hand: the return from 100 to 110 is .1.
#[test]
fn returns_by_hand() {
    close("simple", &[returns::simple(100.0, 110.0).expect("levels")], &[0.1], 1e-15);
    for (from, to) in [(0.0, 1.0), (-1.0, 1.0), (1.0, 0.0), (f64::NAN, 1.0), (1.0, f64::INFINITY)] {
        assert_eq!(returns::simple(from, to), None);
    }
}

/// Results are never NaN or infinite, whatever the input.
#[test]
fn degenerate_inputs_give_none() {
    let holed = [1.0, f64::NAN, 3.0];
    assert_eq!(moments::mean(&[]), None);
    assert_eq!(moments::variance(&holed, Ddof::Sample), None);
    assert_eq!(moments::variance(&[1.0], Ddof::Sample), None);
    assert_eq!(moments::correlation(&[1.0, 2.0], &[3.0, 3.0]), None);
    assert_eq!(rank::ranks(&holed), None);
    assert_eq!(rank::median(&holed), None);
    assert_eq!(rank::median(&[]), None);
    assert_eq!(rank::z_scores(&[0.1; 7], Ddof::Sample), None);
    assert_eq!(rank::percentile_rank(&[], 1.0), None);
    assert_eq!([0.0, 1.0, -0.1, f64::NAN].map(normal::quantile), [None; 4]);
}
