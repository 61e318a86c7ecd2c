//! "Largest since" records: when a value was last this extreme, and its rank (methodology A2).

use marketdata::day::Day;
use stats::change;

/// Kind of values in a history, which determines what "extreme" means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordKind {
    /// Changes: gains rank among gains, losses among losses, by size.
    Change,
    /// Levels: all values rank together, from the highest down or from the lowest up.
    Level,
}

/// Direction in which a value is extreme.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Direction {
    /// A gain among gains; a high level.
    Up,
    /// A loss among losses, the worst first; a low level.
    Down,
}

/// How extreme a value is within its history.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Record {
    /// Direction in which it is extreme.
    pub direction: Direction,
    /// The last earlier day with a value at least as extreme. `None` if there is none.
    pub since: Option<Day>,
    /// First day of the history.
    pub start: Day,
    /// 1 + the number of more extreme values in its direction, up to its day.
    pub rank: usize,
    /// Number of values in its direction up to its day, itself included.
    pub in_direction: usize,
    /// Number of values up to its day, itself included.
    pub observations: usize,
    /// Share of the values in its direction that are not more extreme, itself included: 1 for a
    /// record.
    pub rank_share: f64,
}

impl Direction {
    /// How extreme a value is in this direction. `None` if it does not count in this direction.
    pub fn extremity(self, kind: RecordKind, value: f64) -> Option<f64> {
        match (kind, self) {
            (RecordKind::Level, Direction::Up) => Some(value),
            (RecordKind::Level, Direction::Down) => Some(-value),
            (RecordKind::Change, Direction::Up) => (0.0 < value).then_some(value),
            (RecordKind::Change, Direction::Down) => (value < 0.0).then_some(-value),
        }
    }
}

impl Record {
    /// Ranks the last of some values in one direction. `None` if there are no values or the last
    /// does not count in that direction (a change of zero, or a loss when gains are asked for).
    pub fn of_last(
        days: &[Day],
        values: &[f64],
        kind: RecordKind,
        direction: Direction,
    ) -> Option<Record> {
        let (last, earlier) = values.split_last()?;
        let own = direction.extremity(kind, *last)?;
        let mut record = Record {
            direction,
            since: None,
            start: *days.first()?,
            rank: 1,
            in_direction: 1,
            observations: values.len(),
            rank_share: 1.0,
        };
        for (day, value) in days.iter().zip(earlier) {
            let Some(other) = direction.extremity(kind, *value) else { continue };
            record.in_direction += 1;
            // An equal value ends the search but does not rank above. Values that differ by no more
            // than rounding are equal.
            let more = change::difference(own, other);
            if 0.0 <= more {
                record.since = Some(*day);
            }
            record.rank += usize::from(0.0 < more);
        }
        let not_above = record.in_direction + 1 - record.rank;
        record.rank_share = not_above as f64 / record.in_direction as f64;
        Some(record)
    }

    /// Ranks the last of some values in the direction in which it is more extreme: its sign for a
    /// change, the better of its two ranks for a level (up if they are equal).
    pub fn of_last_either_way(days: &[Day], values: &[f64], kind: RecordKind) -> Option<Record> {
        let up = Record::of_last(days, values, kind, Direction::Up);
        let down = Record::of_last(days, values, kind, Direction::Down);
        match (up, down) {
            (Some(up), Some(down)) if down.rank < up.rank => Some(down),
            (Some(up), _) => Some(up),
            (None, down) => down,
        }
    }

