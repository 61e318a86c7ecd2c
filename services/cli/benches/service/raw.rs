//! Calls whose messages are only bytes: the client takes next to no processor time from the server
//! that it measures.

use prost::bytes::{Buf as _, BufMut as _, Bytes};
use tonic::{
    Request, Status,
    client::Grpc,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    codegen::http::uri::PathAndQuery,
    transport::Channel,
};

/// Passes requests on as they are, and only counts the bytes of answers.
#[derive(Clone, Copy, Debug)]
struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = usize;
    type Encoder = Raw;
    type Decoder = Raw;

    fn encoder(&mut self) -> Raw {
        Raw
    }

    fn decoder(&mut self) -> Raw {
        Raw
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        to.put(item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = usize;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<usize>, Status> {
        let bytes = from.remaining();
        from.advance(bytes);
        Ok(Some(bytes))
    }
}

/// Calls AnalyzePortfolio; returns the size of the answer.
pub(crate) async fn analyze(channel: Channel, request: Bytes) -> Result<usize, Status> {
    let path = PathAndQuery::from_static("/ballast.v1.ExposureService/AnalyzePortfolio");
    let mut client = Grpc::new(channel);
    client.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
    Ok(client.unary(Request::new(request), path, Raw).await?.into_inner())
}
