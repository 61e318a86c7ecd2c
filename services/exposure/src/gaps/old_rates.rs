//! Closes behind past returns that are converted at older rates.

use super::betas;
use crate::{
    blocks::Block,
    prepared::PreparedExposure,
    report::{ExposureReport, Repeat, TailRisk},
    request::Request,
};
use factors::roles::ResolvedRole;
use marketdata::{
    calendar::plus_sessions,
    day::Day,
    gap::{FactorEstimate, Gap, MeasureRef},
    instrument::InstrumentId,
};
use portfolio::book::Book;
use std::iter;

impl PreparedExposure {
    /// The gap of whatever rests on all returns of the view: betas, factors, the past of a hedge. The
    /// lines of MARKET, SIZE and the trade have returns as well, and so have `others`, which need not
    /// be held.
    pub fn old_rates_behind(&self, book: &Book, others: &[InstrumentId]) -> Option<Gap> {
        let days = self.sessions.with_start();
        let first = self.drivers.first.min(days.len());
        let (market, small) = self.resolved();
        let roles = [market, small].into_iter().flatten().filter_map(ResolvedRole::line);
        let named = self.roles.named.iter().copied();
        let lines: Vec<InstrumentId> = roles.chain(named).chain(others.iter().copied()).collect();
        let measure = betas(FactorEstimate::Any);
        book.old_rate_gap_behind(&self.snapshot, &days[first..], &lines, measure)
    }
}

/// The same of the parts of a report, each about its own closes. `lines` are those whose returns are
/// the returns of the trades' legs.
pub(super) fn list(
    prepared: &PreparedExposure,
    request: &Request<'_>,
    (report, lines): (&ExposureReport, &[InstrumentId]),
) -> Vec<Gap> {
    let (book, blocks) = (request.book, request.blocks);
    let of_tail = |tail: &TailRisk| {
        let days = closes(prepared, (tail.first_on, tail.last_on));
        behind(prepared, book, (&days, MeasureRef::Scenarios(tail.settings.id())))
    };
    let of_repeat = |repeat: &Repeat| {
        let days = closes(prepared, (repeat.on, repeat.on));
        behind(prepared, book, (&days, MeasureRef::Repeat(repeat.on)))
    };
    let rests_on_betas = blocks.show_betas() || blocks.has(Block::Risk);
    let of_betas = Some(prepared).filter(|_| rests_on_betas);
    let measured = report.tails.iter().filter_map(|tail| tail.as_ref().ok());
    let mut gaps = Vec::new();
    gaps.extend(of_betas.and_then(|prepared| prepared.old_rates_behind(book, lines)));
    gaps.extend(measured.filter_map(of_tail));
    gaps.extend(report.repeats.iter().filter_map(of_repeat));
    gaps
}

/// The closes behind the returns from a day to a day. Before the sessions of the view they are those
/// of the calendar.
fn closes(prepared: &PreparedExposure, (first, last): (Day, Day)) -> Vec<Day> {
    let known = prepared.sessions.between(first, last);
    let before = prepared.sessions.with_start().iter().rev().find(|day| **day < first);
    let before = before.copied().unwrap_or_else(|| plus_sessions(first, -1));
    let of_view = known.with_start().iter().copied();
    match known.with_start() {
        [] => vec![before, last],
        _ => iter::once(before).chain(of_view).collect(),
    }
}

fn behind(
    prepared: &PreparedExposure,
    book: &Book,
    (days, measure): (&[Day], MeasureRef),
) -> Option<Gap> {
    book.old_rate_gap_behind(&prepared.snapshot, days, &[], measure)
}
