//! The same facts in another order: internal numbers change, but answers do not.

use crate::{
    harness::{Harness, forget_reference, header, held, named, on, soon},
    risk_models, squeeze_disclosed,
    squeeze_simulation::crowd,
    stress,
};
use contract::v1::{
    self, exposure_service_client::ExposureServiceClient,
    market_data_service_client::MarketDataServiceClient, position::Size,
    rotation_service_client::RotationServiceClient, squeeze_service_client::SqueezeServiceClient,
    stress_service_client::StressServiceClient,
};
use marketdata::dataset::Dataset;
use prost::Message as _;
use simulation::{
    files::{self, SourceFile},
    market::{Market, Parameters},
};
use std::fmt::Write as _;
use tonic::transport::Channel;

const NAMES: usize = 130;

/// Whether only the last hundred sessions of a name are loaded, so that it needs stand-ins.
fn is_young(name: usize) -> bool {
    name % 9 == 4
}

fn market() -> Market {
    Market::new(Parameters { names: NAMES, days: 420, seed: 5 })
}

/// The files of the market without the early prices of young names.
fn all_files(market: &Market) -> Vec<SourceFile> {
    let listed = market.days[market.days.len() - 100].to_string();
    let young = |line: &str| {
        let mut cells = line.split(',');
        let name = cells.next().and_then(|symbol| market.find(symbol));
        name.is_some_and(is_young) && cells.next().is_some_and(|day| day < listed.as_str())
    };
    let mut files = files::all(market);
    files.extend(also_held(market));
    files.push(merges(market));
    files.push(filings(market));
    files.extend(squeeze_disclosed::files(market).into_iter().chain([lending(market)]));
    files.extend(risk_models::files(market));
    for file in files.iter_mut().filter(|file| file.file_name == "simulated_equities.csv") {
        let text = String::from_utf8(std::mem::take(&mut file.bytes)).unwrap();
        let kept = text.lines().filter(|line| !young(line));
        file.bytes = kept.flat_map(|line| [line, "\n"]).collect::<String>().into_bytes();
    }
    files
}

/// Facts with a second instrument, two or three per name and day: holdings of funds and members of
/// another index.
fn also_held(market: &Market) -> Vec<SourceFile> {
    let members = files::all(market).into_iter().find(|file| file.index_id.is_some()).unwrap();
    let mut text = String::from("Ticker,Name,Sector,Asset Class,Market Value,Weight (%),Shares\n");
    for (at, name) in market.names.iter().enumerate().step_by(3) {
        let symbol = &name.symbol;
        writeln!(text, "{symbol},{symbol} INC,Industrials,Equity,1000,{},10", 1 + at % 5).unwrap();
    }
    let holdings = ["MMF", "ZZF", "AAF"].map(|fund| SourceFile {
        file_name: format!("{fund}_holdings.csv"),
        bytes: text.clone().into_bytes(),
        symbol: None,
        index_id: None,
        observed_on: Some(market.days[market.days.len() - 40]),
        adjusted_on: None,
    });
    let other = SourceFile { index_id: Some("A_SECOND_INDEX"), ..members };
    holdings.into_iter().chain([other, master(market)]).collect()
}

/// What three managers held, and the second one once more: names in common and of their own.
fn filings(market: &Market) -> SourceFile {
    let mut text = String::from("manager,symbol,shares,value_usd,period,filed_at\n");
    let reports = [("MC", 2, 15), ("MA", 3, 14), ("MB", 5, 14), ("MA", 7, 16)];
    for (manager, step, filed) in reports {
        for (at, name) in market.names.iter().enumerate().step_by(step) {
            let symbol = &name.symbol;
            let shares = 1_000 * (1 + at % 7);
            writeln!(text, "{manager},{symbol},{shares},1000,2024-03-31,2024-05-{filed}").unwrap();
        }
    }
    SourceFile {
        file_name: "filings.csv".to_owned(),
        bytes: text.into_bytes(),
        symbol: None,
        index_id: None,
        observed_on: None,
        adjusted_on: None,
    }
}

/// What borrowing some names costs, on two days.
fn lending(market: &Market) -> SourceFile {
    let mut text = String::from("symbol,date,utilisation,fee_pct,recall\n");
    for day in &market.days[market.days.len() - 42..market.days.len() - 40] {
        for (at, name) in market.names.iter().enumerate().step_by(4) {
            writeln!(text, "{},{day},0.{},{},{}", name.symbol, 1 + at % 9, at % 30, at % 2)
                .unwrap();
        }
    }
    SourceFile { file_name: "lending.csv".to_owned(), bytes: text.into_bytes(), ..merges(market) }
}

