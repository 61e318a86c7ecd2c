//! Whether the store can be followed and accepts writes; reported by the health service.

use crate::{clock::Clock, telemetry::with_causes};
use marketdata::instant::Instant;
use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};
use store::{Outlook, StoreError};
use tokio::sync::watch;

/// The state of the store as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreState {
    /// Whether the writes of other processes can be read.
    pub is_followed: bool,
    /// Whether the last write succeeded, and the store has not said since that it takes none.
    pub takes_writes: bool,
}

const CANNOT_BE_READ: &str = "the store cannot be read";

/// The state of the store, shared by its writers, its follower and the health service.
#[derive(Clone, Debug)]
pub struct StoreHealth {
    state: watch::Sender<StoreState>,
    clock: Clock,
    /// When the last successful look at the store began, microseconds; 0 before the first one.
    read_at: Arc<AtomicI64>,
}

impl StoreState {
    /// Whether an upload sent now can be expected to succeed.
    pub const fn is_good(self) -> bool {
        self.is_followed && self.takes_writes
    }
}

impl StoreHealth {
    /// The state of a store that was just opened.
    pub fn good(clock: Clock) -> StoreHealth {
        let (state, _) = watch::channel(StoreState { is_followed: true, takes_writes: true });
        StoreHealth { state, clock, read_at: Arc::default() }
    }

    /// When the last successful look at the store began: what was committed until then is in the
    /// market. `None` before the first one.
    pub fn read_at(&self) -> Option<Instant> {
        let micros = self.read_at.load(Ordering::SeqCst);
        (micros != 0).then_some(Instant::from_micros(micros))
    }

    /// The time at which a look at the store begins.
    pub fn begin_look(&self) -> Instant {
        self.clock.now()
    }

    /// The current state.
    pub fn state(&self) -> StoreState {
        *self.state.borrow()
    }

    /// Announces every change.
    pub fn changes(&self) -> watch::Receiver<StoreState> {
        self.state.subscribe()
    }

    /// Whether writes can be expected to succeed.
    pub fn takes_writes(&self) -> bool {
        self.state.borrow().takes_writes
    }

    /// Records the outcome of a look at the store.
    pub fn followed<T>(&self, begun: Instant, outcome: &Result<T, StoreError>) {
        if outcome.is_ok() {
            self.read_at.store(begun.micros(), Ordering::SeqCst);
        }
        let cause = outcome.as_ref().err().map(|error| with_causes(error));
        self.note(cause, CANNOT_BE_READ, |state| &mut state.is_followed);
        if outcome.as_ref().is_err_and(|error| error.outlook() == Outlook::Damaged) {
            // Damage that a read finds stops the writes, unless it is that of a standby: the next small
            // write tells.
            self.written(outcome);
        }
    }

    /// Records that a look at the store has had no answer for long. It goes on; its outcome is
    /// recorded when it ends.
    pub fn silent(&self) {
        self.note(Some("it does not answer".to_owned()), CANNOT_BE_READ, |state| {
            &mut state.is_followed
        });
    }

    /// Records a failed read; the follower finds out when reads succeed again.
    pub fn not_read(&self, error: &StoreError) {
        if concerns_the_store(error) {
            let cause = Some(with_causes(error));
            self.note(cause, CANNOT_BE_READ, |state| &mut state.is_followed);
        }
    }

    /// Records whether the store says that it takes writes. That it does is no proof: only a write
    /// that succeeds is.
    pub fn asked(&self, takes_writes: &Result<bool, StoreError>) {
        match takes_writes {
            Ok(false) => self.written(&Err::<(), _>(StoreError::Unwritable)),
            // A database that does not answer takes no write either; damage stops every write.
            Err(_) => self.written(takes_writes),
            Ok(true) => {}
        }
    }

    /// Records whether the store holds what was read: if it does not, nothing can be written.
    pub fn confirmed(&self, outcome: &Result<(), StoreError>) {
        if outcome.is_err() {
            self.written(outcome);
        }
    }

