//! Health per service and of the server, and reflection in both versions.

use crate::harness::{Harness, expect_refusal, header, soon};
use contract::v1;
use server::clock::Clock;
use tokio_stream::StreamExt as _;
use tonic::{Code, Status};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_types::StatusExt as _;

#[tokio::test(flavor = "multi_thread")]
async fn every_service_is_healthy_and_unknown_services_are_not_found() {
    let harness = Harness::start().await;
    let mut health = HealthClient::new(harness.channel().await);
    for service in server::rpc::NAMES.into_iter().chain([""]) {
        let request = HealthCheckRequest { service: service.to_owned() };
        let answer = health.check(request).await.unwrap().into_inner();
        assert_eq!(answer.status(), ServingStatus::Serving, "{service}");
    }
    let stranger = HealthCheckRequest { service: "ballast.v1.Nobody".to_owned() };
    assert_eq!(health.check(stranger).await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_its_store_answers_and_reports_not_serving() {
    let harness = Harness::start().await;
    let bars = b"Ticker,Date,Open,High,Low,Close,Volume\nAAPL,2021-01-04,1,1,1,1,1\n";
    harness.ingest("prices.csv", bars).await;
    let mut health = HealthClient::new(harness.channel().await);
    let of = |service: &str| HealthCheckRequest { service: service.to_owned() };
    let mut watching = health.watch(of("ballast.v1.MarketDataService")).await.unwrap().into_inner();
    assert_eq!(
        soon("a state", watching.next()).await.unwrap().unwrap().status(),
        ServingStatus::Serving
    );
    harness.services().store.close().await;
    let status = soon("a state", watching.next()).await.unwrap().unwrap().status();
    assert_eq!(status, ServingStatus::NotServing);
    for service in ["", "ballast.v1.RotationService"] {
        let answer = health.check(of(service)).await.unwrap().into_inner();
        assert_eq!(answer.status(), ServingStatus::Serving, "{service:?}");
    }
    let refused = harness.try_ingest(header("more.csv"), bars).await.unwrap_err();
    expect_refusal(&refused, Code::Unavailable, "STORE_UNAVAILABLE", &[]);
    let request = v1::ListDatasetsRequest::default();
    let answer = harness.market_data().await.list_datasets(request).await.unwrap().into_inner();
    assert_eq!(answer.datasets[0].row_count, 1, "what is in memory is answered");
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_write_into_a_deleted_file_is_not_acknowledged() {
    let harness = Harness::start().await;
    let bars = b"Ticker,Date,Open,High,Low,Close,Volume\nAAPL,2021-01-04,1,1,1,1,1\n";
    let more = b"Ticker,Date,Open,High,Low,Close,Volume\nAAPL,2021-01-05,1,1,1,1,1\n";
    harness.ingest("prices.csv", bars).await;
    let mut health = HealthClient::new(harness.channel().await);
    let of = |service: &str| HealthCheckRequest { service: service.to_owned() };
    let mut watching = health.watch(of("ballast.v1.MarketDataService")).await.unwrap().into_inner();
    assert_eq!(
        soon("a state", watching.next()).await.unwrap().unwrap().status(),
        ServingStatus::Serving
    );
    let path = harness.store_url().trim_start_matches("sqlite:").to_owned();
    let aside = format!("{path}.aside");
    std::fs::rename(&path, &aside).unwrap();
    let refused = harness.try_ingest(header("more.csv"), more).await.unwrap_err();
    expect_refusal(&refused, Code::Unavailable, "STORE_UNAVAILABLE", &[]);
    let status = soon("a state", watching.next()).await.unwrap().unwrap().status();
    assert_eq!(status, ServingStatus::NotServing);
    let answer = health.check(of("ballast.v1.RotationService")).await.unwrap().into_inner();
    assert_eq!(answer.status(), ServingStatus::Serving, "what is in memory is answered");
    std::fs::rename(&aside, &path).unwrap();
    let status = soon("a state", watching.next()).await.unwrap().unwrap().status();
    assert_eq!(status, ServingStatus::Serving, "the store is back");
    harness.ingest("more.csv", more).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replaced_log_is_not_followed() {
    let (ours, theirs) = (Harness::start().await, Harness::start().await);
    let bars = |close: u32| {
        format!("Ticker,Date,Open,High,Low,Close,Volume\nAAPL,2021-01-04,9,9,1,{close},1\n")
    };
    ours.ingest("prices.csv", bars(2).as_bytes()).await;
    let follow = || async {
        let store = &theirs.services().store;
        let services = ours.services();
        let followed = services.market.catch_up(store.as_ref(), &services.store_health).await;
        followed.map_err(|error| error.to_string())
    };
    let shorter = follow().await.unwrap_err();
    assert!(shorter.contains("newest revision is 0"), "{shorter}");
    for close in [3, 4] {
        theirs.ingest("prices.csv", bars(close).as_bytes()).await;
        let other = follow().await.unwrap_err();
        assert!(other.contains("revision 1 differs from the one read before"), "{other}");
    }
}

/// Checks that a stream was refused for lack of a place, by a setting.
fn expect_no_place(refused: &Status, setting: &str) {
    expect_refusal(refused, Code::ResourceExhausted, "OVERLOADED", &[]);
    let quota = refused.get_details_quota_failure().unwrap();
    assert_eq!(quota.violations[0].subject, setting, "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_of_health_and_reflection_have_places() {
    let harness = Harness::with(Clock::system(), |config| {
        (config.limits.probe_streams, config.limits.probe_streams_per_connection) = (3, 2);
    })
    .await;
    let server = || HealthCheckRequest { service: String::new() };
    let (first, second) = (harness.channel().await, harness.channel().await);
    let mut health = HealthClient::new(first.clone());
    let held = [health.watch(server()).await.unwrap(), health.watch(server()).await.unwrap()];
    let refused = health.watch(server()).await.unwrap_err();
    expect_no_place(&refused, "limits.probe_streams_per_connection");
    // The answer to a check is given under any load.
    health.check(server()).await.unwrap();

    let mut reflection = ServerReflectionClient::new(second.clone());
    // A client that sends no request keeps the stream open.
    let silent = tokio_stream::pending();
    let kept = reflection.server_reflection_info(silent).await.unwrap();
    let refused = HealthClient::new(second).watch(server()).await.unwrap_err();
    expect_no_place(&refused, "limits.probe_streams");
    // The first stream of a connection has a place whatever others hold.
    let mut stranger = HealthClient::new(harness.channel().await);
    let _first = stranger.watch(server()).await.unwrap();
    let refused = stranger.watch(server()).await.unwrap_err();
    expect_no_place(&refused, "limits.probe_streams");
    drop(held);
    let again = async { while health.watch(server()).await.is_err() {} };
    soon("the places of streams that have ended are free", again).await;
    drop(kept);
}

/// The contracts of both versions are equal except for the package.
macro_rules! listed_by {
    ($version:ident, $channel:expr) => {{
        use tonic_reflection::pb::$version::{
            ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
            server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
        };
        let ask = |message_request| ServerReflectionRequest {
            host: String::new(),
            message_request: Some(message_request),
        };
        let symbol = "grpc.health.v1.Health".to_owned();
        let requests = [
            ask(MessageRequest::ListServices(String::new())),
            ask(MessageRequest::FileContainingSymbol("ballast.v1.SnapshotRef".to_owned())),
            ask(MessageRequest::FileContainingSymbol(symbol)),
        ];
        let mut client = ServerReflectionClient::new($channel);
        let stream = client.server_reflection_info(tokio_stream::iter(requests)).await.unwrap();
        let answers: Vec<_> = stream.into_inner().collect().await;
        let mut names = Vec::new();
        for answer in answers {
            match answer.unwrap().message_response.unwrap() {
                MessageResponse::ListServicesResponse(list) => {
                    names.extend(list.service.into_iter().map(|service| service.name));
                }
                MessageResponse::FileDescriptorResponse(file) => {
                    assert!(!file.file_descriptor_proto.is_empty());
                }
                other => panic!("{other:?}"),
            }
        }
        names
    }};
}

#[tokio::test(flavor = "multi_thread")]
async fn reflection_knows_every_service_in_both_versions() {
    let harness = Harness::start().await;
    let listings =
        [listed_by!(v1, harness.channel().await), listed_by!(v1alpha, harness.channel().await)];
    for names in listings {
        for name in server::rpc::NAMES.into_iter().chain(["grpc.health.v1.Health"]) {
            assert!(names.iter().any(|listed| listed == name), "{name} in {names:?}");
        }
    }
}
