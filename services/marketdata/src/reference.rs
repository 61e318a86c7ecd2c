//! Reference knowledge: sizes and classifications that were published later than the as-of date, for
//! back-tests.
//!
//! A first load brings listings dated today, and would leave the past without sizes and sectors. A
//! snapshot may therefore allow its readers of sizes and sectors to ask for the earliest later value
//! of something that no visible fact says. Every other reader gets visible facts only: prices, short
//! interest and whatever else is news cannot be asked for, because only the datasets of
//! [`ReferenceDataset`] can be named here.

use crate::{
    dataset::Dataset,
    instant::Instant,
    instrument::InstrumentId,
    snapshot::Snapshot,
    track::{Bounds, Rows},
};

/// The facts that say how large a company is and what it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ReferenceKnowledge {
    /// Those published by the as-of date.
    AsPublished,
    /// Where those say nothing, also the earliest one published later.
    EarliestLater {
        /// Maximum age: calendar days from the as-of day to the day of publication in New York.
        max_age_days: u16,
    },
}

/// A dataset whose later facts can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReferenceDataset {
    /// Sectors, asset classes, names, market values.
    Listings,
    /// Shares outstanding.
    ShareCounts,
}

impl ReferenceDataset {
    /// All of them.
    pub const ALL: [Dataset; 2] = [Dataset::Listings, Dataset::ShareCounts];

    /// The dataset.
    pub const fn dataset(self) -> Dataset {
        match self {
            ReferenceDataset::Listings => Dataset::Listings,
            ReferenceDataset::ShareCounts => Dataset::ShareCounts,
        }
    }
}

/// A row that was published after the as-of instant.
#[derive(Clone, Debug)]
pub struct Later<'a> {
    /// The rows known at its publication.
    pub rows: Rows<'a>,
    /// Its place among them.
    pub row: usize,
    /// Calendar days from the as-of day to its publication.
    pub age_days: u16,
}

impl Snapshot {
    /// The earliest later row of an instrument that `says` what is wanted; `None` under
    /// [`ReferenceKnowledge::AsPublished`]. Only meant where no visible row says it.
    ///
    /// The first publication that says it decides. Of its rows the last one that describes a day up
    /// to the as-of day is taken, else the first one after it.
    pub fn later(
        &self,
        dataset: ReferenceDataset,
        instrument: InstrumentId,
        says: impl Fn(&Rows<'_>, usize) -> bool,
    ) -> Option<Later<'_>> {
        let ReferenceKnowledge::EarliestLater { max_age_days } = self.reference() else {
            return None;
        };
        let track = self.track(dataset.dataset(), instrument)?;
        let (today, Bounds { as_of, revision, .. }) = (self.today(), self.bounds());
        let every = track.every(revision);
        let age = |at: Instant| u16::try_from(at.new_york_day().epoch() - today.epoch()).ok();
        let is_later =
            |at: &Instant| as_of < *at && age(*at).is_some_and(|age| age <= max_age_days);
        let publications = (0..every.len()).filter(|row| says(&every, *row));
        let mut publications: Vec<Instant> =
            publications.map(|row| every.published_at(row)).filter(is_later).collect();
        publications.sort_unstable();
        publications.dedup();
        publications.into_iter().find_map(|at| {
            let rows = track.rows(Bounds::new(at, revision));
            let (mut before, mut after) = (None, None);
            for row in (0..rows.len()).filter(|row| says(&rows, *row)) {
                if rows.day(row) <= today {
                    before = Some(row);
                } else {
                    after = after.or(Some(row));
                }
            }
            Some(Later { row: before.or(after)?, rows, age_days: age(at)? })
        })
    }
}

#[cfg(all(test, feature = "fixture"))]
mod tests {
    use super::*;
    use crate::{
        dataset::Field,
        day::Day,
        fixture::{Fixture, day},
        instrument::Namespace,
    };

