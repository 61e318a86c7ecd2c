//! The answers of every method at a reference, to compare their bytes.

use crate::{
    drawn_files::{ELDERS, ISINS, MEGACAPS},
    harness::{held, named},
    risk_measures,
    squeeze_simulation::crowd,
    stress,
};
use contract::v1::{
    self, exposure_service_client::ExposureServiceClient, hedge_service_client::HedgeServiceClient,
    rotation_service_client::RotationServiceClient, squeeze_service_client::SqueezeServiceClient,
    stress_service_client::StressServiceClient,
};
use prost::Message;
use std::fmt::Debug;
use tonic::{Response, Status, transport::Channel};

/// The answer of one call, and its text for failure messages.
pub(crate) struct CallResult {
    pub(crate) call: &'static str,
    pub(crate) bytes: Vec<u8>,
    pub(crate) text: String,
}

fn call_result<T: Message + Debug>(
    call: &'static str,
    answer: Result<Response<T>, Status>,
) -> CallResult {
    match answer {
        Ok(answer) => {
            let answer = answer.into_inner();
            CallResult { call, bytes: answer.encode_to_vec(), text: format!("{answer:#?}") }
        }
        Err(status) => {
            let text = format!("{:?} {}", status.code(), status.message());
            CallResult { call, bytes: [text.as_bytes(), status.details()].concat(), text }
        }
    }
}

fn portfolio() -> Option<v1::Portfolio> {
    use v1::position::Size::{MarketValue, Quantity};
    // Names with long histories are 97 % of the book, so its sessions count as its own although
    // young names lack returns.
    let young = [
        ("META", MarketValue(9e4)),
        ("FB", MarketValue(4e4)),
        ("GOOGL", MarketValue(5e4)),
        ("BRKB", MarketValue(3e4)),
        ("AAA", Quantity(-300.0)),
        ("DDD", Quantity(-80.0)),
        ("NEWA", MarketValue(-3e4)),
        ("NOBODY", MarketValue(1e5)),
        ("IWM", Quantity(-9_000.0)),
    ];
    let elders = ELDERS.iter().enumerate().map(|(at, name)| match at {
        0 => (*name, Quantity(10_000.0)),
        _ if at < MEGACAPS => (*name, MarketValue(2e6)),
        _ => (*name, MarketValue(-3e5 - 1e4 * at as f64)),
    });
    let positions = young.into_iter().chain(elders).map(|(symbol, size)| held(symbol, size));
    // Shares without a price are left out, so that unresolved ones change no sum.
    let identified = ISINS.iter().map(|isin| v1::Position {
        instrument: Some(v1::InstrumentRef {
            isin: (*isin).to_owned(),
            ..v1::InstrumentRef::default()
        }),
        ..held("", Quantity(-50.0))
    });
    let positions = positions.chain(identified).collect();
    Some(v1::Portfolio { positions, ..v1::Portfolio::default() })
}

/// The answers of every method at a reference.
pub(crate) async fn answers(channel: &Channel, as_of: &Option<v1::AsOf>) -> Vec<CallResult> {
    let mut all = facts(channel, as_of).await;
    all.extend(analyses(channel, as_of).await);
    all.extend(histories(channel, as_of).await);
    all
}

async fn facts(channel: &Channel, as_of: &Option<v1::AsOf>) -> Vec<CallResult> {
    use v1::market_data_service_client::MarketDataServiceClient;
    let as_of = as_of.clone();
    let mut client = MarketDataServiceClient::new(channel.clone());
    let coverage = v1::ListDatasetsRequest { as_of: as_of.clone() };
    let revisions =
        v1::ListRevisionsRequest { as_of: as_of.clone(), page_size: 3, ..Default::default() };
    let mut all = vec![
        call_result("ListDatasets", client.list_datasets(coverage).await),
        call_result("ListRevisions", client.list_revisions(revisions).await),
    ];
    let mut list =
        v1::ListInstrumentsRequest { as_of: as_of.clone(), page_size: 5, ..Default::default() };
    for _page in 0..3 {
        let answer = client.list_instruments(list.clone()).await;
        if let Ok(answer) = &answer {
            answer.get_ref().next_page_token.clone_into(&mut list.page_token);
        }
        all.push(call_result("ListInstruments", answer));
    }
    let (latest, published) = (v1::HistoryVintage::Latest, v1::HistoryVintage::AsPublished);
    for (dataset, symbol, vintage) in [
        (v1::Dataset::Bars, "META", latest),
        (v1::Dataset::Bars, "META", published),
        (v1::Dataset::Bars, "AAA", latest),
        (v1::Dataset::ShortInterest, "BBB", latest),
        (v1::Dataset::ShortInterest, "BBB", published),
        (v1::Dataset::Listings, "CCC", latest),
        (v1::Dataset::Memberships, "AAPL", latest),
        (v1::Dataset::Splits, "AAA", latest),
    ] {
        let series = v1::GetSeriesRequest {
            as_of: as_of.clone(),
            dataset: dataset.into(),
            instrument: named(symbol),
            page_size: 20,
            vintage: vintage.into(),
            ..Default::default()
        };
        all.push(call_result("GetSeries", client.get_series(series).await));
    }
    all
}

