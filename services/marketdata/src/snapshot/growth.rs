//! Which rows of an instrument a snapshot sees beside those of an earlier snapshot.

use super::Snapshot;
use crate::{
    dataset::Dataset,
    instant::Instant,
    instrument::InstrumentId,
    track::{Bounds, Growth},
};

impl Snapshot {
    /// How the visible rows continue those of an earlier snapshot; none where others may have
    /// changed, and where the instrument had no track then.
    pub fn growth_since(
        &self,
        earlier: &Snapshot,
        dataset: Dataset,
        instrument: InstrumentId,
    ) -> Option<Growth> {
        self.growth_within(earlier, dataset, instrument, |snapshot| snapshot.bounds)
    }

    /// Whether the same changes of units are known as to an earlier snapshot.
    pub fn has_units_of(&self, earlier: &Snapshot, instrument: InstrumentId) -> bool {
        let whenever = |snapshot: &Snapshot| Bounds::new(Instant::MAX, snapshot.revision());
        self.growth_within(earlier, Dataset::Splits, instrument, whenever) == Some(Growth::None)
    }

    fn growth_within(
        &self,
        earlier: &Snapshot,
        dataset: Dataset,
        instrument: InstrumentId,
        bounds: impl Fn(&Snapshot) -> Bounds,
    ) -> Option<Growth> {
        let tracks = [self, earlier].map(|snapshot| snapshot.market.track(dataset, instrument));
        match tracks {
            [None, None] => Some(Growth::None),
            [now, before] => now?.growth(bounds(self), before?, bounds(earlier)),
        }
    }
}
