//! Overload: what would wait too long is refused at once, views of the past do not starve the
//! present, and a client that resets its calls as fast as it makes them harms nobody.

use crate::{
    harness::{Harness, expect_refusal, header, on, soon, upload},
    raw::{Raw, framed},
};
use contract::v1::{self, rotation_service_client::RotationServiceClient};
use prost::Message as _;
use server::clock::Clock;
use std::time::Duration;
use tokio::task::JoinSet;
use tonic::{Code, Status};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tonic_types::StatusExt as _;

const LIST_INDICATORS: &str = "/ballast.v1.RotationService/ListIndicators";
const INGEST: &str = "/ballast.v1.MarketDataService/Ingest";
const BARS: &str = "Ticker,Date,Open,High,Low,Close,Volume\n\
                    SPY,2021-01-04,370,371,365,368,1000\nSPY,2021-01-05,368,372,367,371,1000\n";

/// The refusals of a flood of calls on one connection, and the number of answers.
async fn flood(harness: &Harness, calls: usize) -> (Vec<Status>, usize) {
    let raw = Raw::connect(harness.address(), 1 << 20).await;
    let request = framed(0, &v1::ListIndicatorsRequest::default().encode_to_vec());
    let mut answers = JoinSet::new();
    for _ in 0..calls {
        let mut call = raw.call(LIST_INDICATORS, &[]).await;
        call.send(&request, true);
        // All are read at once: those that are not would fill the window of the connection.
        answers.spawn(call.answer().whole());
    }
    let statuses = soon("the answers", answers.join_all()).await.into_iter();
    let refused: Vec<Status> =
        statuses.map(|answer| answer.status).filter(|status| status.code() != Code::Ok).collect();
    let answered = calls - refused.len();
    (refused, answered)
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_would_wait_too_long_are_refused_and_say_why() {
    let harness = Harness::with(Clock::system(), |config| config.limits.queue_ms = 0).await;
    let (refused, answered) = flood(&harness, 200).await;
    assert!(0 < answered && !refused.is_empty(), "{answered} answered");
    for status in &refused {
        expect_refusal(status, Code::ResourceExhausted, "OVERLOADED", &[]);
        let quota = status.get_details_quota_failure().unwrap().violations;
        assert_eq!(quota[0].subject, "limits.queue_ms");
        let retry = status.get_details_retry_info().unwrap().retry_delay;
        assert_eq!(retry, Some(Duration::from_secs(1)));
    }
    let mut health = HealthClient::new(harness.channel().await);
    let request = HealthCheckRequest { service: String::new() };
    health.check(request).await.expect("health is answered under any load");
    let mut client = harness.market_data().await;
    client.list_datasets(v1::ListDatasetsRequest::default()).await.expect("the queue is empty");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_has_a_rate_and_health_has_none() {
    let harness =
        Harness::with(Clock::system(), |config| config.limits.calls_per_s_per_caller = 5).await;
    let mut client = harness.market_data().await;
    let mut refused = Vec::new();
    for _ in 0..100 {
        let request = v1::ListDatasetsRequest::default();
        refused.extend(client.list_datasets(request).await.err());
    }
    assert!(!refused.is_empty() && refused.len() <= 95, "{}", refused.len());
    for status in &refused {
        expect_refusal(status, Code::ResourceExhausted, "OVERLOADED", &[]);
        let quota = status.get_details_quota_failure().unwrap().violations;
        assert_eq!(quota[0].subject, "limits.calls_per_s_per_caller");
    }
    let mut health = HealthClient::new(harness.channel().await);
    for _ in 0..20 {
        let request = HealthCheckRequest { service: String::new() };
        health.check(request).await.expect("health has no rate");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_within_the_bound_is_answered() {
    let harness = Harness::start().await;
    let (refused, answered) = flood(&harness, 200).await;
    assert_eq!((refused.len(), answered), (0, 200));
}

#[tokio::test(flavor = "multi_thread")]
async fn views_of_the_past_leave_the_present_its_threads() {
    // One thread for views of the past.
    let harness = Harness::with(Clock::system(), |config| config.threads = 2).await;
    harness.ingest("prices.csv", BARS.as_bytes()).await;
    let (release, held) = std::sync::mpsc::channel::<()>();
    let past = harness.services().past.clone();
    let places = past.free_places();
    assert_eq!(past.threads(), 1);
    let busy = tokio::spawn({
        let past = past.clone();
        async move { past.run(move || held.recv().is_ok()).await }
    });
    let taken = async {
        while past.free_places() == places {
            tokio::task::yield_now().await;
        }
    };
    soon("the thread is taken", taken).await;
    let mut client = RotationServiceClient::new(harness.channel().await);
    let of_the_past = v1::GetRotationRequest { as_of: on("2021-01-04"), ..Default::default() };
    let mut other = client.clone();
    let request = of_the_past.clone();
    let waiting = tokio::spawn(async move { other.get_rotation(request).await });
    soon("the present", client.get_rotation(v1::GetRotationRequest::default())).await.unwrap();
    assert!(!waiting.is_finished());
    release.send(()).unwrap();
    assert!(soon("the thread of the past", busy).await.unwrap().unwrap());
    soon("the past", waiting).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_are_reset_at_once_leave_nothing_behind() {
    let harness = Harness::start().await;
    let raw = Raw::connect(harness.address(), 65_535).await;
    let request = framed(0, &v1::ListIndicatorsRequest::default().encode_to_vec());
    for _ in 0..5_000 {
        // The server may end the connection of such a client.
        let Ok(mut call) = raw.try_call(LIST_INDICATORS, &[]).await else { break };
        let _sent = call.send_more(&request);
        call.request.send_reset(h2::Reason::CANCEL);
    }
    let mut client = harness.market_data().await;
    let answer = client.list_datasets(v1::ListDatasetsRequest::default());
    soon("another client", answer).await.expect("is answered");
    assert!(soon("the end", harness.stop()).await, "no call was left");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_connection_is_asked_to_close_and_finishes_its_calls() {
    let harness =
        Harness::with(Clock::system(), |config| config.connections.max_age_ms = 300).await;
    let raw = Raw::connect(harness.address(), 65_535).await;
    let mut call = raw.call(INGEST, &[]).await;
    let mut messages = upload(header("prices.csv"), BARS.as_bytes(), 64).into_iter();
    call.send(&framed(0, &messages.next().unwrap().encode_to_vec()), false);
    let aged = async {
        while !raw.is_going_away().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    soon("the GOAWAY", aged).await;
    for message in messages {
        call.send(&framed(0, &message.encode_to_vec()), false);
    }
    call.send(&[], true);
    assert_eq!(call.read_answer().await.status.code(), Code::Ok);
    soon("the connection ends", raw.connection).await.unwrap();
}
