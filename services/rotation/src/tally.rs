//! The counts of one day, and what one line adds to them: advances, averages, highs, weights.

use crate::universe::Member;
use marketdata::{bars::Bars, day::Day};

/// Sessions of the short average.
pub const SHORT_AVERAGE: usize = 50;
/// Sessions of the long average.
pub const LONG_AVERAGE: usize = 200;
/// Sessions of a yearly high or low.
pub const YEAR: usize = 252;
/// How many of the largest issuers make the leading weight.
pub const LEADERS: usize = 7;
/// Where issuers of a larger part of the market value lack theirs on a day, weights of the day are
/// not those of the days around it.
const MISSING_PART: f64 = 0.01;
/// A running sum of closes drifts by rounding, relative to the largest closes it once held: a close
/// this little above the average is not above it.
const DRIFT: f64 = 1e-9;

/// The counts of one day. A name counts where it is a member on the day and has a close on it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tally {
    /// Names with a close.
    pub priced: u32,
    /// Names that closed above the close before.
    pub advancing: u32,
    /// Names that closed below it.
    pub declining: u32,
    /// Names that closed at it.
    pub unchanged: u32,
    /// Names above their average of 50 closes, and names that have 50.
    pub above_short: [u32; 2],
    /// Names above their average of 200 closes, and names that have 200.
    pub above_long: [u32; 2],
    /// Names at a 252-session high of closes, at a low, and names that have 252.
    pub highs_lows: [u32; 3],
}

/// Whether some names are at least half of all: a measure of a handful is none of the members.
pub const fn is_most(some: u32, all: u32) -> bool {
    0 < some && all <= 2 * some
}

/// The market values of one day, issuer by issuer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weights {
    /// Issuers with a close.
    pub priced: u32,
    /// Issuers with a known market value.
    pub valued: u32,
    /// The last values of issuers that have none on the day and had one shortly before, USD.
    pub missing: f64,
    /// Sum of their market values, USD.
    pub cap: f64,
    /// Sum of the squares.
    pub cap_squared: f64,
    /// The largest of them, the greatest first; zero where there are fewer.
    pub leaders: [f64; LEADERS],
}

impl Tally {
    /// No names.
    pub const NONE: Tally = Tally {
        priced: 0,
        advancing: 0,
        declining: 0,
        unchanged: 0,
        above_short: [0; 2],
        above_long: [0; 2],
        highs_lows: [0; 3],
    };

    /// Per cent of a count, or of a difference of counts; none of zero.
    pub fn percent(count: f64, of: u32) -> Option<f64> {
        (0 < of).then(|| 100.0 * count / f64::from(of))
    }

    /// Names with a close and a close before.
    pub const fn compared(&self) -> u32 {
        self.advancing + self.declining + self.unchanged
    }

    /// Adds the counts of other names.
    pub fn add(&mut self, other: &Tally) {
        self.priced += other.priced;
        self.advancing += other.advancing;
        self.declining += other.declining;
        self.unchanged += other.unchanged;
        for (own, others) in [
            (&mut self.above_short[..], &other.above_short[..]),
            (&mut self.above_long[..], &other.above_long[..]),
            (&mut self.highs_lows[..], &other.highs_lows[..]),
        ] {
            own.iter_mut().zip(others).for_each(|(own, other)| *own += other);
        }
    }
}

impl Weights {
    /// No issuers.
    pub const NONE: Weights = Weights {
        priced: 0,
        valued: 0,
        missing: 0.0,
        cap: 0.0,
        cap_squared: 0.0,
        leaders: [0.0; LEADERS],
    };

    /// Whether some of `all` issuers are enough to weigh them: at least half have a value, and those
    /// whose value of the day is missing are no part of the market that moves a weight.
    pub fn are_most(&self, all: u32) -> bool {
        is_most(self.valued, all) && self.missing <= MISSING_PART * self.cap
    }

    /// Adds other issuers.
    pub fn add(&mut self, other: &Weights) {
        self.priced += other.priced;
        self.missing += other.missing;
        self.valued += other.valued;
        self.cap += other.cap;
        self.cap_squared += other.cap_squared;
        for cap in other.leaders {
            self.lead(cap);
        }
    }

    /// Adds one issuer of a market value.
    pub fn value(&mut self, cap: f64) {
        self.valued += 1;
        self.cap += cap;
        self.cap_squared += cap * cap;
        self.lead(cap);
    }

    fn lead(&mut self, cap: f64) {
        if self.leaders[LEADERS - 1] < cap {
            let at = self.leaders.partition_point(|leader| cap <= *leader);
            self.leaders[at..].rotate_right(1);
            self.leaders[at] = cap;
        }
    }
}

