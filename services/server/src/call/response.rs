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
            Ok(Poll::Pending) => match self.ends.as_mut().poll(context) {
                Poll::Ready(refusal) => self.end_with(refusal),
                Poll::Pending => Poll::Pending,
            },
            Ok(Poll::Ready(Some(Ok(frame)))) => match frame.into_data() {
                Ok(bytes) => self.begin(bytes),
                Err(frame) => Poll::Ready(Some(Ok(self.noted(frame)))),
            },
            Ok(Poll::Ready(other)) => Poll::Ready(other),
        }
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

    fn end_with(&mut self, refusal: Refusal) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        self.done = true;
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
        if !this.rest.is_empty() {
            return Poll::Ready(Some(Ok(this.piece())));
        }
        let span = this.note.span.clone();
        let _entered = span.enter();
        this.poll_body(context)
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
