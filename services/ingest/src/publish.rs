//! When the first value of a key was published, if neither the row nor the caller says so.

use marketdata::{
    calendar::{next_fed_day, plus_sessions},
    currency::Currency,
    dataset::{Dataset, EVER, Field, Publication, Schedule},
    day::Day,
    instant::Instant,
    instrument::{InstrumentId, Namespace},
    market::Market,
    symbol::Symbol,
};
use std::collections::BTreeMap;

/// How often a series has a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rhythm {
    /// Every day on which banks are open, published on the next one (yields, rates).
    NextFedDay,
    /// Every session, published on the same day.
    SameDay,
    /// Every day on which banks are open, those of a week published together on the Monday after it,
    /// or on the next day on which the Federal Reserve Board is open (exchange rates of its H.10
    /// release).
    NextMonday,
    /// Every week.
    Weekly,
    /// Every month, dated the first day of the month.
    Monthly,
    /// Every `months` months, dated the first day of the period.
    Periods {
        /// Length of the period.
        months: i32,
    },
}

/// Computes publication times, with one time zone query per distinct time.
#[derive(Debug)]
pub(super) struct Publisher<'a> {
    market: &'a Market,
    received_at: Instant,
    schedules: BTreeMap<InstrumentId, BTreeMap<Day, Instant>>,
    schedule_ids: BTreeMap<&'static str, Option<InstrumentId>>,
    found: BTreeMap<(Dataset, Day), Instant>,
    last: Option<((Dataset, Day), Instant)>,
    closes: Vec<Instant>,
    first_close: Day,
}

