//! What a collector did not take, or what found no place in its queue: counted, and said in the log.

use crate::{clock::Stopwatch, excerpt::excerpt, limits};
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicU64, AtomicUsize, Ordering},
};
use tonic::Status;

/// The target of the warning that log records were refused. It is no record itself: it would be refused
/// like the others, and be the cause of the next one, once a minute for ever.
pub(crate) const OF_RECORDS: &str = "refused_records";

/// The counts of the process, which has one exporter of each kind.
pub(super) static SPANS: Kind = Kind::new("spans");
pub(super) static RECORDS: Kind = Kind::new("records");
pub(super) static POINTS: Kind = Kind::new("points");

/// How much was not taken since the process began, by kind.
pub(crate) fn refused() -> [(&'static str, u64); 3] {
    [&SPANS, &RECORDS, &POINTS].map(|kind| (kind.name, kind.refused.load(Ordering::Relaxed)))
}

/// What is sent of one kind.
#[derive(Debug)]
pub(super) struct Kind {
    name: &'static str,
    /// All that was not taken.
    refused: AtomicU64,
    /// Items in the queue.
    waiting: AtomicUsize,
    /// Items that found the queue full, since the last batch was sent.
    dropped: AtomicU64,
    refusals: Warning,
    notes: Warning,
}

/// A line of the log that is written once a minute at most.
#[derive(Debug)]
struct Warning(Mutex<Said>);

#[derive(Debug)]
struct Said {
    /// Items that no line has counted yet.
    unsaid: u64,
    last: Option<Stopwatch>,
}

/// What a collector says of a request that it took, in part or as a whole.
pub(super) struct Partial {
    pub(super) refused: i64,
    pub(super) why: String,
}

impl Kind {
    pub(super) const fn new(name: &'static str) -> Kind {
        Kind {
            name,
            refused: AtomicU64::new(0),
            waiting: AtomicUsize::new(0),
            dropped: AtomicU64::new(0),
            refusals: Warning::new(),
            notes: Warning::new(),
        }
    }

    /// Whether an item finds a place in a queue of so many, which it then has; if not, it is counted.
    /// Nothing is said: the caller may be within a line of the log.
    pub(super) fn enters(&self, most: usize) -> bool {
        let more = |waiting| if waiting < most { Some(waiting + 1) } else { None };
        let entered = self.waiting.fetch_update(Ordering::AcqRel, Ordering::Acquire, more).is_ok();
        if !entered {
            self.refused.fetch_add(1, Ordering::Relaxed);
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
        entered
    }

    /// Frees the places of a batch.
    pub(super) fn leave(&self, count: usize) {
        let rest = |waiting: usize| Some(waiting.saturating_sub(count));
        let _always = self.waiting.fetch_update(Ordering::AcqRel, Ordering::Acquire, rest);
    }

    /// Says what found the queue full since the last batch.
    pub(super) fn say_dropped(&self) {
        match self.dropped.swap(0, Ordering::Relaxed) {
            0 => {}
            count => self.warn(count, "the queue is full"),
        }
    }

    /// Counts and says what a collector did not take of a batch.
    pub(super) fn ended(
        &self,
        count: usize,
        answer: Result<Option<Partial>, Status>,
    ) -> OTelSdkResult {
        let count = count as u64;
        match answer {
            Ok(None) => Ok(()),
            Ok(Some(Partial { refused, why })) => {
                // A collector cannot refuse more than it was sent.
                match u64::try_from(refused).unwrap_or_default().min(count) {
                    // Collectors in Go send an empty one with every answer.
                    0 if why.is_empty() => {}
                    0 => self.note(&why),
                    refused => self.refuse(refused, &why),
                }
                Ok(())
            }
            Err(status) => {
                let why = format!("{:?}: {}", status.code(), status.message());
                self.refuse(count, &why);
                Err(OTelSdkError::InternalFailure(excerpt(&why, limits::RECORD_TEXT_BYTES)))
            }
        }
    }

    fn refuse(&self, count: u64, why: &str) {
        self.refused.fetch_add(count, Ordering::Relaxed);
        self.warn(count, why);
    }

    fn warn(&self, count: u64, why: &str) {
        let Some(count) = self.refusals.due(count) else { return };
        let (kind, why) = (self.name, excerpt(why, limits::RECORD_TEXT_BYTES));
        match self.is_of_records() {
            true => warn_of_records(count, &why),
            false => tracing::warn!(kind, count, why, "not taken by the collector"),
        }
    }

    /// A collector took all and has something to say.
    fn note(&self, note: &str) {
        let Some(_) = self.notes.due(1) else { return };
        let note = excerpt(note, limits::RECORD_TEXT_BYTES);
        match self.is_of_records() {
            true => note_of_records(&note),
            false => note_of(self.name, &note),
        }
    }

    fn is_of_records(&self) -> bool {
        self.name == RECORDS.name
    }
}

fn note_of(kind: &str, note: &str) {
    tracing::warn!(kind, note, "taken by the collector with a note");
}

fn note_of_records(note: &str) {
    let kind = RECORDS.name;
    tracing::warn!(target: OF_RECORDS, kind, note, "taken by the collector with a note");
}

fn warn_of_records(count: u64, why: &str) {
    let kind = RECORDS.name;
    tracing::warn!(target: OF_RECORDS, kind, count, why, "not taken by the collector");
}

impl Warning {
    const fn new() -> Warning {
        Warning(Mutex::new(Said { unsaid: 0, last: None }))
    }

    /// Adds to what is to be said. If the last line is a minute old, returns the sum since then, which is
    /// said with that.
    fn due(&self, count: u64) -> Option<u64> {
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        said.unsaid = said.unsaid.saturating_add(count);
        let last = said.last.as_ref();
        let is_due = last.is_none_or(|last| limits::EPISODE_MS <= last.elapsed_ms());
        is_due.then(|| {
            said.last = Some(Stopwatch::start());
            std::mem::take(&mut said.unsaid)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused_is_said_once_a_while() {
        let warning = Warning::new();
        assert_eq!(warning.due(3), Some(3));
        assert_eq!((warning.due(4), warning.due(5)), (None, None));
        // A minute later the next line has the sum of what was not said.
        warning.0.lock().unwrap().last = None;
        assert_eq!(warning.due(6), Some(15));
    }

    fn has_warned(kind: &Kind) -> bool {
        kind.refusals.0.lock().unwrap().last.is_some()
    }

    #[test]
    fn a_part_a_whole_and_nothing_may_be_refused() {
        let kind = Kind::new("records");
        let refused = || kind.refused.load(Ordering::Relaxed);
        let takes = |refused, why: &str| {
            let partial = Partial { refused, why: why.to_owned() };
            kind.ended(10, Ok(Some(partial))).unwrap();
        };
        kind.ended(10, Ok(None)).unwrap();
        takes(0, "");
        assert!(kind.notes.0.lock().unwrap().last.is_none(), "there is nothing to say");
        takes(0, "use another port");
        takes(-1, "");
        assert!(refused() == 0 && !has_warned(&kind), "a note is no refusal, and silences none");
        assert!(kind.notes.0.lock().unwrap().last.is_some());
        takes(4, "too old");
        assert!(refused() == 4 && has_warned(&kind));
        let error = kind.ended(10, Err(Status::invalid_argument("no tenant"))).unwrap_err();
        assert_eq!(refused(), 14);
        assert!(error.to_string().contains("InvalidArgument: no tenant"), "{error}");
        // No more than were sent, however often.
        (0..3).for_each(|_| takes(i64::MAX, "all of them"));
        assert_eq!(refused(), 44);
    }

    #[test]
    fn what_finds_the_queue_full_is_counted() {
        let kind = Kind::new("spans");
        let entered = (0..5).filter(|_| kind.enters(3)).count();
        assert_eq!((entered, kind.refused.load(Ordering::Relaxed)), (3, 2));
        assert!(!has_warned(&kind), "only with the next batch");
        kind.leave(2);
        kind.say_dropped();
        assert!(has_warned(&kind));
        let entered = (0..5).filter(|_| kind.enters(3)).count();
        assert_eq!((entered, kind.refused.load(Ordering::Relaxed)), (2, 5));
    }
}
