//! A cache of prepared values, kept as long as they are valid and memory allows.
//!
//! A value is valid for every snapshot that shows the same facts of the datasets it reads, the same
//! names and the same day (`Snapshot::changed_since`), under the same settings: a new revision or a
//! later instant that changes none of them is answered from the cached value. If something changed,
//! the next preparation gets the newest earlier value to start from. Each value is prepared by one
//! computation, however many calls wait for it and whether or not the first of them stays.

use crate::{
    compute::{Place, Pools, catch},
    prepared::Prepared,
    refusal::Refusal,
    retired::{Retired, Shared},
    views::View,
};
use marketdata::changes::DatasetSet;
use std::{
    any::TypeId,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::watch;

/// The prepared values kept, together within a limit in bytes; the least recently used one is
/// dropped first. A call that uses a value keeps it alive beyond that.
#[derive(Debug)]
pub struct PreparedCache {
    kept: Mutex<Kept>,
    most_bytes: usize,
    pools: Pools,
    retired: Retired,
}

#[derive(Debug)]
struct Kept {
    entries: Vec<Entry>,
    /// Counter of uses, to order them.
    uses: u64,
    /// Counter of preparations.
    begun: u64,
    /// Counter of lookups that found a value.
    hits: u64,
    /// Counter of lookups that found a preparation under way.
    joined: u64,
    /// Counter of values dropped to make room.
    dropped: u64,
}

/// How the cache is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PreparedUse {
    /// Values that are kept or being prepared.
    pub values: usize,
    /// Bytes of those that are kept.
    pub bytes: usize,
    /// Preparations begun since the start.
    pub begun: u64,
    /// Lookups that found a value.
    pub hits: u64,
    /// Lookups that found a preparation under way.
    pub joined: u64,
    /// Values dropped to make room.
    pub dropped: u64,
}

#[derive(Debug)]
struct Entry {
    id: u64,
    kind: Kind,
    /// The newest view for which the value is known to be valid.
    view: View,
    state: State,
    used: u64,
}

/// What values are of one kind: their type, and their key among those of the type.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Kind {
    of: TypeId,
    key: Box<str>,
}

impl Kind {
    fn of<T: Prepared>(base: &T::Base) -> Kind {
        Kind { of: TypeId::of::<T>(), key: T::key(base).into() }
    }
}

#[derive(Clone, Debug)]
enum State {
    /// Its computation waits or runs.
    Underway(watch::Receiver<Option<Outcome>>),
    Ready {
        value: Shared,
        bytes: usize,
    },
}

/// The value, or the error of its preparation.
type Outcome = Result<Shared, String>;

impl PreparedCache {
    /// An empty cache of at most `most_bytes`. A larger value is used but not kept.
    pub fn new(most_bytes: usize, pools: Pools, retired: Retired) -> Arc<PreparedCache> {
        let kept = Kept { entries: Vec::new(), uses: 0, begun: 0, hits: 0, joined: 0, dropped: 0 };
        Arc::new(PreparedCache { kept: Mutex::new(kept), most_bytes, pools, retired })
    }

    /// The value of a view; prepared if no valid one is kept.
    ///
    /// # Errors
    /// [`Refusal::Overloaded`] if it must be prepared and the queue is full, [`Refusal::Failed`] if
    /// its preparation panicked; the next call tries again.
    pub async fn get<T: Prepared<Base = ()>>(
        self: &Arc<Self>,
        view: &View,
    ) -> Result<Arc<T>, Refusal> {
        self.get_from(view, &Arc::new(())).await
    }

