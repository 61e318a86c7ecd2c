//! Clients that stall, do not read, violate the protocol or disconnect do not affect others.

use crate::{
    harness::{Harness, expect_refusal, header, held, replay_of, soon, upload},
    raw::{Raw, RawAnswer, framed},
};
use contract::v1::{self, rotation_service_client::RotationServiceClient};
use prost::Message as _;
use server::{clock::Clock, config::Config};
use std::time::Duration;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tonic::{Code, Status};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tonic_types::StatusExt as _;

const INGEST: &str = "/ballast.v1.MarketDataService/Ingest";
const GET_SERIES: &str = "/ballast.v1.MarketDataService/GetSeries";
const LIST_DATASETS: &str = "/ballast.v1.MarketDataService/ListDatasets";
const ANALYZE: &str = "/ballast.v1.ExposureService/AnalyzePortfolio";
const ANALYZE_PORTFOLIOS: &str = "/ballast.v1.ExposureService/AnalyzePortfolios";
const BARS: &str = "Ticker,Date,Open,High,Low,Close,Volume\n\
                    AAPL,2021-01-04,133.5,133.6,126.7,129.4,143301900\n";
const WINDOW: u32 = 65_535;

async fn with(change: impl FnOnce(&mut Config)) -> Harness {
    Harness::with(Clock::system(), change).await
}

