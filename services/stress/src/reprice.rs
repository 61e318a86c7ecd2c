//! Every session of the panel on today's positions, one after the other: the worst days there were.
//!
//! The returns are those of the risk model's panel, in single precision (6e-8 of a return). A name
//! without a return of its own makes what its betas imply, market beta × MARKET + size beta × SIZE.

use marketdata::day::Day;
use portfolio::book::{Book, Holding};
use risk::{
    drivers::Drivers,
    kernel::add_scaled_rows,
    model::RiskModel,
    name::{NONE, NameRow},
};

/// The P&L of a book on every session of the panel.
#[derive(Clone, Debug, PartialEq)]
pub struct Repriced {
    /// P&L by session of the panel, oldest first, in the currency of the book.
    pub pnl: Vec<f64>,
    /// Share of gross without a return of its own, by session; lines without an instrument or a price
    /// are among it.
    pub proxied: Vec<f64>,
}

/// A session on today's positions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WorstDay {
    /// The session.
    pub on: Day,
    /// P&L on it.
    pub pnl: f64,
    /// Share of gross without a return of its own.
    pub proxied: f64,
}

/// Reprices a book on every session of the panel.
pub fn reprice(model: &RiskModel, book: &Book) -> Repriced {
    model.estimate_all(book.holdings.iter().map(|holding| holding.instrument));
    let width = model.panel.width;
    // Single precision needs numbers of the size of weights.
    let unit = if 0.0 < book.net_gross { book.net_gross } else { 1.0 };
    let gross = if 0.0 < book.gross { book.gross } else { 1.0 };
    let with_row: Vec<(&Holding, &NameRow)> =
        book.holdings.iter().map(|holding| (holding, model.name(holding.instrument))).collect();
    let terms: Vec<(u32, f32)> = with_row
        .iter()
        .filter(|(_, name)| name.row != NONE)
        .map(|(holding, name)| (name.row, (holding.market_value / unit) as f32))
        .collect();
    let mut own = vec![0.0_f32; width];
    add_scaled_rows(&mut own, |row| model.panel.row(row), &terms);
    let held: f64 = book.holdings.iter().map(Holding::gross).sum();
    let mut pnl: Vec<f64> = own.iter().map(|sum| f64::from(*sum) * unit).collect();
    let mut proxied = vec![((gross - held) / gross).max(0.0); width];
    for (holding, name) in with_row.iter().filter(|(_, name)| name.row == NONE || 0 < name.absent) {
        for at in 0..width {
            if name.row == NONE || model.panel.own(name.row, at).is_none() {
                let drivers = &model.drivers;
                let market = Drivers::on(drivers.market.as_ref(), at);
                let size = Drivers::on(drivers.size.as_ref(), at);
                pnl[at] += holding.market_value * (name.market * market + name.size * size);
                proxied[at] += holding.gross() / gross;
            }
        }
    }
    Repriced { pnl, proxied }
}

impl Repriced {
    /// The worst sessions, the worst first, at most `count`; of equal ones the earlier first.
    pub fn worst(&self, model: &RiskModel, count: usize) -> Vec<WorstDay> {
        let mut order: Vec<usize> = (0..self.pnl.len()).collect();
        order.sort_by(|a, b| self.pnl[*a].total_cmp(&self.pnl[*b]).then(a.cmp(b)));
        order.truncate(count);
        let day = |at: usize| WorstDay {
            on: model.sessions.days()[at],
            pnl: self.pnl[at],
            proxied: self.proxied[at],
        };
        order.into_iter().map(day).collect()
    }
}
