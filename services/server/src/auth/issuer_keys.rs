//! The keys of an issuer that publishes them at a URL.
//!
//! They are fetched in the background: at an interval, and soon after a token has named a key that is
//! not known. A call never waits for it. A fetch that fails changes nothing.

use crate::{
    auth::{
        fetch::{FetchError, fetch},
        jwk::{self, Key},
        settings::Jwt,
    },
    limits,
};
use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{sync::Notify, time::sleep};

/// The keys as they were last fetched; none before the first time. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct IssuerKeys(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    keys: Mutex<Arc<[Key]>>,
    wanted: Notify,
    is_failing: AtomicBool,
    fetched: AtomicU64,
    failed: AtomicU64,
}

/// The keys could not be fetched, or are none.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// Nothing came.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// What came is no set of keys.
    #[error("the document is not a set of keys: {0}")]
    NoKeys(String),
}

/// Asks the issuer for its keys.
///
/// # Errors
/// [`KeysError`].
pub async fn published(jwt: &Jwt) -> Result<Vec<Key>, KeysError> {
    let bytes = fetch(&jwt.keys_url, &jwt.keys_ca).await?;
    jwk::keys(&bytes).map_err(KeysError::NoKeys)
}

impl IssuerKeys {
    /// The newest keys.
    pub fn now(&self) -> Arc<[Key]> {
        Arc::clone(&self.0.keys.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Asks for the keys to be fetched soon, because a token names another one. However often it is
    /// said, they are fetched once per `auth.jwt.keys_pause_ms`.
    pub fn missed(&self) {
        self.0.wanted.notify_one();
    }

    /// How often the keys were fetched, and how often that failed.
    pub fn fetches(&self) -> (u64, u64) {
        (self.0.fetched.load(Ordering::Relaxed), self.0.failed.load(Ordering::Relaxed))
    }

    /// Fetches the keys once.
    pub async fn refresh(&self, jwt: &Jwt) {
        let shared = &*self.0;
        match published(jwt).await {
            Ok(keys) => {
                shared.fetched.fetch_add(1, Ordering::Relaxed);
                if shared.is_failing.swap(false, Ordering::Relaxed) {
                    tracing::info!("the keys of the issuer can be fetched again");
                }
                *shared.keys.lock().unwrap_or_else(PoisonError::into_inner) = keys.into();
            }
            Err(error) => {
                shared.failed.fetch_add(1, Ordering::Relaxed);
                // Said once until it works again.
                if !shared.is_failing.swap(true, Ordering::Relaxed) {
                    warn_kept(&jwt.keys_url, &error.to_string());
                }
            }
        }
    }

    /// Fetches the keys again for ever: at the interval, when one is missing, and after a failure
    /// without waiting for either; never twice within the pause.
    pub async fn follow(self, jwt: Jwt) {
        let pause = Duration::from_millis(jwt.keys_pause_ms);
        let rest = Duration::from_secs(jwt.keys_refresh_s).saturating_sub(pause);
        loop {
            sleep(pause).await;
            if !self.0.is_failing.load(Ordering::Relaxed) {
                tokio::select! {
                    () = self.0.wanted.notified() => {}
                    () = sleep(rest) => {}
                }
            }
            self.refresh(&jwt).await;
        }
    }
}

fn warn_kept(url: &str, cause: &str) {
    tracing::warn!(url, cause, "the keys of the issuer cannot be fetched; the earlier ones count");
}

/// Checks the times of the settings.
pub(super) const fn are_times_valid(jwt: &Jwt) -> bool {
    let pauses = limits::KEYS_PAUSE_LEAST_MS <= jwt.keys_pause_ms;
    let is_after_a_pause = jwt.keys_pause_ms <= jwt.keys_refresh_s.saturating_mul(1_000);
    pauses && is_after_a_pause && jwt.keys_refresh_s <= limits::KEYS_REFRESH_MOST_S
}
