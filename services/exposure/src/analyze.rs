//! Computes the whole report from a joined book.

use crate::{
    blocks::{Block, Blocks},
    breakdown::{GroupBy, Grouped},
    classification::Classification,
    concentration,
    driver::Driver,
    factor::Factor,
    gaps,
    groups::{Finder, Groups},
    history::History,
    look_through, positions,
    prepared::PreparedExposure,
    profit,
    repeat::repeat,
    report::{BookBeta, Concentration, ExposureReport, FactorExposure, Measured},
    settings::{BetaSettings, Listing, TailSettings, TradeChoice},
    sizing::Sizing,
    sums::{BetaSum, Sums},
    tail_risk::{self, Tail},
    top_down::{Map, TopDown},
    trade,
    trades::{self, OwnTrade, Trade},
};
use factors::{
    look_through::{FundView, Part},
    size_scheme::SizeScheme,
};
use marketdata::{day::Day, gap::Gap, instrument::InstrumentId, quotes::Quote};
use portfolio::book::Book;

/// A portfolio analysis request.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// The book, joined on the same view.
    pub book: &'a Book,
    /// The blocks of the report. The fields of other blocks are not read.
    pub blocks: Blocks,
    /// Settings of the betas. If they differ from the prepared ones, the book's betas are estimated
    /// anew.
    pub beta: BetaSettings,
    /// The sets of scenarios, and what is measured on each.
    pub tails: &'a [TailSettings],
    /// How companies are sorted by size. It changes no beta and no leg of a trade.
    pub size_scheme: &'a SizeScheme,
    /// The classification scheme of sectors; `None` for the one that classifies the most names of the
    /// view.
    pub classification: Option<&'a str>,
    /// How the book is looked through its funds; `None` if it is not.
    pub look_through: Option<FundView>,
    /// What to group the book by.
    pub group_by: &'a [GroupBy],
    /// Past days whose returns are applied to today's positions, each once.
    pub repeat_on: &'a [Day],
    /// The trades to report, 1 to [`crate::settings::TRADES_MAX`].
    pub trades: &'a [TradeChoice],
    /// The positions to list.
    pub listing: Listing,
}

impl<'a> Request<'a> {
    /// The request without the fields of blocks that it does not have.
    fn of_its_blocks(&self) -> Request<'a> {
        let mut request = self.clone();
        if !self.blocks.has(Block::Breakdowns) {
            request.group_by = &[];
        }
        if !self.blocks.has(Block::Trades) {
            (request.trades, request.repeat_on) = (&[], &[]);
        }
        if !self.blocks.has(Block::Risk) {
            request.tails = &[];
        }
        if !self.blocks.has(Block::Positions) {
            request.listing = Listing::Largest(0);
        }
        request
    }
}

/// Analyses a book.
pub fn analyze(prepared: &PreparedExposure, request: &Request<'_>) -> ExposureReport {
    let request = &request.of_its_blocks();
    let parts = request.look_through.map(|view| look_through::parts(prepared, request.book, view));
    let held = request.book.holdings.iter().map(|holding| holding.instrument);
    let seen = parts.iter().flatten().map(|part| part.instrument);
    let instruments = held.chain(seen);
    if request.blocks.need_sizes() {
        prepared.size_all(instruments.clone());
    }
    if request.beta == prepared.settings {
        prepared.estimate_all(instruments);
        return analyze_prepared(prepared, request, parts.as_deref());
    }
    let mut instruments: Vec<InstrumentId> = instruments.collect();
    instruments.sort_unstable();
    instruments.dedup();
    let own = prepared.with_settings(request.beta, &instruments);
    analyze_prepared(&own, request, parts.as_deref())
}

