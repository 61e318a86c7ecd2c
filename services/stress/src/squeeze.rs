//! A scenario and a squeeze of the book's own shorts, together.
//!
//! The squeeze is given: a return per name, on top of what the scenario does to it. A short of
//! value V with the scenario's P&L p then makes p + (V + p)·j: its price moves by R = (1 + r)(1 +
//! j) − 1.
//!
//! A squeeze is too large a move for a delta, so what it adds values the options of known terms of
//! the name anew: b(R) − b(r) more, with b what they make beyond their delta. The scenario's own
//! P&L counts them by their delta, so b(r) is no part of either; who adds it to both has all
//! options valued anew. A jump happens in the name's own market, so strikes in other currencies are
//! those of the scenario.
//!
//! A short is a name whose lines net to less than nothing. All of its lines are squeezed, those
//! that are held long and all options among them, however the portfolio nets: it is their sum that
//! jumps.

use crate::{shock::SIZE_MAX, total::total};
use marketdata::{currency::Currency, instrument::InstrumentId};
use portfolio::{
    book::{Book, Holding},
    convexity::Convexity,
};
use std::collections::BTreeMap;

/// The return of a squeezed name, a decimal, 0 to [`SIZE_MAX`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SqueezedName {
    /// The name.
    pub instrument: InstrumentId,
    /// Its return on top of the scenario's.
    pub jump: f64,
}

/// A field of a squeeze that is out of range: the place of the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SqueezeFault {
    /// Its jump is negative, no number, or larger than [`SIZE_MAX`].
    Jump(usize),
    /// The name was given before.
    Twice(usize),
}

/// P&L of a scenario and a squeeze, in the currency of the book.
#[derive(Clone, Debug, PartialEq)]
pub struct Combined {
    /// Of both.
    pub pnl: f64,
    /// What the squeeze adds; above 0 if the options of the names gain more than the rest loses.
    pub squeeze_pnl: f64,
    /// Of both by holding of the book, in its order.
    pub positions: Vec<f64>,
    /// The same without what options make beyond their deltas: what the value to leave changes by.
    pub first_order: Vec<f64>,
    /// Squeezed names that the book is not short, in the order given; they add nothing.
    pub not_short: Vec<InstrumentId>,
}

/// By what factor the rate of a currency of strikes grows in a scenario.
pub type RateGrowth<'a> = &'a dyn Fn(Option<Currency>) -> f64;

/// The shorts of a book.
pub fn shorts(book: &Book) -> impl Iterator<Item = &Holding> {
    book.holdings.iter().filter(|holding| holding.market_value < 0.0)
}

/// What a jump from today's price adds to the P&L of a short.
pub fn from_today(book: &Book, short: &Holding, jump: f64) -> f64 {
    let (linear, beyond) = added(book, short, (0.0, jump), &|_| 1.0);
    linear + beyond
}

/// Adds a squeeze to the P&L by holding of a scenario.
///
/// # Errors
/// Every name with a fault.
pub fn combined(
    book: &Book,
    by_holding: &[f64],
    squeeze: &[SqueezedName],
    rate_growth: RateGrowth<'_>,
) -> Result<Combined, Vec<SqueezeFault>> {
    let mut jumps = BTreeMap::new();
    let mut faults = Vec::new();
    for (at, name) in squeeze.iter().enumerate() {
        if !(0.0..=SIZE_MAX).contains(&name.jump) {
            faults.push(SqueezeFault::Jump(at));
        }
        if jumps.insert(name.instrument, name.jump).is_some() {
            faults.push(SqueezeFault::Twice(at));
        }
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    let mut squeeze_pnl = 0.0;
    let is_short = |id: InstrumentId| shorts(book).any(|holding| holding.instrument == id);
    let of = |(holding, made): (&Holding, &f64)| {
        let jump = jumps.get(&holding.instrument).filter(|_| holding.market_value < 0.0);
        let (linear, beyond) =
            jump.map_or((0.0, 0.0), |jump| added(book, holding, (*made, *jump), rate_growth));
        squeeze_pnl += linear + beyond;
        (made + (linear + beyond), made + linear)
    };
    let (positions, first_order): (Vec<f64>, Vec<f64>) =
        book.holdings.iter().zip(by_holding).map(of).unzip();
    Ok(Combined {
        pnl: total(&positions),
        squeeze_pnl,
        positions,
        first_order,
        not_short: squeeze.iter().map(|name| name.instrument).filter(|id| !is_short(*id)).collect(),
    })
}

/// What the jump of a name that is held short adds to the P&L `made` of a scenario: by deltas, and
/// what options make beyond them.
fn added(
    book: &Book,
    holding: &Holding,
    (made, jump): (f64, f64),
    rate_growth: RateGrowth<'_>,
) -> (f64, f64) {
    let linear = (holding.market_value + made).min(0.0) * jump;
    let options = Convexity::of(book, book.lots(holding));
    if options.is_none() {
        return (linear, 0.0);
    }
    let before = made / holding.market_value;
    let after = (1.0 + before).max(0.0) * (1.0 + jump) - 1.0;
    let beyond = |total_return: f64| options.beyond_delta_with(total_return, rate_growth);
    (linear, beyond(after) - beyond(before.max(-1.0)))
}
