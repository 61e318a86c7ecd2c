//! The binary as a process: how it ends, how much memory attacking clients of a server can take,
//! what it logs.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test starts processes, reads files, measures time, and may panic"
)]

mod support;

use contract::v1::{self, market_data_service_client::MarketDataServiceClient};
use h2::client::SendRequest;
use prost::Message as _;
use std::{
    process::Command,
    time::{Duration, Instant},
};
use support::{PATIENCE, store_in};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    signal::unix::{SignalKind, signal},
};
use tonic::codegen::Bytes;

/// A server with its own store.
struct Server {
    process: support::Server,
    _folder: TempDir,
}

/// Waits until `look` returns a value.
async fn soon<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "{what}: too late");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

impl Server {
    /// Starts a server in a shell, after running `before`, and waits until it listens.
    fn start(before: &str, settings: &[(&str, &str)]) -> Server {
        let folder = TempDir::new().unwrap();
        let process = support::Server::start(before, &store_in(folder.path()), settings);
        Server { process, _folder: folder }
    }

    fn lines(&self, message: &str) -> Vec<serde_json::Value> {
        self.process.lines(message)
    }

    fn signal(&self, name: &str) {
        let id = self.process.child.id().to_string();
        assert!(Command::new("kill").args([name, &id]).status().unwrap().success());
    }

