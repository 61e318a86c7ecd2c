//! AnalyzePortfolios: the bytes of single calls, in order; faults of one book; ends of the stream.

use crate::{
    exposure::{example, market, market_with},
    harness::{Harness, expect_refusal, held, reference, replay_of, soon},
    metrics,
    raw::Raw,
};
use contract::v1::{
    self, analyze_portfolios_request::Message, analyze_portfolios_response::Outcome,
    exposure_service_client::ExposureServiceClient, position::Size,
};
use prost::Message as _;
use server::{
    clock::Clock,
    config::Config,
    limits::{self, Limits},
};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_stream::{StreamExt as _, wrappers::UnboundedReceiverStream};
use tonic::{Code, Request, Status, transport::Channel};
use tonic_types::StatusExt as _;

fn setup(analysis: v1::AnalyzePortfolioRequest) -> v1::AnalyzePortfoliosRequest {
    let setup = v1::AnalyzePortfoliosSetup { analysis: Some(analysis) };
    v1::AnalyzePortfoliosRequest { message: Some(Message::Setup(setup)) }
}

fn item(tag: &str, portfolio: Option<v1::Portfolio>) -> v1::AnalyzePortfoliosRequest {
    let request_tag = tag.to_owned();
    let item = v1::AnalyzePortfoliosItem { request_tag, portfolio };
    v1::AnalyzePortfoliosRequest { message: Some(Message::Item(item)) }
}

/// The settings of the example, without its portfolio.
fn analysis() -> v1::AnalyzePortfolioRequest {
    v1::AnalyzePortfolioRequest { portfolio: None, ..example() }
}

/// The example scaled.
fn book(scale: f64) -> Option<v1::Portfolio> {
    let mut portfolio = example().portfolio.unwrap();
    for position in &mut portfolio.positions {
        let Some(Size::MarketValue(value)) = &mut position.size else { panic!("a market value") };
        *value *= scale;
    }
    Some(portfolio)
}

type Outcomes = Vec<v1::AnalyzePortfoliosResponse>;

async fn exchange(
    client: &mut ExposureServiceClient<Channel>,
    messages: Vec<v1::AnalyzePortfoliosRequest>,
) -> Result<(Outcomes, Option<Status>), Status> {
    let mut stream = client.analyze_portfolios(tokio_stream::iter(messages)).await?.into_inner();
    let mut outcomes = Vec::new();
    loop {
        match soon("an outcome", stream.next()).await {
            Some(Ok(outcome)) => outcomes.push(outcome),
            Some(Err(status)) => return Ok((outcomes, Some(status))),
            None => return Ok((outcomes, None)),
        }
    }
}

