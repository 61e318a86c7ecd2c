//! Forecasts of every book at every close, and what the next session made of them.

use crate::market::{RandomBook, World};
use exposure::{
    analyze::analyze,
    backtest::{Forecast, forecasts, made_on},
    blocks::{Block, Blocks},
    prepared::{PreparedExposure, prepare},
    report::TradeExposure,
    request::Request,
    settings::{BetaSettings, LevelSettings, Listing, TailMethod, TailSettings, TradeChoice},
};
use factors::{roles::Roles, size_scheme::SizeScheme};
use marketdata::day::Day;
use portfolio::{
    book::Book,
    lines::{RawLine, Size, Terms},
};
use rayon::prelude::*;
use stats::quantile::QuantileRule;

/// The confidences of the forecasts.
pub(crate) const CONFIDENCES: [f64; 2] = [0.95, 0.99];

/// A move of this many standard deviations of the trade is large.
const LARGE: f64 = 2.0;

/// Nine of ten of a normal variable lie within so many deviations.
const NINE_OF_TEN: f64 = 1.644_853_626_951_472_2;

/// The lines behind the long side of the trade.
const MEGACAPS: [&str; 7] = ["AAPL", "MSFT", "GOOGL", "AMZN", "NVDA", "META", "TSLA"];

/// One method at one confidence.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) set: TailSettings,
    pub(crate) confidence: f64,
}

/// Every method of the service with its defaults, a set for each confidence.
pub(crate) fn rows() -> Vec<Row> {
    let of = |method: TailMethod| {
        CONFIDENCES.map(|confidence| {
            let level = LevelSettings {
                confidences: vec![confidence],
                quantile_rule: QuantileRule::Linear,
                interval_level: 0.95,
            };
            let set = TailSettings {
                method,
                window_sessions: 1_000,
                horizon_sessions: 1,
                levels: vec![level],
                volatility: false,
                by_position: Vec::new(),
                by_group: Vec::new(),
            };
            Row { set, confidence }
        })
    };
    TailMethod::ALL.into_iter().flat_map(of).collect()
}

/// What was found about one book.
#[derive(Clone, Debug, Default)]
pub(crate) struct Found {
    /// By row: the forecasts with their outcomes.
    pub(crate) forecasts: Vec<Vec<Forecast>>,
    /// By row: the number of sessions without a forecast.
    pub(crate) missing: Vec<usize>,
    /// On each session with a large move of the trade: whether it lost, and whether the book's P&L
    /// was inside the interval.
    pub(crate) unwinds: Vec<(Day, bool, bool)>,
}

/// Runs every book: unwinds over the sessions from one day on, and forecasts from a later one on.
pub(crate) fn run(
    world: &World,
    books: &[RandomBook],
    (from, forecast_from): (Day, Day),
    rows: &[Row],
) -> Vec<Found> {
    let empty = Found {
        forecasts: vec![Vec::new(); rows.len()],
        missing: vec![0; rows.len()],
        unwinds: Vec::new(),
    };
    let mut found = vec![empty; books.len()];
    let sets: Vec<TailSettings> = rows.iter().map(|row| row.set.clone()).collect();
    let first = world.days.partition_point(|day| *day < from);
    let roles = Roles::standard();
    let mut view = prepare(&world.at_close(world.days[first - 1]), &roles, None);
    for pair in world.days[first - 1..].windows(2) {
        let (before, on) = (pair[0], pair[1]);
        let next = prepare(&world.at_close(on), &roles, Some(&view));
        let sets = if forecast_from <= on { &sets[..] } else { &[] };
        let session = Session { world, before, on, view: &view, next: &next, sets };
        let moved = session.large_move(&books[0]);
        if moved.is_some() || !sets.is_empty() {
            let add = |(found, book): (&mut Found, &RandomBook)| session.add(book, moved, found);
            found.par_iter_mut().zip(books).for_each(add);
        }
        view = next;
    }
    found
}

/// A session and the views of the closes before it and at it.
struct Session<'a> {
    world: &'a World,
    before: Day,
    on: Day,
    view: &'a PreparedExposure,
    next: &'a PreparedExposure,
    sets: &'a [TailSettings],
}

