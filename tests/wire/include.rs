//! Blocks of a report over the wire: what is asked for has the same bits, and nothing else is there.

use crate::{
    exposure::{TODAY, example, market},
    harness::expect_refusal,
};
use contract::v1::{
    self, AnalyzePortfolioRequest as Asked, CoverageAspect as Aspect, ReportBlock as Block,
    exposure_service_client::ExposureServiceClient,
};
use tonic::{Code, transport::Channel};

const ALL: [Block; 7] = [
    Block::Breakdowns,
    Block::Factors,
    Block::Trades,
    Block::Risk,
    Block::ProfitAndLoss,
    Block::Concentration,
    Block::Positions,
];

fn asked(include: &[Block]) -> Asked {
    let mut asked = Asked { include: include.iter().map(|b| (*b).into()).collect(), ..example() };
    for (at, line) in asked.portfolio.as_mut().unwrap().positions.iter_mut().enumerate() {
        line.average_cost = (at < 2).then_some(90.0);
    }
    asked
}

async fn answered(
    client: &mut ExposureServiceClient<Channel>,
    request: Asked,
) -> v1::AnalyzePortfolioResponse {
    client.analyze_portfolio(request).await.unwrap().into_inner()
}

/// The report of a block alone, cut from the whole one as the contract says.
fn cut(whole: &v1::ExposureReport, block: Block) -> v1::ExposureReport {
    let always = v1::ExposureReport {
        total: whole.total,
        gross_leverage: whole.gross_leverage,
        net_leverage: whole.net_leverage,
        settings: whole.settings.clone(),
        cash: whole.cash,
        currency: whole.currency.clone(),
        included: vec![block.into()],
        ..v1::ExposureReport::default()
    };
    let whole = whole.clone();
    match block {
        Block::Unspecified => always,
        Block::Breakdowns => v1::ExposureReport { breakdowns: whole.breakdowns, ..always },
        Block::Factors => v1::ExposureReport { factors: whole.factors, ..always },
        Block::Trades => {
            v1::ExposureReport { trades: whole.trades, repeats: whole.repeats, ..always }
        }
        Block::Risk => {
            let (mut risk_measures, scenario_sets) = (whole.risk_measures, whole.scenario_sets);
            for measure in &mut risk_measures {
                // By default contributions are those that other blocks of the report show.
                measure.request.as_mut().unwrap().contributions_by.clear();
                measure.levels.iter_mut().for_each(|level| level.trades.clear());
            }
            v1::ExposureReport { risk_measures, scenario_sets, ..always }
        }
        Block::ProfitAndLoss => {
            v1::ExposureReport { profit_and_loss: whole.profit_and_loss, ..always }
        }
        Block::Concentration => v1::ExposureReport { concentration: whole.concentration, ..always },
        Block::Crowding => v1::ExposureReport { crowding: whole.crowding, ..always },
        Block::RiskModel => v1::ExposureReport { risk_model: whole.risk_model, ..always },
        Block::FactorBetas => v1::ExposureReport { factor_betas: whole.factor_betas, ..always },
        Block::Positions => {
            let mut positions = whole.positions;
            for row in &mut positions {
                row.trades.clear();
                row.risk_contributions.clear();
                (row.proxied_sessions, row.profit_and_loss) = (None, None);
            }
            v1::ExposureReport { positions, ..always }
        }
    }
}

