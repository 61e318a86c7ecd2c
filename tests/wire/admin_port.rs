//! The admin port: probes over plain HTTP that follow the store and the drain.

use crate::harness::{Harness, header, soon, upload};
use server::clock::Clock;
use std::net::SocketAddr;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::mpsc,
};
use tokio_stream::wrappers::ReceiverStream;

const BARS: &str = "Ticker,Date,Open,High,Low,Close,Volume\nAAPL,2021-01-04,1,1,1,1,1\n";

/// The status and the body of a page.
pub(crate) async fn get(address: SocketAddr, path: &str) -> std::io::Result<(u16, String)> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: admin\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let ended = || std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(ended)?;
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Ok((status, body.to_owned()))
}

/// Waits until a page has this status; returns its body.
async fn until(address: SocketAddr, path: &str, status: u16) -> String {
    let waiting = async {
        loop {
            // A connection beyond the limit gets no answer.
            match get(address, path).await {
                Ok((found, body)) if found == status => return body,
                Ok(_) | Err(_) => tokio::task::yield_now().await,
            }
        }
    };
    soon(path, waiting).await
}

#[tokio::test(flavor = "multi_thread")]
async fn readiness_follows_the_store() {
    let harness = Harness::start().await;
    let admin = harness.admin_address();
    assert_eq!(get(admin, "/livez").await.unwrap(), (200, "ok\n".to_owned()));
    assert_eq!(get(admin, "/readyz").await.unwrap().0, 200);
    harness.services().store.close().await;
    let body = until(admin, "/readyz", 503).await;
    assert!(body.contains("[+]drain ok\n[-]store-read failed\n"), "{body}");
    assert_eq!(get(admin, "/readyz/drain").await.unwrap().0, 200, "reads are answered");
    assert_eq!(get(admin, "/livez").await.unwrap().0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn readiness_ends_before_the_drain_and_the_port_after_it() {
    let harness = Harness::with(Clock::system(), |config| config.drain.notice_ms = 300).await;
    let admin = harness.admin_address();
    let (sender, receiver) = mpsc::channel(1);
    let mut client = harness.market_data().await;
    let uploading = tokio::spawn(async move { client.ingest(ReceiverStream::new(receiver)).await });
    let mut messages = upload(header("prices.csv"), BARS.as_bytes(), 20).into_iter();
    sender.send(messages.next().unwrap()).await.unwrap();
    let (_folder, stopping) = harness.stop_and_keep();
    let body = until(admin, "/readyz", 503).await;
    assert!(body.starts_with("[-]drain failed\n[+]store-read ok\n"), "{body}");
    assert_eq!(get(admin, "/livez").await.unwrap().0, 200, "draining is living");
    for message in messages {
        sender.send(message).await.unwrap();
    }
    drop(sender);
    assert_eq!(uploading.await.unwrap().unwrap().into_inner().accepted_count, 1);
    assert!(stopping.await.unwrap(), "nothing had to be cut");
    assert!(get(admin, "/livez").await.is_err(), "the port is closed");
}

#[tokio::test(flavor = "multi_thread")]
async fn silent_connections_are_bounded_and_do_not_delay_the_end() {
    let harness = Harness::start().await;
    let admin = harness.admin_address();
    let mut silent = Vec::new();
    for _connection in 0..server::limits::ADMIN_CONNECTIONS {
        silent.push(TcpStream::connect(admin).await.unwrap());
    }
    // One more is closed at once, without an answer.
    let mut refused = TcpStream::connect(admin).await.unwrap();
    let mut nothing = Vec::new();
    let read = soon("it is closed", refused.read_to_end(&mut nothing)).await;
    assert!(read.is_err() || nothing.is_empty());
    silent.pop();
    until(admin, "/livez", 200).await;
    assert!(soon("it ends", harness.stop()).await);
}
