//! The outgoing body of an answer: ended by the call's deadline, guarded against panics, counted
//! until the transport takes it, and logged when done.

use crate::{
    call::{code_name::code_name, method::Shape},
    clock::Stopwatch,
    limits,
    line::{InFlight, Line, Unread},
    metrics::calls::CallMeter,
    pool::Room,
    refusal::Refusal,
    rpc::status::{is_fault, sanitize_status},
    telemetry::spans::{CallSpan, Step, step_now},
    traffic::Charge,
};
use http::HeaderMap;
use http_body::{Body as HttpBody, Frame, SizeHint};
use std::{
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};
use tonic::{Code, Status, body::Body, codegen::Bytes};
use tonic_types::StatusExt as _;
use tracing::Span;

/// A body that ends when its call must.
pub(crate) struct Answer<Ends> {
    body: Body,
    ends: Pin<Box<Ends>>,
    /// Whether the first message was encoded; a stream's others have no spans of their own.
    has_begun: bool,
    done: bool,
    /// Bytes produced but not yet requested by the transport, and the room they take.
    rest: Bytes,
    room: Arc<Option<Room>>,
    load: Load,
    note: Note,
}

/// The memory and the connection that an answer is accounted to.
#[derive(Clone)]
pub(crate) struct Load {
    pub(crate) charge: Arc<Charge>,
    /// The connection, and the call on it; `None` without a connection, as in a test.
    pub(crate) line: Option<(Arc<Line>, Arc<InFlight>)>,
}

/// Bytes handed to the transport. They count until the transport drops them, which it does when the
/// operating system has taken them.
struct Piece {
    bytes: Bytes,
    _room: Arc<Option<Room>>,
    _unread: Option<(Unread, Arc<InFlight>)>,
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// The log entry written when a call is over.
pub(crate) struct Note {
    /// The code as far as it is known: from the headers, later from the trailers.
    code: Option<Code>,
    /// Whether it ended by an internal error.
    is_fault: bool,
    /// The reason of its ErrorInfo, if it got no answer.
    reason: Option<String>,
    shape: Shape,
    is_probe: bool,
    span: Span,
    stopwatch: Stopwatch,
    meter: Arc<CallMeter>,
    traced: CallSpan,
}

impl Note {
    /// The entry of a call that has just arrived.
    pub(crate) fn new(
        (shape, is_probe, stopwatch): (Shape, bool, Stopwatch),
        span: Span,
        meter: Arc<CallMeter>,
        traced: CallSpan,
    ) -> Note {
        let (code, is_fault, reason) = (None, false, None);
        Note { code, is_fault, reason, shape, is_probe, span, stopwatch, meter, traced }
    }

    /// Records the status the call ends with.
    pub(crate) fn ends_with(&mut self, status: &Status) {
        (self.code, self.is_fault) = (Some(status.code()), is_fault(status));
        let info = || status.get_details_error_info().map(|info| info.reason);
        let refused = status.code() != Code::Ok;
        self.reason = refused.then(|| info().unwrap_or_else(|| "none".to_owned()));
    }
}

impl<Ends: Future<Output = Refusal> + Send + 'static> Answer<Ends> {
    pub(crate) fn new(body: Body, ends: Pin<Box<Ends>>, load: Load, note: Note) -> Answer<Ends> {
        let (rest, room) = (Bytes::new(), Arc::new(None));
        Answer { body, ends, has_begun: false, done: false, rest, room, load, note }
    }

