//! The exposure of a book on one page: what it is, what it bets on, what a bad day costs.

use crate::{
    report::{
        chart::{Bars, Shade},
        document::Document,
    },
    show::{
        crowding, evidence, exposure, factor_betas, look_through, number, risk, risk_model,
        titles::titles, trades,
    },
    terminal::Terminal,
};
use contract::v1::{
    AnalyzePortfolioResponse, Breakdown, ExplainPnlResponse, ExposureReport, RiskLevel,
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
        factor_betas::add(page, report);
        risk_model::add(page, report);
    });
}

/// Net value by the first grouping.
fn groups(report: &ExposureReport) -> Bars {
    let Some(breakdown) = report.breakdowns.first() else {
        return Bars::new("", "", number::money_signed);
    };
    let Breakdown { group_by, groups } = breakdown;
    let titles = titles(group_by.as_ref(), report.settings.as_ref());
    let title = format!("Net by {}", titles.heading);
    let mut bars = Bars::new(title, "net market value", number::money_signed);
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
    let mut bars = Bars::new("If the trade unwinds, or a day repeats", axis, number::money_signed);
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

/// The measure of a row that a group of bars shows.
type Kind = for<'a> fn(&risk::Row<'a>) -> Option<&'a RiskLevel>;

/// Value at risk and expected shortfall; losses are positive.
fn tails(report: &ExposureReport) -> Bars {
    let rows = risk::rows(report);
    let axis = match risk::is_one_day(&rows) {
        true => "loss of a day; losses are positive; lines are intervals",
        false => "loss over the days of each bar; losses are positive; lines are intervals",
    };
    let mut bars = Bars::new("Losses of the tail", axis, number::money);
    let labels = risk::labels(report, &rows);
    let kinds: [(&str, Kind); 2] =
        [("value at risk", |row| row.value_at_risk), ("expected shortfall", |row| row.shortfall)];
    for (at, (name, level)) in kinds.into_iter().enumerate() {
        let levels = labels.iter().zip(&rows).filter_map(|(label, row)| Some((label, level(row)?)));
        let levels: Vec<_> = levels.collect();
        if !levels.is_empty() {
            bars.group(name);
        }
        for (label, level) in levels {
            let interval = level.value_low.zip(level.value_high);
            bars.bar(label, Shade::Series(at + 1), level.value, interval);
        }
    }
    bars
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::html::Html;
    use contract::v1::{RiskMeasure, RiskMeasureKind, RiskMeasureRequest, RiskModelReport};

    fn measure(kind: RiskMeasureKind, horizon_sessions: Option<i32>, value: f64) -> RiskMeasure {
        let level = RiskLevel { confidence: Some(0.99), value, ..RiskLevel::default() };
        RiskMeasure {
            request: Some(RiskMeasureRequest {
                kind: kind.into(),
                horizon_sessions,
                ..RiskMeasureRequest::default()
            }),
            levels: vec![level],
            ..RiskMeasure::default()
        }
    }

    fn drawn(risk_measures: Vec<RiskMeasure>) -> String {
        let mut html = Html::new();
        let report = ExposureReport { risk_measures, ..ExposureReport::default() };
        tails(&report).draw(&mut html);
        html.into_text()
    }

    #[test]
    fn a_loss_of_ten_days_is_not_shown_as_that_of_one() {
        use RiskMeasureKind::{ExpectedShortfall, ValueAtRisk};
        let one = drawn(vec![measure(ValueAtRisk, None, 1e6)]);
        assert!(one.contains("loss of a day") && one.contains(">99.0 %<"), "{one}");
        let both = drawn(vec![
            measure(ValueAtRisk, None, 1e6),
            measure(ValueAtRisk, Some(10), 3e6),
            measure(ExpectedShortfall, Some(10), 4e6),
        ]);
        assert!(!both.contains("loss of a day"), "{both}");
        assert_eq!(both.matches("99.0 % over 1 day<").count(), 1, "{both}");
        assert_eq!(both.matches("99.0 % over 10 days<").count(), 2, "{both}");
    }

    #[test]
    fn covariances_and_chosen_factors_are_on_the_page_if_they_were_asked_for() {
        use contract::v1::{BookFactorBeta, CovarianceRisk, FactorBetaReport, FactorExposure};
        let page = |report: ExposureReport| {
            let answer = AnalyzePortfolioResponse {
                report: Some(report),
                ..AnalyzePortfolioResponse::default()
            };
            document("book.csv", &answer, None).html()
        };
        let covariance = CovarianceRisk { volatility: Some(12_345.0), ..CovarianceRisk::default() };
        let exposure =
            FactorExposure { factor_id: "VALUE".to_owned(), ..FactorExposure::default() };
        let factor = BookFactorBeta { exposure: Some(exposure), ..BookFactorBeta::default() };
        let whole = page(ExposureReport {
            risk_model: Some(RiskModelReport {
                covariances: vec![covariance],
                ..RiskModelReport::default()
            }),
            factor_betas: Some(FactorBetaReport {
                condition_number: Some(4.25),
                factors: vec![factor],
                ..FactorBetaReport::default()
            }),
            ..ExposureReport::default()
        });
        for part in ["covariances of the names", "12.3k", "condition number 4.2", "VALUE"] {
            assert!(whole.contains(part), "{part} is not in {whole}");
        }
        let plain = page(ExposureReport::default());
        assert!(!plain.contains("covariances of the names") && !plain.contains("condition number"));
    }
}
