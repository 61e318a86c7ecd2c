//! Replay: today's positions through the returns of past sessions.
//!
//! Shares are constant from the start of the window, at today's values: a holding of value V makes
//! V·(Π(1 + r_t) − 1) over the sessions t, which is Σ V_{t−1}·r_t without a cross term. Over one
//! session that is Σ V·r. What a holding makes is split by its betas of the as-of date into MARKET,
//! SIZE and the rest, session by session, V_{t−1} × beta × the factor's return.
//!
//! Own returns are facts, so a replay without stand-ins has no interval. A stand-in leaves the
//! specific return of its name open: nine times of ten the P&L lies in
//!
//! ```text
//! pnl ± 1.645·√(Σ n_i·V_i²·σ_i²)
//! ```
//!
//! with n_i the sessions that name i lacks and σ_i the root mean square of its own residuals per
//! session, jumps included: the robust deviation of a squeezed name is a third of it, and says nothing
//! of the days that hurt. Of a name without a deviation it is that of a typical company.

use crate::{
    hypothetical::NINE_OF_TEN,
    partition::Partition,
    past::{Past, PastReturns, Source},
    total::total,
};
use factors::roles::Roles;
use marketdata::{day::Day, instrument::InstrumentId};
use portfolio::book::{Book, Holding};
use risk::{model::RiskModel, name::NameRow};
use std::cell::OnceCell;

/// What a book makes in past sessions. P&L in the currency of the book, positive for a gain.
#[derive(Clone, Debug, PartialEq)]
pub struct ReplayReport {
    /// The sessions, in order.
    pub days: Vec<Day>,
    /// The day of the close before the first of them.
    pub start_on: Day,
    /// P&L over all of them.
    pub pnl: f64,
    /// Lower end of the interval into which nine of ten P&Ls fall.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
    /// By session.
    pub by_session: Vec<f64>,
    /// The lowest P&L since the start at the close of any session, and its place; zero and none if
    /// the book never is below its start.
    pub worst: (f64, Option<usize>),
    /// P&L by the betas to MARKET.
    pub market: f64,
    /// P&L by the betas to SIZE.
    pub size: f64,
    /// The rest.
    pub residual: f64,
    /// By holding of the book, in its order.
    pub positions: Vec<ReplayedPosition>,
    /// By partition, its parts.
    pub partitions: Vec<Vec<f64>>,
    /// Where the returns come from.
    pub coverage: SourceShares,
}

impl ReplayReport {
    /// The close before the first session, and the last one.
    #[must_use]
    pub fn ends(&self) -> (Day, Day) {
        (self.start_on, self.days.last().copied().unwrap_or(self.start_on))
    }
}

/// A holding in a replay.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ReplayedPosition {
    /// What is held.
    pub instrument: InstrumentId,
    /// P&L over all sessions.
    pub pnl: f64,
    /// Compounded return over all sessions, a decimal.
    pub total_return: f64,
    /// The worst source of any of its returns.
    pub source: Source,
    /// Number of sessions without a return of its own.
    pub sessions_without: usize,
}

/// Shares of gross by session, averaged over the sessions; they sum to one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SourceShares {
    /// Own returns.
    pub own: f64,
    /// Stand-ins by the factor map.
    pub factor_map: f64,
    /// Stand-ins by peers.
    pub peers: f64,
    /// Names without any, and lines that are held as no name.
    pub missing: f64,
}

/// Replays the sessions from a day to a day, both included. `None` unless the market has a price in
/// the window and in the two weeks before it, and the window is over on the as-of date.
pub fn replay(
    model: &RiskModel,
    roles: &Roles,
    book: &Book,
    partitions: &[Partition],
    window: (Day, Day),
) -> Option<ReplayReport> {
    let past = Past::of(model, roles, window)?;
    model.estimate_all(book.holdings.iter().map(|holding| holding.instrument));
    let days = past.sessions.days().to_vec();
    let start_on = *past.sessions.with_start().first()?;
    let mut sums = Sums::none(days.len());
    let positions: Vec<ReplayedPosition> = book
        .holdings
        .iter()
        .map(|holding| sums.add(model, &past, holding, &past.returns(holding.instrument)))
        .collect();
    let by_holding: Vec<f64> = positions.iter().map(|position| position.pnl).collect();
    let pnl = total(&by_holding);
    let reach = NINE_OF_TEN * sums.open_variance.sqrt();
    Some(ReplayReport {
        start_on,
        pnl,
        low: pnl - reach,
        high: pnl + reach,
        worst: worst(&sums.by_session),
        by_session: sums.by_session,
        market: sums.market,
        size: sums.size,
        residual: pnl - sums.market - sums.size,
        partitions: partitions.iter().map(|parts| parts.sums(&by_holding)).collect(),
        positions,
        coverage: shares(&sums.gross, book.gross, days.len()),
        days,
    })
}

