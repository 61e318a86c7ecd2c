//! The gaps of past days on today's positions: repeated days, and the worst of each set of scenarios.

use crate::{
    report::{DayPnl, ExposureReport, Repeat},
    request::Request,
    trades::Trade,
};
use marketdata::{
    day::Day,
    gap::{Gap, GapReason, MeasureRef},
};
use risk::settings::PANEL_SESSIONS;

/// What the repeated days and the trades on them lack.
pub(super) fn repeated(
    request: &Request<'_>,
    trades: &[&Trade<'_>],
    report: &ExposureReport,
) -> Vec<Gap> {
    let found = |on: Day| report.repeats.iter().find(|repeat| repeat.on == on);
    let mut gaps: Vec<Gap> =
        request.repeat_on.iter().filter_map(|on| repeat(*on, found(*on))).collect();
    gaps.extend(report.repeats.iter().flat_map(|repeat| still(trades, repeat)));
    gaps
}

/// What the P&L of the days themselves lacks.
pub(super) fn on_the_day(report: &ExposureReport) -> impl Iterator<Item = Gap> {
    let repeated = report.repeats.iter();
    let repeated = repeated.map(|repeat| (MeasureRef::RepeatDay(repeat.on), repeat.on, repeat.day));
    let measured = report.tails.iter().filter_map(|tail| tail.as_ref().ok());
    let worst = measured.map(|t| (MeasureRef::WorstDay(t.settings.id()), t.worst_on, t.worst_day));
    repeated.chain(worst).filter_map(day)
}

/// Names without the closes that the P&L of a past day needs.
fn day((subject, on, day): (MeasureRef, Day, DayPnl)) -> Option<Gap> {
    let share = Some(day.missing_gross_share).filter(|share| 0.0 < *share)?;
    let detail = format!(
        "the P&L of {on} itself leaves out names without a close on it, before it or today, or whose \
         closes are adjusted for distributions"
    );
    Some(Gap::new(GapReason::MissingObservations, subject, detail).of_gross(share))
}

/// Trades without a return on a repeated day.
fn still(trades: &[&Trade<'_>], repeat: &Repeat) -> impl Iterator<Item = Gap> {
    let on = repeat.on;
    let rows = trades.iter().zip(&repeat.trades);
    rows.filter(|(_, row)| row.trade_return.is_none()).map(move |(trade, _)| {
        let measure = MeasureRef::RepeatTrade { trade_id: trade.definition.trade_id.clone(), on };
        let detail = format!(
            "the trade has no return on {on}: a leg has none, or the day is before the latest \
             {PANEL_SESSIONS} sessions"
        );
        Gap::new(GapReason::InputMissing, measure, detail)
    })
}

fn repeat(on: Day, found: Option<&Repeat>) -> Option<Gap> {
    match found {
        None => {
            let detail = format!("the market has no return on {on}, so the day cannot be repeated");
            Some(Gap::new(GapReason::InputMissing, MeasureRef::Repeat(on), detail))
        }
        Some(repeat) if 0 < repeat.proxied_names => {
            let names = repeat.proxied_names;
            let detail = format!("{names} names had no return on {on}: their betas are used");
            let gap = Gap::new(GapReason::Proxy, MeasureRef::Repeat(on), detail);
            Some(gap.of_gross(repeat.proxied_gross_share))
        }
        Some(_) => None,
    }
}
