//! The days of a dataset that describe the whole market, and not a few names.

use marketdata::{dataset::Dataset, day::Day, snapshot::Snapshot};
use std::collections::BTreeMap;

/// The days on which at least half as many names have a row as on the commonest one, the oldest first.
/// A row with a wrong date makes no such day. Days from `first` on count, and of a name without any of
/// them its newest one, so that a few rows of those days are not compared with each other alone.
pub(crate) fn common_days(snapshot: &Snapshot, dataset: Dataset, first: Day) -> Vec<Day> {
    let mut names: BTreeMap<Day, u32> = BTreeMap::new();
    for instrument in snapshot.holders(dataset) {
        let rows = snapshot.rows(dataset, instrument);
        let Some(last) = rows.last_on_or_before(snapshot.today()) else { continue };
        let mut counted = None;
        for row in (0..=last).rev() {
            let on = rows.day(row);
            if counted.is_some() && on < first {
                break;
            }
            // A day may have several rows of a name.
            if counted.replace(on) != Some(on) {
                *names.entry(on).or_default() += 1;
            }
        }
    }
    let most = names.values().copied().max().unwrap_or(0);
    names.into_iter().filter(|(_, count)| most <= 2 * count).map(|(day, _)| day).collect()
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

    fn of(rows: &[(&str, &[&str])], first: &str) -> Vec<Day> {
        let mut fixture = Fixture::new();
        for (symbol, days) in rows {
            let key = (fixture.id(Namespace::Listed, symbol), InstrumentId::NONE);
            for on in *days {
                let values = [(Field::FailedShares, 1.0)];
                fixture.fact(Dataset::Fails, key, day(on), Instant::close_of(day(on)), &values);
            }
        }
        fixture.commit();
        let snapshot = fixture.snapshot(Instant::close_of(day("2021-03-01")));
        common_days(&snapshot, Dataset::Fails, day(first))
    }

    /// Four, four, three and two names: half of four are two. One name on a holiday and one on a later
    /// day are no days.
    #[test]
    fn a_row_with_a_wrong_date_makes_no_day() {
        let (a, b, c) = ("2021-01-04", "2021-01-05", "2021-01-06");
        let rows: [(&str, &[&str]); 4] = [
            ("A", &["2021-01-01", a, b, c]),
            ("B", &[a, b, c]),
            ("C", &[a, b, c, "2021-01-07"]),
            ("D", &[a, b, "2021-01-07", "2021-01-15"]),
        ];
        let expected = [a, b, c, "2021-01-07"].map(day);
        assert_eq!(of(&rows, "2020-12-01"), expected);
        assert_eq!(of(&[], "2020-12-01"), []);
    }

    /// The list of January is all that is known, but for one row of February. From February on, that
    /// row would be a day of its own.
    #[test]
    fn the_newest_list_counts_however_old_it_is() {
        let list: &[&str] = &["2021-01-04", "2021-01-05"];
        let rows = [("A", list), ("B", list), ("C", list), ("D", &["2021-02-26"])];
        assert_eq!(of(&rows, "2021-02-01"), [day("2021-01-05")]);
    }
}