/// A look through funds that keeps lines and funds side by side.
fn through_funds() -> Option<v1::AnalysisSettings> {
    let look_through = Some(v1::LookThrough { view: v1::FundView::Gross.into() });
    Some(v1::AnalysisSettings { look_through, ..v1::AnalysisSettings::default() })
}

async fn analyses(channel: &Channel, as_of: &Option<v1::AsOf>) -> Vec<CallResult> {
    let mut exposure = ExposureServiceClient::new(channel.clone());
    let mut hedge = HedgeServiceClient::new(channel.clone());
    let analysis = v1::AnalyzePortfolioRequest {
        as_of: as_of.clone(),
        portfolio: portfolio(),
        top_positions: Some(10_000),
        ..Default::default()
    };
    let seen = v1::AnalyzePortfolioRequest {
        settings: through_funds(),
        risk_measures: risk_measures::over_several_sessions(),
        ..analysis.clone()
    };
    let crowding = v1::AnalyzePortfolioRequest {
        include: vec![v1::ReportBlock::Crowding.into()],
        top_positions: None,
        risk_measures: Vec::new(),
        ..seen.clone()
    };
    let under = crowding.clone();
    let pnl = v1::ExplainPnlRequest {
        as_of: as_of.clone(),
        portfolio: portfolio(),
        top_names: Some(10_000),
        group_by: [v1::GroupByKind::Size, v1::GroupByKind::Sector]
            .map(|kind| v1::GroupBy { kind: kind.into(), label_key: String::new() })
            .to_vec(),
        ..Default::default()
    };
    let through_time = v1::AnalyzePortfolioHistoryRequest {
        analysis: Some(v1::AnalyzePortfolioRequest {
            include: vec![v1::ReportBlock::Factors.into()],
            ..analysis.clone()
        }),
        vintage: v1::HistoryVintage::AsPublished.into(),
        page_size: 3,
        ..Default::default()
    };
    let factors = v1::ListFactorsRequest { as_of: as_of.clone(), ..Default::default() };
    let members =
        v1::ListTradeMembersRequest { as_of: as_of.clone(), page_size: 2, ..Default::default() };
    let validation = v1::ValidatePortfolioRequest { as_of: as_of.clone(), portfolio: portfolio() };
    let plans =
        v1::PlanHedgeRequest { as_of: as_of.clone(), portfolio: portfolio(), ..Default::default() };
    let mut all = stresses(channel, as_of).await;
    all.extend([
        call_result("PlanHedge", hedge.plan_hedge(plans).await),
        call_result("AnalyzePortfolio", exposure.analyze_portfolio(analysis).await),
        call_result("AnalyzePortfolio, funds", exposure.analyze_portfolio(seen).await),
        call_result("AnalyzePortfolio, crowding", exposure.analyze_portfolio(crowding).await),
        call_result("ValidatePortfolio", exposure.validate_portfolio(validation).await),
        call_result("ExplainPnl", exposure.explain_pnl(pnl).await),
        call_result(
            "AnalyzePortfolioHistory",
            exposure.analyze_portfolio_history(through_time).await,
        ),
        call_result("ListFactors", exposure.list_factors(factors).await),
        call_result("ListTradeMembers", exposure.list_trade_members(members).await),
    ]);
    all.push(Box::pin(under_models(channel, under)).await);
    all.extend(squeezes(channel, as_of).await);
    all
}

/// The analysis of a book under both models of our own.
async fn under_models(channel: &Channel, request: v1::AnalyzePortfolioRequest) -> CallResult {
    let own = |kind: v1::RiskModelKind| v1::RiskModelChoice {
        model: Some(v1::risk_model_choice::Model::Kind(kind.into())),
    };
    let models = [v1::RiskModelKind::TimeSeries, v1::RiskModelKind::CrossSection].map(own).to_vec();
    let request = v1::AnalyzePortfolioRequest {
        include: vec![v1::ReportBlock::RiskModel.into()],
        risk_model: Some(v1::RiskModelSettings {
            models,
            top_names: Some(10_000),
            covariances: (1..=5).collect(),
        }),
        ..request
    };
    let mut client = ExposureServiceClient::new(channel.clone());
    call_result("AnalyzePortfolio, models", client.analyze_portfolio(request).await)
}