    fn poll_body(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let polled = std::panic::catch_unwind(AssertUnwindSafe(|| self.poll_inner(context)));
        match polled {
            Err(_) => self.end_with(Refusal::Failed("a stream panicked".into())),
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(Some(Ok(frame)))) => match frame.into_data() {
                Ok(bytes) => self.begin(bytes),
                Err(frame) => Poll::Ready(Some(Ok(self.noted(frame)))),
            },
            Ok(Poll::Ready(other)) => Poll::Ready(other),
        }
    }

    /// Resolves if the call must end now, though there may be more to send: a client that reads
    /// slowly, or a body that always has a next message, would never let it be asked otherwise.
    fn poll_ends(&mut self, context: &mut Context<'_>) -> Poll<Refusal> {
        // Nothing is left to cut off, and the handler may have ended by these very `ends`, which
        // must not be polled again.
        if self.is_end_stream() {
            return Poll::Pending;
        }
        self.ends.as_mut().poll(context)
    }

    /// Whether the next frame is sent before we look whether the call has to end (its deadline has
    /// passed, or its connection is cut). To look costs a timer, so the first piece of an answer and the
    /// status of a unary call are sent without it. So is all of the answer to an upload, because the
    /// write may already be durable; its length is bounded.
    fn goes_first(&self) -> bool {
        match self.note.shape {
            Shape::Upload => true,
            Shape::Unary => self.rest.is_empty(),
            Shape::Watch | Shape::Exchange => !self.has_begun,
        }
    }

    /// The next frame of what there is to send.
    fn poll_next(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if !self.rest.is_empty() {
            return Poll::Ready(Some(Ok(self.piece())));
        }
        let span = self.note.span.clone();
        let _entered = span.enter();
        self.poll_body(context)
    }

    /// Polls the body, which encodes a message when it is asked for it.
    fn poll_inner(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let body = Pin::new(&mut self.body);
        if std::mem::replace(&mut self.has_begun, true) {
            return body.poll_frame(context);
        }
        self.note.traced.within(|| step_now(Step::Encode, || body.poll_frame(context)))
    }

    /// Takes room for bytes and hands out the first of them.
    fn begin(&mut self, bytes: Bytes) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        match self.load.charge.take(bytes.len()) {
            Ok(room) => {
                self.note.meter.sent(bytes.len());
                (self.rest, self.room) = (bytes, Arc::new(room));
                Poll::Ready(Some(Ok(self.piece())))
            }
            Err(refusal) => self.end_with(refusal),
        }
    }

    /// Hands out the next bytes of the rest.
    fn piece(&mut self) -> Frame<Bytes> {
        let bytes = self.rest.split_to(self.rest.len().min(limits::PIECE_BYTES));
        let unread = self.load.line.as_ref();
        let unread = unread.map(|(line, call)| (line.piece(), Arc::clone(call)));
        let piece = Piece { bytes, _room: Arc::clone(&self.room), _unread: unread };
        if self.rest.is_empty() {
            self.room = Arc::new(None);
        }
        Frame::data(Bytes::from_owner(piece))
    }

    /// Ends the answer with a refusal, and gives back what was not sent of it. If part of a message
    /// is out, the client gets this status, which is never OK, in place of the rest.
    fn end_with(&mut self, refusal: Refusal) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        self.done = true;
        (self.rest, self.room) = (Bytes::new(), Arc::new(None));
        let status = Status::from(refusal);
        self.note.ends_with(&status);
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
        let this = &mut *self;
        if this.done {
            return Poll::Ready(None);
        }
        let goes_first = this.goes_first();
        if goes_first && let Poll::Ready(next) = this.poll_next(context) {
            return Poll::Ready(next);
        }
        match this.poll_ends(context) {
            Poll::Ready(refusal) => this.end_with(refusal),
            Poll::Pending if goes_first => Poll::Pending,
            Poll::Pending => this.poll_next(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.done || (self.rest.is_empty() && self.body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        // The inner body's size hint does not count the rest.
        SizeHint::default()
    }
}

impl<Ends> Answer<Ends> {
    /// Reads the status from the trailers, and replaces codec messages.
    fn noted(&mut self, frame: Frame<Bytes>) -> Frame<Bytes> {
        let Some(status) = frame.trailers_ref().and_then(Status::from_header_map) else {
            return frame;
        };
        let ours = sanitize_status(&status);
        self.note.ends_with(ours.as_ref().unwrap_or(&status));
        ours.and_then(|ours| trailers(&ours).ok()).unwrap_or(frame)
    }
}

impl Drop for Note {
    fn drop(&mut self) {
        let _entered = self.span.enter();
        let status = self.code.map_or_else(|| "Cancelled".to_owned(), |code| format!("{code:?}"));
        let duration_ms = self.stopwatch.elapsed_ms();
        let code = self.code.unwrap_or(Code::Cancelled);
        self.meter.ended(code_name(code), duration_ms / 1e3);
        self.traced.end(code_name(code), is_servers(code));
        if let Some(reason) = self.reason.take() {
            self.meter.refused(reason);
        }
        match (self.code, self.shape) {
            _ if self.is_fault => note_fault(&status, duration_ms),
            // Callers of health need no credentials, so no call of theirs may write a line.
            _ if self.is_probe => note_answer(&status, duration_ms),
            // Successful and cancelled unary calls are logged at debug level only; so are those
            // refused under overload, which a line each would make worse. The metrics count them.
            // The audit log has those refused for their credentials, a bounded number per second.
            (Some(Code::Unauthenticated | Code::PermissionDenied), _)
            | (Some(Code::Ok | Code::Cancelled | Code::ResourceExhausted) | None, Shape::Unary)
            | (Some(Code::Cancelled) | None, Shape::Upload | Shape::Exchange) => {
                note_answer(&status, duration_ms);
            }
            _ => note_end(&status, duration_ms),
        }
    }
}

/// Whether a code is an error of a server by the semantic conventions of OpenTelemetry.
const fn is_servers(code: Code) -> bool {
    matches!(
        code,
        Code::Unknown
            | Code::DeadlineExceeded
            | Code::Unimplemented
            | Code::Internal
            | Code::Unavailable
            | Code::DataLoss
    )
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        call::{CallLayer, frames::Frames},
        limits::Limits,
        metrics::Metrics,
        phase::Phase,
        telemetry::spans::CallTracer,
        traffic::{Traffic, Weight},
    };
    use http::{Request, Response};
    use std::{convert::Infallible, time::Duration};
    use tokio::sync::watch;
    use tower::{Layer as _, Service as _};

    const UNARY: &str = "/ballast.v1.ExposureService/AnalyzePortfolio";
    const EXCHANGE: &str = "/ballast.v1.ExposureService/AnalyzePortfolios";
    const UPLOAD: &str = "/ballast.v1.MarketDataService/Ingest";

    /// A body that has a next message whenever it is asked, each of four pieces.
    fn ready() -> Body {
        let message = || Frame::data(Bytes::from_static(&[0; 4 * limits::PIECE_BYTES]));
        Body::new(Frames(move || Poll::Ready(Some(message()))))
    }

    /// The answer of a call with a deadline, whose client reads when the test does.
    async fn answer(path: &str, deadline_ms: u64) -> (watch::Sender<Phase>, CallLayer, Body) {
        let (phase, phases) = watch::channel(Phase::Serving);
        let limits = Limits {
            default_deadline_ms: deadline_ms,
            max_deadline_ms: deadline_ms,
            ..Limits::standard()
        };
        let layer = CallLayer::new(&limits, Metrics::new().unwrap().calls().clone(), phases, 7);
        let inner = tower::service_fn(|_: Request<Body>| async {
            Ok::<_, Infallible>(Response::new(ready()))
        });
        let request = Request::builder().uri(path).body(Body::empty()).unwrap();
        let Ok(response) = layer.layer(inner).call(request).await;
        (phase, layer, response.into_body())
    }

    async fn next(body: &mut Body) -> Option<Frame<Bytes>> {
        let frame = std::future::poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await;
        frame.map(Result::unwrap)
    }

    async fn reads_a_piece(body: &mut Body) {
        let bytes = next(body).await.unwrap().into_data().unwrap();
        assert_eq!(bytes.len(), limits::PIECE_BYTES);
    }

    /// The code with which a body ends at once.
    async fn end(body: &mut Body) -> Code {
        let frame = next(body).await.unwrap();
        let status = Status::from_header_map(frame.trailers_ref().expect("the end")).unwrap();
        assert!(body.is_end_stream() && next(body).await.is_none());
        status.code()
    }

    #[tokio::test]
    async fn a_deadline_ends_an_answer_within_a_message_and_gives_back_its_memory() {
        for path in [UNARY, EXCHANGE] {
            let (_phase, layer, mut body) = answer(path, 500).await;
            reads_a_piece(&mut body).await;
            let held = || layer.in_flight().0.answer_bytes();
            assert!(3 * limits::PIECE_BYTES <= held(), "the rest");
            tokio::time::sleep(Duration::from_millis(600)).await;
            assert_eq!(end(&mut body).await, Code::DeadlineExceeded, "{path}");
            assert_eq!(held(), 0, "{path}");
        }
    }

    /// An answer of a shape with this body, whose end must not be looked for.
    fn timeless(shape: Shape, body: Body) -> Body {
        let tracer = CallTracer::of_process();
        let traced = tracer.begin(&HeaderMap::new(), &"method".into(), "id");
        let meter = Arc::new(Metrics::new().unwrap().calls().begin("method".into()));
        let of_call = (shape, false, Stopwatch::start());
        let note = Note::new(of_call, Span::none(), meter, traced);
        let shares = Traffic::new(&Limits::standard()).shares();
        let charge = Arc::new(Charge::new(Weight::Bounded, shares, None));
        let ends = Box::pin(std::future::poll_fn(|_| -> Poll<Refusal> { panic!("a timer") }));
        Body::new(Answer::new(body, ends, Load { charge, line: None }, note))
    }

    #[tokio::test]
    async fn a_small_answer_that_is_there_needs_no_timer() {
        let frames = [Frame::data(Bytes::from_static(&[0; 9])), Frame::trailers(HeaderMap::new())];
        let mut frames = frames.into_iter();
        let mut unary =
            timeless(Shape::Unary, Body::new(Frames(move || Poll::Ready(frames.next()))));
        assert_eq!(next(&mut unary).await.unwrap().into_data().unwrap().len(), 9);
        assert!(next(&mut unary).await.unwrap().is_trailers());
        reads_a_piece(&mut timeless(Shape::Exchange, ready())).await;
    }

    #[tokio::test]
    async fn a_deadline_ends_a_stream_that_always_has_a_next_message() {
        let (_phase, _layer, mut body) = answer(EXCHANGE, 500).await;
        for _ in 0..4 {
            reads_a_piece(&mut body).await;
        }
        tokio::time::sleep(Duration::from_millis(600)).await;
        assert_eq!(end(&mut body).await, Code::DeadlineExceeded);
    }

    #[tokio::test]
    async fn a_cut_ends_an_answer_within_a_message() {
        let (phase, _layer, mut body) = answer(UNARY, 60_000).await;
        reads_a_piece(&mut body).await;
        phase.send_replace(Phase::Cut);
        assert_eq!(end(&mut body).await, Code::Unavailable);
    }

    #[tokio::test]
    async fn the_answer_to_an_upload_is_sent_though_its_deadline_passes() {
        let (_phase, _layer, mut body) = answer(UPLOAD, 500).await;
        reads_a_piece(&mut body).await;
        tokio::time::sleep(Duration::from_millis(600)).await;
        for _ in 0..3 {
            reads_a_piece(&mut body).await;
        }
    }
}
