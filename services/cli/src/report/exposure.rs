//! The exposure of a book on one page: what it is, what it bets on, what a bad day costs.

use crate::{
    report::{
        chart::{Bars, Shade},
        document::Document,
    },
    show::{crowding, evidence, exposure, look_through, number, risk, trades},
    terminal::Terminal,
};
use contract::v1::{
    AnalyzePortfolioResponse, Breakdown, ExplainPnlResponse, ExposureReport, RiskMeasure,
    RiskMeasureKind,
};
use tonic::Status;

/// The report of a book, with the P&L of its last session if that was asked for.
pub(crate) fn document(
    book: &str,
    answer: &AnalyzePortfolioResponse,
    pnl: Option<&Result<ExplainPnlResponse, Status>>,
) -> Document {
    let info = answer.info.as_ref();
    let title = format!("Exposure of {book} {}", evidence::as_known(info));
    let currency = answer.report.as_ref().map_or("", |report| report.currency.as_str());
    let mut document = Document::new(title, info, currency);
    if let Some(report) = &answer.report {
        let coverage = evidence::coverage_of(info);
        let words = exposure::words(report, coverage, Terminal::plain());
        document.add(|page| page.say(words));
        document.bars(groups(report));
        document.bars(scenarios(report));
        bets(&mut document, report);
        bad_day(&mut document, report);
    }
    match pnl {
        Some(Ok(pnl)) => {
            document.heading("The last session");
            document.add(|page| exposure::last_session(page, pnl, Terminal::plain()));
        }
        Some(Err(status)) => document.add(|page| {
            page.say(format!("  The P&L of the last session is unknown: {}\n", status.message()));
        }),
        None => {}
    }
    if let Some(report) = &answer.report {
        holdings(&mut document, report);
    }
    document.lacks(info, &answer.unresolved);
    document
}

/// What the book bets on.
fn bets(document: &mut Document, report: &ExposureReport) {
    document.add(|page| {
        for breakdown in &report.breakdowns {
            let (name, table) = exposure::groups(breakdown, report);
            page.table(name, table);
        }
        if !report.factors.is_empty() || !report.trades.is_empty() {
            page.table("betas", exposure::betas(report));
            page.say(exposure::BETAS_NOTE);
        }
    });
}

/// What moves of its trades and its tails cost.
fn bad_day(document: &mut Document, report: &ExposureReport) {
    if report.trades.is_empty() && report.risk_measures.is_empty() {
        return;
    }
    document.heading("A bad day");
    document.bars(tails(report));
    document.add(|page| {
        if !report.trades.is_empty() {
            page.table("scenarios", trades::scenarios(&report.trades, &report.repeats));
        }
        if !report.scenario_sets.is_empty() {
            page.table("tails", risk::tails(report));
            page.say(risk::notes(report));
        }
    });
}

/// What it holds, and with whom.
fn holdings(document: &mut Document, report: &ExposureReport) {
    document.add(|page| {
        if let Some(book) = &report.look_through {
            look_through::add(page, book, report.settings.as_ref());
        }
        if !report.positions.is_empty() {
            page.table("positions", exposure::positions(report));
        }
        if let Some(found) = &report.crowding {
            crowding::add(page, found);
        }
    });
}

/// Net value by the first grouping.
fn groups(report: &ExposureReport) -> Bars {
    let Some(breakdown) = report.breakdowns.first() else {
        return Bars::new("", "", number::usd_signed);
    };
    let Breakdown { group_by, groups } = breakdown;
    let titles = exposure::titles(group_by.as_ref(), report.settings.as_ref());
    let title = format!("Net by {}", titles.heading);
    let mut bars = Bars::new(title, "net market value", number::usd_signed);
    for group in groups {
        let Some(exposure) = &group.exposure else { continue };
        let name = if group.group_id.is_empty() { &titles.rest } else { &group.group_id };
        bars.bar(name, Shade::BySign, exposure.net, None);
    }
    bars
}

/// What unwinds of its trades, and days repeated, would make or lose.
fn scenarios(report: &ExposureReport) -> Bars {
    let axis = "P&L of a day; lines hold nine such days of ten";
    let mut bars = Bars::new("If the trade unwinds, or a day repeats", axis, number::usd_signed);
    for trade in &report.trades {
        bars.group(trades::id(trade));
        for unwind in &trade.unwinds {
            let label = format!("unwinds by {:.0} sd", unwind.standard_deviations);
            let interval = Some((unwind.pnl_low, unwind.pnl_high));
            bars.bar(label, Shade::BySign, unwind.pnl, interval);
        }
    }
    for repeat in &report.repeats {
        bars.bar(format!("{} repeats", repeat.on), Shade::BySign, repeat.pnl, None);
    }
    bars
}

/// Value at risk and expected shortfall; losses are positive.
fn tails(report: &ExposureReport) -> Bars {
    let axis = "loss of a day; losses are positive; lines are intervals";
    let mut bars = Bars::new("Losses of the tail", axis, number::usd);
    let kinds = [
        (RiskMeasureKind::ValueAtRisk, "value at risk", 1),
        (RiskMeasureKind::ExpectedShortfall, "expected shortfall", 2),
    ];
    for (kind, name, shade) in kinds {
        let is_it = |measure: &&RiskMeasure| {
            measure.request.as_ref().is_some_and(|request| request.kind() == kind)
        };
        let measures = report.risk_measures.iter().filter(is_it);
        let levels = measures.flat_map(|measure| &measure.levels);
        let levels: Vec<_> = levels.filter_map(|level| Some((level.confidence?, level))).collect();
        if !levels.is_empty() {
            bars.group(name);
        }
        for (confidence, level) in levels {
            let interval = level.value_low.zip(level.value_high);
            bars.bar(number::share(confidence), Shade::Series(shade), level.value, interval);
        }
    }
    bars
}