    /// Records the outcome of a write.
    pub fn written<T>(&self, outcome: &Result<T, StoreError>) {
        let error = outcome.as_ref().err();
        // Damage found by one write stops every later write.
        let is_damaged = |error: &StoreError| error.outlook() == Outlook::Damaged;
        if error.is_none_or(|error| concerns_the_store(error) || is_damaged(error)) {
            let cause = error.map(|error| with_causes(error));
            self.note(cause, "the store cannot be written", |state| &mut state.takes_writes);
        }
    }

    /// Updates the state, and logs once per change, not once per failure.
    fn note(&self, cause: Option<String>, what: &str, part: impl Fn(&mut StoreState) -> &mut bool) {
        let is_good = cause.is_none();
        let has_changed = self.state.send_if_modified(|state| {
            let part = part(state);
            std::mem::replace(part, is_good) != is_good
        });
        if has_changed {
            log_change(cause, what);
        }
    }
}

fn log_change(cause: Option<String>, what: &str) {
    let Some(cause) = cause else {
        tracing::info!("recovered from: {what}");
        return;
    };
    tracing::error!(cause, "{what}; health is NOT_SERVING until it recovers");
}

/// Whether other calls would fail too. A late caller, a file that is too large and a damaged row do
/// not affect the calls of others.
fn concerns_the_store(error: &StoreError) -> bool {
    error.outlook() == Outlook::MayPass && !matches!(error, StoreError::HeadMoved { .. })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_of_one_write_does_not_change_health() {
        let refusals = [
            StoreError::HeadMoved { head: 7 },
            StoreError::RequestIdReused { request_id: "a".to_owned() },
            StoreError::ReadOnly,
        ];
        for refusal in refusals {
            let message = refusal.to_string();
            let health = StoreHealth::good(Clock::system());
            health.not_read(&refusal);
            health.written(&Err::<(), _>(refusal));
            assert!(health.changes().borrow().is_good(), "{message}");
        }
    }

    #[test]
    fn failing_writes_change_health_until_one_succeeds() {
        let damaged = StoreError::Damaged("a page".to_owned());
        let gone = StoreError::Replaced("is gone".to_owned());
        for error in [gone, full(), damaged, StoreError::Unwritable] {
            let health = StoreHealth::good(Clock::system());
            health.written(&Err::<(), _>(error));
            assert!(!health.takes_writes());
            health.written(&Err::<(), _>(StoreError::ReadOnly));
            assert!(!health.takes_writes(), "a refusal does not restore health");
            health.written(&Ok(()));
            assert!(health.changes().borrow().is_good());
        }
    }

    #[test]
    fn a_store_that_says_it_takes_no_writes_is_believed_until_one_succeeds() {
        let health = StoreHealth::good(Clock::system());
        health.asked(&Ok(true));
        assert!(health.takes_writes());
        health.asked(&Ok(false));
        assert!(!health.takes_writes());
        for error in [full(), StoreError::Damaged("a page".to_owned())] {
            let health = StoreHealth::good(Clock::system());
            health.asked(&Err(error));
            assert!(!health.takes_writes(), "the write would meet the same");
        }
        health.asked(&Ok(true));
        assert!(!health.takes_writes(), "it may still be full");
        health.written(&Ok(()));
        assert!(health.takes_writes());
    }

    fn full() -> StoreError {
        std::io::Error::from(std::io::ErrorKind::StorageFull).into()
    }

    #[test]
    fn a_failed_read_says_nothing_of_writing() {
        let health = StoreHealth::good(Clock::system());
        health.not_read(&StoreError::Damaged("the answer to request \"a\"".to_owned()));
        assert!(health.changes().borrow().is_good());
        health.not_read(&full());
        let state = *health.changes().borrow();
        assert_eq!(state, StoreState { is_followed: false, takes_writes: true });
        assert_eq!(health.read_at(), None);
        let begun = health.begin_look();
        health.followed(begun, &Err::<(), _>(full()));
        assert_eq!(health.read_at(), None, "it has not been read");
        health.followed(begun, &Ok(()));
        assert_eq!(health.read_at(), Some(begun));
        assert!(health.changes().borrow().is_good());
    }
}
