//! A trade in a book: its legs, its beta to the trade, and the cost of an unwind.

use crate::{
    history::History,
    lacking::Lacking,
    prepared::PreparedExposure,
    report::{BookBeta, Exposure, Measured, TradeExposure, TradeLeg},
    sums::Sums,
    top_down::Map,
    trades::Trade,
    unwind::{residual_deviation, unwinds},
};
use portfolio::book::Book;

/// What the measures of all trades of a report share.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Inputs<'a> {
    pub(crate) prepared: &'a PreparedExposure,
    pub(crate) book: &'a Book,
    pub(crate) sums: &'a Sums,
    /// By trade and leg: exposures of the lines, or of the book looked through its funds.
    pub(crate) legs: &'a [Vec<Exposure>],
    pub(crate) history: Option<&'a History>,
}

/// Measures a trade; `at` is its place in the sums and the history.
pub(crate) fn measure(inputs: Inputs<'_>, at: usize, trade: &Trade<'_>) -> TradeExposure {
    let Inputs { prepared, book, sums, legs: exposures, history } = inputs;
    let first = prepared.drivers.first;
    let least = prepared.settings.min_observations;
    // One map for the book and its legs, so that their betas sum.
    let map = history.and_then(|h| Map::of(&[trade.driver?], h.own_since(first), least));
    let fit = |series: &[f32]| -> Option<(Measured, Option<f64>)> {
        let fit = map.as_ref()?.fit(&history?.since(series, first));
        Some((in_money(*fit.slopes.first()?, book.net_gross), fit.r_squared))
    };
    let whole = history.and_then(|history| fit(&history.total));
    let leg = |leg: usize| {
        let held = sums.groups.legs[at][leg];
        let history = history.filter(|_| 0.0 < held.gross());
        let beta = history.and_then(|h| fit(&h.trades[at][leg])).map(|(beta, _)| beta);
        let map = map.as_ref().filter(|_| beta.is_some());
        let own_share = map.map_or(1.0, |map| own_share(inputs, (at, leg), map));
        let definition = trade.definition.legs.get(leg);
        let series = trade.series.get(leg);
        TradeLeg {
            leg_id: definition.map(|leg| leg.leg_id.clone()),
            side: definition.map(|leg| leg.side),
            exposure: exposures[at][leg],
            beta,
            own_share,
            return_symbols: series.map_or_else(Vec::new, |series| series.symbols.clone()),
        }
    };
    let legs: Vec<TradeLeg> = (0..=trade.definition.legs.len()).map(leg).collect();
    let top_down = whole.map(|(beta, _)| beta);
    let unwinds = || {
        let (driver, map, beta, history) = (trade.driver?, map.as_ref()?, top_down?, history?);
        let returns = history.since(&history.total, first);
        let residual = residual_deviation(map, driver, &returns, beta.value / book.net_gross);
        Some(unwinds(beta, driver, &legs, residual * book.net_gross))
    };
    let bottom_up = trade.driver.filter(|_| trade.has_name_betas);
    TradeExposure {
        unwinds: unwinds().unwrap_or_default(),
        matched: matched(&legs),
        legs,
        beta: BookBeta { bottom_up: bottom_up.and_then(|_| sums.crowd.measured()), top_down },
        share_of_variance: whole.and_then(|(_, explained)| explained),
        standard_deviation: trade.driver.map(|driver| driver.standard_deviation),
        ratio: trade.ratio,
    }
}

/// The smaller of the long value of the long legs and the short value of the short legs.
fn matched(legs: &[TradeLeg]) -> f64 {
    use factors::trade::Side;
    let of = |side: Side, value: fn(&TradeLeg) -> f64| {
        legs.iter().filter(|leg| leg.side == Some(side)).map(value).sum::<f64>()
    };
    of(Side::Long, |leg| leg.exposure.long).min(of(Side::Short, |leg| leg.exposure.short))
}

/// Share of a leg's returns that is its names' own, with the weights of a map.
fn own_share(inputs: Inputs<'_>, (trade, leg): (usize, usize), map: &Map<'_>) -> f64 {
    let Inputs { prepared, book, sums, .. } = inputs;
    let joined = sums.trades[trade].joined[leg] / book.net_gross;
    let (weights, first) = (map.weights(), prepared.drivers.first);
    let whole: f64 = weights.iter().sum();
    if joined <= 0.0 || whole <= 0.0 {
        return 1.0;
    }
    let absent = |name: &Lacking| {
        let is_own = |at: usize| name.row.is_some_and(|row| prepared.panel.own(row, at).is_some());
        let absent = weights.iter().enumerate().filter(|(at, _)| !is_own(first + at));
        name.weight.abs() * absent.map(|(_, weight)| weight).sum::<f64>()
    };
    let lacking = sums.lacking.iter().filter(|name| name.leg_of(trade) == leg);
    1.0 - lacking.map(absent).sum::<f64>() / (joined * whole)
}

/// Converts a slope of returns on gross to money per 100 % of the driver.
pub(crate) fn in_money(slope: Measured, gross: f64) -> Measured {
    Measured {
        value: slope.value * gross,
        standard_error: slope.standard_error * gross,
        observations: slope.observations,
    }
}
