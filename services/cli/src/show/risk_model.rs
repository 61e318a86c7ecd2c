//! A book under factor models, and what single lines add to its risk.

use crate::show::{
    number,
    page::Page,
    table::{Cell, Table},
};
use contract::v1::{
    CovarianceEstimator, CovarianceRisk, ExposureReport, ExposureSource, FactorModelRisk,
    IncrementalRisk, NameFactorRisk, RiskModelComparison, RiskModelReport,
};

/// Everything that a report says of them.
pub(crate) fn add(page: &mut Page, report: &ExposureReport) {
    if let Some(found) = &report.risk_model {
        models(page, found);
    }
    if !report.incremental_risks.is_empty() {
        page.say("\nWhat lines add to the risk, by computing it again without them:\n");
        page.table("incremental", incremental(&report.incremental_risks));
    }
}

fn models(page: &mut Page, report: &RiskModelReport) {
    page.say("\nVolatility of one session under factor models; contributions add up to it.\n");
    page.table("models", totals(&report.models));
    let lists = [factors(&report.models), names(&report.models), uncovered(&report.models)];
    for (name, table) in ["model_factors", "model_names", "uncovered"].into_iter().zip(lists) {
        if !table.is_empty() {
            page.say("\n");
            page.table(name, table);
        }
    }
    if !report.covariances.is_empty() {
        page.say("\nVolatility of one session under covariances of the names, without factors.\n");
        page.table("covariances", covariances(&report.covariances));
    }
    if !report.comparisons.is_empty() {
        page.say("\n");
        page.say(report.comparisons.iter().map(words).collect::<String>());
        page.table("disagreements", disagreements(&report.comparisons));
    }
}

fn words(compared: &RiskModelComparison) -> String {
    let models = format!("{} and {}", compared.first_model_id, compared.second_model_id);
    let Some(ratio) = compared.log_ratio else {
        return format!("{models} cannot be compared.\n");
    };
    format!(
        "{models} both cover {} names; ln of the ratio of their volatilities is {}.\n",
        number::count(compared.common_count),
        number::signed(ratio, 3)
    )
}

fn totals(models: &[FactorModelRisk]) -> Table {
    let mut table = Table::new(&[
        "model",
        "data of",
        ">days old",
        ">volatility",
        ">from factors",
        ">from specific",
        ">names",
        ">not covered",
    ]);
    for model in models {
        table.row(vec![
            model.model_id.as_str().into(),
            model.model_on.as_str().into(),
            model.age_days.map_or_else(number::absent, number::counted),
            number::cell(model.volatility, number::money),
            number::cell(model.factor_contribution, number::money),
            number::cell(model.specific_contribution, number::money),
            number::counted(model.covered_count),
            number::cell(model.uncovered_gross_share, number::share),
        ]);
    }
    table
}

fn covariances(found: &[CovarianceRisk]) -> Table {
    let mut table = Table::new(&[
        "covariance",
        ">volatility",
        ">shrinkage",
        ">effective bets",
        ">by components",
        ">names",
        ">sessions",
    ]);
    for row in found {
        let bets = |bets: Option<f64>| number::cell(bets, |bets| format!("{bets:.1}"));
        table.row(vec![
            estimator(row).into(),
            number::cell(row.volatility, number::money),
            number::cell(row.shrinkage, number::share),
            bets(row.effective_bets),
            bets(row.principal_effective_bets),
            number::counted(row.covered_count),
            number::counted(row.sessions),
        ]);
    }
    table
}

fn estimator(row: &CovarianceRisk) -> &'static str {
    match row.estimator() {
        CovarianceEstimator::Unspecified => "",
        CovarianceEstimator::Sample => "of the sample",
        CovarianceEstimator::SingleFactor => "towards the market",
        CovarianceEstimator::ConstantCorrelation => "towards one correlation",
        CovarianceEstimator::Identity => "towards the identity",
        CovarianceEstimator::OracleApproximating => "towards the identity (OAS)",
    }
}

fn factors(models: &[FactorModelRisk]) -> Table {
    let mut table =
        Table::new(&["model", "factor", ">exposure", ">factor volatility", ">contribution"]);
    for (model, row) in models.iter().flat_map(|of| of.factors.iter().map(move |row| (of, row))) {
        table.row(vec![
            model.model_id.as_str().into(),
            row.factor_id.as_str().into(),
            number::cell(Some(row.exposure), number::money_signed),
            number::cell(Some(row.factor_volatility), number::share),
            number::cell(Some(row.contribution), number::money_signed),
        ]);
    }
    table
}

fn names(models: &[FactorModelRisk]) -> Table {
    let mut table = Table::new(&[
        "model",
        "name",
        ">value",
        ">volatility",
        ">of factors",
        ">contribution",
        "exposures",
    ]);
    for (model, row) in models.iter().flat_map(|of| of.names.iter().map(move |row| (of, row))) {
        table.row(vec![
            model.model_id.as_str().into(),
            row.symbol.as_str().into(),
            number::cell(Some(row.market_value), number::money_signed),
            number::cell(Some(row.volatility), number::share),
            number::cell(Some(row.factor_volatility), number::share),
            number::cell(Some(row.contribution), number::money_signed),
            source(row).into(),
        ]);
    }
    table
}

fn source(row: &NameFactorRisk) -> &'static str {
    match row.source() {
        ExposureSource::Model => "own",
        ExposureSource::Regression => "regression",
        ExposureSource::Peers => "peers",
        ExposureSource::Unspecified => "",
    }
}

fn uncovered(models: &[FactorModelRisk]) -> Table {
    let mut table = Table::new(&["model", "not covered", ">value", ">gross"]);
    for (model, row) in models.iter().flat_map(|of| of.uncovered.iter().map(move |row| (of, row))) {
        table.row(vec![
            model.model_id.as_str().into(),
            row.symbol.as_str().into(),
            number::cell(Some(row.market_value), number::money_signed),
            number::cell(Some(row.gross), number::money),
        ]);
    }
    table
}

fn disagreements(comparisons: &[RiskModelComparison]) -> Table {
    let mut table = Table::new(&[
        "first",
        "second",
        "name",
        ">value",
        ">difference",
        ">contribution in first",
        ">contribution in second",
        ">volatility in first",
        ">volatility in second",
    ]);
    let rows = comparisons.iter().flat_map(|of| of.names.iter().map(move |row| (of, row)));
    for (of, row) in rows {
        table.row(vec![
            of.first_model_id.as_str().into(),
            of.second_model_id.as_str().into(),
            row.symbol.as_str().into(),
            number::cell(Some(row.market_value), number::money_signed),
            number::cell(Some(row.contribution_difference), number::money_signed),
            number::cell(row.first_contribution, number::money_signed),
            number::cell(row.second_contribution, number::money_signed),
            number::cell(row.first_volatility, number::share),
            number::cell(row.second_volatility, number::share),
        ]);
    }
    table
}

fn incremental(lines: &[IncrementalRisk]) -> Table {
    let mut table = Table::new(&["line", "measure", ">confidence", ">without", ">it adds"]);
    for (line, row) in lines.iter().flat_map(|of| of.measures.iter().map(move |row| (of, row))) {
        let measure = if row.model_id.is_empty() { &row.measure_id } else { &row.model_id };
        table.row(vec![
            line.position_id.as_str().into(),
            Cell::from(measure.as_str()),
            number::cell(row.confidence, number::share),
            number::cell(Some(row.value_without), number::money),
            number::cell(Some(row.incremental), number::money_signed),
        ]);
    }
    table
}
