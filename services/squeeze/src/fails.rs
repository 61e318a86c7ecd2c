//! Shares that were not delivered, as the SEC lists them half a month at a time.
//!
//! A file lists only names with fails. What is known of a name is of the newest settlement day of the
//! market whose list is whole (`common_days`); if the list of that day leaves it out, its balance is a gap and no zero,
//! because a list gives such a name no number. It is below the size of a threshold security, because a
//! list has every name of that size. Names that no list has are not known: they may have another
//! symbol there.

use crate::{
    common_days::{CutList, Lists},
    lending::Dated,
    measure::{Measured, ratio},
};
use factors::short_ratio::{CountsOnBasis, Published};
use marketdata::{
    basis::Units,
    calendar::{is_fed_open, is_session},
    dataset::{Dataset, Field},
    day::Day,
    gap::{Gap, GapReason, Subject},
    instrument::InstrumentId,
    snapshot::Snapshot,
    track::Rows,
};
use std::sync::Arc;

/// The list of a settlement day is the newest one for up to five weeks, because half a month is
/// published weeks after its end. An older one means that files are missing.
pub const OLDEST_DAYS: i32 = 45;
/// Calendar days in which settlement days are counted: the longest run, and its age.
const SEARCHED_DAYS: i32 = OLDEST_DAYS + 45;
/// The most settlement days in a row that are counted.
pub const LONGEST_RUN: u32 = 30;
/// Settlement days in a row that make a threshold security, and that end one: Rule 203(c)(6) of
/// Regulation SHO.
pub const THRESHOLD_DAYS: u32 = 5;
/// The least of such a day: shares, and the share of those outstanding (17 CFR 242.203(c)(6)).
const LEAST_SHARES: f64 = 10_000.0;
const LEAST_OF_OUTSTANDING: f64 = 0.005;

/// The settlement days of the market with a whole list, the oldest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettlementDays {
    days: Arc<[Day]>,
    /// Lists that are not whole.
    cut: Arc<[CutList]>,
    /// The newest of them.
    newest: Day,
    /// The market's latest session.
    freshest: Day,
}

impl SettlementDays {
    /// The days of a view. `None` if no fails of any name are known.
    pub(crate) fn of(snapshot: &Snapshot, freshest: Option<Day>) -> Option<SettlementDays> {
        let freshest = freshest.unwrap_or_else(|| snapshot.today());
        let lists = Lists::of(snapshot, Dataset::Fails, freshest.plus(-SEARCHED_DAYS));
        let newest = *lists.whole.last()?;
        Some(SettlementDays { days: lists.whole.into(), cut: lists.cut.into(), newest, freshest })
    }

    /// Gaps of all names: lists that are cut, and settlement days between two lists that have none.
    pub(crate) fn gaps(&self) -> Vec<Gap> {
        let gap = |detail| {
            let subject = Subject::Dataset(Dataset::Fails);
            Gap::new(GapReason::MissingObservations, subject, detail)
        };
        let mut gaps = Vec::new();
        if let Some(CutList { on, names, usual }) = self.cut.last() {
            gaps.push(gap(format!(
                "lists of fails are not whole and are not used, the last of {}: that of {on} has \
                 {names} names, and lists around it have {usual}",
                self.cut.len()
            )));
        }
        let is_cut = |on: &Day| self.cut.iter().any(|cut| cut.on == *on);
        let pairs = self.days.windows(2).flat_map(|pair| without_list(pair[0], pair[1]));
        let missing: Vec<Day> = pairs.filter(|on| !is_cut(on)).collect();
        if let Some(last) = missing.last() {
            gaps.push(gap(format!(
                "no list of fails is known of {} settlement days between others, the last {last}: a \
                 row of days above or below the size of a threshold security begins anew after them",
                missing.len()
            )));
        }
        gaps
    }

    /// The newest one.
    pub const fn newest(&self) -> Day {
        self.newest
    }

    /// Calendar days from the newest one to the market's latest session.
    fn age(&self) -> i32 {
        self.freshest.epoch() - self.newest.epoch()
    }

    /// The row of days up to the newest one, by whether a name has the size of a threshold security on
    /// each.
    fn row(&self, is_large: impl Fn(Day) -> Result<bool, GapReason>) -> Row {
        let mut row = Row::EMPTY;
        let mut before: Option<Day> = None;
        for on in self.days.iter() {
            if before.is_some_and(|before| without_list(before, *on).next().is_some()) {
                row = Row::EMPTY;
            }
            row = is_large(*on).map_or_else(Row::after, |is_large| row.then(is_large));
            before = Some(*on);
        }
        row
    }
}