    /// The same of a value that is made from another value of the view.
    ///
    /// # Errors
    /// As [`PreparedCache::get`].
    pub async fn get_from<T: Prepared>(
        self: &Arc<Self>,
        view: &View,
        base: &Arc<T::Base>,
    ) -> Result<Arc<T>, Refusal> {
        let ended = |why: String| Refusal::Failed(why);
        let value = match self.find_or_start::<T>(view, base)? {
            State::Ready { value, .. } => value,
            State::Underway(mut outcome) => {
                let outcome = outcome.wait_for(Option::is_some).await.map(|done| done.clone());
                let outcome = outcome.map_err(|_| Refusal::ShuttingDown)?;
                outcome
                    .unwrap_or_else(|| Err("a preparation ended without an outcome".to_owned()))
                    .map_err(ended)?
            }
        };
        value.downcast().map_err(|_| ended("a prepared value has the wrong type".to_owned()))
    }

    /// Bytes of all values kept.
    pub fn bytes(&self) -> usize {
        self.lock().bytes()
    }

    /// How it is used.
    pub fn usage(&self) -> PreparedUse {
        let kept = self.lock();
        PreparedUse {
            values: kept.entries.len(),
            bytes: kept.bytes(),
            begun: kept.begun,
            hits: kept.hits,
            joined: kept.joined,
            dropped: kept.dropped,
        }
    }

    fn find_or_start<T: Prepared>(
        self: &Arc<Self>,
        view: &View,
        base: &Arc<T::Base>,
    ) -> Result<State, Refusal> {
        let kind = Kind::of::<T>(base);
        let mut kept = self.lock();
        if let Some(state) = kept.find(&kind, T::READS, view) {
            return Ok(state);
        }
        // Callers can name any number of values of one view: these wait beside views of the past.
        let (pool, place) = match view.is_past || !T::key(base).is_empty() {
            true => (&self.pools.past, self.pools.past.admit_soon()?),
            false => (&self.pools.views, self.pools.views.admit()?),
        };
        let previous = kept.newest_before(&kind, view);
        let previous = previous.and_then(|value| value.downcast::<T>().ok());
        let (sender, receiver) = watch::channel(None);
        let id = kept.add(kind, view.clone(), State::Underway(receiver.clone()));
        drop(kept);
        let (cache, view, base) = (Arc::clone(self), view.clone(), Arc::clone(base));
        let work = move |place| cache.prepare(id, (&view, base), previous, (place, sender));
        pool.spawn(place, work);
        Ok(State::Underway(receiver))
    }

    /// Prepares the value of an entry, on the pool.
    fn prepare<T: Prepared>(
        &self,
        id: u64,
        (view, base): (&View, Arc<T::Base>),
        previous: Option<Arc<T>>,
        (place, sender): (Place, watch::Sender<Option<Outcome>>),
    ) {
        if self.forget_unwanted(id, &sender) {
            return;
        }
        let made = catch(|| {
            let snapshot = view.snapshot.reading(T::READS);
            let value = T::prepare(&snapshot, &view.settings.roles, &base, previous.as_deref());
            let bytes = value.bytes() + snapshot.market_bytes();
            (Arc::new(value) as Shared, bytes)
        });
        drop((previous, base, place));
        let outcome = made.as_ref().map(|(value, _)| Arc::clone(value)).map_err(String::clone);
        self.finish(id, made);
        sender.send_replace(Some(outcome));
        self.retired.free_here();
    }

    /// Forgets an entry that no call waits for any more, before its preparation begins.
    fn forget_unwanted(&self, id: u64, sender: &watch::Sender<Option<Outcome>>) -> bool {
        let mut kept = self.lock();
        // The entry itself has one, and gives others only under the lock.
        let is_unwanted = sender.receiver_count() <= 1;
        if is_unwanted {
            kept.entries.retain(|entry| entry.id != id);
        }
        is_unwanted
    }

