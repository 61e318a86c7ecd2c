//! Liquidity-adjusted P&L: what a stressed book is worth once it is sold.
//!
//! ```text
//! adjusted = pnl − Σ sold_i·(half spread + ⅔·Y·σ_i·√(sold_i/V_i))
//! ```
//!
//! sold_i is the stressed value |V_i + pnl_i| of a holding, at most participation·V_i·sessions, V_i
//! the value that the name trades a day and σ_i its volatility per session, both as stressed; the law
//! is [`factors::impact`]'s. What cannot be sold in time is left, and reported with the names whose
//! volume is unknown: their cost is not zero.

use crate::total::total;
use factors::{average_volume, impact::Order};
use marketdata::{
    gap::{Gap, GapReason, Subject},
    instrument::InstrumentId,
};
use portfolio::book::{Book, Holding};
use risk::factor_view::FactorView;

/// The largest value of a term: larger ones are no terms, and products of them no number.
const TERM_MAX: f64 = 1e6;

/// How a book is sold. Every number is at most a million.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ExitTerms {
    /// Sessions in which it is sold, above 0.
    pub sessions: f64,
    /// Share of a day's volume that the seller may be, above 0.
    pub participation: f64,
    /// Half of the spread, a decimal of the price, 0 or more; there are no quotes to take it from.
    pub half_spread: f64,
    /// Volatilities in the stress over those of the model, 0 or more.
    pub volatility_ratio: f64,
    /// Volumes in the stress over the average ones, above 0.
    pub volume_ratio: f64,
}

/// A field of [`ExitTerms`] that is out of range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExitFault(pub &'static str);

/// A stressed P&L after the costs of leaving, in the currency of the book.
#[derive(Clone, Debug, PartialEq)]
pub struct LiquidityAdjusted {
    /// The P&L before costs.
    pub pnl: f64,
    /// The costs of what is sold, 0 or more.
    pub cost: f64,
    /// P&L less costs.
    pub adjusted: f64,
    /// Stressed value that is not sold in time, 0 or more.
    pub left: f64,
    /// By holding of the book, in its order. `None` if the cost is unknown.
    pub positions: Vec<Option<ExitCost>>,
    /// One gap per holding without a cost, with its share of gross.
    pub gaps: Vec<Gap>,
}

/// What leaving a holding costs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ExitCost {
    /// Value sold, 0 or more.
    pub sold: f64,
    /// Value left, 0 or more.
    pub left: f64,
    /// Cost of what is sold.
    pub cost: f64,
    /// Whether more than a day's volume is sold, to which the law was not fitted.
    pub extrapolated: bool,
}

impl ExitTerms {
    /// Every field that is out of range.
    ///
    /// # Errors
    /// The fields.
    pub fn check(&self) -> Result<(), Vec<ExitFault>> {
        let rows = [
            ("sessions", self.sessions, true),
            ("participation", self.participation, true),
            ("half_spread", self.half_spread, false),
            ("volatility_ratio", self.volatility_ratio, false),
            ("volume_ratio", self.volume_ratio, true),
        ];
        let is_lawful = |value: f64, is_positive: bool| {
            value <= TERM_MAX && if is_positive { 0.0 < value } else { 0.0 <= value }
        };
        let wrong = rows.iter().filter(|(_, value, positive)| !is_lawful(*value, *positive));
        let faults: Vec<ExitFault> = wrong.map(|(field, ..)| ExitFault(field)).collect();
        if faults.is_empty() { Ok(()) } else { Err(faults) }
    }
}

/// The P&L of a book after leaving it; `by_holding` is its P&L by holding, and `first_order` the part of it
/// that changes what is to be left: options are left as the shares of their deltas.
///
/// # Errors
/// Every field of the terms that is out of range.
pub fn adjusted(
    model: &FactorView<'_>,
    book: &Book,
    (by_holding, first_order): (&[f64], &[f64]),
    terms: &ExitTerms,
) -> Result<LiquidityAdjusted, Vec<ExitFault>> {
    terms.check()?;
    let pnl = total(by_holding);
    let mut report = LiquidityAdjusted {
        pnl,
        cost: 0.0,
        adjusted: pnl,
        left: 0.0,
        positions: Vec::with_capacity(book.holdings.len()),
        gaps: Vec::new(),
    };
    for (holding, made) in book.holdings.iter().zip(first_order) {
        let value = (holding.market_value + made).abs();
        let cost = exit_cost(model, holding.instrument, value, terms);
        match &cost {
            Ok(cost) => {
                report.cost += cost.cost;
                report.left += cost.left;
            }
            Err(reason) => report.gaps.push(gap(model, book, holding, *reason)),
        }
        report.positions.push(cost.ok());
    }
    report.adjusted = pnl - report.cost;
    Ok(report)
}

fn exit_cost(
    model: &FactorView<'_>,
    instrument: InstrumentId,
    value: f64,
    terms: &ExitTerms,
) -> Result<ExitCost, GapReason> {
    let (snapshot, sessions) = (&model.risk.snapshot, model.risk.sessions.with_start());
    let volume = terms.volume_ratio * average_volume::usd_on(snapshot, instrument, sessions)?;
    let name = model.name(instrument).ok_or(GapReason::ShortHistory)?;
    let volatility = terms.volatility_ratio * model.volatility(&name);
    let sold = value.min(terms.participation * volume * terms.sessions);
    let impact = Order::new(sold, volume, volatility).ok_or(GapReason::NoVolume)?.square_root();
    Ok(ExitCost {
        sold,
        left: value - sold,
        cost: sold * (terms.half_spread + impact.mean),
        extrapolated: impact.extrapolated,
    })
}

fn gap(model: &FactorView<'_>, book: &Book, holding: &Holding, reason: GapReason) -> Gap {
    let symbol = model.risk.snapshot.symbol(holding.instrument);
    let share = if 0.0 < book.gross { holding.gross() / book.gross } else { 0.0 };
    let detail = "the cost of leaving is unknown and in no number";
    Gap::new(reason, Subject::symbol(symbol), detail).of_gross(share)
}
