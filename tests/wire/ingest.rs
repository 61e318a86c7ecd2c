//! Files over the wire: every form, every fault, and unchanged answers about the past.

use crate::harness::{
    Harness, expect_refusal, header, instant, named, on, reference, soon, upload,
};
use contract::v1;
use server::clock::Clock;
use std::io::Write as _;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

const NOW: &str = "2021-02-01T21:00:00Z";
const BARS: &str = "Ticker,Date,Open,High,Low,Close,Volume\n\
                    AAPL,2021-01-04,133.5,133.6,126.7,129.4,143301900\n\
                    AAPL,2021-01-05,128.9,131.7,128.4,131.0,97664900\n\
                    MSFT,2021-01-04,222.5,223.0,214.8,217.7,37130100\n";

/// The fault code of a refused file.
fn fault(status: &Status) -> String {
    expect_refusal(status, Code::InvalidArgument, "FILE_REFUSED", &[]);
    status.get_details_error_info().unwrap().metadata.get("fault").unwrap().clone()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

async fn closes(harness: &Harness, as_of: Option<v1::AsOf>) -> Vec<(String, f64)> {
    let request = v1::GetSeriesRequest {
        as_of,
        dataset: v1::Dataset::Bars.into(),
        instrument: named("AAPL"),
        fields: vec!["close".to_owned()],
        ..v1::GetSeriesRequest::default()
    };
    let answer = harness.market_data().await.get_series(request).await.unwrap().into_inner();
    let value = |point: &v1::SeriesPoint| match point.values[0].value {
        Some(v1::field_value::Value::Number(number)) => number,
        ref other => panic!("{other:?}"),
    };
    answer.points.iter().map(|point| (point.observed_on.clone(), value(point))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_visible_at_once_and_adds_nothing_the_second_time() {
    let harness = Harness::at(NOW).await;
    let first = harness.ingest("prices.csv", BARS.as_bytes()).await;
    assert_eq!((first.row_count, first.accepted_count, first.new_symbol_count), (3, 3, 2));
    assert_eq!((first.first_on.as_str(), first.last_on.as_str()), ("2021-01-04", "2021-01-05"));
    assert_eq!(first.kind, "ohlcv_table");
    assert_eq!(reference(&first.info).revision, 1);
    let known = [("2021-01-04".to_owned(), 129.4), ("2021-01-05".to_owned(), 131.0)];
    assert_eq!(closes(&harness, None).await, known);
    assert_eq!(closes(&harness, on("2021-01-04")).await, known[..1]);

    let again = harness.ingest("prices.csv.gz", &gzip(BARS.as_bytes())).await;
    assert_eq!((again.accepted_count, again.already_known_count, again.row_count), (0, 3, 3));
    assert_eq!(reference(&again.info).revision, 1, "a file without new facts adds no revision");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_request_id_gets_the_same_answer() {
    let harness = Harness::at(NOW).await;
    let named = v1::IngestHeader { request_id: "once".to_owned(), ..header("prices.csv") };
    let first = harness.try_ingest(named.clone(), BARS.as_bytes()).await.unwrap();
    let other = BARS.replace("129.4", "129.5");
    harness.ingest("prices.csv", other.as_bytes()).await;
    let harness = harness.restart().await;
    let second = harness.try_ingest(named.clone(), BARS.as_bytes()).await.unwrap();
    assert_eq!(first, second, "byte for byte, after other writes and a restart");
    let reused = harness.try_ingest(named, other.as_bytes()).await.unwrap_err();
    expect_refusal(&reused, Code::FailedPrecondition, "REQUEST_ID_REUSED", &[]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lagging_process_gives_the_same_answer_to_a_request_id() {
    let other = Harness::at(NOW).await;
    let url = other.store_url().to_owned();
    let lagging = Harness::with(Clock::system(), |config| {
        config.store = url.into();
        config.poll_ms = 3_600_000;
    })
    .await;
    let named = v1::IngestHeader { request_id: "once".to_owned(), ..header("prices.csv") };
    let first = other.try_ingest(named.clone(), BARS.as_bytes()).await.unwrap();
    let second = lagging.try_ingest(named, BARS.as_bytes()).await.unwrap();
    assert_eq!(first, second);
    assert_eq!(
        closes(&lagging, None).await.len(),
        2,
        "the caller that was answered reads the write"
    );
    lagging.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_gets_every_count_and_the_first_rejections() {
    let harness = Harness::at(NOW).await;
    let mut text = BARS.to_owned();
    for line in 0..1_000 {
        text.push_str(&format!("BAD{line},2021-01-04,1,2,1,-1.5,10\n"));
    }
    let named = v1::IngestHeader { force: true, ..header("prices.csv") };
    let first = harness.try_ingest(named.clone(), text.as_bytes()).await.unwrap();
    assert_eq!((first.rejected_count, first.rejections.len()), (1_000, 1_000));
    let again = harness.try_ingest(named.clone(), text.as_bytes()).await.unwrap();
    let expected = v1::IngestResponse { rejections: first.rejections[..20].to_vec(), ..first };
    assert_eq!(again, expected);
    // The same bad rows under other ids take little space: 186 kB each would be 5.6 MB.
    for _ in 0..30 {
        let named = v1::IngestHeader { force: true, ..header("prices.csv") };
        harness.try_ingest(named, text.as_bytes()).await.unwrap();
    }
    let path = harness.store_url().trim_start_matches("sqlite:").to_owned();
    let (_folder, stopping) = harness.stop_and_keep();
    assert!(stopping.await.unwrap());
    let bytes = std::fs::metadata(path).unwrap().len();
    assert!(bytes < 1_500_000, "the store has {bytes} bytes");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_id_expires() {
    let harness = Harness::at(NOW).await;
    let named = v1::IngestHeader { request_id: "once".to_owned(), ..header("prices.csv") };
    let first = harness.try_ingest(named.clone(), BARS.as_bytes()).await.unwrap();
    harness.set_clock("2021-03-03T20:59:00Z");
    harness.ingest("others.csv", BARS.replace("AAPL", "IBM").as_bytes()).await;
    let again = harness.try_ingest(named.clone(), BARS.as_bytes()).await.unwrap();
    assert_eq!(again, first, "a minute before 30 days are over");
    harness.set_clock("2021-03-03T21:01:00Z");
    harness.ingest("more.csv", BARS.replace("AAPL", "KO").as_bytes()).await;
    let later = harness.try_ingest(named, BARS.as_bytes()).await.unwrap();
    assert_eq!(
        (later.accepted_count, later.already_known_count),
        (0, 3),
        "a new write of known rows"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_correction_does_not_change_earlier_answers() {
    let harness = Harness::at(NOW).await;
    let raw =
        || v1::IngestHeader { price_basis: v1::PriceBasis::Raw.into(), ..header("prices.csv") };
    let first = reference(&harness.try_ingest(raw(), BARS.as_bytes()).await.unwrap().info);
    harness.set_clock("2021-02-03T12:00:00Z");
    let corrected = BARS.replace("131.0,", "131.5,");
    let second = harness.try_ingest(raw(), corrected.as_bytes()).await.unwrap();
    assert_eq!(
        (second.accepted_count, second.corrected_count, second.already_known_count),
        (0, 1, 2),
        "{second:?}"
    );
    assert_eq!(closes(&harness, None).await[1].1, 131.5);
    assert_eq!(closes(&harness, on("2021-02-02")).await[1].1, 131.0, "not known then");
    let revision = v1::AsOf { revision: Some(first.revision), ..v1::AsOf::default() };
    assert_eq!(closes(&harness, Some(revision)).await[1].1, 131.0, "not in our log then");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_row_is_reported_by_line_and_the_rest_is_stored() {
    let harness = Harness::at(NOW).await;
    let mut text = BARS.to_owned();
    for day in 1..=60 {
        let month = 1 + day / 30;
        text.push_str(&format!("IBM,2020-{month:02}-{:02},1,2,1,1.5,10\n", 1 + day % 28));
    }
    text.push_str("IBM,2020-06-01,1,2,1,-1.5,10\nIBM,2020-02-30,1,2,1,1.5,10\n");
    let answer = harness.ingest("prices.csv", text.as_bytes()).await;
    assert_eq!(answer.rejected_count, 2, "{answer:?}");
    let reported: Vec<_> = answer.rejections.iter().map(|row| (row.line, &*row.code)).collect();
    assert_eq!(reported, [(65, "NOT_POSITIVE"), (66, "IMPOSSIBLE_DATE")]);
    assert_eq!(
        answer.row_count,
        answer.accepted_count + answer.already_known_count + answer.rejected_count
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_file_stores_nothing_and_gets_a_reason() {
    let harness = Harness::at(NOW).await;
    let whole = gzip(BARS.as_bytes());
    let header_only = &BARS[..=BARS.find('\n').unwrap()];
    let utf16: Vec<u8> = BARS.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let utf16 = [&[0xff, 0xfe][..], &utf16].concat();
    let nul = BARS.replace("MSFT", "MS\0T");
    let worse = BARS.replace("129.4", "-129.4");
    let cases: Vec<(&str, &[u8], &str)> = vec![
        ("empty", b"", "EMPTY_FILE"),
        ("blank lines", b"\n\n \n", "EMPTY_FILE"),
        ("a header alone", header_only.as_bytes(), "NO_ROWS"),
        ("no header", &BARS.as_bytes()[header_only.len()..], "UNKNOWN_HEADER"),
        ("another header", b"a,b,c\n1,2,3\n", "UNKNOWN_HEADER"),
        ("an HTML page", b"<!DOCTYPE html><html><body>404</body></html>", "HTML_PAGE"),
        ("an XML page", b"<?xml version=\"1.0\"?><Error>AccessDenied</Error>", "XML_PAGE"),
        ("a truncated gzip", &whole[..whole.len() - 9], "TRUNCATED_FILE"),
        ("junk", &[0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 1, 2, 3], "BINARY_FILE"),
        ("a NUL byte", nul.as_bytes(), "NUL_BYTE"),
        ("UTF-16", &utf16, "WRONG_ENCODING"),
        ("a third of the rows bad", worse.as_bytes(), "TOO_MANY_BAD_ROWS"),
    ];
    for (case, bytes, expected) in cases {
        let status = harness.try_ingest(header("prices.csv"), bytes).await.unwrap_err();
        assert_eq!(fault(&status), expected, "{case}: {}", status.message());
    }
    let revisions = v1::ListRevisionsRequest::default();
    let answer = harness.market_data().await.list_revisions(revisions).await.unwrap().into_inner();
    assert_eq!(answer.revisions, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn revisions_name_the_source_of_their_facts() {
    let harness = Harness::at(NOW).await;
    harness.ingest("prices.csv", BARS.as_bytes()).await;
    let request = v1::ListRevisionsRequest::default();
    let answer = harness.market_data().await.list_revisions(request).await.unwrap().into_inner();
    let [revision] = answer.revisions.as_slice() else { panic!("{answer:?}") };
    assert_eq!(answer.total_size, 1);
    assert_eq!((revision.revision, revision.fact_count), (1, 3));
    assert_eq!(
        (revision.kind.as_str(), revision.file_name.as_str()),
        ("ohlcv_table", "prices.csv")
    );
    let hash = blake3::hash(BARS.as_bytes()).to_hex().to_string();
    assert_eq!(revision.content_hash, hash);
    assert_eq!(revision.data_version, reference(&answer.info).data_version);
    harness.ingest("more.csv", BARS.replace("MSFT", "IBM").as_bytes()).await;
    let list = async |after_revision, page_size| {
        let request = v1::ListRevisionsRequest { after_revision, page_size, ..Default::default() };
        let answer = harness.market_data().await.list_revisions(request).await.unwrap();
        let answer = answer.into_inner();
        (answer.revisions.len(), answer.total_size)
    };
    assert_eq!(list(0, 1).await, (1, 2), "of all pages");
    assert_eq!(list(1, 0).await, (1, 1));
    assert_eq!(list(9, 0).await, (0, 0), "after the last one");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_size_of_chunks_does_not_matter() {
    let harness = Harness::at(NOW).await;
    let messages = upload(header("prices.csv"), BARS.as_bytes(), 7);
    let mut client = harness.market_data().await;
    let answer = client.ingest(tokio_stream::iter(messages)).await.unwrap().into_inner();
    assert_eq!(answer.accepted_count, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_writers_each_get_a_revision_and_nothing_is_lost() {
    let harness = Harness::at(NOW).await;
    let symbols = ["IBM", "KO", "PG", "GE", "F", "T", "C", "X"];
    let mut clients = Vec::new();
    for symbol in symbols {
        clients.push((symbol, harness.market_data().await));
    }
    let writes: Vec<_> = clients
        .into_iter()
        .map(|(symbol, mut client)| {
            let text = BARS.replace("AAPL", symbol);
            let messages = upload(header("prices.csv"), text.as_bytes(), 64);
            tokio::spawn(async move { client.ingest(tokio_stream::iter(messages)).await })
        })
        .collect();
    let mut revisions = Vec::new();
    for write in writes {
        match write.await.unwrap() {
            Ok(answer) => {
                let answer = answer.into_inner();
                // MSFT is in every file: the first writer adds it.
                assert_eq!(answer.accepted_count + answer.already_known_count, 3, "{answer:?}");
                revisions.push(reference(&answer.info).revision);
            }
            // Eight may be too many at once: the refusal says so, and nothing is stored partially.
            Err(status) => expect_refusal(&status, Code::ResourceExhausted, "OVERLOADED", &[]),
        }
    }
    revisions.sort_unstable();
    assert!(revisions.iter().copied().eq(1..=revisions.len() as u64), "{revisions:?}");
    let coverage = v1::ListDatasetsRequest::default();
    let coverage = harness.market_data().await.list_datasets(coverage).await.unwrap().into_inner();
    assert_eq!(coverage.datasets[0].row_count, 1 + 2 * revisions.len() as i64);
}

/// Two uploads of one file wait behind an analysis at the same time, so neither holds the right to
/// write. Both were prepared for the empty log, and still only one of them adds the rows.
#[tokio::test(flavor = "multi_thread")]
async fn an_upload_waits_for_analyses_without_the_right_to_write() {
    let harness = Harness::with(Clock::manual(instant(NOW)), |config| {
        config.threads = 1;
        config.limits.compute_queue = 2;
    })
    .await;
    let compute = &harness.services().compute;
    let (release, held) = std::sync::mpsc::channel::<()>();
    let analysis = tokio::spawn({
        let compute = compute.clone();
        async move { compute.run(move || held.recv().is_ok()).await }
    });
    let mut uploads = Vec::new();
    for _ in 0..2 {
        let mut client = harness.market_data().await;
        let messages = upload(header("prices.csv"), BARS.as_bytes(), 64);
        uploads
            .push(tokio::spawn(async move { client.ingest(tokio_stream::iter(messages)).await }));
    }
    let queue_is_full = async {
        while 0 < compute.free_places() {
            tokio::task::yield_now().await;
        }
    };
    soon("both uploads wait for the pool", queue_is_full).await;
    drop(soon("the right to write is free", harness.services().market.writing()).await);
    release.send(()).unwrap();
    assert!(analysis.await.unwrap().unwrap());
    let mut counts = Vec::new();
    for upload in uploads {
        let answer = upload.await.unwrap().unwrap().into_inner();
        assert_eq!(reference(&answer.info).revision, 1);
        counts.push((answer.accepted_count, answer.already_known_count));
    }
    counts.sort_unstable();
    assert_eq!(counts, [(0, 3), (3, 0)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_disconnects_does_not_undo_its_upload() {
    let harness = Harness::at(NOW).await;
    let named = v1::IngestHeader { request_id: "left".to_owned(), ..header("prices.csv") };
    let messages = upload(named.clone(), BARS.as_bytes(), 1 << 20);
    let mut client = harness.market_data().await;
    let call = tokio::spawn(async move { client.ingest(tokio_stream::iter(messages)).await });
    // Long enough for some runs to disconnect before the write, some during it, some after.
    tokio::task::yield_now().await;
    call.abort();
    let again = harness.try_ingest(named, BARS.as_bytes()).await.unwrap();
    assert_eq!(
        (again.accepted_count, reference(&again.info).revision),
        (3, 1),
        "one write, counted once"
    );
}