fn answer(outcome: &v1::AnalyzePortfoliosResponse) -> &v1::AnalyzePortfolioResponse {
    match &outcome.outcome {
        Some(Outcome::Answer(answer)) => answer,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_book_has_the_bytes_of_a_call_of_its_own_in_the_order_sent() {
    let (harness, mut client) = market().await;
    let scales: Vec<f64> = (1..=40).map(f64::from).collect();
    let items = scales.iter().map(|scale| item(&format!("x{scale}"), book(*scale)));
    let messages = std::iter::once(setup(analysis())).chain(items).collect();
    let (outcomes, end) = exchange(&mut client, messages).await.unwrap();
    assert!(end.is_none(), "{end:?}");
    let tags: Vec<&str> = outcomes.iter().map(|outcome| outcome.request_tag.as_str()).collect();
    assert_eq!(tags, scales.iter().map(|scale| format!("x{scale}")).collect::<Vec<_>>());
    for (outcome, scale) in outcomes.iter().zip(scales).step_by(13) {
        let as_of = replay_of(&reference(&answer(outcome).info));
        let single = v1::AnalyzePortfolioRequest { as_of, portfolio: book(scale), ..analysis() };
        let single = client.analyze_portfolio(single).await.unwrap().into_inner();
        assert_eq!(single.encode_to_vec(), answer(outcome).encode_to_vec());
    }
    harness.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_over_the_limit_is_refused_until_another_one_ends() {
    let harness = Harness::with(Clock::system(), |config| config.limits.exchanges = 1).await;
    let mut client = ExposureServiceClient::new(harness.channel().await);
    let (items, received) = mpsc::unbounded_channel();
    items.send(setup(v1::AnalyzePortfolioRequest::default())).unwrap();
    let first = client.analyze_portfolios(UnboundedReceiverStream::new(received)).await.unwrap();
    let another = vec![setup(v1::AnalyzePortfolioRequest::default())];
    let refused = exchange(&mut client, another.clone()).await.unwrap_err();
    expect_refusal(&refused, Code::ResourceExhausted, "OVERLOADED", &[]);
    drop((items, first));
    let free = async {
        while exchange(&mut client, another.clone()).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    soon("the place comes free", free).await;
    harness.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_has_a_share_of_the_streams() {
    let change = |config: &mut Config| config.limits.exchanges_per_caller = 1;
    let harness = Harness::with(Clock::system(), change).await;
    // The share is that of a caller and not of a connection.
    let client = async || ExposureServiceClient::new(harness.channel().await);
    let (items, received) = mpsc::unbounded_channel();
    items.send(setup(v1::AnalyzePortfolioRequest::default())).unwrap();
    let received = UnboundedReceiverStream::new(received);
    let _first = client().await.analyze_portfolios(received).await.unwrap();
    let another = vec![setup(v1::AnalyzePortfolioRequest::default())];
    let refused = exchange(&mut client().await, another).await.unwrap_err();
    expect_refusal(&refused, Code::ResourceExhausted, "OVERLOADED", &[]);
    let quota = refused.get_details_quota_failure().unwrap().violations;
    assert_eq!(quota[0].subject, "limits.exchanges_per_caller");
}

/// A book whose lists and whose answer take as much as one item may.
fn largest_book() -> v1::Portfolio {
    let lists = limits::REQUEST_LIST_BYTES / limits::POSITIONS - size_of::<v1::Position>();
    let labels = vec![v1::Label::default(); lists / size_of::<v1::Label>()];
    let line = v1::Position { labels, ..v1::Position::default() };
    v1::Portfolio { positions: vec![line; limits::POSITIONS], ..v1::Portfolio::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_largest_item_fits_the_least_memory_and_a_refused_one_is_counted() {
    let item_bytes = Limits::standard().largest_item_bytes();
    // A server with less does not start. With four streams and uploads their messages need less.
    let (all, own) = ((8 * item_bytes).div_ceil(3), (4 * item_bytes).div_ceil(3));
    let change = |config: &mut Config| {
        config.limits.exchanges = 4;
        config.limits.request_memory_bytes = all;
        config.limits.request_memory_bytes_per_connection = own;
    };
    let harness = Harness::with(Clock::system(), change).await;
    let mut client = ExposureServiceClient::new(harness.channel().await);
    let large = item("large", Some(largest_book()));
    let messages = vec![setup(v1::AnalyzePortfolioRequest::default()), large, item("none", None)];
    let (outcomes, end) = exchange(&mut client, messages).await.unwrap();
    assert!(end.is_none(), "{end:?}");
    let tags: Vec<&str> = outcomes.iter().map(|outcome| outcome.request_tag.as_str()).collect();
    assert_eq!(tags, ["large", "none"]);
    // It was decoded: its labels are not valid, and the other one has no book.
    for outcome in &outcomes {
        let Some(Outcome::Error(error)) = &outcome.outcome else { panic!("{outcome:?}") };
        assert_eq!(error.code, Code::InvalidArgument as i32, "{}", error.message);
    }
    let values = metrics::values(&harness).await;
    let refused =
        values.iter().filter(|(series, _)| series.starts_with("ballast_items_refused_total{"));
    let refused: Vec<(bool, f64)> =
        refused.map(|(series, count)| (series.contains("INVALID_REQUEST"), *count)).collect();
    assert_eq!(refused, [(true, 2.0)]);
    let of_items = |name: &str| values[&format!("ballast_memory_{name}_bytes{{of=\"items\"}}")];
    assert_eq!((of_items("held"), of_items("limit")), (0.0, (all / 2) as f64));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_book_is_an_outcome_with_its_violations() {
    let (harness, mut client) = market().await;
    let mut wrong = book(1.0);
    wrong.as_mut().unwrap().positions[2] = held("", Size::MarketValue(f64::NAN));
    let messages = vec![
        setup(analysis()),
        item("a", book(1.0)),
        item("b", wrong.clone()),
        item("c", None),
        item("d", book(2.0)),
    ];
    let (outcomes, end) = exchange(&mut client, messages).await.unwrap();
    assert!(end.is_none() && outcomes.len() == 4);
    answer(&outcomes[0]);
    answer(&outcomes[3]);
    let status = |at: usize| match &outcomes[at].outcome {
        Some(Outcome::Error(error)) => {
            let code = Code::from_i32(error.code);
            Status::with_details(code, error.message.clone(), error.encode_to_vec().into())
        }
        other => panic!("{other:?}"),
    };
    let paths = ["portfolio.positions[2].instrument", "portfolio.positions[2].market_value"];
    expect_refusal(&status(1), Code::InvalidArgument, "INVALID_REQUEST", &paths);
    expect_refusal(&status(2), Code::InvalidArgument, "INVALID_REQUEST", &["portfolio"]);
    // The same status as that of a call of its own.
    let single = v1::AnalyzePortfolioRequest { portfolio: wrong, ..example() };
    let single = client.analyze_portfolio(single).await.unwrap_err();
    assert_eq!(single.message(), status(1).message());
    let snapshot = reference(&answer(&outcomes[0]).info);
    for outcome in &outcomes {
        assert_eq!(outcome.snapshot.as_ref(), Some(&snapshot), "{}", outcome.request_tag);
    }
    harness.stop().await;
}

fn by_label(key: &str) -> v1::GroupBy {
    v1::GroupBy { kind: v1::GroupByKind::Label.into(), label_key: key.to_owned() }
}

/// Setups with a fault whatever the labels and lines of a portfolio, and the path of the fault.
fn setups_that_no_portfolio_mends() -> Vec<(v1::AnalyzePortfolioRequest, &'static str)> {
    let groups =
        |group_by: Vec<v1::GroupBy>| v1::AnalyzePortfolioRequest { group_by, ..analysis() };
    let netted = |keys: &[&str]| {
        let label_keys = keys.iter().map(|key| (*key).to_owned()).collect();
        let netting = v1::Netting { level: v1::NettingLevel::Labels.into(), label_keys };
        let settings = v1::AnalysisSettings { netting: Some(netting), ..Default::default() };
        v1::AnalyzePortfolioRequest { settings: Some(settings), ..analysis() }
    };
    let lines = |ids: &[&str]| v1::AnalyzePortfolioRequest {
        incremental_position_ids: ids.iter().map(|id| (*id).to_owned()).collect(),
        include: vec![v1::ReportBlock::Risk.into()],
        ..v1::AnalyzePortfolioRequest::default()
    };
    let by_size = v1::GroupBy { kind: v1::GroupByKind::Size.into(), ..by_label("desk") };
    let long = "x".repeat(65);
    vec![
        (groups(vec![by_label("desk"), by_label("desk")]), "group_by[1]"),
        (groups(vec![by_size]), "group_by[0].label_key"),
        // No line may have such a label.
        (groups(vec![by_label("")]), "group_by[0].label_key"),
        (groups(vec![by_label(&long)]), "group_by[0].label_key"),
        (netted(&["desk", "desk"]), "settings.netting.label_keys[1]"),
        (netted(&[&long]), "settings.netting.label_keys[0]"),
        (lines(&["a", "a"]), "incremental_position_ids[1]"),
        // No line may be called so.
        (lines(&["portfolio.positions[x]"]), "incremental_position_ids[0]"),
    ]
}

/// Setups that name a model or a scheme that no data know, and the reason of the refusal.
fn setups_with_names_that_nothing_has() -> [(v1::AnalyzePortfolioRequest, &'static str); 2] {
    let model = v1::risk_model_choice::Model::VendorModelId("NOBODYS".to_owned());
    let models = vec![v1::RiskModelChoice { model: Some(model) }];
    let risk_model = v1::RiskModelSettings { models, ..v1::RiskModelSettings::default() };
    let settings = v1::AnalysisSettings {
        classification_scheme_id: "NOBODYS".to_owned(),
        ..v1::AnalysisSettings::default()
    };
    [
        (
            v1::AnalyzePortfolioRequest {
                include: vec![v1::ReportBlock::RiskModel.into()],
                risk_model: Some(risk_model),
                ..v1::AnalyzePortfolioRequest::default()
            },
            "UNKNOWN_RISK_MODEL",
        ),
        (
            v1::AnalyzePortfolioRequest { settings: Some(settings), ..analysis() },
            "UNKNOWN_CLASSIFICATION_SCHEME",
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_begins_with_one_setup() {
    let (harness, mut client) = market().await;
    let with_book = v1::AnalyzePortfolioRequest { portfolio: book(1.0), ..analysis() };
    let bad_day = v1::AnalyzePortfolioRequest {
        as_of: crate::harness::on("2021-02-30"),
        ..v1::AnalyzePortfolioRequest::default()
    };
    let wide = v1::AnalyzePortfolioRequest { include: vec![1; 200_000], ..analysis() };
    let measures = |count: usize| v1::AnalyzePortfolioRequest {
        risk_measures: vec![v1::RiskMeasureRequest::default(); count],
        ..analysis()
    };
    let keys = vec!["desk".to_owned(); 100];
    let netting = v1::Netting { level: v1::NettingLevel::Labels.into(), label_keys: keys };
    let settings = v1::AnalysisSettings { netting: Some(netting), ..Default::default() };
    let many_keys = v1::AnalyzePortfolioRequest { settings: Some(settings), ..analysis() };
    let lines = v1::AnalyzePortfolioRequest {
        incremental_position_ids: vec!["line".to_owned(); 9],
        ..analysis()
    };
    for (messages, path) in [
        (vec![setup(wide)], "setup.analysis"),
        // Some 120 KB, and megabytes in memory.
        (vec![setup(measures(60_000))], "setup.analysis"),
        (vec![setup(measures(17)), item("a", book(1.0))], "setup.analysis.risk_measures"),
        (
            vec![setup(many_keys), item("a", book(1.0))],
            "setup.analysis.settings.netting.label_keys",
        ),
        (vec![setup(lines), item("a", book(1.0))], "setup.analysis.incremental_position_ids"),
        (vec![], "setup"),
        (vec![item("a", book(1.0))], "setup"),
        (vec![setup(with_book)], "setup.analysis.portfolio"),
        (vec![setup(bad_day)], "setup.analysis.as_of.on"),
    ] {
        let refused = exchange(&mut client, messages).await.unwrap_err();
        expect_refusal(&refused, Code::InvalidArgument, "INVALID_REQUEST", &[path]);
    }
    let long = "x".repeat(129);
    for (late, path) in [
        (setup(analysis()), "setup"),
        (item(&long, book(1.0)), "item.request_tag"),
        (v1::AnalyzePortfoliosRequest::default(), "item"),
    ] {
        let messages = vec![setup(analysis()), item("a", book(1.0)), late, item("b", book(1.0))];
        let (outcomes, end) = exchange(&mut client, messages).await.unwrap();
        assert_eq!(outcomes.len(), 1, "what was sent before is answered");
        expect_refusal(&end.unwrap(), Code::InvalidArgument, "INVALID_REQUEST", &[path]);
    }
    harness.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_setup_is_checked_as_far_as_no_portfolio_has_a_say() {
    let (harness, mut client) = market().await;
    for (analysis, path) in setups_that_no_portfolio_mends() {
        let messages = vec![setup(analysis), item("a", book(1.0))];
        let refused = exchange(&mut client, messages).await.unwrap_err();
        let path = format!("setup.analysis.{path}");
        expect_refusal(&refused, Code::InvalidArgument, "INVALID_REQUEST", &[&path]);
    }
    for (analysis, reason) in setups_with_names_that_nothing_has() {
        let messages = vec![setup(analysis), item("a", book(1.0))];
        let refused = exchange(&mut client, messages).await.unwrap_err();
        expect_refusal(&refused, Code::NotFound, reason, &[]);
    }
    // What only some portfolios have is checked with each.
    let keys =
        |key: &str| v1::AnalyzePortfolioRequest { group_by: vec![by_label(key)], ..analysis() };
    let (outcomes, end) =
        exchange(&mut client, vec![setup(keys("desk")), item("a", book(1.0))]).await.unwrap();
    assert!(end.is_none() && matches!(outcomes[0].outcome, Some(Outcome::Error(_))));
    let line = v1::AnalyzePortfolioRequest {
        incremental_position_ids: vec!["nobody".to_owned()],
        ..analysis()
    };
    let (outcomes, end) =
        exchange(&mut client, vec![setup(line), item("a", book(1.0))]).await.unwrap();
    assert!(end.is_none() && matches!(outcomes[0].outcome, Some(Outcome::Error(_))));
    harness.stop().await;
}

/// The sibling of the silent upload in `transport.rs`.
#[tokio::test(flavor = "multi_thread")]
async fn a_setup_that_does_not_come_is_a_stall_and_a_later_pause_is_not() {
    let change = |config: &mut Config| config.limits.request_idle_ms = 400;
    let harness = Harness::with(Clock::system(), change).await;
    let raw = Raw::connect(harness.address(), 65_535).await;
    let silent = raw.call("/ballast.v1.ExposureService/AnalyzePortfolios", &[]).await;
    let status = soon("silence", silent.read_answer()).await.status;
    expect_refusal(&status, Code::DeadlineExceeded, "REQUEST_STALLED", &[]);
    // Nor does a watch wait for ever for its only message.
    let silent = raw.call("/ballast.v1.RotationService/WatchRotation", &[]).await;
    let status = soon("silence", silent.read_answer()).await.status;
    expect_refusal(&status, Code::DeadlineExceeded, "REQUEST_STALLED", &[]);

    let mut client = ExposureServiceClient::new(harness.channel().await);
    let (sender, messages) = mpsc::unbounded_channel();
    sender.send(setup(v1::AnalyzePortfolioRequest::default())).unwrap();
    let messages = UnboundedReceiverStream::new(messages);
    let mut stream = client.analyze_portfolios(messages).await.unwrap().into_inner();
    tokio::time::sleep(Duration::from_millis(1_000)).await;
    sender.send(item("late", book(1.0))).unwrap();
    drop(sender);
    assert_eq!(soon("an outcome", stream.next()).await.unwrap().unwrap().request_tag, "late");
    assert!(soon("the end", stream.next()).await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_ends_a_stream_whose_client_pauses() {
    let (harness, mut client) = market().await;
    let (sender, messages) = mpsc::unbounded_channel();
    sender.send(setup(analysis())).unwrap();
    sender.send(item("a", book(1.0))).unwrap();
    let mut request = Request::new(UnboundedReceiverStream::new(messages));
    request.set_timeout(Duration::from_secs(1));
    let mut stream = client.analyze_portfolios(request).await.unwrap().into_inner();
    assert_eq!(soon("an outcome", stream.next()).await.unwrap().unwrap().request_tag, "a");
    // The client sends no more and does not end its side.
    let end = soon("the deadline", stream.next()).await.unwrap().unwrap_err();
    assert_eq!(end.code(), Code::DeadlineExceeded);
    assert!(harness.stop().await, "no call is left");
}

/// The example with as many lines as a portfolio may have, which takes about 15 MiB with its answer.
fn large_book() -> v1::Portfolio {
    let positions = example().portfolio.unwrap().positions;
    let labels: Vec<v1::Label> =
        (0..3).map(|at| v1::Label { key: format!("key{at}"), value: "value".to_owned() }).collect();
    let lines = positions.into_iter().map(|line| v1::Position { labels: labels.clone(), ..line });
    let lines: Vec<v1::Position> = lines.collect();
    let positions = lines.into_iter().cycle().take(limits::POSITIONS).collect();
    v1::Portfolio { positions, ..v1::Portfolio::default() }
}

/// Sends large books on a stream and reads the outcomes to the end.
async fn sends_large_books(mut client: ExposureServiceClient<Channel>, count: usize) -> usize {
    // Made as they are sent: the tests share the memory of one process.
    let items = (0..count).map(|_| item("large", Some(large_book())));
    let messages = std::iter::once(setup(analysis())).chain(items);
    let mut request = Request::new(tokio_stream::iter(messages));
    request.set_timeout(Duration::from_secs(290));
    let mut stream = client.analyze_portfolios(request).await.unwrap().into_inner();
    let mut answered = 0;
    while let Some(outcome) = stream.next().await {
        answer(&outcome.unwrap());
        answered += 1;
    }
    answered
}

/// Three books fit at a time beside each other, and eight streams have more than that in flight.
#[tokio::test(flavor = "multi_thread")]
async fn large_books_of_many_streams_on_one_connection_wait_for_each_other() {
    let change = |config: &mut Config| {
        config.limits.request_memory_bytes_per_connection = 62 << 20;
    };
    let (harness, _) = market_with(change).await;
    let client = ExposureServiceClient::new(harness.channel().await)
        .max_decoding_message_size(Limits::standard().send_bytes);
    let streams: Vec<_> =
        (0..8).map(|_| tokio::spawn(sends_large_books(client.clone(), 3))).collect();
    for stream in streams {
        assert_eq!(stream.await.unwrap(), 3, "all are answered");
    }
    assert!(harness.stop().await, "no call is left");
}
