//! Size buckets by a scheme: lagged market values, buffered at monthly reconstitutions.
//!
//! By today's market value a squeezed small cap is a large cap on the day it matters most. So a
//! scheme sizes a company at reconstitutions, the first session of each month, by its market value
//! `lag_sessions` sessions of the exchange's calendar earlier. The oldest of the last
//! `reconstitutions` takes the band of its value. At each later one the company keeps its band b
//! while
//!
//! ```text
//! lower(b) · (1 − buffer) ≤ value < upper(b) · (1 + buffer)
//! ```
//!
//! and otherwise takes the band of its value. Reconstitutions without a value change nothing. The
//! fold is finite and its days follow from the date alone, so a bucket is a function of the
//! snapshot, and facts from before the window do not change it.
//!
//! The value of a day is the last close at most two weeks old times the last share count of that
//! day or of the 400 days before the window; if there is none, the first count after it. A count
//! known later is no look-ahead here: it says what is known today about a company's size then. A
//! company without a value on any of the days (a young listing) is sized on its first close since.

use crate::{
    market_value::{CapSource, KnownShares},
    size::Sizes,
};
use marketdata::{
    bars::Bars, calendar::plus_sessions, day::Day, instrument::InstrumentId, snapshot::Snapshot,
};
use std::sync::LazyLock;

/// A close more than this many calendar days before a sizing day does not size a company.
const CLOSE_DAYS: i32 = 14;

/// Share counts from up to this many calendar days before the first sizing day are used.
const COUNT_DAYS: i32 = 400;

/// A bucket of companies by market value.
#[derive(Clone, Debug, PartialEq)]
pub struct SizeBand {
    /// Its name in answers.
    pub bucket_id: String,
    /// The smallest market value in it, USD. The largest is that of the band above, exclusive.
    pub lower_edge_usd: f64,
}

/// How companies are sorted into buckets.
#[derive(Clone, Debug, PartialEq)]
pub struct SizeScheme {
    /// Name of the scheme, echoed in answers.
    pub scheme_id: String,
    /// The bands, largest companies first; edges strictly descend to zero.
    pub bands: Vec<SizeBand>,
    /// Sessions between a reconstitution and the market values it uses.
    pub lag_sessions: u32,
    /// How far beyond its band a value must be to leave it, a share of the edge, at least 0 and
    /// below 1.
    pub buffer: f64,
    /// Number of monthly reconstitutions folded, at least 1.
    pub reconstitutions: u32,
}

/// Place of a band in the standard scheme.
pub const MEGA: usize = 0;
/// See [`MEGA`].
pub const MID: usize = 2;

impl SizeScheme {
    /// The scheme of the settings: usual US bands, a quarter's lag, a fifth of an edge as buffer, a
    /// year of reconstitutions.
    pub fn standard() -> &'static SizeScheme {
        static STANDARD: LazyLock<SizeScheme> = LazyLock::new(|| {
            let bands =
                [("mega", 200e9), ("large", 10e9), ("mid", 2e9), ("small", 0.3e9), ("micro", 0.0)];
            let band = |(id, edge): (&str, f64)| SizeBand {
                bucket_id: id.to_owned(),
                lower_edge_usd: edge,
            };
            SizeScheme {
                scheme_id: "standard".to_owned(),
                bands: bands.map(band).into(),
                lag_sessions: 63,
                buffer: 0.20,
                reconstitutions: 12,
            }
        });
        &STANDARD
    }

    /// The band after folding market values, oldest first. `None` without values.
    pub fn fold(&self, values: impl Iterator<Item = f64>) -> Option<usize> {
        values.fold(None, |band, value| match band {
            Some(band) if self.keeps(band, value) => Some(band),
            _ => Some(self.band(value)),
        })
    }

    fn band(&self, value: f64) -> usize {
        let found = self.bands.iter().position(|band| band.lower_edge_usd <= value);
        found.unwrap_or(self.bands.len() - 1)
    }

    /// Whether a company of a band stays in it with this value.
    fn keeps(&self, band: usize, value: f64) -> bool {
        let upper = band.checked_sub(1).map(|above| self.bands[above].lower_edge_usd);
        self.bands[band].lower_edge_usd * (1.0 - self.buffer) <= value
            && upper.is_none_or(|upper| value < upper * (1.0 + self.buffer))
    }

    /// The days whose market values size companies, oldest first, for the reconstitutions up to a
    /// day.
    pub fn sizing_days(&self, today: Day) -> Vec<Day> {
        let lag = i32::try_from(self.lag_sessions).unwrap_or(i32::MAX);
        let first_sessions =
            std::iter::successors(Some(today), |day| Some(month_start(*day).plus(-1)))
                .map(|day| plus_sessions(month_start(day).plus(-1), 1))
                .filter(|first| *first <= today);
        let mut days: Vec<Day> = first_sessions
            .take(self.reconstitutions as usize)
            .map(|first| plus_sessions(first, -lag))
            .collect();
        days.reverse();
        days
    }
}