/// The settlement days without a whole list between two days. Nothing settles on a session on which
/// banks are closed, such as Columbus Day.
fn without_list(before: Day, on: Day) -> impl Iterator<Item = Day> {
    let between = (before.epoch() + 1..on.epoch()).map(Day::from_epoch);
    between.filter(|day| is_session(*day) && is_fed_open(*day))
}

/// What settlement days in a row say of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Row {
    /// Days in a row, up to the last one, that have the size of a threshold security.
    large: u32,
    /// Those that do not have it.
    small: u32,
    /// Whether the name is a threshold security; until five days in a row say so, why it is not known.
    is_threshold: Result<bool, GapReason>,
}

impl Row {
    /// No day is known.
    const EMPTY: Row = Row::after(GapReason::ShortHistory);

    /// After a day of which nothing is known, for a reason.
    const fn after(reason: GapReason) -> Row {
        Row { large: 0, small: 0, is_threshold: Err(reason) }
    }

    /// After one more day.
    fn then(self, is_large: bool) -> Row {
        let (large, small) = if is_large { (self.large + 1, 0) } else { (0, self.small + 1) };
        let turned = THRESHOLD_DAYS <= large.max(small);
        let is_threshold = if turned { Ok(is_large) } else { self.is_threshold };
        Row { large, small, is_threshold }
    }
}

/// The fails of one name.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fails {
    /// The balance of the newest settlement day, in the units of the name's other counts.
    pub shares: Dated,
    /// It over the float.
    pub of_float: Measured,
    /// Settlement days in a row, up to that one, whose balances have the size of a threshold security.
    pub threshold_days: Result<u32, GapReason>,
    /// Whether it is a threshold security on that day.
    pub is_on_threshold: Result<bool, GapReason>,
    /// The newest day that lists the name.
    listed_on: Option<Day>,
    /// The newest day after the newest settlement day that has a row of the name.
    unused_on: Option<Day>,
}

impl Fails {
    /// The fails of an instrument, in the units of a day, as its counts are.
    pub(crate) fn of(
        snapshot: &Snapshot,
        instrument: InstrumentId,
        days: &SettlementDays,
        counts: &CountsOnBasis,
        (units, basis): (&Units, Day),
    ) -> Fails {
        let rows = snapshot.rows(Dataset::Fails, instrument);
        let list = NameLists { rows, units, basis };
        let newest = match days.age() {
            age if OLDEST_DAYS < age => Err(GapReason::Stale),
            _ => list.balance(days.newest).unwrap_or(Err(GapReason::InputMissing)),
        };
        let of_float = newest.and_then(|known| ratio(known.value, counts.float_on_basis?));
        let row = list.row(days, newest, counts.outstanding_on_basis);
        let listed_on = |on| list.rows.last_on_or_before(on).map(|row| list.rows.day(row));
        Fails {
            shares: newest,
            of_float,
            threshold_days: row.map(|row| row.large.min(LONGEST_RUN)),
            is_on_threshold: row.and_then(|row| row.is_threshold),
            listed_on: listed_on(days.newest),
            unused_on: listed_on(snapshot.today()).filter(|on| days.newest < *on),
        }
    }

    /// Whether all that no split factor converts are balances before the newest day.
    fn lacks_earlier_days(&self) -> bool {
        self.threshold_days.is_ok() && self.of_float.err() != Some(GapReason::BasisUnknown)
    }

    /// The gap of a row that is newer than the newest settlement day of the market.
    pub(crate) fn unused(&self, symbol: &str, days: &SettlementDays) -> Option<Gap> {
        let detail = format!(
            "its fails of {} are not used: a wrong date, or a day whose list is not whole; the newest \
             whole list is of {}",
            self.unused_on?, days.newest
        );
        let subject = Subject::number_of(symbol, "fails_to_deliver");
        Some(Gap::new(GapReason::MissingObservations, subject, detail))
    }

    /// Why its numbers are missing, in one sentence.
    pub(crate) fn why_missing(&self, reason: GapReason, days: &SettlementDays) -> String {
        let newest = days.newest;
        match (reason, self.listed_on) {
            (GapReason::Stale, _) => format!(
                "the newest list of fails is of {newest}, {} days before the market's latest close, \
                 and more than {OLDEST_DAYS} are too many",
                days.age()
            ),
            (GapReason::InputMissing, Some(on)) => {
                format!(
                    "the list of fails of {newest} does not name it; the last that did is of {on}"
                )
            }
            (GapReason::InputMissing, None) => {
                format!("the list of fails of {newest} does not name it, nor does an earlier one")
            }
            (GapReason::BasisUnknown, _) if self.lacks_earlier_days() => format!(
                "no known split factor converts its shares on some day before {newest}, and the days \
                 after it have no {THRESHOLD_DAYS} in a row above or below the size of a threshold \
                 security"
            ),
            (GapReason::BasisUnknown, _) => "no known split factor converts its shares".to_owned(),
            (GapReason::ShortHistory, _) => format!(
                "the lists of fails that are known without a hole up to {newest} have no \
                 {THRESHOLD_DAYS} days in a row above or below the size of a threshold security"
            ),
            (GapReason::NoSharesOutstanding, _) => {
                "no count of shares outstanding is known".to_owned()
            }
            _ => "no float above zero is known".to_owned(),
        }
    }
}

