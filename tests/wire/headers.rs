//! Headers that HTTP/2 refuses before there is a call: `INTEGRATING.md` says what a client sees.

use crate::{
    harness::{Harness, soon},
    raw::{Raw, framed},
};
use contract::v1;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tonic::{Code, Request};

const LIST: &str = "/ballast.v1.MarketDataService/ListDatasets";

#[tokio::test(flavor = "multi_thread")]
async fn headers_beyond_the_limit_are_a_bare_431_for_their_call_alone() {
    let harness = Harness::start().await;
    let raw = Raw::connect(harness.address(), 65_535).await;
    // The limit is 16 KiB for all headers of a call.
    let long = "x".repeat(16 << 10);
    let mut refused = raw.call(LIST, &[("x-note", &long)]).await;
    assert_eq!(refused.answer().http_status().await, 431);
    let mut next = raw.call(LIST, &[("x-note", &long[..8 << 10])]).await;
    next.send(&framed(0, &[]), true);
    assert_eq!(next.read_answer().await.status.code(), Code::Ok, "on the same connection");
    // A client of gRPC has no code for it.
    let mut request = Request::new(v1::ListDatasetsRequest::default());
    request.metadata_mut().insert("x-note", long.parse().unwrap());
    let status = harness.market_data().await.list_datasets(request).await.unwrap_err();
    assert_eq!(status.code(), Code::Unknown, "{status:?}");
    assert!(status.message().contains("431"), "{status:?}");
}

/// A frame of HTTP/2 (RFC 9113, section 4.1).
fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags, 0, 0, 0, stream], payload].concat()
}

/// A header field without compression (RFC 7541, section 6.2.2).
fn field(name: &str, value: &[u8]) -> Vec<u8> {
    let length = |text: &[u8]| u8::try_from(text.len()).unwrap();
    [&[0, length(name.as_bytes())], name.as_bytes(), &[length(value)], value].concat()
}

/// The kind and the error code of the first frame that ends a stream or the connection.
async fn end_of(mut stream: TcpStream) -> (u8, u32) {
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await.unwrap();
        let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
        stream.read_exact(&mut payload).await.unwrap();
        let code = |at: usize| u32::from_be_bytes(payload[at..at + 4].try_into().unwrap());
        match head[3] {
            // RST_STREAM and GOAWAY.
            3 => return (3, code(0)),
            7 => return (7, code(4)),
            _ => {}
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_control_character_in_a_header_ends_as_a_protocol_error() {
    let harness = Harness::start().await;
    for value in [&b"a\nb"[..], b"a\0b", b"a\rb", b"\x1b[31m"] {
        let headers = [
            field(":method", b"POST"),
            field(":scheme", b"http"),
            field(":authority", b"test"),
            field(":path", LIST.as_bytes()),
            field("content-type", b"application/grpc"),
            field("te", b"trailers"),
            field("x-note", value),
        ];
        let mut stream = TcpStream::connect(harness.address()).await.unwrap();
        let sent = [
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
            frame(4, 0, 0, &[]),
            frame(1, 5, 1, &headers.concat()),
        ];
        stream.write_all(&sent.concat()).await.unwrap();
        let (_kind, code) = soon("the end", end_of(stream)).await;
        // PROTOCOL_ERROR.
        assert_eq!(code, 1, "{value:?}");
    }
}
