//! Connections: how many an address has, and those whose client is gone.

use crate::{
    harness::{Harness, soon},
    raw::Raw,
};
use server::{clock::Clock, config::Config};
use std::{collections::BTreeSet, net::SocketAddr, time::Duration};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

async fn with(change: impl FnOnce(&mut Config)) -> Harness {
    Harness::with(Clock::system(), change).await
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_has_a_bound_of_its_own_for_connections() {
    let harness = with(|config| config.limits.connections_per_address = 2).await;
    let held = [harness.channel().await, harness.channel().await];
    let mut third = TcpStream::connect(harness.address()).await.unwrap();
    let ended = soon("the end of the third", third.read(&mut [0])).await;
    assert!(matches!(ended, Ok(0) | Err(_)), "{ended:?}");
    // Those that are open go on, and one that ends gives its place back.
    for channel in held {
        let request = HealthCheckRequest { service: String::new() };
        HealthClient::new(channel).check(request).await.unwrap();
    }
    let free = async {
        loop {
            let mut next = TcpStream::connect(harness.address()).await.unwrap();
            // A server of HTTP/2 begins with its settings; a closed connection has nothing.
            if matches!(soon("settings", next.read(&mut [0])).await, Ok(1)) {
                break;
            }
        }
    };
    soon("a place", free).await;
}

/// A client that starts HTTP/2 and then answers nothing.
async fn frozen(address: SocketAddr) -> TcpStream {
    let mut client = TcpStream::connect(address).await.unwrap();
    // The preface and an empty SETTINGS frame (RFC 9113, sections 3.4 and 6.5).
    let begin = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    client.write_all(begin).await.unwrap();
    client
}

/// The types of the frames in some bytes: a length of three bytes, the type, five other bytes.
fn frames(mut bytes: &[u8]) -> BTreeSet<u8> {
    let mut types = BTreeSet::new();
    while let [a, b, c, kind, _, _, _, _, _, rest @ ..] = bytes {
        types.insert(*kind);
        let length = u32::from_be_bytes([0, *a, *b, *c]) as usize;
        bytes = rest.get(length..).unwrap_or_default();
    }
    types
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_answer_pings_is_dropped_and_others_stay() {
    const PING: u8 = 6;
    let harness = with(|config| {
        (config.connections.keepalive_ms, config.connections.keepalive_timeout_ms) = (200, 800);
    })
    .await;
    let lively = Raw::connect(harness.address(), 65_535).await;
    let mut client = frozen(harness.address()).await;
    let mut received = Vec::new();
    let _reset = soon("the end of a frozen client", client.read_to_end(&mut received)).await;
    assert!(frames(&received).contains(&PING), "it was asked before: {received:?}");
    assert!(!lively.connection.is_finished(), "a client that answers stays");

    // It is the setting that ends it: nothing else does so soon.
    let patient = with(|config| config.connections.keepalive_ms = 600_000).await;
    let mut client = frozen(patient.address()).await;
    let read = client.read_to_end(&mut received);
    assert!(tokio::time::timeout(Duration::from_secs(2), read).await.is_err());
}
