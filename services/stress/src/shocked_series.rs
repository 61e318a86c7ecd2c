//! Series that a scenario shocks, as forms of factors, specific returns of names, and a rest.
//!
//! A series y, such as an index or the trade, is what the factors explain of it, and ε
//! ([`risk::projection`]). ε is more than noise to the names that y is made of: the u of a megacap is
//! part of the trade's ε, and all of an index fund's u is that of its index. So
//!
//! ```text
//! y = B·f + Σ b_i·u_i + ε',   b_i = Ω·γ_i/d_i,   Cov(ε') = Ω − Σ d_i·b_i·b_i'
//! ```
//!
//! with Ω = Cov(ε), d_i = Var(u_i) as in the risk model, and γ_i the slope of u_i on ε by least
//! squares, so that Cov(u_i, ε) = Ω·γ_i and specific returns stay uncorrelated. Most names have
//! nothing to do with ε, and the noise of many slopes would look like a part of it: a slope counts from
//! F = 9, three standard errors, and times 1 − 1/F. By noise the names may still explain more of ε than
//! there is, and Cov(ε') is then no covariance. Nothing rests on it alone: Cov(y) is B·F·B' + Ω, and
//! Cov(u_i, y) is Ω·γ_i, whatever else is held, so that P&L stays a sum over positions.

use crate::gaussian::Form;
use marketdata::instrument::InstrumentId;
use risk::{
    factor_view::{FactorView, ModelledName},
    projection,
    series::Series,
};
use stats::{ewma, matrix::SymmetricMatrix};

/// Smallest F statistic of a slope that counts.
const F_MIN: f64 = 9.0;

/// The series of a scenario.
#[derive(Clone, Debug)]
pub(crate) struct ShockedSeries {
    pub(crate) series: Vec<Series>,
    /// B, by series.
    slopes: Vec<Vec<f64>>,
    /// b, by name in the order of the setting: its place, and one number per series.
    parts: Vec<(usize, Vec<f64>)>,
    /// ε' by series and session of the history, NaN if missing.
    pub(crate) rests: Vec<Vec<f64>>,
    /// Cov(ε'). `None` without series.
    pub(crate) covariance: Option<SymmetricMatrix>,
}

impl ShockedSeries {
    pub(crate) const NONE: ShockedSeries = ShockedSeries {
        series: Vec::new(),
        slopes: Vec::new(),
        parts: Vec::new(),
        rests: Vec::new(),
        covariance: None,
    };

    /// One or more series, and the names that may be part of them. The error is the number of sessions
    /// in common.
    pub(crate) fn of(
        model: &FactorView<'_>,
        series: Vec<Series>,
        names: &[(InstrumentId, ModelledName)],
    ) -> Result<ShockedSeries, usize> {
        let moves: Option<Vec<Vec<f64>>> = series.iter().map(|one| model.moves(*one)).collect();
        let moves = moves.ok_or(0_usize)?;
        let projection = model.project(&moves)?;
        let unexplained = |(slopes, moves): (&Vec<f64>, &Vec<f64>)| -> Vec<f64> {
            let rest = |(at, moved): (usize, &f64)| moved - model.explained(slopes, at);
            moves.iter().enumerate().map(rest).collect()
        };
        let rests = projection.slopes.iter().zip(&moves).map(unexplained).collect();
        let mut shocked = ShockedSeries {
            series,
            slopes: projection.slopes,
            parts: Vec::new(),
            rests,
            covariance: None,
        };
        shocked.covariance = shocked.find_parts(model, &projection.residual, names);
        Ok(shocked)
    }

    /// The form of a series, given its place and the number of coordinates.
    pub(crate) fn form(&self, place: usize, coordinates: usize) -> Form {
        let factors = coordinates - self.series.len();
        let mut form = Form::coordinate(factors + place, coordinates);
        form.common[..factors].copy_from_slice(&self.slopes[place]);
        form.specific = self.parts.iter().map(|(name, b)| (*name, b[place])).collect();
        form
    }

    /// Finds b, takes the names out of the rests, and gives the covariance of these. `None` if it is
    /// no number.
    fn find_parts(
        &mut self,
        model: &FactorView<'_>,
        omega: &SymmetricMatrix,
        names: &[(InstrumentId, ModelledName)],
    ) -> Option<SymmetricMatrix> {
        let count = self.series.len();
        let mut found = Vec::new();
        for (place, (instrument, name)) in names.iter().enumerate() {
            let Some(specific) = model.specific_returns(*instrument, name) else { continue };
            let Some(slopes) = slopes(model, &self.rests, omega, &specific) else { continue };
            if 0.0 < name.specific_variance {
                found.push((place, slopes, specific, name.specific_variance));
            }
        }
        let mut taken = vec![0.0; count * count];
        for (place, slopes, specific, variance) in found {
            let b: Vec<f64> = omega.times(&slopes)?.iter().map(|with| with / variance).collect();
            for (series, rest) in self.rests.iter_mut().enumerate() {
                for (rest, u) in rest.iter_mut().zip(&specific).filter(|(_, u)| u.is_finite()) {
                    *rest -= b[series] * u;
                }
            }
            for i in 0..count {
                (0..count).for_each(|j| taken[i * count + j] += variance * b[i] * b[j]);
            }
            self.parts.push((place, b));
        }
        SymmetricMatrix::from_lower(count, |i, j| omega.get(i, j) - taken[i * count + j])
    }
}

/// γ of a name, shrunk. `None` if it does not count, or with too few sessions.
fn slopes(
    model: &FactorView<'_>,
    unexplained: &[Vec<f64>],
    omega: &SymmetricMatrix,
    specific: &[f64],
) -> Option<Vec<f64>> {
    let found = projection::project(unexplained, &[specific.to_vec()], &model.weights).ok()?;
    let slopes = found.slopes.first()?;
    let left = found.residual.get(0, 0);
    let observations = ewma::effective_number(&model.weights)?;
    let noise = left * unexplained.len() as f64 / observations;
    let explained = omega.quadratic_form(slopes)?;
    let shrunk = |slope: &f64| slope * (1.0 - noise / explained);
    (F_MIN * noise <= explained && 0.0 < explained).then(|| slopes.iter().map(shrunk).collect())
}