/// What the lists say of one name, converted to the units of a day.
struct NameLists<'a> {
    rows: Rows<'a>,
    units: &'a Units,
    basis: Day,
}

impl NameLists<'_> {
    /// The row of a day. `None` if the list of the day does not name it.
    fn at(&self, on: Day) -> Option<usize> {
        self.rows.last_on_or_before(on).filter(|row| self.rows.day(*row) == on)
    }

    /// Shares as the list has them.
    fn shares(&self, row: usize) -> Result<f64, GapReason> {
        let column = Dataset::Fails.column(Field::FailedShares);
        self.rows.value(row, column).ok_or(GapReason::InputMissing)
    }

    /// The balance of a day. `None` if the list of the day does not name it.
    fn balance(&self, on: Day) -> Option<Result<Published, GapReason>> {
        let row = self.at(on)?;
        let shares = || {
            let shares = self.shares(row)?;
            let change = self.units.change(on, self.basis).ok_or(GapReason::BasisUnknown)?;
            Ok(Published {
                value: shares * change.shares,
                effective_on: on,
                published_at: self.rows.published_at(row),
            })
        };
        Some(shares())
    }

    /// Whether a day has the size of a threshold security.
    fn is_large(&self, on: Day, outstanding: f64) -> Result<bool, GapReason> {
        // A list has every name of that size.
        let Some((row, balance)) = self.at(on).zip(self.balance(on)) else { return Ok(false) };
        let is_part = LEAST_OF_OUTSTANDING * outstanding <= balance?.value;
        Ok(is_part && LEAST_SHARES <= self.shares(row)?)
    }

    /// The row of days up to the newest one.
    fn row(
        &self,
        days: &SettlementDays,
        newest: Dated,
        outstanding: Measured,
    ) -> Result<Row, GapReason> {
        match newest {
            // The list of the newest day does not name it, but an earlier one does.
            Err(GapReason::InputMissing) if days.days.iter().any(|on| self.at(*on).is_some()) => {}
            newest => {
                newest?;
            }
        }
        let outstanding = outstanding?;
        Ok(days.row(|on| self.is_large(on, outstanding)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use marketdata::fixture::day;

    /// `+` and `-` are days of the size of a threshold security and others, `?` days of which it is not
    /// known: on after five, off after five, and nothing before the first five of a kind.
    #[test]
    fn five_days_make_and_end_a_threshold_security() {
        let walk = |days: &str| {
            days.chars().fold(Row::EMPTY, |row, day| match day {
                '?' => Row::after(GapReason::BasisUnknown),
                day => row.then(day == '+'),
            })
        };
        let found = |days| (walk(days).large, walk(days).is_threshold);
        assert_eq!(found("++++"), (4, Err(GapReason::ShortHistory)));
        assert_eq!(found("+++++"), (5, Ok(true)));
        // GME in January 2021, one from the 11th on: after that it is below the size on two days in a row
        // at most.
        assert_eq!(found("-+++++-++++++--+++-"), (0, Ok(true)));
        assert_eq!(found("+++++----"), (0, Ok(true)));
        assert_eq!(found("+++++-----"), (0, Ok(false)));
        assert_eq!(found("-----++++"), (4, Ok(false)));
        // Nothing of five: what was before decides.
        assert_eq!(found("++-++--+-"), (0, Err(GapReason::ShortHistory)));
        // A day that is not known begins anew.
        assert_eq!(found("+++++?++"), (2, Err(GapReason::BasisUnknown)));
    }

    /// The exchange is closed on 2021-01-18, and banks alone on Veterans Day of 2020, a Wednesday.
    #[test]
    fn a_list_is_missing_of_every_day_on_which_banks_and_the_exchange_are_open() {
        let lacks = |before: &str, on: &str| without_list(day(before), day(on)).next().is_some();
        assert!(!lacks("2021-01-14", "2021-01-15") && !lacks("2021-01-15", "2021-01-19"));
        assert!(!lacks("2020-11-10", "2020-11-11") && !lacks("2020-11-10", "2020-11-12"));
        assert!(lacks("2021-01-15", "2021-01-20") && lacks("2020-11-10", "2020-11-13"));
        assert!(lacks("2021-02-01", "2021-02-08"));
    }
}
