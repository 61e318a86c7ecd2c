//! What factors explain of other series: least squares weighted by age, jointly for several series.
//!
//! With y = B·f + e the series have the covariance B·F·B′ + Ω, where Ω is that of the residuals. F may
//! be another one than that of the sessions behind B: series and names then move with the factors as
//! the risk model forecasts them, and everything together is one covariance.

use stats::{cholesky::Cholesky, covariance, ewma::Centre, kernel::dot, matrix::SymmetricMatrix};

/// κ: share of its own variance added to that of each factor. The returns of sector factors have a
/// weighted sum of zero, so that least squares alone could not tell them apart; a slope moves by a
/// thousandth.
const RIDGE: f64 = 1e-3;

/// Minimum number of sessions with all returns.
const OBSERVATIONS_MIN: usize = 60;

/// Series as functions of factors.
#[derive(Clone, Debug)]
pub struct Projection {
    /// B: by series, its slopes on the factors.
    pub slopes: Vec<Vec<f64>>,
    /// Ω, per session.
    pub residual: SymmetricMatrix,
}

/// Number of sessions that a projection on some factors needs: 60, and twice as many as factors.
pub fn observations_needed(factors: usize) -> usize {
    OBSERVATIONS_MIN.max(2 * factors)
}

/// Projects series on factors over the sessions on which all of both are present (not NaN), with
/// weights by session.
///
/// # Errors
/// The number of such sessions if it is too small, or if a factor does not vary on them.
pub fn project(
    factors: &[Vec<f64>],
    series: &[Vec<f64>],
    weights: &[f64],
) -> Result<Projection, usize> {
    let is_whole = |at: &usize| factors.iter().chain(series).all(|values| values[*at].is_finite());
    let rows: Vec<usize> = (0..weights.len()).filter(is_whole).collect();
    let count = rows.len();
    if count < observations_needed(factors.len()) {
        return Err(count);
    }
    let pick = |values: &[f64]| -> Vec<f64> { rows.iter().map(|at| values[*at]).collect() };
    let columns: Vec<Vec<f64>> = factors.iter().chain(series).map(|column| pick(column)).collect();
    let columns: Vec<&[f64]> = columns.iter().map(Vec::as_slice).collect();
    let all = covariance::weighted(&columns, &pick(weights), Centre::Mean).ok_or(count)?;
    of_covariance(&all, factors.len(), count).ok_or(count)
}

fn of_covariance(all: &SymmetricMatrix, factors: usize, count: usize) -> Option<Projection> {
    let series = all.dim() - factors;
    let ridged = SymmetricMatrix::from_lower(factors, |row, column| {
        all.get(row, column) * if row == column { 1.0 + RIDGE } else { 1.0 }
    })?;
    let factor = Cholesky::factor(&ridged)?;
    let slopes: Vec<Vec<f64>> = (factors..all.dim())
        .map(|at| factor.solve(&all.row(at)[..factors]))
        .collect::<Option<_>>()?;
    // F·B′ of the same sessions.
    let explained: Vec<Vec<f64>> = slopes
        .iter()
        .map(|slopes| (0..factors).map(|k| dot(&all.row(k)[..factors], slopes)).collect())
        .collect();
    let free = count as f64 / (count - factors - 1) as f64;
    let residual = SymmetricMatrix::from_lower(series, |i, j| {
        let [with_i, with_j] = [i, j].map(|at| &all.row(factors + at)[..factors]);
        let common = dot(&slopes[i], with_j) + dot(&slopes[j], with_i);
        free * (all.get(factors + i, factors + j) - common + dot(&slopes[i], &explained[j]))
    })?;
    Some(Projection { slopes, residual })
}

#[cfg(test)]
mod tests {
    use super::*;
    use stats::rng::Rng;

    /// Two factors and two series made of them with known slopes and noise.
    fn known(sessions: usize) -> (Vec<Vec<f64>>, Vec<Vec<f64>>) {
        let mut rng = Rng::new(5, 5);
        let mut draw = |sd: f64| -> Vec<f64> { (0..sessions).map(|_| sd * rng.normal()).collect() };
        let (a, b) = (draw(0.01), draw(0.02));
        let (noise, more) = (draw(0.003), draw(0.004));
        let first = (0..sessions).map(|at| 1.5 * a[at] - 0.5 * b[at] + noise[at]).collect();
        let second = (0..sessions).map(|at| 0.25 * b[at] + noise[at] + more[at]).collect();
        (vec![a, b], vec![first, second])
    }

    #[test]
    fn known_slopes_and_residuals_are_found() {
        let (factors, series) = known(4_000);
        let found = project(&factors, &series, &vec![1.0; 4_000]).unwrap();
        // Errors of slopes: .003/(.01·√4000) = .005; of variances √(2/4000) = 2 %.
        for (slopes, expected) in found.slopes.iter().zip([[1.5, -0.5], [0.0, 0.25]]) {
            let near = |(a, b): (&f64, f64)| (a - b).abs() < 0.025;
            assert!(slopes.iter().zip(expected).all(near), "{slopes:?}");
        }
        let residual = &found.residual;
        for (value, expected) in
            [(residual.get(0, 0), 9e-6), (residual.get(0, 1), 9e-6), (residual.get(1, 1), 25e-6)]
        {
            assert!((value / expected - 1.0).abs() < 0.08, "{value} {expected}");
        }
    }

    #[test]
    fn sessions_with_a_gap_do_not_count() {
        let (mut factors, mut series) = known(80);
        let whole = project(&factors, &series[..1], &[1.0; 80]).unwrap();
        factors[0].push(f64::NAN);
        factors[1].push(9.0);
        series[0].push(9.0);
        let with_gap = project(&factors, &series[..1], &[1.0; 81]).unwrap();
        assert_eq!(whole.slopes, with_gap.slopes);
        let few: Vec<Vec<f64>> = factors.iter().map(|values| values[22..].to_vec()).collect();
        let short = series[0][22..].to_vec();
        assert_eq!(project(&few, &[short], &[1.0; 59]).unwrap_err(), 58);
    }
}
