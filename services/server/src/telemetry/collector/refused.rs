//! What a collector did not take: counted, and said in the log.

use crate::{clock::Stopwatch, excerpt::excerpt, limits};
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};
use tonic::Status;

/// The target of the warning that log records were refused. It is not sent itself: it would be
/// refused as well, and so on for ever.
pub(crate) const OF_RECORDS: &str = "refused_records";

/// What this process has sent in vain since its start. Its exporters are those of the process.
pub(super) static SPANS: Kind = Kind::new("spans");
pub(super) static RECORDS: Kind = Kind::new("records");
pub(super) static POINTS: Kind = Kind::new("points");

/// How much the collector did not take, by kind.
pub(crate) fn refused() -> [(&'static str, u64); 3] {
    [&SPANS, &RECORDS, &POINTS].map(|kind| (kind.name, kind.refused.load(Ordering::Relaxed)))
}

/// What is sent of one kind.
#[derive(Debug)]
pub(super) struct Kind {
    name: &'static str,
    refused: AtomicU64,
    said: Mutex<Said>,
}

/// What the log says of it.
#[derive(Debug)]
struct Said {
    /// Refused since the last warning.
    unsaid: u64,
    last: Option<Stopwatch>,
}

/// A part that a collector did not take, of a request that it took.
pub(super) struct Partial {
    pub(super) refused: i64,
    pub(super) why: String,
}

impl Kind {
    const fn new(name: &'static str) -> Kind {
        let said = Mutex::new(Said { unsaid: 0, last: None });
        Kind { name, refused: AtomicU64::new(0), said }
    }

    /// Counts what a collector did not take of `count`, and says so now and then.
    pub(super) fn ended(
        &self,
        count: usize,
        answer: Result<Option<Partial>, Status>,
    ) -> OTelSdkResult {
        match answer {
            Ok(None) => Ok(()),
            // The protocol's way to say nothing, which collectors in Go send with every answer.
            Ok(Some(Partial { refused: 0, why })) if why.is_empty() => Ok(()),
            Ok(Some(Partial { refused, why })) => {
                self.refused(u64::try_from(refused).unwrap_or_default(), &why);
                Ok(())
            }
            Err(status) => {
                let why = format!("{:?}: {}", status.code(), status.message());
                self.refused(count as u64, &why);
                Err(OTelSdkError::InternalFailure(excerpt(&why, limits::RECORD_TEXT_BYTES)))
            }
        }
    }

    fn refused(&self, count: u64, why: &str) {
        self.refused.fetch_add(count, Ordering::Relaxed);
        if let Some(count) = self.to_say(count) {
            let why = excerpt(why, limits::RECORD_TEXT_BYTES);
            // A collector may also take all, refuse 0, and have something to say.
            match std::ptr::eq(self, &RECORDS) {
                true => warn_of_records(count, &why),
                false => warn(self.name, count, &why),
            }
        }
    }

    /// How many a warning is about that is due now.
    fn to_say(&self, count: u64) -> Option<u64> {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        said.unsaid += count;
        let last = said.last.as_ref();
        let is_due = last.is_none_or(|last| limits::EPISODE_MS <= last.elapsed_ms());
        is_due.then(|| {
            said.last = Some(Stopwatch::start());
            std::mem::take(&mut said.unsaid)
        })
    }
}

fn warn(kind: &str, count: u64, why: &str) {
    tracing::warn!(kind, count, why, "not taken by the collector");
}

fn warn_of_records(count: u64, why: &str) {
    tracing::warn!(target: OF_RECORDS, kind = "records", count, why, "not taken by the collector");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused_is_counted_and_said_once_a_while() {
        let kind = Kind::new("spans");
        assert_eq!(kind.to_say(3), Some(3));
        assert_eq!((kind.to_say(4), kind.to_say(5)), (None, None));
        // After the silence the next one speaks for those before it.
        kind.said.lock().unwrap().last = None;
        assert_eq!(kind.to_say(6), Some(15));
    }

    #[test]
    fn a_part_a_whole_and_nothing_may_be_refused() {
        let kind = Kind::new("records");
        let refused = || kind.refused.load(Ordering::Relaxed);
        kind.ended(10, Ok(None)).unwrap();
        kind.ended(10, Ok(Some(Partial { refused: 0, why: String::new() }))).unwrap();
        assert_eq!(refused(), 0);
        assert!(kind.said.lock().unwrap().last.is_none(), "there is nothing to say");
        let partial = Partial { refused: 4, why: "too old".to_owned() };
        kind.ended(10, Ok(Some(partial))).unwrap();
        assert_eq!(refused(), 4);
        let error = kind.ended(10, Err(Status::invalid_argument("no tenant"))).unwrap_err();
        assert_eq!(refused(), 14);
        assert!(error.to_string().contains("InvalidArgument: no tenant"), "{error}");
    }
}