    const TODAY: &str = "2021-01-27";
    const ANY_AGE: ReferenceKnowledge =
        ReferenceKnowledge::EarliestLater { max_age_days: u16::MAX };

    /// Share counts: described day, published day, count.
    fn counts(rows: &[(&str, &str, f64)]) -> Fixture {
        let mut fixture = Fixture::new();
        let key = (fixture.id(Namespace::Listed, "A"), InstrumentId::NONE);
        for (on, published, shares) in rows {
            let at = Instant::close_of(day(published));
            let values = [(Field::SharesOutstanding, *shares)];
            fixture.fact(Dataset::ShareCounts, key, day(on), at, &values);
        }
        fixture.commit();
        fixture
    }

    /// The count found, the day it describes and its age.
    fn found(fixture: &Fixture, reference: ReferenceKnowledge) -> Option<(f64, Day, u16)> {
        let snapshot = fixture.snapshot(Instant::close_of(day(TODAY))).with_reference(reference);
        let column = Dataset::ShareCounts.column(Field::SharesOutstanding);
        let positive = |rows: &Rows<'_>, row| rows.value(row, column).is_some_and(|n| 0.0 < n);
        let id = snapshot.listed("A")?;
        let Later { rows, row, age_days } =
            snapshot.later(ReferenceDataset::ShareCounts, id, positive)?;
        Some((rows.value(row, column)?, rows.day(row), age_days))
    }

    #[test]
    fn the_first_publication_that_says_it_decides() {
        let rows = [
            ("2021-03-31", "2021-05-10", 3.0),
            ("2021-02-15", "2021-03-01", 0.0),
            ("2020-12-31", "2021-04-01", 2.0),
            ("2020-09-30", "2021-04-01", 1.0),
        ];
        // 2021-03-01 gives no count. 2021-04-01 is 4 + 28 + 31 + 1 = 64 days after 2021-01-27.
        let expected = Some((2.0, day("2020-12-31"), 64));
        let mut reversed = rows;
        reversed.reverse();
        for rows in [rows, reversed] {
            assert_eq!(found(&counts(&rows), ANY_AGE), expected, "in any order of ingest");
        }
        let fixture = counts(&rows);
        assert_eq!(found(&fixture, ReferenceKnowledge::AsPublished), None);
        let within = |max_age_days| ReferenceKnowledge::EarliestLater { max_age_days };
        assert_eq!(found(&fixture, within(64)), expected);
        assert_eq!(found(&fixture, within(63)), None, "the age limit");
    }

    #[test]
    fn of_one_load_the_row_nearest_the_day_is_taken_and_never_a_later_revision() {
        let load = "2026-06-30";
        let mut fixture = counts(&[
            ("2020-06-30", load, 1.0),
            ("2020-12-31", load, 2.0),
            ("2021-03-31", load, 3.0),
        ]);
        assert_eq!(found(&fixture, ANY_AGE).map(|found| found.0), Some(2.0));
        let only_after = counts(&[("2026-03-31", load, 5.0), ("2026-06-30", load, 6.0)]);
        assert_eq!(found(&only_after, ANY_AGE).map(|found| found.0), Some(5.0));
        // A later revision brings an earlier publication: the old revision does not see it.
        let key = (fixture.id(Namespace::Listed, "A"), InstrumentId::NONE);
        let at = Instant::close_of(day("2021-02-01"));
        let values = [(Field::SharesOutstanding, 9.0)];
        fixture.fact(Dataset::ShareCounts, key, day("2020-12-31"), at, &values).commit();
        assert_eq!(found(&fixture, ANY_AGE).map(|found| found.0), Some(9.0));
        let old = Snapshot::new(fixture.market(), Instant::close_of(day(TODAY)), 1).unwrap();
        let old = old.with_reference(ANY_AGE);
        let later = old.later(ReferenceDataset::ShareCounts, key.0, |_, _| true).unwrap();
        assert_eq!(later.rows.published_at(later.row), Instant::close_of(day(load)));
    }
}
