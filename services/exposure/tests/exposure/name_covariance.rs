//! Covariances of names: the book's volatility by the definitions of the estimators, from the closes.

use crate::*;
use exposure::{
    factor_risk::MeasuredBook,
    name_covariance::{Estimator, NameCovariances, measure},
};
use marketdata::gap::GapReason;

const SESSIONS: i32 = 300;
const BOOK: [(&str, f64); 4] = [("AA", 2e6), ("BB", -1e6), ("CC", 5e5), ("DD", -7e5)];
const ALL: [Estimator; 5] = [
    Estimator::Sample,
    Estimator::SingleFactor,
    Estimator::ConstantCorrelation,
    Estimator::Identity,
    Estimator::OracleApproximating,
];

/// Simple returns of a name: a common part and one of its own.
fn returns(at: i32) -> Vec<f64> {
    let noise = |t: i32| 0.003 * f64::from((t * (2 * at + 3) + at) % 11 - 5);
    (1..SESSIONS).map(|t| 0.01 * f64::from((t * 7) % 11 - 5) + noise(t)).collect()
}

/// Four names, the market and a young name.
fn market() -> Snapshot {
    let mut fixture = Fixture::new();
    let first = day("2020-06-01");
    for (at, symbol) in ["AA", "BB", "CC", "DD", "^GSPC", "YOUNG"].into_iter().enumerate() {
        let mut close = 100.0;
        let mut closes = vec![(first, close)];
        for (t, made) in returns(at as i32).iter().enumerate() {
            close *= 1.0 + made;
            closes.push((first.plus(t as i32 + 1), close));
        }
        let begin = if symbol == "YOUNG" { 200 } else { 0 };
        fixture.closes(symbol, &closes[begin..]);
    }
    fixture.commit();
    fixture.snapshot(Instant::close_of(first.plus(SESSIONS - 1)))
}

fn measured(lines: &[(&str, f64)], asked: &[Estimator]) -> NameCovariances {
    let prepared = prepare(&market(), &Roles::standard());
    let lines: Vec<RawLine<'_>> = lines.iter().map(|(symbol, v)| worth(symbol, *v)).collect();
    let book = MeasuredBook::of(&prepared, &join(&prepared, &lines, None), None);
    measure(&prepared, &book, asked)
}

/// Covariance of two series, divided by their number.
fn covariance(a: &[f64], b: &[f64]) -> f64 {
    let mean = |x: &[f64]| x.iter().sum::<f64>() / x.len() as f64;
    let (m, n) = (mean(a), mean(b));
    a.iter().zip(b).map(|(x, y)| (x - m) * (y - n)).sum::<f64>() / a.len() as f64
}

/// Variance of the book by a covariance.
fn variance(entry: impl Fn(usize, usize) -> f64) -> f64 {
    let pairs = (0..4).flat_map(|i| (0..4).map(move |j| (i, j)));
    pairs.map(|(i, j)| BOOK[i].1 * entry(i, j) * BOOK[j].1).sum()
}

#[test]
fn volatilities_are_those_of_the_estimators_definitions() {
    let last = |at: i32| returns(at)[SESSIONS as usize - 1 - 252..].to_vec();
    let series: Vec<Vec<f64>> = (0..4).map(last).collect();
    let index = last(4);
    let found = measured(&BOOK, &ALL);
    assert_eq!((found.sessions, found.covered, found.gaps.len()), (252, 4, 0));
    let s = |i: usize, j: usize| covariance(&series[i], &series[j]);
    let sd = |i: usize| s(i, i).sqrt();
    let with = |i: usize| covariance(&series[i], &index);
    let of_index = covariance(&index, &index);
    let pairs: Vec<f64> = (0..4)
        .flat_map(|i| (0..i).map(move |j| (i, j)))
        .map(|(i, j)| s(i, j) / sd(i) / sd(j))
        .collect();
    let mean_correlation = pairs.iter().sum::<f64>() / 6.0;
    let mean_variance = (0..4).map(|i| s(i, i)).sum::<f64>() / 4.0;
    let single = |i: usize, j: usize| if i == j { s(i, i) } else { with(i) * with(j) / of_index };
    let constant =
        |i: usize, j: usize| if i == j { s(i, i) } else { mean_correlation * sd(i) * sd(j) };
    let identity = |i: usize, j: usize| if i == j { mean_variance } else { 0.0 };
    let targets =
        [variance(s), variance(single), variance(constant), variance(identity), variance(identity)];
    for ((risk, target), estimator) in found.risks.iter().zip(targets).zip(ALL) {
        assert_eq!(risk.estimator, estimator);
        let expected = match risk.shrinkage {
            // n − 1 in place of n.
            None => variance(s) * 252.0 / 251.0,
            Some(weight) => weight * target + (1.0 - weight) * variance(s),
        };
        let volatility = risk.volatility.unwrap();
        // Returns are kept in single precision.
        near(volatility / expected.sqrt(), 1.0, 1e-6);
        assert_eq!(risk.shrinkage.is_none(), estimator == Estimator::Sample);
        for bets in [risk.effective_bets, risk.principal_effective_bets] {
            assert!((1.0..=4.0).contains(&bets.unwrap()), "{risk:?}");
        }
    }
    let shrinkage: Vec<f64> = found.risks.iter().filter_map(|risk| risk.shrinkage).collect();
    // One correlation describes names with one common part: that target takes all the weight.
    assert!(shrinkage.iter().all(|weight| 0.0 < *weight && *weight <= 1.0), "{shrinkage:?}");
}

