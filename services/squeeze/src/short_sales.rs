//! Short sales off exchange by day, as a share of all trades there (Regulation SHO).
//!
//! A flow of one day, and no short interest: what is bought back on the same day is not netted. Rows of
//! one facility and rows of several are kept side by side; a day counts each facility once. FINRA
//! publishes a row per facility and one of all, so of rows of several facilities that overlap the one
//! published last corrects the others. Shares of different facilities differ, so an average is of days
//! of which the same facilities are known. A row names the facilities at which its name traded, so one
//! row cannot say which are known; the rows of all names of the day do. They also say which days are of
//! the market (`common_days`), so that a row with a wrong date makes no newest day.

use crate::{
    common_days::common_days,
    lending::Dated,
    measure::{Measured, ratio},
};
use factors::{short_ratio::Published, squeeze_threshold::STALE_DAYS};
use marketdata::{
    calendar::{is_session, plus_sessions},
    dataset::{Dataset, Field},
    day::Day,
    facilities::Facilities,
    gap::{Gap, GapReason, Subject},
    instrument::InstrumentId,
    snapshot::Snapshot,
    track::Rows,
};
use std::{cmp::Reverse, collections::BTreeMap};

/// Sessions of the average, and the minimum that must have a volume.
const SESSIONS: i32 = 21;
const LEAST: u32 = 15;

/// The short sales of one name.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ShortSales {
    /// Shares sold short on the newest day, in the units of that day.
    pub short: Dated,
    /// All shares traded there on that day.
    pub total: Dated,
    /// The first over the second.
    pub share: Measured,
    /// The facilities that the newest day adds up. None without one.
    pub facilities: Facilities,
    /// Mean of the shares of the 21 sessions up to that day of which the same facilities are known.
    pub average: Measured,
    /// Number of these sessions that have a volume.
    pub sessions: u32,
    /// The newest day, and the calendar days from it to the market's latest session.
    newest: Option<(Day, i32)>,
    /// Whether the newest day is one of the market.
    is_of_market: bool,
    /// The newest day with a row, if a later one than the newest day is not of the market.
    unused_on: Option<Day>,
}

/// Of which facilities short sales of any name are known, by day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownFacilities {
    by_day: BTreeMap<Day, Facilities>,
    /// The sessions that are days of the market, the oldest first.
    sessions: Vec<Day>,
    /// The market's latest session.
    freshest: Day,
}

impl KnownFacilities {
    /// Those of the days that averages may need. `None` if no short sales of any name are known.
    pub(crate) fn of(snapshot: &Snapshot, freshest: Option<Day>) -> Option<KnownFacilities> {
        snapshot.holders(Dataset::ShortSales).next()?;
        let freshest = freshest.unwrap_or_else(|| snapshot.today());
        let first = plus_sessions(freshest.plus(1 - STALE_DAYS), -SESSIONS);
        let mut series: BTreeMap<InstrumentId, Facilities> = BTreeMap::new();
        let mut by_day: BTreeMap<Day, Facilities> = BTreeMap::new();
        for instrument in snapshot.holders(Dataset::ShortSales) {
            let rows = snapshot.rows(Dataset::ShortSales, instrument).since(first);
            for row in 0..rows.len() {
                let other = rows.other(row);
                let of_row = *series.entry(other).or_insert_with(|| {
                    Facilities::of_series(snapshot.symbol(other)).unwrap_or(Facilities::NONE)
                });
                let of_day = by_day.entry(rows.day(row)).or_insert(Facilities::NONE);
                *of_day = of_day.with(of_row);
            }
        }
        let mut sessions = common_days(snapshot, Dataset::ShortSales, first);
        sessions.retain(|day| is_session(*day));
        Some(KnownFacilities { by_day, sessions, freshest })
    }

    /// The newest row up to one that is of a day of the market; without any, of a session.
    fn newest(&self, rows: &Rows<'_>, last: usize) -> Option<usize> {
        let newest =
            |is_day: &dyn Fn(Day) -> bool| (0..=last).rev().find(|row| is_day(rows.day(*row)));
        newest(&|day| self.has(day)).or_else(|| newest(&is_session))
    }

    /// Whether a day is one of the market.
    fn has(&self, day: Day) -> bool {
        self.sessions.binary_search(&day).is_ok()
    }

    fn on(&self, day: Day) -> Facilities {
        self.by_day.get(&day).copied().unwrap_or(Facilities::NONE)
    }
}

/// The volumes of one day.
struct Volumes {
    short: Published,
    total: Published,
    facilities: Facilities,
}

