//! One name over a window: constant shares, session by session.

use super::{HeldOn, Request, Views, window::FactorReturns};
use crate::factor::Factor;
use marketdata::{bars::Bars, day::Day, quotes::past_price};
use portfolio::book::Holding;

/// Most calendar days from a close to the start of the window that it stands for.
const CLOSE_BEFORE_DAYS: i32 = 14;

/// What the shares of one name made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Carried {
    /// Their value at the first close, signed.
    pub(super) start_value: f64,
    /// From changes of the price, signed; what is spun off stays with the name.
    pub(super) price: f64,
    /// From distributions, signed: what shorts pay is below zero.
    pub(super) distributions: f64,
    /// Σ V_{t−1}·f_t over the sessions up to its last close, for the factors of [`FACTORS`]. Times
    /// the beta it is the part of the factor.
    pub(super) driven: [f64; 3],
    /// The days of its first and last close.
    pub(super) first_on: Day,
    pub(super) last_on: Day,
    /// Whether a close is adjusted for distributions, which are then part of its price.
    pub(super) is_adjusted: bool,
}

/// The factors that names have betas to, in the order of [`Carried::driven`].
pub(super) const FACTORS: [Factor; 3] = [Factor::Market, Factor::Size, Factor::Trade];

/// Why a name is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Left {
    /// It has no close at the start or in the days before.
    NoStart,
    /// It has no close after that.
    NoReturn,
    /// No known factor connects the units of its prices.
    UnknownUnits,
}

impl Carried {
    /// Price and distributions.
    pub(super) fn pnl(&self) -> f64 {
        self.price + self.distributions
    }
}

/// Carries a holding through the window.
pub(super) fn carry(
    views: Views<'_>,
    request: &Request<'_>,
    returns: &FactorReturns,
    holding: &Holding,
) -> Result<Carried, Left> {
    let window = request.window;
    let earliest = window.start_on.plus(-CLOSE_BEFORE_DAYS);
    let bars = Bars::since(&views.end.snapshot, holding.instrument, earliest);
    let first = bars.index_on_or_before(window.start_on).ok_or(Left::NoStart)?;
    let last = bars.index_on_or_before(window.end_on()).filter(|last| first < *last);
    let last = last.ok_or(Left::NoReturn)?;
    let start_value = start_value(views, request.held_on, holding, bars.days[first])?;
    let mut carried = Carried {
        start_value,
        price: 0.0,
        distributions: 0.0,
        driven: [0.0; 3],
        first_on: bars.days[first],
        last_on: bars.days[last],
        is_adjusted: (first..=last).any(|row| bars.basis(row).is_total_return()),
    };
    let (mut value, mut row) = (start_value, first);
    for (at, session) in window.sessions.iter().enumerate() {
        if row == last {
            break;
        }
        for (driven, factor) in carried.driven.iter_mut().zip(FACTORS) {
            *driven += value * returns.on(factor, at);
        }
        while row < last && bars.days[row + 1] <= *session {
            row += 1;
            let moved = bars.price_return(row).zip(bars.total_return(row));
            let (price, total) = moved.ok_or(Left::UnknownUnits)?;
            carried.price += value * price;
            carried.distributions += value * (total - price);
            value *= 1.0 + price;
        }
    }
    let is_whole = carried.pnl().is_finite() && carried.driven.iter().all(|part| part.is_finite());
    is_whole.then_some(carried).ok_or(Left::UnknownUnits)
}

/// What the shares were worth at the first close.
fn start_value(
    views: Views<'_>,
    held_on: HeldOn,
    holding: &Holding,
    first_on: Day,
) -> Result<f64, Left> {
    let value = match held_on {
        HeldOn::Start => {
            holding.quote.filter(|quote| quote.on == first_on).ok_or(Left::NoStart)?;
            holding.market_value
        }
        HeldOn::AsOf => {
            let price = past_price(&views.end.snapshot, holding.instrument, first_on);
            holding.shares.ok_or(Left::NoStart)? * price.map_err(|_| Left::UnknownUnits)?
        }
    };
    Some(value).filter(|value| value.is_finite()).ok_or(Left::UnknownUnits)
}
