//! A client that speaks HTTP/2 by itself: it sends what no client of gRPC would, and reads when it likes.

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

/// A call that has begun.
pub(crate) struct Call {
    pub(crate) request: SendStream<Bytes>,
    response: Option<ResponseFuture>,
}

/// What a call was answered with.
#[derive(Debug)]
pub(crate) struct Answered {
    /// The headers that hold the status: the trailers, or the only ones.
    pub(crate) headers: HeaderMap,
    pub(crate) status: Status,
}

impl Raw {
    /// Connects, with a window of so many bytes for each answer.
    pub(crate) async fn connect(address: SocketAddr, window: u32) -> Raw {
        let stream = TcpStream::connect(address).await.unwrap();
        let mut builder = h2::client::Builder::new();
        builder.initial_window_size(window).max_header_list_size(1 << 20);
        let (requests, connection) = builder.handshake(stream).await.unwrap();
        let connection = tokio::spawn(async move {
            let _closed = connection.await;
        });
        Raw { requests, connection }
    }

    /// Begins a call; nothing of its body is sent.
    pub(crate) async fn call(&self, path: &str, headers: &[(&str, &str)]) -> Call {
        let mut request = http::Request::post(format!("http://test{path}"))
            .header("content-type", "application/grpc")
            .header("te", "trailers");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut requests = self.requests.clone().ready().await.unwrap();
        let (response, request) = requests.send_request(request.body(()).unwrap(), false).unwrap();
        Call { request, response: Some(response) }
    }
}

impl Call {
    /// Sends bytes of the body.
    pub(crate) fn send(&mut self, bytes: &[u8], last: bool) {
        self.request.send_data(Bytes::copy_from_slice(bytes), last).unwrap();
    }

    /// Sends more of the body; false where the server has ended the call.
    pub(crate) fn goes_on(&mut self, bytes: &[u8]) -> bool {
        self.request.send_data(Bytes::copy_from_slice(bytes), false).is_ok()
    }

    /// The answer alone: the request may go on.
    pub(crate) fn answer(&mut self) -> Answer {
        Answer(self.response.take().expect("the answer is asked for once"))
    }

    /// Reads the whole answer.
    pub(crate) async fn answered(mut self) -> Answered {
        soon("the answer", self.answer().whole()).await
    }
}

/// An answer that is on its way.
pub(crate) struct Answer(ResponseFuture);

impl Answer {
    /// Waits for its headers; its body is read by nobody.
    pub(crate) async fn headers(self) -> Result<(HeaderMap, RecvStream), h2::Error> {
        let (parts, body) = self.0.await?.into_parts();
        Ok((parts.headers, body))
    }

    /// Reads all of it.
    pub(crate) async fn whole(self) -> Answered {
        let (headers, mut body) = self.headers().await.unwrap();
        while let Some(data) = body.data().await {
            let bytes = data.unwrap().len();
            body.flow_control().release_capacity(bytes).unwrap();
        }
        let headers = body.trailers().await.unwrap().unwrap_or(headers);
        let status = Status::from_header_map(&headers).expect("a status");
        Answered { headers, status }
    }
}

/// A message of gRPC: a flag, its length, its bytes.
pub(crate) fn framed(flag: u8, message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    [&[flag], &length[..], message].concat()
}
