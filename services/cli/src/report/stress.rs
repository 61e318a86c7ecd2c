//! Stress tests on one page: what the book would make or lose in each scenario.

use crate::{
    report::{
        chart::{Bars, Shade},
        document::Document,
    },
    show::{evidence, number, stress},
};
use contract::v1::{
    FindLikelyLossResponse, RunStressResponse, ScenarioOutcome, StressResult,
    likely_loss::Result as Outcome,
};

/// The report of scenarios.
pub(crate) fn document(
    book: &str,
    answer: &RunStressResponse,
    volatility_changes: &[f64],
) -> Document {
    let info = answer.info.as_ref();
    let title = format!("What if: {book}, {}", evidence::as_known(info));
    let mut document = Document::new(title, info, &answer.currency);
    document.doubts(info);
    document.add(|page| answer.results.iter().for_each(|result| page.say(stress::words(result))));
    document.bars(scenarios(&answer.results));
    document.add(|page| page.table("scenarios", stress::scenarios(&answer.results)));
    if let Some(table) = stress::by_volatility(&answer.results, volatility_changes) {
        document.add(|page| page.table("volatilities", table));
    }
    if let [StressResult { outcome: Some(pnl), .. }] = &answer.results[..] {
        parts(&mut document, pnl);
    }
    for result in &answer.results {
        document.add(|page| page.say(sources(result)));
    }
    document.lacks(info, &answer.unresolved);
    document.add(|page| {
        for result in answer.results.iter().filter(|result| !result.gaps.is_empty()) {
            page.table(stress::title(result), evidence::gap_table(&result.gaps));
        }
    });
    document
}

/// The report of the likeliest way to lose an amount.
pub(crate) fn likely_loss(book: &str, answer: &FindLikelyLossResponse, loss: f64) -> Document {
    let info = answer.info.as_ref();
    let loss_words = number::money(loss);
    let title = format!("How {book} loses {loss_words}, {}", evidence::as_known(info));
    let mut document = Document::new(title, info, &answer.currency);
    document.doubts(info);
    document.add(|page| page.say(stress::likely(answer)));
    let outcome = answer.likely_loss.as_ref().and_then(|found| found.result.as_ref());
    if let Some(Outcome::Scenario(found)) = outcome
        && let Some(pnl) = &found.outcome
    {
        parts(&mut document, pnl);
    }
    document.lacks(info, &answer.unresolved);
    document
}

fn scenarios(results: &[StressResult]) -> Bars {
    let axis = "P&L; lines hold nine P&Ls of ten";
    let mut bars = Bars::new("What the book makes or loses", axis, number::money_signed);
    let interval = |pnl: &ScenarioOutcome| Some((pnl.pnl_low, pnl.pnl_high));
    for result in results {
        let Some(pnl) = &result.outcome else { continue };
        bars.group(stress::title(result));
        bars.bar("P&L", Shade::BySign, pnl.pnl, interval(pnl));
        if let Some(beyond) = pnl.beyond_first_order_pnl {
            bars.bar(stress::ANEW, Shade::BySign, beyond, None);
        }
        if let Some(like_this) = &result.outcome_like_this {
            bars.bar("as on days like this one", Shade::BySign, like_this.pnl, interval(like_this));
        }
        if let Some(squeezed) = &result.squeezed {
            bars.bar("with the squeeze", Shade::BySign, squeezed.pnl, None);
        }
        if let Some(exit) = &result.exit {
            bars.bar("after leaving the book", Shade::BySign, exit.pnl, None);
        }
    }
    bars
}

/// What a P&L consists of.
fn parts(document: &mut Document, pnl: &ScenarioOutcome) {
    document.heading("Through what");
    let mut bars = Bars::new("P&L by factor", "P&L", number::money_signed);
    for factor in &pnl.factors {
        bars.bar(&*factor.factor_id, Shade::BySign, factor.pnl, None);
    }
    if !bars.is_empty() {
        bars.bar("names themselves", Shade::BySign, pnl.residual_pnl, None);
        if let Some(beyond) = pnl.beyond_first_order_pnl {
            bars.bar(stress::ANEW, Shade::BySign, beyond, None);
        }
    }
    document.bars(bars);
    let mut bars = Bars::new("P&L by name, the largest", "P&L", number::money_signed);
    for position in &pnl.positions {
        bars.bar(&*position.symbol, Shade::BySign, position.pnl, None);
    }
    document.bars(bars);
    document.add(|page| stress::parts(page, pnl));
}

/// Where a listed scenario comes from.
fn sources(result: &StressResult) -> String {
    match result.source.as_str() {
        "" => String::new(),
        source => format!("  {}: {source}\n", stress::title(result)),
    }
}
