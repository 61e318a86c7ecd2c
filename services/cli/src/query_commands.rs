//! Commands that query a server: arguments become a request, and the answer a table or JSON.

use crate::{
    as_of_args::{AsOfArguments, ReferenceArguments},
    book::{self, BookArguments},
    book_history::{BookHistoryArguments, book_history},
    connect::{Clients, Connection},
    error_report::Fault,
    json,
    output::Output,
    report::{self, file::ReportArguments},
    settings_args::{LookThroughArguments, MeasureArguments, NettingArguments},
    show, terminal,
};
use anyhow::Result;
use clap::Args;
use contract::v1::{
    AnalysisSettings, AnalyzePortfolioRequest, AnalyzePortfolioResponse, AsOf, CovarianceEstimator,
    Coverage, ExplainPnlRequest, ExplainPnlResponse, FactorBetaSettings, FactorChoice,
    GetRotationRequest, GroupBy, GroupByKind, ReportBlock, RiskModelChoice, RiskModelKind,
    RiskModelSettings, TradeDefinition, TradeSelection, as_of::When, risk_model_choice::Model,
    trade_selection::Trade,
};
use tonic::Status;

/// Which indicators, as known when.
#[derive(Args, Clone, Debug)]
pub(crate) struct RotationArguments {
    #[command(flatten)]
    as_of: AsOfArguments,
    #[command(flatten)]
    which: Indicators,
}

/// Selects indicators.
#[derive(Args, Clone, Debug)]
pub(crate) struct Indicators {
    /// Only these indicators (`size_spread`) or measures (`size_spread.5d`).
    #[arg(long = "indicator", value_name = "ID")]
    pub(crate) indicators: Vec<String>,
    /// Also report index moves since this date.
    #[arg(long, value_name = "DATE")]
    pub(crate) since: Option<String>,
}

/// Requests the rotation report and prints it.
///
/// # Errors
/// If the server rejects the request or cannot be reached.
pub(crate) async fn rotation(
    arguments: &RotationArguments,
    connection: &Connection,
    output: Output<'_>,
) -> Result<()> {
    let request = GetRotationRequest {
        as_of: arguments.as_of.to_proto()?,
        ids: arguments.which.indicators.clone(),
        since_on: arguments.which.since.clone().unwrap_or_default(),
    };
    let clients = connection.open().await?;
    let answer = clients.rotation().get_rotation(connection.request(request)).await?.into_inner();
    let page = |terminal| show::rotation::report(&answer, terminal);
    terminal::say(&output.text("GetRotationResponse", &answer, page)?);
    Ok(())
}

