//! The body of an answer on its way out: ended by the call's deadline, guarded, and noted when it is done.

use crate::{
    call::method::Shape,
    clock::Stopwatch,
    rpc::status::{Refusal, own_words},
};
use http::HeaderMap;
use http_body::{Body as HttpBody, Frame, SizeHint};
use std::{
    panic::AssertUnwindSafe,
    pin::Pin,
    task::{Context, Poll},
};
use tonic::{Code, Status, body::Body, codegen::Bytes};
use tracing::Span;

/// A body that ends when its call must.
pub(crate) struct Answer<Ends> {
    body: Body,
    ends: Pin<Box<Ends>>,
    done: bool,
    note: Note,
}

/// What is written to the log when a call is over.
pub(crate) struct Note {
    /// As far as it is known: from the headers, later from the trailers.
    pub(crate) code: Option<Code>,
    pub(crate) shape: Shape,
    pub(crate) span: Span,
    pub(crate) stopwatch: Stopwatch,
}

impl<Ends: Future<Output = Refusal> + Send + 'static> Answer<Ends> {
    pub(crate) fn new(body: Body, ends: Pin<Box<Ends>>, note: Note) -> Answer<Ends> {
        Answer { body, ends, done: false, note }
    }

    fn end_with(&mut self, refusal: Refusal) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        self.done = true;
        let status = Status::from(refusal);
        self.note.code = Some(status.code());
        Poll::Ready(Some(trailers(&status)))
    }
}

fn trailers(status: &Status) -> Result<Frame<Bytes>, Status> {
    let mut headers = HeaderMap::new();
    status.add_header(&mut headers)?;
    Ok(Frame::trailers(headers))
}

impl<Ends: Future<Output = Refusal> + Send + 'static> HttpBody for Answer<Ends> {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.done {
            return Poll::Ready(None);
        }
        let this = &mut *self;
        let span = this.note.span.clone();
        let _entered = span.enter();
        let body = &mut this.body;
        let polled =
            std::panic::catch_unwind(AssertUnwindSafe(|| Pin::new(body).poll_frame(context)));
        match polled {
            Err(_) => this.end_with(Refusal::Failed("a stream panicked".into())),
            Ok(Poll::Pending) => match this.ends.as_mut().poll(context) {
                Poll::Ready(refusal) => this.end_with(refusal),
                Poll::Pending => Poll::Pending,
            },
            Ok(Poll::Ready(Some(Ok(frame)))) => Poll::Ready(Some(Ok(this.noted(frame)))),
            Ok(Poll::Ready(other)) => Poll::Ready(other),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.done || self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl<Ends> Answer<Ends> {
    /// Reads the status off the trailers, and puts our words in place of the codec's.
    fn noted(&mut self, frame: Frame<Bytes>) -> Frame<Bytes> {
        let Some(status) = frame.trailers_ref().and_then(Status::from_header_map) else {
            return frame;
        };
        self.note.code = Some(status.code());
        match own_words(&status) {
            Some(status) => {
                self.note.code = Some(status.code());
                trailers(&status).unwrap_or(frame)
            }
            None => frame,
        }
    }
}

impl Drop for Note {
    fn drop(&mut self) {
        let _entered = self.span.enter();
        let status = self.code.map_or_else(|| "Cancelled".to_owned(), |code| format!("{code:?}"));
        let duration_ms = self.stopwatch.elapsed_ms();
        match (self.code, self.shape) {
            (Some(Code::Internal | Code::DataLoss | Code::Unknown), _) => {
                note_fault(&status, duration_ms);
            }
            // A plain answer is worth a line only to who asks for it.
            (Some(Code::Ok), Shape::Unary) => note_answer(&status, duration_ms),
            _ => note_end(&status, duration_ms),
        }
    }
}

fn note_fault(status: &str, duration_ms: f64) {
    tracing::error!(status, duration_ms, "call ended");
}

fn note_answer(status: &str, duration_ms: f64) {
    tracing::debug!(status, duration_ms, "call ended");
}

fn note_end(status: &str, duration_ms: f64) {
    tracing::info!(status, duration_ms, "call ended");
}