    /// Waits for the end of the process. The log tells how far it came if it does not end.
    async fn exit_code(&mut self) -> Option<i32> {
        let began = Instant::now();
        loop {
            if let Some(status) = self.process.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(began.elapsed() < PATIENCE, "it does not end: {:#?}", self.lines(""));
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn client(&self) -> MarketDataServiceClient<tonic::transport::Channel> {
        MarketDataServiceClient::connect(self.process.http()).await.unwrap()
    }

    /// A connection whose streams have a small flow-control window.
    async fn raw(&self) -> (SendRequest<Bytes>, tokio::task::JoinHandle<()>) {
        self.raw_with(1_000).await
    }

    /// A connection whose streams have the given flow-control window, bytes.
    async fn raw_with(&self, window: u32) -> (SendRequest<Bytes>, tokio::task::JoinHandle<()>) {
        let stream = TcpStream::connect(&self.process.address).await.unwrap();
        let mut builder = h2::client::Builder::new();
        let (requests, connection) =
            builder.initial_window_size(window).handshake(stream).await.unwrap();
        let connection = tokio::spawn(async move {
            let _closed = connection.await;
        });
        (requests, connection)
    }

    /// A client that sends the HTTP/2 preface and then nothing.
    async fn frozen(&self) -> TcpStream {
        let mut stream = TcpStream::connect(&self.process.address).await.unwrap();
        // The preface of HTTP/2 and empty settings (RFC 9113, sections 3.4 and 6.5).
        let hello = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
        stream.write_all(hello).await.unwrap();
        stream.read_u8().await.unwrap();
        stream
    }

    /// Resident memory, bytes.
    fn resident(&self) -> u64 {
        let status = format!("/proc/{}/status", self.process.child.id());
        let status = std::fs::read_to_string(status).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
    }

    /// Processor time used so far, in hundredths of a second.
    fn ticks(&self) -> u64 {
        let stat =
            std::fs::read_to_string(format!("/proc/{}/stat", self.process.child.id())).unwrap();
        // After the name, in parentheses, utime and stime are the 12th and 13th field.
        let fields = stat.rsplit(')').next().unwrap().split_whitespace();
        fields.skip(11).take(2).map(|field| field.parse::<u64>().unwrap()).sum()
    }
}

fn post(path: &str) -> http::Request<()> {
    http::Request::post(format!("http://test/ballast.v1.MarketDataService/{path}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(())
        .unwrap()
}

/// A gRPC message frame: flag, length, bytes.
fn framed(message: &impl prost::Message) -> Bytes {
    let message = message.encode_to_vec();
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    [&[0], &length[..], &message].concat().into()
}

fn header() -> v1::IngestRequest {
    let header = v1::IngestHeader {
        request_id: "test-1".to_owned(),
        file_name: "DGS10.csv".to_owned(),
        ..v1::IngestHeader::default()
    };
    v1::IngestRequest { part: Some(v1::ingest_request::Part::Header(header)) }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_client_does_not_delay_a_signal_and_no_call_is_cut() {
    // If `nohup` started the tests, their servers would ignore SIGHUP as well. A signal with a
    // handler is at its default in a process that is started from here.
    let _handled = signal(SignalKind::hangup()).unwrap();
    for name in ["-TERM", "-HUP", "-INT"] {
        let mut server = Server::start("", &[("BALLAST_DRAIN__GRACE_MS", "200")]);
        let _frozen = server.frozen().await;
        let began = Instant::now();
        server.signal(name);
        assert_eq!(server.exit_code().await, Some(0), "{name}");
        assert!(began.elapsed() < Duration::from_secs(10), "{name}: {:?}", began.elapsed());
    }
    let mut server = Server::start("trap '' HUP;", &[]);
    server.signal("-HUP");
    server.client().await.list_datasets(v1::ListDatasetsRequest::default()).await.unwrap();
    server.signal("-TERM");
    assert_eq!(server.exit_code().await, Some(0), "nohup makes it ignore SIGHUP");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unread_answer_does_not_delay_a_signal() {
    let mut server = Server::start("", &[("BALLAST_DRAIN__GRACE_MS", "200")]);
    let (requests, _connection) = server.raw_with(0).await;
    let mut requests = requests.ready().await.unwrap();
    let (answer, mut body) = requests.send_request(post("ListDatasets"), false).unwrap();
    body.send_data(framed(&v1::ListDatasetsRequest::default()), true).unwrap();
    let _unread = answer.await.unwrap();
    let began = Instant::now();
    server.signal("-TERM");
    assert_eq!(server.exit_code().await, Some(0), "its handler was done: no call was cut");
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_cuts_the_call_that_the_first_waits_for() {
    let mut server = Server::start("", &[]);
    let (requests, _connection) = server.raw().await;
    let mut requests = requests.ready().await.unwrap();
    let (_answer, mut body) = requests.send_request(post("Ingest"), false).unwrap();
    body.send_data(framed(&header()), false).unwrap();
    // A call behind it on the same connection: the first has begun when this one is answered.
    let (answer, _) = requests.send_request(post("ListDatasets"), true).unwrap();
    answer.await.unwrap();
    let began = Instant::now();
    server.signal("-TERM");
    soon("it drains", || server.lines("draining").pop()).await;
    server.signal("-TERM");
    assert_eq!(server.exit_code().await, Some(1), "a call was cut");
    assert!(began.elapsed() < Duration::from_secs(9), "{:?}", began.elapsed());
}

/// Opening a FIFO that nobody writes to never returns, and no thread can be made to give up.
#[tokio::test(flavor = "multi_thread")]
async fn a_thread_that_is_stuck_does_not_keep_a_command_from_ending() {
    let server = Server::start("", &[]);
    let folder = TempDir::new().unwrap();
    let fifo = folder.path().join("book.csv");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let patience = PATIENCE.as_secs().to_string();
    let ended = support::clean(Command::new("timeout"))
        .args(["-k", "1", &patience, support::BALLAST, "--server", &server.process.http()])
        .args(["--timeout", "1", "batch"])
        .arg(&fifo)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(said.contains("deadline"), "its call ends, and not the thread: {said}");
    assert_eq!(ended.status.code(), Some(5), "the code of a server that cannot be reached");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_vanishes_is_not_a_server_error() {
    let filter = ("BALLAST_LOG__FILTER", "info,server=debug");
    let mut server = Server::start("", &[filter]);
    for path in ["Ingest", "GetSeries"] {
        for resets in [true, false] {
            let (requests, connection) = server.raw().await;
            let mut requests = requests.ready().await.unwrap();
            let (_answer, mut body) = requests.send_request(post(path), false).unwrap();
            let part = framed(&header());
            let part = if path == "Ingest" { part } else { part.slice(..7) };
            body.send_data(part, false).unwrap();
            let (answer, _) = requests.send_request(post("ListDatasets"), true).unwrap();
            answer.await.unwrap();
            if resets {
                body.send_reset(h2::Reason::CANCEL);
                let (answer, _) = requests.send_request(post("ListDatasets"), true).unwrap();
                answer.await.unwrap();
            }
            connection.abort();
        }
    }
    let left = soon("four calls are noted", || {
        let ended = server.lines("call ended").into_iter();
        let left: Vec<_> = ended.filter(|line| line["status"] == "Cancelled").collect();
        (4 <= left.len()).then_some(left)
    })
    .await;
    assert!(left.iter().all(|line| line["level"] == "DEBUG"), "{left:?}");
    server.signal("-TERM");
    assert_eq!(server.exit_code().await, Some(0));
    let faults: Vec<_> =
        server.lines("").into_iter().filter(|line| line["level"] == "ERROR").collect();
    assert!(faults.is_empty(), "{faults:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_file_descriptors_it_waits_and_logs_once() {
    let server = Server::start("ulimit -n 64;", &[]);
    let few = "the open-file limit is too low for limits.connections; raise ulimit -n";
    let warned = server.lines(few).pop().expect("the warning is logged at startup");
    // 8,192 connections and 128 other files.
    assert_eq!((&warned["files"], &warned["needed"]), (&64.into(), &8_320.into()));
    let mut connections = Vec::new();
    for _ in 0..100 {
        connections.push(TcpStream::connect(&server.process.address).await.unwrap());
    }
    let message = "cannot accept connections; retrying";
    soon("the warning is logged", || server.lines(message).pop()).await;
    let before = server.ticks();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let used = server.ticks() - before;
    assert!(used < 20, "{used} hundredths of a second of processor time in one second");
    assert_eq!(server.lines(message).len(), 1);
    drop(connections);
    server.client().await.list_datasets(v1::ListDatasetsRequest::default()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn unread_answers_take_bounded_memory() {
    const CONNECTIONS: u64 = 4;
    const CALLS: u64 = 250;
    const BOUND: u64 = 8 << 20;
    let bound = BOUND.to_string();
    let settings = [
        ("BALLAST_LIMITS__ANSWER_BYTES", bound.as_str()),
        ("BALLAST_LIMITS__SEND_BYTES", "1000000"),
        // A kernel may give huge pages to every process. Then each touched part of 2 MB counts as a
        // whole, and the result of one build varies by 8 MB.
        ("MIMALLOC_ALLOW_THP", "0"),
    ];
    let server = Server::start("", &settings);
    let mut text = "date,value\n".to_owned();
    for day in 0..1_000 {
        let (year, month, day) = (2000 + day / 336, day / 28 % 12 + 1, day % 28 + 1);
        text.push_str(&format!("{year}-{month:02}-{day:02},{day}.5\n"));
    }
    let chunk = v1::ingest_request::Part::Chunk(text.into_bytes());
    let messages = [header(), v1::IngestRequest { part: Some(chunk) }];
    let mut client = server.client().await;
    let kept = client.ingest(tokio_stream::iter(messages)).await.unwrap().into_inner();
    assert_eq!(kept.accepted_count, 1_000);
    let request = v1::GetSeriesRequest {
        dataset: v1::Dataset::Series.into(),
        instrument: Some(v1::InstrumentRef {
            symbol: "DGS10".to_owned(),
            ..v1::InstrumentRef::default()
        }),
        page_size: 1_000,
        ..v1::GetSeriesRequest::default()
    };
    let whole = client.get_series(request.clone()).await.unwrap().into_inner().encoded_len() as u64;
    let asked = whole * CONNECTIONS * CALLS;
    assert!(3 * BOUND < asked, "the attack asks for more than may be in flight: {asked}");
    let before = server.resident();
    let request = framed(&request);
    let mut held = Vec::new();
    for _ in 0..CONNECTIONS {
        let (requests, _connection) = server.raw().await;
        let mut requests = requests.ready().await.unwrap();
        for _ in 0..CALLS {
            let (answer, mut body) = requests.send_request(post("GetSeries"), false).unwrap();
            body.send_data(request.clone(), true).unwrap();
            held.push(answer);
        }
    }
    let mut unread = Vec::new();
    for answer in held {
        unread.push(answer.await.unwrap());
    }
    let grown = server.resident().saturating_sub(before);
    println!("{} MiB asked for, {} MiB grown", asked >> 20, grown >> 20);
    // The counted bytes, and 16 KiB of overhead per call.
    assert!(grown < BOUND + CONNECTIONS * CALLS * (16 << 10), "{grown} bytes");
}
