//! The answers of the demo on two screens: what happened, what it means for the book, what the book
//! lost, what can squeeze, what if it comes twice, what to do by noon.

use super::answers::DemoAnswers;
use crate::{
    show::{
        self, narrative, number,
        table::{Cell, Table},
    },
    terminal::Terminal,
};
use contract::v1::{PositionExposure, TradeRepeat};
use std::collections::BTreeMap;

/// Names listed per table.
const NAMES: usize = 4;

/// The short text; `--full` has every table behind it.
pub(super) fn summary(answers: &DemoAnswers, terminal: Terminal) -> String {
    [
        ("What happened", happened(answers, terminal)),
        ("What it means for the book", meaning(answers, terminal)),
        ("What the book lost", lost(answers, terminal)),
        ("What can squeeze", squeezes(answers, terminal)),
        ("What if it comes twice", comes_twice(answers, terminal)),
        ("What to do by noon", show::ways_out::summary(&answers.hedge, terminal)),
    ]
    .map(|(heading, text)| format!("{}{text}\n", terminal.heading(heading)))
    .concat()
}

fn happened(answers: &DemoAnswers, terminal: Terminal) -> String {
    let Some(report) = &answers.rotation.report else { return String::new() };
    let words = format!(
        "{}{}",
        show::rotation::headline(report, terminal),
        narrative::of(&report.readings)
    );
    terminal.wrap(&words)
}

fn meaning(answers: &DemoAnswers, terminal: Terminal) -> String {
    let answer = &answers.exposure;
    let Some(report) = &answer.report else { return String::new() };
    terminal.wrap(&show::exposure::words(
        report,
        show::evidence::coverage_of(answer.info.as_ref()),
        terminal,
    ))
}

/// What each name made from the close before to the close of the day: the shares are the same.
fn by_name(answers: &DemoAnswers) -> Vec<(&PositionExposure, f64)> {
    let before: BTreeMap<&str, f64> = positions(&answers.evening_before.report)
        .map(|position| (position.symbol.as_str(), position.market_value))
        .collect();
    let made = |position: &'_ PositionExposure| {
        before.get(position.symbol.as_str()).map(|value| position.market_value - value)
    };
    let mut names: Vec<_> = positions(&answers.exposure.report)
        .filter_map(|position| Some((position, made(position)?)))
        .collect();
    names.sort_by(|(_, a), (_, b)| a.total_cmp(b));
    names
}

fn positions(
    report: &Option<contract::v1::ExposureReport>,
) -> impl Iterator<Item = &PositionExposure> {
    report.iter().flat_map(|report| &report.positions)
}

fn lost(answers: &DemoAnswers, terminal: Terminal) -> String {
    let names = by_name(answers);
    let total: f64 = names.iter().map(|(_, made)| made).sum();
    let day = answers.exposure.report.as_ref().and_then(|report| report.repeats.first());
    let moved = day.and_then(|day| day.trades.first()).and_then(trade_words);
    let losers = names.iter().filter(|(_, made)| *made < 0.0).count();
    let words = format!(
        "From close to close the book {}{}; {losers} of {} names lost.\n",
        number::made_or_lost(total),
        moved.unwrap_or_default(),
        names.len(),
    );
    let mut table = Table::new(&["lost most", ">P&L", ">of the total", ">market value", "size"]);
    for (position, made) in names.iter().take(NAMES) {
        table.row([
            position.symbol.as_str().into(),
            number::gain(Some(*made), number::usd_signed),
            number::cell((total < 0.0).then(|| made / total), number::share),
            number::cell(Some(position.market_value), number::usd_signed),
            Cell::faint(position.bucket_id.as_str()),
        ]);
    }
    format!("{}{}", terminal.wrap(&words), table.render(terminal))
}

/// The trade's return of the day in its standard deviations.
fn trade_words(repeat: &TradeRepeat) -> Option<String> {
    let (moved, deviations) = (repeat.trade_return?, repeat.trade_standard_deviations?);
    Some(format!(
        ", on a day when the crowded trade returned {}, {:.1} of its standard deviations",
        number::percent(moved),
        deviations.abs()
    ))
}

/// The day twice in a row, and with a squeeze on top.
fn comes_twice(answers: &DemoAnswers, terminal: Terminal) -> String {
    terminal.wrap(&answers.stress.results.iter().map(show::stress::words).collect::<String>())
}

fn squeezes(answers: &DemoAnswers, terminal: Terminal) -> String {
    let mut table = Table::new(&[
        "short",
        ">market value",
        ">score",
        ">short/float",
        ">days to cover",
        ">exit",
    ]);
    for (line, name) in show::squeeze::by_score(&answers.short_book).into_iter().take(NAMES) {
        table.row([
            name.symbol.as_str().into(),
            number::cell(Some(line.market_value), number::usd),
            number::cell(name.score, |score| format!("{score:.0}")),
            number::cell(name.short_of_float, number::share),
            number::cell(name.days_to_cover_at_recent_volume, |days| format!("{days:.1}")),
            number::cell(line.exit_days_at_normal_volume, |days| format!("{days:.1} d")),
        ]);
    }
    let summary = answers.short_book.totals.as_ref().map(show::squeeze::summary);
    format!("{}{}", terminal.wrap(&summary.unwrap_or_default()), table.render(terminal))
}
