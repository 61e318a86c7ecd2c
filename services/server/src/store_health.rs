//! Whether the store can be followed and takes writes: noted by whoever asks it, told by health.

use store::StoreError;
use tokio::sync::watch;

/// What is known of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreState {
    /// Whether what other processes write can be read.
    pub is_followed: bool,
    /// Whether the last write that was tried succeeded.
    pub takes_writes: bool,
}

/// The state of the store, shared by who writes to it, who follows it and who tells of it.
#[derive(Clone, Debug)]
pub struct StoreHealth {
    state: watch::Sender<StoreState>,
}

impl StoreState {
    /// Whether a file that is sent now can be expected to be taken.
    pub const fn is_good(self) -> bool {
        self.is_followed && self.takes_writes
    }
}

impl StoreHealth {
    /// Of a store that was just opened.
    pub fn good() -> StoreHealth {
        let (state, _) = watch::channel(StoreState { is_followed: true, takes_writes: true });
        StoreHealth { state }
    }

    /// Tells of every change.
    pub fn changes(&self) -> watch::Receiver<StoreState> {
        self.state.subscribe()
    }

    /// Whether the last write that was tried succeeded.
    pub fn takes_writes(&self) -> bool {
        self.state.borrow().takes_writes
    }

    /// Notes what became of following the store.
    pub fn followed(&self, outcome: &Result<(), StoreError>) {
        self.note(outcome.as_ref().err(), "the store cannot be followed", |state| {
            &mut state.is_followed
        });
    }

    /// Notes what became of a write. A refusal that says nothing of the store changes nothing.
    pub fn written<T>(&self, outcome: &Result<T, StoreError>) {
        let error = outcome.as_ref().err();
        let is_a_refusal = matches!(
            error,
            Some(StoreError::HeadMoved { .. } | StoreError::RequestIdReused { .. })
        );
        if !is_a_refusal {
            self.note(error, "the store takes no writes", |state| &mut state.takes_writes);
        }
    }

    /// Logged once per change, not once per failure.
    fn note(
        &self,
        error: Option<&StoreError>,
        what: &str,
        part: impl Fn(&mut StoreState) -> &mut bool,
    ) {
        let is_good = error.is_none();
        let has_changed = self.state.send_if_modified(|state| {
            let part = part(state);
            std::mem::replace(part, is_good) != is_good
        });
        match error {
            Some(error) if has_changed => tell_failed(what, error),
            None if has_changed => tracing::info!("no longer so: {what}"),
            Some(_) | None => {}
        }
    }
}

fn tell_failed(what: &str, error: &StoreError) {
    let cause = chain(error);
    tracing::error!(cause, "{what}; files are refused until it is mended");
}

fn chain(error: &StoreError) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}