async fn squeezes(channel: &Channel, as_of: &Option<v1::AsOf>) -> [CallResult; 4] {
    let mut squeeze = SqueezeServiceClient::new(channel.clone());
    let ranking = v1::RankSqueezeRequest {
        as_of: as_of.clone(),
        min_line_market_cap_usd: Some(0.0),
        min_daily_value_usd: Some(0.0),
        page_size: 2,
        ..Default::default()
    };
    let shorts = v1::AssessShortBookRequest {
        as_of: as_of.clone(),
        portfolio: portfolio(),
        ..Default::default()
    };
    let behind = v1::AssessShortBookRequest {
        settings: through_funds(),
        covering: Some(v1::CoveringTerms::default()),
        ..shorts.clone()
    };
    let simulated = v1::SimulateSqueezeRequest {
        as_of: as_of.clone(),
        portfolio: portfolio(),
        settings: through_funds(),
        crowd: Some(crowd()),
        ..Default::default()
    };
    [
        call_result("RankSqueeze", squeeze.rank_squeeze(ranking).await),
        call_result("AssessShortBook", squeeze.assess_short_book(shorts).await),
        call_result("AssessShortBook, funds", squeeze.assess_short_book(behind).await),
        call_result("SimulateSqueeze", squeeze.simulate_squeeze(simulated).await),
    ]
}

async fn stresses(channel: &Channel, as_of: &Option<v1::AsOf>) -> Vec<CallResult> {
    let mut client = StressServiceClient::new(channel.clone());
    let scenarios = vec![
        stress::replay("2021-01-11", "2021-01-15"),
        stress::squeezed(
            stress::listed("rotation_2024_07_11_twice"),
            v1::short_squeeze::Shorts::CostliestCount(2),
        ),
    ];
    let run = v1::RunStressRequest {
        as_of: as_of.clone(),
        portfolio: portfolio(),
        scenarios,
        top_positions: Some(10_000),
        ..Default::default()
    };
    let loss = v1::FindLikelyLossRequest {
        as_of: as_of.clone(),
        portfolio: portfolio(),
        loss: Some(1e6),
        ..Default::default()
    };
    let list = v1::ListScenariosRequest { as_of: as_of.clone(), ..Default::default() };
    vec![
        call_result("RunStress", client.run_stress(run).await),
        call_result("FindLikelyLoss", client.find_likely_loss(loss).await),
        call_result("ListScenarios", client.list_scenarios(list).await),
    ]
}

async fn histories(channel: &Channel, as_of: &Option<v1::AsOf>) -> Vec<CallResult> {
    use v1::record_variable::Subject;
    let symbol = |symbol| Subject::Instrument(named(symbol).unwrap());
    let mut client = RotationServiceClient::new(channel.clone());
    let rotation = v1::GetRotationRequest { as_of: as_of.clone(), ..Default::default() };
    let list = v1::ListIndicatorsRequest { as_of: as_of.clone() };
    let mut all = vec![
        call_result("GetRotation", client.get_rotation(rotation).await),
        call_result("ListIndicators", client.list_indicators(list).await),
    ];
    for (measure_id, vintage) in [
        ("share_advancing", v1::HistoryVintage::Latest),
        ("advance_decline_line", v1::HistoryVintage::Latest),
        ("size_spread.1d", v1::HistoryVintage::Latest),
        ("size_spread.1d", v1::HistoryVintage::AsPublished),
        ("state", v1::HistoryVintage::Latest),
        ("session_move", v1::HistoryVintage::AsPublished),
    ] {
        let history = v1::GetIndicatorHistoryRequest {
            as_of: as_of.clone(),
            measure_id: measure_id.to_owned(),
            page_size: 10,
            vintage: vintage.into(),
            ..Default::default()
        };
        all.push(call_result("GetIndicatorHistory", client.get_indicator_history(history).await));
    }
    for (subject, transform) in [
        (symbol("META"), v1::RecordTransform::ChangeRelative),
        (symbol("AAA"), v1::RecordTransform::ChangeValueUsd),
        (symbol("AAA"), v1::RecordTransform::Level),
        (Subject::MeasureId("share_advancing".to_owned()), v1::RecordTransform::Level),
    ] {
        let variable = v1::RecordVariable {
            subject: Some(subject),
            transform: transform.into(),
            horizon_sessions: None,
        };
        let records = v1::QueryRecordsRequest {
            as_of: as_of.clone(),
            variable: Some(variable),
            ..Default::default()
        };
        all.push(call_result("QueryRecords", client.query_records(records).await));
    }
    all
}

/// Whether an analysis has all estimates from history: fitted betas, the book's own beta to the
/// crowd with its unwinds, and returns drawn from peers.
pub(crate) fn is_rich(result: &CallResult) -> bool {
    let Ok(answer) = v1::AnalyzePortfolioResponse::decode(&result.bytes[..]) else { return false };
    let report = answer.report.unwrap_or_default();
    let drawn = report.scenario_sets.iter().any(|set| set.draw_count == 32);
    let market =
        report.factors.iter().any(|row| row.factor_id == "MARKET" && row.top_down.is_some());
    let crowded = report.trades.first().is_some_and(|trade| {
        trade.beta.as_ref().is_some_and(|beta| beta.top_down.is_some()) && !trade.unwinds.is_empty()
    });
    result.call == "AnalyzePortfolio" && drawn && market && crowded
}
