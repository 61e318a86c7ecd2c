//! The gaps of a report: what is missing, and why.

mod old_rates;
mod past_day;

use crate::{
    beta::{PRIOR_NAMES_MIN, PriorMean},
    blocks::{Block, Blocks},
    book_betas::TopDownBetas,
    factor::Factor,
    groups::{Groups, Later},
    history::{History, is_known},
    look_through,
    peers::DONORS_MIN,
    prepared::PreparedExposure,
    profit,
    report::{ExposureReport, TailRisk, TradeExposure, TradeLeg},
    request::Request,
    settings::{BetaSettings, TailSettings},
    sums::Sums,
    trade_lines::{fault, of_other_days},
    trades::{self, Trade},
};
use factors::{
    roles::Role,
    trade::{Neutrality, ReturnProxy},
};
use marketdata::{
    gap::{FactorEstimate, Gap, GapReason, Grouping, MeasureRef, Subject},
    instrument::InstrumentId,
};
use portfolio::{
    book::{Book, adjusted_price},
    unresolved::{Cause, LooseLine},
};
use risk::trade::SIDE_BETA_MIN;
use std::collections::BTreeSet;

/// Minimum number of sessions for a 99 % quantile to rest on more than the few worst days.
const TAIL_SESSIONS_MIN: usize = 500;

