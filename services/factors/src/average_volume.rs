//! What a line trades a day on average: shares, and USD.
//!
//! The mean over the last 21 sessions with a close up to a row, a month of trading (methodology D1:
//! days to cover, own exit days; A8: the most-shorted basket). Sessions without a volume are left out
//! of the mean; with fewer than 15 that have one there is no average. Shares are in the units of one
//! day: where no known factor brings the volume of some session to them there is no average, rather
//! than that of the other sessions. USD are close times volume of each session, on any units.

use marketdata::{
    bars::Bars, day::Day, gap::GapReason, instrument::InstrumentId, snapshot::Snapshot,
};
use std::ops::Range;

/// Sessions of the average.
pub const SESSIONS: usize = 21;
/// Sessions with a volume that the average needs.
pub const LEAST_SESSIONS: usize = 15;

/// An average, or why there is none.
pub type Average = Result<f64, GapReason>;

/// The latest rows up to one, at most `count`.
pub fn rows_up_to(row: usize, count: usize) -> Range<usize> {
    (row + 1).saturating_sub(count)..row + 1
}

/// Average USD traded a day over the sessions up to a row.
///
/// # Errors
/// No session has a volume, or too few have.
pub fn usd_up_to(bars: &Bars<'_>, row: usize) -> Average {
    mean(rows_up_to(row, SESSIONS), LEAST_SESSIONS, |row| bars.value_traded(row)).1
}

/// Average USD traded a day over the last sessions of a line. `sessions` are those of the market;
/// volumes of other days are no part of it.
///
/// # Errors
/// It has no volume, or on too few sessions.
pub fn usd_on(snapshot: &Snapshot, instrument: InstrumentId, sessions: &[Day]) -> Average {
    let (bars, _) = Bars::on_sessions(snapshot, instrument, sessions);
    usd_up_to(&bars, bars.len().checked_sub(1).ok_or(GapReason::NoVolume)?)
}

/// Average shares traded a day over the sessions up to a row, in the units of a day, and how many of
/// the sessions have a volume.
pub fn shares_up_to(bars: &Bars<'_>, row: usize, units_on: Day) -> (u32, Average) {
    shares_over(bars, rows_up_to(row, SESSIONS), LEAST_SESSIONS, units_on)
}

/// Median of the shares traded a day over some rows, of which at least `least` must have a volume, in
/// the units of a day. A burst of volume in fewer than half of the rows hardly moves it.
pub fn median_shares_over(
    bars: &Bars<'_>,
    rows: Range<usize>,
    least: usize,
    units_on: Day,
) -> Average {
    shares_over(bars, rows.clone(), least, units_on).1?;
    let volumes: Vec<f64> = rows.filter_map(|row| bars.volume_in_units_of(row, units_on)).collect();
    stats::rank::median(&volumes).ok_or(GapReason::NoVolume)
}

/// Average shares traded a day over some rows, of which at least `least` must have a volume, and how
/// many have one.
pub fn shares_over(
    bars: &Bars<'_>,
    rows: Range<usize>,
    least: usize,
    units_on: Day,
) -> (u32, Average) {
    let (stored, _) = mean(rows.clone(), least, |row| bars.value_traded(row));
    let (count, average) = mean(rows, least, |row| bars.volume_in_units_of(row, units_on));
    (count, if count < stored { Err(GapReason::BasisUnknown) } else { average })
}

/// Mean of what is there in some rows, and in how many it is.
fn mean(rows: Range<usize>, least: usize, value: impl Fn(usize) -> Option<f64>) -> (u32, Average) {
    let (mut sum, mut count) = (0.0, 0_u32);
    for value in rows.filter_map(value) {
        sum += value;
        count += 1;
    }
    let mean = match count {
        0 => Err(GapReason::NoVolume),
        few if (few as usize) < least => Err(GapReason::ShortHistory),
        enough => Ok(sum / f64::from(enough)),
    };
    (count, mean)
}

#[cfg(test)]
mod tests {
    use super::*;
    use marketdata::{
        dataset::{Dataset, Field},
        fixture::{Fixture, day},
        instant::Instant,
        instrument::{InstrumentId, Namespace},
    };

    /// Average USD and shares, and the sessions with a volume, of closes of 10 with these volumes.
    fn averages(volumes: &[f64]) -> (Average, u32, Average) {
        let mut fixture = Fixture::new();
        let start = day("2021-01-04");
        let key = (fixture.id(Namespace::Listed, "A"), InstrumentId::NONE);
        for (offset, volume) in (0..).zip(volumes) {
            let on = start.plus(offset);
            let values = [(Field::Close, 10.0), (Field::Volume, *volume)];
            fixture.fact(Dataset::Bars, key, on, Instant::close_of(on), &values);
        }
        fixture.commit();
        let snapshot = fixture.snapshot(Instant::close_of(day("2021-03-01")));
        let bars = Bars::of(&snapshot, snapshot.listed("A").unwrap());
        let last = bars.len() - 1;
        let (sessions, shares) = shares_up_to(&bars, last, bars.days[last]);
        (usd_up_to(&bars, last), sessions, shares)
    }

    #[test]
    fn fifteen_of_twenty_one_sessions_make_an_average() {
        // Nine sessions before the window; 21 in it, of which the last 6 have no volume.
        let volumes = |without: usize| {
            let count = |row| if 30 - without <= row { f64::NAN } else { row as f64 * 100.0 };
            (0..30).map(count).collect::<Vec<f64>>()
        };
        // Volumes of 900 to 2,300: mean 1,600.
        assert_eq!(averages(&volumes(6)), (Ok(16_000.0), 15, Ok(1_600.0)));
        let few = Err(GapReason::ShortHistory);
        assert_eq!(averages(&volumes(7)), (few, 14, few));
        assert_eq!(averages(&[5.0; 14]), (few, 14, few));
        assert_eq!(averages(&[5.0; 15]), (Ok(50.0), 15, Ok(5.0)));
        let none = Err(GapReason::NoVolume);
        assert_eq!(averages(&[f64::NAN; 30]), (none, 0, none));
    }
}