/// Counts one line on its days as a member. Closes are compared in the units its last row is stored
/// in, which rows restated alike share even where nobody knows the day of the split; where no known
/// factor joins two rows, averages and highs start anew.
pub fn count_line(member: &Member, bars: &Bars<'_>, first: Day, tallies: &mut [Tally]) {
    let Some(last) = bars.len().checked_sub(1) else { return };
    let units = bars.basis(last).units_on(bars.days[last]);
    let precision = bars.precision();
    let tallies = |run: &[Day], closes: &[f64]| {
        count_run(member, (run, closes), precision, first, tallies);
    };
    match bars.closes_in_one_unit() {
        Some(closes) => runs_of(&bars.days, |i| Some(closes[i]), tallies),
        None => runs_of(&bars.days, |i| bars.close_in_units_of(i, units), tallies),
    }
}

/// Cuts days and closes at the rows that have none.
fn runs_of(
    days: &[Day],
    close: impl Fn(usize) -> Option<f64>,
    mut count: impl FnMut(&[Day], &[f64]),
) {
    let mut closes: Vec<f64> = Vec::with_capacity(days.len());
    let mut start = 0;
    for i in 0..days.len() {
        match close(i) {
            Some(close) => closes.push(close),
            None => {
                count(&days[start..i], &closes);
                closes.clear();
                start = i + 1;
            }
        }
    }
    count(&days[start..], &closes);
}

/// Counts a run of closes in one unit; a relative difference within `precision` is none.
fn count_run(
    member: &Member,
    (days, closes): (&[Day], &[f64]),
    precision: f64,
    first: Day,
    tallies: &mut [Tally],
) {
    let mut averages = [Average::of(SHORT_AVERAGE), Average::of(LONG_AVERAGE)];
    let (mut highs, mut lows) = (Extreme::new(), Extreme::new());
    let always = member.intervals[..] == [(Day::MIN, Day::MAX)];
    for (i, (day, close)) in days.iter().zip(closes).enumerate() {
        let above = averages.each_mut().map(|average| average.push(&closes[..=i]));
        let high = highs.push(closes, i, |held, new| held <= new);
        let low = lows.push(closes, i, |held, new| new <= held);
        if !(always || member.on(*day)) {
            continue;
        }
        let tally = &mut tallies[(day.epoch() - first.epoch()) as usize];
        tally.priced += 1;
        if let Some(before) = i.checked_sub(1).map(|before| closes[before]) {
            let up = before * (1.0 + precision) < *close;
            let down = *close < before * (1.0 - precision);
            tally.advancing += u32::from(up);
            tally.declining += u32::from(down);
            tally.unchanged += u32::from(!up && !down);
        }
        for (count, above) in [&mut tally.above_short, &mut tally.above_long].into_iter().zip(above)
        {
            if let Some(above) = above {
                count[0] += u32::from(above);
                count[1] += 1;
            }
        }
        if YEAR <= i + 1 {
            tally.highs_lows[0] += u32::from(high.is_some_and(|h| h * (1.0 + precision) < *close));
            tally.highs_lows[1] += u32::from(low.is_some_and(|l| *close < l * (1.0 - precision)));
            tally.highs_lows[2] += 1;
        }
    }
}

/// A running average of the last so many closes.
#[derive(Clone, Copy)]
struct Average {
    window: usize,
    sum: f64,
}

impl Average {
    const fn of(window: usize) -> Average {
        Average { window, sum: 0.0 }
    }

    /// Takes the last close in; whether it is above the average, once there are enough closes.
    fn push(&mut self, closes: &[f64]) -> Option<bool> {
        let last = closes.last()?;
        self.sum += last;
        if let Some(out) = closes.len().checked_sub(self.window + 1) {
            self.sum -= closes[out];
        }
        let average = self.sum / self.window as f64;
        (self.window <= closes.len()).then_some(average * (1.0 + DRIFT) < *last)
    }
}

/// The most extreme of the 251 closes before, found again only when it leaves the window.
struct Extreme {
    at: Option<usize>,
}

impl Extreme {
    const fn new() -> Extreme {
        Extreme { at: None }
    }

