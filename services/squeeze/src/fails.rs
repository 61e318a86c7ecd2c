//! Shares that were not delivered, as the SEC lists them half a month at a time.
//!
//! A file lists only names with fails, so what is known of a name is of the newest settlement day of
//! which anything is known. A name that the list of that day leaves out has a gap and no zero: a file
//! may be cut, and a name may have another symbol in it.

use crate::{
    lending::Dated,
    measure::{Measured, ratio},
};
use factors::short_ratio::{CountsOnBasis, Published};
use marketdata::{
    basis::Units,
    dataset::{Dataset, Field},
    day::Day,
    gap::GapReason,
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
/// Settlement days in a row that make a threshold security: Rule 203(c)(6)(i) of Regulation SHO.
pub const THRESHOLD_DAYS: u32 = 5;
/// The least of such a day: shares, and the share of those outstanding (17 CFR 242.203(c)(6)).
const LEAST_SHARES: f64 = 10_000.0;
const LEAST_OF_OUTSTANDING: f64 = 0.005;

/// The settlement days of which fails of any name are known, the newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettlementDays {
    days: Arc<[Day]>,
    /// The market's latest session.
    freshest: Day,
}

impl SettlementDays {
    /// The days of a view. `None` if no fails of any name are known.
    pub(crate) fn of(snapshot: &Snapshot, freshest: Option<Day>) -> Option<SettlementDays> {
        let today = snapshot.today();
        let freshest = freshest.unwrap_or(today);
        let first = freshest.plus(-SEARCHED_DAYS);
        let mut is_known = vec![false; (today.epoch() - first.epoch()).max(0) as usize + 1];
        let mut newest = None;
        for instrument in snapshot.holders(Dataset::Fails) {
            let rows = snapshot.rows(Dataset::Fails, instrument);
            let Some(last) = rows.last_on_or_before(today) else { continue };
            newest = newest.max(Some(rows.day(last)));
            let recent = (0..=last).rev().map(|row| rows.day(row)).take_while(|on| first <= *on);
            recent.for_each(|on| is_known[(on.epoch() - first.epoch()) as usize] = true);
        }
        let listed = (0..is_known.len()).rev().filter(|at| is_known[*at]);
        let mut days: Vec<Day> = listed.map(|at| first.plus(at as i32)).collect();
        if days.is_empty() {
            days.push(newest?);
        }
        Some(SettlementDays { days: days.into(), freshest })
    }

    fn newest(&self) -> Day {
        self.days[0]
    }

    /// Calendar days from the newest one to the market's latest session.
    fn age(&self) -> i32 {
        self.freshest.epoch() - self.newest().epoch()
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
    /// The newest day that lists the name.
    listed_on: Option<Day>,
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
        let last = rows.last_on_or_before(snapshot.today());
        let listed_on = last.map(|row| rows.day(row));
        let on_basis = |row: usize| {
            let known = Published {
                value: shares(&rows, row).ok_or(GapReason::InputMissing)?,
                effective_on: rows.day(row),
                published_at: rows.published_at(row),
            };
            let change = units.change(known.effective_on, basis).ok_or(GapReason::BasisUnknown)?;
            Ok(Published { value: known.value * change.shares, ..known })
        };
        let newest = match last {
            _ if OLDEST_DAYS < days.age() => Err(GapReason::Stale),
            Some(row) if rows.day(row) == days.newest() => on_basis(row),
            _ => Err(GapReason::InputMissing),
        };
        let of_float = newest.and_then(|known| ratio(known.value, counts.float_on_basis?));
        let run = |outstanding: f64| {
            let is_large = |on: &&Day| {
                let row = rows.last_on_or_before(**on).filter(|row| rows.day(*row) == **on);
                row.is_some_and(|row| {
                    let of_day = on_basis(row)
                        .is_ok_and(|known| LEAST_OF_OUTSTANDING * outstanding <= known.value);
                    of_day && shares(&rows, row).is_some_and(|shares| LEAST_SHARES <= shares)
                })
            };
            days.days.iter().take(LONGEST_RUN as usize).take_while(is_large).count() as u32
        };
        let threshold_days = newest.and(counts.outstanding_on_basis).map(run);
        Fails { shares: newest, of_float, threshold_days, listed_on }
    }

    /// Whether the run is long enough for a threshold security.
    ///
    /// # Errors
    /// The fails or the shares outstanding are not known.
    pub fn is_on_threshold(&self) -> Result<bool, GapReason> {
        Ok(THRESHOLD_DAYS <= self.threshold_days?)
    }

    /// Why its numbers are missing, in one sentence.
    pub(crate) fn why_missing(&self, reason: GapReason, days: &SettlementDays) -> String {
        let newest = days.newest();
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
            (GapReason::BasisUnknown, _) => "no known split factor converts its shares".to_owned(),
            _ => "no float above zero is known".to_owned(),
        }
    }
}

fn shares(rows: &Rows<'_>, row: usize) -> Option<f64> {
    rows.value(row, Dataset::Fails.column(Field::FailedShares))
}
