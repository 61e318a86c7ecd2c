//! The body of a request on its way in: paced, admitted once it is whole, told from that of a caller who left.

use crate::{limits::Limits, rpc::status::Refusal, traffic::Charge};
use http_body::{Body as HttpBody, Frame, SizeHint};
use std::{
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

/// A body that ends with an error where its caller stalls or leaves, and where there is no room.
pub(crate) struct Question {
    body: Body,
    is_whole: bool,
    pace: Option<Pace>,
    /// Asked once the request is whole: one that never will be takes no room from the others.
    admission: Pin<Box<dyn Future<Output = Result<(), Refusal>> + Send>>,
    is_admitted: bool,
    is_gone: Gone,
}

/// Whether the caller left before its request was whole.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gone(Arc<AtomicBool>);

impl Gone {
    pub(crate) fn is_true(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

impl Question {
    pub(crate) fn new(
        body: Body,
        pace: Option<Pace>,
        charge: Arc<Charge>,
        is_gone: Gone,
    ) -> Question {
        let admission = Box::pin(async move { charge.admit().await });
        Question { body, is_whole: false, pace, admission, is_admitted: false, is_gone }
    }

    /// The end of the body, when there is room for the answer.
    fn poll_end(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.is_admitted {
            return Poll::Ready(None);
        }
        self.admission.as_mut().poll(context).map(|admitted| {
            self.is_admitted = true;
            admitted.err().map(|refusal| Err(refusal.into()))
        })
    }
}

impl HttpBody for Question {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = &mut *self;
        if this.is_whole {
            return this.poll_end(context);
        }
        match Pin::new(&mut this.body).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(pace) = &mut this.pace {
                    pace.arrived(frame.data_ref().map_or(0, Bytes::len) as u64);
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(_))) => {
                this.is_gone.0.store(true, Ordering::Release);
                // Not CANCELLED: tonic takes that for the end of the request, and half a file would
                // look whole.
                Poll::Ready(Some(Err(Status::aborted("the caller left"))))
            }
            Poll::Ready(None) => {
                this.is_whole = true;
                this.poll_end(context)
            }
            Poll::Pending => match this.pace.as_mut().map(|pace| pace.poll(context)) {
                Some(Poll::Ready(refusal)) => Poll::Ready(Some(Err(refusal.into()))),
                Some(Poll::Pending) | None => Poll::Pending,
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        self.is_admitted && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// How fast a request must arrive. Only the time in which the server waits for it counts.
#[derive(Debug)]
pub(crate) struct Pace {
    idle: Duration,
    bytes_per_s: u64,
    bytes: u64,
    waited: Duration,
    waiting: Option<(Instant, Pin<Box<Sleep>>)>,
}

impl Pace {
    pub(crate) fn new(limits: &Limits) -> Pace {
        Pace {
            idle: Duration::from_millis(limits.request_idle_ms),
            bytes_per_s: limits.request_bytes_per_s,
            bytes: 0,
            waited: Duration::ZERO,
            waiting: None,
        }
    }

    fn arrived(&mut self, bytes: u64) {
        self.bytes += bytes;
        if let Some((since, _)) = self.waiting.take() {
            self.waited += since.elapsed();
        }
    }

    /// Ready when the next bytes are overdue: after the idle time, or as soon as all the waiting
    /// together exceeds the idle time and what the bytes so far may take.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Refusal> {
        let (_, sleep) = self.waiting.get_or_insert_with(|| {
            let earned = Duration::from_secs_f64(self.bytes as f64 / self.bytes_per_s as f64);
            let left = (self.idle + earned).saturating_sub(self.waited).min(self.idle);
            (Instant::now(), Box::pin(tokio::time::sleep(left)))
        });
        sleep.as_mut().poll(context).map(|()| Refusal::RequestStalled {
            idle_ms: self.idle.as_millis() as u64,
            bytes_per_s: self.bytes_per_s,
        })
    }
}