impl ShortSales {
    /// The short sales of an instrument.
    pub(crate) fn of(
        snapshot: &Snapshot,
        instrument: InstrumentId,
        known: &KnownFacilities,
    ) -> ShortSales {
        let (today, freshest) = (snapshot.today(), known.freshest);
        let rows = snapshot.rows(Dataset::ShortSales, instrument);
        let newest_row = rows.last_on_or_before(today);
        let last = newest_row.and_then(|last| known.newest(&rows, last));
        let newest = last.map(|row| (rows.day(row), freshest.epoch() - rows.day(row).epoch()));
        let is_of_market = newest.is_some_and(|(on, _)| known.has(on));
        let unused_on = newest_row.map(|row| rows.day(row));
        let unused_on = unused_on.filter(|unused| newest.is_some_and(|(on, _)| on < *unused));
        let absent = |reason| ShortSales {
            short: Err(reason),
            total: Err(reason),
            share: Err(reason),
            facilities: Facilities::NONE,
            average: Err(reason),
            sessions: 0,
            newest,
            is_of_market,
            unused_on,
        };
        let (Some(last), Some((on, age))) = (last, newest) else {
            return absent(GapReason::InputMissing);
        };
        if STALE_DAYS < age {
            return absent(GapReason::Stale);
        }
        if !is_of_market {
            return absent(GapReason::InputMissing);
        }
        let first = plus_sessions(on.plus(1), -SESSIONS);
        let days = days(snapshot, &rows, last, first);
        let Some(of_newest) = days.first() else { return absent(GapReason::InputMissing) };
        let share = |day: &Volumes| ratio(day.short.value, day.total.value);
        let traded = days.iter().fold(Facilities::NONE, |all, day| all.with(day.facilities));
        let known_on = |day: &Volumes| known.on(day.total.effective_on).shared(traded);
        let of_sessions = days.iter().filter(|day| {
            is_session(day.total.effective_on) && known_on(day) == known_on(of_newest)
        });
        let shares: Vec<f64> = of_sessions.filter_map(|day| share(day).ok()).collect();
        let sessions = shares.len() as u32;
        let average = match LEAST <= sessions {
            true => Ok(shares.iter().sum::<f64>() / f64::from(sessions)),
            false => Err(GapReason::ShortHistory),
        };
        ShortSales {
            short: Ok(of_newest.short),
            total: Ok(of_newest.total),
            share: share(of_newest),
            facilities: of_newest.facilities,
            average,
            sessions,
            newest,
            is_of_market,
            unused_on,
        }
    }

    /// The gap of a row that is newer than the newest day, because its day is not one of the market.
    pub(crate) fn unused(&self, symbol: &str) -> Option<Gap> {
        let detail = format!(
            "its short sales of {} are not used: a wrong date, or a day of few names",
            self.unused_on?
        );
        let subject = Subject::number_of(symbol, "short_sale_volume_share");
        Some(Gap::new(GapReason::MissingObservations, subject, detail))
    }

    /// Why its numbers are missing, in one sentence.
    pub(crate) fn why_missing(&self, reason: GapReason) -> String {
        match (reason, self.newest) {
            (GapReason::Stale, Some((on, age))) => format!(
                "the newest value is of {on}, {age} days before the market's latest close, and more \
                 than {STALE_DAYS} are too many"
            ),
            (GapReason::Degenerate, _) => "nothing was traded off exchange".to_owned(),
            (GapReason::ShortHistory, _) => format!(
                "fewer than {LEAST} of {SESSIONS} sessions have a volume of which the same facilities \
                 are known as of the newest day, {}",
                self.facilities.letters()
            ),
            (GapReason::InputMissing, Some((on, _))) if !self.is_of_market => format!(
                "the newest volume is of {on}, a wrong date or a day of few names: fewer than half as \
                 many as the commonest day has"
            ),
            _ => "no volume of its short sales is known".to_owned(),
        }
    }
}

/// The volumes of the days from `first` up to that of a row, the newest first.
fn days(snapshot: &Snapshot, rows: &Rows<'_>, last: usize, first: Day) -> Vec<Volumes> {
    let mut days = Vec::new();
    let mut end = last + 1;
    while 0 < end && first <= rows.day(end - 1) {
        let on = rows.day(end - 1);
        let before = (0..end).rev().find(|row| rows.day(*row) != on);
        let start = before.map_or(0, |row| row + 1);
        days.extend(of_day(snapshot, rows, start..end));
        end = start;
    }
    days
}

/// The sum over the facilities of a day, each once: rows of several facilities first, of these the one
/// published last, then the one stored last, then by their letters, so that the order of instruments
/// plays no part.
fn of_day(snapshot: &Snapshot, rows: &Rows<'_>, of: std::ops::Range<usize>) -> Option<Volumes> {
    let column = |row, field| rows.value(row, Dataset::ShortSales.column(field));
    let mut parts: Vec<(Facilities, [f64; 2], usize)> = of
        .filter_map(|row| {
            let facilities = Facilities::of_series(snapshot.symbol(rows.other(row)))?;
            let volumes = [column(row, Field::ShortVolume)?, column(row, Field::TotalVolume)?];
            Some((facilities, volumes, row))
        })
        .collect();
    parts.sort_unstable_by_key(|(facilities, _, row)| {
        let stored = (1 < facilities.count(), rows.published_at(*row), rows.revision(*row));
        (Reverse(stored), Reverse(facilities.count()), *facilities)
    });
    let (mut facilities, mut sum) = (Facilities::NONE, [0.0; 2]);
    let mut published_at = None;
    for (of_row, volumes, row) in parts {
        if facilities.overlaps(of_row) {
            continue;
        }
        facilities = facilities.with(of_row);
        sum = [sum[0] + volumes[0], sum[1] + volumes[1]];
        published_at = published_at.max(Some((rows.published_at(row), rows.day(row))));
    }
    let (published_at, effective_on) = published_at?;
    let known = |value| Published { value, effective_on, published_at };
    Some(Volumes { short: known(sum[0]), total: known(sum[1]), facilities })
}