fn first_of(message: &v1::IngestRequest) -> Vec<u8> {
    framed(0, &message.encode_to_vec())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_upload_takes_no_place_and_a_stalled_one_frees_its_place() {
    let harness = with(|config| {
        config.limits.uploads = 1;
        config.limits.request_idle_ms = 500;
    })
    .await;
    let raw = Raw::connect(harness.address(), WINDOW).await;
    let silent = raw.call(INGEST, &[]).await;
    harness.ingest("prices.csv", BARS.as_bytes()).await;
    let status = soon("silence", silent.read_answer()).await.status;
    expect_refusal(&status, Code::DeadlineExceeded, "REQUEST_STALLED", &[]);

    let mut stalled = raw.call(INGEST, &[]).await;
    stalled.send(&first_of(&upload(header("slow.csv"), b"", 1)[0]), false);
    let taken = async {
        while harness.services().uploads_under_way() == 0 {
            tokio::task::yield_now().await;
        }
    };
    soon("the place is taken", taken).await;
    let status = soon("the stall", stalled.read_answer()).await.status;
    expect_refusal(&status, Code::DeadlineExceeded, "REQUEST_STALLED", &[]);
    harness.ingest("again.csv", BARS.as_bytes()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trickling_request_is_ended_even_if_it_is_never_silent_for_long() {
    let harness = with(|config| config.limits.request_idle_ms = 400).await;
    let raw = Raw::connect(harness.address(), WINDOW).await;
    let mut trickle = raw.call(INGEST, &[]).await;
    let bytes = first_of(&upload(header("slow.csv"), b"", 1)[0]);
    // A fifth of the time of silence between two bytes: 10 bytes a second for 16 KiB asked.
    let mut ticks = tokio::time::interval(Duration::from_millis(80));
    let answer = trickle.answer();
    let trickling = async {
        for byte in bytes.iter().cycle() {
            ticks.tick().await;
            if !trickle.send_more(&[*byte]) {
                break;
            }
        }
        // The answer is on its way.
        std::future::pending::<()>().await;
    };
    let status = tokio::select! {
        answered = soon("the trickle", answer.whole()) => answered.status,
        () = trickling => unreachable!("it trickles for ever"),
    };
    expect_refusal(&status, Code::DeadlineExceeded, "REQUEST_STALLED", &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_half_sent_message_of_a_stream_must_go_on_and_silence_between_two_is_free() {
    let harness = with(|config| config.limits.request_idle_ms = 400).await;
    let raw = Raw::connect(harness.address(), WINDOW).await;
    let mut stream = raw.call(ANALYZE_PORTFOLIOS, &[]).await;
    let analysis = Some(v1::AnalyzePortfolioRequest::default());
    let setup = v1::AnalyzePortfoliosSetup { analysis };
    let message = Some(v1::analyze_portfolios_request::Message::Setup(setup));
    stream.send(&framed(0, &v1::AnalyzePortfoliosRequest { message }.encode_to_vec()), false);
    let answer = tokio::spawn(stream.answer().whole());
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    assert!(!answer.is_finished(), "between two messages a client may be silent");
    assert!(stream.send_more(&framed(0, &[0; 1_000])[..500]));
    let status = soon("the stall", answer).await.unwrap().status;
    expect_refusal(&status, Code::DeadlineExceeded, "REQUEST_STALLED", &[]);
}

/// Size of the values of a status on the wire, bytes.
fn status_bytes(answered: &RawAnswer) -> usize {
    let names = ["grpc-status", "grpc-message", "grpc-status-details-bin"];
    names.iter().filter_map(|name| answered.headers.get(*name)).map(|value| value.len()).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_refusal_keeps_its_type_within_four_kibibytes() {
    let harness = Harness::start().await;
    let raw = Raw::connect(harness.address(), WINDOW).await;
    let ask = async |path: &str, message: Vec<u8>| {
        let mut call = raw.call(path, &[]).await;
        call.send(&framed(0, &message), true);
        soon(path, call.read_answer()).await
    };
    let lines = (0..100).map(|at| v1::Position {
        size: None,
        ..held(
            &format!("<not a symbol {at}> {}", "€".repeat(100)),
            v1::position::Size::Quantity(1.0),
        )
    });
    let portfolio = v1::Portfolio { positions: lines.collect(), ..v1::Portfolio::default() };
    let request = v1::AnalyzePortfolioRequest {
        portfolio: Some(portfolio),
        ..v1::AnalyzePortfolioRequest::default()
    };
    let answered = ask(ANALYZE, request.encode_to_vec()).await;
    assert!(status_bytes(&answered) <= 4 * 1024 + 2, "{}", status_bytes(&answered));
    let status = answered.status;
    assert_eq!(status.code(), Code::InvalidArgument);
    let info = status.get_details_error_info().unwrap();
    assert_eq!(info.reason, "INVALID_REQUEST");
    let listed = status.get_details_bad_request().unwrap().field_violations;
    let left_out: usize = info.metadata["violations_left_out"].parse().unwrap();
    assert_eq!(listed.len() + left_out, 200, "a symbol and a size of each line");
    assert_eq!(listed[0].field, "portfolio.positions[0].instrument.symbol");
    let (one, ten) = (status.message().find("positions[1]"), status.message().find("[10]"));
    assert!(one.is_some() && ten.is_none(), "in the order of the lines: {}", status.message());

    let long = "A".repeat(1 << 20);
    let reference = v1::SnapshotRef {
        as_of: Some(prost_types::Timestamp::default()),
        revision: 0,
        data_version: "00".to_owned(),
        model_version: marketdata::MODEL_VERSION.to_owned(),
        config_hash: long.clone(),
        reference_knowledge: v1::ReferenceKnowledge::AsPublished.into(),
        ..v1::SnapshotRef::default()
    };
    let request = v1::ListDatasetsRequest { as_of: replay_of(&reference) }.encode_to_vec();
    let answered = ask("/ballast.v1.MarketDataService/ListDatasets", request).await;
    assert!(status_bytes(&answered) <= 4 * 1024 + 2, "{}", status_bytes(&answered));
    expect_refusal(&answered.status, Code::FailedPrecondition, "CONFIG_MISMATCH", &[]);

    use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
    let symbol = Some(MessageRequest::FileContainingSymbol(long));
    let question = tonic_reflection::pb::v1::ServerReflectionRequest {
        message_request: symbol,
        ..tonic_reflection::pb::v1::ServerReflectionRequest::default()
    };
    let path = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
    let answered = ask(path, question.encode_to_vec()).await;
    assert!(status_bytes(&answered) <= 4 * 1024 + 2, "{}", status_bytes(&answered));
}

/// Settings with little room for answers.
fn narrow(config: &mut Config) {
    config.limits.chunk_bytes = 64 * 1024;
    config.limits.receive_bytes = 64 * 1024;
    config.limits.send_bytes = 256 * 1024;
    config.limits.answer_bytes = 512 * 1024;
}

#[tokio::test(flavor = "multi_thread")]
async fn unread_answers_are_bounded_and_then_their_connection_ends() {
    let harness = with(|config| {
        narrow(config);
        config.connections.unread_ms = 3_000;
    })
    .await;
    let mut health = HealthClient::new(harness.channel().await);
    let mut rotation = RotationServiceClient::new(harness.channel().await);
    let whole = rotation.list_indicators(v1::ListIndicatorsRequest::default()).await.unwrap();
    let bytes = whole.into_inner().encoded_len();
    let raw = Raw::connect(harness.address(), 1_000).await;
    let request = framed(0, &v1::ListIndicatorsRequest::default().encode_to_vec());
    let mut refused = 0;
    let mut unread = Vec::new();
    let mut calls = Vec::new();
    for _ in 0..200 {
        let mut call = raw.call("/ballast.v1.RotationService/ListIndicators", &[]).await;
        call.send(&request, true);
        calls.push(call);
    }
    for mut call in calls {
        let (headers, body) = soon("headers", call.answer().headers()).await.unwrap();
        match Status::from_header_map(&headers) {
            Some(status) => {
                expect_refusal(&status, Code::ResourceExhausted, "OVERLOADED", &[]);
                let retry = status.get_details_retry_info().unwrap().retry_delay;
                assert_eq!(retry, Some(Duration::from_secs(1)));
                refused += 1;
            }
            None => unread.push(body),
        }
    }
    assert!(0 < refused && !unread.is_empty());
    assert!(unread.len() * bytes <= 512 * 1024, "{} of {bytes} bytes", unread.len());
    let request = HealthCheckRequest { service: String::new() };
    health.check(request).await.expect("health is answered under any load");
    soon("the connection ends", raw.connection).await.unwrap();
    let request = v1::ListDatasetsRequest::default();
    harness.market_data().await.list_datasets(request).await.expect("there is room again");
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_read_nothing_do_not_lock_out_other_clients() {
    let harness = with(narrow).await;
    let request = framed(0, &v1::ListDatasetsRequest::default().encode_to_vec());
    let (mut connections, mut calls) = (Vec::new(), Vec::new());
    // Thirty small answers. Their reserves of 64 KiB would be four times the room of 512 KiB.
    for _ in 0..3 {
        let raw = Raw::connect(harness.address(), 0).await;
        for _ in 0..10 {
            let mut call = raw.call(LIST_DATASETS, &[]).await;
            call.send(&request, true);
            calls.push(call);
        }
        connections.push(raw);
    }
    let mut unread = Vec::new();
    for mut call in calls {
        let (headers, body) = soon("headers", call.answer().headers()).await.unwrap();
        assert!(Status::from_header_map(&headers).is_none(), "small answers find room");
        unread.push(body);
    }
    let request = v1::ListDatasetsRequest::default();
    harness.market_data().await.list_datasets(request).await.expect("a stranger is answered");
}

#[tokio::test(flavor = "multi_thread")]
async fn unread_answers_to_uploads_are_counted() {
    let harness = with(narrow).await;
    let raw = Raw::connect(harness.address(), 0).await;
    let text = format!("{BARS}{}", "X,2021-01-04,1,2,1,-1,1\n".repeat(1_000));
    let mut unread = Vec::new();
    for _ in 0..12 {
        let mut call = raw.call(INGEST, &[]).await;
        let header = v1::IngestHeader { force: true, ..header("prices.csv") };
        for message in upload(header, text.as_bytes(), text.len()) {
            call.send(&first_of(&message), false);
        }
        call.send(&[], true);
        let (headers, body) = soon("headers", call.answer().headers()).await.unwrap();
        assert!(Status::from_header_map(&headers).is_none(), "what is stored is answered");
        unread.push(body);
    }
    let request = v1::ListDatasetsRequest::default();
    let status = harness.market_data().await.list_datasets(request).await.unwrap_err();
    expect_refusal(&status, Code::ResourceExhausted, "OVERLOADED", &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn almost_complete_requests_are_bounded() {
    let harness = Harness::start().await;
    let raw = Raw::connect(harness.address(), WINDOW).await;
    // 68 MiB on one connection, which may hold 64 MiB.
    let most = 4 << 20;
    let almost = framed(0, &vec![0x12; most])[..most - 1_000].to_vec();
    let mut answers = tokio::task::JoinSet::new();
    let mut calls = Vec::new();
    for _ in 0..17 {
        let mut call = raw.call(ANALYZE, &[]).await;
        call.send(&almost, false);
        answers.spawn(call.answer().whole());
        calls.push(call);
    }
    let first = soon("a refusal", answers.join_next()).await.unwrap().unwrap();
    expect_refusal(&first.status, Code::ResourceExhausted, "OVERLOADED", &[]);
    let retry = first.status.get_details_retry_info().unwrap().retry_delay;
    assert_eq!(retry, Some(Duration::from_secs(1)));
    let request = v1::ListDatasetsRequest::default();
    harness.market_data().await.list_datasets(request).await.expect("a stranger is answered");
    drop(calls);
}

#[tokio::test(flavor = "multi_thread")]
async fn incomplete_requests_take_no_room_from_others() {
    let harness = with(narrow).await;
    let raw = Raw::connect(harness.address(), WINDOW).await;
    let mut silent = Vec::new();
    for _ in 0..50 {
        let mut call = raw.call(GET_SERIES, &[]).await;
        call.send(&[0], false);
        silent.push(call);
    }
    // A complete request after them: when it is answered, they have begun.
    let mut call = raw.call(GET_SERIES, &[]).await;
    call.send(&framed(0, b""), true);
    let status = soon("an answer", call.read_answer()).await.status;
    expect_refusal(&status, Code::InvalidArgument, "INVALID_REQUEST", &["dataset", "instrument"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_reads_keeps_its_connection() {
    let harness = with(|config| {
        narrow(config);
        config.connections.unread_ms = 200;
    })
    .await;
    let mut client = harness.market_data().await;
    let began = tokio::time::Instant::now();
    // Ten times the limit in reserves, and longer than an answer may be unread.
    while began.elapsed() < Duration::from_millis(600) {
        client.list_datasets(v1::ListDatasetsRequest::default()).await.unwrap();
    }
    tokio::time::sleep(Duration::from_millis(400)).await;
    let raw = Raw::connect(harness.address(), WINDOW).await;
    tokio::time::sleep(Duration::from_millis(400)).await;
    let mut call = raw.call(GET_SERIES, &[]).await;
    call.send(&framed(0, b""), true);
    expect_refusal(
        &call.read_answer().await.status,
        Code::InvalidArgument,
        "INVALID_REQUEST",
        &["dataset", "instrument"],
    );
    assert!(!raw.connection.is_finished(), "an idle connection is kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_without_http2_is_closed() {
    let harness = with(|config| config.connections.preface_ms = 200).await;
    let mut silent = TcpStream::connect(harness.address()).await.unwrap();
    let mut http1 = TcpStream::connect(harness.address()).await.unwrap();
    http1.write_all(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n").await.unwrap();
    let mut slow = TcpStream::connect(harness.address()).await.unwrap();
    slow.write_all(b"PRI * HTTP/2.0\r\n").await.unwrap();
    for connection in [&mut silent, &mut http1, &mut slow] {
        let mut bytes = Vec::new();
        // Closed or reset, with a GOAWAY before it or without.
        let _ended = soon("the end", connection.read_to_end(&mut bytes)).await;
    }
    harness.market_data().await.list_datasets(v1::ListDatasetsRequest::default()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_over_the_limit_is_closed_until_a_place_is_free() {
    let harness = with(|config| config.limits.connections = 2).await;
    let request = v1::ListDatasetsRequest::default;
    let mut first = harness.market_data().await;
    let mut second = harness.market_data().await;
    first.list_datasets(request()).await.unwrap();
    second.list_datasets(request()).await.unwrap();
    let mut third = TcpStream::connect(harness.address()).await.unwrap();
    let mut bytes = Vec::new();
    let read = soon("it is closed", third.read_to_end(&mut bytes)).await;
    assert!(read.is_err() || bytes.is_empty());
    drop(second);
    let again = async {
        loop {
            let mut stream = TcpStream::connect(harness.address()).await.unwrap();
            // A server that speaks sends its SETTINGS first.
            if stream.write_all(PREFACE).await.is_ok() && stream.read_u8().await.is_ok() {
                break;
            }
        }
    };
    soon("the place comes free", again).await;
    first.list_datasets(request()).await.expect("an open connection stays open");
}

/// The preface of HTTP/2 and empty settings (RFC 9113, sections 3.4 and 6.5).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_client_does_not_delay_shutdown() {
    let harness = with(|config| {
        config.drain.grace_ms = 100;
        config.drain.deadline_ms = 15_000;
    })
    .await;
    let mut frozen = TcpStream::connect(harness.address()).await.unwrap();
    frozen.write_all(PREFACE).await.unwrap();
    frozen.read_u8().await.expect("the server speaks");
    let _silent = TcpStream::connect(harness.address()).await.unwrap();
    let mut client = harness.market_data().await;
    client.list_datasets(v1::ListDatasetsRequest::default()).await.unwrap();
    let began = tokio::time::Instant::now();
    assert!(harness.stop().await, "no call was cut");
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_bytes_are_the_callers_error() {
    let harness = Harness::start().await;
    let raw = Raw::connect(harness.address(), WINDOW).await;
    let message = v1::GetSeriesRequest::default().encode_to_vec();
    let invalid = (Code::InvalidArgument, "MALFORMED_MESSAGE");
    let (gzip, none): (&[_], &[_]) = (&[("grpc-encoding", "gzip")], &[]);
    let cases = [
        ("a flag that is none", framed(2, &message), none, invalid),
        // gRPC's specification of compression: such a message MUST fail with INTERNAL and a reason.
        (
            "a flag and no encoding",
            framed(1, &message),
            none,
            (Code::Internal, "COMPRESSED_WITHOUT_ENCODING"),
        ),
        ("no gzip", framed(1, b"not gzip"), gzip, invalid),
        ("half a message", framed(0, b"12345")[..7].to_vec(), none, invalid),
        ("half a length", vec![0, 0], none, invalid),
        // gRPC status codes: a violation of cardinality is UNIMPLEMENTED.
        ("no message", vec![], none, (Code::Unimplemented, "NO_MESSAGE")),
    ];
    for (case, bytes, headers, (code, reason)) in cases {
        let mut call = raw.call(GET_SERIES, headers).await;
        call.send(&bytes, true);
        let status = soon(case, call.read_answer()).await.status;
        println!("{case}: {status:?}");
        expect_refusal(&status, code, reason, &[]);
    }
    let unknown = raw.call(GET_SERIES, &[("grpc-encoding", "br")]).await;
    let status = soon("an unknown encoding", unknown.read_answer()).await.status;
    assert_eq!(status.code(), Code::Unimplemented);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_incomplete_upload_is_not_stored() {
    let harness = Harness::start().await;
    let raw = Raw::connect(harness.address(), WINDOW).await;
    let messages = upload(header("prices.csv"), BARS.as_bytes(), BARS.len());
    for _ in 0..20 {
        let mut call = raw.call(INGEST, &[]).await;
        for message in &messages {
            call.send(&first_of(message), false);
        }
        let taken = async {
            while harness.services().uploads_under_way() == 0 {
                tokio::task::yield_now().await;
            }
        };
        soon("it is under way", taken).await;
        call.request.send_reset(h2::Reason::CANCEL);
        let freed = async {
            while 0 < harness.services().uploads_under_way() {
                tokio::task::yield_now().await;
            }
        };
        soon("its place comes free", freed).await;
    }
    let held = harness.market_data().await.list_datasets(v1::ListDatasetsRequest::default()).await;
    let rows: i64 = held.unwrap().into_inner().datasets.iter().map(|held| held.row_count).sum();
    assert_eq!(rows, 0);
}