/// The portfolio, and how to analyse it.
#[derive(Args, Clone, Debug)]
pub(crate) struct ExposureArguments {
    #[command(flatten)]
    book: BookArguments,
    #[command(flatten)]
    as_of: AsOfArguments,
    #[command(flatten)]
    reference: ReferenceArguments,
    /// Compute only these blocks of the report: breakdowns, factors, trades, risk, profit_and_loss,
    /// concentration, positions, crowding, risk_model, factor_betas; for instance `risk,factors`.
    /// Without it all but the last three.
    #[arg(long, value_name = "BLOCKS", value_delimiter = ',', value_parser = block)]
    include: Vec<ReportBlock>,
    /// Also compare the book with crowds: the names that managers hold (form 13F) and those most
    /// shorted, and say how long it takes to leave together with them.
    #[arg(long, requires = "book")]
    crowding: bool,
    /// Also say the risk of the book under this factor model: `time-series`, `cross-section`, or the
    /// name of a vendor's whose files were loaded. Up to four, repeated; the first is compared with each
    /// other one by name.
    #[arg(long = "risk-model", value_name = "NAME", requires = "book")]
    risk_models: Vec<String>,
    /// Also say the book's volatility under this covariance of its names: `sample`, `single-factor`,
    /// `constant-correlation`, `identity` or `oracle-approximating`, each beside the models. Repeated.
    #[arg(long = "covariance", value_name = "ESTIMATOR", requires = "book", value_parser = estimator)]
    covariances: Vec<CovarianceEstimator>,
    /// Also measure the betas to these factors, all estimated together: MARKET, SIZE, CROWD, MEGACAP,
    /// MOMENTUM, VALUE, MOST_SHORTED, RATES, CREDIT, or a series of your own as `NAME=SYMBOL`, or
    /// `NAME=SYMBOL:LESS` for the difference of two; for instance `MARKET,VALUE,BIOTECH=XBI:SPY`. Up to
    /// eight.
    #[arg(long, value_name = "FACTORS", value_delimiter = ',', requires = "book")]
    factors: Vec<String>,
    /// Also compute the risk again without this line, by its position_id or its path such as
    /// `portfolio.positions[3]`. Up to eight, repeated.
    #[arg(long, value_name = "POSITION_ID", requires = "book")]
    incremental: Vec<String>,
    /// Repeat this past session on today's positions. Up to four.
    #[arg(long, value_name = "DATE")]
    repeat_on: Vec<String>,
    /// Report this trade: an id of the settings, or a JSON file with a TradeDefinition of the contract
    /// (its name ends with `.json`). Up to four; without it megacap_small_cap.
    #[arg(long = "trade", value_name = "FILE.json|ID")]
    trades: Vec<String>,
    /// Number of positions to list, largest first; without it 10.
    #[arg(long, value_parser = clap::value_parser!(i32).range(0..=10_000))]
    top: Option<i32>,
    /// Group the book by `size`, `sector` or `label:KEY`, a label of its lines such as
    /// `label:account`; repeatable. Without it by size and sector.
    #[arg(long, value_name = "GROUPS", value_parser = group_by)]
    group_by: Vec<GroupBy>,
    #[command(flatten)]
    netting: NettingArguments,
    #[command(flatten)]
    look_through: LookThroughArguments,
    /// The classification scheme of sectors, for instance `GICS`. Without it the one with sectors
    /// for the most names.
    #[arg(long, value_name = "SCHEME")]
    classification: Option<String>,
    #[command(flatten)]
    history: BookHistoryArguments,
    #[command(flatten)]
    risk: MeasureArguments,
    #[command(flatten)]
    gaps: GapArguments,
    #[command(flatten)]
    report: ReportArguments,
}

/// Reads the name of a block.
pub(crate) fn block(text: &str) -> Result<ReportBlock, String> {
    let name = format!("REPORT_BLOCK_{}", text.to_ascii_uppercase());
    let known =
        ReportBlock::from_str_name(&name).filter(|block| *block != ReportBlock::Unspecified);
    known.ok_or_else(|| {
        "must be breakdowns, factors, trades, risk, profit_and_loss, concentration, positions, \
         crowding, risk_model or factor_betas"
            .to_owned()
    })
}

/// Asks for a block besides those asked for, or besides those of a request that names none.
fn add_block(include: &mut Vec<ReportBlock>, block: ReportBlock) {
    if include.is_empty() {
        include.extend([
            ReportBlock::Breakdowns,
            ReportBlock::Factors,
            ReportBlock::Trades,
            ReportBlock::Risk,
            ReportBlock::ProfitAndLoss,
            ReportBlock::Concentration,
            ReportBlock::Positions,
        ]);
    }
    if !include.contains(&block) {
        include.push(block);
    }
}

/// Reads an estimator of a covariance.
fn estimator(text: &str) -> Result<CovarianceEstimator, String> {
    let name = format!("COVARIANCE_ESTIMATOR_{}", text.to_ascii_uppercase().replace('-', "_"));
    let known = CovarianceEstimator::from_str_name(&name);
    known.filter(|known| *known != CovarianceEstimator::Unspecified).ok_or_else(|| {
        "must be sample, single-factor, constant-correlation, identity or oracle-approximating"
            .to_owned()
    })
}

/// The factor models of these names, and covariances.
fn risk_model(names: &[String], covariances: &[CovarianceEstimator]) -> Option<RiskModelSettings> {
    let model = |name: &String| match name.as_str() {
        "time-series" => Model::Kind(RiskModelKind::TimeSeries.into()),
        "cross-section" => Model::Kind(RiskModelKind::CrossSection.into()),
        name => Model::VendorModelId(name.to_owned()),
    };
    let choice = |name: &String| RiskModelChoice { model: Some(model(name)) };
    let models = names.iter().map(choice).collect();
    let is_asked = !(names.is_empty() && covariances.is_empty());
    let covariances = covariances.iter().map(|estimator| (*estimator).into()).collect();
    is_asked.then_some(RiskModelSettings { models, top_names: None, covariances })
}

