//! Properties of every call: its id, and the limits and ends of streams.

use crate::harness::{Harness, expect_refusal, header, soon};
use contract::v1::{self, rotation_service_client::RotationServiceClient};
use server::clock::Clock;
use std::time::Duration;
use tokio_stream::StreamExt as _;
use tonic::{Code, Request, Status, Streaming};
use tonic_types::StatusExt as _;

async fn watcher(
    harness: &Harness,
    request: Request<v1::WatchRotationRequest>,
) -> Result<Streaming<v1::WatchRotationResponse>, Status> {
    let mut client = RotationServiceClient::new(harness.channel().await);
    Ok(client.watch_rotation(request).await?.into_inner())
}

fn watch() -> Request<v1::WatchRotationRequest> {
    Request::new(v1::WatchRotationRequest::default())
}

/// The status that a stream ends with.
async fn end_of(mut stream: Streaming<v1::WatchRotationResponse>) -> Status {
    loop {
        match soon("the stream ends", stream.next()).await {
            Some(Ok(_)) => {}
            Some(Err(status)) => break status,
            None => panic!("the stream ended without a status"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_keeps_its_id_or_gets_one() {
    let harness = Harness::start().await;
    let mut client = harness.market_data().await;
    let id = |answer: &tonic::Response<v1::ListDatasetsResponse>| {
        answer.metadata().get("x-request-id").unwrap().to_str().unwrap().to_owned()
    };
    let mut request = Request::new(v1::ListDatasetsRequest::default());
    request.metadata_mut().insert("x-request-id", "desk-7".parse().unwrap());
    assert_eq!(id(&client.list_datasets(request).await.unwrap()), "desk-7");
    let mut given = Vec::new();
    for unfit in [String::new(), "two words".to_owned(), "x".repeat(129)] {
        let mut request = Request::new(v1::ListDatasetsRequest::default());
        request.metadata_mut().insert("x-request-id", unfit.parse().unwrap());
        given.push(id(&client.list_datasets(request).await.unwrap()));
        assert_ne!(given.last(), Some(&unfit));
    }
    given.dedup();
    assert_eq!(given.len(), 3, "each its own: {given:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watcher_over_the_limit_is_refused_until_a_place_is_free() {
    let harness = Harness::with(Clock::system(), |config| config.limits.watchers = 1).await;
    let mut first = watcher(&harness, watch()).await.unwrap();
    soon("a report", first.next()).await.unwrap().unwrap();
    let refused = watcher(&harness, watch()).await.unwrap_err();
    expect_refusal(&refused, Code::ResourceExhausted, "OVERLOADED", &[]);
    drop(first);
    let free = async {
        while watcher(&harness, watch()).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    soon("the place comes free", free).await;
}

/// Callers without authentication are told apart by their address, and all of a test have one.
#[tokio::test(flavor = "multi_thread")]
async fn a_caller_has_a_share_of_the_watchers_and_of_the_uploads() {
    let harness = Harness::with(Clock::system(), |config| {
        config.limits.watchers_per_caller = 1;
        config.limits.uploads_per_caller = 1;
    })
    .await;
    let subject = |refused: &Status| {
        expect_refusal(refused, Code::ResourceExhausted, "OVERLOADED", &[]);
        refused.get_details_quota_failure().unwrap().violations[0].subject.clone()
    };
    let mut first = watcher(&harness, watch()).await.unwrap();
    soon("a report", first.next()).await.unwrap().unwrap();
    let refused = watcher(&harness, watch()).await.unwrap_err();
    assert_eq!(subject(&refused), "limits.watchers_per_caller");
    let (sender, receiver) = tokio::sync::mpsc::channel(1);
    let part = Some(v1::ingest_request::Part::Header(header("slow.csv")));
    sender.send(v1::IngestRequest { part }).await.unwrap();
    let mut client = harness.market_data().await;
    let slow = tokio_stream::wrappers::ReceiverStream::new(receiver);
    let _slow = tokio::spawn(async move { client.ingest(slow).await });
    let taken = async {
        while harness.services().uploads_under_way() == 0 {
            tokio::task::yield_now().await;
        }
    };
    soon("the first upload has its place", taken).await;
    let refused = harness.try_ingest(header("b.csv"), b"").await.unwrap_err();
    assert_eq!(subject(&refused), "limits.uploads_per_caller");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_at_its_callers_deadline_at_its_lifetime_and_at_shutdown() {
    let harness =
        Harness::with(Clock::system(), |config| config.limits.watch_lifetime_ms = 300).await;
    let mut request = watch();
    request.set_timeout(Duration::from_millis(200));
    let status = end_of(watcher(&harness, request).await.unwrap()).await;
    expect_refusal(&status, Code::DeadlineExceeded, "DEADLINE_EXCEEDED", &[]);
    let status = end_of(watcher(&harness, watch()).await.unwrap()).await;
    expect_refusal(&status, Code::Unavailable, "STREAM_LIFETIME", &[]);

    let harness = Harness::start().await;
    let mut stream = watcher(&harness, watch()).await.unwrap();
    soon("a report", stream.next()).await.unwrap().unwrap();
    let stopping = tokio::spawn(harness.stop());
    expect_refusal(&end_of(stream).await, Code::Unavailable, "SHUTTING_DOWN", &[]);
    assert!(stopping.await.unwrap(), "nothing had to be cut");
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_may_be_compressed_and_answers_are_if_configured() {
    use tonic::codec::CompressionEncoding::Gzip;
    for compress in [false, true] {
        let harness =
            Harness::with(Clock::system(), |config| config.connections.compress = compress).await;
        let client = harness.market_data().await;
        let mut client = client.send_compressed(Gzip).accept_compressed(Gzip);
        let answer = client.list_datasets(v1::ListDatasetsRequest::default()).await.unwrap();
        let encoding = answer.metadata().get("grpc-encoding").map(|value| value.to_str().unwrap());
        assert_eq!(encoding, compress.then_some("gzip"));
    }
}