/// Sums over holdings.
struct Sums {
    by_session: Vec<f64>,
    market: f64,
    size: f64,
    open_variance: f64,
    /// Residual deviation of a typical company, found once it is needed.
    typical: OnceCell<f64>,
    /// Gross × sessions by source: own, factor map, peers.
    gross: [f64; 3],
}

impl Sums {
    fn none(sessions: usize) -> Sums {
        Sums {
            by_session: vec![0.0; sessions],
            market: 0.0,
            size: 0.0,
            open_variance: 0.0,
            typical: OnceCell::new(),
            gross: [0.0; 3],
        }
    }

    fn add(
        &mut self,
        model: &RiskModel,
        past: &Past<'_>,
        holding: &Holding,
        replayed: &PastReturns,
    ) -> ReplayedPosition {
        let name = model.name(holding.instrument);
        let (mut value, mut pnl, mut without) = (holding.market_value, 0.0, 0);
        for (at, (r, source)) in replayed.returns.iter().zip(&replayed.sources).enumerate() {
            let made = value * r;
            self.by_session[at] += made;
            pnl += made;
            if past.market[at].is_finite() {
                self.market += value * name.market * past.market[at];
            }
            if past.size[at].is_finite() {
                self.size += value * name.size * past.size[at];
            }
            if let Some(sum) = self.gross.get_mut(*source as usize) {
                *sum += holding.gross();
            }
            without += usize::from(*source != Source::Own);
            value += made;
        }
        if 0 < without {
            let own = own_deviation(model, &model.anchored(holding.instrument));
            let deviation =
                own.unwrap_or_else(|| *self.typical.get_or_init(|| typical_deviation(model)));
            let open = holding.market_value * deviation;
            self.open_variance += without as f64 * open * open;
        }
        let grown = replayed.returns.iter().fold(1.0, |grown, r| grown * (1.0 + r));
        ReplayedPosition {
            instrument: holding.instrument,
            pnl,
            total_return: grown - 1.0,
            source: replayed.sources.iter().copied().max().unwrap_or(Source::Missing),
            sessions_without: without,
        }
    }
}

/// Median residual deviation per session of the companies that have one.
fn typical_deviation(model: &RiskModel) -> f64 {
    let companies = model.peers.names.iter().filter(|name| !name.is_fund);
    let known: Vec<f64> = companies.filter_map(|name| own_deviation(model, name)).collect();
    stats::rank::median(&known).unwrap_or(0.0)
}

/// Root mean square of what its betas leave of a name's own returns. `None` with too few for a fit.
fn own_deviation(model: &RiskModel, name: &NameRow) -> Option<f64> {
    model.peers.deviations.get(name.row as usize).filter(|known| 0.0 < **known)?;
    let own = model.panel.own_within(name.row, 0..model.panel.width);
    let betas = [name.market, name.size];
    let residual = |(at, own): (usize, &f64)| own - model.peers.implied_return(betas, at);
    let residuals = own.iter().enumerate().map(residual).filter(|residual| residual.is_finite());
    let squares: Vec<f64> = residuals.map(|residual| residual * residual).collect();
    stats::moments::mean(&squares).map(f64::sqrt)
}

fn worst(by_session: &[f64]) -> (f64, Option<usize>) {
    let (mut sum, mut worst) = (0.0, (0.0, None));
    for (at, made) in by_session.iter().enumerate() {
        sum += made;
        if sum < worst.0 {
            worst = (sum, Some(at));
        }
    }
    worst
}

fn shares(gross: &[f64; 3], of: f64, sessions: usize) -> SourceShares {
    let whole = of * sessions as f64;
    let [own, factor_map, peers] = gross.map(|part| if 0.0 < whole { part / whole } else { 0.0 });
    let missing = 1.0 - (own + factor_map + peers);
    // Sums of parts may differ from the whole in the last bits; those are not missing.
    let missing = if missing < 1e-12 { 0.0 } else { missing };
    SourceShares { own, factor_map, peers, missing }
}
