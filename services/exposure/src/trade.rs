//! The crowded trade in a book: its legs, its beta to the crowd, and the cost of an unwind.

use crate::{
    day_pnl::day_pnl,
    history::{History, Lacking},
    name::NONE,
    prepared::PreparedExposure,
    report::{BookBeta, CrowdTrade, Leg, Measured, Repeat, TradeLeg},
    sums::Sums,
    top_down::Map,
    unwind::{residual_deviation, unwinds},
};
use marketdata::{bars::Bars, day::Day, instrument::InstrumentId};
use portfolio::book::Book;

/// Calendar days to look back for the previous close.
const CLOSE_BEFORE_DAYS: i32 = 14;

/// Measures the trade.
pub(crate) fn measure(
    prepared: &PreparedExposure,
    book: &Book,
    sums: &Sums,
    history: Option<&History>,
    repeat_on: Option<Day>,
) -> CrowdTrade {
    let drivers = &prepared.drivers;
    let crowd = drivers.crowd.as_ref();
    let least = prepared.settings.min_observations;
    // One map for the book and its legs, so that their betas sum.
    let map =
        history.and_then(|history| Map::of(&[crowd?], history.own_since(drivers.first), least));
    let fit = |series: &[f32]| -> Option<(Measured, Option<f64>)> {
        let fit = map.as_ref()?.fit(&history?.since(series, drivers.first));
        Some((in_money(*fit.slopes.first()?, book.net_gross), fit.r_squared))
    };
    let whole = history.and_then(|history| fit(&history.total));
    let legs = Leg::ALL.map(|leg| {
        let exposure = sums.legs[leg as usize];
        let history = history.filter(|_| 0.0 < exposure.gross());
        let crowd_beta = history.and_then(|h| fit(&h.legs[leg as usize])).map(|(beta, _)| beta);
        let map = map.as_ref().filter(|_| crowd_beta.is_some());
        let own_share =
            map.map_or(1.0, |map| own_share(prepared, sums, (leg, book.net_gross), map));
        TradeLeg { leg, exposure, crowd_beta, own_share }
    });
    let top_down = whole.map(|(beta, _)| beta);
    let unwinds = || {
        let (crowd, map, beta, history) = (crowd?, map.as_ref()?, top_down?, history?);
        let returns = history.since(&history.total, drivers.first);
        let residual = residual_deviation(map, crowd, &returns, beta.value / book.net_gross);
        Some(unwinds(beta, crowd, &legs, residual * book.net_gross))
    };
    CrowdTrade {
        legs,
        matched: legs[0].exposure.long.min(legs[1].exposure.short),
        crowd_beta: BookBeta { bottom_up: crowd.and_then(|_| sums.crowd.measured()), top_down },
        share_of_variance: whole.and_then(|(_, explained)| explained),
        crowd_standard_deviation: crowd.map(|crowd| crowd.standard_deviation),
        crowd_ratio: drivers.crowd_ratio,
        unwinds: unwinds().unwrap_or_default(),
        repeat: repeat_on.and_then(|on| repeat(prepared, book, on)),
    }
}

/// Share of a leg's returns that is its names' own, with the weights of a map.
fn own_share(
    prepared: &PreparedExposure,
    sums: &Sums,
    (leg, gross): (Leg, f64),
    map: &Map<'_>,
) -> f64 {
    let joined = sums.joined_by_leg[leg as usize] / gross;
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
    let lacking = sums.lacking.iter().filter(|name| name.leg == leg as usize);
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

/// Applies the returns of one day. Returns `None` if the market has no return on it.
fn repeat(prepared: &PreparedExposure, book: &Book, on: Day) -> Option<Repeat> {
    let session = prepared.sessions.days().binary_search(&on).ok();
    let finite = |value: f64| Some(value).filter(|value| value.is_finite());
    let role = |resolved: &Option<(factors::roles::ResolvedRole, Vec<f64>)>| {
        let (resolved, returns) = resolved.as_ref()?;
        match session {
            Some(at) => finite(returns[at]),
            None => return_on(prepared, resolved.instrument, on),
        }
    };
    let market = role(&prepared.roles.market)?;
    let small = role(&prepared.roles.small);
    let spread = small.map(|small| small - market);
    // SIZE is the spread less its market part.
    let slope = prepared.drivers.size_market_slope.unwrap_or(0.0);
    let size = spread.map_or(0.0, |spread| spread - slope * market);
    let mut repeat = Repeat {
        on,
        pnl: 0.0,
        leg_pnl: [0.0; 3],
        market_return: Some(market),
        size_spread: spread,
        crowd_return: crowd_return(prepared, session),
        day: day_pnl(prepared, book, on),
        proxied_names: 0,
        proxied_gross_share: 0.0,
    };
    let gross = if 0.0 < book.gross { book.gross } else { 1.0 };
    for holding in &book.holdings {
        let name = prepared.name(holding.instrument);
        let own = match session {
            Some(_) if name.row == NONE => None,
            Some(at) => prepared.panel.own(name.row, at),
            None => return_on(prepared, holding.instrument, on),
        };
        if own.is_none() {
            repeat.proxied_names += 1;
            repeat.proxied_gross_share += holding.gross() / gross;
        }
        let return_then = own.unwrap_or(name.market * market + name.size * size);
        let leg = prepared.leg(holding.instrument, &name, holding.market_value);
        repeat.leg_pnl[leg as usize] += holding.market_value * return_then;
    }
    repeat.pnl = repeat.leg_pnl.iter().sum();
    Some(repeat)
}

/// The crowd's return on a session of the panel.
fn crowd_return(prepared: &PreparedExposure, session: Option<usize>) -> Option<f64> {
    let crowd = prepared.drivers.crowd.as_ref()?;
    Some(crowd.returns[session?]).filter(|crowd| crowd.is_finite())
}

/// An instrument's total return on a day before the panel starts.
fn return_on(prepared: &PreparedExposure, instrument: InstrumentId, on: Day) -> Option<f64> {
    let bars = Bars::since(&prepared.snapshot, instrument, on.plus(-CLOSE_BEFORE_DAYS));
    let row = bars.days.binary_search(&on).ok()?;
    bars.total_return(row)
}
