//! The incoming body of a request: paced, counted, and admitted once it is complete; detects a
//! client that disconnects early.

use crate::{
    call::method::Shape,
    limits::{self, Limits},
    metrics::calls::CallMeter,
    refusal::Refusal,
    traffic::Charge,
};
use contract::weight::Memory;
use http_body::{Body as HttpBody, Frame, SizeHint};
use std::{
    collections::VecDeque,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::{Instant, Sleep};
use tonic::{Status, body::Body, codegen::Bytes};

/// A body that ends with an error if its client stalls or disconnects, or if there is no room.
pub(crate) struct RequestBody {
    body: Body,
    is_whole: bool,
    /// What has arrived of a request that is passed on only when its call is admitted, so that a
    /// refused one is not decoded.
    withheld: VecDeque<Frame<Bytes>>,
    /// The most bytes of it; more is passed on at once, because the codec refuses it by its size.
    withholds: usize,
    /// `None`: the client may pause from now on.
    pace: Option<Pace>,
    paced: Paced,
    shape: Shape,
    held: Held,
    charge: Arc<Charge>,
    /// Polled once the request is complete: a request that never completes takes no room from
    /// others.
    admission: Pin<Box<dyn Future<Output = Result<(), Refusal>> + Send>>,
    is_admitted: bool,
    is_gone: Gone,
    meter: Arc<CallMeter>,
}

impl Memory for Charge {
    fn take(&self, bytes: usize) -> Result<(), Status> {
        Ok(self.decode(bytes)?)
    }
}

/// Bytes of the flag and the length before a message.
const PREFIX_BYTES: usize = 5;

/// Whether the client disconnected before its request was complete.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gone(Arc<AtomicBool>);

impl Gone {
    pub(crate) fn is_true(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

impl RequestBody {
    pub(crate) fn new(
        body: Body,
        (shape, limits): (Shape, &Limits),
        charge: Arc<Charge>,
        (is_gone, meter): (Gone, Arc<CallMeter>),
    ) -> RequestBody {
        let for_answer = Arc::clone(&charge);
        let most = if charge.has_turn() { limits.receive_bytes + PREFIX_BYTES } else { 0 };
        RequestBody {
            body,
            is_whole: false,
            withheld: VecDeque::new(),
            withholds: most,
            pace: Some(Pace::new(limits)),
            paced: Paced::of(shape),
            shape,
            held: Held::new(shape),
            charge,
            admission: Box::pin(async move { for_answer.admit().await }),
            is_admitted: false,
            is_gone,
            meter,
        }
    }

    /// Counts the bytes of the body; fails if there is no room for them.
    fn arrived(&mut self, frame: Frame<Bytes>) -> Result<Frame<Bytes>, Status> {
        let bytes = frame.data_ref().map_or(&[][..], |bytes| &bytes[..]);
        if let Some(pace) = &mut self.pace {
            if self.paced == Paced::EachMessage && pace.was_not_asked() {
                pace.rest();
            }
            pace.arrived(bytes.len() as u64);
        }
        self.meter.received(bytes.len());
        self.held.arrived(bytes);
        match (self.paced, &mut self.pace) {
            (Paced::FirstMessage, pace) if self.held.has_message => *pace = None,
            (Paced::EachMessage, Some(pace)) if self.held.is_between() => pace.rest(),
            _ => {}
        }
        // A stream with a place: an exchange has one before its first message is read, an upload before
        // its second.
        let has_place = match self.shape {
            Shape::Exchange => true,
            Shape::Upload => self.held.has_message,
            Shape::Unary | Shape::Watch => false,
        };
        match has_place {
            true => self.charge.receive_in_any_case(self.held.bytes),
            false => self.charge.receive(self.held.bytes)?,
        }
        Ok(frame)
    }

    /// What is withheld and then the end of the body, once there is room for the answer and the
    /// call has its turn.
    fn poll_end(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if !self.is_admitted {
            let Poll::Ready(admitted) = self.admission.as_mut().poll(context) else {
                return Poll::Pending;
            };
            self.is_admitted = true;
            if let Err(refusal) = admitted {
                self.withheld.clear();
                return Poll::Ready(Some(Err(refusal.into())));
            }
        }
        Poll::Ready(self.withheld.pop_front().map(Ok))
    }

    /// Keeps a frame back, or returns the next one to pass on.
    fn pass_on(&mut self, frame: Frame<Bytes>) -> Option<Frame<Bytes>> {
        self.withheld.push_back(frame);
        if self.withholds < self.held.bytes {
            self.withholds = 0;
        }
        if 0 < self.withholds { None } else { self.withheld.pop_front() }
    }

    /// What has arrived, and whether more can.
    fn poll_arrived(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        match Pin::new(&mut self.body).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => Poll::Ready(Some(self.arrived(frame))),
            Poll::Ready(Some(Err(_))) => {
                self.is_gone.0.store(true, Ordering::Release);
                // Not CANCELLED: tonic takes that for the end of the request, and half a file would
                // look complete.
                Poll::Ready(Some(Err(Status::aborted("the client disconnected"))))
            }
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => self.poll_pace(context).map(|refusal| Some(Err(refusal.into()))),
        }
    }

    /// Ready when the client is too slow.
    fn poll_pace(&mut self, context: &mut Context<'_>) -> Poll<Refusal> {
        let Some(pace) = &mut self.pace else { return Poll::Pending };
        let is_exchange = self.paced == Paced::EachMessage;
        if is_exchange && self.held.is_between() {
            return Poll::Pending;
        }
        let ended = pace.poll(context);
        if ended.is_pending() {
            return ended;
        }
        // An exchange does not read while its items wait, and what others have sent may fill the window
        // of the connection: then it is not the client who is slow.
        if is_exchange && (pace.was_not_asked() || self.charge.items().is_busy()) {
            pace.rest();
            return pace.poll(context);
        }
        ended
    }
}

impl HttpBody for RequestBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = &mut *self;
        while !this.is_whole {
            if this.withholds == 0
                && let Some(frame) = this.withheld.pop_front()
            {
                return Poll::Ready(Some(Ok(frame)));
            }
            match this.poll_arrived(context) {
                Poll::Ready(Some(Ok(frame))) => {
                    if let Some(frame) = this.pass_on(frame) {
                        return Poll::Ready(Some(Ok(frame)));
                    }
                }
                Poll::Ready(None) => this.is_whole = true,
                ended => return ended,
            }
        }
        this.poll_end(context)
    }

    fn is_end_stream(&self) -> bool {
        self.is_admitted && self.withheld.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Number of bytes held in memory: the whole message of a unary call; of a stream only the
/// incomplete message, because each is passed on as soon as it is complete.
#[derive(Debug)]
struct Held {
    is_only_message: bool,
    /// Bytes held.
    bytes: usize,
    /// The part received of a message's flag and length.
    prefix: Vec<u8>,
    /// Bytes missing from the current message.
    missing: usize,
    /// Whether a message is complete; of a unary call it is not looked for.
    has_message: bool,
}

impl Held {
    fn new(shape: Shape) -> Held {
        let is_only_message = shape == Shape::Unary;
        Held { is_only_message, bytes: 0, prefix: Vec::new(), missing: 0, has_message: false }
    }

    /// Whether a message is complete, and none has begun after it.
    fn is_between(&self) -> bool {
        self.has_message && self.bytes == 0
    }

    fn arrived(&mut self, mut bytes: &[u8]) {
        if self.is_only_message {
            self.bytes += bytes.len();
            return;
        }
        while let Some((first, _)) = bytes.split_first() {
            if 0 < self.missing {
                let taken = self.missing.min(bytes.len());
                (self.missing, self.bytes) = (self.missing - taken, self.bytes + taken);
                bytes = &bytes[taken..];
            } else {
                self.prefix.push(*first);
                (self.bytes, bytes) = (self.prefix.len(), &bytes[1..]);
                if let [_flag, a, b, c, d] = self.prefix[..] {
                    self.missing = u32::from_be_bytes([a, b, c, d]) as usize;
                    self.prefix.clear();
                }
            }
            if self.missing == 0 && self.prefix.is_empty() {
                (self.bytes, self.has_message) = (0, true);
            }
        }
    }
}

/// How much of a request has a minimum pace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Paced {
    /// All of it.
    Whole,
    /// Its first message: the client sends no other.
    FirstMessage,
    /// Each message, as long as it is incomplete: the client may pause between two.
    EachMessage,
}

impl Paced {
    fn of(shape: Shape) -> Paced {
        match shape {
            Shape::Unary | Shape::Upload => Paced::Whole,
            Shape::Watch => Paced::FirstMessage,
            Shape::Exchange => Paced::EachMessage,
        }
    }
}

/// The minimum pace of a request. Only time during which the server waits for bytes counts.
#[derive(Debug)]
pub(crate) struct Pace {
    idle: Duration,
    bytes_per_s: u64,
    /// Remaining time to wait: waiting spends it, bytes earn it, up to a bound.
    left: Duration,
    waiting: Option<(Instant, Pin<Box<Sleep>>)>,
}

impl Pace {
    pub(crate) fn new(limits: &Limits) -> Pace {
        Pace {
            idle: Duration::from_millis(limits.request_idle_ms),
            bytes_per_s: limits.request_bytes_per_s,
            left: Duration::from_millis(limits.request_idle_ms),
            waiting: None,
        }
    }

    fn arrived(&mut self, bytes: u64) {
        let waited = self.waiting.take().map_or(Duration::ZERO, |(since, _)| since.elapsed());
        let earned = Duration::from_secs_f64(bytes as f64 / self.bytes_per_s as f64);
        let most = self.idle * limits::PATIENCE_IDLES;
        self.left = (self.left.saturating_sub(waited) + earned).min(most);
    }

    /// Begins anew.
    fn rest(&mut self) {
        (self.left, self.waiting) = (self.idle, None);
    }

    /// Whether the time was over long ago and nobody looked: the server did not wait for bytes.
    fn was_not_asked(&self) -> bool {
        let most = self.left.min(self.idle) + Duration::from_millis(limits::NOT_ASKED_MS);
        self.waiting.as_ref().is_some_and(|(since, _)| most < since.elapsed())
    }

    /// Ready when the next bytes are overdue: after the idle time, or as soon as the total waiting
    /// exceeds the idle time plus what the received bytes have earned.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Refusal> {
        let (_, sleep) = self.waiting.get_or_insert_with(|| {
            (Instant::now(), Box::pin(tokio::time::sleep(self.left.min(self.idle))))
        });
        sleep.as_mut().poll(context).map(|()| Refusal::RequestStalled {
            idle_ms: self.idle.as_millis() as u64,
            bytes_per_s: self.bytes_per_s,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_holds_only_its_incomplete_message() {
        let (mut many, mut one) = (Held::new(Shape::Upload), Held::new(Shape::Unary));
        // Two messages, of three bytes and of none, and of a third of 258 bytes its prefix and two
        // bytes.
        let bytes = [0, 0, 0, 0, 3, 7, 7, 7, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 9, 9];
        let held: Vec<usize> = bytes
            .iter()
            .map(|byte| {
                many.arrived(&[*byte]);
                many.bytes
            })
            .collect();
        assert_eq!(held, [1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 5, 6, 7]);
        let mut at_once = Held::new(Shape::Upload);
        at_once.arrived(&bytes);
        one.arrived(&bytes);
        assert_eq!((at_once.bytes, at_once.missing, one.bytes), (7, 256, bytes.len()));
    }

    #[tokio::test]
    async fn time_in_which_nobody_asks_for_bytes_is_not_the_clients() {
        let mut pace = Pace::new(&Limits { request_idle_ms: 10, ..Limits::standard() });
        let context = &mut Context::from_waker(std::task::Waker::noop());
        assert!(pace.poll(context).is_pending() && !pace.was_not_asked());
        pace.waiting.as_mut().unwrap().0 -= Duration::from_millis(limits::NOT_ASKED_MS / 2);
        assert!(!pace.was_not_asked(), "a busy server is a little late");
        pace.waiting.as_mut().unwrap().0 -= Duration::from_millis(limits::NOT_ASKED_MS);
        assert!(pace.was_not_asked());
        pace.rest();
        assert!(!pace.was_not_asked() && pace.poll(context).is_pending());
    }

    #[test]
    fn a_burst_earns_a_bounded_time() {
        let mut pace = Pace::new(&Limits::standard());
        assert_eq!(pace.left, Duration::from_secs(10));
        pace.arrived(32 << 10);
        assert_eq!(pace.left, Duration::from_secs(12), "at 16 KiB a second");
        pace.arrived(4 << 20);
        assert_eq!(pace.left, Duration::from_secs(30), "and not 256 s more");
    }
}