    /// Describes the record: `largest gain since 2008-10-10`, `lowest since the series starts on
    /// …`.
    pub fn in_words(&self, kind: RecordKind) -> String {
        let what = match (kind, self.direction) {
            (RecordKind::Change, Direction::Up) => "largest gain",
            (RecordKind::Change, Direction::Down) => "largest fall",
            (RecordKind::Level, Direction::Up) => "highest",
            (RecordKind::Level, Direction::Down) => "lowest",
        };
        match self.since {
            Some(day) => format!("{what} since {day}"),
            None => format!("{what} since the series starts on {}", self.start),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use marketdata::fixture::day;
    use proptest::prelude::*;

    fn days(count: usize) -> Vec<Day> {
        (0..count).map(|i| day("2021-01-04").plus(i as i32)).collect()
    }

    fn of(values: &[f64], kind: RecordKind) -> Record {
        Record::of_last_either_way(&days(values.len()), values, kind).unwrap()
    }

    #[test]
    fn gains_rank_among_gains_and_falls_among_falls() {
        // By hand: the last gain, 2, is exceeded by 3 on the second day; falls do not count.
        let record = of(&[1.0, 3.0, -9.0, 1.5, 2.0], RecordKind::Change);
        assert_eq!(record.since, Some(days(2)[1]));
        assert_eq!((record.rank, record.in_direction, record.observations), (2, 4, 5));
        assert!((record.rank_share - 0.75).abs() < 1e-12);
        let fall = of(&[1.0, -3.0, -1.0, 9.0, -2.0], RecordKind::Change);
        assert_eq!((fall.direction, fall.rank, fall.in_direction), (Direction::Down, 2, 3));
        assert_eq!(fall.since, Some(days(2)[1]));
        assert_eq!(fall.in_words(RecordKind::Change), "largest fall since 2021-01-05");
    }

    #[test]
    fn an_equal_earlier_value_ends_the_search_and_shares_the_rank() {
        let record = of(&[2.0, 1.0, 2.0], RecordKind::Change);
        assert_eq!((record.since, record.rank), (Some(days(1)[0]), 1));
        let record = of(&[1.0, 2.0], RecordKind::Change);
        assert_eq!((record.since, record.rank), (None, 1));
        assert_eq!(
            record.in_words(RecordKind::Change),
            "largest gain since the series starts on 2021-01-04"
        );
    }

    #[test]
    fn a_difference_of_rounding_is_a_tie() {
        // 0.1 + 0.2 is above 0.3 by 6e-17.
        let record = of(&[0.1 + 0.2, 0.2, 0.3], RecordKind::Change);
        assert_eq!((record.since, record.rank), (Some(days(1)[0]), 1));
    }

    #[test]
    fn levels_are_high_or_low_and_no_move_is_no_record() {
        let low = of(&[5.0, 2.0, 4.0, 3.0], RecordKind::Level);
        assert_eq!((low.direction, low.rank, low.in_direction), (Direction::Down, 2, 4));
        assert_eq!(low.in_words(RecordKind::Level), "lowest since 2021-01-05");
        assert_eq!(of(&[1.0, 7.0], RecordKind::Level).direction, Direction::Up);
        assert_eq!(Record::of_last_either_way(&days(2), &[1.0, 0.0], RecordKind::Change), None);
        assert_eq!(Record::of_last_either_way(&[], &[], RecordKind::Level), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn scaling_changes_no_record(values in prop::collection::vec(-9..9i32, 1..40), by in 0.5..4.0f64) {
            let plain: Vec<f64> = values.iter().map(|v| f64::from(*v)).collect();
            // Powers of two scale without rounding, so that ties stay ties.
            let factor = if by < 2.0 { 0.5 } else { 4.0 };
            let scaled: Vec<f64> = plain.iter().map(|v| v * factor).collect();
            let days = days(values.len());
            for kind in [RecordKind::Change, RecordKind::Level] {
                prop_assert_eq!(
                    Record::of_last_either_way(&days, &plain, kind),
                    Record::of_last_either_way(&days, &scaled, kind)
                );
            }
        }

        #[test]
        fn since_is_none_exactly_if_no_earlier_value_is_as_extreme(
            values in prop::collection::vec(-9..9i32, 1..40),
        ) {
            let plain: Vec<f64> = values.iter().map(|v| f64::from(*v)).collect();
            let record = Record::of_last(&days(values.len()), &plain, RecordKind::Level, Direction::Up);
            let record = record.unwrap();
            let last = values[values.len() - 1];
            let earlier = &values[..values.len() - 1];
            prop_assert_eq!(record.since.is_none(), earlier.iter().all(|v| *v < last));
            prop_assert_eq!(record.rank, 1 + earlier.iter().filter(|v| last < **v).count());
        }
    }
}
