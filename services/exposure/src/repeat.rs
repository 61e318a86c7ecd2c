//! The returns of one past day applied to today's positions.

use crate::{
    day_pnl::day_pnl,
    name::NONE,
    prepared::PreparedExposure,
    report::{DayPnl, Repeat},
    trades::Trade,
};
use factors::roles::ResolvedRole;
use marketdata::{bars::Bars, day::Day, instrument::InstrumentId};
use portfolio::book::Book;

/// Calendar days to look back for the previous close.
const CLOSE_BEFORE_DAYS: i32 = 14;

/// A past day on today's positions, whatever the trade.
#[derive(Debug)]
pub(crate) struct PastDay {
    on: Day,
    /// Its place in the panel. `None` before it.
    session: Option<usize>,
    market: f64,
    size_spread: Option<f64>,
    /// The return of each holding.
    returns: Vec<f64>,
    day: DayPnl,
    proxied_names: u32,
    proxied_gross_share: f64,
}

impl PastDay {
    /// Reads the returns of a day. Returns `None` if the market has no return on it.
    pub(crate) fn of(prepared: &PreparedExposure, book: &Book, on: Day) -> Option<PastDay> {
        let session = prepared.sessions.days().binary_search(&on).ok();
        let role = |resolved: &Option<(ResolvedRole, Vec<f64>)>| {
            let (resolved, returns) = resolved.as_ref()?;
            match session {
                Some(at) => Some(returns[at]).filter(|value| value.is_finite()),
                None => return_on(prepared, resolved.instrument, on),
            }
        };
        let market = role(&prepared.roles.market)?;
        let small = role(&prepared.roles.small);
        let spread = small.map(|small| small - market);
        // SIZE is the spread less its market part.
        let slope = prepared.drivers.size_market_slope.unwrap_or(0.0);
        let size = spread.map_or(0.0, |spread| spread - slope * market);
        let mut past = PastDay {
            on,
            session,
            market,
            size_spread: spread,
            returns: Vec::with_capacity(book.holdings.len()),
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
                past.proxied_names += 1;
                past.proxied_gross_share += holding.gross() / gross;
            }
            past.returns.push(own.unwrap_or(name.market * market + name.size * size));
        }
        Some(past)
    }

    /// The day by the legs of a trade.
    pub(crate) fn repeat(
        &self,
        prepared: &PreparedExposure,
        book: &Book,
        trade: &Trade<'_>,
    ) -> Repeat {
        let mut leg_pnl = vec![0.0; trade.definition.legs.len() + 1];
        for (holding, return_then) in book.holdings.iter().zip(&self.returns) {
            let (name, value) = (prepared.name(holding.instrument), holding.market_value);
            let leg = trade.membership.leg(prepared, holding.instrument, name, value);
            leg_pnl[leg] += value * return_then;
        }
        let on_day = |session: usize| trade.driver.map(|driver| driver.returns[session]);
        Repeat {
            on: self.on,
            pnl: leg_pnl.iter().sum(),
            leg_pnl,
            market_return: self.market,
            size_spread: self.size_spread,
            trade_return: self.session.and_then(on_day).filter(|value| value.is_finite()),
            day: self.day,
            proxied_names: self.proxied_names,
            proxied_gross_share: self.proxied_gross_share,
        }
    }
}

/// An instrument's total return on a day before the panel starts.
fn return_on(prepared: &PreparedExposure, instrument: InstrumentId, on: Day) -> Option<f64> {
    let bars = Bars::since(&prepared.snapshot, instrument, on.plus(-CLOSE_BEFORE_DAYS));
    let row = bars.days.binary_search(&on).ok()?;
    bars.total_return(row)
}