/// The factors of these names. What is none of ours, and has no series, is for the server to refuse.
fn factor_betas(names: &[String]) -> Option<FactorBetaSettings> {
    let choice = |name: &String| {
        let (factor_id, series) = name.trim().split_once('=').unwrap_or((name.trim(), ""));
        let (symbol, less) = series.split_once(':').unwrap_or((series, ""));
        let [factor_id, symbol, less_symbol] =
            [factor_id, symbol, less].map(|part| part.trim().to_owned());
        FactorChoice { factor_id, symbol, less_symbol }
    };
    let factors = names.iter().map(choice).collect();
    (!names.is_empty()).then_some(FactorBetaSettings { factors, top_names: None })
}

/// Reads a grouping.
pub(crate) fn group_by(text: &str) -> Result<GroupBy, String> {
    let (kind, key) = match text.split_once(':') {
        None if text == "size" => (GroupByKind::Size, ""),
        None if text == "sector" => (GroupByKind::Sector, ""),
        None if text == "kind" => (GroupByKind::PositionKind, ""),
        Some(("label", key)) if !key.is_empty() => (GroupByKind::Label, key),
        _ => return Err("must be size, sector, kind or label:KEY".to_owned()),
    };
    Ok(GroupBy { kind: kind.into(), label_key: key.to_owned() })
}

/// How much of a portfolio may lack data.
#[derive(Args, Clone, Debug)]
pub(crate) struct GapArguments {
    /// Exit with code 6, after printing the answer, if in some aspect of the coverage more than this
    /// share of gross exposure has no data of its own (0.05 is 5 %).
    #[arg(long, value_name = "SHARE", value_parser = share)]
    fail_on_gaps: Option<f64>,
}

fn share(text: &str) -> Result<f64, String> {
    let share = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| "must be a share from 0 to 1".to_owned())
}

impl GapArguments {
    /// Fails if less of the portfolio is covered than the caller requires.
    pub(crate) fn check(&self, coverage: &[Coverage]) -> Result<()> {
        // Not 1 - own, which rounding leaves above 0.
        let lacking = coverage.iter().map(|row| row.proxied + row.missing).fold(0.0, f64::max);
        match self.fail_on_gaps {
            Some(most) if most < lacking => Err(Fault::Incomplete { lacking, most }.into()),
            _ => Ok(()),
        }
    }
}

/// Analyses a portfolio.
///
/// # Errors
/// If the file is not a portfolio, or the server rejects the request.
pub(crate) async fn exposure(
    arguments: &ExposureArguments,
    connection: &Connection,
    output: Output<'_>,
) -> Result<()> {
    arguments.report.check()?;
    let mut include = arguments.history.blocks(&arguments.include);
    if arguments.crowding {
        add_block(&mut include, ReportBlock::Crowding);
    }
    let risk_model = risk_model(&arguments.risk_models, &arguments.covariances);
    if risk_model.is_some() {
        add_block(&mut include, ReportBlock::RiskModel);
    }
    let factor_betas = factor_betas(&arguments.factors);
    if factor_betas.is_some() {
        add_block(&mut include, ReportBlock::FactorBetas);
    }
    let request = AnalyzePortfolioRequest {
        as_of: arguments.reference.of(arguments.as_of.to_proto()?),
        portfolio: Some(book::read(&arguments.book).await?),
        settings: settings(arguments),
        include: include.iter().map(|block| (*block).into()).collect(),
        risk_measures: arguments.risk.shown_by(&include, &arguments.group_by),
        repeat_on: arguments.repeat_on.clone(),
        top_positions: arguments.top,
        group_by: arguments.group_by.clone(),
        trades: trades(&arguments.trades).await?,
        crowding: None,
        risk_model,
        incremental_position_ids: arguments.incremental.clone(),
        factor_betas,
    };
    if arguments.history.history {
        arguments.report.refuse("a history")?;
        return book_history(&arguments.history, request, connection, output).await;
    }
    let clients = connection.open().await?;
    let answer = clients.exposure().analyze_portfolio(connection.request(request.clone())).await?;
    let (answer, analysed) = (answer.into_inner(), request);
    let is_read = (!output.json && output.csv.is_none()) || arguments.report.is_asked();
    let pnl = match is_read && arguments.include.is_empty() {
        true => Some(last_session(&answer, analysed, connection, &clients).await),
        false => None,
    };
    let page = |terminal| show::exposure::with_pnl(&answer, pnl.as_ref(), terminal);
    terminal::say(&output.text("AnalyzePortfolioResponse", &answer, page)?);
    let book = book::name(&arguments.book.book);
    arguments.report.write(|| report::exposure::document(&book, &answer, pnl.as_ref()))?;
    arguments.gaps.check(show::evidence::coverage_of(answer.info.as_ref()))
}

