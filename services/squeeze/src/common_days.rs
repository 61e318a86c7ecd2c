//! The days of a dataset that describe the whole market, and not a few names.

use marketdata::{dataset::Dataset, day::Day, snapshot::Snapshot};
use std::collections::BTreeMap;

/// The days on which at least half as many names have a row as on the commonest one, the oldest first.
/// A row with a wrong date makes no such day. Days from `first` on count, and of a name without any of
/// them its newest one, so that a few rows of those days are not compared with each other alone.
pub(crate) fn common_days(snapshot: &Snapshot, dataset: Dataset, first: Day) -> Vec<Day> {
    counted(snapshot, (dataset, first), HALF).into_iter().map(|(day, _)| day).collect()
}

/// The part of the names of the commonest day that a common day has, as a divisor.
const HALF: u32 = 2;
/// The part that a list has of which more was lost than is there. Fewer are rows of a wrong date.
const TENTH: u32 = 10;

/// The days that have a part of the names of the commonest one, with their numbers of names.
fn counted(snapshot: &Snapshot, (dataset, first): (Dataset, Day), part: u32) -> Vec<(Day, u32)> {
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
    names.into_iter().filter(|(_, count)| most <= part.saturating_mul(*count)).collect()
}

/// Lists on each side of a list that it is compared with: a month of daily lists.
const NEIGHBOURS: usize = 20;

/// A list of a day with too few names to be whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CutList {
    /// Its day.
    pub(crate) on: Day,
    /// Number of its names.
    pub(crate) names: u32,
    /// That of the lists around it.
    pub(crate) usual: u32,
}

/// The days of a dataset whose files list the whole market, by whether the list is whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lists {
    /// Days with a whole list, the oldest first.
    pub(crate) whole: Vec<Day>,
    /// Days with a tenth or more of the names of the commonest one and too few for a whole list, the
    /// oldest first. Of a few names one is no sign of a list.
    pub(crate) cut: Vec<CutList>,
}

impl Lists {
    /// Days as of [`common_days`], with shorter lists as well.
    ///
    /// A list has no trailer in the store, so its length is the only sign that a part of it was never
    /// loaded. The upper quartile of the lists around it stands for a whole one, because the files of
    /// half a month may all be cut. The lists of fails of January and February 2021 have at least 0.89
    /// of it.
    pub(crate) fn of(snapshot: &Snapshot, dataset: Dataset, first: Day) -> Lists {
        let days = counted(snapshot, (dataset, first), TENTH);
        let most = days.iter().map(|(_, names)| *names).max().unwrap_or(0);
        let mut lists = Lists { whole: Vec::new(), cut: Vec::new() };
        for (at, (on, names)) in days.iter().copied().enumerate() {
            let around = at.saturating_sub(NEIGHBOURS)..(at + NEIGHBOURS + 1).min(days.len());
            let mut counts: Vec<u32> = days[around].iter().map(|(_, names)| *names).collect();
            counts.sort_unstable();
            let usual = counts[(3 * (counts.len() - 1)).div_ceil(4)];
            if is_cut(names, usual) {
                lists.cut.push(CutList { on, names, usual });
            } else if most <= HALF.saturating_mul(names) {
                lists.whole.push(on);
            }
        }
        lists
    }
}

/// Whether a list has fewer names than whole ones ever have: less than four fifths, and three standard
/// deviations of a count less, so that short lists may differ by chance.
pub(crate) fn is_cut(names: u32, usual: u32) -> bool {
    let missing = u64::from(usual.saturating_sub(names));
    5 * u64::from(names) < 4 * u64::from(usual) && 9 * u64::from(usual) < missing * missing
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

    /// Names `from..to` of every day, with one row each.
    fn lists(of: &[(&str, u32)]) -> Lists {
        let mut fixture = Fixture::new();
        for (on, names) in of {
            for name in 0..*names {
                let id = fixture.id(Namespace::Listed, &format!("N{name}"));
                let (key, on) = ((id, InstrumentId::NONE), day(on));
                let values = [(Field::FailedShares, 1.0)];
                fixture.fact(Dataset::Fails, key, on, Instant::close_of(on), &values);
            }
        }
        fixture.commit();
        let snapshot = fixture.snapshot(Instant::close_of(day("2021-03-01")));
        Lists::of(&snapshot, Dataset::Fails, day("2020-12-01"))
    }

    /// Of 300 names four fifths are 240, and three standard deviations are 3 · √300 = 52. So 239 are too
    /// few and 240 are not. Of 100 names, 79 are less than four fifths and by 21 less, not by 30.
    #[test]
    fn a_list_with_few_names_is_not_whole() {
        assert!(is_cut(239, 300) && !is_cut(240, 300));
        assert!(!is_cut(79, 100) && is_cut(69, 100) && !is_cut(4, 5));
        let (a, b, c) = ("2021-01-04", "2021-01-05", "2021-01-06");
        let found = lists(&[(a, 300), (b, 239), (c, 310)]);
        assert_eq!(found.whole, [a, c].map(day));
        assert_eq!(found.cut, [CutList { on: day(b), names: 239, usual: 310 }]);
        // The newest list as well, and lists that grow are whole.
        assert_eq!(lists(&[(a, 300), (b, 180)]).cut.len(), 1);
        // More may be lost than is there, but thirty names are a list and 29 are not.
        assert_eq!(lists(&[(a, 300), (b, 30)]).cut.len(), 1);
        assert_eq!(lists(&[(a, 300), (b, 29)]).cut, []);
        assert_eq!(lists(&[(a, 300), (b, 320), (c, 340)]).cut, []);
    }
}