#[test]
fn names_without_all_returns_are_a_gap_and_in_no_number() {
    let with = [&BOOK[..], &[("YOUNG", 1e6), ("NOBODY", 1e6)]].concat();
    let found = measured(&with, &ALL);
    assert_eq!(found.risks, measured(&BOOK, &ALL).risks);
    let [young] = &found.gaps[..] else { panic!("{:?}", found.gaps) };
    assert_eq!(young.reason, GapReason::ShortHistory);
    // 1 of 6.2 million, the line that is not known among them.
    near(young.gross_share.unwrap(), 1.0 / 6.2, 1e-12);
    // Of 300 closes it lacks the first 200, and the return of the next: 153 of 252 sessions.
    assert!(young.detail.contains("153 of 252 sessions"), "{}", young.detail);
    // A single name is one bet, and has no correlation.
    let alone = measured(&BOOK[..1], &ALL);
    assert_eq!((alone.covered, alone.risks[2].volatility, alone.gaps.len()), (1, None, 1));
    near(alone.risks[0].effective_bets.unwrap(), 1.0, 1e-12);
    let nothing = measured(&[("YOUNG", 1e6)], &[Estimator::Sample]);
    assert_eq!((nothing.covered, nothing.risks[0].volatility, nothing.gaps.len()), (0, None, 2));
    assert_eq!(measured(&BOOK, &[]).gaps, []);
}

#[test]
fn what_the_market_does_twice_is_one_bet() {
    // A line and the same line again: all variance is that of one return.
    let found = measured(&[("AA", 1e6), ("AA", 5e5)], &[Estimator::Sample]);
    assert_eq!(found.covered, 1);
    near(found.risks[0].effective_bets.unwrap(), 1.0, 1e-12);
}

#[test]
fn names_beyond_the_limit_have_a_reason_of_their_own() {
    // 502 names with all returns: the two of the smallest gross are left out.
    let mut fixture = Fixture::new();
    let first = day("2020-06-01");
    let symbol = |at: i32| format!("N{at:03}");
    for at in 0..502 {
        let close = |t: i32| (first.plus(t), 100.0 + f64::from((t * 7 + at * 3 + t * at) % 11));
        let closes: Vec<(Day, f64)> = (0..70).map(close).collect();
        fixture.closes(&symbol(at), &closes);
    }
    fixture.commit();
    let prepared =
        prepare(&fixture.snapshot(Instant::close_of(first.plus(69))), &Roles::standard());
    let lines: Vec<(String, f64)> =
        (0..502).map(|at| (symbol(at), 1e5 + 1e3 * f64::from(at))).collect();
    let book = MeasuredBook::of(&prepared, &join(&prepared, &raw(&lines), None), None);
    let found = measure(&prepared, &book, &[Estimator::Identity]);
    assert_eq!(found.covered, 500);
    let left_out: Vec<(GapReason, Subject)> =
        found.gaps.into_iter().map(|gap| (gap.reason, gap.subject)).collect();
    let expected = |at: i32| (GapReason::BeyondLimit, Subject::symbol(&symbol(at)));
    assert_eq!(left_out, [expected(1), expected(0)]);
}

#[test]
fn a_covariance_with_a_direction_without_variance_has_no_effective_bets_and_says_so() {
    // AA and its twin: their difference has no variance in the sample, and some when it is shrunk.
    let mut fixture = Fixture::new();
    let first = day("2020-06-01");
    for symbol in ["AA", "TWIN"] {
        let close = |t: i32| (first.plus(t), 100.0 + f64::from((t * 7) % 11));
        fixture.closes(symbol, &(0..100).map(close).collect::<Vec<_>>());
    }
    fixture.commit();
    let prepared =
        prepare(&fixture.snapshot(Instant::close_of(first.plus(99))), &Roles::standard());
    let lines = [worth("AA", 1e6), worth("TWIN", 2e6)];
    let book = MeasuredBook::of(&prepared, &join(&prepared, &lines, None), None);
    let found = measure(&prepared, &book, &[Estimator::Sample]);
    assert!(found.risks[0].volatility.is_some() && found.risks[0].effective_bets.is_none());
    near(found.risks[0].principal_effective_bets.unwrap(), 1.0, 1e-9);
    let [gap] = &found.gaps[..] else { panic!("{:?}", found.gaps) };
    assert_eq!(gap.reason, GapReason::Degenerate);
}
