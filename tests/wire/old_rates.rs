//! Exchange rates that are carried inside a window, over the wire: the gap is about the days that an
//! answer uses, and not about the close of the as-of date.

use crate::{
    harness::{Harness, gaps, header, held, on},
    portfolio::of,
};
use contract::v1::{
    self, GapReason, exposure_service_client::ExposureServiceClient, position::Size,
    stress_service_client::StressServiceClient,
};
use marketdata::{calendar, day::Day};
use std::fmt::Write as _;

const TODAY: &str = "2021-01-27";
const SESSIONS: i32 = 300;
/// Sessions back without a rate of their own: from 2021-01-12 to 2021-01-15, both included.
const WITHOUT: std::ops::RangeInclusive<i32> = 7..=10;

fn session(back: i32) -> Day {
    calendar::plus_sessions(Day::parse_iso(TODAY).unwrap(), -back)
}

/// SAP in euros and SPY in dollars, which move by up to 2 % a session; a rate of every session but four.
async fn market() -> (Harness, tonic::transport::Channel) {
    let mut prices = String::from("Ticker,Date,Open,High,Low,Close,Volume\n");
    let mut rates = String::from("series,date,value\n");
    let mut close = 100.0;
    for back in (0..SESSIONS).rev() {
        let day = session(back);
        close *= 1.0 + f64::from(back * 7 % 5 - 2) / 100.0;
        for name in ["SPY", "IWM", "SAP"] {
            writeln!(prices, "{name},{day},{close},{close},{close},{close},1000000").unwrap();
        }
        if !WITHOUT.contains(&back) {
            writeln!(rates, "EURUSD,{day},{}", 1.1 + 0.01 * f64::from(back * 7 % 11)).unwrap();
        }
    }
    let harness = Harness::at("2021-02-01T12:00:00Z").await;
    let raw = v1::IngestHeader { price_basis: v1::PriceBasis::Raw.into(), ..header("prices.csv") };
    harness.try_ingest(raw, prices.as_bytes()).await.unwrap();
    let master = "symbol,isin,currency\nSAP,,EUR\n";
    for (name, text) in [("rates.csv", rates.as_str()), ("master.csv", master)] {
        let report = harness.try_ingest(header(name), text.as_bytes()).await.unwrap();
        assert_eq!(report.rejected_count, 0, "{name}: {report:?}");
    }
    let channel = harness.channel().await;
    (harness, channel)
}

fn book() -> v1::Portfolio {
    of(vec![held("SAP", Size::Quantity(1_000.0)), held("SPY", Size::Quantity(10.0))])
}

