//! Other libraries' numbers for the same returns, each under that library's convention:
//! `tests/oracles/libraries.py`, with skfolio 1.12.2, empyrical 0.5.5 and PyPortfolioOpt 1.6.0.
//!
//! | number | their convention | ours |
//! |---|---|---|
//! | skfolio `value_at_risk` | the smallest loss that is exceeded with at most the probability: of n(1 − c) = k whole, the (k+1)-th loss | HIGHER if k is whole, else CEIL |
//! | skfolio `cvar` | the worst 1 − c of probability, the last loss in part | expected shortfall |
//! | empyrical `value_at_risk` | numpy's percentile of returns, a loss negative | −LINEAR |
//! | empyrical `conditional_value_at_risk` | mean of the ⌊(n−1)(1−c)⌋ + 1 worst returns, none in part | −expected shortfall beyond that share |
//! | `annual_volatility` | n − 1, times √252 | per day |
//! | skfolio `kurtosis` | m₄/m₂² | less 3 |
//! | PyPortfolioOpt matrices | times 252 | per day |
//! | `exp_cov` | about the plain mean, weights of a span: λ = 1 − 2/(span + 1) | weighted about zero, of deviations |
//! | `constant_correlation` | the sample matrix with n − 1, also in the intensity, .4223 instead of .4367 | with n |
//!
//! skfolio's contributions are by numerical differentiation, so they have eight digits.

use crate::close;
use stats::{
    covariance,
    ewma::{self, Centre},
    ledoit_wolf,
    matrix::SymmetricMatrix,
    moments::{self, Ddof},
    parametric::Fit,
    quantile::QuantileRule,
    regression::{ErrorModel, least_squares},
    scenarios::Scenarios,
    tail,
};

const INPUT: &str = include_str!("../../../../tests/oracles/libraries_input.csv");
const EXPECTED: &str = include_str!("../../../../tests/oracles/libraries_expected.csv");
/// WEIGHTS of the script.
const WEIGHTS: [f64; 5] = [0.5, 0.35, -0.25, 0.6, -0.2];
/// Sessions of a year, and SPAN of the script.
const YEAR: f64 = 252.0;
const SPAN: f64 = 20.0;

/// The returns by name, and those of the book.
struct Returns {
    names: Vec<(&'static str, Vec<f64>)>,
    book: Vec<f64>,
}

impl Returns {
    fn read() -> Returns {
        let mut lines = INPUT.lines();
        let header = lines.next().expect("names").split(',');
        let mut names: Vec<(&str, Vec<f64>)> = header.map(|name| (name, Vec::new())).collect();
        let mut book = Vec::new();
        for line in lines {
            let row: Vec<f64> =
                line.split(',').map(|cell| cell.parse().expect("a number")).collect();
            names.iter_mut().zip(&row).for_each(|((_, series), value)| series.push(*value));
            book.push(row.iter().zip(WEIGHTS).map(|(value, weight)| value * weight).sum());
        }
        Returns { names, book }
    }

    fn place(&self, name: &str) -> usize {
        self.names.iter().position(|(known, _)| *known == name).expect("a name of the input")
    }

    fn of(&self, name: &str) -> &[f64] {
        if name == "book" { &self.book } else { &self.names[self.place(name)].1 }
    }

