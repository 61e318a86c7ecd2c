//! When an answer may have changed: a new head of the log, or time reaching the next scheduled
//! publication.

use crate::{clock::Clock, market::Resident, phase::Phase};
use marketdata::{instant::Instant, market::Market};
use std::{sync::Arc, time::Duration};
use tokio::sync::watch;

/// Why a watcher wakes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    /// The log has a new head, or one of its facts became public.
    Changed,
    /// Nothing happened for a while: send a heartbeat, so that proxies keep the stream open.
    Heartbeat,
    /// The server is shutting down.
    Stopping,
}

/// One watcher's subscription.
#[derive(Debug)]
pub struct Wakes {
    heads: watch::Receiver<Arc<Market>>,
    phase: watch::Receiver<Phase>,
    clock: Clock,
    seen: Instant,
    heartbeat: Duration,
}

impl Wakes {
    /// Subscribes from now on.
    pub fn new(
        resident: &Resident,
        phase: watch::Receiver<Phase>,
        clock: Clock,
        heartbeat: Duration,
    ) -> Wakes {
        let mut heads = resident.heads();
        heads.mark_unchanged();
        let seen = clock.now();
        Wakes { heads, phase, clock, seen, heartbeat }
    }

    /// Waits for the next reason to check the answer. Several new heads in the meantime count once.
    pub async fn next(&mut self) -> Wake {
        let publication = self.until_publication();
        let wake = tokio::select! {
            biased;
            _ = self.phase.wait_for(|phase| Phase::Draining <= *phase) => Wake::Stopping,
            changed = self.heads.changed() => match changed {
                Ok(()) => Wake::Changed,
                Err(_) => Wake::Stopping,
            },
            () = tokio::time::sleep(publication.unwrap_or(Duration::MAX)),
                if publication.is_some() => Wake::Changed,
            () = tokio::time::sleep(self.heartbeat) => Wake::Heartbeat,
        };
        self.seen = self.clock.now();
        wake
    }

    fn until_publication(&self) -> Option<Duration> {
        let next = self.heads.borrow().next_publication(self.seen)?;
        let micros = next.micros().saturating_sub(self.clock.now().micros()).max(0);
        Some(Duration::from_micros(micros.unsigned_abs()))
    }
}
