//! What neither factors nor holdings explain of funds and series, and how it moves together.
//!
//! A fund, an index or a yield is y = B·f + Σ w·u + e: what factors explain, the specific returns of
//! what a fund is known to hold, and a rest. Rests are not independent: the rest of a fund is that of
//! its index, and that of a fund of bonds is a yield's. Their variances are those of the model, and
//! their correlations
//!
//! ```text
//! ρ_ij = Σ_t w_t·u_it·u_jt / √(Σ_t w_t·u_it² · Σ_t w_t·u_jt²)
//! ```
//!
//! with u what factors leave of each in the history, less its mean and zero where it is missing, and w
//! the weights of betas. A matrix of such numbers has no negative eigenvalue, whatever is missing, and
//! each depends on its two rests alone, so that P&L is a sum over positions. Missing sessions make ρ
//! smaller. Companies have no part in this: an event of one company that falls together with a move of an
//! index is no reason to expect both again, and such parts foresaw real names worse than none.

use crate::gaussian::Form;
use marketdata::instrument::InstrumentId;
use risk::{factor_view::FactorView, series::Series};

/// A rest of which others leave less than this share open is made of them: more digits are noise.
const OPEN_SHARE_MIN: f64 = 1e-12;

/// The rest of a fund or of a series.
#[derive(Clone, Debug)]
pub(crate) struct Rest {
    /// Its variance per session.
    pub(crate) variance: f64,
    /// What factors leave of it by session of the history, NaN if missing.
    pub(crate) returns: Vec<f64>,
}

/// A series that is no line: the trade, a yield, a spread, an implied volatility.
#[derive(Clone, Debug)]
pub(crate) struct ProjectedSeries {
    pub(crate) series: Series,
    /// The lines that it is made of, with what it holds of each per unit; none if it is something else.
    pub(crate) lines: Vec<(InstrumentId, f64)>,
    /// B.
    slopes: Vec<f64>,
    pub(crate) rest: Rest,
}

impl ProjectedSeries {
    /// The error is the number of sessions that the series has in common with the factors.
    pub(crate) fn of(model: &FactorView<'_>, series: Series) -> Result<ProjectedSeries, usize> {
        let moves = model.moves(series).ok_or(0_usize)?;
        let mut found = model.project(std::slice::from_ref(&moves))?;
        let slopes = found.slopes.pop().ok_or(0_usize)?;
        let rest = |(at, moved): (usize, &f64)| moved - model.explained(&slopes, at);
        let returns = moves.iter().enumerate().map(rest).collect();
        let rest = Rest { variance: found.residual.get(0, 0).max(0.0), returns };
        let lines = model.lines(series).unwrap_or_default();
        Ok(ProjectedSeries { series, lines, slopes, rest })
    }

    /// Its form, given its loadings on specific returns.
    pub(crate) fn form(&self, specific: Vec<(usize, f64)>) -> Form {
        Form { common: self.slopes.clone(), specific }
    }
}

/// Loadings of rests on as many independent sources of variance one; row i loads on the first i + 1.
pub(crate) fn loadings(rests: &[&Rest], weights: &[f64]) -> Vec<Vec<f64>> {
    let scaled: Vec<Vec<f64>> = rests.iter().map(|rest| scaled(&rest.returns, weights)).collect();
    let mut rows: Vec<Vec<f64>> = Vec::new();
    for (i, own) in scaled.iter().enumerate() {
        let mut row: Vec<f64> = Vec::new();
        for (other, known) in scaled[..i].iter().zip(&rows) {
            let at = row.len();
            let correlation: f64 = own.iter().zip(other).map(|(a, b)| a * b).sum();
            let through: f64 = row.iter().zip(known).map(|(a, b)| a * b).sum();
            let open = known[at];
            row.push(if 0.0 < open { (correlation - through) / open } else { 0.0 });
        }
        let open = 1.0 - row.iter().map(|loading| loading * loading).sum::<f64>();
        row.push(if OPEN_SHARE_MIN < open { open.sqrt() } else { 0.0 });
        rows.push(row);
    }
    for (row, rest) in rows.iter_mut().zip(rests) {
        row.iter_mut().for_each(|loading| *loading *= rest.variance.sqrt());
    }
    rows
}

/// √w·u less its mean, of length one; zeros where it is missing or does not vary.
fn scaled(returns: &[f64], weights: &[f64]) -> Vec<f64> {
    let known = || returns.iter().zip(weights).filter(|(u, _)| u.is_finite());
    let sum: f64 = known().map(|(_, w)| w).sum();
    let mean = if 0.0 < sum { known().map(|(u, w)| w * u).sum::<f64>() / sum } else { 0.0 };
    let of = |(u, w): (&f64, &f64)| if u.is_finite() { w.sqrt() * (u - mean) } else { 0.0 };
    let centred: Vec<f64> = returns.iter().zip(weights).map(of).collect();
    let length = centred.iter().map(|value| value * value).sum::<f64>().sqrt();
    let scale = if 0.0 < length { 1.0 / length } else { 0.0 };
    centred.iter().map(|value| scale * value).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: f64 = f64::NAN;

    fn rest(variance: f64, returns: [f64; 4]) -> Rest {
        Rest { variance, returns: returns.to_vec() }
    }

    fn covariance(rows: &[Vec<f64>], i: usize, j: usize) -> f64 {
        rows[i].iter().zip(&rows[j]).map(|(a, b)| a * b).sum()
    }

    /// u = (1, −1, 1, −1) and (1, −1, −1, 1) are orthogonal; (1, −1, 0, 0) has 2/√(4·2) with either;
    /// the same with two sessions missing has the same products.
    #[test]
    fn correlations_by_hand() {
        let rests = [
            rest(4.0, [1.0, -1.0, 1.0, -1.0]),
            rest(9.0, [1.0, -1.0, -1.0, 1.0]),
            rest(1.0, [3.0, 1.0, 2.0, 2.0]),
            rest(1.0, [3.0, 1.0, NONE, NONE]),
        ];
        let rows = loadings(&rests.iter().collect::<Vec<_>>(), &[0.25; 4]);
        let half = 0.5_f64.sqrt();
        for (i, j, expected) in [
            (0, 0, 4.0),
            (1, 1, 9.0),
            (2, 2, 1.0),
            (3, 3, 1.0),
            (0, 1, 0.0),
            (0, 2, 2.0 * half),
            (1, 2, 3.0 * half),
            (0, 3, 2.0 * half),
            (2, 3, 1.0),
        ] {
            let found = covariance(&rows, i.max(j), i.min(j));
            assert!((found - expected).abs() < 1e-12, "{i} {j}: {found}");
        }
    }

    /// The rest of a series that is another one, and one that never moves.
    #[test]
    fn a_rest_made_of_others_has_no_source_of_its_own() {
        let one = rest(4.0, [1.0, -1.0, 2.0, -2.0]);
        let twice = rest(16.0, [2.0, -2.0, 4.0, -4.0]);
        let flat = rest(1.0, [1.0; 4]);
        let rows = loadings(&[&one, &twice, &flat], &[0.4, 0.3, 0.2, 0.1]);
        assert!((covariance(&rows, 0, 1) - 8.0).abs() < 1e-12);
        assert!(
            rows[1][1].abs() < 1e-5 && rows[2][..2].iter().all(|loading| loading.abs() < 1e-15)
        );
        assert!((rows[2][2] - 1.0).abs() < 1e-15);
    }
}
