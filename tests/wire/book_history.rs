//! AnalyzePortfolioHistory: each point is the answer of a single call, splits change nothing, pages.

use crate::{
    exposure::{TODAY, example, market},
    harness::{Harness, expect_refusal, gaps, header, held, is_about, on, reference},
};
use contract::v1::{self, exposure_service_client::ExposureServiceClient, position::Size};
use marketdata::{calendar, day::Day};
use prost::Message as _;
use std::fmt::Write as _;
use tonic::Code;

fn request(analysis: v1::AnalyzePortfolioRequest) -> v1::AnalyzePortfolioHistoryRequest {
    v1::AnalyzePortfolioHistoryRequest {
        analysis: Some(analysis),
        vintage: v1::HistoryVintage::AsPublished.into(),
        ..v1::AnalyzePortfolioHistoryRequest::default()
    }
}

/// The total and the risk of the example.
fn analysis() -> v1::AnalyzePortfolioRequest {
    let include = [v1::ReportBlock::Trades, v1::ReportBlock::Risk];
    v1::AnalyzePortfolioRequest { include: include.map(i32::from).to_vec(), ..example() }
}

fn total(point: &v1::PortfolioHistoryPoint) -> v1::LongShortExposure {
    point.answer.as_ref().unwrap().report.as_ref().unwrap().total.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_point_is_the_answer_of_a_call_as_of_its_close() {
    let (harness, mut client) = market().await;
    let asked = v1::AnalyzePortfolioHistoryRequest {
        start_on: "2021-01-22".to_owned(),
        ..request(analysis())
    };
    let answer = client.analyze_portfolio_history(asked.clone()).await.unwrap().into_inner();
    let days: Vec<&str> = answer.points.iter().map(|point| point.on.as_str()).collect();
    assert_eq!(days, ["2021-01-22", "2021-01-25", "2021-01-26", TODAY]);
    assert_eq!((answer.total_size, answer.next_page_token.as_str()), (4, ""));
    for point in &answer.points {
        let info = &point.answer.as_ref().unwrap().info;
        assert_eq!(point.known_at, reference(info).as_of, "{}", point.on);
    }
    // Fixed shares: AA is 8m today after -6 %, so it was 8m / 0.94 the day before, and so on.
    let before = total(&answer.points[2]);
    let expected = 8e6 / 0.94 + 4e6 / 0.91;
    assert!((before.long - expected).abs() < 1e-3, "{} {expected}", before.long);
    assert!((total(&answer.points[3]).long - 12e6).abs() < 1e-3);
    // The same shares in a call as of that close, at the same revision.
    let now = client.analyze_portfolio(v1::AnalyzePortfolioRequest {
        include: vec![v1::ReportBlock::Positions.into()],
        ..example()
    });
    let now = now.await.unwrap().into_inner().report.unwrap();
    let quantity = |at: usize| {
        let name = format!("portfolio.positions[{at}]");
        let row = now.positions.iter().rfind(|row| row.lots[0].position_id == name).unwrap();
        row.quantity.unwrap()
    };
    let symbols = ["AA", "BB", "CC", "DD"];
    let positions = symbols.iter().enumerate().map(|(at, symbol)| v1::Position {
        position_id: format!("portfolio.positions[{at}]"),
        kind: v1::PositionKind::Listed.into(),
        ..held(symbol, Size::Quantity(quantity(at)))
    });
    let single = v1::AnalyzePortfolioRequest {
        as_of: Some(v1::AsOf {
            revision: Some(reference(&answer.info).revision),
            ..on("2021-01-25").unwrap()
        }),
        portfolio: Some(v1::Portfolio {
            positions: positions.collect(),
            ..v1::Portfolio::default()
        }),
        ..analysis()
    };
    let single = client.analyze_portfolio(single).await.unwrap().into_inner();
    assert_eq!(single.encode_to_vec(), answer.points[1].answer.as_ref().unwrap().encode_to_vec());
    let mut paged = Vec::new();
    let mut asked = v1::AnalyzePortfolioHistoryRequest { page_size: 3, ..asked };
    loop {
        let page = client.analyze_portfolio_history(asked.clone()).await.unwrap().into_inner();
        paged.extend(page.points);
        asked.page_token = page.next_page_token;
        if asked.page_token.is_empty() {
            break;
        }
    }
    assert_eq!(paged, answer.points);
    harness.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn shares_are_those_of_each_day() {
    let today = Day::parse_iso(TODAY).unwrap();
    let mut prices = String::from("Ticker,Date,Open,High,Low,Close,Adj Close,Volume\n");
    for symbol in ["^GSPC", "AA"] {
        for back in (0..80).rev() {
            // AA splits 4 for 1 on the last session and does not move.
            let close = if symbol == "AA" && back == 0 { 25.0 } else { 100.0 };
            let close = close + if symbol == "AA" { 0.0 } else { f64::from(back % 3) };
            let day = calendar::plus_sessions(today, -back);
            writeln!(prices, "{symbol},{day},{close},{close},{close},{close},{close},1000")
                .unwrap();
        }
    }
    let harness = Harness::at("2021-02-01T12:00:00Z").await;
    let actions = format!("symbol,date,price_factor,share_factor\nAA,{today},4,4\n");
    harness.ingest("corporate_actions.csv", actions.as_bytes()).await;
    let raw =
        v1::IngestHeader { price_basis: v1::PriceBasis::Raw.into(), ..header("us_equities.csv") };
    harness.try_ingest(raw, prices.as_bytes()).await.unwrap();
    let mut client = ExposureServiceClient::new(harness.channel().await);
    // The line left out comes first: the other one keeps its place in the names.
    let positions = vec![held("NOBODY", Size::Quantity(1.0)), held("AA", Size::Quantity(400.0))];
    let analysis = v1::AnalyzePortfolioRequest {
        as_of: on(TODAY),
        portfolio: Some(v1::Portfolio { positions, ..v1::Portfolio::default() }),
        include: vec![v1::ReportBlock::Positions.into()],
        ..v1::AnalyzePortfolioRequest::default()
    };
    let start_on = calendar::plus_sessions(today, -1).to_string();
    let asked = v1::AnalyzePortfolioHistoryRequest { start_on, ..request(analysis) };
    let answer = client.analyze_portfolio_history(asked).await.unwrap().into_inner();
    let held_on = |at: usize| {
        let answer = answer.points[at].answer.as_ref().unwrap();
        let row = &answer.report.as_ref().unwrap().positions[0];
        assert_eq!(row.lots[0].position_id, "portfolio.positions[1]");
        (row.quantity.unwrap(), row.market_value)
    };
    assert_eq!([held_on(0), held_on(1)], [(100.0, 10_000.0), (400.0, 10_000.0)]);
    assert_eq!(answer.unresolved.len(), 1);
    assert!(!gaps(&answer.info).iter().any(|gap| is_about(gap, "portfolio.positions[1]")));
    harness.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_of_a_history_is_named() {
    let (harness, mut client) = market().await;
    let wrong = v1::AnalyzePortfolioRequest {
        as_of: on("2021-02-30"),
        portfolio: None,
        include: vec![99],
        ..v1::AnalyzePortfolioRequest::default()
    };
    let asked = v1::AnalyzePortfolioHistoryRequest {
        start_on: "2021-01-27".to_owned(),
        end_on: "2021-01-26".to_owned(),
        vintage: v1::HistoryVintage::Latest.into(),
        page_size: -1,
        ..request(wrong)
    };
    let refused = client.analyze_portfolio_history(asked).await.unwrap_err();
    let paths = [
        "analysis.as_of.on",
        "analysis.include[0]",
        "analysis.portfolio",
        "end_on",
        "vintage",
        "page_size",
    ];
    expect_refusal(&refused, Code::InvalidArgument, "INVALID_REQUEST", &paths);
    // What is only seen when the lines are joined.
    let mut wrong = analysis();
    wrong.portfolio.as_mut().unwrap().positions[1].size = Some(Size::Quantity(f64::NAN));
    let refused = client.analyze_portfolio_history(request(wrong)).await.unwrap_err();
    let paths = ["analysis.portfolio.positions[1].quantity"];
    expect_refusal(&refused, Code::InvalidArgument, "INVALID_REQUEST", &paths);
    let later = v1::AnalyzePortfolioHistoryRequest {
        start_on: "2030-01-02".to_owned(),
        ..request(analysis())
    };
    let answer = client.analyze_portfolio_history(later).await.unwrap().into_inner();
    assert_eq!((answer.points.len(), answer.total_size), (0, 0), "no session is not a fault");
    let unknown = v1::AnalyzePortfolioHistoryRequest { vintage: 9, ..request(analysis()) };
    let refused = client.analyze_portfolio_history(unknown).await.unwrap_err();
    expect_refusal(&refused, Code::InvalidArgument, "INVALID_REQUEST", &["vintage"]);
    harness.stop().await;
}