/// Analyses a book whose names are fitted and sized, given its parts if it is looked through.
fn analyze_prepared(
    prepared: &PreparedExposure,
    request: &Request<'_>,
    parts: Option<&[Part]>,
) -> ExposureReport {
    let (book, blocks) = (request.book, request.blocks);
    let sizing = Sizing::of(prepared, request.size_scheme, blocks.show_sizes());
    let own = OwnTrade::all(prepared, request.trades);
    let all = if blocks.need_history() { trades::all(prepared, &own) } else { Vec::new() };
    let asked = trades::requested(request.trades);
    let shown: Vec<&Trade<'_>> = asked.iter().map(|at| &all[*at]).collect();
    let classification = classification(prepared, request, parts);
    let bands = request.size_scheme.bands.len();
    let finder =
        Finder { prepared, sizing: &sizing, bands, classification: &classification, trades: &all };
    let sums = Sums::of(finder, book);
    let seen = parts.zip(request.look_through).map(|seen| Groups::of_parts(finder, seen, book));
    let groups = seen.as_ref().unwrap_or(&sums.groups);
    // Before the rows of returns displace the names from the processor's cache.
    let concentration = concentration(prepared, request, (parts, groups.gross));
    let history = history(prepared, request, &sums);
    let listed = positions::largest(book, request.listing);
    let grouped =
        Grouped { prepared, request, sizing: &sizing, classification: &classification, groups };
    let shown_parts = (&grouped, &listed[..], &asked[..]);
    let tail = |settings| match &history {
        Some(history) => tail_risk::measure(prepared, history, &sums, settings, shown_parts),
        None => Err(gaps::no_history(settings)),
    };
    let tails: Vec<Result<Tail, Gap>> = request.tails.iter().map(tail).collect();
    let first = tails.iter().find_map(|tail| tail.as_ref().ok());
    let regressed = history.as_ref().filter(|_| blocks.need_top_down());
    let top_down = regressed.map(|history| TopDownBetas::of(prepared, history, book.net_gross));
    let over_nav = |value: f64| book.net_asset_value.map(|nav| value / nav);
    let (legs, past) = (&groups.legs[..], history.as_ref());
    let inputs = trade::Inputs { prepared, book, sums: &sums, legs, history: past };
    let mut report = ExposureReport {
        total: sums.groups.total,
        gross_leverage: over_nav(sums.groups.total.gross()),
        net_leverage: over_nav(sums.groups.total.net()),
        breakdowns: grouped.breakdowns(),
        sector_scheme: classification.scheme.to_owned(),
        settings: prepared.settings,
        factors: match blocks.has(Block::Factors) {
            true => factors(prepared, &sums, top_down.as_ref()),
            false => Vec::new(),
        },
        trades: asked.iter().map(|at| trade::measure(inputs, *at, &all[*at])).collect(),
        repeats: {
            let days = request.repeat_on.iter();
            days.filter_map(|on| repeat(prepared, book, *on, &shown)).collect()
        },
        profit_and_loss: match blocks.has(Block::ProfitAndLoss) {
            true => profit::measure(book),
            false => None,
        },
        look_through: parts.map(|parts| look_through::report(prepared, request, (parts, groups))),
        concentration,
        positions: positions::list(
            prepared,
            request,
            (&sizing, &classification, &shown),
            (&listed, &tails),
        ),
        coverage: sums.coverage((book.gross, groups), first.map(|tail| &tail.risk), blocks),
        history_sessions: history.as_ref().map_or(0, |history| history.total.len()),
        tails: tails.into_iter().map(|tail| tail.map(|tail| tail.risk)).collect(),
        gaps: Vec::new(),
    };
    let top_down = regressed.zip(top_down.as_ref());
    report.gaps = gaps::list(prepared, request, (&sums, groups, top_down), (&shown, &report));
    report
}

/// The sectors of a book, and of the parts that it is looked through to, if they are shown.
fn classification<'a>(
    prepared: &'a PreparedExposure,
    request: &Request<'a>,
    parts: Option<&[Part]>,
) -> Classification<'a> {
    let behind = parts.unwrap_or(&[]).iter().map(|part| part.instrument);
    let names = request.book.holdings.iter().map(|holding| holding.instrument).chain(behind);
    let shown = names.filter(|_| request.blocks.show_sectors());
    Classification::of(prepared, request.classification, shown)
}