impl<'a> Publisher<'a> {
    pub(super) fn new(market: &'a Market, received_at: Instant) -> Publisher<'a> {
        Publisher {
            market,
            received_at,
            schedules: BTreeMap::new(),
            schedule_ids: BTreeMap::new(),
            found: BTreeMap::new(),
            last: None,
            closes: Vec::new(),
            first_close: Day::MAX,
        }
    }

    /// Computes the closes of a range of days at once, for bars.
    pub(super) fn prepare_closes(&mut self, days: &[Day]) {
        let (Some(first), Some(last)) = (days.iter().min(), days.iter().max()) else { return };
        self.first_close = *first;
        self.closes = vec![Instant::MIN; (last.epoch() - first.epoch()) as usize + 1];
    }

    /// A bar's publication: 16:00 in New York on its day.
    #[inline]
    pub(super) fn close(&mut self, day: Day) -> Instant {
        let at = (day.epoch() - self.first_close.epoch()) as usize;
        match self.closes.get_mut(at) {
            Some(known) if *known != Instant::MIN => *known,
            Some(unknown) => {
                *unknown = Instant::close_of(day);
                *unknown
            }
            None => Instant::close_of(day),
        }
    }

    /// The publication of a value, and whether it is an estimate.
    pub(super) fn first(
        &mut self,
        dataset: Dataset,
        instrument: InstrumentId,
        day: Day,
        rhythm: Rhythm,
    ) -> (Instant, bool) {
        let scheduled = match dataset.descriptor().schedule {
            Schedule::None => None,
            Schedule::Id(id) => self.schedule_of(id),
            Schedule::OwnId => Some(instrument),
        };
        if let Some(instant) = scheduled.and_then(|of| self.scheduled(of, day)) {
            return (instant, false);
        }
        let ruled = match dataset.descriptor().publication {
            Publication::ByRhythm => series_rule(day, rhythm),
            Publication::AtClose | Publication::AtValue(_) => (self.close(day), false),
            Publication::AtReceipt => (self.received_at, false),
            Publication::Ever => (EVER, false),
            Publication::HalfMonths { after } => {
                let rule = || Instant::new_york(plus_sessions(half_month(day), after), 18, 0);
                (self.once((dataset, day), rule), true)
            }
            Publication::Sessions { after, hour, minute, is_estimate } => {
                let rule = || Instant::new_york(plus_sessions(day, after), hour, minute);
                (self.once((dataset, day), rule), is_estimate)
            }
        };
        // A received value must have been published before.
        (ruled.0.min(self.received_at), ruled.1 && ruled.0 < self.received_at)
    }

    /// A cached instant of a dataset's day.
    fn once(&mut self, key: (Dataset, Day), find: impl FnOnce() -> Instant) -> Instant {
        match self.last {
            Some((last, found)) if last == key => found,
            _ => {
                let found = *self.found.entry(key).or_insert_with(find);
                self.last = Some((key, found));
                found
            }
        }
    }

    /// The instrument under whose id a schedule is stored.
    fn schedule_of(&mut self, id: &'static str) -> Option<InstrumentId> {
        let market = self.market;
        *self.schedule_ids.entry(id).or_insert_with(|| {
            let (symbol, revision) = (Symbol::series(id).ok()?, market.head().revision);
            let directory = market.directory();
            directory.resolve_on(Namespace::Series, &symbol, Day::MAX.plus(-1), revision)
        })
    }

    /// The publication of a day's value, for values published together with it.
    pub(super) fn with(&mut self, dataset: Dataset, day: Day) -> Instant {
        self.first(dataset, InstrumentId::NONE, day, Rhythm::SameDay).0
    }

    fn scheduled(&mut self, of: InstrumentId, day: Day) -> Option<Instant> {
        let market = self.market;
        let schedule = self.schedules.entry(of).or_insert_with(|| {
            let Some(track) = market.track(Dataset::Schedules, of) else { return BTreeMap::new() };
            let rows = track.every(market.head().revision);
            let column = Dataset::Schedules.column(Field::FirstSeen);
            // The last row of a day wins.
            (0..rows.len())
                .filter_map(|i| {
                    Some((rows.day(i), Instant::from_micros(rows.value(i, column)? as i64)))
                })
                .collect()
        });
        schedule.get(&day).copied()
    }
}

/// The rule for a series, and whether it is an estimate; see [`crate`].
fn series_rule(day: Day, rhythm: Rhythm) -> (Instant, bool) {
    match rhythm {
        Rhythm::NextFedDay => (Instant::new_york(next_fed_day(day), 16, 15), false),
        Rhythm::SameDay => (Instant::close_of(day), false),
        Rhythm::NextMonday => {
            let sunday = day.plus(6 - day.weekday() as i32);
            (Instant::new_york(next_fed_day(sunday), 16, 15), false)
        }
        Rhythm::Weekly => (Instant::new_york(day.plus(7), 8, 30), true),
        Rhythm::Monthly => {
            let next = months_later(day, 1);
            (Instant::new_york(next.plus(14), 8, 30), true)
        }
        Rhythm::Periods { months } => {
            let end = months_later(day, months + 1).plus(-1);
            (Instant::new_york(end, 8, 30), true)
        }
    }
}

/// Last day of the first half of a month.
const FIRST_HALF: u32 = 14;

/// The day about which the half of a month that a day is in is published: the last of the month, or
/// the 15th of the next one.
fn half_month(day: Day) -> Day {
    let next = months_later(day, 1);
    match day.ymd().2 <= FIRST_HALF {
        true => next.plus(-1),
        false => next.plus(14),
    }
}

/// The first day of the month that is `months` months after that of a day.
fn months_later(day: Day, months: i32) -> Day {
    let (year, month, _) = day.ymd();
    let count = year * 12 + month as i32 - 1 + months;
    Day::from_ymd(count.div_euclid(12), count.rem_euclid(12) as u32 + 1, 1).unwrap_or(Day::MAX)
}

/// The rhythm of a series, from its id if that is known, else from its days.
///
/// `days` are those of the file and the stored ones, ascending. A single value on the first of a
/// month counts as monthly, because a publication dated too late is safer than one dated too early.
pub(super) fn rhythm(symbol: &str, days: &[Day]) -> Rhythm {
    // Treasury yields, federal funds, secured and unsecured overnight rates.
    let next_day = ["DGS", "DFF", "EFFR", "SOFR", "OBFR", "T10Y", "T5Y", "DTB", "BAMLH", "DFII"];
    if next_day.iter().any(|start| symbol.starts_with(start)) {
        return Rhythm::NextFedDay;
    }
    if symbol.starts_with("DEX") {
        return Rhythm::NextMonday;
    }
    let gap = days.windows(2).map(|pair| pair[1].epoch() - pair[0].epoch()).min();
    let first_of_month = days.iter().all(|day| day.ymd().2 == 1);
    // A rate is known on its day, however few of its days a file has. One of firsts of months alone is
    // more likely a mean of months, which is known after them.
    if Currency::is_rate(symbol) && !(first_of_month && gap.is_some()) {
        return Rhythm::SameDay;
    }
    match gap {
        Some(300..) if first_of_month => Rhythm::Periods { months: 12 },
        Some(80..) if first_of_month => Rhythm::Periods { months: 3 },
        Some(27..) | None if first_of_month => Rhythm::Monthly,
        Some(5..=10) => Rhythm::Weekly,
        Some(11..) => Rhythm::Monthly,
        _ => Rhythm::SameDay,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use marketdata::{
        calendar::{is_fed_open, is_session},
        currency::RATE_AGE_DAYS,
    };

    fn days(texts: &[&str]) -> Vec<Day> {
        texts.iter().map(|text| Day::parse_iso(text).unwrap()).collect()
    }

    /// When the value of the first day is public.
    fn public(symbol: &str, texts: &[&str]) -> String {
        let days = days(texts);
        series_rule(days[0], rhythm(symbol, &days)).0.to_string()
    }

    #[test]
    fn releases_of_the_fed_keep_its_holidays() {
        // The exchange is open on Columbus Day, 2024-10-14, and on Veterans Day, 2024-11-11, both
        // Mondays; the Board is closed, so its releases are of Tuesday (EST in November).
        assert_eq!(public("DEXUSEU", &["2024-10-11"]), "2024-10-15T20:15:00Z");
        assert_eq!(public("DEXUSEU", &["2024-11-04"]), "2024-11-12T21:15:00Z");
        assert_eq!(public("DGS10", &["2024-10-11"]), "2024-10-15T20:15:00Z");
        assert_eq!(public("DGS10", &["2024-11-08"]), "2024-11-12T21:15:00Z");
        // The release of the rates of January 12 to 16, 2009, is dated January 21: Monday was Martin
        // Luther King Jr. Day and Tuesday Inauguration Day.
        assert_eq!(public("DEXUSEU", &["2009-01-16"]), "2009-01-21T21:15:00Z");
        assert_eq!(public("DEXUSEU", &["2009-01-20"]), "2009-01-26T21:15:00Z");
    }

    /// The SEC publishes the first half of a month at its end, the second about the 15th of the next
    /// month: two sessions after the last of February 2021, a Sunday, is Tuesday, March 2; two after
    /// Tuesday, June 15 is Thursday.
    #[test]
    fn halves_of_months_are_public_weeks_later() {
        let public = |text| {
            let about = half_month(days(&[text])[0]);
            (about.to_string(), plus_sessions(about, 2).to_string())
        };
        let of = |one: &str, two: &str| (one.to_owned(), two.to_owned());
        assert_eq!(public("2021-02-01"), of("2021-02-28", "2021-03-02"));
        assert_eq!(public("2021-02-14"), of("2021-02-28", "2021-03-02"));
        assert_eq!(public("2021-05-17"), of("2021-06-15", "2021-06-17"));
        assert_eq!(public("2021-12-31"), of("2022-01-15", "2022-01-19"));
    }

    #[test]
    fn each_rhythm_has_its_delay() {
        // July 2024's CPI was released on 2024-08-14; the rule estimates 08-15.
        assert_eq!(public("CPIAUCSL", &["2024-07-01", "2024-08-01"]), "2024-08-15T12:30:00Z");
        // Thursday's yield is published on Friday at 16:15, Friday's on Monday.
        assert_eq!(public("DGS10", &["2024-07-11"]), "2024-07-12T20:15:00Z");
        assert_eq!(public("DGS10", &["2024-07-12"]), "2024-07-15T20:15:00Z");
        // The rates of a week are published on Monday at 16:15; 2024-05-27 was Memorial Day.
        assert_eq!(public("DEXUSEU", &["2024-07-08"]), "2024-07-15T20:15:00Z");
        assert_eq!(public("DEXUSEU", &["2024-07-12"]), "2024-07-15T20:15:00Z");
        assert_eq!(public("DEXUSEU", &["2024-05-24"]), "2024-05-28T20:15:00Z");
        // GDP of the first quarter is published at the end of April.
        assert_eq!(public("GDP", &["2024-01-01", "2024-04-01"]), "2024-04-30T12:30:00Z");
        assert_eq!(public("ICSA", &["2024-07-06", "2024-07-13"]), "2024-07-13T12:30:00Z");
    }

    #[test]
    fn rates_of_currencies_are_of_their_day_and_means_of_months_are_not() {
        // A rate of a currency is one of its day, also if a file has only a first of a month, first and
        // last days of months, or a day a week (closes of 2020-10-01 and 2024-07-12, EDT).
        assert_eq!(public("USDDKK", &["2020-10-01"]), "2020-10-01T20:00:00Z");
        let ends = ["2020-10-01", "2020-10-30", "2020-11-02", "2020-11-30"];
        assert_eq!(public("DKKUSD", &ends), "2020-10-01T20:00:00Z");
        assert_eq!(public("EURUSD", &["2024-07-12", "2024-07-19"]), "2024-07-12T20:00:00Z");
        // Means of months and of quarters are public after them, like other series of firsts of months.
        let months = ["2020-10-01", "2020-11-01", "2020-12-01"];
        assert_eq!(public("EURUSD", &months[..2]), "2020-11-15T13:30:00Z");
        assert_eq!(public("USDDKK", &months), "2020-11-15T13:30:00Z");
        assert_eq!(public("EURUSD", &["2020-10-01", "2021-01-01"]), "2021-01-31T13:30:00Z");
        // What only looks like one keeps the rule of its days: GDP is no currency.
        assert_eq!(public("GDPUSD", &["2020-10-01"]), "2020-11-15T13:30:00Z");
        assert_eq!(public("GDPUSD", &["2020-10-01", "2021-01-01"]), "2021-01-31T13:30:00Z");
        assert_eq!(public("USDUSD", &["2020-10-01"]), "2020-11-15T13:30:00Z");
        assert_eq!(public("UNRATE", &["2020-10-01"]), "2020-11-15T13:30:00Z");
        assert_eq!(public("ODDS", &["2024-07-11", "2024-07-12"]), "2024-07-11T20:00:00Z");
    }

    /// A desk with nothing but the H.10 release has a rate at every close. The oldest is of a Friday
    /// before two weeks, of which the second begins with two days without a release: the last time on
    /// 2012-10-31, after a hurricane.
    #[test]
    fn a_weekly_release_is_never_too_old() {
        let (first, last) = (days(&["1999-01-04"])[0], days(&["2030-12-31"])[0]);
        let all = || (first.epoch()..=last.epoch()).map(Day::from_epoch);
        let released: Vec<(Day, Instant)> = all()
            .filter(|day| is_fed_open(*day))
            .map(|day| (day, series_rule(day, Rhythm::NextMonday).0))
            .collect();
        let age = |close: Day| {
            let known = released.partition_point(|(_, at)| *at <= Instant::close_of(close));
            Some(close.epoch() - released[known.checked_sub(1)?].0.epoch())
        };
        let oldest = all().filter(|day| is_session(*day)).filter_map(age).max();
        assert_eq!(oldest, Some(RATE_AGE_DAYS));
    }
}