/// The first day of a day's month.
const fn month_start(day: Day) -> Day {
    let (_, _, date) = day.ymd();
    day.plus(1 - date as i32)
}

/// The bucket of a company under a scheme.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SchemeSize {
    /// Index of its band.
    pub band: usize,
    /// The session whose market value the last reconstitution used.
    pub sized_on: Day,
    /// That market value, USD.
    pub lagged_market_cap_usd: f64,
}

/// Sizes companies of a view under a scheme.
#[derive(Clone, Debug)]
pub struct Sizer {
    scheme: SizeScheme,
    /// Sizing days, oldest first.
    days: Vec<Day>,
}

/// Market values of a line on some days.
struct LineValues {
    source: CapSource,
    values: Vec<Option<f64>>,
}

impl Sizer {
    /// Prepares the sizing days of a view.
    pub fn new(scheme: SizeScheme, snapshot: &Snapshot) -> Sizer {
        let days = scheme.sizing_days(snapshot.today());
        Sizer { scheme, days }
    }

    /// The bucket of a line's company. `None` if its market value is unknown.
    pub fn size(
        &self,
        snapshot: &Snapshot,
        sizes: &Sizes,
        instrument: InstrumentId,
    ) -> Option<SchemeSize> {
        let company = sizes.get(instrument)?;
        let lines: Vec<Line<'_>> = sizes
            .lines(company.issuer)
            .iter()
            .filter_map(|id| Line::of(snapshot, *id, self.days.first().copied()?))
            .collect();
        let known = self.known(&lines, &self.days);
        let known = if known.is_empty() {
            let young = lines.iter().filter_map(|line| line.bars.days.first().copied()).min();
            self.known(&lines, young.as_slice())
        } else {
            known
        };
        let current = (company.line.described_on, company.market_cap_usd);
        let (sized_on, lagged_market_cap_usd) = known.last().copied().unwrap_or(current);
        let band = self.scheme.fold(known.iter().map(|(_, value)| *value));
        Some(SchemeSize {
            band: band.unwrap_or_else(|| self.scheme.band(lagged_market_cap_usd)),
            sized_on,
            lagged_market_cap_usd,
        })
    }

    /// The days on which the company has a market value, and that value.
    fn known(&self, lines: &[Line<'_>], days: &[Day]) -> Vec<(Day, f64)> {
        let valued: Vec<LineValues> = lines.iter().map(|line| line.values(days)).collect();
        let of_day = |(at, day): (usize, &Day)| {
            let parts = valued.iter().filter_map(|line| Some((line.source, line.values[at]?)));
            let value = CapSource::of_company(parts);
            (0.0 < value).then_some((*day, value))
        };
        days.iter().enumerate().filter_map(of_day).collect()
    }
}

/// A line's closes and share counts around the sizing days.
struct Line<'a> {
    bars: Bars<'a>,
    shares: KnownShares,
}