/// The P&L of the last session, from the data of an analysis. It shows no sectors, so that a scheme
/// that had none the day before does not matter.
async fn last_session(
    answer: &AnalyzePortfolioResponse,
    analysed: AnalyzePortfolioRequest,
    connection: &Connection,
    clients: &Clients,
) -> Result<ExplainPnlResponse, Status> {
    let snapshot = answer.info.as_ref().and_then(|info| info.snapshot.clone());
    let settings = analysed
        .settings
        .map(|settings| AnalysisSettings { classification_scheme_id: String::new(), ..settings });
    let request = ExplainPnlRequest {
        as_of: Some(AsOf { when: snapshot.map(When::Snapshot), ..AsOf::default() }),
        portfolio: analysed.portfolio,
        settings,
        trades: analysed.trades,
        top_names: Some(5),
        ..ExplainPnlRequest::default()
    };
    Ok(clients.exposure().explain_pnl(connection.request(request)).await?.into_inner())
}

/// The settings of the arguments. Absent if nothing was asked for.
fn settings(arguments: &ExposureArguments) -> Option<AnalysisSettings> {
    let settings = arguments.look_through.added_to(arguments.netting.to_proto());
    let Some(scheme) = &arguments.classification else { return settings };
    Some(AnalysisSettings {
        classification_scheme_id: scheme.clone(),
        ..settings.unwrap_or_default()
    })
}

/// The trades of the arguments.
pub(crate) async fn trades(arguments: &[String]) -> Result<Vec<TradeSelection>> {
    let mut trades = Vec::new();
    for text in arguments {
        trades.push(trade(text).await?);
    }
    Ok(trades)
}

/// A trade of the settings, or one defined in a file.
///
/// # Errors
/// If the file cannot be read or is no definition.
pub(crate) async fn trade(text: &str) -> Result<TradeSelection> {
    let trade = match text.ends_with(".json") {
        true => Trade::Definition(definition(text).await?),
        false => Trade::TradeId(text.to_owned()),
    };
    Ok(TradeSelection { trade: Some(trade) })
}

async fn definition(path: &str) -> Result<TradeDefinition> {
    let fault = |error: &dyn std::fmt::Display| Fault::Input(format!("{path}: {error}"));
    let text = tokio::fs::read_to_string(path).await.map_err(|error| fault(&error))?;
    Ok(json::read("TradeDefinition", &text).map_err(|error| fault(&error))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors_may_be_separated_by_blanks() {
        let names = ["MARKET", " SIZE", " BIOTECH = XBI : SPY "].map(str::to_owned);
        let found = factor_betas(&names).unwrap().factors;
        let found: Vec<[&str; 3]> =
            found.iter().map(|one| [&*one.factor_id, &*one.symbol, &*one.less_symbol]).collect();
        assert_eq!(found, [["MARKET", "", ""], ["SIZE", "", ""], ["BIOTECH", "XBI", "SPY"]]);
    }

    #[test]
    fn what_rounding_takes_from_the_own_share_is_not_a_gap() {
        let fails = |most: f64, [own, proxied, missing]: [f64; 3]| {
            let row = Coverage { own, proxied, missing, ..Coverage::default() };
            GapArguments { fail_on_gaps: Some(most) }.check(&[row]).is_err()
        };
        // Nothing is missing of 1 - 2^-53 and of 0.7 + 0.1, whose rest of 1 is not 0 and not 0.2.
        assert!(!fails(0.0, [1.0 - f64::EPSILON / 2.0, 0.0, 0.0]));
        assert!(!fails(0.2, [0.7 + 0.1, 0.2, 0.0]));
        assert!(fails(0.0, [0.99, 0.01, 0.0]) && fails(0.0, [0.99, 0.0, 0.01]));
        assert!(GapArguments { fail_on_gaps: None }.check(&[]).is_ok());
    }
}
