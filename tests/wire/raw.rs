//! A raw HTTP/2 client: it sends what no gRPC client would send, and decides when to read.

use crate::harness::soon;
use h2::{
    RecvStream, SendStream,
    client::{ResponseFuture, SendRequest},
};
use http::HeaderMap;
use std::net::SocketAddr;
use tokio::{net::TcpStream, task::JoinHandle};
use tonic::{Status, codegen::Bytes};

/// A connection.
pub(crate) struct Raw {
    requests: SendRequest<Bytes>,
    /// Ends when the connection does.
    pub(crate) connection: JoinHandle<()>,
}

/// A call in progress.
pub(crate) struct Call {
    pub(crate) request: SendStream<Bytes>,
    response: Option<ResponseFuture>,
}

/// A received answer.
#[derive(Debug)]
pub(crate) struct RawAnswer {
    /// The headers with the status: the trailers, or the only headers.
    pub(crate) headers: HeaderMap,
    pub(crate) status: Status,
}

impl Raw {
    /// Connects, with a flow-control window of `window` bytes for each answer. That of the connection
    /// is as large, or h2's client, which counts small frames that were not read yet against half of
    /// it, ends the connection when many answers come at once.
    pub(crate) async fn connect(address: SocketAddr, window: u32) -> Raw {
        let stream = TcpStream::connect(address).await.unwrap();
        let mut builder = h2::client::Builder::new();
        builder.initial_window_size(window).max_header_list_size(1 << 20);
        builder.initial_connection_window_size(window.max(65_535));
        let (requests, connection) = builder.handshake(stream).await.unwrap();
        let connection = tokio::spawn(async move {
            let _closed = connection.await;
        });
        Raw { requests, connection }
    }

    /// Begins a call without sending its body.
    pub(crate) async fn call(&self, path: &str, headers: &[(&str, &str)]) -> Call {
        self.try_call(path, headers).await.unwrap()
    }

    /// [`Raw::call`]; fails if the server has ended the connection.
    pub(crate) async fn try_call(
        &self,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Result<Call, h2::Error> {
        let mut request = http::Request::post(format!("http://test{path}"))
            .header("content-type", "application/grpc")
            .header("te", "trailers");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut requests = self.requests.clone().ready().await?;
        let (response, request) = requests.send_request(request.body(()).unwrap(), false)?;
        Ok(Call { request, response: Some(response) })
    }

    /// Whether the server takes no more calls on this connection.
    pub(crate) async fn is_going_away(&self) -> bool {
        self.requests.clone().ready().await.is_err()
    }
}

impl Call {
    /// Sends bytes of the body.
    pub(crate) fn send(&mut self, bytes: &[u8], last: bool) {
        self.request.send_data(Bytes::copy_from_slice(bytes), last).unwrap();
    }

    /// Sends more of the body; false if the server has ended the call.
    pub(crate) fn send_more(&mut self, bytes: &[u8]) -> bool {
        self.request.send_data(Bytes::copy_from_slice(bytes), false).is_ok()
    }

    /// Ends the body; false if the server has ended the call.
    pub(crate) fn end(&mut self) -> bool {
        self.request.send_data(Bytes::new(), true).is_ok()
    }

    /// The pending answer; the request may continue.
    pub(crate) fn answer(&mut self) -> Answer {
        Answer(self.response.take().expect("the answer is requested only once"))
    }

    /// Reads the whole answer.
    pub(crate) async fn read_answer(mut self) -> RawAnswer {
        soon("the answer", self.answer().whole()).await
    }
}

/// A pending answer.
pub(crate) struct Answer(ResponseFuture);

impl Answer {
    /// The status of HTTP, which is 200 for every answer of gRPC.
    pub(crate) async fn http_status(self) -> u16 {
        soon("the answer", self.0).await.unwrap().status().as_u16()
    }

    /// Waits for its headers and leaves its body unread.
    pub(crate) async fn headers(self) -> Result<(HeaderMap, RecvStream), h2::Error> {
        let (parts, body) = self.0.await?.into_parts();
        Ok((parts.headers, body))
    }

    /// Reads all of it.
    pub(crate) async fn whole(self) -> RawAnswer {
        self.with_body().await.0
    }

    /// Reads all of it, and keeps the body.
    pub(crate) async fn with_body(self) -> (RawAnswer, Vec<u8>) {
        let (headers, mut body) = self.headers().await.unwrap();
        let mut whole = Vec::new();
        while let Some(data) = body.data().await {
            let bytes = data.unwrap();
            body.flow_control().release_capacity(bytes.len()).unwrap();
            whole.extend_from_slice(&bytes);
        }
        let headers = body.trailers().await.unwrap().unwrap_or(headers);
        let status = Status::from_header_map(&headers).expect("a status");
        (RawAnswer { headers, status }, whole)
    }
}

/// A gRPC message: a flag, its length, its bytes.
pub(crate) fn framed(flag: u8, message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    [&[flag], &length[..], message].concat()
}
