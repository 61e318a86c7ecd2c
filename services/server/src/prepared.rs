//! What each service prepares from a snapshot, as the cache of prepared values sees it.

use crate::compute::ranges;
use exposure::prepared::PreparedExposure;
use factors::roles::Roles;
use marketdata::{
    changes::DatasetSet,
    coverage::{DatasetCoverage, coverage},
    dataset::Dataset,
    day::Day,
    snapshot::Snapshot,
};
use rotation::prepared::{Preparation, PreparedRotation};
use squeeze::prepared::PreparedSqueeze;

/// A value prepared from a snapshot, once for all requests.
pub trait Prepared: Send + Sync + Sized + 'static {
    /// The datasets that the value, and every answer from it, depends on. It sees no others.
    const READS: DatasetSet;

    /// Prepares it, on the pool of the caller. With an earlier value it may be quicker; the result has
    /// the same bits.
    fn prepare(snapshot: &Snapshot, roles: &Roles, previous: Option<&Self>) -> Self;

    /// The memory it holds, bytes, without the market behind its snapshot.
    fn bytes(&self) -> usize;
}

/// What every dataset holds.
#[derive(Debug)]
pub struct PreparedCoverage(pub Vec<DatasetCoverage>);

impl Prepared for PreparedCoverage {
    const READS: DatasetSet = DatasetSet::ALL;

    fn prepare(snapshot: &Snapshot, _: &Roles, _: Option<&Self>) -> Self {
        PreparedCoverage(coverage(snapshot))
    }

    fn bytes(&self) -> usize {
        let names = self.0.iter().filter_map(|one| Some(one.without_prices.as_ref()?.capacity()));
        self.0.capacity() * size_of::<DatasetCoverage>() + names.sum::<usize>() * size_of::<u32>()
    }
}

impl Prepared for PreparedRotation {
    const READS: DatasetSet = DatasetSet::of(&[
        Dataset::Bars,
        Dataset::Series,
        Dataset::ShortInterest,
        Dataset::ShareCounts,
        Dataset::Listings,
        Dataset::Memberships,
        Dataset::Holdings,
        Dataset::Splits,
    ]);

    fn prepare(snapshot: &Snapshot, roles: &Roles, _: Option<&Self>) -> Self {
        let work = Preparation::of(snapshot, roles);
        let part = |range| work.part(snapshot, range);
        let parts = ranges(work.len(), Preparation::STEP, part);
        work.finish(snapshot, roles, parts)
    }

    fn bytes(&self) -> usize {
        const POINT: usize = size_of::<Day>() + size_of::<f64>();
        let readings = self.readings.iter().map(|reading| {
            let sessions = reading.sessions.as_ref().map_or(0, Vec::capacity);
            let sources = reading.sources.capacity() * size_of::<rotation::measure::Source>();
            reading.history.days.capacity() * POINT + sessions * size_of::<Day>() + sources
        });
        let lines = self.indices.iter().map(|line| line.days.capacity() * 2 * POINT);
        self.readings.capacity() * size_of::<rotation::prepared::Reading>()
            + readings.sum::<usize>()
            + lines.sum::<usize>()
    }
}

impl Prepared for PreparedExposure {
    const READS: DatasetSet = DatasetSet::of(exposure::prepared::READS);

    fn prepare(snapshot: &Snapshot, roles: &Roles, previous: Option<&Self>) -> Self {
        exposure::prepared::prepare(snapshot, roles, previous)
    }

    fn bytes(&self) -> usize {
        PreparedExposure::bytes(self)
    }
}

impl Prepared for PreparedSqueeze {
    const READS: DatasetSet = DatasetSet::of(squeeze::prepared::READS);

    fn prepare(snapshot: &Snapshot, roles: &Roles, previous: Option<&Self>) -> Self {
        squeeze::prepared::prepare(snapshot, roles, previous)
    }

    fn bytes(&self) -> usize {
        PreparedSqueeze::bytes(self)
    }
}
