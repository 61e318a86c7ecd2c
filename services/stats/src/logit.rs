//! Logistic regression with a ridge penalty, for rare events, with errors by clusters.
//!
//! Maximises Σ y·ln p + (1 − y)·ln(1 − p) − ½·λ·Σ b_j², with p = 1/(1 + exp(−(a + x·b))) and b the
//! coefficients of columns scaled to unit standard deviation (population). The intercept is not
//! penalised, so the mean of p is that of y. Newton's method, with halved steps where one overshoots.

use crate::cholesky::Cholesky;
use crate::clustered::{self, Part};
use crate::kernel;
use crate::matrix::SymmetricMatrix;
use std::collections::BTreeMap;

/// Newton steps before giving up; a penalised fit takes fewer than ten.
const STEPS: usize = 100;
/// Halvings of one step.
const HALVINGS: usize = 30;
/// A gradient this small per observation ends the search.
const CONVERGED: f64 = 1e-12;
/// A step may lower the objective by this share of it: close to the maximum that is its rounding, and
/// halving a step of Newton for it would stop the search short of the maximum.
const ROUNDING: f64 = 1e-12;
/// A column varies if its standard deviation is above this share of its mean: the rest is rounding.
const VARIES: f64 = 1e-12;

/// Observations, scaled, and their outcomes.
#[derive(Clone, Debug)]
pub struct Observations<'a> {
    outcomes: &'a [f64],
    /// Row by row: 1, and then the columns that vary, with mean zero and unit standard deviation.
    rows: Vec<f64>,
    /// For each column that varies: its place, mean and standard deviation.
    scales: Vec<(usize, f64, f64)>,
    width: usize,
}

/// A fitted regression, in the units of the columns.
#[derive(Clone, Debug, PartialEq)]
pub struct Logit {
    /// a: the log odds where all columns are zero.
    pub intercept: f64,
    /// One per column; 0 for a column that does not vary.
    pub coefficients: Vec<f64>,
}

impl<'a> Observations<'a> {
    /// Columns of equal length, and outcomes between 0 and 1. `None` if lengths differ, a number is
    /// not finite, an outcome is outside 0 to 1, or all outcomes are 0 or all are 1.
    #[must_use]
    pub fn new(columns: &[Vec<f64>], outcomes: &'a [f64]) -> Option<Self> {
        let valid = columns.iter().all(|c| c.len() == outcomes.len() && kernel::all_finite(c))
            && outcomes.iter().all(|y| (0.0..=1.0).contains(y));
        let sum: f64 = outcomes.iter().sum();
        let count = outcomes.len() as f64;
        if !(valid && 0.0 < sum && sum < count) {
            return None;
        }
        let mut scales = Vec::new();
        for (place, column) in columns.iter().enumerate() {
            let mean = column.iter().sum::<f64>() / count;
            let squares: f64 = column.iter().map(|x| (x - mean) * (x - mean)).sum();
            let deviation = (squares / count).sqrt();
            if mean.abs() * VARIES < deviation {
                scales.push((place, mean, deviation));
            }
        }
        let unknowns = scales.len() + 1;
        let mut rows = vec![1.0; outcomes.len() * unknowns];
        for (at, (place, mean, deviation)) in scales.iter().enumerate() {
            for (row, x) in columns[*place].iter().enumerate() {
                rows[row * unknowns + at + 1] = (x - mean) / deviation;
            }
        }
        Some(Self { outcomes, rows, scales, width: columns.len() })
    }

    /// Fits with a penalty λ, 0 or more. `None` if the search does not converge, as without a
    /// penalty where a column separates events from the rest.
    #[must_use]
    pub fn fit(&self, penalty: f64) -> Option<Logit> {
        let rate = self.outcomes.iter().sum::<f64>() / self.outcomes.len() as f64;
        let mut at = vec![0.0; self.unknown_count()];
        at[0] = libm::log(rate / (1.0 - rate));
        let mut value = self.objective(&at, penalty);
        for _ in 0..STEPS {
            let (gradient, hessian) = self.derivatives(&at, penalty)?;
            let largest = gradient.iter().fold(0.0, |max: f64, g| max.max(g.abs()));
            if largest <= CONVERGED * self.outcomes.len() as f64 {
                return Some(self.logit(&at));
            }
            let step = Cholesky::factor(&hessian)?.solve(&gradient)?;
            let mut factor = 1.0;
            let moved = (0..HALVINGS).find_map(|_| {
                let there: Vec<f64> = at.iter().zip(&step).map(|(a, s)| a + factor * s).collect();
                let reached = self.objective(&there, penalty);
                factor *= 0.5;
                (value - ROUNDING * value.abs() <= reached).then_some((there, reached))
            });
            match moved {
                Some((there, reached)) => (at, value) = (there, reached),
                // No step improves any more: rounding.
                None => return Some(self.logit(&at)),
            }
        }
        None
    }