    /// The most extreme of the closes before row `i` in the window that ends with it; takes the row
    /// in. `beats(held, new)` says whether the new one is at least as extreme.
    fn push(&mut self, closes: &[f64], i: usize, beats: impl Fn(f64, f64) -> bool) -> Option<f64> {
        let start = (i + 1).saturating_sub(YEAR);
        if self.at.is_some_and(|at| at < start) {
            self.at =
                (start..i).reduce(
                    |best, other| {
                        if beats(closes[best], closes[other]) { other } else { best }
                    },
                );
        }
        let before = self.at.map(|at| closes[at]);
        if before.is_none_or(|held| beats(held, closes[i])) {
            self.at = Some(i);
        }
        before
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use marketdata::fixture::day;

    fn counted(closes: &[f64]) -> Vec<Tally> {
        let first = day("2021-01-04");
        let days: Vec<Day> = (0..closes.len()).map(|i| first.plus(i as i32)).collect();
        let member = Member {
            instrument: marketdata::instrument::InstrumentId(1),
            intervals: vec![(Day::MIN, Day::MAX)],
            is_company: true,
        };
        let mut tallies = vec![Tally::NONE; closes.len()];
        count_run(&member, (&days, closes), stats::change::ROUNDING, first, &mut tallies);
        tallies
    }

    #[test]
    fn a_yearly_high_is_above_the_251_closes_before() {
        // A peak of 9 on the second row leaves the window of 252 on row 253.
        let mut closes = vec![5.0; 256];
        closes[1] = 9.0;
        closes[251] = 8.0;
        closes[252] = 8.5;
        closes[253] = 8.6;
        closes[254] = 4.0;
        let found: Vec<[u32; 3]> = counted(&closes).iter().map(|t| t.highs_lows).collect();
        assert_eq!(found[250], [0, 0, 0], "251 closes are no year");
        assert_eq!(found[251], [0, 0, 1], "9 is still in the window");
        assert_eq!(found[252], [0, 0, 1], "and so it is here: rows 1 to 252");
        assert_eq!(found[253], [1, 0, 1]);
        assert_eq!(found[254], [0, 1, 1]);
        assert_eq!(found[255], [0, 0, 1]);
    }

    #[test]
    fn an_average_includes_today_and_a_flat_line_is_not_above_it() {
        let mut closes = vec![100.1; 60];
        closes[55] = 100.2;
        let above: Vec<[u32; 2]> = counted(&closes).iter().map(|t| t.above_short).collect();
        assert_eq!((above[48], above[49]), ([0, 0], [0, 1]));
        assert_eq!((above[54], above[55], above[56]), ([0, 1], [1, 1], [0, 1]));
    }

    #[test]
    fn a_split_whose_day_nobody_knows_leaves_closes_of_one_file_comparable() {
        use marketdata::{
            dataset::{Dataset, Field},
            fixture::Fixture,
            instant::Instant,
            instrument::{InstrumentId, Namespace},
        };
        // As AMZN in the real files: restated in 2024 for a split between 2021-01-29 and then.
        let mut fixture = Fixture::new();
        let instrument = fixture.id(Namespace::Listed, "AMZN");
        let key = (instrument, InstrumentId::NONE);
        let (from, to) = (day("2021-01-29"), day("2024-03-08"));
        let closes = [(day("2021-01-28"), 161.0), (from, 160.0), (day("2021-02-01"), 167.0)];
        for (on, close) in closes {
            let restated = (Field::BasisOn, f64::from(to.epoch()));
            let bar = [(Field::Close, close), (Field::PriceBasis, 1.0), restated];
            fixture.fact(Dataset::Bars, key, on, Instant::close_of(on), &bar);
        }
        let split = [
            (Field::FromOn, f64::from(from.epoch())),
            (Field::PriceFactor, 20.0),
            (Field::ShareFactor, 20.0),
        ];
        fixture.fact(Dataset::Splits, key, to, Instant::close_of(to), &split).commit();
        let snapshot = fixture.snapshot(Instant::close_of(day("2021-02-01")));
        let intervals = vec![(Day::MIN, Day::MAX)];
        let member = Member { instrument, intervals, is_company: true };
        let mut tallies = vec![Tally::NONE; 5];
        let bars = Bars::of(&snapshot, instrument);
        count_line(&member, &bars, day("2021-01-28"), &mut tallies);
        let found = tallies.iter().map(|t| [t.priced, t.advancing, t.declining]);
        assert!(found.eq([[1, 0, 0], [1, 0, 1], [0; 3], [0; 3], [1, 1, 0]]), "{tallies:?}");
    }

    #[test]
    fn leaders_are_the_seven_largest() {
        let mut weights = Weights::NONE;
        for cap in [3.0, 9.0, 1.0, 4.0, 4.0, 8.0, 2.0, 7.0, 5.0] {
            weights.value(cap);
        }
        assert_eq!(weights.leaders.map(|cap| cap as i32), [9, 8, 7, 5, 4, 4, 3]);
        let mut other = Weights::NONE;
        other.value(6.0);
        weights.add(&other);
        assert_eq!(weights.leaders.map(|cap| cap as i32), [9, 8, 7, 6, 5, 4, 4]);
        assert_eq!(weights.valued, 10);
    }
}
