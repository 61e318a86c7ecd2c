//! Places of which each caller may take a share.

use crate::{rate::Origin, refusal::Refusal};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The places, and who has taken them.
#[derive(Debug)]
pub struct CallerPlaces {
    what: &'static str,
    /// The settings that hold the two bounds.
    settings: [&'static str; 2],
    most: usize,
    share: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    /// Those of each caller who has any.
    of: BTreeMap<Origin, usize>,
}

/// A place; it is free again when this is dropped.
#[derive(Debug)]
pub struct CallerPlace {
    places: Arc<CallerPlaces>,
    caller: Option<Origin>,
}

impl CallerPlaces {
    /// Free places, of which one caller may take `share`. `what` names them in errors, and `settings`
    /// these two bounds.
    pub fn new(
        what: &'static str,
        settings: [&'static str; 2],
        [most, share]: [usize; 2],
    ) -> Arc<CallerPlaces> {
        Arc::new(CallerPlaces { what, settings, most, share, taken: Mutex::default() })
    }

    /// Number of places taken.
    pub fn taken(&self) -> usize {
        self.lock().all
    }

    /// Takes a place for a caller; outside of a connection nobody is known.
    ///
    /// # Errors
    /// [`Refusal::Overloaded`] if all are taken, or the caller has its share.
    pub fn take(self: &Arc<CallerPlaces>, caller: Option<Origin>) -> Result<CallerPlace, Refusal> {
        let mut taken = self.lock();
        let own = caller.as_ref().and_then(|caller| taken.of.get(caller)).copied().unwrap_or(0);
        if self.share <= own {
            return Err(self.full(1, self.share));
        }
        if self.most <= taken.all {
            return Err(self.full(0, self.most));
        }
        taken.all += 1;
        taken.of.extend(caller.clone().map(|caller| (caller, own + 1)));
        drop(taken);
        Ok(CallerPlace { places: Arc::clone(self), caller })
    }

    fn full(&self, setting: usize, limit: usize) -> Refusal {
        let (what, setting) = (self.what, self.settings[setting]);
        Refusal::Overloaded { what, setting, limit: limit as u64 }
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for CallerPlace {
    fn drop(&mut self) {
        let mut taken = self.places.lock();
        taken.all -= 1;
        let Some(caller) = &self.caller else { return };
        let own = taken.of.get(caller).copied().unwrap_or(0);
        // Who has none is forgotten: there is any number of callers.
        if own <= 1 {
            taken.of.remove(caller);
        } else {
            taken.of.insert(caller.clone(), own - 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn desk(name: &str) -> Option<Origin> {
        Some(Origin::Caller(name.into()))
    }

    fn refused(places: &Arc<CallerPlaces>, name: &str) -> (&'static str, u64) {
        match places.take(desk(name)) {
            Err(Refusal::Overloaded { setting, limit, .. }) => (setting, limit),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_caller_has_its_share_and_others_have_the_rest() {
        let places = CallerPlaces::new("places", ["all", "share"], [3, 2]);
        let first = places.take(desk("a")).unwrap();
        let _second = places.take(desk("a")).unwrap();
        assert_eq!(refused(&places, "a"), ("share", 2));
        let third = places.take(desk("b")).unwrap();
        assert_eq!((refused(&places, "b"), places.taken()), (("all", 3), 3));
        drop(first);
        let _again = places.take(desk("a")).unwrap();
        drop(third);
        assert_eq!(places.taken(), 2);
        assert!(!places.lock().of.contains_key(&desk("b").unwrap()), "it has none");
    }
}