/// A number as a CUSIP: its check digit makes the sum of the digits, every second one doubled, a
/// multiple of ten.
fn cusip(number: usize) -> String {
    let body = format!("{number:08}");
    let digits = body.bytes().map(|byte| usize::from(byte - b'0')).enumerate();
    let doubled = digits.map(|(at, digit)| digit * (1 + at % 2));
    let sum: usize = doubled.map(|digit| digit / 10 + digit % 10).sum();
    format!("{body}{}", (10 - sum % 10) % 10)
}

/// A CUSIP of every name, by the number of the name.
fn master(market: &Market) -> SourceFile {
    let names = market.names.iter().enumerate();
    let rows = names.map(|(at, name)| format!("{},{},XNYS,,\n", name.symbol, cusip(at)));
    let text: String =
        ["symbol,cusip,mic,from,until\n".to_owned()].into_iter().chain(rows).collect();
    SourceFile {
        file_name: "security_master.csv".to_owned(),
        bytes: text.into_bytes(),
        symbol: None,
        index_id: None,
        observed_on: None,
        adjusted_on: None,
    }
}

/// Lines and funds that are the same under another symbol, in a chain and side by side.
fn merges(market: &Market) -> SourceFile {
    let name = |at: usize| &market.names[at].symbol;
    let mut text = format!("survivor,merged\nMMF,ZZF\n{},{}\n", name(17), name(31));
    for (survivor, merged) in [(31, 44), (17, 52), (60, 61), (60, 62)] {
        writeln!(text, "{},{}", name(survivor), name(merged)).unwrap();
    }
    SourceFile {
        file_name: "merges.csv".to_owned(),
        bytes: text.into_bytes(),
        symbol: None,
        index_id: None,
        observed_on: None,
        adjusted_on: None,
    }
}

/// The file with its rows in reverse order below the header.
fn reversed(file: &SourceFile) -> Vec<u8> {
    let text = std::str::from_utf8(&file.bytes).unwrap();
    let above = text.lines().take_while(|line| line.starts_with('#')).count();
    let header = text.lines().nth(above).unwrap();
    let comments: String = text.lines().take(above).flat_map(|line| [line, "\n"]).collect();
    let (_, rows) = text.split_once(header).unwrap();
    let header = format!("{comments}{header}");
    let (header, rows) = (header.as_str(), rows.trim_start());
    let rows = rows.lines().rev();
    std::iter::once(header).chain(rows).flat_map(|line| [line, "\n"]).collect::<String>().into()
}

async fn load(files: &[SourceFile]) -> Harness {
    let harness = Harness::at("2024-08-01T12:00:00Z").await;
    for file in files {
        let header = v1::IngestHeader {
            symbol: file.symbol.clone().unwrap_or_default(),
            index_id: file.index_id.unwrap_or_default().to_owned(),
            observed_on: file.observed_on.map(|day| day.to_string()).unwrap_or_default(),
            adjusted_on: file.adjusted_on.map(|day| day.to_string()).unwrap_or_default(),
            ..header(&file.file_name)
        };
        harness.try_ingest(header, &file.bytes).await.unwrap();
    }
    calibrate(harness.channel().await).await;
    harness
}

/// Stores a model; its evidence is compared with the other datasets.
async fn calibrate(channel: Channel) {
    let request = v1::CalibrateSqueezeRequest {
        request_id: "calibration".to_owned(),
        as_of: as_of(),
        session_count: Some(40),
        ..v1::CalibrateSqueezeRequest::default()
    };
    let answer = SqueezeServiceClient::new(channel).calibrate_squeeze(request).await.unwrap();
    let mut messages = answer.into_inner();
    while soon("progress", messages.message()).await.unwrap().is_some() {}
}

/// Long the larger half and short the smaller, with young names on both sides. Every amount occurs
/// once, except for two equal ones that only their names can order.
fn book(market: &Market) -> Option<v1::Portfolio> {
    let line = |at: usize| {
        let value = 1e5 + 777.0 * (at / 2) as f64;
        let value = if at < NAMES / 2 { value } else { -value };
        let line = held(&market.names[at].symbol, Size::MarketValue(value));
        if !at.is_multiple_of(3) {
            return line;
        }
        let cusip = v1::InstrumentRef { cusip: cusip(at), ..v1::InstrumentRef::default() };
        v1::Position { instrument: Some(cusip), ..line }
    };
    let positions = (0..NAMES).step_by(2).chain((0..NAMES).filter(|at| is_young(*at))).map(line);
    Some(v1::Portfolio { positions: positions.collect(), ..v1::Portfolio::default() })
}

