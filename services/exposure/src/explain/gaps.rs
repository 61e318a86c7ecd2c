//! What an explained P&L leaves out, or rests on a proxy for.

use super::{
    Explained, FactorReturns, Forecast, HeldOn, Request, Views, Window,
    carried::{Carried, FACTORS, Left},
    parts::NameParts,
};
use crate::{
    blocks::{Block, Blocks},
    factor::Factor,
    gaps::{drivers, loose, series},
    prepared::PreparedExposure,
    trades::Trade,
};
use marketdata::{
    day::Day,
    gap::{FactorEstimate, Gap, GapReason, MeasureRef, Subject},
};
use portfolio::{
    book::{Book, Holding},
    coverage::{Aspect, Coverage},
};

/// Shares of the book's gross whose P&L is explained, and that have betas of their own.
pub(super) fn coverage(
    book: &Book,
    window: &Window,
    names: &[Explained<'_>],
    start: &PreparedExposure,
) -> Vec<Coverage> {
    let (mut priced, mut own_betas) = ([0.0; 2], [0.0; 2]);
    for name in names {
        let gross = name.holding.gross();
        let (first, last) = (name.carried.first_on, name.carried.last_on);
        let is_whole = first == window.start_on && last == window.end_on();
        priced[usize::from(!is_whole)] += gross;
        let row = start.name(name.holding.instrument);
        if row.has_beta {
            own_betas[usize::from(!row.has_own_beta)] += gross;
        }
    }
    Coverage::rows([(Aspect::Priced, priced), (Aspect::OwnBetas, own_betas)], book.gross)
}

/// The gaps of a report.
pub(super) fn list(
    views: Views<'_>,
    (request, trades): (&Request<'_>, &[&Trade<'_>]),
    (names, parts): (&[Explained<'_>], &[NameParts]),
    left: &[(&Holding, Left)],
    (returns, forecast): (&FactorReturns, &Forecast),
) -> Vec<Gap> {
    let book = request.book;
    let mut gaps: Vec<Gap> = book.loose.iter().map(|line| loose(book, line)).collect();
    gaps.extend(book.undated_line_gaps());
    gaps.extend(old_rates_of_shares(request));
    let about = |holding: &Holding, reason, detail: String| {
        let share = if 0.0 < book.gross { holding.gross() / book.gross } else { 0.0 };
        let symbol = Subject::symbol(views.end.snapshot.symbol(holding.instrument));
        Gap::new(reason, symbol, detail).of_gross(share)
    };
    for (holding, why) in left {
        let (reason, detail) = left_out(*why, request.window);
        gaps.push(about(holding, reason, detail));
    }
    for (name, parts) in names.iter().zip(parts) {
        let found = of_name(views.start, request.window, forecast, (name, parts));
        let found = found.into_iter().chain(old_rates(views.end, name));
        gaps.extend(found.into_iter().map(|(reason, detail)| about(name.holding, reason, detail)));
    }
    gaps.extend(drivers(views.start, MARKET_AND_SIZE));
    gaps.extend(views.start.old_rates_behind(book, &[]));
    gaps.extend(trades.iter().flat_map(|trade| series(views.start, trade)));
    let by_trade = trades.iter().any(|trade| trade.has_name_betas);
    let used = FACTORS.iter().filter(|factor| **factor != Factor::Trade || by_trade);
    gaps.extend(used.filter_map(|factor| {
        let missing = returns.missing(*factor);
        let detail = format!(
            "no return of the factor on {missing} of {} sessions, which count as zero: the residual \
             has what it made on them",
            request.window.sessions.len()
        );
        let measure =
            MeasureRef::Factor { factor_id: factor.id().into(), estimate: FactorEstimate::Any };
        (0 < missing).then(|| Gap::new(GapReason::MissingObservations, measure, detail))
    }));
    gaps.extend(other_series(views));
    gaps
}

/// A block that needs the series of MARKET and SIZE and no other.
const MARKET_AND_SIZE: Blocks = Blocks::of(&[Block::Risk]);

fn left_out(why: Left, window: &Window) -> (GapReason, String) {
    let (start, end) = (window.start_on, window.end_on());
    match why {
        Left::NoStart => (
            GapReason::NoPrice,
            format!("no close on {start} or in the two weeks before: left out of the P&L"),
        ),
        Left::NoReturn => (
            GapReason::MissingObservations,
            format!("no close after {start} and by {end}: left out of the P&L"),
        ),
        Left::UnknownUnits => (
            GapReason::BasisUnknown,
            format!("no known split factor connects its closes from {start} to {end}: left out"),
        ),
    }
}

/// What an explained name rests on besides its own closes of the two days.
fn of_name(
    start: &PreparedExposure,
    window: &Window,
    forecast: &Forecast,
    (name, parts): (&Explained<'_>, &NameParts),
) -> Vec<(GapReason, String)> {
    let (carried, mut gaps) = (&name.carried, Vec::new());
    if carried.first_on < window.start_on {
        let detail = format!("its P&L begins at its last close before, of {}", carried.first_on);
        gaps.push((GapReason::MissingObservations, detail));
    }
    if carried.last_on < window.end_on() {
        let detail = format!("its P&L ends at its last close, of {}", carried.last_on);
        gaps.push((GapReason::MissingObservations, detail));
    }
    if carried.is_adjusted {
        let detail = "its closes are adjusted for distributions, which count as changes of price";
        gaps.push((GapReason::AdjustedPrice, detail.to_owned()));
    }
    let row = start.name(name.holding.instrument);
    if !row.has_beta {
        let detail = "no betas at the start: all of its P&L is residual";
        gaps.push((GapReason::ShortHistory, detail.to_owned()));
    }
    let missing = parts.implied;
    if 0 < missing {
        let sessions = forecast.sessions();
        let detail = format!(
            "no return on {missing} of {sessions} sessions behind the forecast: its betas are used, \
             without a residual"
        );
        gaps.push((GapReason::Proxy, detail));
    }
    gaps
}

/// Old rates behind the shares or the first values of lines. Closes of other days than those of the
/// window count only where shares follow from a value.
fn old_rates_of_shares(request: &Request<'_>) -> Vec<Gap> {
    match request.held_on {
        HeldOn::Start => request.book.old_rate_gaps().collect(),
        HeldOn::AsOf => request.book.old_rate_gaps_of_values().collect(),
    }
}

/// The ends of a name's P&L whose rates are older than they are. Old rates between them move none of
/// it: what the rate made is booked some sessions later, inside the window.
fn old_rates(end: &PreparedExposure, name: &Explained<'_>) -> Vec<(GapReason, String)> {
    let Carried { first_on, last_on, .. } = name.carried;
    let rate_on = |on: Day| {
        let rate = end.snapshot.price_rate(name.holding.instrument, on)?.ok()?.on;
        rate.filter(|rate_on| *rate_on < on)
    };
    let (first, last) = (rate_on(first_on), rate_on(last_on));
    let first = first.map(|rate_on| {
        format!(
            "its close of {first_on}, with which its P&L begins, is converted at the rate of \
             {rate_on}: what the rate made from then to {first_on} is in the P&L"
        )
    });
    let last = last.map(|rate_on| {
        format!(
            "its close of {last_on}, with which its P&L ends, is converted at the rate of \
             {rate_on}: what the rate made after that is not in the P&L"
        )
    });
    first.into_iter().chain(last).map(|detail| (GapReason::OldRate, detail)).collect()
}

/// Roles whose symbols at the start are not those whose returns the window has.
fn other_series(Views { start, end }: Views<'_>) -> Option<Gap> {
    let symbols = |view: &PreparedExposure| -> Vec<String> {
        let (market, small) = view.resolved();
        let roles = [market, small].into_iter().flatten().map(|role| role.symbol.clone());
        roles.chain(view.roles.legs.iter().flat_map(|leg| leg.symbols.clone())).collect()
    };
    let (then, now) = (symbols(start), symbols(end));
    let detail = format!(
        "betas at the start are to factors of {}; the returns of the window are of {}",
        then.join(", "),
        now.join(", ")
    );
    let measure =
        MeasureRef::Factor { factor_id: String::new(), estimate: FactorEstimate::BottomUp };
    (then != now).then(|| Gap::new(GapReason::Proxy, measure, detail))
}