impl<'a> Line<'a> {
    /// `first` is the first sizing day.
    fn of(snapshot: &'a Snapshot, instrument: InstrumentId, first: Day) -> Option<Line<'a>> {
        let bars = Bars::usd_since(snapshot, instrument, first.plus(-CLOSE_DAYS));
        let mut shares = KnownShares::of_size(snapshot, instrument, &bars)?;
        let old = shares.counts.partition_point(|count| count.on < first.plus(-COUNT_DAYS));
        // The last of the older ones is kept if there is no other.
        shares.counts.drain(..old.min(shares.counts.len() - 1));
        Some(Line { bars, shares })
    }

    fn values(&self, days: &[Day]) -> LineValues {
        let value = |day: &Day| {
            let row = self.bars.index_on_or_before(*day)?;
            if self.bars.days[row] < day.plus(-CLOSE_DAYS) {
                return None;
            }
            let counts = &self.shares.counts;
            let known = counts.partition_point(|count| count.on <= self.bars.days[row]);
            counts[known.saturating_sub(1)].value(&self.bars, row)
        };
        LineValues { source: self.shares.source, values: days.iter().map(value).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::roles::Roles;
    use marketdata::{
        dataset::{Dataset, Field},
        fixture::{Fixture, day},
        instant::Instant,
        instrument::Namespace,
    };
    use proptest::prelude::*;

    fn fold(billions: &[f64]) -> Option<&'static str> {
        let ids = ["mega", "large", "mid", "small", "micro"];
        Some(ids[SizeScheme::standard().fold(billions.iter().map(|value| value * 1e9))?])
    }

    /// Buffers of a fifth: mid is 2 to 10 billion and keeps 1.6 to 12; small is 0.3 to 2 and keeps
    /// 0.24 to 2.4.
    #[test]
    fn a_company_leaves_its_band_only_beyond_the_buffer() {
        assert_eq!(fold(&[]), None);
        assert_eq!(fold(&[10.0]), Some("large"), "an edge belongs to the larger band");
        assert_eq!(fold(&[1.9, 2.3]), Some("small"), "2.3 < 2 · 1.2");
        assert_eq!(fold(&[2.3]), Some("mid"), "no buffer at the first reconstitution");
        assert_eq!(fold(&[1.9, 2.4]), Some("mid"), "2.4 = 2 · 1.2");
        assert_eq!(fold(&[1.9, 2.4, 1.7]), Some("mid"), "2 · 0.8 ≤ 1.7");
        assert_eq!(fold(&[1.9, 2.4, 1.59]), Some("small"), "1.59 < 2 · 0.8");
        assert_eq!(fold(&[1.0, 30.0]), Some("large"), "over two bands at once");
    }

    #[test]
    fn sizing_days_are_a_quarter_before_the_first_session_of_each_month() {
        let scheme = SizeScheme { reconstitutions: 2, ..SizeScheme::standard().clone() };
        // 2021-01-04 is the first session of January and 2020-12-01 that of December. In the last
        // quarter of 2020 there were 64 sessions, 22 of them in December, so 63 sessions before
        // 2021-01-04 is its second, 2020-10-02. September had 21, October 22, November 20: 63
        // before 2020-12-01 is the first of September.
        assert_eq!(scheme.sizing_days(day("2021-01-27")), [day("2020-09-01"), day("2020-10-02")]);
        // On the holiday that begins January the last reconstitution is that of December.
        let days = scheme.sizing_days(day("2021-01-01"));
        assert_eq!(days.last(), Some(&day("2020-09-01")));
    }

    /// A company with 1bn shares and a close on every session from `first` on.
    fn company(fixture: &mut Fixture, first: Day, last: Day, close: impl Fn(Day) -> f64) {
        let key = (fixture.id(Namespace::Listed, "A"), InstrumentId::NONE);
        let mut on = plus_sessions(first.plus(-1), 1);
        let count = [(Field::SharesOutstanding, 1e9), (Field::PublicFloat, 0.9e9)];
        fixture.fact(Dataset::ShareCounts, key, on, Instant::close_of(on), &count);
        while on <= last {
            let bar = [(Field::Close, close(on))];
            fixture.fact(Dataset::Bars, key, on, Instant::close_of(on), &bar);
            on = plus_sessions(on, 1);
        }
    }

    fn sized(fixture: &mut Fixture, today: &str) -> SchemeSize {
        fixture.commit();
        let snapshot = fixture.snapshot(Instant::close_of(day(today)));
        let sizes = Sizes::of(&snapshot, &Roles::standard(), Day::MAX);
        let sizer = Sizer::new(SizeScheme::standard().clone(), &snapshot);
        sizer.size(&snapshot, &sizes, snapshot.listed("A").unwrap()).unwrap()
    }

    #[test]
    fn a_squeeze_does_not_change_the_bucket_of_its_day() {
        // 1bn shares at 1 until the 26th, at 50 on the 27th.
        let close = |on: Day| if on < day("2021-01-27") { 1.0 } else { 50.0 };
        let mut fixture = Fixture::new();
        company(&mut fixture, day("2020-06-01"), day("2021-01-27"), close);
        let expected =
            SchemeSize { band: 3, sized_on: day("2020-10-02"), lagged_market_cap_usd: 1e9 };
        assert_eq!(sized(&mut fixture, "2021-01-27"), expected);
        // A company listed after the last sizing day is sized on its first close.
        let mut fixture = Fixture::new();
        company(&mut fixture, day("2020-12-14"), day("2021-01-27"), |_| 3.0);
        let young = SchemeSize { band: 2, sized_on: day("2020-12-14"), lagged_market_cap_usd: 3e9 };
        assert_eq!(sized(&mut fixture, "2021-01-27"), young);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        /// The window of twelve reconstitutions up to 2021-01-27 begins with the session 63 before
        /// the first of February 2020, and reads closes from two weeks before.
        #[test]
        fn loading_older_history_does_not_change_todays_bucket(
            levels in prop::collection::vec(0.1..30.0f64, 36),
        ) {
            let close = |on: Day| {
                let (year, month, _) = on.ymd();
                levels[(year.unsigned_abs() as usize * 12 + month as usize) % levels.len()]
            };
            let today = "2021-01-27";
            let first = SizeScheme::standard().sizing_days(day(today))[0];
            let size = |from: Day| {
                let mut fixture = Fixture::new();
                company(&mut fixture, from, day(today), close);
                sized(&mut fixture, today)
            };
            let window = size(first.plus(-CLOSE_DAYS));
            prop_assert_eq!(size(day("2018-06-01")), window);
        }
    }
}
