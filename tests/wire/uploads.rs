//! Concurrent uploads: their shared memory, and the refusal of an upload that finds none left.

use crate::harness::{Harness, expect_refusal, header, soon};
use contract::v1::{self, ingest_request::Part};
use server::clock::Clock;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

const MIB: u64 = 1024 * 1024;

fn rows(symbol: &str, count: u32) -> Vec<u8> {
    let row = |at: u32| format!("{symbol}{at},2021-01-04,133.5,133.6,126.7,129.4,143301900\n");
    let header = "Ticker,Date,Open,High,Low,Close,Volume\n".to_owned();
    (header + &(0..count).map(row).collect::<String>()).into_bytes()
}

fn part(part: Part) -> v1::IngestRequest {
    v1::IngestRequest { part: Some(part) }
}

/// One upload within another that has sent its rows but has not ended: the answers of both.
async fn two_at_once(harness: &Harness) -> [Result<v1::IngestResponse, Status>; 2] {
    let (sender, receiver) = mpsc::channel(4);
    let mut client = harness.market_data().await;
    let outer = tokio::spawn(async move { client.ingest(ReceiverStream::new(receiver)).await });
    sender.send(part(Part::Header(header("first.csv")))).await.unwrap();
    sender.send(part(Part::Chunk(rows("A", 4_000)))).await.unwrap();
    let inner = harness.try_ingest(header("second.csv"), &rows("B", 4_000)).await;
    drop(sender);
    [outer.await.unwrap().map(tonic::Response::into_inner), inner]
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_without_free_memory_is_told_when_to_retry() {
    let harness = Harness::with(Clock::system(), |config| {
        config.limits.upload_memory_bytes = 10 * MIB;
    })
    .await;
    // The one that is read later finds too little memory left, whichever that is. Unless the
    // reader of the outer one begins only after the inner one has ended.
    let refusal = async {
        loop {
            match two_at_once(&harness).await {
                [Ok(_), Ok(_)] => {}
                [Ok(taken), Err(refused)] | [Err(refused), Ok(taken)] => break (taken, refused),
                [Err(outer), Err(inner)] => panic!("one of them fits: {outer}, {inner}"),
            }
        }
    };
    let (taken, refused) = soon("one of the two is refused", refusal).await;
    assert_eq!(taken.accepted_count + taken.already_known_count, 4_000);
    expect_refusal(&refused, Code::ResourceExhausted, "UPLOAD_MEMORY_HELD", &[]);
    assert!(refused.get_details_retry_info().unwrap().retry_delay.is_some());
    let quota = refused.get_details_quota_failure().unwrap();
    assert_eq!(quota.violations[0].subject, "limits.upload_memory_bytes");

    // The rows of an upload are freed behind its answer, off the threads that serve.
    let again = async {
        loop {
            if let Ok(taken) = harness.try_ingest(header("second.csv"), &rows("B", 4_000)).await {
                break taken;
            }
        }
    };
    let again = soon("the memory comes back", again).await;
    assert_eq!(again.accepted_count + again.already_known_count, 4_000);

    // A retry does not help a file that needs more than the limit.
    let alone = harness.try_ingest(header("large.csv"), &rows("C", 30_000)).await.unwrap_err();
    expect_refusal(&alone, Code::InvalidArgument, "FILE_REFUSED", &[]);
    let info = alone.get_details_error_info().unwrap();
    assert_eq!(info.metadata.get("fault").map(String::as_str), Some("TOO_MUCH_MEMORY"));
}
