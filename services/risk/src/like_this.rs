//! Days like this one: how everything moves together on the days on which the trade moved far.
//!
//! The days are those of the model's history on which |c| ≥ 2σ_c, c the return of the trade, or the
//! 30 on which |c| is largest. With S the mean of y·y′ on the n days, about zero because such days
//! are shocks and not a level, and C the covariance of any day, the covariance of days like this one
//! is
//!
//! ```text
//! (n·S + m·q·C)/(n + m),   q = mean of S_kk/C_kk over the m coordinates k
//! ```
//!
//! a blend with the average correlations at the volatility of these days, as heavy as one day per
//! coordinate: 30 days alone cannot say how 20 factors move together. Specific deviations, and those of
//! the rests of series, are ratio times as large, ratio = RMS of the book's own residuals on these days over
//! that of all days, each name weighted by its squared value, and at least one: calm days understate
//! (methodology B6).
//!
//! Asked for an earlier session, everything is of the days before it; σ_c is then theirs.

use crate::factor_view::FactorView;
use marketdata::{day::Day, instrument::InstrumentId};
use stats::{
    matrix::SymmetricMatrix,
    moments::{Ddof, standard_deviation},
};

/// A move of this many standard deviations of the trade is large.
const LARGE: f64 = 2.0;

/// Minimum number of large moves.
const LARGE_MIN: usize = 30;

/// The days behind an outcome of days like this one.
#[derive(Clone, Debug, PartialEq)]
pub struct DaysLikeThis {
    /// The days, oldest first.
    pub days: Vec<Day>,
    /// The smallest |move| of the trade among them, in its standard deviations; below 2 if fewer
    /// than 30 days reach that.
    pub least_move: f64,
    /// Specific deviations on these days over those of all days, at least one.
    pub residual_ratio: f64,
}

/// The sessions of the history that are like this one, ascending.
#[derive(Clone, Debug, PartialEq)]
pub struct Sessions {
    places: Vec<usize>,
    least_move: f64,
    /// Sessions of the history that are known.
    known: usize,
}

impl Sessions {
    /// What answers say of them.
    #[must_use]
    pub fn described(&self, model: &FactorView<'_>, residual_ratio: f64) -> DaysLikeThis {
        let days = &model.risk.sessions.days()[model.first..];
        DaysLikeThis {
            days: self.places.iter().map(|at| days[*at]).collect(),
            least_move: self.least_move,
            residual_ratio,
        }
    }
}

/// The days on which all coordinates and the trade have a move. `None` without a trade, or with fewer
/// than 30 of them.
#[must_use]
pub fn days(model: &FactorView<'_>, coordinates: &[Vec<f64>]) -> Option<Sessions> {
    let deviation = model.trade?.standard_deviation;
    days_among(model, coordinates, (deviation, usize::MAX))
}

/// The same among the first sessions of the history, as they were known then.
#[must_use]
pub fn days_before(
    model: &FactorView<'_>,
    coordinates: &[Vec<f64>],
    known: usize,
) -> Option<Sessions> {
    let trade = model.trade?.returns.get(model.first..model.first + known)?;
    let trade: Vec<f64> = trade.iter().copied().filter(|c| c.is_finite()).collect();
    let deviation = standard_deviation(&trade, Ddof::Sample)?;
    days_among(model, coordinates, (deviation, known))
}

fn days_among(
    model: &FactorView<'_>,
    coordinates: &[Vec<f64>],
    (deviation, known): (f64, usize),
) -> Option<Sessions> {
    let trade = model.trade.filter(|_| 0.0 < deviation)?;
    let moves: Vec<f64> =
        trade.returns[model.first..].iter().take(known).map(|c| (c / deviation).abs()).collect();
    let is_whole = |at: &usize| {
        moves[*at].is_finite() && coordinates.iter().all(|values| values[*at].is_finite())
    };
    let mut places: Vec<usize> = (0..moves.len()).filter(is_whole).collect();
    if places.len() < LARGE_MIN {
        return None;
    }
    places.sort_by(|a, b| moves[*b].total_cmp(&moves[*a]).then(a.cmp(b)));
    let large = places.iter().filter(|at| LARGE <= moves[**at]).count().max(LARGE_MIN);
    places.truncate(large);
    let least_move = moves[*places.last()?];
    places.sort_unstable();
    Some(Sessions { places, least_move, known })
}

/// The covariance of coordinates on some days, blended with that of any day.
#[must_use]
pub fn covariance(
    average: &SymmetricMatrix,
    coordinates: &[Vec<f64>],
    days: &Sessions,
) -> Option<SymmetricMatrix> {
    let n = days.places.len() as f64;
    let observed = SymmetricMatrix::from_lower(coordinates.len(), |row, column| {
        let product = |at: &usize| coordinates[row][*at] * coordinates[column][*at];
        days.places.iter().map(product).sum::<f64>() / n
    })?;
    let (mut ratio, mut count) = (0.0, 0.0);
    for (seen, usual) in observed.diagonal().zip(average.diagonal()) {
        if 0.0 < usual {
            ratio += seen / usual;
            count += 1.0;
        }
    }
    let prior = coordinates.len() as f64;
    let usual_weight = if 0.0 < count { prior * ratio / count / (n + prior) } else { 0.0 };
    observed.blend(n / (n + prior), average, usual_weight)
}

/// RMS of the residuals of names on some days over that of all days, at least one. Names with fewer
/// than half of the days do not count.
#[must_use]
pub fn residual_ratio<'a>(
    model: &FactorView<'_>,
    names: impl Iterator<Item = (InstrumentId, f64, &'a [f64])>,
    days: &Sessions,
) -> f64 {
    let (mut on_days, mut on_all) = (0.0, 0.0);
    for (instrument, value, exposures) in names {
        let Some(own) = model.own_returns(instrument) else { continue };
        let squares = own
            .iter()
            .take(days.known)
            .enumerate()
            .map(|(at, r)| residual(model, exposures, at, *r));
        let squares: Vec<f64> = squares.collect();
        let mean = |squares: &mut dyn Iterator<Item = f64>| {
            let (mut sum, mut count) = (0.0, 0_usize);
            for square in squares.filter(|square| square.is_finite()) {
                (sum, count) = (sum + square, count + 1);
            }
            (sum / count.max(1) as f64, count)
        };
        let (large, seen) = mean(&mut days.places.iter().map(|at| squares[*at]));
        let (usual, _) = mean(&mut squares.iter().copied());
        if days.places.len() <= 2 * seen {
            on_days += value * value * large;
            on_all += value * value * usual;
        }
    }
    if 0.0 < on_all { (on_days / on_all).sqrt().max(1.0) } else { 1.0 }
}

/// The squared residual of a return on a session of the history; NaN if a part is missing.
fn residual(model: &FactorView<'_>, exposures: &[f64], at: usize, own: f64) -> f64 {
    let residual = own - model.explained(exposures, at);
    residual * residual
}