/// The call, and the bytes of its answer without the reference and the result id.
type NamedAnswer = (String, Vec<u8>);

/// Waits for an answer, clears the reference and the result id, and keeps its bytes.
macro_rules! named_answer {
    ($all:expr, $call:expr, $answer:expr) => {{
        let call: String = $call.into();
        let answer = $answer.await.unwrap_or_else(|status| panic!("{call}: {status:?}"));
        let mut answer = answer.into_inner();
        forget_reference(&mut answer.info);
        $all.push((call, answer.encode_to_vec()));
        answer
    }};
}

fn as_of() -> Option<v1::AsOf> {
    on("2024-07-12")
}

/// Answers of every reading method except ListRevisions, which lists in the order of ingest.
async fn answers(harness: &Harness, portfolio: Option<v1::Portfolio>) -> Vec<NamedAnswer> {
    let channel = harness.channel().await;
    let mut all = analyses(&channel, portfolio).await;
    all.extend(indicators(&channel).await);
    all.extend(facts(&channel).await);
    all
}

/// What changed between two days; the reference of the earlier one depends on the order of ingest.
async fn change(channel: &Channel, portfolio: Option<v1::Portfolio>) -> NamedAnswer {
    let request = v1::ExplainChangeRequest {
        analysis: Some(v1::AnalyzePortfolioRequest {
            as_of: as_of(),
            portfolio,
            top_positions: Some(10_000),
            ..v1::AnalyzePortfolioRequest::default()
        }),
        before_as_of: on("2024-07-01"),
        ..v1::ExplainChangeRequest::default()
    };
    let mut client = ExposureServiceClient::new(channel.clone());
    let mut answer = Box::pin(client.explain_change(request)).await.unwrap().into_inner();
    forget_reference(&mut answer.info);
    answer.before_snapshot = None;
    ("ExplainChange".to_owned(), answer.encode_to_vec())
}

async fn analyses(channel: &Channel, portfolio: Option<v1::Portfolio>) -> Vec<NamedAnswer> {
    let mut all = Vec::new();
    let mut client = ExposureServiceClient::new(channel.clone());
    let request = v1::AnalyzePortfolioRequest {
        as_of: as_of(),
        portfolio: portfolio.clone(),
        top_positions: Some(10_000),
        repeat_on: vec!["2024-07-11".to_owned()],
        ..v1::AnalyzePortfolioRequest::default()
    };
    let crowding = v1::AnalyzePortfolioRequest {
        include: vec![v1::ReportBlock::Crowding.into()],
        top_positions: None,
        repeat_on: Vec::new(),
        ..request.clone()
    };
    let models = risk_models::side_by_side(crowding.clone());
    named_answer!(all, "AnalyzePortfolio, models", client.analyze_portfolio(models));
    named_answer!(all, "AnalyzePortfolio", client.analyze_portfolio(request));
    named_answer!(all, "AnalyzePortfolio, crowding", client.analyze_portfolio(crowding));
    let request = v1::BacktestRiskRequest {
        as_of: as_of(),
        portfolio: portfolio.clone(),
        start_on: "2024-07-05".to_owned(),
        ..v1::BacktestRiskRequest::default()
    };
    named_answer!(all, "BacktestRisk", client.backtest_risk(request));
    let request = v1::ValidatePortfolioRequest { as_of: as_of(), portfolio: portfolio.clone() };
    named_answer!(all, "ValidatePortfolio", client.validate_portfolio(request));
    let request = v1::ExplainPnlRequest {
        as_of: as_of(),
        portfolio: portfolio.clone(),
        start_on: "2024-07-01".to_owned(),
        top_names: Some(10_000),
        group_by: [v1::GroupByKind::Size, v1::GroupByKind::Sector]
            .map(|kind| v1::GroupBy { kind: kind.into(), label_key: String::new() })
            .to_vec(),
        ..v1::ExplainPnlRequest::default()
    };
    named_answer!(all, "ExplainPnl", client.explain_pnl(request));
    all.push(change(channel, portfolio.clone()).await);
    let request = v1::ListFactorsRequest { as_of: as_of(), ..Default::default() };
    named_answer!(all, "ListFactors", client.list_factors(request));
    let request = v1::ListTradeMembersRequest { as_of: as_of(), ..Default::default() };
    named_answer!(all, "ListTradeMembers", client.list_trade_members(request));
    let mut client = SqueezeServiceClient::new(channel.clone());
    let request = v1::GetCalibrationRequest { as_of: as_of() };
    named_answer!(all, "GetCalibration", client.get_calibration(request));
    let request = v1::RankSqueezeRequest { as_of: as_of(), page_size: 500, ..Default::default() };
    named_answer!(all, "RankSqueeze", client.rank_squeeze(request));
    let request = v1::AssessShortBookRequest {
        as_of: as_of(),
        portfolio: portfolio.clone(),
        covering: Some(v1::CoveringTerms::default()),
        ..v1::AssessShortBookRequest::default()
    };
    named_answer!(all, "AssessShortBook", client.assess_short_book(request));
    let request = v1::SimulateSqueezeRequest {
        as_of: as_of(),
        portfolio: portfolio.clone(),
        crowd: Some(crowd()),
        ..v1::SimulateSqueezeRequest::default()
    };
    named_answer!(all, "SimulateSqueeze", client.simulate_squeeze(request));
    all.extend(stresses(channel, portfolio).await);
    all
}

