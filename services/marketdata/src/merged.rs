//! The tracks that merges change, and what a snapshot reads under a symbol because of them.

use crate::{
    dataset::Dataset,
    day::Day,
    instrument::InstrumentId,
    market::Market,
    merges::{Merge, Merges},
    snapshot::Snapshot,
    symbol::Symbol,
    track::{Bounds, Track},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
};

/// The merges of a revision, with the tracks of one market that they change.
#[derive(Debug)]
pub(crate) struct Merged {
    pub(crate) merges: Arc<Merges>,
    /// By survivor: the instruments merged into it, directly or through others, in the order of the
    /// names that they had when the last of the merges was written.
    groups: BTreeMap<InstrumentId, Vec<InstrumentId>>,
    /// The survivors' tracks, and those that name a merged instrument as their other one.
    tracks: BTreeMap<(Dataset, InstrumentId), Track>,
    /// The values hidden within the bounds that were asked for last: every answer reports them.
    hidden: Mutex<Option<(Bounds, Arc<[Hidden]>)>>,
}

impl Merged {
    /// `revision` is the one that wrote the last of the merges.
    pub(crate) fn new(market: &Market, merges: &Arc<Merges>, revision: u64) -> Merged {
        let mut groups: BTreeMap<InstrumentId, Vec<InstrumentId>> = BTreeMap::new();
        for (merged, _) in merges.iter() {
            groups.entry(merges.survivor(merged)).or_default().push(merged);
        }
        let names = |id: &InstrumentId| {
            let namings = market.directory().namings(*id, revision).iter();
            namings.map(|naming| (&naming.symbol, naming.from)).collect::<Vec<_>>()
        };
        groups.values_mut().for_each(|members| members.sort_by_cached_key(names));
        let mut tracks = BTreeMap::new();
        // The merges themselves are shown as they are.
        for dataset in Dataset::ALL.into_iter().filter(|dataset| *dataset != Dataset::Merges) {
            for (survivor, members) in &groups {
                let group = members.iter().chain([survivor]);
                let held: Vec<(InstrumentId, &Track)> =
                    group.filter_map(|id| Some((*id, market.track(dataset, *id)?))).collect();
                if !held.is_empty() {
                    tracks.insert((dataset, *survivor), Track::union(&held, merges));
                }
            }
            if !dataset.has_other() {
                continue;
            }
            for (id, track) in market.tracks(dataset) {
                let is_grouped = groups.contains_key(&id) || merges.of(id).is_some();
                if !is_grouped && track.names_any(merges) {
                    tracks.insert((dataset, id), Track::union(&[(id, track)], merges));
                }
            }
        }
        Merged { merges: Arc::clone(merges), groups, tracks, hidden: Mutex::new(None) }
    }

    /// The facts of an instrument. A merged instrument has none of its own but its merges.
    pub(crate) fn track<'a>(
        &'a self,
        market: &'a Market,
        dataset: Dataset,
        instrument: InstrumentId,
    ) -> Option<&'a Track> {
        if dataset != Dataset::Merges && self.merges.of(instrument).is_some() {
            return None;
        }
        self.tracks.get(&(dataset, instrument)).or_else(|| market.track(dataset, instrument))
    }

    /// Memory of the tracks, bytes, without the segments.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.tracks.values().map(|track| size_of::<Track>() + track.heap_bytes()).sum()
    }
}

/// Values of merged instruments that are not used because the survivor has values of the same days.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hidden {
    /// The survivor.
    pub survivor: InstrumentId,
    /// The dataset.
    pub dataset: Dataset,
    /// The instruments that the facts are about: the survivor, or those of which the fact names a
    /// merged instrument as its other one. By number.
    pub about: Vec<InstrumentId>,
    /// The days, in order.
    pub days: Vec<Day>,
}

impl Hidden {
    /// Whether facts about an instrument, or facts that name it as their other one, are hidden.
    pub fn involves(&self, instrument: InstrumentId) -> bool {
        self.survivor == instrument || self.about.binary_search(&instrument).is_ok()
    }
}

impl Snapshot {
    /// The merges at this revision.
    pub fn merges(&self) -> Option<&Merges> {
        self.merged().map(|merged| &*merged.merges)
    }

    /// Whether the same instruments are merged as in another snapshot.
    pub fn has_merges_of(&self, other: &Snapshot) -> bool {
        self.merges() == other.merges()
    }

    /// The instrument under which the facts of an instrument are read.
    pub fn survivor(&self, instrument: InstrumentId) -> InstrumentId {
        self.merges().map_or(instrument, |merges| merges.survivor(instrument))
    }

    /// The instruments merged into an instrument, directly or through others, in the order of names.
    pub fn merged_into(&self, survivor: InstrumentId) -> Vec<(InstrumentId, Merge)> {
        let Some(merged) = self.merged() else { return Vec::new() };
        let mut found = merged.groups.get(&survivor).cloned().unwrap_or_default();
        self.sort_by_name(&mut found);
        found.into_iter().filter_map(|id| Some((id, merged.merges.of(id)?))).collect()
    }

    /// The symbol on the view's day of an instrument merged into this one, if this one had no
    /// symbol yet; of several, that of the nearest in the chain, then the first in the alphabet.
    pub(crate) fn symbol_before_merge(&self, survivor: InstrumentId) -> Option<&Symbol> {
        let merged = self.merged()?;
        let members = merged.groups.get(&survivor)?;
        let today = self.today();
        if self.namings(survivor).first().is_none_or(|first| first.from <= today) {
            return None;
        }
        let named = members.iter().filter_map(|id| {
            let mut namings = self.namings(*id).iter();
            let naming = namings.find(|naming| naming.from <= today && today < naming.until)?;
            Some((merged.merges.depth(*id), &naming.symbol))
        });
        named.min().map(|(_, symbol)| symbol)
    }

    /// The values that merges hide, in the order of survivors' names, then of datasets.
    pub fn hidden_by_merges(&self) -> Arc<[Hidden]> {
        let Some(merged) = self.merged() else { return Arc::default() };
        let last = || merged.hidden.lock().unwrap_or_else(PoisonError::into_inner);
        match &*last() {
            Some((bounds, hidden)) if *bounds == self.bounds() => return Arc::clone(hidden),
            _ => {}
        }
        let hidden: Arc<[Hidden]> = self.count_hidden(merged).into();
        *last() = Some((self.bounds(), Arc::clone(&hidden)));
        hidden
    }

    fn count_hidden(&self, merged: &Merged) -> Vec<Hidden> {
        let mut found: BTreeMap<(InstrumentId, Dataset), (BTreeSet<InstrumentId>, BTreeSet<Day>)> =
            BTreeMap::new();
        for ((dataset, id), track) in &merged.tracks {
            for (other, day) in track.hidden(self.bounds()) {
                let survivor = if other == InstrumentId::NONE { *id } else { other };
                let (about, days) = found.entry((survivor, *dataset)).or_default();
                about.insert(*id);
                days.insert(day);
            }
        }
        let mut survivors: Vec<InstrumentId> =
            found.keys().map(|(survivor, _)| *survivor).collect();
        survivors.dedup();
        self.sort_by_name(&mut survivors);
        let hidden = survivors.into_iter().flat_map(|survivor| {
            let of_survivor = found.iter().filter(move |((id, _), _)| *id == survivor);
            of_survivor.map(move |((_, dataset), (about, days))| Hidden {
                survivor,
                dataset: *dataset,
                about: about.iter().copied().collect(),
                days: days.iter().copied().collect(),
            })
        });
        hidden.collect()
    }
}
