//! Short interest twice a month, in the share units of its day, with its publication times.

use crate::{market::Market, squeeze};
use marketdata::{calendar, day::Day, instant::Instant};
use stats::rng::Rng;

/// One settlement date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settlement {
    /// Index of its day among the sessions.
    pub session: usize,
    /// Settlement day.
    pub on: Day,
    /// Publication: seven sessions later at 18:00 New York time.
    pub first_seen: Instant,
}

/// Short interest of one name at one settlement, in the units of that day.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Position {
    /// Shares sold short.
    pub shares_short: f64,
    /// Shares outstanding.
    pub shares_outstanding: f64,
    /// Floating shares.
    pub public_float: f64,
}

/// Sessions from settlement to publication.
const LAG_SESSIONS: i32 = 7;
/// First random stream for short interest.
const STREAM: u64 = 1 << 34;

/// Settlements of a market: the 15th of a month, or the session before it, and the last session of
/// the month. The last session of the market is no settlement, because the session after it is not
/// known.
pub fn settlements(market: &Market) -> Vec<Settlement> {
    let days = &market.days;
    let mut found = Vec::new();
    for session in 0..days.len() {
        let (_, month, date) = days[session].ymd();
        let Some((_, next_month, next_date)) = days.get(session + 1).map(|day| day.ymd()) else {
            continue;
        };
        let middle = date <= 15 && (15 < next_date || next_month != month);
        if middle || next_month != month {
            let on = days[session];
            let seen = calendar::plus_sessions(on, LAG_SESSIONS);
            found.push(Settlement { session, on, first_seen: Instant::new_york(seen, 18, 0) });
        }
    }
    found
}

/// Short interest of a name at each settlement.
pub fn positions(market: &Market, at: usize, settlements: &[Settlement]) -> Vec<Position> {
    let name = &market.names[at];
    let mut rng = Rng::new(market.parameters.seed, STREAM + at as u64);
    let mut wander = 0.0;
    settlements
        .iter()
        .map(|settlement| {
            wander = 0.85 * wander + 0.06 * rng.normal();
            let height = squeeze::build_up(market.squeezes[at], settlement.session);
            let ratio = (name.short_ratio * height * libm::exp(wander)).min(1.4);
            // In the units of the settlement day: there are fewer shares before a split.
            let units = name.split_after(settlement.session);
            Position {
                shares_short: (name.float_shares() * ratio / units).round(),
                shares_outstanding: (name.shares() / units).round(),
                public_float: (name.float_shares() / units).round(),
            }
        })
        .collect()
}