    fn all(&self) -> Vec<&[f64]> {
        self.names.iter().map(|(_, series)| &series[..]).collect()
    }
}

fn tail_of(values: &[f64], share: f64, rule: QuantileRule) -> tail::Tail {
    tail::historical(values, 1.0 - share, rule, &mut Vec::new()).expect("a tail")
}

/// The rule that is skfolio's at a share of n values.
fn rule_of_skfolio(n: usize, share: f64) -> QuantileRule {
    let mass = n as f64 * share;
    if (mass - mass.round()).abs() < 1e-9 { QuantileRule::Higher } else { QuantileRule::Ceil }
}

/// Ours, as the row of a library would have it, and how near it must be.
fn ours(returns: &Returns, row: [&str; 4]) -> (f64, f64) {
    let [library, measure, parameter, of] = row;
    let share = || parameter.parse::<f64>().expect("a share");
    let values = || returns.of(of);
    let shape = || Fit::cornish_fisher(&[values().to_vec()]).expect("a fit");
    let value = match (library, measure) {
        ("skfolio", "value_at_risk") => {
            let rule = rule_of_skfolio(values().len(), share());
            tail_of(values(), share(), rule).value_at_risk
        }
        ("skfolio", "cvar") => tail_of(values(), share(), QuantileRule::Linear).expected_shortfall,
        ("empyrical", "value_at_risk") => {
            -tail_of(values(), share(), QuantileRule::Linear).value_at_risk
        }
        ("empyrical", "conditional_value_at_risk") => {
            let n = values().len() as f64;
            let worst = ((n - 1.0) * share()).floor() + 1.0;
            -tail_of(values(), worst / n, QuantileRule::Linear).expected_shortfall
        }
        ("skfolio", "standard_deviation") => {
            moments::standard_deviation(values(), Ddof::Sample).expect("a deviation")
        }
        ("skfolio", "biased_deviation") => {
            moments::standard_deviation(values(), Ddof::Population).expect("a deviation")
        }
        ("skfolio", "skew") => shape().skewness,
        ("skfolio", "kurtosis") => shape().excess_kurtosis + 3.0,
        ("empyrical" | "pypfopt", "annual_volatility") => {
            moments::standard_deviation(values(), Ddof::Sample).expect("a deviation") * YEAR.sqrt()
        }
        ("empyrical", "beta") => {
            let market = returns.of(parameter);
            let fit = least_squares(values(), &[market], None, ErrorModel::Classical);
            fit.expect("a fit").slopes[0].value
        }
        ("skfolio", "contribution_cvar") => return (of_shortfall(returns, of, share()), 1e-8),
        ("skfolio", "contribution_deviation") => return (of_deviation(returns, of), 1e-8),
        ("pypfopt", matrix) => {
            let (row, column) = of.split_once('-').expect("a pair");
            let matrix = matrix_of(returns, matrix, parameter);
            matrix.get(returns.place(row), returns.place(column)) * YEAR
        }
        // A row that nothing computes is wrong.
        _ => return (f64::INFINITY, 0.0),
    };
    (value, 1e-14 * value.abs().max(1.0))
}

/// Tasche's contribution of a name to the expected shortfall of the book.
fn of_shortfall(returns: &Returns, name: &str, share: f64) -> f64 {
    let scenarios = Scenarios::pooled(&[&returns.book]).expect("scenarios");
    let shares = scenarios.tail_shares(1.0 - share).expect("a tail");
    let (own, weight) = (returns.of(name), WEIGHTS[returns.place(name)]);
    -shares.iter().map(|(s, share)| share * weight * own[s.period as usize]).sum::<f64>()
}

/// w·(Σw)/σ.
fn of_deviation(returns: &Returns, name: &str) -> f64 {
    let matrix = covariance::sample(&returns.all(), Ddof::Sample).expect("a matrix");
    let (at, with) = (returns.place(name), matrix.times(&WEIGHTS).expect("a product"));
    WEIGHTS[at] * with[at] / matrix.quadratic_form(&WEIGHTS).expect("a variance").sqrt()
}

fn matrix_of(returns: &Returns, matrix: &str, parameter: &str) -> SymmetricMatrix {
    let all = returns.all();
    let found = match (matrix, parameter) {
        ("sample_cov", _) => covariance::sample(&all, Ddof::Sample),
        ("exp_cov", _) => {
            let deviations: Vec<Vec<f64>> = all.iter().map(|series| deviations(series)).collect();
            let series: Vec<&[f64]> = deviations.iter().map(|series| &series[..]).collect();
            let weights = ewma::weights(series[0].len(), 1.0 - 2.0 / (SPAN + 1.0));
            covariance::weighted(&series, &weights.expect("weights"), Centre::Zero)
        }
        ("ledoit_wolf", "constant_variance") => {
            ledoit_wolf::identity(&all).map(|found| found.covariance)
        }
        ("ledoit_wolf", "constant_correlation") => constant_correlation(&all),
        ("oracle_approximating", _) => {
            ledoit_wolf::oracle_approximating(&all).map(|found| found.covariance)
        }
        _ => None,
    };
    found.expect("a matrix")
}

/// The intensity that PyPortfolioOpt finds, the attribute `delta` of its object.
const THEIR_INTENSITY: f64 = 0.422_318_331_012_581_6;

/// The target and the sample with n − 1, and their intensity. Ours, with n, differs by less than 1/n.
fn constant_correlation(series: &[&[f64]]) -> Option<SymmetricMatrix> {
    let ours = ledoit_wolf::constant_correlation(series)?.intensity;
    assert!((ours - THEIR_INTENSITY).abs() < 1.0 / series[0].len() as f64, "{ours}");
    let sample = covariance::sample(series, Ddof::Sample)?;
    let (correlation, p) = (sample.correlation()?, series.len());
    let mean = (correlation.values().iter().sum::<f64>() - p as f64) / (p * (p - 1)) as f64;
    let target = |row: usize, column: usize| {
        let shrunk = mean * (sample.get(row, row) * sample.get(column, column)).sqrt();
        if row == column { sample.get(row, row) } else { shrunk }
    };
    let target = SymmetricMatrix::from_lower(p, target)?;
    sample.blend(1.0 - THEIR_INTENSITY, &target, THEIR_INTENSITY)
}

fn deviations(series: &[f64]) -> Vec<f64> {
    let mean = moments::mean(series).expect("a mean");
    series.iter().map(|value| value - mean).collect()
}

#[test]
fn every_number_of_the_libraries_is_ours_under_their_convention() {
    let returns = Returns::read();
    let (mut count, mut wrong) = (0, Vec::new());
    for line in EXPECTED.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let [row @ .., value] = &fields[..] else { panic!("{line}") };
        let row: [&str; 4] = row.try_into().expect("four fields before the value");
        let expected: f64 = value.parse().expect("a number");
        let (found, tolerance) = ours(&returns, row);
        if (found - expected).abs() > tolerance {
            wrong.push(format!("{line}: {found}"));
        }
        count += 1;
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(count, 240);
}

/// The contributions sum to the numbers that they split.
#[test]
fn contributions_of_the_names_sum_to_the_book() {
    let returns = Returns::read();
    let sum = |of: &dyn Fn(&str) -> f64| returns.names.iter().map(|(name, _)| of(name)).sum();
    let shortfall = tail_of(&returns.book, 0.05, QuantileRule::Linear).expected_shortfall;
    let deviation = moments::standard_deviation(&returns.book, Ddof::Sample).expect("a deviation");
    let sums = [
        sum(&|name| of_shortfall(&returns, name, 0.05)),
        sum(&|name| of_deviation(&returns, name)),
    ];
    close("sums", &sums, &[shortfall, deviation], 1e-15);
}
