//! How to work the trades of a plan: Almgren and Chriss's schedule for each.
//!
//! Time is the market's: a period is an equal share of the volume from now until the end, so that a
//! schedule is also one of participation. In money, with a price of one: σ is the line's volatility over
//! that share of a session, the passing impact η = ½·q per session reproduces the quadratic impact
//! ½·q·x² of an order worked evenly over a whole session's volume, and half that time costs twice as
//! much. There is no lasting impact besides. Each trade is scheduled by itself: what trades hedge of each
//! other while they are worked is not used.

use crate::{clock::SessionMinute, desk::Desk};
use factors::schedule::{PriceResponse, Schedule, Task, schedule};

/// The schedule of one trade.
#[derive(Clone, Debug, PartialEq)]
pub struct TradeSchedule {
    /// Index of the line.
    pub line: usize,
    /// The end of each period and what is then left of the trade, in money with its sign.
    pub left: Vec<(SessionMinute, f64)>,
    /// Expected cost in money: half spread, commission and passing impact.
    pub expected_cost: f64,
    /// Standard deviation of the cost, in money.
    pub deviation: f64,
}

/// Schedules of trades by line, in money, from now until a minute in some periods, with a price of
/// variance λ in one over money. A trade without a schedule is left out: one of zero, or all of them if
/// there is no time.
#[must_use]
pub fn schedules(
    desk: &Desk<'_>,
    trades: &[(usize, f64)],
    (until, periods): (SessionMinute, usize),
    risk_aversion: f64,
) -> Vec<TradeSchedule> {
    let days = desk.clock.volume_until(until);
    let of = |(at, money): &(usize, f64)| {
        let line = &desk.lines()[*at];
        let response = PriceResponse {
            volatility: line.volatility,
            fixed: line.terms.half_spread + line.terms.commission,
            permanent: 0.0,
            temporary: 0.5 * line.impact(desk.impact_size),
        };
        let task = Task { quantity: money.abs(), days, periods, risk_aversion };
        let Schedule { left, expected_cost, variance, .. } = schedule(&task, &response)?;
        let minute = |period: usize| desk.clock.minute_of(period as f64 / periods as f64, until);
        let left = left.iter().enumerate().skip(1);
        Some(TradeSchedule {
            line: *at,
            left: left.map(|(period, x)| (minute(period), x.copysign(*money))).collect(),
            expected_cost,
            deviation: variance.sqrt(),
        })
    };
    trades.iter().filter_map(of).collect()
}
