//! How well the regressors of a fit can be told apart.

use crate::{covariance, eigen, ewma::Centre, matrix::SymmetricMatrix};

/// A regressor counts as determined by others if they leave less than this share of its variance.
const REST_MIN: f64 = 1e-8;

/// Diagnostics of some regressors over the rows on which all of them are known.
#[derive(Clone, Debug, PartialEq)]
pub struct Collinearity {
    /// Variance inflation factors: 1/(1 − R²) of each regressor on all others.
    pub inflation: Vec<f64>,
    /// Largest over smallest singular value of the weighted columns, each less its mean and divided by
    /// its standard deviation (Belsley, Kuh and Welsch 1980 scale to unit length, too).
    pub condition_number: f64,
    /// Weighted standard deviations.
    pub deviations: Vec<f64>,
    /// Number of rows.
    pub observations: usize,
}

/// Diagnoses regressors with one value per row, NaN if missing, under weights. A row with a missing
/// value or without weight is left out. `None` for no regressors, unequal lengths, regressors that do
/// not vary, or one that is a combination of the others.
#[must_use]
pub fn collinearity(columns: &[&[f64]], weights: &[f64]) -> Option<Collinearity> {
    let (correlation, deviations, observations) = correlation(columns, weights)?;
    let found = eigen::symmetric(&correlation)?;
    let (largest, smallest) = (*found.values.first()?, *found.values.last()?);
    if smallest <= 0.0 {
        return None;
    }
    // The diagonal of the inverse.
    let inflation = |at: usize| -> f64 {
        let parts = found.values.iter().enumerate();
        parts.map(|(k, value)| found.vector(k)[at] * found.vector(k)[at] / value).sum()
    };
    let inflation: Vec<f64> = (0..columns.len()).map(inflation).collect();
    let is_told_apart = inflation.iter().all(|factor| factor * REST_MIN < 1.0);
    is_told_apart.then(|| Collinearity {
        inflation,
        condition_number: (largest / smallest).sqrt(),
        deviations,
        observations,
    })
}

/// The places of the regressors that vary and that no combination of those before them determines, by
/// the rows on which they and those before them are known.
#[must_use]
pub fn independent(columns: &[&[f64]], weights: &[f64]) -> Vec<usize> {
    let mut kept: Vec<usize> = Vec::with_capacity(columns.len());
    for at in 0..columns.len() {
        let with: Vec<&[f64]> = kept.iter().chain([&at]).map(|at| columns[*at]).collect();
        if collinearity(&with, weights).is_some() {
            kept.push(at);
        }
    }
    kept
}

/// The weighted correlation of the complete rows, the standard deviations, and the number of rows.
fn correlation(columns: &[&[f64]], weights: &[f64]) -> Option<(SymmetricMatrix, Vec<f64>, usize)> {
    if columns.iter().any(|column| column.len() != weights.len()) {
        return None;
    }
    let is_whole =
        |row: &usize| 0.0 < weights[*row] && columns.iter().all(|column| column[*row].is_finite());
    let rows: Vec<usize> = (0..weights.len()).filter(is_whole).collect();
    let of_rows = |values: &[f64]| -> Vec<f64> { rows.iter().map(|row| values[*row]).collect() };
    let series: Vec<Vec<f64>> = columns.iter().map(|column| of_rows(column)).collect();
    let series: Vec<&[f64]> = series.iter().map(Vec::as_slice).collect();
    let covariance = covariance::weighted(&series, &of_rows(weights), Centre::Mean)?;
    let deviations: Vec<f64> = covariance.diagonal().map(f64::sqrt).collect();
    // What remains of a constant is the rounding of its mean.
    let varies = |(values, deviation): (&&[f64], &f64)| {
        let largest = values.iter().fold(0.0_f64, |most, value| most.max(value.abs()));
        8.0 * f64::EPSILON * largest < *deviation
    };
    let all_vary = series.iter().zip(&deviations).all(varies);
    Some((covariance.correlation().filter(|_| all_vary)?, deviations, rows.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const UP: [f64; 4] = [1.0, -1.0, 1.0, -1.0];
    /// Its correlation with `UP` is ½·2/√(1·1.25) = 1/√1.25.
    const NEAR: [f64; 4] = [1.5, -0.5, 0.5, -1.5];

    fn close(a: f64, b: f64) {
        assert!((a - b).abs() < 1e-12 * b.abs(), "{a} {b}");
    }

    #[test]
    fn two_regressors_by_hand() {
        let found = collinearity(&[&UP, &NEAR], &[1.0; 4]).unwrap();
        let correlation = 1.0 / 1.25_f64.sqrt();
        let inflation = 1.0 / (1.0 - correlation * correlation);
        found.inflation.iter().for_each(|factor| close(*factor, inflation));
        close(found.condition_number, ((1.0 + correlation) / (1.0 - correlation)).sqrt());
        close(found.deviations[1], 1.25_f64.sqrt());
        // A row without weight, and one with a hole, change nothing.
        let with = |x: &[f64; 4], hole: f64| [&x[..], &[9.0, hole]].concat();
        let (up, near) = (with(&UP, f64::NAN), with(&NEAR, 3.0));
        let weights = [1.0, 1.0, 1.0, 1.0, 0.0, 1.0];
        assert_eq!(collinearity(&[&up, &near], &weights), Some(found));
        let alone = collinearity(&[&UP], &[1.0; 4]).unwrap();
        close(alone.inflation[0], 1.0);
        close(alone.condition_number, 1.0);
    }

    #[test]
    fn combinations_of_earlier_regressors_are_left_out() {
        let sum: Vec<f64> = UP.iter().zip(&NEAR).map(|(a, b)| 2.0 * a - 3.0 * b).collect();
        let flat = [0.1; 4];
        assert_eq!(collinearity(&[&UP, &NEAR, &sum], &[1.0; 4]), None);
        assert_eq!(independent(&[&flat, &UP, &NEAR, &sum], &[1.0; 4]), [1, 2]);
        assert_eq!(independent(&[&sum, &NEAR, &flat, &UP], &[1.0; 4]), [0, 1]);
        assert_eq!(independent(&[&UP, &UP], &[1.0; 4]), [0]);
        assert_eq!(collinearity(&[], &[1.0; 4]), None);
        assert_eq!(collinearity(&[&UP], &[1.0; 3]), None);
    }
}