fn aspects(answer: &v1::AnalyzePortfolioResponse) -> Vec<Aspect> {
    let coverage = &answer.info.as_ref().unwrap().coverage;
    coverage.iter().map(v1::Coverage::aspect).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_alone_has_the_bits_of_the_whole_report() {
    let (_harness, mut client) = market().await;
    let whole = answered(&mut client, asked(&[])).await;
    let gaps = |answer: &v1::AnalyzePortfolioResponse| answer.info.as_ref().unwrap().gaps.clone();
    let report = whole.report.clone().unwrap();
    assert!(report.profit_and_loss.is_some() && !report.scenario_sets.is_empty());
    let mut union = Vec::new();
    for block in ALL {
        let alone = answered(&mut client, asked(&[block])).await;
        assert_eq!(alone.report.clone().unwrap(), cut(&report, block));
        let own: &[Aspect] = match block {
            Block::Breakdowns | Block::Positions => &[Aspect::Sized, Aspect::Classified],
            Block::Trades => &[Aspect::Sized],
            Block::Risk => &[Aspect::OwnTailHistory],
            _ => &[],
        };
        let mut expected = [&[Aspect::Priced, Aspect::OwnBetas], own].concat();
        expected.sort_unstable();
        assert_eq!(aspects(&alone), expected, "{block:?}");
        union.extend(gaps(&alone));
    }
    // Every gap of the whole is one of a block, or several of them folded into one.
    let parts = |gaps: &[v1::Gap]| {
        let each = |gap: &v1::Gap| {
            let reason = gap.reason;
            gap.subjects.clone().into_iter().map(move |of| format!("{reason} {of:?}"))
        };
        let mut parts: Vec<String> = gaps.iter().flat_map(each).collect();
        parts.sort_unstable();
        parts.dedup();
        parts
    };
    assert_eq!(parts(&gaps(&whole)), parts(&union));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_default_spelled_out_in_any_order_is_the_default() {
    let (_harness, mut client) = market().await;
    let whole = answered(&mut client, asked(&[])).await;
    assert_eq!(whole.report.as_ref().unwrap().included, ALL.map(i32::from));
    let mut reversed = ALL;
    reversed.reverse();
    assert_eq!(answered(&mut client, asked(&reversed)).await, whole);
    let some = answered(&mut client, asked(&[Block::Risk, Block::Factors])).await;
    assert_eq!(answered(&mut client, asked(&[Block::Factors, Block::Risk])).await, some);
    assert_ne!(some.info.unwrap().result_id, whole.info.unwrap().result_id);
}

#[tokio::test(flavor = "multi_thread")]
async fn blocks_are_refused_by_path() {
    let (_harness, mut client) = market().await;
    let include = vec![Block::Risk.into(), 0, 99, Block::Risk.into()];
    // Other fields are not blamed for a list that cannot be read.
    let request = Asked { include, repeat_on: vec![TODAY.to_owned()], ..example() };
    let refusal = client.analyze_portfolio(request).await.unwrap_err();
    let paths = ["include[1]", "include[2]", "include[3]"];
    expect_refusal(&refusal, Code::InvalidArgument, "INVALID_REQUEST", &paths);
    let request = Asked { include: vec![1; 1_000], ..example() };
    let refusal = client.analyze_portfolio(request).await.unwrap_err();
    expect_refusal(&refusal, Code::InvalidArgument, "INVALID_REQUEST", &["include"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_that_only_serve_another_block_are_refused() {
    let (_harness, mut client) = market().await;
    let size = v1::GroupBy { kind: v1::GroupByKind::Size.into(), ..v1::GroupBy::default() };
    let standard = v1::trade_selection::Trade::TradeId("megacap_small_cap".to_owned());
    let split = |kind: v1::RiskSplitKind| v1::RiskSplit { kind: kind.into(), group_by: None };
    let measure = |contributions_by: Vec<v1::RiskSplit>| v1::RiskMeasureRequest {
        measure_id: "a".to_owned(),
        kind: v1::RiskMeasureKind::ExpectedShortfall.into(),
        contributions_by,
        ..v1::RiskMeasureRequest::default()
    };
    let request = Asked {
        risk_measures: vec![measure(Vec::new())],
        repeat_on: vec![TODAY.to_owned()],
        top_positions: Some(10),
        group_by: vec![size],
        trades: vec![v1::TradeSelection { trade: Some(standard) }],
        ..asked(&[Block::Factors])
    };
    let refusal = client.analyze_portfolio(request).await.unwrap_err();
    let paths = ["risk_measures", "repeat_on", "top_positions", "group_by", "trades"];
    expect_refusal(&refusal, Code::InvalidArgument, "INVALID_REQUEST", &paths);
    use v1::RiskSplitKind::{Group, Position, TradeLeg};
    let by = [Position, TradeLeg, Group].map(split).to_vec();
    let request = Asked { risk_measures: vec![measure(by)], ..asked(&[Block::Risk]) };
    let refusal = client.analyze_portfolio(request).await.unwrap_err();
    let paths = [0, 1, 2].map(|at| format!("risk_measures[0].contributions_by[{at}]"));
    let paths = paths.each_ref().map(String::as_str);
    expect_refusal(&refusal, Code::InvalidArgument, "INVALID_REQUEST", &paths);
}
