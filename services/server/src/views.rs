//! What was known, with all that was computed from it so far: one per knowledge cut and revision, shared by requests.
//!
//! A [`View`] is a snapshot at the canonical instant of its day (see
//! [`marketdata::market::Market::canonical`]) with a [`Slot`] for each service's prepared state,
//! filled on first need and by one computation however many calls wait for it. A [`Pinned`] view
//! adds the precise instant a request asked for, which its answer repeats.

use crate::{compute::Compute, needed::PreparedCoverage, refusal::Refusal};
use factors::roles::Roles;
use marketdata::{instant::Instant, market::Market, snapshot::Snapshot};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

/// What beside the data an answer depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Version of the formulas.
    pub model_version: String,
    /// Hash of the settings that can alter an answer, hex.
    pub config_hash: String,
}

/// A snapshot and what was prepared from it.
#[derive(Debug)]
pub struct View {
    /// All that was known.
    pub snapshot: Snapshot,
    /// Who plays which role.
    pub roles: Arc<Roles>,
    /// What each dataset holds.
    pub coverage: Slot<PreparedCoverage>,
    /// Betas, sizes and returns of every name.
    pub exposure: Slot<exposure::prepared::PreparedExposure>,
    /// Every indicator of rotation.
    pub rotation: Slot<rotation::prepared::PreparedRotation>,
    /// Short selling across the market.
    pub squeeze: Slot<squeeze::prepared::PreparedSqueeze>,
}

/// A value computed from a view on first need.
#[derive(Debug)]
pub struct Slot<T> {
    made: Arc<OnceLock<Arc<T>>>,
    flight: tokio::sync::Mutex<()>,
}

/// A view at the precise instant of a request.
#[derive(Clone, Debug)]
pub struct Pinned {
    view: Arc<View>,
    as_of: Instant,
    identity: Arc<Identity>,
}

/// The views kept ready, the least recently used one leaving first.
#[derive(Debug)]
pub struct Views {
    kept: Mutex<Kept>,
    most: usize,
    roles: Arc<Roles>,
}

#[derive(Debug)]
struct Kept {
    views: BTreeMap<(Instant, u64), (u64, Arc<View>)>,
    uses: u64,
}

impl View {
    fn new(snapshot: Snapshot, roles: Arc<Roles>) -> View {
        View {
            snapshot,
            roles,
            coverage: Slot::empty(),
            exposure: Slot::empty(),
            rotation: Slot::empty(),
            squeeze: Slot::empty(),
        }
    }
}

impl<T: Send + Sync + 'static> Slot<T> {
    /// A value not computed yet.
    pub fn empty() -> Slot<T> {
        Slot { made: Arc::new(OnceLock::new()), flight: tokio::sync::Mutex::new(()) }
    }

    /// The value, if it is there: the quick way.
    pub fn ready(&self) -> Option<&Arc<T>> {
        self.made.get()
    }

    /// The value, computed by `prepare` on the compute pool where nobody did before. Others that ask
    /// meanwhile wait for the same computation.
    ///
    /// # Errors
    /// As [`Compute::run`].
    pub async fn get(
        &self,
        compute: &Compute,
        pinned: &Pinned,
        prepare: fn(&View) -> T,
    ) -> Result<Arc<T>, Refusal> {
        if let Some(made) = self.made.get() {
            return Ok(Arc::clone(made));
        }
        let _flight = self.flight.lock().await;
        if let Some(made) = self.made.get() {
            return Ok(Arc::clone(made));
        }
        let (cell, view) = (Arc::clone(&self.made), Arc::clone(&pinned.view));
        // Where the first caller leaves, its computation goes on and the next one finds it done.
        compute.run(move || Arc::clone(cell.get_or_init(|| Arc::new(prepare(&view))))).await
    }
}

impl Pinned {
    /// A view at a precise instant.
    pub(crate) fn new(view: Arc<View>, as_of: Instant, identity: Arc<Identity>) -> Pinned {
        Pinned { view, as_of, identity }
    }

    /// The shared view.
    pub fn view(&self) -> &Arc<View> {
        &self.view
    }

    /// All that was known.
    pub fn snapshot(&self) -> &Snapshot {
        &self.view.snapshot
    }

    /// The instant the request asked for; the snapshot's own is the canonical one of its day.
    pub fn as_of(&self) -> Instant {
        self.as_of
    }

    /// What beside the data the answer depends on.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }
}

impl Views {
    /// At most so many views, one at least.
    pub fn new(most: usize, roles: Arc<Roles>) -> Views {
        let kept = Mutex::new(Kept { views: BTreeMap::new(), uses: 0 });
        Views { kept, most: most.max(1), roles }
    }

    /// The view of a market at an instant and a revision.
    ///
    /// # Errors
    /// [`Refusal::RevisionUnknown`] where the revision is beyond the head.
    pub fn get(
        &self,
        market: &Arc<Market>,
        as_of: Instant,
        revision: u64,
    ) -> Result<Arc<View>, Refusal> {
        let at = market.canonical(as_of);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.uses += 1;
        let now = kept.uses;
        if let Some((used, view)) = kept.views.get_mut(&(at, revision)) {
            *used = now;
            return Ok(Arc::clone(view));
        }
        let unknown = || Refusal::RevisionUnknown { asked: revision, head: market.head().revision };
        let snapshot = Snapshot::new(Arc::clone(market), at, revision).ok_or_else(unknown)?;
        let view = Arc::new(View::new(snapshot, Arc::clone(&self.roles)));
        kept.views.insert((at, revision), (now, Arc::clone(&view)));
        if self.most < kept.views.len() {
            let oldest = kept.views.iter().min_by_key(|(_, (used, _))| *used).map(|(key, _)| *key);
            oldest.and_then(|key| kept.views.remove(&key));
        }
        Ok(view)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use marketdata::fixture::{Fixture, day};

    #[tokio::test]
    async fn one_view_serves_a_day_between_publications_and_is_prepared_once() {
        let mut fixture = Fixture::new();
        let market = fixture.closes("AAPL", &[(day("2024-07-10"), 1.0)]).commit().market();
        let views = Views::new(2, Arc::new(Roles::standard()));
        let close = Instant::close_of(day("2024-07-10"));
        let later = Instant::from_micros(close.micros() + 1_000_000);
        let first = views.get(&market, close, 1).unwrap();
        assert!(Arc::ptr_eq(&first, &views.get(&market, later, 1).unwrap()));
        assert!(matches!(
            views.get(&market, close, 2),
            Err(Refusal::RevisionUnknown { asked: 2, head: 1 })
        ));
        views.get(&market, close, 0).unwrap();
        views.get(&market, Instant::MIN, 1).unwrap();
        assert!(!Arc::ptr_eq(&first, &views.get(&market, close, 1).unwrap()), "it left the cache");

        let identity = Identity { model_version: String::new(), config_hash: String::new() };
        let pinned = Pinned::new(first, later, Arc::new(identity));
        let (slot, compute) = (Slot::empty(), Compute::new(2, 2));
        let revision = |view: &View| view.snapshot.revision();
        let (one, two) = tokio::join!(
            slot.get(&compute, &pinned, revision),
            slot.get(&compute, &pinned, revision)
        );
        assert!(Arc::ptr_eq(&one.unwrap(), &two.unwrap()));
    }
}