async fn stresses(channel: &Channel, portfolio: Option<v1::Portfolio>) -> Vec<NamedAnswer> {
    let mut all = Vec::new();
    let mut client = StressServiceClient::new(channel.clone());
    let costliest = v1::short_squeeze::Shorts::CostliestCount(5);
    let twice = stress::squeezed(stress::listed("rotation_2024_07_11_twice"), costliest);
    let request = v1::RunStressRequest {
        as_of: as_of(),
        portfolio: portfolio.clone(),
        scenarios: vec![stress::replay("2024-07-01", "2024-07-11"), twice],
        top_positions: Some(10_000),
        ..v1::RunStressRequest::default()
    };
    named_answer!(all, "RunStress", client.run_stress(request));
    let request = v1::FindLikelyLossRequest {
        as_of: as_of(),
        portfolio,
        loss: Some(1e6),
        top_positions: Some(10_000),
        ..v1::FindLikelyLossRequest::default()
    };
    named_answer!(all, "FindLikelyLoss", client.find_likely_loss(request));
    let request = v1::ListScenariosRequest { as_of: as_of(), ..Default::default() };
    named_answer!(all, "ListScenarios", client.list_scenarios(request));
    all
}

async fn indicators(channel: &Channel) -> Vec<NamedAnswer> {
    let mut all = Vec::new();
    let mut client = RotationServiceClient::new(channel.clone());
    let request = v1::GetRotationRequest { as_of: as_of(), ..v1::GetRotationRequest::default() };
    named_answer!(all, "GetRotation", client.get_rotation(request));
    let request = v1::ListIndicatorsRequest { as_of: as_of() };
    named_answer!(all, "ListIndicators", client.list_indicators(request));
    for measure in ["share_advancing", "advance_decline_line", "size_spread.1d"] {
        let request = v1::GetIndicatorHistoryRequest {
            as_of: as_of(),
            measure_id: measure.to_owned(),
            ..v1::GetIndicatorHistoryRequest::default()
        };
        let call = format!("GetIndicatorHistory {measure}");
        named_answer!(all, call, client.get_indicator_history(request.clone()));
        let request = v1::GetIndicatorHistoryRequest {
            vintage: v1::HistoryVintage::AsPublished.into(),
            start_on: "2024-07-10".to_owned(),
            ..request
        };
        let call = format!("GetIndicatorHistory {measure} as published");
        named_answer!(all, call, client.get_indicator_history(request));
        let subject = Some(v1::record_variable::Subject::MeasureId(measure.to_owned()));
        let transform = v1::RecordTransform::Level.into();
        let variable = Some(v1::RecordVariable { subject, transform, horizon_sessions: None });
        let request = v1::QueryRecordsRequest {
            as_of: as_of(),
            variable,
            ..v1::QueryRecordsRequest::default()
        };
        named_answer!(all, format!("QueryRecords {measure}"), client.query_records(request));
    }
    all
}

