//! One row per bad request and per limit: its status, its reason, its field paths.

use crate::{
    harness::{
        Harness, expect_refusal, header, held, named, on, reference, replay_of, soon, upload,
    },
    metrics::values,
    raw::{Raw, framed},
};
use contract::v1::{
    self, exposure_service_client::ExposureServiceClient,
    rotation_service_client::RotationServiceClient, squeeze_service_client::SqueezeServiceClient,
};
use prost::Message as _;
use server::{clock::Clock, limits::Limits};
use tonic::{Code, Request};
use tonic_types::StatusExt as _;

const ANALYZE_PORTFOLIO: &str = "/ballast.v1.ExposureService/AnalyzePortfolio";
const REQUESTS_HELD: &str = "ballast_memory_held_bytes{of=\"requests\"}";
const NOW: &str = "2021-02-01T21:00:00Z";

#[tokio::test(flavor = "multi_thread")]
async fn every_violation_of_a_request_is_reported_at_once() {
    let harness = Harness::at(NOW).await;
    let mut client = harness.market_data().await;
    let request = v1::GetSeriesRequest {
        as_of: Some(v1::AsOf {
            when: Some(v1::as_of::When::On("2021-02-30".to_owned())),
            ..v1::AsOf::default()
        }),
        dataset: 99,
        instrument: None,
        start_on: "yesterday".to_owned(),
        page_size: -1,
        ..v1::GetSeriesRequest::default()
    };
    let status = client.get_series(request).await.unwrap_err();
    let paths = ["as_of.on", "dataset", "instrument", "start_on", "page_size"];
    expect_refusal(&status, Code::InvalidArgument, "INVALID_REQUEST", &paths);

    let request = v1::GetSeriesRequest {
        dataset: v1::Dataset::Series.into(),
        instrument: named("DGS10"),
        fields: vec!["value".to_owned(), "close".to_owned()],
        start_on: "2021-01-02".to_owned(),
        end_on: "2021-01-01".to_owned(),
        ..v1::GetSeriesRequest::default()
    };
    let status = client.get_series(request).await.unwrap_err();
    expect_refusal(&status, Code::InvalidArgument, "INVALID_REQUEST", &["fields[1]", "end_on"]);

    // An answer holds a value per field and row: a field asked for 20,000 times took 900 MB.
    for (count, path) in [(2, "fields[1]"), (65, "fields")] {
        let request = v1::GetSeriesRequest {
            dataset: v1::Dataset::Series.into(),
            instrument: named("DGS10"),
            fields: vec!["value".to_owned(); count],
            ..v1::GetSeriesRequest::default()
        };
        let status = client.get_series(request).await.unwrap_err();
        expect_refusal(&status, Code::InvalidArgument, "INVALID_REQUEST", &[path]);
    }

    let request = v1::GetSeriesRequest {
        dataset: v1::Dataset::Bars.into(),
        instrument: named("NOBODY"),
        ..v1::GetSeriesRequest::default()
    };
    let status = client.get_series(request).await.unwrap_err();
    expect_refusal(&status, Code::NotFound, "UNKNOWN_INSTRUMENT", &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_enum_value_is_reported_once_at_its_path() {
    let harness = Harness::at(NOW).await;
    let channel = harness.channel().await;
    let book = || {
        let position = held("SPY", v1::position::Size::Quantity(1.0));
        Some(v1::Portfolio { positions: vec![position], ..Default::default() })
    };
    let analysis = v1::AnalyzePortfolioRequest {
        portfolio: book(),
        settings: Some(v1::AnalysisSettings {
            beta: Some(v1::BetaSettings { shrinkage: 99, ..Default::default() }),
            ..Default::default()
        }),
        risk_measures: vec![v1::RiskMeasureRequest {
            measure_id: "a".to_owned(),
            kind: -1,
            contributions_by: vec![v1::RiskSplit { kind: 99, group_by: None }],
            ..Default::default()
        }],
        ..Default::default()
    };
    let status = ExposureServiceClient::new(channel.clone()).analyze_portfolio(analysis).await;
    let paths = [
        "settings.beta.shrinkage",
        "risk_measures[0].kind",
        "risk_measures[0].contributions_by[0].kind",
    ];
    expect_refusal(&status.unwrap_err(), Code::InvalidArgument, "INVALID_REQUEST", &paths);

    let ranking = v1::RankSqueezeRequest { rank_by: 99, ..Default::default() };
    let status = SqueezeServiceClient::new(channel.clone()).rank_squeeze(ranking).await;
    expect_refusal(&status.unwrap_err(), Code::InvalidArgument, "INVALID_REQUEST", &["rank_by"]);

    let variable = |transform| {
        let subject = Some(v1::record_variable::Subject::Instrument(named("SPY").unwrap()));
        Some(v1::RecordVariable { subject, transform, horizon_sessions: None })
    };
    let condition = |comparison| v1::RecordCondition {
        variable: variable(0),
        comparison,
        threshold: Some(0.0),
    };
    let records = v1::QueryRecordsRequest {
        variable: variable(99),
        direction: 99,
        conditions: vec![condition(99), condition(0)],
        ..Default::default()
    };
    let status = RotationServiceClient::new(channel.clone()).query_records(records).await;
    let paths =
        ["variable.transform", "direction", "conditions[0].comparison", "conditions[1].comparison"];
    expect_refusal(&status.unwrap_err(), Code::InvalidArgument, "INVALID_REQUEST", &paths);

    let list = v1::ListInstrumentsRequest { dataset: 99, ..Default::default() };
    let status = harness.market_data().await.list_instruments(list).await;
    expect_refusal(&status.unwrap_err(), Code::InvalidArgument, "INVALID_REQUEST", &["dataset"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_as_of_that_cannot_be_answered_gets_a_reason() {
    let harness = Harness::at(NOW).await;
    let mut client = harness.market_data().await;
    let pinned = |as_of| v1::ListDatasetsRequest { as_of: Some(as_of) };
    let at = |seconds| {
        let at = prost_types::Timestamp { seconds, nanos: 0 };
        v1::AsOf { when: Some(v1::as_of::When::At(at)), ..v1::AsOf::default() }
    };
    let head = client.list_datasets(v1::ListDatasetsRequest { as_of: None }).await.unwrap();
    let head = reference(&head.into_inner().info);
    let other = || "00".to_owned();
    let replay = |reference| {
        let when = Some(v1::as_of::When::Snapshot(reference));
        v1::AsOf { when, ..v1::AsOf::default() }
    };
    let changed = |change: fn(&mut v1::SnapshotRef, String)| {
        let mut reference = head.clone();
        change(&mut reference, other());
        replay(reference)
    };
    let nothing = [
        "as_of.snapshot.reference_knowledge",
        "as_of.snapshot.as_of",
        "as_of.snapshot.model_version",
        "as_of.snapshot.config_hash",
        "as_of.snapshot.data_version",
    ];
    let (invalid, failed) = (Code::InvalidArgument, Code::FailedPrecondition);
    let cases = [
        (at(1_700_000_000), invalid, "INVALID_REQUEST", vec!["as_of.at"]),
        (at(i64::MAX), invalid, "INVALID_REQUEST", vec!["as_of.at"]),
        (on("2021-02-02").unwrap(), invalid, "INVALID_REQUEST", vec!["as_of.on"]),
        (
            changed(|r, _| r.as_of.as_mut().unwrap().seconds += 86_400),
            invalid,
            "INVALID_REQUEST",
            vec!["as_of.snapshot.as_of"],
        ),
        (v1::AsOf { revision: Some(1), ..v1::AsOf::default() }, failed, "REVISION_UNKNOWN", vec![]),
        (changed(|r, other| r.model_version = other), failed, "MODEL_VERSION_MISMATCH", vec![]),
        (changed(|r, other| r.data_version = other), failed, "DATA_VERSION_MISMATCH", vec![]),
        (changed(|r, other| r.config_hash = other), failed, "CONFIG_MISMATCH", vec![]),
        (changed(|r, _| r.revision = 1), failed, "REVISION_UNKNOWN", vec![]),
        (replay(v1::SnapshotRef::default()), invalid, "INVALID_REQUEST", nothing.to_vec()),
        (
            v1::AsOf { revision: Some(0), ..replay(head.clone()) },
            invalid,
            "INVALID_REQUEST",
            vec!["as_of.revision"],
        ),
    ];
    for (as_of, code, reason, paths) in cases {
        let status = client.list_datasets(pinned(as_of)).await.unwrap_err();
        expect_refusal(&status, code, reason, &paths);
    }
    let status = client.list_datasets(pinned(on("9999-12-31").unwrap())).await.unwrap_err();
    assert_eq!(
        status.message(),
        "the request is not valid: as_of.on 9999-12-31 is in the future; the server's time is \
         2021-02-01T21:00:00Z"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn reference_knowledge_out_of_bounds_is_refused_by_field() {
    let harness = Harness::at(NOW).await;
    let mut client = harness.market_data().await;
    let head = client.list_datasets(v1::ListDatasetsRequest { as_of: None }).await.unwrap();
    let when = Some(v1::as_of::When::Snapshot(reference(&head.into_inner().info)));
    let bounded = |reference_knowledge, reference_max_age_days| v1::AsOf {
        reference_knowledge,
        reference_max_age_days,
        ..v1::AsOf::default()
    };
    let (knowledge, age) = ("as_of.reference_knowledge", "as_of.reference_max_age_days");
    let cases = [
        (bounded(9, None), vec![knowledge]),
        (bounded(0, Some(30)), vec![age]),
        (bounded(1, Some(30)), vec![age]),
        (bounded(2, Some(0)), vec![age]),
        (bounded(2, Some(36_501)), vec![age]),
        (v1::AsOf { when, ..bounded(2, Some(30)) }, vec![knowledge, age]),
    ];
    for (as_of, paths) in cases {
        let asked = v1::ListDatasetsRequest { as_of: Some(as_of) };
        let status = client.list_datasets(asked).await.unwrap_err();
        expect_refusal(&status, Code::InvalidArgument, "INVALID_REQUEST", &paths);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_out_of_order_or_out_of_bounds_is_refused() {
    use v1::ingest_request::Part;
    let harness = Harness::with(Clock::system(), |config| {
        config.limits.upload_bytes = 3 * 1024 * 1024;
        config.limits.upload_ratio = 20;
    })
    .await;
    let mut client = harness.market_data().await;
    let part = |part| v1::IngestRequest { part: Some(part) };
    let chunk = |bytes: usize| part(Part::Chunk(vec![b'a'; bytes]));
    let head = |header| part(Part::Header(header));
    let bad_header = v1::IngestHeader {
        request_id: "two words".to_owned(),
        kind: "guess".to_owned(),
        symbol: "<html>".to_owned(),
        price_basis: 9,
        observed_on: "today".to_owned(),
        ..v1::IngestHeader::default()
    };
    let header_paths = vec![
        "header.request_id",
        "header.kind",
        "header.symbol",
        "header.price_basis",
        "header.observed_on",
    ];
    let none = v1::IngestRequest { part: None };
    let cases = vec![
        ("nothing", vec![], vec!["header"]),
        ("a chunk first", vec![chunk(1)], vec!["header"]),
        ("a bad header", vec![head(bad_header)], header_paths),
        ("two headers", vec![head(header("a.csv")), head(header("a.csv"))], vec!["header"]),
        ("no part", vec![head(header("a.csv")), none], vec!["part"]),
        ("a large chunk", vec![head(header("a.csv")), chunk((1 << 20) + 1)], vec!["chunk"]),
    ];
    for (case, messages, paths) in cases {
        let status = client.ingest(tokio_stream::iter(messages)).await.unwrap_err();
        println!("{case}: {status:?}");
        expect_refusal(&status, Code::InvalidArgument, "INVALID_REQUEST", &paths);
    }
    let too_large = upload(header("a.csv"), &vec![b'a'; 4 * 1024 * 1024], 1 << 20);
    let status = client.ingest(tokio_stream::iter(too_large)).await.unwrap_err();
    expect_refusal(&status, Code::ResourceExhausted, "UPLOAD_TOO_LARGE", &[]);
    let status = harness.try_ingest(header("a.csv"), &bomb()).await.unwrap_err();
    expect_refusal(&status, Code::ResourceExhausted, "UPLOAD_BOMB", &[]);
}

/// 50 MB of valid rows in 0.2 MB.
fn bomb() -> Vec<u8> {
    use std::io::Write as _;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(b"Ticker,Date,Open,High,Low,Close,Volume\n").unwrap();
    for _ in 0..1_000 {
        let rows = "AAPL,2021-01-04,133.5,133.6,126.7,129.4,143301900\n".repeat(1_000);
        encoder.write_all(rows.as_bytes()).unwrap();
    }
    encoder.finish().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_beyond_the_limit_is_resource_exhausted_and_junk_is_invalid() {
    let harness = Harness::start().await;
    let mut client = harness.market_data().await.max_encoding_message_size(usize::MAX);
    let symbol = "A".repeat(5 * 1024 * 1024);
    let request =
        v1::GetSeriesRequest { instrument: named(&symbol), ..v1::GetSeriesRequest::default() };
    let status = client.get_series(request).await.unwrap_err();
    expect_refusal(&status, Code::ResourceExhausted, "MESSAGE_TOO_LARGE", &[]);

    // Two bytes per position, hundreds in memory: refused before it is decoded.
    let positions = vec![v1::Position::default(); 1_000_000];
    let book = v1::Portfolio { positions, ..v1::Portfolio::default() };
    let request = v1::AnalyzePortfolioRequest {
        portfolio: Some(book),
        ..v1::AnalyzePortfolioRequest::default()
    };
    let status = ExposureServiceClient::new(harness.channel().await)
        .max_encoding_message_size(usize::MAX)
        .analyze_portfolio(request)
        .await
        .unwrap_err();
    expect_refusal(&status, Code::ResourceExhausted, "MESSAGE_TOO_LARGE", &[]);

    // A duration has a number in field 1, which is a message here: bytes that are not a GetSeriesRequest.
    let mut raw = tonic::client::Grpc::new(harness.channel().await);
    raw.ready().await.unwrap();
    let path = "/ballast.v1.MarketDataService/GetSeries".parse().unwrap();
    let junk = prost_types::Duration { seconds: 1, nanos: 0 };
    let junk =
        prost_types::Any { type_url: String::new(), value: prost::Message::encode_to_vec(&junk) };
    let codec = tonic_prost::ProstCodec::<prost_types::Any, v1::GetSeriesResponse>::default();
    let status = raw.unary(Request::new(junk), path, codec).await.unwrap_err();
    expect_refusal(&status, Code::InvalidArgument, "MALFORMED_MESSAGE", &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_token_belongs_to_its_request() {
    let harness = Harness::at(NOW).await;
    let text = "Ticker,Date,Open,High,Low,Close,Volume\n\
                AAPL,2021-01-04,1,1,1,1,1\nAAPL,2021-01-05,1,1,1,1,1\nMSFT,2021-01-04,1,1,1,1,1\n";
    harness.ingest("prices.csv", text.as_bytes()).await;
    let mut client = harness.market_data().await;
    let first =
        v1::ListInstrumentsRequest { page_size: 1, ..v1::ListInstrumentsRequest::default() };
    let page = client.list_instruments(first.clone()).await.unwrap().into_inner();
    assert_eq!(page.instruments.len(), 1);
    let next = v1::ListInstrumentsRequest { page_token: page.next_page_token, ..first };
    harness.set_clock("2021-02-02T21:00:00Z");
    harness.ingest("more.csv", text.replace("MSFT", "IBM").as_bytes()).await;
    let last = client.list_instruments(next.clone()).await.unwrap().into_inner();
    assert_eq!((last.instruments.len(), last.next_page_token.as_str()), (1, ""));
    assert_eq!(reference(&last.info), reference(&page.info), "one list, while new facts arrive");
    let other = v1::ListInstrumentsRequest { symbol_prefix: "M".to_owned(), ..next.clone() };
    let status = client.list_instruments(other).await.unwrap_err();
    expect_refusal(&status, Code::InvalidArgument, "INVALID_PAGE_TOKEN", &[]);
    // As AIP-158 allows, pages may have different sizes.
    let wider = v1::ListInstrumentsRequest { page_size: 9, ..next.clone() };
    let rest = client.list_instruments(wider).await.unwrap().into_inner();
    assert_eq!((&rest.instruments, rest.total_size), (&last.instruments, 2));
    let junk = v1::ListInstrumentsRequest { page_token: "junk".to_owned(), ..next };
    let status = client.list_instruments(junk).await.unwrap_err();
    expect_refusal(&status, Code::InvalidArgument, "INVALID_PAGE_TOKEN", &[]);
}

/// Before 16:00 New York today's date means the current time; the answer gives the instant, and
/// later pages and replays use that instant.
#[tokio::test(flavor = "multi_thread")]
async fn today_means_now_until_the_close() {
    let harness = Harness::at("2021-02-01T15:00:00Z").await;
    let text = "Ticker,Date,Open,High,Low,Close,Volume\nA,2021-01-04,1,1,1,1,1\n\
                B,2021-01-04,1,1,1,1,1\n";
    harness.ingest("prices.csv", text.as_bytes()).await;
    let mut client = harness.market_data().await;
    let request = v1::ListInstrumentsRequest {
        as_of: on("2021-02-01"),
        page_size: 1,
        ..v1::ListInstrumentsRequest::default()
    };
    let first = client.list_instruments(request.clone()).await.unwrap().into_inner();
    let given = reference(&first.info);
    let seconds = |reference: &v1::SnapshotRef| reference.as_of.unwrap().seconds;
    // 2021-02-01 15:00 UTC.
    assert_eq!(seconds(&given), 1_612_191_600);
    harness.set_clock("2021-02-01T22:00:00Z");
    let next =
        v1::ListInstrumentsRequest { page_token: first.next_page_token.clone(), ..request.clone() };
    let next = client.list_instruments(next).await.unwrap().into_inner();
    assert_eq!(reference(&next.info), reference(&first.info), "the second page of the same list");
    let closed = client.list_instruments(request.clone()).await.unwrap().into_inner();
    // 2021-02-01 21:00 UTC is 16:00 in New York.
    assert_eq!(seconds(&reference(&closed.info)), 1_612_213_200);
    let replayed = v1::ListInstrumentsRequest { as_of: replay_of(&given), ..request };
    assert_eq!(client.list_instruments(replayed).await.unwrap().into_inner(), first);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_over_the_limit_is_refused_and_a_slow_one_meets_its_deadline() {
    use v1::ingest_request::Part;
    let harness = Harness::with(Clock::system(), |config| {
        config.limits.uploads = 1;
        config.limits.default_deadline_ms = 500;
        config.limits.max_deadline_ms = 500;
    })
    .await;
    let place = harness.services().upload(None).unwrap();
    let refused = harness.try_ingest(header("b.csv"), b"").await.unwrap_err();
    expect_refusal(&refused, Code::ResourceExhausted, "OVERLOADED", &[]);
    drop(place);
    let (sender, receiver) = tokio::sync::mpsc::channel(1);
    let part = Some(Part::Header(header("slow.csv")));
    sender.send(v1::IngestRequest { part }).await.unwrap();
    let endless = tokio_stream::wrappers::ReceiverStream::new(receiver);
    let late = harness.market_data().await.ingest(endless).await.unwrap_err();
    expect_refusal(&late, Code::DeadlineExceeded, "DEADLINE_EXCEEDED", &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_are_large_only_once_they_are_decoded_share_a_bound() {
    let harness = Harness::with(Clock::system(), |config| {
        config.limits.request_memory_bytes_per_connection = 62 << 20;
    })
    .await;
    // Two bytes per position, 22 MiB in memory.
    let positions = vec![v1::Position::default(); (22 << 20) / size_of::<v1::Position>()];
    let portfolio = Some(v1::Portfolio { positions, ..v1::Portfolio::default() });
    let request = v1::AnalyzePortfolioRequest { portfolio, ..Default::default() };
    let request = framed(0, &request.encode_to_vec());
    let raw = Raw::connect(harness.address(), 65_535).await;
    let status = async || {
        let mut call = raw.call(ANALYZE_PORTFOLIO, &[]).await;
        call.send(&request, true);
        call.read_answer().await.status
    };
    assert_eq!(status().await.code(), Code::InvalidArgument, "by itself it fits, and is too long");
    // Beside eleven requests of 4 MiB each that do not end it finds no room.
    let mut endless = Vec::new();
    for _ in 0..11 {
        let mut call = raw.call(ANALYZE_PORTFOLIO, &[]).await;
        let most = Limits::standard().receive_bytes;
        call.send(&framed(0, &vec![0; most])[..most], false);
        endless.push(call);
    }
    let received = async {
        while values(&harness).await[REQUESTS_HELD] < 11.0 * Limits::standard().receive_bytes as f64
        {
        }
    };
    soon("they are received", received).await;
    let full = status().await;
    expect_refusal(&full, Code::ResourceExhausted, "OVERLOADED", &[]);
    let quota = full.get_details_quota_failure().unwrap();
    assert_eq!(quota.violations[0].subject, "limits.request_memory_bytes_per_connection");
    endless.iter_mut().for_each(|call| call.request.send_reset(h2::Reason::CANCEL));
    let fits = async { while status().await.code() != Code::InvalidArgument {} };
    soon("room again", fits).await;
}
