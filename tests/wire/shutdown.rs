//! Shutdown: streams end with UNAVAILABLE, calls finish, and a hard deadline ends the others.

use crate::harness::{Harness, expect_refusal, header, soon, upload};
use contract::v1;
use server::clock::Clock;
use tokio::sync::mpsc;
use tokio_stream::{StreamExt as _, wrappers::ReceiverStream};
use tonic::Code;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

const BARS: &str = "Ticker,Date,Open,High,Low,Close,Volume\n\
                    AAPL,2021-01-04,133.5,133.6,126.7,129.4,143301900\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_with_unavailable_after_not_serving() {
    let harness = Harness::start().await;
    let mut health = HealthClient::new(harness.channel().await);
    let request = HealthCheckRequest { service: String::new() };
    let mut watching = health.watch(request).await.unwrap().into_inner();
    let first = soon("a state", watching.next()).await.unwrap().unwrap();
    assert_eq!(first.status(), ServingStatus::Serving);
    let stopping = tokio::spawn(harness.stop());
    let mut last = None;
    let status = loop {
        match soon("a state", watching.next()).await {
            Some(Ok(answer)) => last = Some(answer.status()),
            Some(Err(status)) => break status,
            None => panic!("the stream ended without a status"),
        }
    };
    assert_ne!(last, Some(ServingStatus::Serving));
    expect_refusal(&status, Code::Unavailable, "SHUTTING_DOWN", &[]);
    assert!(stopping.await.unwrap(), "nothing had to be cut");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_in_flight_finishes_and_is_stored() {
    let harness = Harness::start().await;
    let url = harness.store_url().to_owned();
    let (sender, receiver) = mpsc::channel(1);
    let mut client = harness.market_data().await;
    let mut health = HealthClient::new(harness.channel().await);
    let uploading = tokio::spawn(async move { client.ingest(ReceiverStream::new(receiver)).await });
    let mut messages = upload(header("prices.csv"), BARS.as_bytes(), 20).into_iter();
    sender.send(messages.next().unwrap()).await.unwrap();
    let under_way = async {
        while harness.services().uploads_under_way() == 0 {
            tokio::task::yield_now().await;
        }
    };
    soon("the upload begins", under_way).await;
    let (folder, stopping) = harness.stop_and_keep();
    // The drain has begun when health reports it, or when its connection got a GOAWAY.
    let request = HealthCheckRequest { service: String::new() };
    while let Ok(answer) = soon("a state", health.check(request.clone())).await {
        if answer.into_inner().status() != ServingStatus::Serving {
            break;
        }
    }
    for message in messages {
        sender.send(message).await.unwrap();
    }
    drop(sender);
    let answer = uploading.await.unwrap().unwrap().into_inner();
    assert_eq!(answer.accepted_count, 1);
    assert!(stopping.await.unwrap(), "nothing had to be cut");
    let checked = server::admin::check(&url).await.unwrap();
    assert_eq!((checked.revisions, checked.facts, checked.faults), (1, 1, vec![]));
    drop(folder);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_hard_deadline_ends_a_call_that_does_not_finish() {
    let harness = Harness::with(Clock::system(), |config| config.drain.deadline_ms = 200).await;
    let (sender, receiver) = mpsc::channel(1);
    let mut client = harness.market_data().await;
    let uploading = tokio::spawn(async move { client.ingest(ReceiverStream::new(receiver)).await });
    let mut messages = upload(header("prices.csv"), BARS.as_bytes(), 20).into_iter();
    sender.send(messages.next().unwrap()).await.unwrap();
    let under_way = async {
        while harness.services().uploads_under_way() == 0 {
            tokio::task::yield_now().await;
        }
    };
    soon("the upload begins", under_way).await;
    let drained = soon("it ends", harness.stop()).await;
    assert!(!drained, "the upload had to be cut");
    let status = uploading.await.unwrap().unwrap_err();
    expect_refusal(&status, Code::Unavailable, "SHUTTING_DOWN", &[]);
    let _still_uploading: mpsc::Sender<v1::IngestRequest> = sender;
}