/// The concentration of a book, or of its parts, within a gross; `None` if it was not asked for.
fn concentration(
    prepared: &PreparedExposure,
    request: &Request<'_>,
    (parts, gross): (Option<&[Part]>, f64),
) -> Option<Concentration> {
    let unjoined = (&request.book.loose[..], gross);
    request.blocks.has(Block::Concentration).then(|| match parts {
        Some(parts) => concentration::measure(prepared, parts.iter().copied(), unjoined),
        None => concentration::measure(prepared, look_through::lines(request.book), unjoined),
    })
}

/// The book's returns over all sessions that the tail or the betas use. `None` if no block needs
/// them.
fn history(prepared: &PreparedExposure, request: &Request<'_>, sums: &Sums) -> Option<History> {
    let width = prepared.sessions.len();
    if !request.blocks.need_history() || width == 0 || request.book.net_gross <= 0.0 {
        return None;
    }
    let firsts = request.tails.iter().map(|tail| tail.first(width));
    let first = firsts.fold(prepared.drivers.first, usize::min);
    let joined = sums.joined / request.book.net_gross;
    Some(History::of(&prepared.panel, &sums.trades, &sums.lacking, joined, first))
}

/// The book's betas to the factors. Trades have a section of their own.
fn factors(
    prepared: &PreparedExposure,
    sums: &Sums,
    top_down: Option<&TopDownBetas>,
) -> Vec<FactorExposure> {
    let bottom_up =
        |factor, sum: &BetaSum| prepared.factor_driver(factor).and_then(|_| sum.measured());
    let (market, size) =
        (bottom_up(Factor::Market, &sums.market), bottom_up(Factor::Size, &sums.size));
    let rows = [
        (Factor::Market, market, top_down.and_then(|betas| betas.market)),
        (Factor::Size, size, top_down.and_then(|betas| betas.size)),
        (Factor::MarketUp, None, top_down.and_then(|betas| betas.up_market)),
    ];
    let row = |(factor, bottom_up, top_down)| FactorExposure {
        factor,
        roles: prepared.factor_roles(factor),
        beta: BookBeta { bottom_up, top_down },
    };
    rows.map(row).into()
}

/// Betas from regressing the book's own returns.
pub(crate) struct TopDownBetas {
    pub(crate) market: Option<Measured>,
    up_market: Option<Measured>,
    size: Option<Measured>,
}

impl TopDownBetas {
    fn of(prepared: &PreparedExposure, history: &History, gross: f64) -> TopDownBetas {
        let drivers = &prepared.drivers;
        let returns = history.since(&history.total, drivers.first);
        let own = history.own_since(drivers.first);
        let least = prepared.settings.min_observations;
        let fit = |drivers: &[&Driver], least| Some(Map::of(drivers, own, least)?.fit(&returns));
        let slope = |fit: &Option<TopDown>, at: usize| {
            fit.as_ref()?.slopes.get(at).map(|slope| trade::in_money(*slope, gross))
        };
        let both: Vec<_> = drivers.market.iter().chain(&drivers.size).collect();
        let together = fit(&both, least);
        let up: Vec<_> = drivers.up_market.iter().collect();
        // Half of the sessions is enough, as for names: the market falls on the other half.
        let rising = fit(&up, least.div_ceil(2));
        TopDownBetas {
            market: drivers.market.as_ref().and_then(|_| slope(&together, 0)),
            up_market: slope(&rising, 0),
            size: drivers.size.as_ref().and_then(|_| slope(&together, 1)),
        }
    }
}

impl PreparedExposure {
    /// Whether a price is more than a week older than the latest in the view.
    pub(crate) fn is_stale(&self, quote: Quote) -> bool {
        self.quotes.session().is_some_and(|last| quote.on.plus(7) < last)
    }
}