    /// Standard errors of the intercept and the coefficients, from H⁻¹·g of every observation, that
    /// allow for any dependence between the observations of one unit, and between those of one period
    /// and of neighbouring ones ([`clustered::variance`]). `None` if there is not one unit and one
    /// period per outcome.
    #[must_use]
    pub fn clustered_errors(
        &self,
        fitted: &Logit,
        penalty: f64,
        (units, periods): (&[u32], &[i32]),
    ) -> Option<Vec<f64>> {
        if units.len() != self.outcomes.len() || periods.len() != self.outcomes.len() {
            return None;
        }
        let at = self.unknowns(fitted);
        let (_, hessian) = self.derivatives(&at, penalty)?;
        let factor = Cholesky::factor(&hessian)?;
        let mut sums: BTreeMap<(u32, i32), Vec<f64>> = BTreeMap::new();
        for (row, (x, y)) in self.rows().zip(self.outcomes).enumerate() {
            let off = y - probability(kernel::dot(x, &at));
            let sum = sums.entry((units[row], periods[row])).or_insert_with(|| vec![0.0; at.len()]);
            sum.iter_mut().zip(x).for_each(|(sum, x)| *sum += off * x);
        }
        let moved = |(cluster, sum): ((u32, i32), Vec<f64>)| {
            Some((cluster, self.in_own_units(&factor.solve(&sum)?)))
        };
        let moved: Vec<((u32, i32), Vec<f64>)> =
            sums.into_iter().map(moved).collect::<Option<_>>()?;
        let error = |place: usize| {
            let part = |((unit, period), sum): &((u32, i32), Vec<f64>)| Part {
                unit: *unit,
                period: *period,
                value: sum[place],
            };
            clustered::variance(moved.iter().map(part)).sqrt()
        };
        let mut errors = vec![error(0)];
        errors.extend(self.spread(&(1..at.len()).map(error).collect::<Vec<_>>()));
        Some(errors)
    }

    fn unknown_count(&self) -> usize {
        self.scales.len() + 1
    }

    fn rows(&self) -> impl Iterator<Item = &[f64]> {
        self.rows.chunks_exact(self.unknown_count())
    }

    fn objective(&self, at: &[f64], penalty: f64) -> f64 {
        let size: f64 = at[1..].iter().map(|b| b * b).sum();
        let fit: f64 = self
            .rows()
            .zip(self.outcomes)
            .map(|(x, y)| {
                let odds = kernel::dot(x, at);
                y * odds - softplus(odds)
            })
            .sum();
        fit - 0.5 * penalty * size
    }

    /// Gradient, and the negative Hessian.
    fn derivatives(&self, at: &[f64], penalty: f64) -> Option<(Vec<f64>, SymmetricMatrix)> {
        let dim = at.len();
        let mut gradient: Vec<f64> = at.iter().map(|b| -penalty * b).collect();
        gradient[0] = 0.0;
        let mut lower = vec![0.0; dim * dim];
        for place in 1..dim {
            lower[place * dim + place] = penalty;
        }
        for (x, y) in self.rows().zip(self.outcomes) {
            let p = probability(kernel::dot(x, at));
            for i in 0..dim {
                gradient[i] += (y - p) * x[i];
                let weighted = p * (1.0 - p) * x[i];
                for j in 0..=i {
                    lower[i * dim + j] += weighted * x[j];
                }
            }
        }
        let hessian = SymmetricMatrix::from_lower(dim, |i, j| lower[i * dim + j])?;
        Some((gradient, hessian))
    }

