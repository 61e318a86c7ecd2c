//! Messages of a stream as they were received.
//!
//! A message can take ten times its bytes once it is decoded. A stream that must wait for room keeps
//! the bytes, and [decodes](crate::codec::decode) them when there is room.

use prost::bytes::Bytes;
use std::{
    cell::RefCell,
    pin::Pin,
    task::{Context, Poll},
};
use tonic::{Status, Streaming, codegen::tokio_stream::Stream};

tokio::task_local! {
    /// Where the decoder leaves a message that its stream wants undecoded.
    static RECEIVED: RefCell<Bytes>;
}

/// Keeps a message for the stream that is being polled; returns whether it wants messages undecoded.
pub(crate) fn keep(message: &Bytes) -> bool {
    RECEIVED.try_with(|received| *received.borrow_mut() = message.clone()).is_ok()
}

/// The messages of a stream, undecoded.
#[derive(Debug)]
pub struct Undecoded<T>(Streaming<T>);

impl<T> Undecoded<T> {
    /// The messages that a stream has not delivered yet.
    pub fn new(messages: Streaming<T>) -> Undecoded<T> {
        Undecoded(messages)
    }
}

impl<T> Stream for Undecoded<T> {
    type Item = Result<Bytes, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let messages = &mut self.0;
        RECEIVED.sync_scope(RefCell::default(), || {
            let next = Pin::new(messages).poll_next(context);
            next.map_ok(|_empty| RECEIVED.with(RefCell::take))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        codec::{FiniteCodec, decode},
        v1,
    };
    use prost::Message as _;
    use tonic::{codec::Codec as _, codegen::Body as HttpBody};

    /// The frames of a body.
    struct Frames(Option<Bytes>);

    impl HttpBody for Frames {
        type Data = Bytes;
        type Error = Status;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _context: &mut Context<'_>,
        ) -> Poll<Option<Result<http_body::Frame<Bytes>, Status>>> {
            Poll::Ready(self.0.take().map(|bytes| Ok(http_body::Frame::data(bytes))))
        }
    }

    fn framed(message: &[u8]) -> Vec<u8> {
        let length = u32::try_from(message.len()).unwrap().to_be_bytes();
        [&[0][..], &length, message].concat()
    }

    type Message = v1::AnalyzePortfoliosRequest;

    fn stream(messages: &[&[u8]]) -> Undecoded<Message> {
        let bytes: Vec<u8> = messages.iter().flat_map(|message| framed(message)).collect();
        let decoder = FiniteCodec::<Message, Message>::default().decoder();
        let body = Frames(Some(bytes.into()));
        Undecoded::new(Streaming::new_request(decoder, body, None, None))
    }

    fn next(stream: &mut Undecoded<Message>) -> Option<Result<Bytes, Status>> {
        let mut context = Context::from_waker(std::task::Waker::noop());
        match Pin::new(stream).poll_next(&mut context) {
            Poll::Ready(next) => next,
            Poll::Pending => panic!("all has arrived"),
        }
    }

    #[test]
    fn messages_come_as_they_were_sent_and_are_decoded_later() {
        let item = v1::AnalyzePortfoliosItem { request_tag: "a".to_owned(), portfolio: None };
        let message = Some(v1::analyze_portfolios_request::Message::Item(item));
        let sent = Message { message };
        let bytes = sent.encode_to_vec();
        // The second is no message, which shows only when it is decoded.
        let mut messages = stream(&[&bytes, &[0xFF], &[]]);
        let first = next(&mut messages).unwrap().unwrap();
        assert_eq!((&first[..], decode::<Message>(&first).unwrap()), (&bytes[..], sent));
        let second = next(&mut messages).unwrap().unwrap();
        assert_eq!(&second[..], [0xFF]);
        assert!(decode::<Message>(&second).is_err());
        assert_eq!(next(&mut messages).unwrap().unwrap().len(), 0);
        assert!(next(&mut messages).is_none());
    }

    #[test]
    fn lists_that_take_too_much_are_refused_before_they_are_decoded() {
        // Empty positions of an item: two bytes each, and hundreds in memory.
        let of = |number: u8, value: &[u8]| {
            let mut bytes = vec![number << 3 | 2];
            prost::encode_length_delimiter(value.len(), &mut bytes).unwrap();
            [bytes, value.to_vec()].concat()
        };
        let positions = [2 << 3 | 2, 0].repeat(1_000_000);
        let message = Bytes::from(of(2, &of(2, &positions)));
        let refused = decode::<Message>(&message).unwrap_err();
        assert_eq!(refused.code(), tonic::Code::ResourceExhausted);
    }
}