    fn finish(&self, id: u64, made: Result<(Shared, usize), String>) {
        let mut kept = self.lock();
        match made {
            Ok((value, bytes)) => kept.set_ready(id, value, bytes),
            Err(_) => kept.entries.retain(|entry| entry.id != id),
        }
        let left = kept.shrink_to(self.most_bytes);
        drop(kept);
        for entry in left {
            if let State::Ready { value, bytes } = entry.state {
                if entry.id == id {
                    let bound = self.most_bytes;
                    tracing::warn!(
                        bytes,
                        bound,
                        "not kept: a prepared value exceeds limits.prepared_bytes"
                    );
                }
                self.retired.add([value]);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn next_use(&mut self) -> u64 {
        self.uses += 1;
        self.uses
    }

    fn add(&mut self, kind: Kind, view: View, state: State) -> u64 {
        self.begun += 1;
        let id = self.next_use();
        self.entries.push(Entry { id, kind, view, state, used: id });
        id
    }

    /// Finds the value that is valid for a view, and counts a use of it.
    fn find(&mut self, kind: &Kind, reads: DatasetSet, view: &View) -> Option<State> {
        let used = self.next_use();
        let snapshot = &view.snapshot;
        let of_kind = || self.entries.iter().enumerate().filter(|(_, entry)| entry.is(kind, view));
        let exact = of_kind().find(|(_, entry)| snapshot.has_bounds_of(&entry.view.snapshot));
        let exact = exact.map(|(at, _)| at);
        // Another day changes every value: most kept values of a back-test are ruled out by it.
        let holds = |entry: &Entry| {
            snapshot.today() == entry.view.snapshot.today()
                && !snapshot.changed_since(&entry.view.snapshot).touch(reads)
        };
        let carried = || Some(of_kind().find(|(_, entry)| holds(entry))?.0);
        let at = exact.or_else(carried)?;
        let entry = &mut self.entries[at];
        entry.used = used;
        if exact.is_none() && snapshot.follows(&entry.view.snapshot) {
            // The next call at this view then finds it by comparing bounds only.
            entry.view = view.clone();
        }
        let state = entry.state.clone();
        match state {
            State::Ready { .. } => self.hits += 1,
            State::Underway(_) => self.joined += 1,
        }
        Some(state)
    }

    /// The newest value of an earlier view with the same settings, whose snapshot this one follows.
    fn newest_before(&self, kind: &Kind, view: &View) -> Option<Shared> {
        let snapshot = &view.snapshot;
        let earlier = self.entries.iter().filter_map(|entry| match &entry.state {
            State::Ready { value, .. } if entry.is(kind, view) => {
                Some((&entry.view.snapshot, value))
            }
            State::Ready { .. } | State::Underway(_) => None,
        });
        let earlier = earlier.filter(|(earlier, _)| snapshot.follows(earlier));
        let newest = earlier.max_by_key(|(earlier, _)| (earlier.today(), earlier.revision()));
        newest.map(|(_, value)| Arc::clone(value))
    }

    fn set_ready(&mut self, id: u64, value: Shared, bytes: usize) {
        let used = self.next_use();
        if let Some(entry) = self.entries.iter_mut().find(|entry| entry.id == id) {
            entry.state = State::Ready { value, bytes };
            entry.used = used;
        }
    }

    fn bytes(&self) -> usize {
        self.entries.iter().map(Entry::bytes).sum()
    }

    /// Removes least recently used values until the rest is within the limit.
    fn shrink_to(&mut self, most_bytes: usize) -> Vec<Entry> {
        let mut left = Vec::new();
        while most_bytes < self.bytes() {
            let ready = self.entries.iter().enumerate().filter(|(_, entry)| entry.is_ready());
            let Some((at, _)) = ready.min_by_key(|(_, entry)| entry.used) else { break };
            left.push(self.entries.swap_remove(at));
            self.dropped += 1;
        }
        left
    }
}

impl Entry {
    /// Whether it is of a kind, and prepared under the settings of a view.
    fn is(&self, kind: &Kind, view: &View) -> bool {
        self.kind == *kind && self.view.settings.hash() == view.settings.hash()
    }

    fn is_ready(&self) -> bool {
        matches!(self.state, State::Ready { .. })
    }

    /// With the market that its snapshot keeps, which may be another one than that of the value.
    fn bytes(&self) -> usize {
        match self.state {
            State::Ready { bytes, .. } => bytes + self.view.snapshot.market_bytes(),
            State::Underway(_) => 0,
        }
    }
}

#[cfg(test)]
mod tests;
