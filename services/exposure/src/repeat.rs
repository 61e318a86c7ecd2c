//! The returns of one past day applied to today's positions.

use crate::{
    day_pnl::day_pnl,
    name::NONE,
    prepared::PreparedExposure,
    report::{Repeat, TradeRepeat},
    trades::Trade,
};
use factors::roles::ResolvedRole;
use marketdata::{bars::Bars, day::Day, instrument::InstrumentId};
use portfolio::book::Book;

/// Calendar days to look back for the previous close.
const CLOSE_BEFORE_DAYS: i32 = 14;

/// Repeats a day, whole and by the legs of some trades. Returns `None` if the market has no return on
/// it.
pub(crate) fn repeat(
    prepared: &PreparedExposure,
    book: &Book,
    on: Day,
    trades: &[&Trade<'_>],
) -> Option<Repeat> {
    let past = PastDay::of(prepared, book, on)?;
    let pnl = book.holdings.iter().zip(&past.returns).map(|(held, r)| held.market_value * r).sum();
    Some(Repeat {
        on,
        pnl,
        market_return: past.market,
        size_spread: past.size_spread,
        day: day_pnl(prepared, book, on),
        proxied_names: past.proxied_names,
        proxied_gross_share: past.proxied_gross_share,
        trades: trades.iter().map(|trade| past.trade(prepared, book, trade)).collect(),
    })
}

/// A past day on today's positions, whatever the trade.
#[derive(Debug)]
struct PastDay {
    /// Its place in the panel. `None` before it.
    session: Option<usize>,
    market: f64,
    size_spread: Option<f64>,
    /// The return of each holding.
    returns: Vec<f64>,
    proxied_names: u32,
    proxied_gross_share: f64,
}

impl PastDay {
    fn of(prepared: &PreparedExposure, book: &Book, on: Day) -> Option<PastDay> {
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
            session,
            market,
            size_spread: spread,
            returns: Vec::with_capacity(book.holdings.len()),
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
    fn trade(&self, prepared: &PreparedExposure, book: &Book, trade: &Trade<'_>) -> TradeRepeat {
        let mut leg_pnl = vec![0.0; trade.definition.legs.len() + 1];
        for (holding, return_then) in book.holdings.iter().zip(&self.returns) {
            let (name, value) = (prepared.name(holding.instrument), holding.market_value);
            let leg =
                trade.membership.leg(prepared.standard_sizes(), holding.instrument, name, value);
            leg_pnl[leg] += value * return_then;
        }
        let on_day = |session: usize| trade.driver.map(|driver| driver.returns[session]);
        let trade_return = self.session.and_then(on_day).filter(|value| value.is_finite());
        TradeRepeat { trade_return, leg_pnl }
    }
}

/// An instrument's total return on a day before the panel starts.
fn return_on(prepared: &PreparedExposure, instrument: InstrumentId, on: Day) -> Option<f64> {
    let bars = Bars::since(&prepared.snapshot, instrument, on.plus(-CLOSE_BEFORE_DAYS));
    let row = bars.days.binary_search(&on).ok()?;
    bars.total_return(row)
}