    /// Intercept and coefficients of the columns as they were given, from those of the scaled ones.
    fn logit(&self, at: &[f64]) -> Logit {
        let moved = self.in_own_units(at);
        Logit { intercept: moved[0], coefficients: self.spread(&moved[1..]) }
    }

    /// The unknowns in the units of the columns, without those that do not vary.
    fn in_own_units(&self, at: &[f64]) -> Vec<f64> {
        let mut moved = at.to_vec();
        for ((_, _, deviation), b) in self.scales.iter().zip(&mut moved[1..]) {
            *b /= deviation;
        }
        moved[0] -=
            self.scales.iter().zip(&moved[1..]).map(|((_, mean, _), b)| mean * b).sum::<f64>();
        moved
    }

    fn spread(&self, coefficients: &[f64]) -> Vec<f64> {
        let mut all = vec![0.0; self.width];
        for ((place, _, _), b) in self.scales.iter().zip(coefficients) {
            all[*place] = *b;
        }
        all
    }

    /// The inverse of [`Observations::logit`].
    fn unknowns(&self, logit: &Logit) -> Vec<f64> {
        let mut at = vec![logit.intercept];
        for (place, mean, deviation) in &self.scales {
            at[0] += mean * logit.coefficients[*place];
            at.push(deviation * logit.coefficients[*place]);
        }
        at
    }
}

/// What to subtract from the intercept of a fit to a sample in which events are over-represented:
/// ln[((1 − τ)/τ)·(ȳ/(1 − ȳ))], with τ the rate in the population and ȳ that in the sample (King
/// and Zeng 2001). 0 if the sample was not chosen by outcome. `None` unless both are inside (0, 1).
#[must_use]
pub fn prior_correction(population_rate: f64, sample_rate: f64) -> Option<f64> {
    let is_rate = |rate: f64| 0.0 < rate && rate < 1.0;
    (is_rate(population_rate) && is_rate(sample_rate)).then(|| {
        let odds = |rate: f64| rate / (1.0 - rate);
        libm::log(odds(sample_rate) / odds(population_rate))
    })
}

/// 1/(1 + exp(−x)), without overflow.
#[must_use]
pub fn probability(log_odds: f64) -> f64 {
    if log_odds < 0.0 {
        let e = libm::exp(log_odds);
        e / (1.0 + e)
    } else {
        1.0 / (1.0 + libm::exp(-log_odds))
    }
}