/// What is told of old rates.
fn told(gaps: &[v1::Gap]) -> Vec<String> {
    let old = gaps.iter().filter(|gap| gap.reason() == GapReason::OldRate);
    old.map(|gap| gap.detail.clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pnl_says_which_end_has_an_older_rate() {
    let (_harness, channel) = market().await;
    let mut client = ExposureServiceClient::new(channel);
    let old = session(*WITHOUT.end() + 1).to_string();
    for (start, end, ends) in [(9, 3, "begins"), (12, 8, "ends")] {
        let request = v1::ExplainPnlRequest {
            as_of: on(TODAY),
            portfolio: Some(book()),
            start_on: session(start).to_string(),
            end_on: session(end).to_string(),
            ..v1::ExplainPnlRequest::default()
        };
        let answer = client.explain_pnl(request).await.unwrap().into_inner();
        let told = told(gaps(&answer.info));
        let day = session(if ends == "begins" { start } else { end }).to_string();
        let is_it = |detail: &&String| {
            detail.contains(&day) && detail.contains(ends) && detail.contains(&old)
        };
        assert_eq!(told.iter().filter(is_it).count(), 1, "{told:?}");
    }
    // Both ends have rates of their own: what is between them moves nothing of the P&L.
    let request = v1::ExplainPnlRequest {
        as_of: on(TODAY),
        portfolio: Some(book()),
        start_on: session(12).to_string(),
        end_on: session(3).to_string(),
        ..v1::ExplainPnlRequest::default()
    };
    let answer = client.explain_pnl(request).await.unwrap().into_inner();
    let told = told(gaps(&answer.info));
    assert!(told.iter().all(|detail| !detail.contains("its P&L")), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_says_how_many_closes_have_older_rates() {
    let (_harness, channel) = market().await;
    let replay = |start: i32, end: i32| v1::Scenario {
        happening: Some(v1::scenario::Happening::Replay(v1::ReplayedWindow {
            start_on: session(start).to_string(),
            end_on: session(end).to_string(),
        })),
        ..v1::Scenario::default()
    };
    let request = v1::RunStressRequest {
        as_of: on(TODAY),
        portfolio: Some(book()),
        // The close before the first session is one of its return: 10 and 9, then 7 to 3, then 1.
        scenarios: vec![replay(9, 9), replay(6, 3), replay(1, 0)],
        ..v1::RunStressRequest::default()
    };
    let answer = StressServiceClient::new(channel).run_stress(request).await.unwrap().into_inner();
    let told: Vec<Vec<String>> = answer.results.iter().map(|run| told(&run.gaps)).collect();
    assert!(told[0][0].starts_with("2 of 2 closes"), "{told:?}");
    assert!(told[1][0].starts_with("1 of 5 closes"), "{told:?}");
    assert!(told[2].is_empty(), "{told:?}");
    let gap = answer.results[0].gaps.iter().find(|gap| gap.reason() == GapReason::OldRate).unwrap();
    // 1,000 of SAP and 10 of SPY at one price, SAP's in euros of 1.10 dollars: 1,100 / 1,110.
    assert!((gap.gross_share.unwrap() - 1_100.0 / 1_110.0).abs() < 1e-9, "{gap:?}");
}

/// A book in euros of a line in euros: its own closes are converted at no rate, those of MARKET and SIZE
/// (SPY and IWM, in dollars) are, four of them at old ones.
#[tokio::test(flavor = "multi_thread")]
async fn lines_of_roles_rest_on_old_rates_too() {
    let (_harness, channel) = market().await;
    let portfolio = v1::Portfolio {
        currency: "EUR".to_owned(),
        ..of(vec![held("SAP", Size::Quantity(1_000.0))])
    };
    let analysis = v1::AnalyzePortfolioRequest {
        as_of: on(TODAY),
        portfolio: Some(portfolio),
        ..v1::AnalyzePortfolioRequest::default()
    };
    let answer = ExposureServiceClient::new(channel).analyze_portfolio(analysis).await;
    let answer = answer.unwrap().into_inner();
    let told = told(gaps(&answer.info));
    let [told] = &told[..] else { panic!("{told:?}") };
    assert!(told.starts_with("2 names, up to: 4 of "), "{told}");
}

/// LATE, in euros, is listed on the last day only: betas stand in for it before, and a return by betas is
/// converted at no rate.
#[tokio::test(flavor = "multi_thread")]
async fn a_replay_by_betas_has_no_old_rates_of_its_own() {
    let (harness, channel) = market().await;
    let prices = format!("Ticker,Date,Open,High,Low,Close,Volume\nLATE,{TODAY},9,9,9,9,1000\n");
    let raw = v1::IngestHeader { price_basis: v1::PriceBasis::Raw.into(), ..header("late.csv") };
    harness.try_ingest(raw, prices.as_bytes()).await.unwrap();
    let master = "symbol,isin,currency\nLATE,,EUR\n";
    harness.try_ingest(header("late_master.csv"), master.as_bytes()).await.unwrap();
    let replayed =
        v1::ReplayedWindow { start_on: session(9).to_string(), end_on: session(9).to_string() };
    let request = v1::RunStressRequest {
        as_of: on(TODAY),
        portfolio: Some(of(vec![
            held("LATE", Size::Quantity(100.0)),
            held("SPY", Size::Quantity(10.0)),
        ])),
        scenarios: vec![v1::Scenario {
            happening: Some(v1::scenario::Happening::Replay(replayed)),
            ..v1::Scenario::default()
        }],
        ..v1::RunStressRequest::default()
    };
    let answer = StressServiceClient::new(channel).run_stress(request).await.unwrap().into_inner();
    assert!(answer.results[0].outcome.is_some(), "{answer:?}");
    assert_eq!(told(&answer.results[0].gaps), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn tails_histories_and_backtests_say_so_of_their_own_days() {
    let (_harness, channel) = market().await;
    let mut client = ExposureServiceClient::new(channel);
    let analysis = v1::AnalyzePortfolioRequest {
        as_of: on(TODAY),
        portfolio: Some(book()),
        repeat_on: vec![session(8).to_string(), session(1).to_string()],
        ..v1::AnalyzePortfolioRequest::default()
    };
    let answer = client.analyze_portfolio(analysis.clone()).await.unwrap().into_inner();
    let details = told(gaps(&answer.info)).join(" | ");
    // The four sessions without a rate are inside the window, and the close of today is not.
    assert!(details.contains("one name: 4 of "), "{details}");
    assert!(details.contains("one name: 2 of 2 closes"), "{details}");
    assert!(!details.contains("the last one known"), "{details}");
    let history = v1::AnalyzePortfolioHistoryRequest {
        analysis: Some(v1::AnalyzePortfolioRequest { repeat_on: Vec::new(), ..analysis }),
        start_on: session(8).to_string(),
        end_on: session(8).to_string(),
        vintage: v1::HistoryVintage::AsPublished.into(),
        ..v1::AnalyzePortfolioHistoryRequest::default()
    };
    let history = client.analyze_portfolio_history(history).await.unwrap().into_inner();
    let point = history.points[0].answer.as_ref().unwrap();
    let details = told(gaps(&point.info)).join(" | ");
    let close = format!("the close of {} is converted", session(8));
    assert!(details.contains(&close), "{details}");
    let backtest = v1::BacktestRiskRequest {
        as_of: on(TODAY),
        portfolio: Some(book()),
        start_on: session(12).to_string(),
        ..v1::BacktestRiskRequest::default()
    };
    let answer = client.backtest_risk(backtest).await.unwrap().into_inner();
    let details = told(gaps(&answer.info)).join(" | ");
    // Four sessions that end with such a close, and one that begins with one.
    assert!(details.contains("on 5 of 13 sessions"), "{details}");
}