/// The gaps of the total and of the blocks of a request. `top_down` is the book's history and its
/// betas, if it was regressed.
pub(crate) fn list(
    prepared: &PreparedExposure,
    request: &Request<'_>,
    (sums, groups, top_down): (&Sums, &Groups, Option<(&History, &TopDownBetas)>),
    (trades, report): (&[&Trade<'_>], &ExposureReport),
) -> Vec<Gap> {
    let (book, blocks) = (request.book, request.blocks);
    let mut gaps: Vec<Gap> = book.loose.iter().map(|line| loose(book, line)).collect();
    gaps.extend(book.line_gaps());
    for at in &sums.noteworthy {
        gaps.extend(holding(prepared, request, *at));
    }
    gaps.extend(unclassified(groups, blocks, &report.sector_scheme));
    gaps.extend(later(groups, blocks));
    gaps.extend(look_through::gaps(prepared.snapshot().today(), report, book.gross));
    gaps.extend(priors(sums, book.gross));
    gaps.extend(drivers(prepared, blocks));
    // The rows of positions have betas to the standard trade even if it was not requested.
    if blocks.show_trade_betas() {
        gaps.extend(series(prepared, &trades::standard(prepared)));
    }
    let own = trades.iter().filter(|trade| !trade.has_name_betas);
    gaps.extend(own.flat_map(|trade| series(prepared, trade)));
    gaps.extend(top_down.and_then(|top_down| of_top_down(prepared, top_down)));
    let measured = trades.iter().zip(&report.trades);
    gaps.extend(measured.flat_map(|(trade, measured)| legs(trade, measured, book.gross)));
    gaps.extend(tails(report));
    let of_legs = trades.iter().flat_map(|trade| trade.series);
    let lines: Vec<InstrumentId> =
        of_legs.flat_map(|leg| leg.lines.iter().flatten()).map(|(line, _)| *line).collect();
    gaps.extend(old_rates::list(prepared, request, (report, &lines)));
    gaps.extend(past_day::repeated(request, trades, report));
    if blocks.has(Block::ProfitAndLoss) {
        gaps.extend(profit::gaps(prepared, book));
    }
    gaps.extend(past_day::on_the_day(report));
    gaps
}

/// The betas to every factor.
fn betas(estimate: FactorEstimate) -> MeasureRef {
    MeasureRef::Factor { factor_id: String::new(), estimate }
}

/// Every exposure to a factor.
fn factor(factor_id: impl Into<String>) -> MeasureRef {
    MeasureRef::Factor { factor_id: factor_id.into(), estimate: FactorEstimate::Any }
}

pub(crate) fn loose(book: &Book, line: &LooseLine) -> Gap {
    let (reason, why, subject) =
        (line.cause.reason(), line.why(), Subject::Line(book.line_name(line.line)));
    match line.market_value().filter(|_| 0.0 < book.gross) {
        Some(value) => {
            let detail =
                format!("{why}; its market value is counted as given, without betas and returns");
            Gap::new(reason, subject, detail).of_gross(value.abs() / book.gross)
        }
        None => {
            let given = match line.cause {
                Cause::NoRate(_) => "without it the line has no value",
                _ => "the line gives shares",
            };
            let detail = format!("{why}; {given}, so it is left out of every sum");
            Gap::new(reason, subject, detail)
        }
    }
}

/// Why an instrument has no usable price.
fn no_quote(prepared: &PreparedExposure, instrument: InstrumentId) -> (GapReason, String) {
    let cause = Cause::no_quote(&prepared.snapshot, instrument);
    (cause.reason(), cause.why(prepared.snapshot.symbol(instrument)))
}

fn holding(prepared: &PreparedExposure, request: &Request<'_>, at: usize) -> Vec<Gap> {
    let book = request.book;
    let holding = &book.holdings[at];
    let share = if 0.0 < book.gross { holding.gross() / book.gross } else { 0.0 };
    let symbol = prepared.snapshot.symbol(holding.instrument);
    let gap =
        |reason, detail: String| Gap::new(reason, Subject::symbol(symbol), detail).of_gross(share);
    let mut gaps = Vec::new();
    match holding.quote {
        None => {
            let (reason, what) = no_quote(prepared, holding.instrument);
            gaps.push(gap(reason, format!("{what}; the given value is used")));
        }
        Some(quote) if prepared.is_stale(quote) => gaps.push(gap(
            GapReason::Stale,
            format!("the last close is of {}, more than a week before the latest", quote.on),
        )),
        Some(_) => {}
    }
    gaps.extend(adjusted_price(holding.quote, symbol, share));
    let name = prepared.name(holding.instrument);
    if !name.has_own_beta && prepared.drivers.market.is_some() {
        let details = prepared.own_details(holding.instrument);
        let have = details.fit.map_or(0, |fit| fit.observations);
        let need = prepared.settings.min_observations;
        let stand_in = match details.market.and_then(|beta| beta.prior) {
            Some(PriorMean::SizeBucket) => "the mean of its size bucket is used",
            Some(PriorMean::AllNames) => "the mean of all names is used",
            None => "no beta",
        };
        let (reason, detail) = if have < need {
            let detail = format!("{have} returns, {need} needed for a beta; {stand_in}");
            (GapReason::ShortHistory, detail)
        } else {
            let detail =
                format!("no beta from its {have} returns, most of which are zero; {stand_in}");
            (GapReason::Degenerate, detail)
        };
        gaps.push(gap(reason, detail));
    }
    let cap = prepared.unmoved_cap(holding.instrument);
    if let Some(cap) = cap.filter(|_| request.blocks.show_sizes()) {
        let detail = format!(
            "its market value is the one published for {}: it cannot be carried forward, because no \
             price is on one basis with it",
            cap.described_on
        );
        gaps.push(gap(GapReason::Stale, detail));
    }
    gaps
}

/// Sizes and sectors published after the as-of date.
fn later(groups: &Groups, blocks: Blocks) -> impl Iterator<Item = Gap> {
    let size = blocks.show_sizes().then_some((Grouping::Size, groups.later_size));
    let sector = blocks.show_sectors().then_some((Grouping::Sector, groups.later_sector));
    let gross = groups.gross;
    let gap = move |(group_by, later)| later_knowledge(group_by, later, gross);
    size.into_iter().chain(sector).filter_map(gap)
}

/// Groups by what was published after the as-of date. `None` if nothing was.
pub(crate) fn later_knowledge(group_by: Grouping, later: Later, gross: f64) -> Option<Gap> {
    let Later { gross: later_gross, names, days } = later;
    let what = match group_by {
        Grouping::Size => "a size from the first share count or market value",
        Grouping::Sector => "a sector from the first listing",
    };
    let detail = format!(
        "{names} names have {what} published after the as-of date, up to {days} days later \
         (reference_knowledge)"
    );
    let gap = Gap::new(GapReason::LaterKnowledge, MeasureRef::Grouped(group_by), detail);
    (0 < names).then(|| gap.of_gross(later_gross / gross))
}

fn unclassified(groups: &Groups, blocks: Blocks, scheme: &str) -> Vec<Gap> {
    let gross = groups.gross;
    let mut gaps = Vec::new();
    if blocks.show_sizes() && 0.0 < groups.unsized_gross {
        let detail = "funds, indices and names without a known market value have no size bucket";
        let gap =
            Gap::new(GapReason::NoClassification, MeasureRef::Ungrouped(Grouping::Size), detail);
        gaps.push(gap.of_gross(groups.unsized_gross / gross));
    }
    if blocks.show_sizes() && 0.0 < groups.may_be_fund_gross {
        let detail = "not classified as company or fund by a float, a sector, an asset class, a \
                      membership or holdings: they have the bucket and the rank that their market \
                      value gives a company";
        let gap = Gap::new(
            GapReason::NoClassification,
            Subject::number_of("", "market_cap_rank"),
            detail,
        );
        gaps.push(gap.of_gross(groups.may_be_fund_gross / gross));
    }
    if blocks.show_sectors() && 0.0 < groups.unsectored_gross {
        let scheme = if scheme.is_empty() { "" } else { &format!(" of the scheme {scheme:?}") };
        let mut detail = format!(
            "names without a sector{scheme} in any listing or holding known at the as-of date"
        );
        let elsewhere = groups.sectored_elsewhere_gross / gross;
        if 0.0 < elsewhere {
            detail += &format!(
                "; {:.1} % of gross has a sector of another scheme only, and sectors of two schemes \
                 never stand in one table",
                100.0 * elsewhere
            );
        }
        let gap =
            Gap::new(GapReason::NoClassification, MeasureRef::Ungrouped(Grouping::Sector), detail);
        gaps.push(gap.of_gross(groups.unsectored_gross / gross));
    }
    gaps
}

/// Names whose betas use the mean of all names: their size is unknown, or their bucket has too few
/// names.
fn priors(sums: &Sums, gross: f64) -> Option<Gap> {
    if sums.all_names == 0 || gross <= 0.0 {
        return None;
    }
    let detail = format!(
        "names of unknown size or of a bucket with fewer than {PRIOR_NAMES_MIN} companies: {}; \
         their betas use the mean of all names instead of the bucket's",
        sums.all_names
    );
    let gap = Gap::new(GapReason::Proxy, betas(FactorEstimate::BottomUp), detail);
    Some(gap.of_gross(sums.all_names_gross / gross))
}

/// Roles without a series or with a proxy, and factors without a series.
pub(crate) fn factors(prepared: &PreparedExposure) -> Vec<Gap> {
    let of_trades = trades::all(prepared, &[]);
    let drivers = drivers(prepared, Blocks::ALL);
    drivers.into_iter().chain(of_trades.iter().flat_map(|trade| series(prepared, trade))).collect()
}

/// What the drivers behind some blocks lack; the total rests on the market.
pub(crate) fn drivers(prepared: &PreparedExposure, blocks: Blocks) -> Vec<Gap> {
    let drivers = &prepared.drivers;
    let mut gaps = Vec::new();
    let mut missing = |subject: Subject, detail: &str| {
        gaps.push(Gap::new(GapReason::InputMissing, subject, detail));
    };
    if drivers.market.is_none() {
        missing(
            Subject::Role(Role::LargeCapIndex.id()),
            "no returns of the market: betas are missing",
        );
    }
    if blocks.show_betas() && drivers.market.is_some() && drivers.up_market.is_none() {
        let detail = "the market rose on too few sessions: no betas to them";
        missing(factor(Factor::MarketUp.id()).into(), detail);
    }
    if blocks.use_size_betas() && drivers.size.is_none() {
        missing(
            Subject::Role(Role::SmallCapIndex.id()),
            "no returns of small caps: size betas are missing",
        );
    }
    let (market, small) = prepared.resolved();
    let small = small.filter(|_| blocks.use_size_betas());
    for resolved in [market, small].into_iter().flatten() {
        if let Some(first) = &resolved.proxy_for {
            let detail = format!("{} stands in for {first}", resolved.symbol);
            gaps.push(Gap::new(GapReason::Proxy, Subject::Role(resolved.role.id()), detail));
        }
    }
    gaps
}

/// The number of sessions behind the top-down betas, if not all.
fn of_top_down(
    prepared: &PreparedExposure,
    (history, found): (&History, &TopDownBetas),
) -> Option<Gap> {
    let drivers = &prepared.drivers;
    drivers.market.as_ref()?;
    let sessions = prepared.sessions.len() - drivers.first;
    let own = history.own_since(drivers.first);
    let own = own.map_or(sessions, |own| own.iter().filter(|own| **own).count());
    if found.market.is_none() {
        let need = prepared.settings.min_observations;
        let detail = format!(
            "{own} sessions on which names of 95 % of joined gross have returns of their own, \
             {need} needed: no top-down betas, share of variance or unwinds"
        );
        return Some(Gap::new(GapReason::ShortHistory, betas(FactorEstimate::TopDown), detail));
    }
    let detail = format!(
        "top-down betas use {own} of {sessions} sessions: those on which names of 95 % of joined \
         gross have returns of their own"
    );
    (own < sessions)
        .then(|| Gap::new(GapReason::MissingObservations, betas(FactorEstimate::TopDown), detail))
}

/// What a trade names and the data lack.
pub(crate) fn series(prepared: &PreparedExposure, trade: &Trade<'_>) -> Vec<Gap> {
    let mut gaps = Vec::new();
    let subject = factor(trade.definition.factor_id());
    let mut add = |reason, detail: String| gaps.push(Gap::new(reason, subject.clone(), detail));
    let legs = trade.definition.legs.iter().zip(trade.series).zip(&trade.membership.unknown);
    for ((leg, series), unknown) in legs {
        let (id, missing) = (&leg.leg_id, series.missing.join(", "));
        if series.returns.is_none() {
            let which = if missing.is_empty() { String::new() } else { format!(" ({missing})") };
            let detail = format!("too few returns of the leg {id}{which}; {NO_DRIVER}");
            add(GapReason::InputMissing, detail);
        } else if !missing.is_empty() {
            let detail = format!("no returns of {missing}; the leg {id} uses its other members");
            add(GapReason::InputMissing, detail);
        }
        let unknown = unnamed(&leg.returns, unknown);
        let unknown: Vec<&str> = unknown.filter(|name| fault(trade, name).is_none()).collect();
        if !unknown.is_empty() {
            let detail = format!("unknown symbols in the leg {id}: {}", unknown.join(", "));
            add(GapReason::UnknownInstrument, detail);
        }
        let names: BTreeSet<&String> = leg.line_names().collect();
        for (reason, why) in names.into_iter().filter_map(|name| fault(trade, name)) {
            add(reason, format!("in the leg {id}, {why}"));
        }
        for name in of_other_days(prepared, trade, leg) {
            add(GapReason::NameOfOtherDays, format!("in the leg {id}, {name}"));
        }
        // The standard trade's only proxy, that of small caps, has a gap of its own.
        if let Some(first) = series.proxy_for.as_ref().filter(|_| !trade.has_name_betas) {
            let symbols = series.symbols.join(", ");
            add(GapReason::Proxy, format!("{symbols} stands in for {first} in the leg {id}"));
        }
    }
    if trade.driver.is_none() && trade.series.iter().all(|series| series.returns.is_some()) {
        let why = match trade.definition.neutrality {
            Neutrality::MarketBeta => format!(
                "its legs and the market have too few sessions in common, or the market beta of one \
                 side is below {SIDE_BETA_MIN}, so that no ratio makes it neutral"
            ),
            Neutrality::Dollar => {
                "its legs and the market have too few sessions in common, or the \
                                   trade never moved"
                    .to_owned()
            }
        };
        add(GapReason::Degenerate, format!("{why}; {NO_DRIVER}"));
    }
    gaps
}

/// What a trade without a series of returns lacks.
const NO_DRIVER: &str = "the trade has no betas, share of variance or unwinds";

/// Unknown symbols that are not lines of the leg's basket: a company without one of its lines is no
/// gap, and one without any is reported by its name.
fn unnamed<'a>(returns: &'a ReturnProxy, unknown: &'a [String]) -> impl Iterator<Item = &'a str> {
    let in_basket = move |symbol: &str| match returns {
        ReturnProxy::Basket { members, .. } => {
            members.iter().any(|member| member.lines.iter().any(|line| line == symbol))
        }
        ReturnProxy::Symbol(_) | ReturnProxy::Role(_) => false,
    };
    unknown.iter().map(String::as_str).filter(move |symbol| !in_basket(symbol))
}

/// Legs whose betas rest on a smaller share of own returns than those of the book.
fn legs(trade: &Trade<'_>, measured: &TradeExposure, gross: f64) -> Vec<Gap> {
    let thin = measured.legs.iter().filter(|leg| !is_known(1.0 - leg.own_share, 1.0));
    let gap = |leg: &TradeLeg| {
        let which = match &leg.leg_id {
            Some(id) => format!("the leg {id}"),
            None => "the names in no leg".to_owned(),
        };
        let detail = format!(
            "{:.0} % of the weighted returns of {which} are its own; the others count as zero, so \
             its beta and its part of unwinds are closer to zero than its names'",
            100.0 * leg.own_share
        );
        let measure = MeasureRef::LegBeta {
            trade_id: trade.definition.trade_id.clone(),
            leg_id: leg.leg_id.clone().unwrap_or_default(),
        };
        let gap = Gap::new(GapReason::MissingObservations, measure, detail);
        gap.of_gross(leg.exposure.gross() / gross)
    };
    thin.map(gap).collect()
}

/// Why there are no scenarios at all.
pub(crate) fn no_history(settings: &TailSettings) -> Gap {
    let detail = "no position has a value, or no session has returns";
    Gap::new(GapReason::InputMissing, MeasureRef::Scenarios(settings.id()), detail)
}

fn tails(report: &ExposureReport) -> Vec<Gap> {
    let of = |tail: &Result<TailRisk, Gap>| match tail {
        Ok(risk) => short_tail(risk),
        Err(none) => vec![none.clone()],
    };
    let mut gaps: Vec<Gap> = report.tails.iter().flat_map(of).collect();
    if report.settings != BetaSettings::PREPARED {
        let detail = "means of priors of betas to MARKET and SIZE, and stand-in returns, are those of \
                      the default settings";
        gaps.push(Gap::new(GapReason::Proxy, betas(FactorEstimate::BottomUp), detail));
    }
    gaps
}

fn short_tail(risk: &TailRisk) -> Vec<Gap> {
    let mut gaps = Vec::new();
    let mut add = |reason, detail: String, share: Option<f64>| {
        let gap = Gap::new(reason, MeasureRef::Scenarios(risk.settings.id()), detail);
        gaps.push(match share {
            Some(share) => gap.of_gross(share),
            None => gap,
        });
    };
    let (asked, have) = (risk.settings.window_sessions, risk.sessions);
    if have < asked || have < TAIL_SESSIONS_MIN {
        let detail =
            format!("{have} of {asked} requested scenarios; 99 % needs {TAIL_SESSIONS_MIN}");
        add(GapReason::ShortHistory, detail, None);
    }
    if 0 < risk.proxied_names {
        let (names, draws, widened) = (risk.proxied_names, risk.draws, risk.widened_names);
        let lack = if names == 1 { "name lacks" } else { "names lack" };
        let mut detail = format!(
            "{names} {lack} returns of their own: betas and the residuals of peers on the same days \
             are used instead, in {draws} draws"
        );
        if 0 < widened {
            detail += &format!("; for {widened} of them, also peers of other sizes or sectors");
        }
        add(GapReason::Proxy, detail, Some(risk.proxied_share));
    }
    if 0 < risk.left_out_sessions {
        let detail = format!(
            "{} sessions are left out: names of more than 5 % of joined gross have no return on \
             them, and fewer than {DONORS_MIN} of their peers have one",
            risk.left_out_sessions
        );
        add(GapReason::MissingObservations, detail, None);
    }
    if 0.0 < risk.undrawn_share {
        let detail = format!(
            "on some sessions fewer than {DONORS_MIN} peers of a name have a return: only its \
             betas are used"
        );
        add(GapReason::MissingObservations, detail, Some(risk.undrawn_share));
    }
    if let Some(filter) = risk.filter.filter(|filter| 0 < filter.unscaled) {
        let detail =
            format!("{} scenarios are not rescaled: the P&L before them was zero", filter.unscaled);
        add(GapReason::Degenerate, detail, None);
    }
    gaps
}