/// ln(1 + exp(x)), without overflow.
fn softplus(x: f64) -> f64 {
    x.max(0.0) + libm::log1p(libm::exp(-x.abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 200 rows by formula; `tests/oracles/logit.py` has the same.
    fn sample() -> (Vec<Vec<f64>>, Vec<f64>) {
        let at = |scale: f64| (0..200).map(move |row| f64::from(row) * scale);
        let columns = vec![
            at(1.0).map(libm::sin).collect(),
            at(1.7).map(|x| 10.0 + 3.0 * libm::cos(x)).collect::<Vec<f64>>(),
            vec![2.0; 200],
        ];
        let noise = at(3.3).map(|x| 1.5 * libm::sin(x));
        let outcome = |(row, noise): (usize, f64)| {
            let score = columns[0][row] + 0.2 * (columns[1][row] - 10.0) + noise;
            f64::from(1.2 < score)
        };
        let outcomes = noise.enumerate().map(outcome).collect();
        (columns, outcomes)
    }

    const FITS: [(f64, [f64; 3]); 3] = [
        (0.0, [-4.957_976_29, 2.051_188_73, 0.288_197_90]),
        (1.0, [-4.692_255_54, 1.901_537_96, 0.269_687_34]),
        (10.0, [-3.531_471_57, 1.261_182_54, 0.183_768_67]),
    ];

    /// With periods apart, and with neighbouring ones.
    const ERRORS: [[f64; 3]; 2] =
        [[1.502_927_87, 0.327_230_10, 0.126_522_03], [2.083_472_70, 0.327_230_10, 0.176_580_30]];

    #[track_caller]
    fn near(found: f64, expected: f64) {
        assert!((found - expected).abs() < 2e-6 * expected.abs().max(1.0), "{found} {expected}");
    }

    /// Expected: scikit-learn 1.9.1, `LogisticRegression(C=1/penalty)` on standardised columns.
    #[test]
    fn fits_agree_with_scikit_learn() {
        let (columns, outcomes) = sample();
        let observations = Observations::new(&columns, &outcomes).unwrap();
        for (penalty, expected) in FITS {
            let fitted = observations.fit(penalty).unwrap();
            near(fitted.intercept, expected[0]);
            near(fitted.coefficients[0], expected[1]);
            near(fitted.coefficients[1], expected[2]);
            assert_eq!(fitted.coefficients[2].to_bits(), 0, "it does not vary");
            // The mean probability is the event rate.
            let [a, b] = [fitted.coefficients[0], fitted.coefficients[1]];
            let odds = |at: usize| fitted.intercept + a * columns[0][at] + b * columns[1][at];
            let mean = (0..200).map(|at| probability(odds(at))).sum::<f64>() / 200.0;
            near(mean, outcomes.iter().sum::<f64>() / 200.0);
        }
    }

    /// Expected: the sandwich in numpy on columns that are not scaled, without a penalty; units are
    /// eight consecutive rows, periods the rows modulo 21. Numbers two apart are no neighbours.
    #[test]
    fn errors_by_clusters_agree_with_numpy() {
        let (columns, outcomes) = sample();
        let observations = Observations::new(&columns, &outcomes).unwrap();
        let units: Vec<u32> = (0..200).map(|row| row / 8).collect();
        let fitted = observations.fit(0.0).unwrap();
        for (apart, expected) in [2, 1].into_iter().zip(ERRORS) {
            let periods: Vec<i32> = (0..200).map(|row| apart * (row % 21)).collect();
            let errors = observations.clustered_errors(&fitted, 0.0, (&units, &periods)).unwrap();
            for (error, expected) in errors.iter().zip(expected) {
                near(*error, expected);
            }
        }
        assert_eq!(observations.clustered_errors(&fitted, 0.0, (&units, &[])), None);
    }

    /// τ = 1 %, ȳ = 50 %: odds of 1 against odds of 1/99, ln 99.
    #[test]
    fn the_prior_correction_by_hand() {
        near(prior_correction(0.01, 0.5).unwrap(), 99f64.ln());
        near(prior_correction(0.03, 0.03).unwrap(), 0.0);
        assert_eq!(prior_correction(0.0, 0.5), None);
    }

    /// Close to the maximum a step changes the objective by less than its rounding, which must not stop
    /// the search: 3 % of 12,000 rows are events, whose odds are those of the column.
    #[test]
    fn rounding_does_not_stop_the_search() {
        for seed in [43, 53, 70, 82, 120, 139] {
            let mut rng = crate::rng::Rng::new(seed, 0);
            let column: Vec<f64> = (0..12_000).map(|_| rng.normal() - 3.9).collect();
            let drawn = |odds: &f64| f64::from(rng.uniform() < probability(*odds));
            let outcomes: Vec<f64> = column.iter().map(drawn).collect();
            let columns = [column.clone()];
            let observations = Observations::new(&columns, &outcomes).unwrap();
            let fitted = observations.fit(0.0);
            let near = |fit: Logit| (fit.coefficients[0] - 1.0).abs() < 0.3;
            assert!(fitted.is_some_and(near), "{seed}");
        }
    }

    #[test]
    fn what_has_no_fit_is_none() {
        let columns = [vec![1.0, 2.0, 3.0, 4.0]];
        assert!(Observations::new(&columns, &[1.0; 4]).is_none());
        assert!(Observations::new(&columns, &[0.0, 1.0, f64::NAN, 0.0]).is_none());
        assert!(Observations::new(&columns, &[0.0, 1.0]).is_none());
        // Separated: without a penalty the coefficient has no bound, with one it has.
        let separated = Observations::new(&columns, &[0.0, 0.0, 1.0, 1.0]).unwrap();
        assert!(separated.fit(0.0).is_none_or(|fit| 10.0 < fit.coefficients[0]));
        assert!(separated.fit(1.0).unwrap().coefficients[0] < 5.0);
    }
}
