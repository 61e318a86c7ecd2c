//! A sample book: long the megacaps, short small caps, including crowded ones.

use crate::{market::Market, universe::Tier};

/// One line of the book.
#[derive(Clone, Debug, PartialEq)]
pub struct Holding {
    /// Ticker.
    pub symbol: String,
    /// Shares, negative for a short.
    pub quantity: f64,
    /// Average cost per share, USD.
    pub average_cost: f64,
}

/// Approximate market value of each side on the eve of the rotation day, USD.
const SIDE_USD: f64 = 100e6;
/// Number of small caps sold short besides the squeezed ones.
const OTHER_SHORTS: usize = 18;
/// Number of sessions before the rotation day at which the book was entered.
const ENTERED_BEFORE: usize = 42;

/// Seven megacap longs and about two dozen small-cap shorts, each side equally weighted, entered
/// two months before the rotation day.
pub fn long_megacap_short_small_cap(market: &Market) -> Vec<Holding> {
    let entered = market.rotation.saturating_sub(ENTERED_BEFORE);
    let holding = |at: usize, usd: f64| {
        let name = &market.names[at];
        let cost = market.bars(at).close[entered];
        Holding {
            symbol: name.symbol.clone(),
            quantity: (usd / name.price / 100.0).round() * 100.0,
            average_cost: (cost * 100.0).round() / 100.0,
        }
    };
    let longs: Vec<usize> =
        market.tier(Tier::Mega).filter(|at| market.names[*at].symbol != "GOOG").collect();
    let first = market.squeezed().end;
    let step = ((market.names.len() - first) / OTHER_SHORTS).max(1);
    let shorts: Vec<usize> = market
        .squeezed()
        .skip(1)
        .take(6)
        .chain((first..market.names.len()).step_by(step).take(OTHER_SHORTS))
        .collect();
    let (long_usd, short_usd) = (SIDE_USD / longs.len() as f64, SIDE_USD / shorts.len() as f64);
    longs
        .into_iter()
        .map(|at| holding(at, long_usd))
        .chain(shorts.into_iter().map(|at| holding(at, -short_usd)))
        .collect()
}

/// The book as a CSV file: `symbol,quantity,average_cost`.
pub fn to_csv(book: &[Holding]) -> String {
    let mut out = String::from("symbol,quantity,average_cost\n");
    for Holding { symbol, quantity, average_cost } in book {
        out.push_str(&format!("{symbol},{quantity},{average_cost}\n"));
    }
    out
}
