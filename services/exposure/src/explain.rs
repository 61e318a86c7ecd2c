//! What a book made between two closes, and through what: factors, legs of trades, names.
//!
//! Shares are constant from the start. A name makes Σ V_{t−1}·r_t over the sessions t, where V is the
//! value of its shares and r their total return, so that the parts add up without a cross term.
//! Everything that explains is as of the start: betas, legs of trades, forecasts. The view of the
//! end gives prices only, so nothing is explained by what was learned later.

mod carried;
mod forecast;
mod gaps;
mod groups;
mod parts;
mod report;
mod window;

pub use report::{FactorPnl, GroupPnl, LotPnl, NamePnl, Part, PnlReport, TradePnl};
pub use window::{NoWindow, Window, WindowPart};

use crate::{
    factor::Factor,
    grouping::GroupBy,
    prepared::PreparedExposure,
    settings::{BetaSettings, Listing, TradeChoice},
    trades::{self, OwnTrade, Trade},
};
use carried::{Carried, carry};
use factors::size_scheme::SizeScheme;
use forecast::Forecast;
use groups::Groups;
use marketdata::instrument::InstrumentId;
use parts::{NameParts, Parts};
use portfolio::book::{Book, Holding};
use window::FactorReturns;

/// The day whose shares and symbols the lines of a book are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeldOn {
    /// The day of the later view: the book is joined on it.
    AsOf,
    /// The start of the window: the book is joined on the view of the start.
    Start,
}

/// A request to explain a P&L.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// The book, joined on the view that `held_on` names.
    pub book: &'a Book,
    /// The day of its shares.
    pub held_on: HeldOn,
    /// From which close to which.
    pub window: &'a Window,
    /// The trades to split the P&L by, at most [`crate::settings::TRADES_MAX`].
    pub trades: &'a [TradeChoice],
    /// Settings of the betas. If they differ from the prepared ones, the book's betas of the start
    /// are estimated anew.
    pub beta: BetaSettings,
    /// How companies are sorted by size, for groups by size. It changes no leg of a trade.
    pub size_scheme: &'a SizeScheme,
    /// The classification scheme of sectors; `None` for the one that classifies the most names of the
    /// start.
    pub classification: Option<&'a str>,
    /// What to group the P&L by.
    pub group_by: &'a [GroupBy],
    /// The names to list, the largest |P&L| first.
    pub listing: Listing,
}

/// The factors whose parts add up, with the residual, to the P&L: betas to them are estimated
/// together.
pub const ADDITIVE: [Factor; 2] = [Factor::Market, Factor::Size];

/// The views of a window.
#[derive(Clone, Copy, Debug)]
struct Views<'a> {
    /// What was known at the close of the start.
    start: &'a PreparedExposure,
    /// What is known now.
    end: &'a PreparedExposure,
}

/// A name that is explained.
#[derive(Debug)]
struct Explained<'a> {
    holding: &'a Holding,
    carried: Carried,
    /// Its leg of each trade.
    legs: Vec<usize>,
}

/// Explains the P&L of a book over a window of the later view.
pub fn explain(
    start: &PreparedExposure,
    end: &PreparedExposure,
    request: &Request<'_>,
) -> PnlReport {
    let instruments = || request.book.holdings.iter().map(|holding| holding.instrument);
    start.size_all(instruments());
    if request.beta == start.settings {
        start.estimate_all(instruments());
        return explain_prepared(Views { start, end }, request);
    }
    let instruments: Vec<InstrumentId> = instruments().collect();
    let start = &start.with_settings(request.beta, &instruments);
    explain_prepared(Views { start, end }, request)
}

fn explain_prepared(views: Views<'_>, request: &Request<'_>) -> PnlReport {
    let (start, book) = (views.start, request.book);
    let own = OwnTrade::all(start, request.trades);
    let all = trades::all(start, &own);
    let asked: Vec<&Trade<'_>> =
        trades::requested(request.trades).iter().map(|at| &all[*at]).collect();
    let returns = FactorReturns::of(views, request.window);
    let forecast = Forecast::of(start, request.window.sessions.len());
    let (mut names, mut left) = (Vec::new(), Vec::new());
    for holding in &book.holdings {
        match carry(views, request, &returns, holding) {
            Ok(carried) => {
                let legs = asked.iter().map(|trade| leg(start, trade, holding, &carried));
                let legs = legs.collect();
                names.push(Explained { holding, carried, legs });
            }
            Err(why) => left.push((holding, why)),
        }
    }
    let of_name = |name: &Explained<'_>| NameParts::of(start, &forecast, name);
    let parts: Vec<NameParts> = names.iter().map(of_name).collect();
    let mut sums = Parts::new(&forecast, &asked);
    for (name, parts) in names.iter().zip(&parts) {
        sums.add(name, parts);
    }
    let explained = (names.as_slice(), parts.as_slice());
    let mut report = sums.report(views, (request, &asked), (&returns, &forecast), explained);
    let groups = Groups::of(start, request, &names);
    report.breakdowns = groups.breakdowns(&forecast, &parts);
    report.sector_scheme = groups.scheme();
    report.coverage = gaps::coverage(book, request.window, &names, start);
    report.gaps = gaps::list(views, (request, &asked), explained, &left, (&returns, &forecast));
    report.gaps.extend(groups.gaps());
    report
}

/// The leg of a trade at the start.
fn leg(start: &PreparedExposure, trade: &Trade<'_>, holding: &Holding, carried: &Carried) -> usize {
    let name = start.name(holding.instrument);
    trade.membership.leg(start.standard_sizes(), holding.instrument, name, carried.start_value)
}