impl Session<'_> {
    /// Forecasts the session for a book whose weights are restored at the close before, and adds what
    /// its shares made.
    fn add(&self, book: &RandomBook, moved: Option<f64>, found: &mut Found) {
        let Some((book, pnl)) = self.held(book) else { return };
        let tails = match self.sets {
            [] => Vec::new(),
            sets => forecasts(self.view, &book, sets),
        };
        for (at, tail) in tails.into_iter().enumerate() {
            match tail {
                Err(_) => found.missing[at] += 1,
                Ok(risk) => found.forecasts[at].push(Forecast {
                    on: self.on,
                    pnl,
                    value_at_risk: risk.levels[0].value_at_risk,
                    expected_shortfall: risk.levels[0].expected_shortfall,
                }),
            }
        }
        if let Some(made) = moved
            && let Some(inside) = self.is_inside(&book, pnl, made)
        {
            found.unwinds.push((self.on, made < 0.0, inside));
        }
    }

    /// The trade's return on the session, if it moved by two deviations as of the close before. Neither
    /// its deviation nor its ratio depends on the book that it is asked with.
    fn large_move(&self, book: &RandomBook) -> Option<f64> {
        let trade = self.trade(&join(self.view, &self.shares(book)?)?)?;
        let of = |symbol: &&str| self.world.made(symbol, self.before, self.on);
        let long: Vec<f64> = MEGACAPS.iter().filter_map(of).collect();
        let long = long.iter().sum::<f64>() / long.len() as f64;
        let made = long - trade.ratio? * self.world.made("IWM", self.before, self.on)?;
        (LARGE * trade.standard_deviation? <= made.abs()).then_some(made)
    }

    /// Whether the book's P&L lay in the interval for the move that the trade made.
    fn is_inside(&self, book: &Book, pnl: f64, made: f64) -> Option<bool> {
        let trade = self.trade(book)?;
        let unwind = trade.unwinds.first()?;
        // The interval is stated for one deviation; its two parts are those of this move.
        let scale = made / unwind.trade_return;
        let reach = (unwind.pnl_high - unwind.pnl) / NINE_OF_TEN;
        let of_beta = unwind.pnl_standard_error;
        let residual = (reach * reach - of_beta * of_beta).max(0.0);
        let of_beta = of_beta * scale;
        let reach = NINE_OF_TEN * (residual + of_beta * of_beta).sqrt();
        Some((pnl - unwind.pnl * scale).abs() <= reach)
    }

    /// The book at the close before, and what its shares made on the session. `None` if a line has no
    /// close on either.
    fn held(&self, book: &RandomBook) -> Option<(Book, f64)> {
        let shares = self.shares(book)?;
        let made = made_on(self.next, &join(self.next, &shares)?, self.on);
        let pnl = made.pnl.filter(|_| made.missing_gross_share <= 0.0)?;
        Some((join(self.view, &shares)?, pnl))
    }

    /// The shares that restore the weights of a book at the close before.
    fn shares(&self, book: &RandomBook) -> Option<Vec<(&'static str, f64)>> {
        let close = |symbol| self.world.close(symbol, self.before);
        let shares =
            book.lines.iter().map(|(symbol, value)| Some((*symbol, value / close(symbol)?)));
        shares.collect()
    }

    fn trade(&self, book: &Book) -> Option<TradeExposure> {
        let request = Request {
            book,
            blocks: Blocks::of(&[Block::Trades]),
            beta: BetaSettings::PREPARED,
            tails: &[],
            size_scheme: SizeScheme::standard(),
            classification: None,
            look_through: None,
            group_by: &[],
            repeat_on: &[],
            trades: &[TradeChoice::Standard],
            listing: Listing::Largest(0),
        };
        analyze(self.view, &request).trades.pop()
    }
}

/// `None` if a line cannot be read.
fn join(view: &PreparedExposure, shares: &[(&str, f64)]) -> Option<Book> {
    let lines = shares.iter().map(|(symbol, shares)| RawLine::of(symbol, Size::Shares(*shares)));
    Book::join(lines, &Terms::NONE, view.lookup(), view.quotes()).ok()
}
