//! The days to which the market's short interest is counted, as opposed to dates of a few rows.

use marketdata::{
    dataset::Dataset,
    day::Day,
    newest::{MARKET_SHARE, SETTLEMENTS_COMPARED_DAYS},
    snapshot::Snapshot,
};

/// A day of short interest that fewer than one in this many names have, of those of the commonest day of
/// all, is none: lists carry single rows of settlements long before them.
const LEAST_SHARE: usize = 100;

/// The days of short interest that at least one in ten names have, of those of the commonest day of the
/// 45 before and after, and one in a hundred of those of the commonest of all. So neither a row with a
/// wrong date or of a settlement long past, nor the first part of a list is a settlement, and a history
/// that grows up to a hundredfold keeps its short lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettlementDays(Vec<Day>);

impl SettlementDays {
    /// Those that a snapshot knows.
    pub fn of(snapshot: &Snapshot) -> SettlementDays {
        let holders = || snapshot.holders(Dataset::ShortInterest);
        let spans = holders().filter_map(|id| snapshot.span(Dataset::ShortInterest, id));
        let span = spans.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
        let Some((first, last)) = span else { return SettlementDays(Vec::new()) };
        let mut names = vec![0_usize; (last.epoch() - first.epoch()) as usize + 1];
        for id in holders() {
            for day in snapshot.rows(Dataset::ShortInterest, id).days().iter() {
                names[(day.epoch() - first.epoch()) as usize] += 1;
            }
        }
        let with_names = || (0..names.len()).filter(|at| 0 < names[*at]);
        let most_of_all = names.iter().copied().max().unwrap_or(0);
        let near = SETTLEMENTS_COMPARED_DAYS as usize;
        let is_common = |at: &usize| {
            let around = at.saturating_sub(near)..(at + near + 1).min(names.len());
            let most = names[around].iter().copied().max().unwrap_or(0);
            most <= MARKET_SHARE * names[*at] && most_of_all <= LEAST_SHARE * names[*at]
        };
        SettlementDays(with_names().filter(is_common).map(|at| first.plus(at as i32)).collect())
    }

    /// Wraps known days, strictly ascending.
    pub const fn of_days(days: Vec<Day>) -> SettlementDays {
        SettlementDays(days)
    }

    /// The days, the oldest first.
    pub fn days(&self) -> &[Day] {
        &self.0
    }

    /// Whether a day is one.
    pub fn contains(&self, day: Day) -> bool {
        self.0.binary_search(&day).is_ok()
    }

    /// The last one before a day.
    pub fn before(&self, day: Day) -> Option<Day> {
        self.0[..self.0.partition_point(|one| *one < day)].last().copied()
    }

    /// Memory held outside of itself, in bytes.
    pub fn heap_bytes(&self) -> usize {
        self.0.capacity() * size_of::<Day>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use marketdata::{
        dataset::Field,
        fixture::{Fixture, day},
        instant::Instant,
        instrument::{InstrumentId, Namespace},
    };

    /// Two names in 2018, and twenty in 2021, of which one has a row of another day and one the first row
    /// of a later list.
    #[test]
    fn dates_of_a_few_rows_are_no_settlements() {
        let mut fixture = Fixture::new();
        let mut row = |name: usize, on: &str| {
            let key = (fixture.id(Namespace::Listed, &format!("N{name}")), InstrumentId::NONE);
            let values = [(Field::SharesShort, 1.0)];
            fixture.fact(Dataset::ShortInterest, key, day(on), Instant::close_of(day(on)), &values);
        };
        (0..2).for_each(|name| row(name, "2018-01-12"));
        for name in 0..20 {
            row(name, "2020-12-31");
            row(name, "2021-01-15");
        }
        row(3, "2021-01-20");
        row(4, "2021-01-29");
        fixture.commit();
        let snapshot = fixture.snapshot(Instant::close_of(day("2021-02-26")));
        let days = SettlementDays::of(&snapshot);
        assert_eq!(days.days(), ["2018-01-12", "2020-12-31", "2021-01-15"].map(day));
        assert!(days.contains(day("2021-01-15")) && !days.contains(day("2021-01-20")));
    }

    /// A list of 2020-11-30 with 101 names and a straggler of 2020-01-15, which is no list; with 100 names
    /// it may be the list of a store that began with one name.
    #[test]
    fn a_row_long_before_all_lists_is_no_settlement() {
        let days = |names: usize| {
            let mut fixture = Fixture::new();
            for name in 0..=names {
                let on = day(if name == 0 { "2020-01-15" } else { "2020-11-30" });
                let key = (fixture.id(Namespace::Listed, &format!("N{name}")), InstrumentId::NONE);
                let seen = Instant::close_of(on);
                let values = [(Field::SharesShort, 1.0)];
                fixture.fact(Dataset::ShortInterest, key, on, seen, &values);
            }
            fixture.commit();
            SettlementDays::of(&fixture.snapshot(Instant::close_of(day("2021-01-29"))))
                .days()
                .to_vec()
        };
        assert_eq!(days(101), [day("2020-11-30")]);
        assert_eq!(days(100), ["2020-01-15", "2020-11-30"].map(day));
    }
}
