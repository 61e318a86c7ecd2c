//! The book's own past returns at today's positions, by leg of every trade.

use crate::{
    kernel::add_scaled_rows,
    lacking::{Lacking, LegTerms},
    name::NONE,
    panel::Panel,
    prepared::PreparedExposure,
    settings::TRADES_MAX,
    sums::TradeSums,
};
use portfolio::book::Book;

/// Minimum share of the joined gross whose returns must be known for a session to count.
const KNOWN_SHARE_MIN: f64 = 0.95;

/// Tolerance for sums of rounded shares.
const SHARE_ROUNDING: f64 = 1e-9;

/// Whether a session counts, given the share of gross without a return and the share that joined.
pub(crate) fn is_known(missing: f64, joined: f64) -> bool {
    missing <= (1.0 - KNOWN_SHARE_MIN) * joined + SHARE_ROUNDING
}

/// Returns on gross from the names' own returns only, by leg and in total, from a session on.
#[derive(Debug)]
pub(crate) struct History {
    /// Index of the first session.
    pub(crate) first: usize,
    /// By trade and leg.
    pub(crate) trades: Vec<Vec<Vec<f32>>>,
    /// The sum over the legs of the standard trade.
    pub(crate) total: Vec<f32>,
    /// Whether each session counts for the book: names of 95 % of the joined gross have a return on
    /// it, and the rest counts as zero. `None` if all sessions count.
    own: Option<Vec<bool>>,
}

impl History {
    /// `trades` begins with the standard one; `joined` is the share of gross that joined.
    pub(crate) fn of(
        panel: &Panel,
        trades: &[TradeSums],
        lacking: &[Lacking],
        joined: f64,
        first: usize,
    ) -> History {
        let leg = |terms: &LegTerms| {
            let mut returns = vec![0.0; panel.width - first];
            add_scaled_rows(&mut returns, |row| &panel.row(row)[first..], terms);
            returns
        };
        let trades: Vec<Vec<Vec<f32>>> =
            trades.iter().map(|trade| trade.terms.iter().map(leg).collect()).collect();
        let mut total = vec![0.0; panel.width - first];
        for leg in trades.iter().take(1).flatten() {
            total.iter_mut().zip(leg).for_each(|(sum, r)| *sum += r);
        }
        let own = if joined <= 0.0 {
            Some(vec![false; panel.width - first])
        } else {
            (!lacking.is_empty()).then(|| own_sessions(panel, lacking, joined, first))
        };
        History { first, trades, total, own }
    }

    /// The history of a book without trades. `None` if there is no session or nothing is held.
    pub(crate) fn of_book(
        prepared: &PreparedExposure,
        book: &Book,
        first: usize,
    ) -> Option<History> {
        if book.net_gross <= 0.0 || prepared.panel.width <= first {
            return None;
        }
        let (mut terms, mut lacking, mut joined) = (LegTerms::new(), Vec::new(), 0.0);
        for holding in &book.holdings {
            let name = prepared.anchored(holding.instrument);
            let row = (name.row != NONE).then_some(name.row);
            let weight = holding.market_value / book.net_gross;
            joined += weight.abs();
            terms.extend(row.map(|row| (row, weight as f32)));
            if 0.0 < weight.abs() && (row.is_none() || 0 < name.absent) {
                let gross_share = holding.gross() / book.gross;
                let (instrument, legs) = (holding.instrument, [0; TRADES_MAX + 1]);
                lacking.push(Lacking { instrument, row, legs, weight, gross_share });
            }
        }
        let whole = TradeSums { terms: vec![terms], joined: vec![joined] };
        Some(History::of(&prepared.panel, &[whole], &lacking, joined, first))
    }

    /// A series from session `first` on, in double precision.
    pub(crate) fn since(&self, series: &[f32], first: usize) -> Vec<f64> {
        series[first - self.first..].iter().map(|r| f64::from(*r)).collect()
    }

    /// Which of the sessions from `first` on count for the book. `None` if all do.
    pub(crate) fn own_since(&self, first: usize) -> Option<&[bool]> {
        let own = &self.own.as_ref()?[first - self.first..];
        own.contains(&false).then_some(own)
    }
}

fn own_sessions(panel: &Panel, lacking: &[Lacking], joined: f64, first: usize) -> Vec<bool> {
    let mut absent = vec![0.0; panel.width - first];
    for name in lacking {
        for (at, absent) in absent.iter_mut().enumerate() {
            if name.row.is_none_or(|row| panel.own(row, first + at).is_none()) {
                *absent += name.weight.abs();
            }
        }
    }
    absent.iter().map(|absent| is_known(*absent, joined)).collect()
}
