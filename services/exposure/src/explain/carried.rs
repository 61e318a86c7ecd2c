//! One name over a window: constant shares, session by session.

use super::{
    HeldOn, Request, Views,
    window::{FactorReturns, Window},
};
use crate::factor::Factor;
use marketdata::{bars::Bars, day::Day, quotes::past_price};
use portfolio::book::{Holding, Lot};

/// Most calendar days from a close to the start of the window that it stands for.
const CLOSE_BEFORE_DAYS: i32 = 14;

/// What the shares of one name made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Carried {
    /// Their value at the first close, signed.
    pub(super) start_value: f64,
    /// From changes of the price, signed; what is spun off stays with the name.
    pub(super) price: f64,
    /// The part of `price` that the exchange rate made; `None` if it is quoted in the base currency.
    pub(super) rates: Option<f64>,
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
    /// What one unit of money in the name made.
    per_value: f64,
    /// The first close. `None`: lots are valued at it already.
    first_close: Option<f64>,
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

    /// The value of a lot at the first close.
    pub(super) fn lot_value(&self, lot: &Lot) -> f64 {
        match self.first_close {
            Some(close) => lot.shares.unwrap_or(0.0) * close,
            None => lot.market_value,
        }
    }

    /// What a part of the name made, by its value at the first close.
    pub(super) fn pnl_of(&self, start_value: f64) -> f64 {
        start_value * self.per_value
    }
}

/// What a value in a name made.
#[derive(Clone, Copy, Debug)]
struct Made {
    price: f64,
    rates: f64,
    distributions: f64,
    driven: [f64; 3],
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
    let (start_value, first_close) = start(views, request.held_on, holding, bars.days[first])?;
    let Made { price, rates, distributions, driven } =
        made(&bars, (first, last), (window, returns), start_value)?;
    let unit = made(&bars, (first, last), (window, returns), 1.0)?;
    let carried = Carried {
        start_value,
        price,
        rates: bars.is_converted().then_some(rates),
        distributions,
        driven,
        first_on: bars.days[first],
        last_on: bars.days[last],
        is_adjusted: (first..=last).any(|row| bars.basis(row).is_total_return()),
        per_value: unit.price + unit.distributions,
        first_close,
    };
    let is_whole = carried.pnl().is_finite() && carried.driven.iter().all(|part| part.is_finite());
    is_whole.then_some(carried).ok_or(Left::UnknownUnits)
}

/// What a value at the close of the first row made up to that of the last.
fn made(
    bars: &Bars<'_>,
    (first, last): (usize, usize),
    (window, returns): (&Window, &FactorReturns),
    start_value: f64,
) -> Result<Made, Left> {
    let mut made = Made { price: 0.0, rates: 0.0, distributions: 0.0, driven: [0.0; 3] };
    let (mut value, mut row) = (start_value, first);
    for (at, session) in window.sessions.iter().enumerate() {
        if row == last {
            break;
        }
        for (driven, factor) in made.driven.iter_mut().zip(FACTORS) {
            *driven += value * returns.on(factor, at);
        }
        while row < last && bars.days[row + 1] <= *session {
            row += 1;
            let moved = bars.price_return(row).zip(bars.total_return(row));
            let (price, total) = moved.ok_or(Left::UnknownUnits)?;
            made.price += value * price;
            made.rates += value * bars.rate_return(row).ok_or(Left::UnknownUnits)?;
            made.distributions += value * (total - price);
            value *= 1.0 + price;
        }
    }
    Ok(made)
}

/// What the shares were worth at the first close, and the close unless they were valued at it when
/// the book was joined.
fn start(
    views: Views<'_>,
    held_on: HeldOn,
    holding: &Holding,
    first_on: Day,
) -> Result<(f64, Option<f64>), Left> {
    let (value, close) = match held_on {
        HeldOn::Start => {
            holding.quote.filter(|quote| quote.on == first_on).ok_or(Left::NoStart)?;
            (holding.market_value, None)
        }
        HeldOn::AsOf => {
            let price = past_price(&views.end.snapshot, holding.instrument, first_on);
            let shares = holding.shares.ok_or(Left::NoStart)?;
            let price = price.map_err(|_| Left::UnknownUnits)?;
            (shares * price, Some(price))
        }
    };
    Some((value, close)).filter(|(value, _)| value.is_finite()).ok_or(Left::UnknownUnits)
}
