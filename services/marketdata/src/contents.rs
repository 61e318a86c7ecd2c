//! What a snapshot holds per dataset: how much, since when, how fresh, and which names lack prices.

use crate::{
    dataset::Dataset,
    day::Day,
    instant::Instant,
    instrument::{InstrumentId, Namespace},
    snapshot::Snapshot,
};

/// The contents of one dataset, as a snapshot sees them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatasetContents {
    /// The dataset.
    pub dataset: Dataset,
    /// Instruments with at least one visible row.
    pub instruments: u64,
    /// Visible rows.
    pub rows: u64,
    /// First day that a visible row describes.
    pub first_on: Day,
    /// Last day that a visible row describes.
    pub last_on: Day,
    /// The latest publication time among each instrument's newest rows.
    pub last_published_at: Instant,
    /// Instruments with rows here but without bars, in the order of names. `None` for datasets that
    /// need no prices.
    pub without_prices: Option<Vec<InstrumentId>>,
}

/// Every dataset with a visible row, in the order of [`Dataset::ALL`].
pub fn contents(snapshot: &Snapshot) -> Vec<DatasetContents> {
    Dataset::ALL.into_iter().filter_map(|dataset| of_dataset(snapshot, dataset)).collect()
}

fn of_dataset(snapshot: &Snapshot, dataset: Dataset) -> Option<DatasetContents> {
    let mut found: Option<DatasetContents> = None;
    for instrument in snapshot.holders(dataset) {
        let rows = snapshot.rows(dataset, instrument);
        let Some(last) = rows.last() else { continue };
        let contents = found.get_or_insert_with(|| DatasetContents {
            dataset,
            instruments: 0,
            rows: 0,
            first_on: Day::MAX,
            last_on: Day::MIN,
            last_published_at: Instant::MIN,
            without_prices: dataset.needs_prices().then(Vec::new),
        });
        contents.instruments += 1;
        contents.rows += rows.len() as u64;
        contents.first_on = contents.first_on.min(rows.day(0));
        contents.last_on = contents.last_on.max(rows.day(last));
        // The last day may have several rows, ordered by the number of the other instrument.
        let newest = (0..rows.len()).rev().take_while(|row| rows.day(*row) == rows.day(last));
        let published = newest.map(|row| rows.published_at(row));
        contents.last_published_at = published.fold(contents.last_published_at, Instant::max);
        if let Some(without) = &mut contents.without_prices
            && is_listed(snapshot, instrument)
            && snapshot.rows(Dataset::Bars, instrument).is_empty()
        {
            without.push(instrument);
        }
    }
    found
}

fn is_listed(snapshot: &Snapshot, instrument: InstrumentId) -> bool {
    snapshot.instrument(instrument).is_some_and(|known| known.namespace == Namespace::Listed)
}

#[cfg(all(test, feature = "fixture"))]
mod tests {
    use super::*;
    use crate::{
        dataset::Field,
        fixture::{Fixture, day},
    };

    #[test]
    fn names_without_prices_are_counted_as_of_the_date() {
        let mut fixture = Fixture::new();
        let (first, second) = (day("2021-01-26"), day("2021-01-27"));
        fixture.closes("GME", &[(first, 147.98), (second, 347.51)]);
        let known = Instant::close_of(first);
        for symbol in ["GME", "LOST"] {
            let id = fixture.id(Namespace::Listed, symbol);
            let key = (id, InstrumentId::NONE);
            let short = [(Field::SharesShort, 1e6)];
            fixture.fact(Dataset::ShortInterest, key, day("2020-12-31"), known, &short);
        }
        fixture.commit();
        let early = contents(&fixture.snapshot(known));
        assert_eq!(early.len(), 2);
        assert_eq!((early[0].rows, early[0].last_on), (1, first));
        assert_eq!(early[0].without_prices, None);
        assert_eq!(early[1].instruments, 2);
        assert_eq!(early[1].without_prices.as_ref().map(Vec::len), Some(1));
        let late = contents(&fixture.snapshot(Instant::close_of(second)));
        assert_eq!((late[0].rows, late[0].last_published_at), (2, Instant::close_of(second)));
        assert!(contents(&fixture.snapshot(Instant::MIN)).is_empty());
    }
}
