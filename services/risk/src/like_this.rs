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
//! A day counts only if every factor has a return on it. Where such days are few, the 30 may have moved
//! little: [`DaysLikeThis::gap`] says so.
//!
//! Asked for an earlier session, everything is of the days before it; σ_c and the ratio of the trade's legs
//! are then those of the fit window that ends there, as today's are of the one that ends today.

use crate::factor_view::FactorView;
use marketdata::{
    dataset::Dataset,
    day::Day,
    gap::{Gap, GapReason, Subject},
    instrument::InstrumentId,
};
use stats::matrix::SymmetricMatrix;

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
    /// The sessions that they are taken from.
    pub among: Usable,
}

impl DaysLikeThis {
    /// Why these days may not be what their name says. `None` if all of them are large moves, and taken
    /// from all sessions with a return of the trade.
    #[must_use]
    pub fn gap(&self) -> Option<Gap> {
        let Usable { moved, whole } = self.among;
        let (count, least) = (self.days.len(), self.least_move);
        if LARGE <= least && whole == moved {
            return None;
        }
        let left_out = match moved - whole {
            0 => String::new(),
            missing => format!(", because on {missing} of them a factor has none"),
        };
        let detail = format!(
            "the {count} days on which the trade moved far are taken from {whole} of {moved} sessions \
             with a return of the trade{left_out}; on the least of them it moved {least:.2} standard \
             deviations"
        );
        Some(Gap::new(GapReason::ShortHistory, Subject::Dataset(Dataset::Bars), detail))
    }
}

/// How many sessions of the history can be days like this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usable {
    /// The trade has a return.
    pub moved: usize,
    /// All factors have one, too.
    pub whole: usize,
}

/// Why there are no days like this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoDays {
    /// No trade is known.
    NoTrade,
    /// The trade stands still, so no move of it is large.
    Still,
    /// Fewer than 30 sessions are usable.
    Few(Usable),
    /// They have no covariance.
    NoCovariance,
}

impl NoDays {
    /// The reason, as half a sentence.
    #[must_use]
    pub fn why(self) -> String {
        match self {
            NoDays::NoTrade => {
                "the trade has no returns, because one of its legs is not loaded or has \
                                too few: no days are known on which it moved far"
                    .to_owned()
            }
            NoDays::Still => {
                "the returns of the trade do not vary: there are no days on which it moved far"
                    .to_owned()
            }
            NoDays::Few(Usable { moved, whole }) => format!(
                "all factors have a return on {whole} of {moved} sessions with a return of the trade, \
                 and it takes {LARGE_MIN} to find days on which the trade moved far"
            ),
            NoDays::NoCovariance => {
                "the factors have no covariance on the days on which the trade moved far".to_owned()
            }
        }
    }
}

/// The sessions of the history that are like this one, ascending.
#[derive(Clone, Debug, PartialEq)]
pub struct Sessions {
    places: Vec<usize>,
    least_move: f64,
    among: Usable,
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
            among: self.among,
        }
    }
}

/// The days on which all coordinates and the trade have a move.
///
/// # Errors
/// [`NoDays`], without a trade or with fewer than 30 of them.
pub fn days(model: &FactorView<'_>, coordinates: &[Vec<f64>]) -> Result<Sessions, NoDays> {
    let trade = model.trade.ok_or(NoDays::NoTrade)?;
    days_of(&trade.returns[model.first..], trade.standard_deviation, coordinates)
}

/// The same among the first sessions of the history, as they were known then.
#[must_use]
pub fn days_before(
    model: &FactorView<'_>,
    coordinates: &[Vec<f64>],
    known: usize,
) -> Option<Sessions> {
    let end = model.first + known;
    let trade = model.trade?.before(model.risk, end)?;
    let returns = trade.returns.get(model.first..end)?;
    days_of(returns, trade.standard_deviation, coordinates).ok()
}

/// The sessions on which a trade with some returns moved far by a standard deviation, and all coordinates
/// have a move. Coordinates may go on after the returns.
///
/// # Errors
/// [`NoDays`].
pub fn days_of(
    trade: &[f64],
    deviation: f64,
    coordinates: &[Vec<f64>],
) -> Result<Sessions, NoDays> {
    if deviation <= 0.0 || deviation.is_nan() {
        return Err(NoDays::Still);
    }
    let moves: Vec<f64> = trade.iter().map(|c| (c / deviation).abs()).collect();
    let is_whole = |at: &usize| {
        moves[*at].is_finite() && coordinates.iter().all(|values| values[*at].is_finite())
    };
    let mut places: Vec<usize> = (0..moves.len()).filter(is_whole).collect();
    let moved = moves.iter().filter(|size| size.is_finite()).count();
    let among = Usable { moved, whole: places.len() };
    if places.len() < LARGE_MIN {
        return Err(NoDays::Few(among));
    }
    places.sort_by(|a, b| moves[*b].total_cmp(&moves[*a]).then(a.cmp(b)));
    let large = places.iter().filter(|at| LARGE <= moves[**at]).count().max(LARGE_MIN);
    places.truncate(large);
    let least_move = places.last().map_or(0.0, |at| moves[*at]);
    places.sort_unstable();
    Ok(Sessions { places, least_move, among, known: trade.len() })
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