async fn facts(channel: &Channel) -> Vec<NamedAnswer> {
    let mut all = Vec::new();
    let mut client = MarketDataServiceClient::new(channel.clone());
    let request = v1::ListDatasetsRequest { as_of: as_of() };
    let coverage = named_answer!(all, "ListDatasets", client.list_datasets(request));
    assert_eq!(coverage.datasets.len(), Dataset::ALL.len(), "every dataset is compared");
    list(&mut client, 0, &mut all).await;
    for dataset in coverage.datasets.iter().map(|coverage| coverage.dataset) {
        let symbols = list(&mut client, dataset, &mut all).await;
        for symbol in symbols.into_iter().step_by(11) {
            history(&mut client, dataset, symbol, &mut all).await;
        }
    }
    all
}

/// Requests all pages of the instruments of a dataset; returns their symbols.
async fn list(
    client: &mut MarketDataServiceClient<Channel>,
    dataset: i32,
    all: &mut Vec<NamedAnswer>,
) -> Vec<String> {
    let mut request = v1::ListInstrumentsRequest {
        as_of: as_of(),
        dataset,
        page_size: 7,
        ..v1::ListInstrumentsRequest::default()
    };
    let mut found: Vec<(bool, String)> = Vec::new();
    loop {
        let call = format!("ListInstruments of dataset {dataset} after {}", found.len());
        let answer = client.list_instruments(request.clone()).await;
        let mut page = answer.unwrap_or_else(|status| panic!("{call}: {status:?}")).into_inner();
        forget_reference(&mut page.info);
        let merged = page.instruments.iter_mut().flat_map(|one| &mut one.merged);
        merged.for_each(|merged| merged.since_revision = 0);
        all.push((call, page.encode_to_vec()));
        found.extend(page.instruments.into_iter().map(|one| (is_series(&one), one.symbol)));
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    assert!(found.is_sorted(), "dataset {dataset}: listed by name");
    found.into_iter().map(|(_, symbol)| symbol).collect()
}

/// Whether a name is one of the series, which are listed after the tickers.
fn is_series(one: &v1::Instrument) -> bool {
    !one.symbol.starts_with('^') && one.kind() != v1::InstrumentKind::Listed
}

/// The first pages of a history. Revisions number files in the order of arrival, and are cleared.
async fn history(
    client: &mut MarketDataServiceClient<Channel>,
    dataset: i32,
    symbol: String,
    all: &mut Vec<NamedAnswer>,
) {
    let mut request = v1::GetSeriesRequest {
        as_of: as_of(),
        dataset,
        instrument: named(&symbol),
        page_size: 2,
        ..v1::GetSeriesRequest::default()
    };
    for page in 0..3 {
        let call = format!("GetSeries {} of dataset {dataset}, page {page}", symbol);
        let mut answer = client.get_series(request.clone()).await.unwrap().into_inner();
        forget_reference(&mut answer.info);
        answer.points.iter_mut().for_each(|point| point.revision = 0);
        let keys = answer.points.iter().map(|point| (&point.observed_on, &point.other_symbol));
        assert!(keys.is_sorted(), "{call}: by day, then by name");
        all.push((call, answer.encode_to_vec()));
        request.page_token = answer.next_page_token;
        if request.page_token.is_empty() {
            break;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_order_of_ingest_changes_no_answer() {
    let market = market();
    let forward = all_files(&market);
    // Publication times and splits decide the dates and units of the other files, so they stay
    // first.
    let (first, rest) = forward.split_at(2);
    let backward: Vec<SourceFile> = first
        .iter()
        .chain(rest.iter().rev())
        .map(|file| SourceFile { bytes: reversed(file), ..file.clone() })
        .collect();
    let (one, other) = (load(&forward).await, load(&backward).await);
    let (one, other) = (answers(&one, book(&market)).await, answers(&other, book(&market)).await);
    let calls = |all: &[NamedAnswer]| all.iter().map(|(call, _)| call.clone()).collect::<Vec<_>>();
    assert_eq!(calls(&one), calls(&other));
    for large in ["AnalyzePortfolio", "GetRotation", "RankSqueeze", "AssessShortBook"] {
        let found = one.iter().find(|(call, _)| call == large);
        assert!(
            found.is_some_and(|(_, bytes)| 1_000 < bytes.len()),
            "the answer of {large} has content"
        );
    }
    let pairs = one.iter().zip(&other);
    let differing: Vec<&String> = pairs.filter(|(a, b)| a.1 != b.1).map(|(a, _)| &a.0).collect();
    assert!(differing.is_empty(), "{differing:?} depend on the order of ingest");
}
